//! `cargo xtask screenshots`

use std::{env, process::Command};

use crate::{
    app::{self, Profile},
    error::{Error, at},
    setup::desktop,
    step, workspace,
};

/// Takes the pictures of the README: the real application in a real panel.
pub(crate) fn run() -> Result<(), Error> {
    desktop::ensure_for_tests()?;
    app::build(Profile::Debug)?;
    step::run(
        "build the screenshot program",
        workspace::cargo()
            .args(["build", "--package", "pilotlight-app-tests"])
            .args(["--example", "screenshots"]),
    )?;
    let into = workspace::root().join("docs/pictures");
    std::fs::create_dir_all(&into).map_err(at(&into))?;
    let program = format!("examples/screenshots{}", env::consts::EXE_SUFFIX);
    let mut take = Command::new(workspace::programs()?.join(program));
    step::run("take the pictures", take.arg(&into))
}
