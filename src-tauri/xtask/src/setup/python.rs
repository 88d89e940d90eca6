//! The Python environment of the example's backend.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Error, at},
    step, workspace,
};

/// Makes the environment if its packages are not those that are asked for, and returns its interpreter.
pub(super) fn ensure(interpreter: &str) -> Result<PathBuf, Error> {
    let backend = workspace::example().join("backend");
    let environment = backend.join(".venv");
    let python = environment.join(if on_windows() {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });

    let mut ingredients = version_of(interpreter).unwrap_or_default();
    for name in ["requirements.txt", "constraints.txt"] {
        let file = backend.join(name);
        ingredients.push('\n');
        ingredients.push_str(&fs::read_to_string(&file).map_err(at(&file))?);
    }
    // An interpreter that has been removed, or replaced by another version, leaves the environment broken.
    let broken = version_of(&python.to_string_lossy()) != version_of(interpreter);
    let stamp = environment.join("made-from.txt");
    if broken {
        let _ = fs::remove_file(&stamp);
    }
    super::once(&stamp, &ingredients, || {
        let mut make = Command::new(interpreter);
        make.args(["-m", "venv", "--clear"]).arg(&environment);
        step::run("make the Python environment", make)?;
        if on_windows() {
            add_bin(&environment)?;
        }
        let mut install = Command::new(&python);
        install
            .args(["-m", "pip", "install", "--no-input"])
            .args([
                "--disable-pip-version-check",
                "--requirement",
                "requirements.txt",
            ])
            .current_dir(&backend);
        step::run("install the Python packages", install)
    })?;
    Ok(python)
}

/// Makes `.venv/bin/python` right on Windows too, so that one stack file serves all systems.
fn add_bin(environment: &Path) -> Result<(), Error> {
    let mut junction = Command::new("cmd");
    junction
        .args(["/C", "mklink", "/J", "bin", "Scripts"])
        .current_dir(environment);
    step::run("give the Python environment a bin folder", junction)
}

fn version_of(interpreter: &str) -> Option<String> {
    let mut version = Command::new(interpreter);
    version.arg("--version");
    step::output(version)
}

fn on_windows() -> bool {
    env::consts::OS == "windows"
}
