//! Running programs to their end, and waiting, never longer than a case can stand.

use std::{
    env,
    io::Read,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// So long is waited for something that is bound to happen, on a machine that is busy.
const DEADLINE: Duration = Duration::from_mins(1);

/// Runs a program to its end, or ends it when that takes too long.
pub(crate) fn finish(mut command: Command, what: &str) -> Result<Output, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{what}: {error}"))?;
    let mut output = child.stdout.take().unwrap();
    let mut errors = child.stderr.take().unwrap();
    thread::scope(|scope| {
        let output = scope.spawn(move || read(&mut output));
        let errors = scope.spawn(move || read(&mut errors));
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{what} took longer than {DEADLINE:?}"));
            }
            pause();
        };
        Ok(Output {
            status,
            stdout: output.join().unwrap(),
            stderr: errors.join().unwrap(),
        })
    })
}

/// Where programs are; nginx stands where only administrators look.
pub(crate) fn path() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin")
}

fn read(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    bytes
}

/// Waits for something without a notification, by polling.
pub(crate) fn until(
    what: &str,
    mut so: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    while !so()? {
        if Instant::now() > deadline {
            return Err(format!("not within {DEADLINE:?}: {what}"));
        }
        pause();
    }
    Ok(())
}

fn pause() {
    thread::sleep(Duration::from_millis(5));
}
