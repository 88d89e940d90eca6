//! A screen that nobody looks at.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// An X server without a monitor. It ends when it is dropped.
#[derive(Debug)]
pub struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// A screen of 1280 by 900 pixels. It picks a number that is free.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Command::new("Xvfb")
            // Without -noreset it forgets everything whenever its last client goes.
            .args(["-displayfd", "1", "-screen", "0", "1280x900x24"])
            .args(["-noreset", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb");
        let mut number = String::new();
        let output = server.stdout.take().expect("its output");
        BufReader::new(output)
            .read_line(&mut number)
            .expect("the number of the screen");
        let name = format!(":{}", number.trim());
        Self { server, name }
    }

    /// For `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many windows with this in their title can be seen.
    #[must_use]
    pub fn windows(&self, title: &str) -> usize {
        let output = Command::new("xdotool")
            .args(["search", "--onlyvisible", "--name", title])
            .env("DISPLAY", &self.name)
            .stdin(Stdio::null())
            .output()
            .expect("xdotool");
        String::from_utf8_lossy(&output.stdout).lines().count()
    }

    /// A picture of the whole screen.
    pub fn picture(&self, file: &Path) {
        let status = Command::new("scrot")
            .arg("--overwrite")
            .arg(file)
            .env("DISPLAY", &self.name)
            .stdin(Stdio::null())
            .status()
            .expect("scrot");
        assert!(status.success(), "scrot: {status}");
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
