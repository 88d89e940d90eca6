//! Indexes a log while its service writes it, and limits its size.

use std::{fs::File, io, path::Path};

use tokio::task;
use tokio_util::sync::CancellationToken;

use super::{RunLog, index::IndexWriter, line::after_newline, pace::Pace};
use crate::{
    host::clock,
    platform::file::{self, Extent, Watcher},
    stack::LogLimits,
};

/// How far to search for a line end at which to cut. A longer line is cut in its middle.
const LONGEST_CUT_LINE: u64 = 1 << 20;

/// Records when the lines of a run are written, and discards the oldest part when the log exceeds
/// `limits.size` by an eighth. Ends soon after `cancel`, once everything written by then is
/// recorded.
///
/// The service writes independently of this: a failure here costs only the times of its lines.
/// Continues the work of an earlier daemon. A failure (a full disk) is logged once, and the next
/// step is tried regardless. Costs nothing while the service is silent.
pub async fn run_indexer(
    watcher: &Watcher,
    run: &RunLog,
    limits: LogLimits,
    cancel: CancellationToken,
) {
    let mut indexer = Indexer {
        run,
        limit: limits.size,
        writer: None,
        seen: 0,
        begins: 0,
        warned: false,
    };
    let mut pace = Pace::default();
    loop {
        let Some(mut grown) = indexer.check_growth().await else {
            return;
        };
        let mut armed = None;
        if !grown {
            armed = Some(watcher.growth(run.log()));
            let Some(grown_since) = indexer.check_growth().await else {
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
            indexer.check_growth().await;
            return;
        }
    }
}

struct Indexer<'run> {
    run: &'run RunLog,
    limit: u64,
    /// `None` until the index is open.
    writer: Option<IndexWriter>,
    /// The size at the last check.
    seen: u64,
    /// Data before this offset was discarded, or could not be.
    begins: u64,
    warned: bool,
}

impl Indexer<'_> {
    /// Checks and indexes the log once. Returns whether it has grown, or `None` if it was deleted.
    async fn check_growth(&mut self) -> Option<bool> {
        let extent = match File::open(self.run.log()).and_then(|log| file::extent(&log)) {
            Ok(extent) => extent,
            Err(error) => {
                self.warn_once("read", &error);
                return (error.kind() != io::ErrorKind::NotFound).then_some(false);
            }
        };
        if extent.size == self.seen {
            return Some(false);
        }
        let mut existing = extent.size;
        if extent.size < self.seen {
            // Another process has truncated the file; the index starts again, and all lines are new.
            self.writer = None;
            self.begins = 0;
            existing = 0;
        }
        self.seen = extent.size;
        if let Err(error) = self.note(extent, existing) {
            self.warn_once("note the times of", &error);
        }
        if let Err(error) = self.shorten(extent.size).await {
            self.warn_once("shorten", &error);
        }
        Some(true)
    }

    /// Records the time of the lines since the last check. The times of the first `existing` bytes are
    /// unknown if the index has none.
    fn note(&mut self, extent: Extent, existing: u64) -> io::Result<()> {
        let index = self.run.index();
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let (writer, damage) = IndexWriter::resume(index, &self.run.index_aside(), existing)?;
            if let Some(damage) = damage {
                tracing::warn!(index = %index.display(), %damage,
                    "the times of earlier log lines are not known");
            }
            self.begins = writer.begins();
            self.writer.insert(writer)
        };
        if extent.size > writer.noted() {
            writer.note(index, extent.size, extent.modified)?;
        }
        if writer.is_full() {
            *writer = IndexWriter::thin(index)?;
        }
        Ok(())
    }

    /// Discards the oldest part if the log exceeds its limit by an eighth.
    async fn shorten(&mut self, size: u64) -> io::Result<()> {
        let kept = size.saturating_sub(self.begins);
        if kept <= self.limit.saturating_add(self.limit / 8) {
            return Ok(());
        }
        let wanted = size - self.limit;
        let run = self.run.clone();
        // Reading around the cut and freeing storage may block on the disk.
        self.begins = blocking(move || line_from(run.log(), wanted)).await?;
        // Recorded first, so that no reader finds an unexpected hole. The data is discarded even if
        // that fails, since a full disk may be the reason.
        let noted = match &mut self.writer {
            Some(writer) => writer.begin_at(self.run.index(), self.begins),
            None => Ok(()),
        };
        let (run, begins) = (self.run.clone(), self.begins);
        blocking(move || file::release(run.log(), begins)).await?;
        noted
    }

    fn warn_once(&mut self, what: &str, error: &io::Error) {
        if !self.warned {
            tracing::warn!(log = %self.run.log().display(), %error, "failed to {what} the log");
            self.warned = true;
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Returns the offset of the first line at or after `wanted`; `wanted` itself in an endless line.
fn line_from(log: &Path, wanted: u64) -> io::Result<u64> {
    let from = wanted.saturating_sub(1);
    let found = after_newline(&mut File::open(log)?, from, from + LONGEST_CUT_LINE)?;
    Ok(found.unwrap_or(wanted))
}
