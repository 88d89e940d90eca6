//! `cargo test`, with a second hearing for what failed.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{error::Error, step};

/// How long what cargo said at its end may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the tests of `targets` in `packages`; `tests` makes the `cargo test` that these are handed to. A target
/// with a test that failed is run once more when all others are done, one test at a time; its word then counts.
/// The packages stay the same: with others, libraries would be asked for other features, and built once more.
///
/// The tests start hundreds of processes, and their deadlines are for a machine that gets to them: one
/// that does something else at that moment fails them now and then. A test that fails because of the
/// program fails again; one that does not is named, so that its deadline can be mended.
pub(crate) fn run(
    tests: impl Fn() -> Result<Command, Error>,
    packages: &[&str],
    targets: &[&str],
    arguments: &[String],
) -> Result<(), Error> {
    if arguments.is_empty() {
        // By itself it shows its progress.
        let mut build = tests()?;
        build.args(packages).args(targets).arg("--no-run");
        step::show(build)?;
    }
    let mut all = tests()?;
    all.args(packages)
        .args(targets)
        .arg("--no-fail-fast")
        .args(arguments);
    let Some(Failure { error, failed }) = heard(all)? else {
        return Ok(());
    };
    if failed.is_empty() {
        return Err(error);
    }
    for target in &failed {
        step::note(&format!("a test of `{target}` failed: once more, alone"));
        let mut again = tests()?;
        again
            .args(packages)
            .args(target.split(' '))
            .args(["--", "--test-threads=1"]);
        step::show(again)?;
    }
    step::note(&format!(
        "passed only when run again alone, so look at their deadlines: {}",
        failed.join(", ")
    ));
    Ok(())
}

struct Failure {
    error: Error,
    /// The arguments that name the targets of the tests that failed among all of the packages.
    failed: Vec<String>,
}

/// Runs the tests in everybody's hearing.
fn heard(mut tests: Command) -> Result<Option<Failure>, Error> {
    let program = tests.get_program().to_string_lossy().into_owned();
    let run = |source| Error::Run {
        program: program.clone(),
        source,
    };
    let mut child = tests.stderr(Stdio::piped()).spawn().map_err(run)?;
    let (sender, targets) = mpsc::channel();
    if let Some(complaints) = child.stderr.take() {
        thread::spawn(move || {
            for line in BufReader::new(complaints)
                .split(b'\n')
                .map_while(Result::ok)
            {
                let line = String::from_utf8_lossy(&line).into_owned();
                anstream::eprintln!("{line}");
                if let Some(target) = target(&line) {
                    drop(sender.send(target));
                }
            }
        });
    }
    let status = child.wait().map_err(run)?;
    // Until the last word is read, but not for ever: whom a test has left running (Wine's server, say) holds
    // the other end.
    let mut failed = Vec::new();
    while let Ok(target) = targets.recv_timeout(LAST_WORDS) {
        failed.push(target);
    }
    let error = Error::Shown { program, status };
    Ok((!status.success()).then_some(Failure { error, failed }))
}

/// What names the target in a line like "    `-p pilotlight --test logs`", as cargo lists them at the end. With `--lib`
/// the libraries of the other packages are tested too.
fn target(line: &str) -> Option<String> {
    let named = line.strip_prefix("    `")?.strip_suffix('`')?;
    let (_package, target) = named.strip_prefix("-p ")?.split_once(' ')?;
    Some(target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_target_is_told_by_the_arguments_that_name_it() {
        let named = |line| target(line);
        assert_eq!(
            named("    `-p pilotlight --test logs`").as_deref(),
            Some("--test logs")
        );
        assert_eq!(named("    `-p pilotlight --lib`").as_deref(), Some("--lib"));
        assert_eq!(named("error: 1 target failed:"), None);
        assert_eq!(named("     Running `rustc`"), None);
    }
}
