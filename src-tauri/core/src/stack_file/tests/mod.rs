//! Tests of the public interface of the module.

mod containers;
mod errors;
mod files;
mod hostile;
mod layers;
mod reading;
mod schema;
mod unix;

use std::path::Path;

use super::{NotFound, Problem, ProblemKind, Report, SIZE_LIMIT, parse};
use crate::{env::Env, stack::Stack};

/// The unchanged stack file of the design.
pub(super) const DESIGN: &str = include_str!("design.toml");

fn environment() -> Env {
    [("HOME", "/home/ada"), ("EMPTY", ""), ("BRACES", "{port}")].into()
}

fn parse_text(text: impl AsRef<[u8]>) -> Result<Stack, Report> {
    parse(
        Path::new("/work/nexus/pilotlight.toml"),
        text.as_ref(),
        &environment(),
    )
}
