//! The keys that are pressed on a terminal.

use std::{future::pending, io, io::IsTerminal as _, os::fd::OwnedFd, time::Duration};

use rustix::{
    process::getpgrp,
    stdio::stdin,
    termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
    },
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
};

/// The pause before input is looked at again that arrives while another program has the terminal.
const ELSEWHERE: Duration = Duration::from_millis(250);

/// The keys that are pressed on the terminal of the standard input, without an echo. Ctrl-C is still a
/// signal. The terminal is as before once this is dropped.
pub(crate) struct Keys {
    input: AsyncFd<OwnedFd>,
    before: Termios,
    /// The signal after a pause of this process (Ctrl-Z), in which the shell has changed the terminal.
    resumed: Signal,
}

impl Keys {
    /// Returns `None` if the standard input is no terminal, or another program has it. Must be called
    /// within the runtime.
    pub(crate) fn listen() -> io::Result<Option<Self>> {
        if !io::stdin().is_terminal() || !has_terminal() {
            return Ok(None);
        }
        let input = stdin().try_clone_to_owned()?;
        // SAFETY: the `OwnedFd` is open, and nothing closes it before the `AsyncFd` drops it,
        // deregistered.
        let input = unsafe { AsyncFd::register_with_interest(input, Interest::READABLE) };
        let keys = Self {
            input: input?,
            before: tcgetattr(stdin())?,
            resumed: signal(SignalKind::from_raw(libc::SIGCONT))?,
        };
        keys.prepare()?;
        Ok(Some(keys))
    }

    /// Lets the terminal pass on each key at once.
    fn prepare(&self) -> io::Result<()> {
        let mut mode = self.before.clone();
        mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // A read never waits.
        mode.special_codes[SpecialCodeIndex::VMIN] = 0;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(stdin(), OptionalActions::Now, &mode)?)
    }

    /// Waits for the next key. Never returns after the terminal is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> char {
        loop {
            let ready = tokio::select! {
                Some(()) = self.resumed.recv() => {
                    if has_terminal() {
                        // A terminal that is gone sends no keys either.
                        let _ = self.prepare();
                    }
                    continue;
                }
                ready = self.input.readable() => ready,
            };
            let Ok(mut ready) = ready else {
                // The runtime is shutting down.
                return pending().await;
            };
            if !has_terminal() {
                // A read would stop this process.
                tokio::time::sleep(ELSEWHERE).await;
                continue;
            }
            let mut key = [0];
            match rustix::io::read(stdin(), &mut key) {
                Ok(1..) => return char::from(key[0]),
                Ok(0) | Err(_) => ready.clear_ready(),
            }
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if has_terminal() {
            // A terminal that is gone needs no restoring.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
        }
    }
}

/// Returns whether this process is in the foreground of the terminal.
fn has_terminal() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}
