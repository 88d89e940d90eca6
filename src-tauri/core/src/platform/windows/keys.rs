//! The keys that are pressed on a console.

use std::{future::pending, io, io::Read as _, thread};

use tokio::sync::mpsc;
use windows_sys::Win32::{
    Foundation::HANDLE,
    System::Console::{
        CONSOLE_MODE, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, GetConsoleMode, GetStdHandle,
        STD_INPUT_HANDLE, SetConsoleMode,
    },
};

use super::call::check;

/// The keys that are pressed on the console of the standard input, without an echo. Ctrl+C is still a
/// signal. The console is as before once this is dropped.
pub(crate) struct Keys {
    pressed: mpsc::UnboundedReceiver<char>,
    before: CONSOLE_MODE,
}

impl Keys {
    /// Returns `None` if the standard input is no console.
    pub(crate) fn listen() -> io::Result<Option<Self>> {
        let mut before = 0;
        // SAFETY: the mode is written to a variable that outlives the call; another handle than that of a
        // console is an error.
        if check(unsafe { GetConsoleMode(input(), &raw mut before) }).is_err() {
            return Ok(None);
        }
        set_mode(before & !(ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT))?;
        let (press, pressed) = mpsc::unbounded_channel();
        // It waits in a read until this process ends.
        thread::Builder::new().spawn(move || {
            for key in io::stdin().lock().bytes() {
                let Ok(key) = key else { return };
                if press.send(char::from(key)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Some(Self { pressed, before }))
    }

    /// Waits for the next key. Never returns after the console is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> char {
        match self.pressed.recv().await {
            Some(key) => key,
            None => pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A console that is gone needs no restoring.
        let _ = set_mode(self.before);
    }
}

fn set_mode(mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: takes a handle and a number; another handle than that of a console is an error.
    check(unsafe { SetConsoleMode(input(), mode) })
}

fn input() -> HANDLE {
    // SAFETY: takes a number and gives a handle.
    unsafe { GetStdHandle(STD_INPUT_HANDLE) }
}
