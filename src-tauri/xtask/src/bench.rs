//! `cargo xtask bench`

use std::{env, process::Command};

use crate::{
    app::{self, Profile},
    error::Error,
    setup::desktop,
    step, workspace,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Put the figures into benches/README.md
    #[arg(long)]
    write: bool,
    /// Arguments for the benches: the rows to measure, and the options that `cargo xtask bench -- --help` lists
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the command, the test service and the benches in release mode, and runs the benches.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    Profile::Release.build_command()?;
    step::run(
        "build the benches",
        workspace::cargo()
            .args(["build", "--release", "--package", "pilotlight-bench"])
            .args(["--package", "pilotlight-test-service"]),
    )?;
    // `pilotlight-bench` would build it too, but without showing the progress.
    let named = |name: &String| !name.starts_with('-');
    if !options.arguments.iter().any(named) || options.arguments.iter().any(|name| name == "app") {
        desktop::ensure_for_tests()?;
        app::build(Profile::Release)?;
    }

    let name = format!("pilotlight-bench{}", env::consts::EXE_SUFFIX);
    let program = Profile::Release.folder()?.join(name);
    let mut bench = Command::new(program);
    bench.args(&options.arguments);
    if options.write {
        let readme = workspace::root().join("benches/README.md");
        bench.arg("--write").arg(readme);
    }
    step::show(&mut bench)
}
