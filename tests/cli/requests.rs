//! Concurrent requests: a stop during a waiting start, several stops at once, and Ctrl-C in the first
//! milliseconds.

use std::{
    fs, process, thread,
    time::{Duration, Instant},
};

use pilotlight::control::Lock;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal as catch};

use crate::stage::{DEADLINE, Running, Stage, lives, signal, talker, until};

/// A service that runs but never becomes ready.
const LATE: &str = "[service.late]\ncommand = \"sleep 1000\"\nready = { log = \"never\" }\n";

const OVERRULED: &str = "cancelled by another `pilotlight down`";

/// The number of attempts with Ctrl-C, 0 to 10 ms after the start.
const TRIES: u64 = 25;

#[test]
fn a_down_overrules_an_up_that_still_waits() {
    for words in [&["up", "-d"][..], &["up"]] {
        let stage = Stage::new(LATE);
        let mut up = stage.start(words);
        up.until_it_says("late  starting");
        stage.expect(&["down"], 0);
        assert_eq!(up.end(), 1, "{}", up.errors());
        assert!(up.errors().contains(OVERRULED), "{}", up.errors());
        stage.until_no_process_is_left();
    }
}

#[test]
fn a_down_overrules_an_up_that_is_attached_to_a_daemon_and_still_waits() {
    let stage = Stage::new(LATE);
    stage.write(
        "other.toml",
        &format!("name = \"other\"\n{}", talker("talker")),
    );
    stage.expect(&["--file", "other.toml", "up", "-d"], 0);
    let mut up = stage.start(&["up"]);
    up.until_it_says("late  starting");
    stage.expect(&["down"], 0);
    assert_eq!(up.end(), 1, "{}", up.errors());
    assert!(up.errors().contains(OVERRULED), "{}", up.errors());
    assert_eq!(
        stage.json(&["status", "--json"], 0)["stacks"][0]["light"],
        "green"
    );
    stage.expect(&["down", "--all"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn an_up_does_not_start_over_when_its_daemon_is_killed() {
    let stage = Stage::new(LATE);
    let mut up = stage.start(&["up", "-d"]);
    up.until_it_says("late  starting");
    let (daemon, late) = (stage.daemon(), stage.pid("late"));
    signal(daemon, Signal::KILL);
    assert_eq!(up.end(), 1, "{}", up.errors());
    until("the daemon is dead", || !lives(daemon));
    assert_eq!(stage.processes(), [late]);
}

#[test]
fn downs_at_the_same_time_all_succeed() {
    let stage = Stage::new(&format!("{}{}", talker("one"), talker("other")));
    for _ in 0..3 {
        stage.expect(&["up", "-d"], 0);
        let mut all: Vec<_> = (0..6).map(|_| stage.start(&["down"])).collect();
        for down in &mut all {
            assert_eq!(down.end(), 0, "{}", down.errors());
        }
        stage.until_no_process_is_left();
    }
}

#[test]
fn downs_at_the_same_time_all_succeed_after_the_daemon_was_killed() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let daemon = stage.daemon();
    signal(daemon, Signal::KILL);
    until("the daemon is dead", || !lives(daemon));
    let mut all: Vec<_> = (0..4).map(|_| stage.start(&["down"])).collect();
    for down in &mut all {
        assert_eq!(down.end(), 0, "{}", down.errors());
    }
    stage.until_no_process_is_left();
}

#[test]
fn ctrl_c_in_the_first_milliseconds_of_up_leaves_nothing() {
    heed_ctrl_c();
    let stage = Stage::new(&talker("talker"));
    for after in 0..TRIES {
        let mut up = stage.start(&["up"]);
        interrupt(&mut up, after);
        stage.until_no_process_is_left();
    }
}

#[test]
fn ctrl_c_in_the_first_milliseconds_of_an_attached_up_leaves_nothing_of_its_stack() {
    heed_ctrl_c();
    let stage = Stage::new(&talker("talker"));
    stage.write(
        "other.toml",
        &format!("name = \"other\"\n{}", talker("extra")),
    );
    stage.expect(&["--file", "other.toml", "up", "-d"], 0);
    let mut before = stage.processes();
    before.sort_unstable();
    for after in 0..TRIES {
        let mut up = stage.start(&["up"]);
        interrupt(&mut up, after);
        until("only the other stack runs", || {
            let mut now = stage.processes();
            now.sort_unstable();
            now == before
        });
    }
    stage.expect(&["down", "--all"], 0);
}

#[test]
fn ctrl_c_is_handled_as_soon_as_it_does_not_kill() {
    heed_ctrl_c();
    let stage = Stage::new(&talker("talker"));
    for _ in 0..TRIES {
        let mut up = stage.start(&["up"]);
        let deadline = Instant::now() + DEADLINE;
        // Without a pause, since the time in which a signal could be lost is short.
        while !has_interrupt(up.pid(), "SigCgt:") {
            assert!(Instant::now() < deadline, "{}", up.errors());
        }
        up.signal(Signal::INT);
        let ended = up.end();
        assert!([0, 1].contains(&ended), "{ended}: {}", up.errors());
        stage.until_no_process_is_left();
    }
}

#[test]
fn ctrl_c_ends_an_up_that_waits_for_a_daemon_to_listen() {
    let stage = Stage::new(&talker("talker"));
    // Holds the lock like a daemon that is about to listen, but never does.
    let _lock = Lock::acquire(&stage.home()).unwrap();
    for words in [&["up"][..], &["up", "-d"]] {
        let mut up = stage.start(words);
        until("it hears Ctrl-C", || has_interrupt(up.pid(), "SigCgt:"));
        up.signal(Signal::INT);
        assert_eq!(up.end(), 1, "{}", up.errors());
        stage.until_no_process_is_left();
    }
}

#[test]
fn ctrl_c_while_leftovers_are_stopped_starts_nothing() {
    // It ignores SIGTERM, so that stopping it as a leftover takes a while.
    let mule = crate::stage::stubborn("mule");
    let stage = Stage::new(&mule);
    stage.expect(&["up", "-d"], 0);
    let mule = stage.pid("mule");
    signal(stage.daemon(), Signal::KILL);
    until("only the service is left", || stage.processes() == [mule]);
    // Without the journal the next daemon does not know it.
    let journal = stage.home().state().to_owned();
    for entry in fs::read_dir(&journal).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    let mut up = stage.start(&["up"]);
    until("leftovers are being stopped", || {
        let entries = fs::read_dir(&journal).unwrap();
        let texts = entries.filter_map(|entry| fs::read(entry.unwrap().path()).ok());
        let mut texts = texts.map(|text| String::from_utf8_lossy(&text).into_owned());
        texts.any(|text| text.contains("ending the remaining processes"))
    });
    up.signal(Signal::INT);
    assert_eq!(up.end(), 1, "{}", up.errors());
    stage.until_no_process_is_left();
}

/// Presses Ctrl-C this number of milliseconds after the start.
fn interrupt(up: &mut Running, after: u64) {
    thread::sleep(Duration::from_millis(after % 11));
    up.signal(Signal::INT);
    let ended = up.end();
    // Killed before it handles signals, stopped during the start, or stopped afterwards.
    assert!([-2, 0, 1].contains(&ended), "{ended}: {}", up.errors());
}

/// Makes the commands of this process start with the default action for Ctrl-C. A shell that runs the
/// tests in the background ignores Ctrl-C, and commands would inherit that. A handler is not inherited.
fn heed_ctrl_c() {
    if has_interrupt(process::id(), "SigIgn:") {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let _runtime = runtime.enter();
        drop(catch(SignalKind::interrupt()).unwrap());
    }
}

/// Returns whether this set of signals of a process contains SIGINT.
fn has_interrupt(pid: u32, set: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mut sets = status.lines().filter_map(|line| line.strip_prefix(set));
    let signals = sets.next().map(|bits| u64::from_str_radix(bits.trim(), 16));
    signals.is_some_and(|bits| bits.unwrap() & (1 << (Signal::INT.as_raw() - 1)) != 0)
}
