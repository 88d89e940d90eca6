//! `cargo xtask test`

use std::process::Command;

use crate::{
    app,
    error::Error,
    fault_lab,
    setup::{self, npm},
    step, suite, ui, windows, workspace,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build for Windows, run clippy on it, and run its tests under Wine
    #[arg(long)]
    windows: bool,
    /// Handed to `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs every test. Nothing is skipped: what a test needs is set up before, and a test that misses it fails.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    if options.windows {
        return windows::test(&options.arguments);
    }
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

    app::test()?;

    // Last, so that its results are what stands at the end. The application has been tested by itself:
    // together with the rest, its libraries would be built once more.
    suite::run(
        || {
            let mut tests = workspace::cargo();
            tests
                .arg("test")
                .env("PILOTLIGHT_TEST_PYTHON", &ready.python)
                .env("PILOTLIGHT_TEST_PROJECTS", &ready.projects);
            Ok(tests)
        },
        &[
            "--workspace",
            "--exclude",
            "pilotlight-app",
            "--exclude",
            "pilotlight-app-tests",
        ],
        &[],
        &options.arguments,
    )
}
