//! Errors that the stack file describes.

use std::time::SystemTime;

use super::super::{OwnErrors, read_excerpt};
use crate::{diagnose::evidence::log::OF_TEAM, env::Env, stack::ServiceName, stack_file};

fn own(known: &str) -> OwnErrors {
    let text = format!("[service.api]\ncommand = \"api\"\nport = 8001\n{known}");
    let stack = stack_file::parse("/p/pilotlight.toml".as_ref(), text.as_bytes(), &Env::new());
    let stack = stack.expect("a stack");
    let name = ServiceName::new("api");
    OwnErrors::of(stack.service(&name).expect("a service"), &stack)
}

#[test]
fn known_errors_of_the_stack_file_come_first() {
    let own = own(r#"
[[service.api.known]]
says = 'license (?<name>\w+) expired'
title = "the license {name} has expired, {braces} stay"
do = "renew {name}"
command = "renew --port {port}"

[[service.api.known]]
says = "frobnicated"
do = "wait"
"#);
    let log = "license Gold expired\nKeyError: 'X'\nModuleNotFoundError: No module named 'jose'\n";
    let log = read_excerpt(log, &own, SystemTime::UNIX_EPOCH);
    let error = log.last_error.expect("an error");
    let advice = error.advice.expect("advice");
    assert_eq!((error.line.number, advice.id), (1, OF_TEAM));
    assert_eq!(
        advice.title.as_deref(),
        Some("the license Gold has expired, {braces} stay")
    );
    assert_eq!(advice.remedy, "renew Gold");
    assert_eq!(
        advice.command.expect("a command"),
        ["renew", "--port", "8001"]
    );
    assert_eq!(log.earlier.len(), 2, "{:?}", log.earlier);
}

#[test]
fn without_a_title_the_line_itself_is_the_cause() {
    let own = own("[[service.api.known]]\nsays = \"frobnicated\"\ndo = \"wait\"\n");
    let log = read_excerpt("it was frobnicated", &own, SystemTime::UNIX_EPOCH);
    let error = log.last_error.expect("an error");
    assert_eq!(error.line.text, "it was frobnicated");
    assert_eq!(error.advice.expect("advice").title, None);
}
