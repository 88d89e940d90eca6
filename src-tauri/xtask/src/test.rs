//! `cargo xtask test`

use std::process::Command;

use crate::{
    app, chaos,
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
    /// Arguments for `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs every test. The requirements are installed first, and a test without its requirements fails rather than being
/// skipped. Nothing runs twice, and a failed part does not stop the others.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    if options.windows {
        return windows::test(&options.arguments);
    }
    let ready = setup::for_tests()?;
    app::prepare_tests()?;
    let example = workspace::example();
    let mut parts = Parts::default();

    let mut backend = Command::new(&ready.python);
    backend
        .args(["-m", "unittest", "--verbose"])
        .current_dir(example.join("backend"));
    let what = "test the example's backend";
    parts.take(what, step::run(what, &mut backend));

    let mut frontend = npm(&example.join("frontend"));
    let what = "check the types of the example's frontend";
    parts.take(what, step::run(what, frontend.args(["run", "check"])));

    let mut some = fault_lab::some(&ready.python)?;
    let mut chaos = chaos::a_minute()?;
    parts.take("the window", ui::test());
    parts.take("the fault lab", step::show(&mut some));
    parts.take("chaos", step::show(&mut chaos));

    // Last, so that its results are at the end.
    let tests = || {
        let mut tests = workspace::cargo_for_all("test")?;
        tests
            .env("PILOTLIGHT_TEST_PYTHON", &ready.python)
            .env("PILOTLIGHT_TEST_PROJECTS", &ready.projects);
        Ok(tests)
    };
    parts.take("the workspace", suite::run(tests, &options.arguments));
    parts.end()
}

/// Collects the failures of several parts.
#[derive(Default)]
struct Parts(Vec<(&'static str, Error)>);

impl Parts {
    /// Reports a failure at once, and continues.
    fn take(&mut self, what: &'static str, done: Result<(), Error>) {
        if let Err(error) = done {
            error.report();
            self.0.push((what, error));
        }
    }

    fn end(self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let parts = self.0.iter();
        let parts = parts.map(|(what, error)| (*what, error.in_short()));
        Err(Error::Parts(parts.collect()))
    }
}
