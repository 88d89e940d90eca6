//! Goes on with the lines that come.

use std::{io, time::Duration};

use super::{Line, Reader, Runs, Watcher, pace::Pace};
use crate::{
    host::clock,
    model::facts::RunId,
    platform::file::{self, Armed},
};

/// A line whose end does not come is shown after this much silence (a prompt, a progress bar).
const HELD_BACK: Duration = Duration::from_millis(100);

/// The lines of a service as they come, after those that were there.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    watcher: Watcher,
    pace: Pace,
    /// A pause that is still to be made.
    pause: Duration,
    /// Up to where the line that has not ended was looked at after a silence.
    offered: Option<(RunId, u64)>,
}

impl Reader {
    /// Goes on with what the service writes from now on, through its next runs too unless one run
    /// was asked for. Lines that were not read yet come first; none is lost in between or comes
    /// twice.
    pub fn follow(self, watcher: &Watcher) -> io::Result<Follow> {
        // There must be a folder to watch for the first run.
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
    /// The next line; waits until there is one. Cancel-safe: a line is either returned or still to
    /// come.
    pub async fn next(&mut self) -> io::Result<Line> {
        loop {
            // So that a reader of a flood leaves room for others.
            tokio::task::consume_budget().await;
            if let Some(line) = self.reader.next_whole()? {
                return Ok(line);
            }
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
                self.pause = Duration::ZERO;
            }
            if self.look()? {
                continue;
            }
            let log = self.reader.current().map(|run| run.log().log().to_owned());
            let growth = log.map(|log| self.watcher.growth(&log));
            let arrival = self
                .goes_on()
                .then(|| self.watcher.arrival(self.reader.logs().folder()));
            // What came before the watches were set wakes nobody.
            if self.look()? {
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

    /// What a person should know about the lines so far; see [`Reader::take_remarks`].
    pub fn take_remarks(&mut self) -> Vec<String> {
        self.reader.take_remarks()
    }

    /// Whether another run may be read after the present one.
    fn goes_on(&mut self) -> bool {
        match self.reader.query().runs {
            Runs::All | Runs::Latest => true,
            Runs::One(_) => self.reader.current().is_none(),
        }
    }

    /// Whether there is more to read.
    fn look(&mut self) -> io::Result<bool> {
        let grown = match self.reader.current() {
            Some(run) => run.look()?,
            None => false,
        };
        if grown {
            self.pause = self.pace.grew(clock::now().instant);
            return Ok(true);
        }
        // Only when all of the present run is read: its rest belongs before the next.
        Ok(self.goes_on() && self.reader.look_for_runs()?)
    }
}

/// Never ends without a watch.
async fn fired(armed: Option<Armed>) {
    match armed {
        Some(armed) => armed.fired().await,
        None => std::future::pending().await,
    }
}
