//! Starts daemons in the background, without a terminal.
//!
//! The new process writes one line about the outcome of its start to its standard output and closes
//! it. The starting process waits for that.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    time::timeout,
};

use crate::platform::{Fork, local, program};

/// The time limit for a start, including the adoption of earlier runs.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The maximum length of an error message.
const LONGEST: u64 = 64 * 1024;

/// The number of open files that a daemon of a thousand services may need.
const FILES: u64 = 65_536;

const READY: &str = "ready";

/// Whether this process returns unused memory.
static SAVES: AtomicBool = AtomicBool::new(false);

/// Why the background process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system did not start it.
    #[error("{program} could not be started: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// It failed, with the reason.
    #[error("{0}")]
    Failed(String),
    /// It exited without a message.
    #[error("the background daemon exited at once")]
    Ended,
    /// It does not respond.
    #[error("the background daemon did not report within {} s", TIME_LIMIT.as_secs())]
    Silent,
}

/// Opens an empty file for the standard error of a background program. Only the current user can
/// read it.
pub fn errors_file(path: &Path) -> io::Result<File> {
    let mut options = local::private_file();
    let file = options.create(true).write(true).truncate(true).open(path)?;
    local::make_private(&file)?;
    Ok(file)
}

/// Starts a program in the background and waits until it reports that it is ready. Its standard
/// error is written to `errors`. Must be called within the runtime.
pub async fn start(program: &Path, arguments: &[&str], errors: File) -> Result<(), StartError> {
    let output = program::spawn_in_background(program, arguments, errors);
    hear(output.map_err(|source| StartError::Spawn {
        program: program.display().to_string(),
        source,
    })?)
    .await
}

/// The process in which [`fork`] returns.
pub enum Forked {
    /// The original process.
    Starter(Starting),
    /// The copy, which continues like a process that [`start`] started.
    Background,
}

/// A copy of this process that is starting up.
pub struct Starting(program::ForkOutput);

impl Starting {
    /// Waits until the copy reports that it is ready. Must be called within the runtime.
    pub async fn ready(self) -> Result<(), StartError> {
        let output = self.0.read().map_err(|source| StartError::Spawn {
            program: "a copy of this process".to_owned(),
            source,
        })?;
        hear(output).await
    }
}

/// Forks this process into the background, which is faster than loading the program again. The
/// standard error of the copy is written to `errors`. Must be called before a runtime exists and
/// before other files are open. Returns `None` if a copy is not possible.
pub fn fork(errors: File) -> io::Result<Option<Forked>> {
    let forked = program::fork_in_background(errors)?;
    Ok(forked.map(|fork| match fork {
        Fork::Original(output) => Forked::Starter(Starting(output)),
        Fork::Copy => Forked::Background,
    }))
}

/// Configures a long-lived, mostly idle process to keep no unneeded memory. Must be called before a
/// runtime exists.
pub fn save_memory() {
    SAVES.store(true, Ordering::Relaxed);
    program::save_memory();
}

/// Returns memory that only start-up needed to the system, in a process that saves memory. A
/// desktop app keeps it, since it would need it again.
pub(crate) fn give_memory_back() {
    if SAVES.load(Ordering::Relaxed) {
        program::give_memory_back();
    }
}

/// Waits for the start-up message of a new process.
async fn hear(output: impl AsyncRead + Unpin) -> Result<(), StartError> {
    let mut said = Vec::new();
    let read = timeout(TIME_LIMIT, async {
        let mut output = BufReader::new(output.take(LONGEST));
        output.read_until(b'\n', &mut said).await?;
        // Does not wait for the end after a complete message: the program that hides the console of
        // the new process may keep its output open.
        if said.trim_ascii() != READY.as_bytes() {
            output.read_to_end(&mut said).await?;
        }
        io::Result::Ok(())
    })
    .await;
    let said = String::from_utf8_lossy(&said);
    match (read, said.trim()) {
        (Err(_), _) => Err(StartError::Silent),
        (Ok(_), READY) => Ok(()),
        (Ok(_), "") => Err(StartError::Ended),
        (Ok(_), why) => Err(StartError::Failed(why.to_owned())),
    }
}

/// Detaches this process from its terminal. Call it in a process that [`start`] started.
pub fn detach() -> io::Result<()> {
    program::detach()
}

/// Reports the outcome of the start to the starting process, and closes the standard output.
pub fn announce(outcome: Result<(), &str>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", outcome.err().unwrap_or(READY))?;
    output.flush()?;
    program::close_output()
}

/// Raises the limit of open files for a daemon with many services. Its services inherit the limit:
/// some systems have a lower default for programs that use `select(2)`, and none of these is known
/// to open that many files.
pub fn raise_file_limit() -> io::Result<()> {
    program::raise_file_limit(FILES)
}
