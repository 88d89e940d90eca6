//! Runs `cargo test` for many targets, with a summary of the failures.

use std::{
    env,
    io::{BufRead as _, BufReader, IsTerminal as _, stderr},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    error::{Error, FailedTarget, not_run},
    step,
};

/// How long the output of cargo may still be read after cargo has exited.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Runs the tests; `tests` builds the `cargo test` command with its packages and targets, `arguments` are added to
/// it. All targets run, even after a failure, and none runs twice: a flaky test has a fault.
pub(crate) fn run(
    tests: impl Fn() -> Result<Command, Error>,
    arguments: &[String],
) -> Result<(), Error> {
    if arguments.is_empty() {
        // Cargo shows its own progress.
        let mut build = tests()?;
        build.arg("--no-run");
        step::show(&mut build)?;
    }
    let mut all = tests()?;
    all.arg("--no-fail-fast").args(arguments);
    if stderr().is_terminal() && env::var_os("NO_COLOR").is_none() {
        all.env("CARGO_TERM_COLOR", "always");
    }

    // Cargo names targets on one stream and the harness tests on the other; one pipe keeps their order.
    let (mut child, reader) = step::spawn(&mut all)?;
    let (sender, failed) = mpsc::channel();
    thread::spawn(move || {
        let mut summary = Summary::default();
        let lines = BufReader::new(reader).split(b'\n');
        for line in lines.map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            anstream::println!("{line}");
            if let Some(target) = summary.read(&anstream::adapter::strip_str(&line).to_string()) {
                drop(sender.send(target));
            }
        }
    });
    let status = child.wait().map_err(not_run(&all))?;
    // Limited: a process that a test has left running (Wine's server, for example) keeps the pipe open.
    let mut targets = Vec::new();
    while let Ok(target) = failed.recv_timeout(LAST_LINES) {
        targets.push(target);
    }
    if status.success() || targets.is_empty() {
        return step::succeeded(&all, status);
    }
    Err(Error::Tests(targets))
}

/// Reads the output of `cargo test --no-fail-fast`.
#[derive(Default)]
struct Summary {
    /// Whether the following lines name the failed tests of a target.
    lists: bool,
    tests: Vec<String>,
}

impl Summary {
    /// Reads the next line; returns a failed target once it is complete.
    fn read(&mut self, line: &str) -> Option<FailedTarget> {
        // The output of the tests comes first, under the same heading.
        if line == "failures:" {
            self.lists = true;
            self.tests.clear();
        } else if line.starts_with("test result:") {
            self.lists = false;
        } else if let Some(test) = line.strip_prefix("    ").filter(|_| self.lists) {
            self.tests.push(test.to_owned());
        }
        let rerun = line.strip_prefix("error: test failed, to rerun pass `")?;
        Some(FailedTarget {
            target: rerun.trim_end_matches('`').to_owned(),
            tests: std::mem::take(&mut self.tests),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_targets_are_listed_with_their_tests() {
        let output = "\
     Running tests/logs.rs (target/debug/deps/logs-1)

running 2 tests
test reading::one ... FAILED
test reading::two ... ok

failures:

---- reading::one stdout ----
    the output of a test

failures:
    reading::one

test result: FAILED. 1 passed; 1 failed

error: test failed, to rerun pass `-p pilotlight --test logs`
     Running tests/ports.rs (target/debug/deps/ports-1)
error: test failed, to rerun pass `-p pilotlight --test ports`

Caused by:
  process didn't exit successfully (signal: 6)
error: 2 targets failed:
    `-p pilotlight --test logs`
    `-p pilotlight --test ports`";
        let mut summary = Summary::default();
        let failed = output.lines().filter_map(|line| summary.read(line));
        let failed: Vec<_> = failed.map(|it| (it.target, it.tests)).collect();
        assert_eq!(
            failed,
            [
                (
                    "-p pilotlight --test logs".to_owned(),
                    vec!["reading::one".to_owned()]
                ),
                ("-p pilotlight --test ports".to_owned(), vec![]),
            ]
        );
    }
}
