//! The log of the daemon itself.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    panic,
    path::{Path, PathBuf},
    sync::Mutex,
};

use jiff::{civil::Date, tz::TimeZone};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{host::clock, platform::local};

/// The level of the log: `debug`, or `pilotlight=debug,info`.
const VARIABLE: &str = "PILOTLIGHT_LOG";

/// The number of days for which logs are kept.
const DAYS: usize = 5;

/// Why the log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the log in {} cannot be written: {source}", folder.display())]
pub struct LoggingError {
    /// The folder of the log.
    pub folder: PathBuf,
    /// The operating system's error.
    pub source: io::Error,
}

/// Writes all traces and panics of this process to `<name>.<date>.log` in this folder from now on.
pub fn open(folder: &Path, name: &str) -> Result<(), LoggingError> {
    let daily = Daily::open(folder, name).map_err(|source| LoggingError {
        folder: folder.to_owned(),
        source,
    })?;
    let wanted = env::var(VARIABLE).ok();
    let wanted = wanted.and_then(|wanted| wanted.parse::<Targets>().ok());
    let targets = wanted.unwrap_or_else(|| {
        Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("pilotlight", LevelFilter::INFO)
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Mutex::new(daily))
        .with_ansi(false);
    // Fails only if this process has already been a daemon.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        tracing::error!("{panicked}");
        before(panicked);
    }));
    Ok(())
}

/// Returns the newest file that [`open`] has created with this name, if any.
pub fn latest(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    Ok(files(folder, name)?.pop())
}

/// Returns the files with this name, oldest first: the date is in the name, year first.
fn files(folder: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let prefix = format!("{name}.");
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let is_ours = path.file_name().is_some_and(|file| {
            let file = file.to_string_lossy();
            file.starts_with(&prefix) && file.ends_with(".log")
        });
        if is_ours {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Writes to a file for each day, readable only by the current user.
struct Daily {
    folder: PathBuf,
    name: String,
    day: Date,
    file: File,
}

impl Daily {
    fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let day = today();
        let path = folder.join(format!("{name}.{day}.log"));
        let file = local::private_file().append(true).create(true).open(path)?;
        local::make_private(&file)?;
        let files = files(folder, name)?;
        for old in files.iter().rev().skip(DAYS) {
            // Another process may have removed it. If this fails, the next day's run removes it.
            let _ = fs::remove_file(old);
        }
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            day,
            file,
        })
    }
}

impl Write for Daily {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if today() != self.day
            && let Ok(next) = Self::open(&self.folder, &self.name)
        {
            *self = next;
        }
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns the date in UTC.
fn today() -> Date {
    let now = clock::timestamp();
    now.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_days_are_kept_and_another_name_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for day in 1..=9 {
            fs::write(folder.path().join(format!("daemon.2020-01-0{day}.log")), "").unwrap();
        }
        fs::write(folder.path().join("other.2020-01-01.log"), "").unwrap();
        let mut daily = Daily::open(folder.path(), "daemon").unwrap();
        daily.write_all(b"a line\n").unwrap();
        let kept = files(folder.path(), "daemon").unwrap();
        assert_eq!(kept.len(), DAYS);
        assert_eq!(
            latest(folder.path(), "daemon").unwrap(),
            kept.last().cloned()
        );
        assert_eq!(fs::read_to_string(&kept[4]).unwrap(), "a line\n");
        assert!(folder.path().join("other.2020-01-01.log").exists());
    }
}
