//! The packages of the projects that `pilotlight init` is tried on, in the target folder: a Python
//! environment, and the modules of a Node project.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::npm;
use crate::{
    error::{Error, at},
    step, workspace,
};

/// Makes what is not there or not up to date, below `folder`. `python` is an interpreter.
pub(super) fn ensure(python: &Path, folder: &Path) -> Result<(), Error> {
    let sources = workspace::root().join("tests/init");
    environment(python, &sources, &folder.join("python"))?;
    modules(&sources.join("projects/express"), &folder.join("node"))
}

fn environment(python: &Path, sources: &Path, environment: &Path) -> Result<(), Error> {
    let requirements = sources.join("requirements.txt");
    let mut ingredients = fs::read_to_string(&requirements).map_err(at(&requirements))?;
    let mut version = Command::new(python);
    version.arg("--version");
    ingredients.push_str(&step::output(version).unwrap_or_default());
    let stamp = environment.join("made-from.txt");
    if !environment.join("bin/python").exists() {
        let _ = fs::remove_file(&stamp);
    }
    super::once(&stamp, &ingredients, || {
        let mut make = Command::new(python);
        make.args(["-m", "venv", "--clear"]).arg(environment);
        step::run("make the Python environment of the tests", make)?;
        let mut install = Command::new(own_python(environment));
        install
            .args(["-m", "pip", "install", "--no-input"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(&requirements);
        step::run("install the Python packages of the tests", install)
    })
}

fn own_python(environment: &Path) -> PathBuf {
    match std::env::consts::OS {
        "windows" => environment.join("Scripts/python.exe"),
        _ => environment.join("bin/python"),
    }
}

fn modules(project: &Path, folder: &Path) -> Result<(), Error> {
    let lock = project.join("package-lock.json");
    let ingredients = fs::read_to_string(&lock).map_err(at(&lock))?;
    // `npm ci` begins by removing the folder, and the stamp with it.
    super::once(
        &folder.join("node_modules/.made-from.json"),
        &ingredients,
        || {
            fs::create_dir_all(folder).map_err(at(folder))?;
            for name in ["package.json", "package-lock.json"] {
                let copy = folder.join(name);
                fs::copy(project.join(name), &copy).map_err(at(&copy))?;
            }
            let mut install = npm(folder);
            install.args(["ci", "--no-audit", "--no-fund"]);
            step::run("install the npm packages of the tests", install)
        },
    )
}
