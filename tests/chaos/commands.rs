//! The command `pilotlight`, as users run it, with a time limit.

use std::{
    env,
    fs::{self, File},
    io,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::stage::Stage;

/// A command that has not exited by then hangs.
pub(crate) const LONGEST: Duration = Duration::from_secs(90);

/// The signal that stops a foreground `up`, as Ctrl-C sends it. Until `up` handles it, it kills the
/// process.
const SIGINT: i32 = 2;

/// The environment variable that sets the folder of the home.
pub(crate) const HOME: &str = "PILOTLIGHT_HOME";

/// A running command.
pub(crate) struct Running {
    words: String,
    child: Child,
    begun: Instant,
    output: PathBuf,
    errors: PathBuf,
}

/// A command that has exited.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) words: String,
    /// `None` if it was killed because it hung.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) took: Duration,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Stage {
    /// Starts the command in the folder of the stack.
    pub(crate) fn start(&self, words: &[&str]) -> io::Result<Running> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Files, since a daemon would keep pipes open.
        let file = |kind: &str| self.elsewhere().join(format!("{number}.{kind}"));
        let (output, errors) = (file("out"), file("err"));
        let child = Command::new(&self.command)
            .args(words)
            .current_dir(self.project())
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .env(HOME, self.home())
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .spawn()?;
        Ok(Running {
            words: words.join(" "),
            child,
            begun: Instant::now(),
            output,
            errors,
        })
    }

    /// Runs the command until it exits.
    pub(crate) fn run(&self, words: &[&str]) -> io::Result<Ended> {
        self.start(words)?.end()
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it exits, and kills it after the time limit.
    pub(crate) fn end(mut self) -> io::Result<Ended> {
        let deadline = self.begun + LONGEST;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break Some(status);
            }
            if Instant::now() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                break None;
            }
            thread::sleep(Duration::from_millis(1));
        };
        let read = |file| fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Ended {
            took: self.begun.elapsed(),
            output: read(&self.output)?,
            errors: read(&self.errors)?,
            words: self.words,
            status,
        })
    }
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// Returns whether the command hung, crashed or panicked, which must not happen whatever the daemon does.
    pub(crate) fn fault(&self) -> Option<String> {
        let Some(status) = self.status else {
            return Some(format!("did not exit within {LONGEST:?}"));
        };
        if let Some(signal) = status.signal().filter(|signal| *signal != SIGINT) {
            return Some(format!("killed by signal {signal}"));
        }
        // 130 is the exit code of a foreground `up` after SIGINT.
        let odd = !matches!(status.code(), None | Some(0..=2 | 130))
            || self.errors.contains("panicked at");
        odd.then(|| format!("ended with {status}"))
    }

    /// Returns a description for people.
    pub(crate) fn told(&self) -> String {
        let status = self.status.map_or("killed".to_owned(), |it| it.to_string());
        format!(
            "`pilotlight {}`: {status} after {:?}\n{}{}",
            self.words, self.took, self.output, self.errors
        )
    }
}
