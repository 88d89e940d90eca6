//! The output of the command on a terminal.

use pilotlight_test_service::free_port;

use crate::{
    script::Terminal,
    stage::{Stage, lives, stubborn, talker, until},
};

fn on_a_terminal(stage: &Stage, words: &[&str]) -> Terminal {
    Terminal::start(&stage.command(words), stage.folder.path())
}

const CTRL_C: &str = "\u{3}";

#[test]
fn the_live_view_is_redrawn_in_colour_until_ctrl_c() {
    let stage = Stage::new(&talker("talker"));
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("up in ");
    terminal.until_it_shows("Press Ctrl-C to stop everything");
    terminal.until_it_shows("ERROR: talker is only a test");
    terminal.press(CTRL_C);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains("\u{1b}[32m●\u{1b}[0m"), "{drawn:?}");
    assert!(drawn.contains("A\r"), "it is drawn over itself: {drawn:?}");
    let last = drawn.rsplit("\u{1b}[?2026h").next().unwrap();
    assert!(last.contains("○") && last.contains("stopped"), "{last:?}");
    stage.until_no_process_is_left();
}

#[test]
fn every_log_line_is_printed_above_the_state_of_the_services() {
    let counter = r#"
[service.counter]
command = ["sh", "-c", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i of 500; done; exec sleep 1000"]
ready = { log = "line 500 of 500" }
"#;
    let stage = Stage::new(&format!("{}{counter}", talker("talker")));
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("up in ");
    terminal.until_it_shows("line 500 of 500");
    terminal.press(CTRL_C);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    for number in 1..=500 {
        let line = format!("counter\u{1b}[0m\u{1b}[2m | \u{1b}[0mline {number} of 500\u{1b}[K");
        assert_eq!(drawn.matches(&line).count(), 1, "{line:?} in {drawn:?}");
    }
    assert!(
        drawn.contains("talker\u{1b}[0m \u{1b}[2m | \u{1b}[0mtalker begins"),
        "{drawn:?}"
    );
    stage.until_no_process_is_left();
}

#[test]
fn an_up_on_a_running_stack_stops_at_ctrl_c_only_what_it_started() {
    let stage = Stage::new(&format!("{}{}", talker("first"), talker("second")));
    stage.expect(&["up", "-d", "first"], 0);
    let first = stage.pid("first");
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("Press Ctrl-C to stop what this command started");
    terminal.until_it_shows("up in ");
    let second = stage.pid("second");
    terminal.press(CTRL_C);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(lives(first) && !lives(second));
    stage.expect(&["up", "-d"], 0);
    let second = stage.pid("second");
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("Press Ctrl-C to stop watching.");
    terminal.until_it_shows("up in ");
    terminal.press(CTRL_C);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains("services are still running"), "{drawn}");
    assert!(lives(first) && lives(second));
    stage.expect(&["down"], 0);
}

#[test]
fn keys_turn_the_log_lines_off_restart_the_stack_and_leave_it_running() {
    let counter = r#"
[service.counter]
command = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i of it; sleep 0.05; done"]
"#;
    let stage = Stage::new(counter);
    // What the shell prints at the end shows how the terminal was left.
    let mut shell = stage.command(&[]);
    let program = shell.get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "\"$0\" up && stty -a"])
        .arg(program)
        .current_dir(stage.folder.path())
        .envs(
            shell
                .env_remove("NO_COLOR")
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let mut terminal = Terminal::start(&command, stage.folder.path());
    terminal.until_it_shows("up in ");
    terminal.until_it_shows("line 3 of it");

    terminal.press("l");
    terminal.until_it_shows("l logs on");
    let written = || stage.expect(&["logs"], 0).0.lines().count();
    let first = written();
    until("fifty more lines", || written() > first + 50);
    terminal.press("l");
    let last = written();
    terminal.until_it_shows(&format!("line {} of it", last + 5));

    let before = stage.pid("counter");
    terminal.press("r");
    terminal.until_it_shows("restarted in ");
    let after = stage.pid("counter");
    assert_ne!(after, before);

    terminal.press("q");
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    let is_hidden = |number| !drawn.contains(&format!("line {number} of it"));
    assert!((first..last).any(is_hidden), "{drawn}");
    assert!(drawn.contains("services are still running"), "{drawn}");
    assert!(
        drawn.contains(" icanon ") && drawn.contains(" echo "),
        "{drawn}"
    );
    assert_eq!(
        stage.pid("counter"),
        after,
        "a daemon in the background has it"
    );
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_second_ctrl_c_on_the_terminal_kills() {
    let stage = Stage::new(&stubborn("mule"));
    let mut terminal = on_a_terminal(&stage, &["up"]);
    terminal.until_it_shows("up in ");
    terminal.press(CTRL_C);
    terminal.answer("Press Ctrl-C again to kill", CTRL_C);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    stage.until_no_process_is_left();
}

#[test]
fn ctrl_c_during_a_background_start_lets_the_start_continue() {
    let late = "[service.late]\ncommand = \"sleep 1000\"\nready = { log = \"never\" }\n";
    let stage = Stage::new(late);
    let mut terminal = on_a_terminal(&stage, &["up", "-d"]);
    terminal.until_it_shows("Press Ctrl-C to stop waiting.");
    terminal.until_it_shows("starting");
    terminal.press(CTRL_C);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(1), "{drawn}");
    assert!(
        drawn.contains("still starting in the background"),
        "{drawn}"
    );
    assert!(lives(stage.pid("late")));
    stage.expect(&["down"], 0);
}

#[test]
fn an_invalid_stack_file_is_shown_with_its_lines() {
    let stage = Stage::new("[service.web]\ncomand = \"true\"\n");
    let terminal = on_a_terminal(&stage, &["validate"]);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(2));
    assert!(drawn.contains("comand = \"true\""), "{drawn}");
    assert!(drawn.contains("did you mean `command`?"), "{drawn}");
}

#[test]
fn the_status_is_redrawn_when_it_changes() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let mut terminal = on_a_terminal(&stage, &["status", "--watch"]);
    terminal.until_it_shows("ready");
    stage.expect(&["restart"], 0);
    terminal.until_it_shows("A\r");
    stage.expect(&["down"], 0);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn the_process_on_a_port_is_stopped_when_the_user_agrees() {
    let stage = Stage::new("");
    let port = free_port();
    let mut listener = stage.listener(port);
    let ask = port.to_string();
    for (answer, code) in [("n", 1), ("", 1), ("y", 0)] {
        let mut terminal = on_a_terminal(&stage, &["port", &ask, "--free"]);
        terminal.until_it_shows("Stop it? [y/N]");
        assert!(lives(listener.id()));
        terminal.press(&format!("{answer}\r"));
        let (ended, drawn) = terminal.end();
        assert_eq!(ended, Some(code), "{answer:?}: {drawn}");
    }
    assert!(!listener.wait().unwrap().success());
}
