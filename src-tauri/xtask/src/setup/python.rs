//! Python environments.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::once;
use crate::{
    error::{Error, at},
    step,
};

/// Creates an environment with the packages of `requirements.txt` in `sources`, unless it is up to date, and returns
/// its interpreter. `of` is its displayed name.
pub(super) fn ensure(
    interpreter: &Path,
    sources: &Path,
    environment: &Path,
    of: &str,
) -> Result<PathBuf, Error> {
    let on_windows = env::consts::OS == "windows";
    let python = environment.join(if on_windows {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let mut ingredients = version_of(interpreter).unwrap_or_default();
    for name in ["requirements.txt", "constraints.txt"] {
        let file = sources.join(name);
        if file.exists() {
            ingredients.push('\n');
            ingredients.push_str(&fs::read_to_string(&file).map_err(at(&file))?);
        }
    }
    let stamp = environment.join("made-from.txt");
    // The environment breaks if its interpreter is removed or replaced by another version.
    if version_of(&python) != version_of(interpreter) {
        let _ = fs::remove_file(&stamp);
    }
    once(&stamp, &ingredients, || {
        step::run(
            &format!("make the Python environment of {of}"),
            Command::new(interpreter)
                .args(["-m", "venv", "--clear"])
                .arg(environment),
        )?;
        if on_windows {
            // Lets `bin/python` work on Windows too, so that one stack file serves all systems.
            step::run(
                "give the Python environment a bin folder",
                Command::new("cmd")
                    .args(["/C", "mklink", "/J", "bin", "Scripts"])
                    .current_dir(environment),
            )?;
        }
        step::run(
            &format!("install the Python packages of {of}"),
            Command::new(&python)
                .args(["-m", "pip", "install", "--no-input"])
                .args(["--disable-pip-version-check", "--requirement"])
                .arg("requirements.txt")
                .current_dir(sources),
        )
    })?;
    Ok(python)
}

fn version_of(interpreter: &Path) -> Option<String> {
    step::output(Command::new(interpreter).arg("--version"))
}
