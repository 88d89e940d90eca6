//! Untrusted services, paths and stack files must not reveal secrets, control the terminal, or run without
//! consent.

use std::{fs, path::PathBuf};

use pilotlight_test_service::free_port;

use crate::{
    script::Terminal,
    stage::{Stage, until},
};

fn on_a_terminal(stage: &Stage, words: &[&str]) -> Terminal {
    Terminal::start(&stage.command(words), stage.folder.path())
}

/// A service that writes control sequences: OSC 52, a title, a cursor movement, a query, C1, SO, BEL.
const ESCAPES: &str = r#"
    [service.evil]
    command = ["sh", "-c", "printf '\\033[31mred\\033[0m \\033]52;c;eA==\\007 \\033]0;t\\007 \\033[9A \\033[6n \\302\\2332J \\016\\n'; exec sleep 1000"]
"#;
const VISIBLE: &str = "^[]52;c;eA==^G ^[]0;t^G ^[[9A ^[[6n <U+009B>2J ^N";

#[test]
fn only_colours_of_the_output_of_services_reach_the_terminal() {
    let stage = Stage::new(ESCAPES);
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("^[]52;c;eA==^G");
    let until_logged = || stage.run(&["logs"]).stdout.ends_with(b"\n");
    until("the line is logged", until_logged);
    let (_, drawn) = on_a_terminal_beside(&stage, &["logs"]).end();
    assert!(drawn.contains("\u{1b}[31mred\u{1b}[0m"), "{drawn:?}");
    assert!(drawn.contains(VISIBLE), "{drawn:?}");
    let (piped, _) = stage.expect(&["logs"], 0);
    assert_eq!(piped, format!("red {VISIBLE}\n"));
    let (json, _) = stage.expect(&["logs", "--json"], 0);
    let controls = |text: &str| text.trim_end().chars().any(char::is_control);
    assert!(!controls(&json), "{json:?}");
    terminal.press("\u{3}");
    let (_, drawn) = terminal.end();
    for sequence in [
        "\u{1b}]",
        "\u{1b}[9A",
        "\u{1b}[6n",
        "\u{9b}",
        "\u{e}",
        "\u{7}",
    ] {
        assert!(!drawn.contains(sequence), "{sequence:?} in {drawn:?}");
    }
}

/// Runs a command on a second terminal.
fn on_a_terminal_beside(stage: &Stage, words: &[&str]) -> Terminal {
    let folder = stage.folder.path().join("beside");
    fs::create_dir_all(&folder).unwrap();
    Terminal::start(&stage.command(words), &folder)
}

#[test]
fn paths_names_and_arguments_in_messages_cannot_move_the_cursor() {
    let stage = Stage::new("[service.a]\ncommand = \"true\"\n");
    let folder = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    fs::create_dir(stage.folder.path().join(folder)).unwrap();
    let file = format!("{folder}/pilotlight.toml");
    for (text, words, code) in [
        (None, &["-F", file.as_str(), "check"][..], 2),
        (
            Some("[service.x]\ncomand = \"\u{1b}]0;x\"\n"),
            &["-F", &file, "check"],
            2,
        ),
        (
            Some("name = \"n\"\n[service.x]\ncommand = \"true\"\n"),
            &["-F", &file, "check"],
            0,
        ),
        (None, &["-F", &file, "status"], 0),
        (None, &["-F", &file, "status", "--json"], 0),
        (None, &["-F", &file, "logs", "\u{1b}]0;x\u{7}"], 2),
        (None, &["\u{1b}]0;x\u{7}"], 2),
    ] {
        if let Some(text) = text {
            stage.write(&file, text);
        }
        let (out, err) = stage.expect(words, code);
        for written in [out, err] {
            let moves = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!written.contains(moves), "{words:?}: {written:?}");
        }
    }
}

#[test]
fn a_secret_is_shown_neither_by_up_nor_by_restart_nor_by_a_watch() {
    let port = free_port();
    let stage = Stage::new(&format!(
        r#"
        [service.dies]
        command = ["sh", "-c", "echo 'Error: DB_PASS: hunter2 https://hunter2@h'; exit 3"]
        restart = "never"
        ready = {{ log = "never" }}
        [service.waits]
        command = ["sleep", "1000"]
        ready = {{ http = "http://127.0.0.1:{port}/?token=hunter2" }}
        start_timeout = "300ms"
        "#
    ));
    let mut all = Vec::new();
    for (words, code) in [
        (&["up", "-d", "dies"][..], 1),
        // Only this service, so that the command waits for the timeout rather than for the failure of the other service.
        (&["up", "-d", "waits"], 1),
        (&["status"], 0),
        (&["status", "--json"], 0),
        (&["restart"], 1),
        (&["doctor", "--json"], 1),
    ] {
        let (out, err) = stage.expect(words, code);
        assert!(
            !out.contains("hunter2") && !err.contains("hunter2"),
            "{words:?}: {out}\n{err}"
        );
        all.push(out + &err);
    }
    let all = all.join("\n");
    assert!(all.contains("DB_PASS: ***"), "{all}");
    assert!(all.contains("token=***"), "{all}");
    stage.expect(&["down"], 0);
}

/// A stack whose diagnosis would run two commands.
fn curious() -> Stage {
    Stage::new(
        r#"
        [service.a]
        command = ["sleep", "1000"]
        require = { commands = ["touch required"] }
        ready = { command = "touch ready" }
        "#,
    )
}

fn ran(stage: &Stage) -> Vec<&'static str> {
    let path = |name: &str| -> PathBuf { stage.folder.path().join(name) };
    let mut made = vec!["required", "ready"];
    made.retain(|name| path(name).exists());
    for name in &made {
        fs::remove_file(path(name)).unwrap();
    }
    made
}

#[test]
fn doctor_runs_no_command_of_a_stack_file_that_was_never_started() {
    let stage = curious();
    let (_, err) = stage.expect(&["doctor"], 0);
    assert_eq!(ran(&stage), [""; 0], "{err}");
    assert!(err.contains("a runs touch required"), "{err}");
    assert!(err.contains("a runs touch ready"), "{err}");
    assert!(err.contains("`pilotlight doctor --yes`"), "{err}");
    let verdict = stage.json(&["doctor", "--json"], 0);
    assert_eq!(
        verdict["withheld"].as_array().unwrap().len(),
        2,
        "{verdict}"
    );

    stage.expect(&["doctor", "--yes"], 0);
    assert_eq!(ran(&stage), ["required", "ready"]);
    let verdict = stage.json(&["doctor", "--json"], 0);
    assert_eq!(
        ran(&stage),
        ["required", "ready"],
        "the answer is remembered"
    );
    assert!(verdict.get("withheld").is_none(), "{verdict}");

    let file = fs::read_to_string(stage.folder.path().join("pilotlight.toml")).unwrap();
    stage.write("pilotlight.toml", &format!("{file}\n# changed\n"));
    stage.expect(&["doctor"], 0);
    assert_eq!(ran(&stage), [""; 0], "not for a changed file");
}

#[test]
fn on_a_terminal_the_user_is_asked_once() {
    let stage = curious();
    let mut terminal = on_a_terminal(&stage, &["doctor"]);
    terminal.answer("Run that? [y/N]", "n\n");
    let (_, drawn) = terminal.end();
    assert!(drawn.contains("touch required"), "{drawn}");
    assert_eq!(ran(&stage), [""; 0], "{drawn}");
    let mut terminal = on_a_terminal(&stage, &["doctor"]);
    terminal.answer("Run that? [y/N]", "y\n");
    terminal.end();
    assert_eq!(ran(&stage), ["required", "ready"]);
    let (_, drawn) = on_a_terminal(&stage, &["doctor"]).end();
    assert!(!drawn.contains("Run that?"), "{drawn}");
    assert_eq!(ran(&stage), ["required", "ready"]);
}

#[test]
fn a_user_who_has_started_a_stack_is_not_asked_about_it() {
    let stage = curious();
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["down"], 0);
    ran(&stage);
    let (_, err) = stage.expect(&["doctor"], 0);
    assert_eq!(ran(&stage), ["required", "ready"], "{err}");
}

#[test]
fn an_endless_line_is_cut_at_64_kib_with_its_length() {
    let stage = Stage::new(
        r#"
        [service.long]
        command = ["sh", "-c", "echo first; printf begins; head -c 8388608 /dev/zero | tr '\\0' x; exec sleep 1000"]
        ready = { log = "begins" }
        "#,
    );
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("beginsxxx");
    until("all of it is written", || {
        let (log, _) = stage.expect(&["logs", "-n", "5"], 0);
        log.ends_with("[7 MiB more]\n")
    });
    let (log, _) = stage.expect(&["logs", "-n", "1"], 0);
    assert!(log.starts_with("beginsxxx"), "{}", &log[..40]);
    assert!(log.len() < 65 * 1024, "{}", log.len());
    let (found, _) = stage.expect(&["logs", "--grep", "^begins"], 0);
    assert_eq!(found, log, "the finding mentions it, too");
    let (json, _) = stage.expect(&["logs", "--json"], 0);
    assert!(json.len() < 70 * 1024 && json.contains("[7 MiB more]"));
    terminal.press("\u{3}");
    let (_, drawn) = terminal.end();
    assert!(drawn.len() < 256 * 1024, "{}", drawn.len());
}
