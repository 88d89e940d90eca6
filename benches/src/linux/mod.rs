//! The benches: a row for each line of the table, and their common parts.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts programs and waits for them itself; the bans are for what keeps services"
)]

mod clock;
mod install;
mod interrupt;
mod kernel;
mod machine;
mod managers;
mod plain;
mod readme;
mod report;
mod rows;
mod running;
mod service;
mod stage;
mod stats;
mod trace;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;

use managers::Manager;
use report::{Report, Verdict};
use rows::Row;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Measure Pilot Light against plain fork+exec and other process managers
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// The rows to measure; all of them by default
    #[arg(value_parser = rows::by_name)]
    rows: Vec<&'static Row>,
    /// Other managers to measure as well: pm2, supervisord, process-compose, pitchfork, oxmgr
    #[arg(long, value_delimiter = ',', value_parser = managers::by_name)]
    against: Vec<&'static dyn Manager>,
    /// Install missing managers of --against, in the target folder
    #[arg(long)]
    install: bool,
    /// Exit with 1 if a target is missed
    #[arg(long)]
    strict: bool,
    /// Also write the figures between the marks in this file
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Runs the benches that the command line selects.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = run(&arguments);
    stage::clear_all();
    match result {
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Ok(Verdict::Missed) if arguments.strict => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Verdict> {
    interrupt::clean_up_on_signals()?;
    if arguments.install {
        for manager in &arguments.against {
            install::manager(*manager)?;
        }
    }
    let rows = match arguments.rows.as_slice() {
        [] => rows::ALL.iter().collect(),
        named => named.to_vec(),
    };
    let mut report = Report::new(&arguments.against);
    for row in rows {
        report.measure(row);
    }
    let text = report.text();
    println!("{text}");
    if let Some(file) = &arguments.write {
        readme::write(file, &text)?;
    }
    Ok(report.verdict())
}
