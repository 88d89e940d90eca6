//! Logs: one file for each run, written by the service itself. `docs/logs.md` describes their
//! location and the source of their times.

mod ansi;
mod errors;
mod follow;
mod index;
mod indexer;
mod last_words;
mod latest;
mod level;
mod line;
mod merge;
mod pace;
mod pattern;
mod read;
mod run_reader;
mod stamp;

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use self::line::after_newline;
pub use self::{
    ansi::{with_colours, without_ansi, without_colours},
    errors::{OwnErrors, read_errors, read_excerpt},
    follow::Follow,
    indexer::run_indexer,
    last_words::last_words,
    latest::{Latest, last_line},
    level::Level,
    line::Line,
    merge::{MergedFollow, MergedLogs},
    read::{Query, Reader, Runs},
    stamp::continue_from,
};
pub use crate::platform::file::Watcher;
use crate::{
    model::facts::{RunId, StackId},
    platform::file,
    stack::{LogLimits, ServiceName},
};

/// The logs of a service: a folder with two files for each run, and a third one for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLogs {
    folder: PathBuf,
}

/// The log of a run, and its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLog {
    run: RunId,
    log: PathBuf,
    index: PathBuf,
    input: PathBuf,
    terminal: PathBuf,
    stamped: PathBuf,
}

impl ServiceLogs {
    /// Returns the logs in this folder, which need not exist yet.
    #[must_use]
    pub fn open(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the logs of a service in the folder of all logs.
    #[must_use]
    pub fn of(logs: &Path, stack: &StackId, service: &ServiceName) -> Self {
        Self::open(logs.join(&stack.0).join(service.as_str()))
    }

    /// Returns the folder of the logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the log of a run, readable only by the current user. The service writes its standard
    /// output and standard error to it. Fails if the run already has a log.
    ///
    /// The index is created by [`ServiceLogs::begin_index`], which can wait until the service runs.
    pub fn create(&self, run: RunId) -> io::Result<File> {
        file::make_private_folder(&self.folder)?;
        file::create_append_private(&self.run(run).log)
    }

    /// Creates the standard input of a run, which stays open and empty: a named pipe that the service
    /// itself holds open for writing. Fails on systems without such pipes.
    pub fn create_input(&self, run: RunId) -> io::Result<File> {
        crate::platform::process::create_input(&self.run(run).input)
    }

    /// Creates the log of a container's run, whose lines begin with their times, and writes the
    /// name of the container to a file beside it.
    pub fn create_stamped(&self, run: RunId, container: &str) -> io::Result<File> {
        file::make_private_folder(&self.folder)?;
        fs::write(self.run(run).stamped, container)?;
        self.create(run)
    }

    /// Creates the index of a new log, before it is [indexed](run_indexer). A failure is only
    /// logged, since a service can run without it.
    pub fn begin_index(&self, run: RunId) {
        let index = self.run(run).index;
        if let Err(error) = index::IndexWriter::create(&index) {
            tracing::warn!(index = %index.display(), %error, "failed to create the index of a log");
        }
    }

    /// Returns the paths of a run's log, which need not exist.
    #[must_use]
    pub fn run(&self, run: RunId) -> RunLog {
        RunLog {
            run,
            log: self.folder.join(format!("{run}.log")),
            index: self.folder.join(format!("{run}.index")),
            input: self.folder.join(format!("{run}.in")),
            terminal: self.folder.join(format!("{run}.tty")),
            stamped: self.folder.join(format!("{run}.container")),
        }
    }

    /// Returns the runs that have a log, oldest first; none if the folder does not exist.
    pub fn runs(&self) -> io::Result<Vec<RunId>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            // Only names that `run` creates: no sign, no leading zeros.
            let run = name.to_str().and_then(|name| name.strip_suffix(".log"));
            if let Some(run) = run.and_then(|run| run.parse().ok().map(RunId))
                && *name == *format!("{run}.log")
            {
                runs.push(run);
            }
        }
        runs.sort_unstable();
        Ok(runs)
    }

    /// Returns the latest run.
    pub fn latest_run(&self) -> io::Result<Option<RunId>> {
        Ok(self.runs()?.pop())
    }

    /// Deletes the logs of all but the newest `limits.runs` runs; never that of the newest.
    pub fn prune(&self, limits: LogLimits) -> io::Result<()> {
        let mut runs = self.runs()?;
        let keep = usize::try_from(limits.runs.max(1)).unwrap_or(usize::MAX);
        runs.truncate(runs.len().saturating_sub(keep));
        for run in runs {
            let run = self.run(run);
            // The log is deleted last, so that a later attempt still finds the other files.
            let others = [
                &run.index_aside(),
                &run.index,
                &run.input,
                &run.terminal,
                &run.stamped,
                &run.log,
            ];
            for path in others {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl RunLog {
    /// Returns the run that writes it.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Returns the path of the output, byte for byte.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the path of the index.
    #[must_use]
    pub fn index(&self) -> &Path {
        &self.index
    }

    /// Opens the output for reading, at most this many bytes before its end and at the start of a line, if
    /// one starts there.
    pub(crate) fn open_near_end(&self, bytes: u64) -> io::Result<File> {
        let mut log = File::open(&self.log)?;
        let end = log.metadata()?.len();
        let start = match end.saturating_sub(bytes) {
            0 => 0,
            start => after_newline(&mut log, start, end)?.unwrap_or(start),
        };
        log.seek(SeekFrom::Start(start))?;
        Ok(log)
    }

    /// Returns the file that names the terminal of the run, which exists if it has one.
    #[must_use]
    pub fn terminal(&self) -> &Path {
        &self.terminal
    }

    /// Writes to the standard input of the run.
    ///
    /// # Errors
    ///
    /// - `NotFound` if it has none, or no process reads it.
    /// - `WouldBlock` if the service has not read what was sent before.
    /// - `Unsupported` on Windows.
    pub fn send(&self, text: &[u8]) -> io::Result<()> {
        crate::platform::process::write_input(&self.input, text)
    }

    /// Returns whether its lines begin with the times that a container engine writes.
    fn is_stamped(&self) -> bool {
        self.stamped.exists()
    }

    /// Returns the path for an unreadable index.
    fn index_aside(&self) -> PathBuf {
        self.index.with_extension("index.damaged")
    }
}
