//! Stops every started process on Ctrl-C and SIGTERM.

use std::{io, process, thread};

use tokio::signal::unix::{SignalKind, signal};

use super::stage;

/// The exit code that shells use for an interrupted program.
const INTERRUPTED: i32 = 130;

/// Handles SIGINT and SIGTERM from now on: kills everything that the bench has started, then exits.
pub(crate) fn clean_up_on_signals() -> io::Result<()> {
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
        #[expect(clippy::exit, reason = "the main thread is in the middle of a run")]
        process::exit(INTERRUPTED);
    });
    Ok(())
}
