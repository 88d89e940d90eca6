//! Detects services that write the files that they watch.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

/// The number of consecutive restarts by the same file that count as a loop.
const LOOP: usize = 5;
/// The time after a start in which a change can be part of a loop.
const SOON: Duration = Duration::from_secs(10);
/// The maximum difference between the times from start to change in a loop, unless a third of them
/// is more. Those of a person who saves a file vary more.
const SPREAD: Duration = Duration::from_millis(500);

/// The latest restarts of a service that were caused by changed files.
#[derive(Clone, Debug, Default)]
pub(super) struct Loops {
    /// When the current run began.
    begun: Option<Instant>,
    /// The files that have changed before each of the latest restarts.
    files: BTreeSet<PathBuf>,
    /// The times from the start to the change.
    delays: Vec<Duration>,
    /// The files of loops, which no longer cause restarts.
    closed: BTreeSet<PathBuf>,
}

impl Loops {
    /// Records the start of a run.
    pub(super) fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Returns the files without those that the service is known to write itself.
    pub(super) fn news(&self, files: Vec<PathBuf>) -> Vec<PathBuf> {
        let files = files.into_iter();
        files.filter(|file| !self.closed.contains(file)).collect()
    }

    /// Records changed files. Returns whether the service writes them itself; they no longer cause
    /// restarts then.
    pub(super) fn close(&mut self, files: &[PathBuf], now: Instant) -> bool {
        let delay = self.begun.map(|begun| now.duration_since(begun));
        let Some(delay) = delay.filter(|delay| *delay < SOON) else {
            self.delays.clear();
            return false;
        };
        let common: BTreeSet<PathBuf> = files
            .iter()
            .filter(|file| self.delays.is_empty() || self.files.contains(*file))
            .cloned()
            .collect();
        if common.is_empty() {
            self.delays.clear();
            self.files = files.iter().cloned().collect();
        } else {
            self.files = common;
        }
        self.delays.push(delay);
        if self.delays.len() > LOOP {
            self.delays.remove(0);
        }
        let least = self.delays.iter().min().copied().unwrap_or_default();
        let most = self.delays.iter().max().copied().unwrap_or_default();
        let is_loop = self.delays.len() == LOOP && most.abs_diff(least) < SPREAD.max(most / 3);
        if is_loop {
            self.closed.append(&mut self.files);
            self.delays.clear();
        }
        is_loop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Restarts a service after each of these delays, in milliseconds, and returns which of them
    /// were recognized as a loop.
    fn loops(changes: &[(u64, &[&str])]) -> Vec<bool> {
        let mut now = crate::host::clock::now().instant;
        let mut loops = Loops::default();
        let close = |(delay, files): &(u64, &[&str])| {
            loops.begin(now);
            now += Duration::from_millis(*delay);
            let files = files.iter().map(PathBuf::from).collect();
            let files = loops.news(files);
            !files.is_empty() && loops.close(&files, now)
        };
        changes.iter().map(close).collect()
    }

    #[test]
    fn the_same_file_after_the_same_time_five_times_in_a_row_is_a_loop() {
        let found = loops(&[
            (900, &["a.py", "gen.py"]),
            (1000, &["gen.py"]),
            (1100, &["b.py", "gen.py"]),
            (950, &["gen.py"]),
            (1000, &["gen.py"]),
            // From now on it is ignored, but other files are not.
            (1000, &["gen.py"]),
            (1000, &["a.py"]),
        ]);
        assert_eq!(found, [false, false, false, false, true, false, false]);
    }

    #[test]
    fn a_person_who_saves_a_file_again_and_again_is_not_a_loop() {
        let times = [1200, 3400, 800, 5000, 2100, 900, 4200, 1500, 30_000, 700];
        let changes = times.map(|time| (time, &["main.py"][..]));
        assert!(loops(&changes).iter().all(|is_loop| !is_loop));
        let others = [
            (900, &["a"][..]),
            (900, &["b"]),
            (900, &["c"]),
            (900, &["d"]),
            (900, &["e"]),
        ];
        assert!(loops(&others).iter().all(|is_loop| !is_loop));
    }
}
