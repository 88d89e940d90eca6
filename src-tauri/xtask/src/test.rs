//! `cargo xtask test`

use std::process::Command;

use crate::{
    error::Error,
    fault_lab,
    setup::{self, npm},
    step, ui, workspace,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed to `cargo test --workspace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs every test. Nothing is skipped: what a test needs is set up before, and a test that misses it fails.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let ready = setup::for_tests()?;
    let example = workspace::example();

    let mut backend = Command::new(&ready.python);
    backend
        .args(["-m", "unittest", "--verbose"])
        .current_dir(example.join("backend"));
    step::run("test the example's backend", backend)?;

    let mut frontend = npm(&example.join("frontend"));
    frontend.args(["run", "check"]);
    step::run("check the types of the example's frontend", frontend)?;

    ui::test()?;

    step::show(fault_lab::some(&ready.python))?;

    // Last, so that its results are what stands at the end.
    let mut tests = workspace::cargo();
    tests
        .args(["test", "--workspace"])
        .args(&options.arguments)
        .env("PILOTLIGHT_TEST_PYTHON", &ready.python);
    step::show(tests)
}
