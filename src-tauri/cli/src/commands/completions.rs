//! `pilotlight completions`

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::{
    args::{Arguments, Completions},
    failure::{Ending, Failure},
};

pub(crate) fn run(completions: &Completions) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(completions.shell, &mut command, "pilotlight", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Ending::Done)
}
