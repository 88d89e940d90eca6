//! Follows new lines of a log.

use std::{io, time::Duration};

use super::{Line, Reader, Runs, Watcher, pace::Pace};
use crate::{
    host::clock,
    model::facts::RunId,
    platform::file::{self, Armed},
};

/// The time after which an incomplete line is shown (a prompt, a progress bar).
const HELD_BACK: Duration = Duration::from_millis(100);

/// The new lines of a service, after the existing ones.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    watcher: Watcher,
    pace: Pace,
    /// The pause before the next read.
    pause: Duration,
    /// The position of the incomplete line that was shown last.
    offered: Option<(RunId, u64)>,
}

impl Reader {
    /// Follows the output of the service, including its next runs unless the query names one run.
    /// Unread lines come first. No line is lost or repeated.
    pub fn follow(self, watcher: &Watcher) -> io::Result<Follow> {
        // The folder of the first run must exist to be watched.
        file::make_private_folder(self.logs().folder())?;
        Ok(Follow {
            reader: self,
            watcher: watcher.clone(),
            pace: Pace::default(),
            pause: Duration::ZERO,
            offered: None,
        })
    }
}

impl Follow {
    /// Waits for the next line. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Line> {
        loop {
            // Lets other tasks run during a flood.
            tokio::task::consume_budget().await;
            if let Some(line) = self.reader.next_whole()? {
                return Ok(line);
            }
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
                self.pause = Duration::ZERO;
            }
            if self.has_more()? {
                continue;
            }
            let log = self.reader.current().map(|run| run.log().log().to_owned());
            let growth = log.map(|log| self.watcher.growth(&log));
            let arrival = self
                .goes_on()
                .then(|| self.watcher.arrival(self.reader.logs().folder()));
            // Data that was written before the watches were set triggers no event.
            if self.has_more()? {
                continue;
            }
            let rest = self
                .reader
                .current()
                .and_then(|run| Some((run.log().run(), run.rest_ends()?)));
            tokio::select! {
                () = fired(growth) => {}
                () = fired(arrival) => {}
                () = tokio::time::sleep(HELD_BACK), if rest.is_some() && rest != self.offered => {
                    self.offered = rest;
                    if let Some(line) = self.reader.take_rest(false) {
                        return Ok(line);
                    }
                }
            }
        }
    }

    /// Returns the remarks about the lines so far; see [`Reader::take_remarks`].
    pub fn take_remarks(&mut self) -> Vec<String> {
        self.reader.take_remarks()
    }

    /// Returns whether more runs may follow the current one.
    fn goes_on(&mut self) -> bool {
        match self.reader.query().runs {
            Runs::All | Runs::Latest => true,
            Runs::One(_) => self.reader.current().is_none(),
        }
    }

    /// Returns whether there is more to read.
    fn has_more(&mut self) -> io::Result<bool> {
        let grown = match self.reader.current() {
            Some(run) => run.check_growth()?,
            None => false,
        };
        if grown {
            self.pause = self.pace.grew(clock::now().instant);
            return Ok(true);
        }
        // The rest of the current run comes before the next run.
        Ok(self.goes_on() && self.reader.look_for_runs()?)
    }
}

/// Waits for an event; forever without a watch.
pub(super) async fn fired(armed: Option<Armed>) {
    match armed {
        Some(armed) => armed.fired().await,
        None => std::future::pending().await,
    }
}
