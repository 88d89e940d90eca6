//! `cargo xtask screenshots`

use std::{env, process::Command};

use crate::{
    app::{self, Profile},
    error::{Error, at},
    setup::desktop,
    step, workspace,
};

/// Takes the pictures of the README anew: the real application in a real panel.
pub(crate) fn run() -> Result<(), Error> {
    desktop::ensure_for_tests()?;
    app::build(Profile::Debug)?;
    let mut build = workspace::cargo();
    build.args([
        "build",
        "--package",
        "pilotlight-app-tests",
        "--example",
        "screenshots",
    ]);
    step::run("build what takes the pictures", build)?;
    let into = workspace::root().join("docs/pictures");
    std::fs::create_dir_all(&into).map_err(at(&into))?;
    let program = format!("examples/screenshots{}", env::consts::EXE_SUFFIX);
    let mut take = Command::new(workspace::programs()?.join(program));
    take.arg(&into);
    step::run("take the pictures", take)
}
