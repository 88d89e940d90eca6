//! Known errors: built-in ones and those of the stack file.

use crate::stage::{Stage, tell};

const LICENSE: &str = r#"
[service.app]
command = "sh -c 'test -e ready && echo up && exec sleep 1000; echo license Gold has expired; exit 1'"
ready = { log = "^up$" }
restart = "never"

[[service.app.known]]
says = 'license (?<name>\w+) has expired'
title = "the license {name} of the app has expired"
do = "renew it"
command = "touch ready"
"#;

#[test]
fn known_errors_can_be_searched_by_words() {
    let stage = Stage::new(LICENSE);
    let (out, _) = stage.expect(&["knowledge", "postgres", "DATABASE", "does not exist"], 0);
    assert!(out.contains("postgres-database-missing"), "{out}");
    assert!(!out.contains("django-csrf"), "{out}");
    let (out, _) = stage.expect(&["knowledge"], 0);
    assert!(
        out.contains("django-csrf") && out.contains("common"),
        "{out}"
    );
    let (out, _) = stage.expect(&["knowledge", "no-error-has-this"], 0);
    assert_eq!(out, "No known error has these words.\n");
}

#[test]
fn an_excerpt_is_matched_with_known_errors() {
    let stage = Stage::new(LICENSE);
    stage.write(
        "app.log",
        "starting\nFATAL:  database \"shop\" does not exist\nlicense Gold has expired\nValueError: seven\n",
    );
    let (out, _) = stage.expect(&["knowledge", "test", "app.log"], 0);
    assert!(out.contains("line 2: FATAL:"), "{out}");
    assert!(out.contains("postgres-database-missing  postgres"), "{out}");
    assert!(
        out.contains("the license Gold of the app has expired"),
        "{out}"
    );
    assert!(
        out.contains("line 4: ValueError: seven\n  not known"),
        "{out}"
    );

    let read = |text: &str| tell(stage.command(&["knowledge", "test", "-"]), text);
    let known = read("sh: 1: vite: not found\n");
    assert_eq!(known.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&known.stdout).contains("shell-program-missing"));
    let unknown = read("all is fine\n");
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&unknown.stdout),
        "No known error.\n"
    );
    let (_, err) = stage.expect(&["knowledge", "test", "none.log"], 1);
    assert!(err.contains("read the excerpt"), "{err}");
}

#[test]
fn a_known_error_of_the_stack_file_becomes_the_finding_with_its_command() {
    let stage = Stage::new(LICENSE);
    stage.expect(&["up", "-d"], 1);
    let findings = stage.json(&["doctor", "--json"], 1);
    let finding = &findings["findings"][0];
    assert_eq!(finding["title"], "the license Gold of the app has expired");
    assert_eq!(finding["remedy"]["text"], "renew it");
    assert_eq!(finding["remedy"]["action"]["kind"], "run");
    assert_eq!(finding["remedy"]["action"]["command"][0], "touch");
    let (_, err) = stage.expect(&["doctor", "--fix", "--yes"], 0);
    assert!(err.contains("Run `touch ready`"), "{err}");
    assert_eq!(stage.service("app")["phase"], "ready");
    stage.expect(&["down"], 0);
}
