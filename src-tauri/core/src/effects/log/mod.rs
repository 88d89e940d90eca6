//! Logs: one file a run, written by the service itself. `docs/logs.md` tells where they are and
//! how their times are known.

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
mod read;
mod run_reader;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

pub use self::{
    ansi::{with_colours, without_ansi, without_colours},
    errors::read_errors,
    follow::Follow,
    indexer::keep,
    last_words::last_words,
    latest::{Latest, last_line},
    level::Level,
    line::Line,
    merge::{Merged, MergedFollow},
    read::{Query, Reader, Runs},
};
pub use crate::platform::file::Watcher;
use crate::{
    model::facts::{RunId, StackId},
    platform::file,
    stack::{LogLimits, ServiceName},
};

/// The logs of one service: a folder with two files for each run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLogs {
    folder: PathBuf,
}

/// The log of one run, and the index beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLog {
    run: RunId,
    log: PathBuf,
    index: PathBuf,
}

impl ServiceLogs {
    /// The logs in this folder, which need not exist yet.
    #[must_use]
    pub fn open(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the logs of a service are under the folder of all logs.
    #[must_use]
    pub fn of(logs: &Path, stack: &StackId, service: &ServiceName) -> Self {
        Self::open(logs.join(&stack.0).join(service.as_str()))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the log of a run, for the present user only: the file that the service is given as
    /// its standard output and standard error. Fails if that run has a log already.
    ///
    /// The times of its lines are a matter of [`ServiceLogs::begin_index`], which can wait until
    /// the service runs.
    pub fn create(&self, run: RunId) -> io::Result<File> {
        file::make_private_folder(&self.folder)?;
        file::create_append_private(&self.run(run).log)
    }

    /// Begins the index of a new log, before anybody [keeps](keep) it. A service can do without
    /// the times of its lines, so that a failure is only logged.
    pub fn begin_index(&self, run: RunId) {
        let index = self.run(run).index;
        if let Err(error) = index::IndexWriter::create(&index) {
            tracing::warn!(index = %index.display(), %error, "failed to create the index of a log");
        }
    }

    /// The paths of a run's log, which need not exist.
    #[must_use]
    pub fn run(&self, run: RunId) -> RunLog {
        RunLog {
            run,
            log: self.folder.join(format!("{run}.log")),
            index: self.folder.join(format!("{run}.index")),
        }
    }

    /// The runs that have a log, oldest first. None if the folder is not there.
    pub fn runs(&self) -> io::Result<Vec<RunId>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            // Nothing but what `run` would write: no sign, no zeros in front.
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

    /// The run that began last.
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
            // The log last: as long as it is there, a next try finds the others too.
            for path in [&run.index_aside(), &run.index, &run.log] {
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
    /// Which run.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What the service wrote, byte for byte.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// When it wrote that.
    #[must_use]
    pub fn index(&self) -> &Path {
        &self.index
    }

    /// Where an index goes that could not be understood.
    fn index_aside(&self) -> PathBuf {
        self.index.with_extension("index.damaged")
    }
}
