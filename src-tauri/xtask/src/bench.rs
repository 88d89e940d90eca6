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
    // The command by itself, as it is released: built together with others, it has their features too.
    release("build the command", &["pilotlight-cli"])?;
    let beside = ["pilotlight-test-service", "pilotlight-bench"];
    release("build what measures it", &beside)?;
    // As `pilotlight-bench` would build it itself, but where a person sees how it goes on.
    let named = |name: &String| !name.starts_with('-');
    if !options.arguments.iter().any(named) || options.arguments.iter().any(|name| name == "app") {
        desktop::ensure_for_tests()?;
        app::build(Profile::Release)?;
    }

    let released = workspace::programs()?.with_file_name("release");
    let program = released.join(format!("pilotlight-bench{}", env::consts::EXE_SUFFIX));
    let mut bench = Command::new(program);
    bench.args(&options.arguments);
    if options.write {
        let readme = workspace::root().join("benches/README.md");
        bench.arg("--write").arg(readme);
    }
    step::show(&mut bench)
}

fn release(what: &str, packages: &[&str]) -> Result<(), Error> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    step::run(
        what,
        workspace::cargo()
            .args(["build", "--release"])
            .args(packages),
    )
}
