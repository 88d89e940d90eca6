//! Runs programs and waits for conditions, with a time limit.

use std::{
    env,
    io::Read,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The time limit for everything that a case waits for, on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// Runs a program until it exits, or kills it after the time limit.
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

/// Returns the PATH, with the folder of nginx, which is usually not on the PATH of users.
pub(crate) fn path() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin")
}

fn read(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    bytes
}

/// Waits for a condition by polling.
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
