//! `cargo xtask generate`

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Error, at},
    step, workspace,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing, and fail if a generated file is out of date
    #[arg(long)]
    check: bool,
}

/// The examples of this crate that generate files, and their output below the root of the repository: a text that the
/// example prints, or files that it writes into the given folder. That folder may contain other files too.
const EVERYTHING: [(&str, &str); 4] = [
    ("json_schema", "schema"),
    ("wire_types", "ui/src/backend/wire.ts"),
    ("window_snapshots", "ui/tests/snapshots.json"),
    ("icons", "icons"),
];

/// Writes the generated files, or checks that they are current.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let mut stale = Vec::new();
    for (example, what) in EVERYTHING {
        for (path, content) in make(example, what)? {
            let place = workspace::root().join(&path);
            let present = fs::read(&place).unwrap_or_default();
            if same(&present, &content) {
                continue;
            }
            if options.check {
                stale.push(path.display().to_string());
            } else {
                let folder = place.parent().unwrap_or(workspace::root());
                fs::create_dir_all(folder).map_err(at(folder))?;
                fs::write(&place, content).map_err(at(&place))?;
                anstream::eprintln!("wrote {}", path.display());
            }
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Error::Stale(stale))
}

/// Compares two files. Text may have been checked out with the line ends of Windows.
fn same(present: &[u8], made: &[u8]) -> bool {
    present == made
        || match (str::from_utf8(present), str::from_utf8(made)) {
            (Ok(present), Ok(made)) => present.replace("\r\n", "\n") == made,
            _ => false,
        }
}

/// Returns the files that an example generates, by their paths below the root of the repository.
fn make(example: &str, what: &str) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
    step::run(
        &format!("build the generator of {what}"),
        workspace::cargo_for_all("build")?.args(["--example", example]),
    )?;
    let program = format!("examples/{example}{}", env::consts::EXE_SUFFIX);
    let folder = workspace::own()?.join("generated");
    // Files of an earlier version must not remain.
    workspace::remove(&folder)?;
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let mut make = Command::new(workspace::programs()?.join(program));
    let text = step::printed(make.arg(&folder))?;
    if !text.is_empty() {
        return Ok(vec![(what.into(), text.into_bytes())]);
    }
    let mut files = Vec::new();
    collect(&folder, Path::new(what), &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, name: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = name.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            collect(&path, &name, files)?;
        } else {
            let content = fs::read(&path).map_err(at(&path))?;
            files.push((name, content));
        }
    }
    Ok(())
}
