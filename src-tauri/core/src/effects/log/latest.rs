//! Follows the last line of a service.

use std::{io, time::Duration};

use super::{
    Line, ServiceLogs, Watcher,
    follow::fired,
    run_reader::{LastLine, RunReader},
};
use crate::platform::file;

/// The minimum interval between two lines: people cannot read faster. A flood costs one read in
/// this time.
const PAUSE: Duration = Duration::from_millis(100);

/// The last line of a service, each time it changes. Only the end of the log is read, however much
/// is written in between.
#[derive(Debug)]
pub struct Latest {
    logs: ServiceLogs,
    watcher: Watcher,
    known: LastLine,
    shown: Option<Line>,
    paused: bool,
}

impl Latest {
    /// Follows these logs. Creates their folder, which must exist to be watched for the first run.
    pub fn of(logs: ServiceLogs, watcher: &Watcher) -> io::Result<Self> {
        file::make_private_folder(logs.folder())?;
        Ok(Self {
            logs,
            watcher: watcher.clone(),
            known: LastLine::default(),
            shown: None,
            paused: true,
        })
    }

    /// Waits until the last line differs from the one returned before. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Line> {
        loop {
            if !self.paused {
                tokio::time::sleep(PAUSE).await;
                self.paused = true;
            }
            // Set before the read, so that later data triggers an event.
            let arrival = self.watcher.arrival(self.logs.folder());
            let run = self.logs.latest_run()?;
            let growth = run.map(|run| self.watcher.growth(self.logs.run(run).log()));
            let mut line = read_last_line(&self.logs, &mut self.known)?;
            if line.as_ref().is_some_and(|line| !line.complete) {
                // The rest of the line is probably still being written.
                tokio::time::sleep(PAUSE).await;
                line = read_last_line(&self.logs, &mut self.known)?;
            }
            if let Some(line) = line.filter(|line| self.shown.as_ref() != Some(line)) {
                self.shown = Some(line.clone());
                self.paused = false;
                return Ok(line);
            }
            tokio::select! {
                () = fired(growth) => {}
                () = arrival.fired() => {}
            }
        }
    }
}

/// Returns the last line of the latest run of a service, complete or not.
pub fn last_line(logs: &ServiceLogs) -> io::Result<Option<Line>> {
    read_last_line(logs, &mut LastLine::default())
}

fn read_last_line(logs: &ServiceLogs, known: &mut LastLine) -> io::Result<Option<Line>> {
    let Some(run) = logs.latest_run()? else {
        return Ok(None);
    };
    match RunReader::last_line(logs.run(run), known) {
        // The file was deleted meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        line => line,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::model::facts::RunId;

    #[tokio::test]
    async fn the_last_line_is_reported_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let logs = ServiceLogs::open(folder.path().join("service"));
        let mut latest = Latest::of(logs.clone(), &Watcher::new()).unwrap();
        let writer = async {
            let mut log = logs.create(RunId(1)).unwrap();
            log.write_all(b"one\ntwo\n").unwrap();
            let two = latest.next().await.unwrap();
            assert_eq!((two.text.as_str(), two.run), ("two", RunId(1)));
            log.write_all(b"three\n").unwrap();
            assert_eq!(latest.next().await.unwrap().text, "three");
            let mut log = logs.create(RunId(2)).unwrap();
            log.write_all(b"three\n").unwrap();
            assert_eq!(latest.next().await.unwrap().run, RunId(2));
            log.write_all(b"four\n\nfive").unwrap();
            assert_eq!(latest.next().await.unwrap().text, "five");
            log.write_all(b"\nsix\n").unwrap();
            assert_eq!(latest.next().await.unwrap().text, "six");
        };
        let soon = Duration::from_secs(10);
        tokio::time::timeout(soon, writer).await.unwrap();
    }

    #[test]
    fn a_long_last_line_is_shortened_and_its_omitted_length_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let logs = ServiceLogs::open(folder.path().join("service"));
        let mut log = logs.create(RunId(1)).unwrap();
        let mut known = LastLine::default();
        log.write_all(b"before\nbegins ").unwrap();
        for written in 1..=4_u64 {
            log.write_all(&vec![b'x'; 1 << 20]).unwrap();
            let line = read_last_line(&logs, &mut known).unwrap().unwrap();
            assert!(line.text.starts_with("begins xx"), "{written}");
            assert!(line.text.len() <= 64 * 1024 && !line.complete);
            let all = line.text.len() as u64 + line.left_out;
            assert_eq!(all, "begins ".len() as u64 + (written << 20));
        }
        assert_eq!(
            last_line(&logs).unwrap().unwrap().remark().unwrap(),
            " [3 MiB more]"
        );
        log.write_all(b"\nafter\n").unwrap();
        let line = read_last_line(&logs, &mut known).unwrap().unwrap();
        assert_eq!(
            (line.text.as_str(), line.left_out, line.complete),
            ("after", 0, true)
        );
    }
}
