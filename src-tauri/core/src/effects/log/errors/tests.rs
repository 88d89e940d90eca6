//! Reads errors from the output of real programs.

mod errors;
mod files;
mod healthy;
mod known;

mod team;
mod unreachable;

use std::time::{Duration, SystemTime};

use super::{
    OwnErrors,
    scan::{Text, scan},
};
use crate::{diagnose::evidence::log::LogEvidence, stack::Port};

/// Returns the evidence in these lines, which are numbered from 1.
fn read(text: &str) -> LogEvidence {
    let lines: Vec<Text> = text
        .lines()
        .zip(1..)
        .map(|(line, number)| Text {
            number,
            time: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(number)),
            line: line.trim_end().to_owned(),
        })
        .collect();
    scan(
        &lines,
        &OwnErrors::default(),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1000),
    )
}

fn port(number: u16) -> Option<Port> {
    Port::new(number)
}
