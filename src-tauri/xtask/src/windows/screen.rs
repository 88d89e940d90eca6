//! A virtual screen. Without one, Wine has no windows at all, not even those through which a program is asked
//! to exit.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    error::{Error, not_run},
    setup::packages::{Piece, program},
};

const SERVER: &str = "Xvfb";

/// The program and its package.
pub(super) const TOOL: Piece = program("xvfb", SERVER);

/// A virtual screen, which is closed on drop.
pub(super) struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    /// Opens a screen with a free number.
    pub(super) fn open() -> Result<Self, Error> {
        let mut command = Command::new(SERVER);
        command
            // Without -noreset it resets whenever its last client disconnects.
            .args(["-displayfd", "1", "-screen", "0", "1024x768x24"])
            .args(["-noreset", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let run = not_run(&command);
        let mut server = command.spawn().map_err(&run)?;
        let output = server.stdout.take();
        let mut screen = Self {
            server,
            name: String::new(),
        };
        let mut number = String::new();
        if let Some(output) = output {
            BufReader::new(output)
                .read_line(&mut number)
                .map_err(&run)?;
        }
        if number.trim().is_empty() {
            return Err(run(io::Error::other("it exited at once")));
        }
        screen.name = format!(":{}", number.trim());
        Ok(screen)
    }

    /// Returns the value for `DISPLAY`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
