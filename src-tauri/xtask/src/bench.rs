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
    /// Handed to the benches: the rows to measure, and what `cargo xtask bench -- --help` shows
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the command, the test service and the benches the way they are released, and measures.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    Profile::Release.build_command()?;
    step::run(
        "build what measures it",
        workspace::cargo()
            .args(["build", "--release", "--package", "pilotlight-bench"])
            .args(["--package", "pilotlight-test-service"]),
    )?;
    // As `pilotlight-bench` would build it itself, but where a person sees how it goes on.
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
