//! Where a keeper writes down what happens to it.

use std::{
    env, io, panic,
    path::{Path, PathBuf},
};

use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// How much is written: `debug`, or `pilotlight=debug,info`.
const VARIABLE: &str = "PILOTLIGHT_LOG";

/// So many days are kept.
const DAYS: usize = 5;

/// Why nothing can be written down.
#[derive(Debug, thiserror::Error)]
#[error("write a log to {}: {source}", folder.display())]
pub struct DiaryError {
    /// Where it was to be.
    pub folder: PathBuf,
    /// The operating system's words.
    pub source: io::Error,
}

/// From now on all that this process traces goes to `<name>.<date>.log` in this folder, panics too.
pub fn open(folder: &Path, name: &str) -> Result<(), DiaryError> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(folder)
        .map_err(|error| DiaryError {
            folder: folder.to_owned(),
            source: io::Error::other(error),
        })?;
    let wanted = env::var(VARIABLE).ok();
    let wanted = wanted.and_then(|wanted| wanted.parse::<Targets>().ok());
    let targets = wanted.unwrap_or_else(|| {
        Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("pilotlight", LevelFilter::INFO)
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(file)
        .with_ansi(false);
    // Set already only in a process that is a keeper twice, one after the other.
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

/// The newest of the files that [`open`] has made with this name, if there is one.
pub fn latest(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
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
    // The date stands in the name, year first.
    Ok(files.into_iter().max())
}
