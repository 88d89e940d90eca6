//! Parses the output of shells, and starts shells written for these tests.

use super::*;

#[cfg(unix)]
mod unix;

fn base(pairs: &[(&str, &str)]) -> Env {
    pairs.iter().copied().collect()
}

fn printed(variables: &str) -> String {
    format!("welcome\n{MARKER}{variables}{MARKER}bye\n")
}

#[test]
fn only_text_between_the_markers_is_read() {
    let text = printed("PATH=/a:/b\0TEXT=one\ntwo=three\0");
    let expected = base(&[("PATH", "/a:/b"), ("TEXT", "one\ntwo=three")]);
    assert_eq!(read(&text, &Env::new()), Some(expected));
}

#[test]
fn an_echoed_command_line_is_no_marker() {
    let text = format!("+ printf {MARKER}\n{}", printed("PATH=/a\0"));
    assert_eq!(read(&text, &Env::new()), Some(base(&[("PATH", "/a")])));
}

#[test]
fn an_incomplete_answer_is_ignored() {
    for text in [
        "",
        "csh: unknown option",
        &format!("{MARKER}PATH=/a\0"),
        &printed(""),
        &printed("HOME=/a\0"),
    ] {
        assert_eq!(read(text, &Env::new()), None, "{text}");
    }
}

#[test]
fn variables_of_the_shell_stay_unchanged() {
    let own = base(&[("PATH", "/bin"), ("SHLVL", "1"), ("PWD", "/own")]);
    let text = printed("PATH=/a\0SHLVL=2\0PWD=/\0_=/usr/bin/env\0PILOTLIGHT_SERVICE=helper\0");
    let expected = base(&[("PATH", "/a"), ("SHLVL", "1"), ("PWD", "/own")]);
    assert_eq!(read(&text, &own), Some(expected));
}

#[test]
fn invalid_text_is_replaced_by_the_value_of_this_process() {
    let own = base(&[("NAME", "own")]);
    let text = printed("PATH=/a\0NAME=\u{fffd}\0");
    let expected = base(&[("PATH", "/a"), ("NAME", "own")]);
    assert_eq!(read(&text, &own), Some(expected));
}
