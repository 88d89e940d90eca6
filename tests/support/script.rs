//! A command on a new terminal, which `script` (of bsdutils, util-linux) creates.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The time limit of a test for text that appears.
const DEADLINE: Duration = Duration::from_mins(1);

/// A command on a terminal, and its output.
pub(crate) struct Terminal {
    script: Child,
    keys: ChildStdin,
    drawn: PathBuf,
}

impl Terminal {
    /// Starts a command. Its output goes to a file in `folder`.
    pub(crate) fn start(command: &Command, folder: &Path) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(|word| word.to_str().unwrap());
        // `script` runs it in a shell, the user's or `sh`. Not every shell replaces itself with the command. A
        // remaining shell would receive Ctrl-C too, and exit with its own status.
        let line = format!("exec {}", shell_words::join(words));
        let drawn = folder.join("drawn");
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line])
            .arg("/dev/null")
            .current_dir(command.get_current_dir().unwrap())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("SHELL", "/bin/sh")
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::piped())
            .stdout(File::create(&drawn).unwrap())
            .spawn()
            .unwrap();
        let keys = script.stdin.take().unwrap();
        Self {
            script,
            keys,
            drawn,
        }
    }

    /// Waits until its output contains this text.
    pub(crate) fn until_it_shows(&mut self, text: &str) {
        self.until(text, |terminal| {
            let ended = terminal.script.try_wait().unwrap().is_some();
            let drawn = terminal.drawn();
            let shown = drawn.contains(text);
            assert!(!ended || shown, "no {text:?} in {drawn}");
            shown.then_some(())
        });
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Presses these keys once its output contains this text.
    pub(crate) fn answer(&mut self, shown: &str, keys: &str) {
        self.until_it_shows(shown);
        self.press(keys);
    }

    /// Waits until it exits, and returns its exit status and its output.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.until("its end", |terminal| terminal.script.try_wait().unwrap());
        (status.code(), self.drawn())
    }

    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            let late = Instant::now() > deadline;
            assert!(
                !late,
                "not within {DEADLINE:?}: {what:?} in {}",
                self.drawn()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn drawn(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.drawn).unwrap()).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has exited, unless the test has failed.
        drop(self.script.kill());
        drop(self.script.wait());
    }
}
