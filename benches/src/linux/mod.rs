//! The benches: a row for each line of the table, and what they share.
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
    /// The rows to measure: all of them if none is named
    #[arg(value_parser = rows::by_name)]
    rows: Vec<&'static Row>,
    /// Other managers to measure beside it: pm2, supervisord, process-compose, pitchfork, oxmgr
    #[arg(long, value_delimiter = ',', value_parser = managers::by_name)]
    against: Vec<&'static dyn Manager>,
    /// Install the managers named by --against, privately, where they are missing
    #[arg(long)]
    install: bool,
    /// End with 1 when a target is missed
    #[arg(long)]
    strict: bool,
    /// Put the figures between the marks of this file too
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Runs the benches that the command line asks for.
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
    interrupt::clean_up_when_asked_to_leave()?;
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
