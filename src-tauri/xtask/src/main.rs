//! The project's own chores, as `cargo xtask <chore>`.
#![expect(
    clippy::disallowed_methods,
    reason = "chores are ordinary command-line programs; the bans are for what keeps services"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod agents;
mod app;
mod bench;
mod chaos;
mod compiler;
mod demo;
mod dist;
mod error;
mod fault_lab;
mod fuzz;
mod generate;
mod lint;
mod macos;
mod platform;
mod screenshots;
mod setup;
mod step;
mod suite;
mod test;
mod ui;
mod windows;
mod workspace;

/// The project's own chores
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Set up the example and the requirements of the tests
    ///
    /// Installs missing programs (on Debian and Ubuntu with apt, through sudo where needed), and creates the
    /// Python environment and installs the npm packages unless they are up to date. On other systems it
    /// prints the missing programs and the commands that install them.
    Setup,
    /// Set everything up and start the example stack
    Demo(demo::Options),
    /// Set everything up and run every test
    Test(test::Options),
    /// Measure Pilot Light against plain fork+exec and other process managers
    ///
    /// Name rows after the options, as in `cargo xtask bench --write chain restart`. Without names, all rows
    /// are measured. `cargo xtask bench -- --help` lists the other options.
    Bench(bench::Options),
    /// Run doctor on every broken stack of the fault lab, and on those that only look broken
    FaultLab(fault_lab::Options),
    /// Inject random faults into a running stack
    Chaos(chaos::Options),
    /// Feed random input to the parsers
    Fuzz(fuzz::Options),
    /// Drive `pilotlight mcp` with the newest versions of Claude Code and Codex
    ///
    /// Installs their npm packages (700 MB) into the target folder. A local program replaces their models, so
    /// that no account is needed.
    Agents,
    /// Build the packages and inspect them
    Dist(dist::Options),
    /// Check formatting, clippy without warnings (for macOS too, on Linux), licences, bans and sources of dependencies
    Lint,
    /// Check, build and test the window by itself, and leave pictures in ui/tests/pictures
    Ui,
    /// Write the generated files
    Generate(generate::Options),
    /// Take the pictures of the README
    Screenshots,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Setup => setup::for_tests().map(drop),
        Chore::Demo(options) => demo::run(&options),
        Chore::Test(options) => test::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::FaultLab(options) => fault_lab::run(&options),
        Chore::Chaos(options) => chaos::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Agents => agents::run(),
        Chore::Lint => lint::run(),
        Chore::Ui => ui::everything(),
        Chore::Dist(options) => dist::run(&options),
        Chore::Generate(options) => generate::run(&options),
        Chore::Screenshots => screenshots::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
