//! Commands on Windows: shims of npm and pip, file name extensions, names of variables.

use std::fs;

use super::stage::{Stage, steps, until};

/// Arguments that a shim must pass on unchanged, although `cmd.exe` would interpret them as commands,
/// variables or other arguments (CVE-2024-24576). None contains `%`, whose escaping Wine's `cmd.exe` does not
/// understand.
const HOSTILE: [&str; 13] = [
    "plain",
    "two words",
    "a & echo gotcha",
    "a&calc.exe&",
    "a|more",
    "a>out.txt",
    "a<in.txt",
    "^caret^",
    "(parentheses)",
    "!delayed!",
    "comma,semicolon;equals=",
    r"C:\folder\",
    "ünï ☀",
];

/// A shim as npm creates it: a batch file that passes all of its arguments to a program.
fn shim() -> String {
    let program = pilotlight_test_service::path().display();
    format!("@ECHO off\r\nSETLOCAL\r\n\"{program}\" %*\r\n")
}

#[test]
fn a_shim_is_found_by_its_name_and_passes_its_arguments_on() {
    let words = HOSTILE
        .map(|word| format!("'--print', '{word}'"))
        .join(", ");
    let stage = Stage::new(&format!(
        "[service.tool]\ncommand = ['runner', {words}, '--print', 'that was all']\n\
         env = {{ PATH = '${{PATH}};{{{{here}}}}' }}\nready = {{ log = \"that was all\" }}\n\
         stop = {{ timeout = \"300ms\" }}\n"
    ));
    // The folder of the shim comes first on PATH, and also contains a script for another system.
    let folder = stage.path("tools and more");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("runner"), "#!/bin/sh\n").unwrap();
    fs::write(folder.join("runner.cmd"), shim()).unwrap();
    let text = fs::read_to_string(stage.path("pilotlight.toml")).unwrap();
    let here = folder.display().to_string();
    stage.write("pilotlight.toml", &text.replace("{{here}}", &here));

    stage.expect(&["up", "--detach"], 0);
    let (log, _) = stage.expect(&["logs", "tool"], 0);
    for word in HOSTILE {
        let printed = log.lines().any(|line| line.ends_with(word));
        assert!(printed, "{word:?} is not in:\n{log}");
    }
    assert!(
        !log.lines()
            .any(|line| line.ends_with("gotcha") && !line.contains('&'))
    );
    assert!(!stage.path("out.txt").exists());
    stage.expect(&["down"], 0);
    assert_eq!(stage.processes(), [0; 0]);
}

#[test]
fn arguments_that_are_unsafe_for_batch_files_are_rejected() {
    let stage = Stage::new("[service.tool]\ncommand = ['./run', \"a\\r\\necho gotcha\"]\n");
    stage.write("run.bat", "@echo %*\r\n");
    let (_, told) = stage.expect(&["up", "--detach"], 1);
    assert!(told.contains("run.bat"), "{told}");
    let _ = stage.expect(&["down"], 0);
}

#[test]
fn a_program_is_suggested_by_its_name_without_the_extension() {
    let stage = Stage::new("[service.tool]\ncommand = 'pilotligth-tool'\nenv = { Path = '.' }\n");
    fs::copy(
        pilotlight_test_service::path(),
        stage.path("pilotlight-tool.exe"),
    )
    .unwrap();
    let (_, told) = stage.expect(&["up", "--detach"], 1);
    assert!(told.contains("pilotlight-tool"), "{told}");
    assert!(!told.contains("pilotlight-tool.exe"), "{told}");
    stage.expect(&["down"], 0);
}

/// Whether the caller has `Path` or `PATH`, it is one variable.
#[test]
fn names_of_variables_ignore_case() {
    let stage = Stage::new(&format!(
        "[service.tool]\n{}\nenv_file = 'more.env'\nenv = {{ PATH = 'C:\\only this' }}\n\
         ready = {{ log = \"done\" }}\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--env Path --env SPOKEN --env other --print done")
    ));
    stage.write("more.env", "SPOKEN=${path}\nOTHER=1\nother=2\n");
    stage.expect(&["up", "--detach"], 0);
    let (log, _) = stage.expect(&["logs", "tool"], 0);
    assert!(log.contains(r"Path=C:\only this"), "{log}");
    let spoken = log.lines().find(|line| line.contains("SPOKEN=")).unwrap();
    assert!(spoken.to_lowercase().contains("windows"), "{log}");
    assert!(log.contains("other=2"), "{log}");
    stage.expect(&["down"], 0);
}

#[test]
fn a_shell_line_is_run_by_the_shell_of_windows() {
    let stage = Stage::new(
        "[service.tool]\ncommand = 'echo one& echo \"two words\"& set /a 1+2 & ping -n 600 127.0.0.1 >NUL'\n\
         shell = true\nready = { log = \"two\" }\nstop = { timeout = \"300ms\" }\n",
    );
    stage.expect(&["up", "--detach"], 0);
    let mut log = String::new();
    until("its output", || {
        log = stage.expect(&["logs", "tool"], 0).0;
        log.contains("\"two words\"")
    });
    assert!(log.contains("one"), "{log}");
    stage.expect(&["down"], 0);
    assert_eq!(stage.processes(), [0; 0]);
}
