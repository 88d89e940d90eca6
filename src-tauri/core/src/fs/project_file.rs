//! Reads the files of a project. Such a file can be anything: a pipe of a secret manager, a link to
//! an endless device, a file on a network mount that does not respond. Each read has a size limit
//! and a time limit, and [`apart`] keeps it off the runtime.

#[cfg(test)]
mod tests;

use std::{
    io::{self, Read as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use crate::{host::clock, platform::file};

/// The size limit in bytes: more than any hand-written project file has.
pub const SIZE_LIMIT: usize = 1 << 20;

/// The time limit of a read before a start. A secret manager may prompt the user first.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The maximum number of concurrent reads. A read that hangs in the operating system cannot be
/// cancelled, and keeps its thread.
const THREADS: usize = 64;

/// The pause before an empty pipe is read again. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

/// The extra time for work with its own time limit, so that it can report the reason.
const GRACE: Duration = Duration::from_millis(100);

/// A reader of files that share one time limit.
#[derive(Clone, Debug)]
pub struct Reader {
    until: Instant,
    time_limit: Duration,
    /// Set when the result is no longer needed.
    abandoned: Arc<AtomicBool>,
}

impl Reader {
    /// Returns a reader with this time limit, counted from now.
    #[must_use]
    pub fn within(time_limit: Duration) -> Self {
        Self {
            until: clock::now().instant + time_limit,
            time_limit,
            abandoned: Arc::default(),
        }
    }

    /// Reads a whole file. Blocking; a pipe is read until its writer closes it.
    ///
    /// # Errors
    ///
    /// - `FileTooLarge` for more than [`SIZE_LIMIT`] bytes; no more than that is read.
    /// - `TimedOut` for a pipe that has no writer in time, or does not end.
    /// - Any other error of the operating system.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (file, is_pipe) = file::open_without_waiting(path)?;
        let mut bytes = Vec::new();
        let mut pause = FIRST_PAUSE;
        loop {
            let room = SIZE_LIMIT + 1 - bytes.len();
            match (&file).take(room as u64).read_to_end(&mut bytes) {
                Ok(_) if bytes.len() > SIZE_LIMIT => {
                    let what = format!("it is larger than {} MiB", SIZE_LIMIT >> 20);
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
                }
                // Without a writer, the pipe seems to be at its end.
                Ok(_) if is_pipe && bytes.is_empty() => {}
                Ok(_) => return Ok(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if clock::now().instant >= self.until || self.abandoned.load(Ordering::Relaxed) {
                let what = if is_pipe && bytes.is_empty() {
                    "it is a pipe, and no process wrote to it"
                } else {
                    "it does not come to an end"
                };
                return Err(timed_out(what, self.time_limit));
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "no event announces a writer, and this thread only waits for it"
            )]
            thread::sleep(pause);
            pause = LAST_PAUSE.min(pause * 2);
        }
    }

    /// Reads a whole file that must be UTF-8.
    ///
    /// # Errors
    ///
    /// The same as [`Self::read`], and `InvalidData`.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        let bytes = self.read(path)?;
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    }
}

/// Runs `work`, which reads files, on a separate thread: neither the runtime nor its shutdown waits for
/// a file system that does not respond. Dropping the future stops the wait for pipes.
///
/// # Errors
///
/// `TimedOut` after `time_limit`, or the system's error if the thread cannot be created.
pub async fn apart<T: Send + 'static>(
    time_limit: Duration,
    work: impl FnOnce(&Reader) -> T + Send + 'static,
) -> io::Result<T> {
    static ROOM: Semaphore = Semaphore::const_new(THREADS);
    let reader = Reader::within(time_limit);
    let _dropped = Abandon(reader.abandoned.clone());
    let done = async {
        let room = ROOM.acquire().await.map_err(io::Error::other)?;
        let result = on_a_thread(move || {
            let result = work(&reader);
            drop(room);
            result
        })?;
        result.await.map_err(io::Error::other)
    };
    let done = timeout(time_limit + GRACE, done).await;
    done.unwrap_or_else(|_| Err(timed_out("it could not be read", time_limit)))
}

/// Does the same for a synchronous caller: blocks for `time_limit` at most.
///
/// # Errors
///
/// The same as [`apart`].
pub fn apart_blocking<T: Send + 'static>(
    time_limit: Duration,
    work: impl FnOnce(&Reader) -> T + Send + 'static,
) -> io::Result<T> {
    let reader = Reader::within(time_limit);
    let _dropped = Abandon(reader.abandoned.clone());
    let (answer, answered) = mpsc::channel();
    on_a_thread(move || answer.send(work(&reader)))?;
    let done = answered.recv_timeout(time_limit + GRACE);
    done.map_err(|_| timed_out("it could not be read", time_limit))
}

/// Runs `work` on a new detached thread, and returns the receiver of its result.
pub(crate) fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (answer, answered) = oneshot::channel();
    let thread = thread::Builder::new().name("project files".into());
    // The caller may have stopped waiting.
    thread.spawn(move || drop(answer.send(work())))?;
    Ok(answered)
}

struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn timed_out(what: &str, time_limit: Duration) -> io::Error {
    let milliseconds = time_limit.as_millis();
    let within = match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        _ => format!("{} s", time_limit.as_secs()),
    };
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {within}"))
}
