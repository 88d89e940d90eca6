//! Services with a terminal of their own, and `pilotlight attach`.

use rustix::process::Signal;

use crate::{
    script::Terminal,
    stage::{Stage, lives, signal, talker, until},
};

const CTRL_C: &str = "\u{3}";
const DETACH: &str = "\u{10}\u{11}";

const REPL: &str = "
[service.repl]
command = [\"python3\", \"-q\"]
tty = true
env = { PYTHON_BASIC_REPL = \"1\" }
";

fn attach(stage: &Stage, words: &[&str]) -> Terminal {
    let words: Vec<&str> = ["attach"].iter().chain(words).copied().collect();
    Terminal::start(&stage.command(&words), stage.folder.path())
}

#[test]
fn a_terminal_answers_also_after_the_daemon_was_killed() {
    let stage = Stage::new(REPL);
    stage.expect(&["up", "-d"], 0);
    let pid = stage.pid("repl");
    let mut terminal = attach(&stage, &["repl"]);
    terminal.until_it_shows("Attached to repl. Detach with Ctrl-P Ctrl-Q.");
    terminal.until_it_shows(">>> ");
    terminal.press("print(6 * 7 * 1000)\r");
    terminal.until_it_shows("42000");
    let daemon = stage.daemon();
    signal(daemon, Signal::KILL);
    until("the daemon is gone", || !lives(daemon));
    terminal.press("print(6 * 8 * 1000)\r");
    terminal.until_it_shows("48000");
    terminal.press(CTRL_C);
    terminal.until_it_shows("KeyboardInterrupt");
    terminal.press(DETACH);
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains("Detached; repl keeps running."), "{drawn}");

    stage.expect(&["up", "-d"], 0);
    assert_eq!(stage.pid("repl"), pid, "it is the same one");
    stage.expect(&["send", "repl", "print(6 * 9 * 1000)"], 0);
    until("it has answered", || {
        stage.expect(&["logs", "repl"], 0).0.contains("54000")
    });
    let (log, _) = stage.expect(&["logs", "repl"], 0);
    assert!(log.contains("42000") && log.contains("48000"), "{log}");
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn the_program_has_a_terminal_and_exits_as_without_one() {
    let service = |name: &str, line: &str| {
        format!(
            "[service.{name}]\ncommand = ['sh', '-c', '{line}']\ntty = true\nrestart = \"never\"\n"
        )
    };
    let stage = Stage::new(
        &[
            service("code", "tty && stty size && echo $TERM && exit 3"),
            service("signal", "kill -USR1 $$"),
            service("missing", "exec ./no-such-program"),
            service("flood", "seq 1 20000; exit 4"),
        ]
        .concat(),
    );
    stage.run(&["up", "-d"]);
    let exit = |name| stage.service(name)["last_exit"].clone();
    for name in ["code", "signal", "missing", "flood"] {
        until("it has exited", || exit(name).is_object());
    }
    assert_eq!(exit("code")["code"], 3);
    assert_eq!(exit("signal")["signal"], 10);
    assert_eq!(exit("missing")["code"], 127);
    assert_eq!(exit("flood")["code"], 4);
    let (log, _) = stage.expect(&["logs", "code"], 0);
    assert!(log.contains("/dev/"), "{log}");
    assert!(log.contains("30 120") && log.contains("xterm"), "{log}");
    let (log, _) = stage.expect(&["logs", "flood"], 0);
    let lines: Vec<u32> = log.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(lines, (1..=20_000).collect::<Vec<_>>(), "no line is lost");
    stage.expect(&["down"], 0);
}

#[test]
fn a_stop_reaches_the_program_once_and_its_last_line_is_kept() {
    let stage = Stage::new(
        "[service.calm]\n\
         command = ['sh', '-c', 'trap \"echo it stops; exit 0\" TERM; echo begins; while :; do sleep 0.05; done']\n\
         ready = { log = \"begins\" }\ntty = true\n",
    );
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["down"], 0);
    let (log, _) = stage.expect(&["logs", "calm"], 0);
    assert_eq!(log.matches("it stops").count(), 1, "{log}");
    stage.until_no_process_is_left();
}

#[test]
fn a_second_terminal_only_watches() {
    let stage = Stage::new(REPL);
    stage.expect(&["up", "-d"], 0);
    let mut first = attach(&stage, &["repl"]);
    first.until_it_shows("Attached to repl.");
    let other = tempfile::tempdir().unwrap();
    let mut second = Terminal::start(
        &stage.command(&["attach", "repl", "--detach-keys", "ctrl-]"]),
        other.path(),
    );
    second.until_it_shows("this one only watches. Detach with Ctrl-].");
    second.press("print(1 * 1000)\r");
    first.press("print(6 * 7 * 1000)\r");
    second.until_it_shows("42000");
    second.press("\u{1d}");
    let (code, drawn) = second.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(!drawn.contains("print(1 * 1000)"), "{drawn}");
    first.press("exit()\r");
    let (code, drawn) = first.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains("repl has exited."), "{drawn}");
    stage.expect(&["down"], 0);
}

#[test]
fn attach_reports_its_requirements() {
    let stage = Stage::new(&format!("{}{REPL}", talker("talker")));
    let (_, err) = stage.expect(&["attach", "repl"], 1);
    assert!(err.contains("repl is not running"), "{err}");
    stage.expect(&["up", "-d"], 0);
    let (_, err) = stage.expect(&["attach", "talker"], 1);
    assert!(
        err.contains("talker has no terminal; set `tty = true`"),
        "{err}"
    );
    let (_, err) = stage.expect(&["attach", "repl"], 1);
    assert!(err.contains("`attach` needs a terminal"), "{err}");
    let (_, err) = stage.expect(&["attach", "repl", "--detach-keys", "ctrl-1"], 2);
    assert!(err.contains("expected keys such as"), "{err}");
    stage.expect(&["down"], 0);
}
