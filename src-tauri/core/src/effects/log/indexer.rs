//! What accompanies a log while its service writes it: the times of its lines, and its size.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use tokio::task;
use tokio_util::sync::CancellationToken;

use super::{RunLog, index::IndexWriter, pace::Pace};
use crate::{
    host::clock,
    platform::file::{self, Extent, Watcher},
    stack::LogLimits,
};

/// How far to look for the end of a line to cut after. A longer one is cut in its middle.
const LONGEST_CUT_LINE: u64 = 1 << 20;

/// Notes when the lines of a run are written and lets its oldest part go when it is larger than
/// `limits.size` by an eighth. Ends soon after `cancel`, when all that was written by then is noted.
///
/// The service writes on its own: nothing here can hold it up, and without this it only loses the
/// times of its lines. Goes on where an earlier daemon stopped. A failure (a full disk) is logged
/// once and the next step tried as if nothing had been. Costs nothing while the service is silent.
pub async fn keep(watcher: &Watcher, run: &RunLog, limits: LogLimits, cancel: CancellationToken) {
    let mut keeping = Keeping {
        run,
        limit: limits.size,
        pen: None,
        seen: 0,
        begins: 0,
        complained: false,
    };
    let mut pace = Pace::default();
    loop {
        let Some(mut grown) = keeping.look().await else {
            return;
        };
        let mut armed = None;
        if !grown {
            armed = Some(watcher.growth(run.log()));
            let Some(grown_since) = keeping.look().await else {
                return;
            };
            grown = grown_since;
        }
        let goes_on = match armed {
            Some(armed) if !grown => cancel.run_until_cancelled(armed.fired()).await,
            armed => {
                drop(armed);
                let pause = pace.grew(clock::now().instant);
                if pause.is_zero() {
                    continue;
                }
                cancel.run_until_cancelled(tokio::time::sleep(pause)).await
            }
        };
        if goes_on.is_none() {
            keeping.look().await;
            return;
        }
    }
}

struct Keeping<'run> {
    run: &'run RunLog,
    limit: u64,
    /// `None` until the index could be opened.
    pen: Option<IndexWriter>,
    /// The size at the last look.
    seen: u64,
    /// What lies before was let go, or could not be.
    begins: u64,
    complained: bool,
}

impl Keeping<'_> {
    /// Looks once: whether the log has grown, or `None` if it is gone.
    async fn look(&mut self) -> Option<bool> {
        let extent = match File::open(self.run.log()).and_then(|log| file::extent(&log)) {
            Ok(extent) => extent,
            Err(error) => {
                self.complain("read", &error);
                return (error.kind() != io::ErrorKind::NotFound).then_some(false);
            }
        };
        if extent.size == self.seen {
            return Some(false);
        }
        if extent.size < self.seen {
            // Somebody emptied the file; the index starts anew with it.
            self.pen = None;
            self.begins = 0;
        }
        self.seen = extent.size;
        if let Err(error) = self.note(extent) {
            self.complain("note the times of", &error);
        }
        if let Err(error) = self.shorten(extent.size).await {
            self.complain("shorten", &error);
        }
        Some(true)
    }

    fn note(&mut self, extent: Extent) -> io::Result<()> {
        let index = self.run.index();
        let pen = if let Some(pen) = &mut self.pen {
            pen
        } else {
            let (pen, damage) = IndexWriter::resume(index, &self.run.index_aside(), extent.size)?;
            if let Some(damage) = damage {
                tracing::warn!(index = %index.display(), %damage,
                    "the times of earlier log lines are not known");
            }
            self.begins = pen.begins();
            self.pen.insert(pen)
        };
        if extent.size > pen.noted() {
            pen.note(index, extent.size, extent.modified)?;
        }
        if pen.is_full() {
            *pen = IndexWriter::thin(index)?;
        }
        Ok(())
    }

    /// Lets the oldest part go if there is an eighth more than allowed.
    async fn shorten(&mut self, size: u64) -> io::Result<()> {
        let kept = size.saturating_sub(self.begins);
        if kept <= self.limit.saturating_add(self.limit / 8) {
            return Ok(());
        }
        let wanted = size - self.limit;
        let run = self.run.clone();
        // Reading around the cut and freeing storage can wait for the disk.
        self.begins = blocking(move || line_from(run.log(), wanted)).await?;
        // Noted first, so that no reader meets the hole unawares; let go even if that fails, since
        // a full disk may be why.
        let noted = match &mut self.pen {
            Some(pen) => pen.begin_at(self.run.index(), self.begins),
            None => Ok(()),
        };
        let (run, begins) = (self.run.clone(), self.begins);
        blocking(move || file::release(run.log(), begins)).await?;
        noted
    }

    fn complain(&mut self, what: &str, error: &io::Error) {
        if !self.complained {
            tracing::warn!(log = %self.run.log().display(), %error, "failed to {what} the log");
            self.complained = true;
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Where the first line begins at `wanted` or after it; `wanted` itself in an endless line.
fn line_from(log: &Path, wanted: u64) -> io::Result<u64> {
    let mut at = wanted.saturating_sub(1);
    let mut log = File::open(log)?;
    log.seek(SeekFrom::Start(at))?;
    let mut log = log.take(LONGEST_CUT_LINE);
    let mut block = vec![0; 64 * 1024];
    loop {
        let read = log.read(&mut block)?;
        if read == 0 {
            return Ok(wanted);
        }
        if let Some(newline) = memchr::memchr(b'\n', &block[..read]) {
            return Ok(at + newline as u64 + 1);
        }
        at += read as u64;
    }
}
