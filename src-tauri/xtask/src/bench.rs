//! `cargo xtask bench`

use std::{env, process::Command};

use crate::{error::Error, step, workspace};

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
    let mut build = workspace::cargo();
    build.args(["build", "--release"]);
    for package in [
        "pilotlight-cli",
        "pilotlight-test-service",
        "pilotlight-bench",
    ] {
        build.args(["--package", package]);
    }
    step::run("build what is measured", build)?;

    let released = workspace::programs()?.with_file_name("release");
    let mut bench =
        Command::new(released.join(format!("pilotlight-bench{}", env::consts::EXE_SUFFIX)));
    bench.args(&options.arguments);
    if options.write {
        let readme = workspace::root().join("benches/README.md");
        bench.arg("--write").arg(readme);
    }
    step::show(bench)
}
