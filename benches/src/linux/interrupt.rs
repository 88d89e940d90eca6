//! Ctrl-C, or a polite end from outside: nothing that was started may be left.

use std::{io, process, thread};

use tokio::signal::unix::{SignalKind, signal};

use super::stage;

/// As a shell says it of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// From now on, ends everything that the bench has started before it ends itself.
pub(crate) fn clean_up_when_asked_to_leave() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        stage::clear_all();
        #[expect(clippy::exit, reason = "the main thread is in the midst of a run")]
        process::exit(INTERRUPTED);
    });
    Ok(())
}
