//! Where a keeper writes down what happens to it.

use std::{io, panic};

use pilotlight::home::Home;
use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::failure::Failure;

/// How much is written: `debug`, or `pilotlight=debug,info`.
const VARIABLE: &str = "PILOTLIGHT_LOG";

/// So many days are kept.
const DAYS: usize = 5;

/// From now on all that is traced goes to `keeper.DATE.log` beside what the keeper remembers.
pub(crate) fn open(home: &Home) -> Result<(), Failure> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("keeper")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(home.state())
        .map_err(|error| Failure::Log {
            path: home.state().to_owned(),
            source: io::Error::other(error),
        })?;
    let wanted = std::env::var(VARIABLE).ok();
    let wanted = wanted.and_then(|wanted| wanted.parse::<Targets>().ok());
    let targets = wanted.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
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
