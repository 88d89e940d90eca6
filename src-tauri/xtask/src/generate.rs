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
    /// Write nothing; fail if a file is not what the sources make
    #[arg(long)]
    check: bool,
}

/// What is made from the sources.
enum Generated {
    /// One file, below the root of the repository, which a cargo example of this crate prints.
    Text {
        path: &'static str,
        example: &'static str,
    },
    /// Files in a folder, which an example writes into a folder that it is given. Others may stand there too.
    Pictures {
        folder: &'static str,
        example: &'static str,
    },
}

const EVERYTHING: &[Generated] = &[
    Generated::Text {
        path: "schema/pilotlight.schema.json",
        example: "json_schema",
    },
    Generated::Text {
        path: "ui/src/backend/wire.ts",
        example: "wire_types",
    },
    Generated::Text {
        path: "ui/tests/snapshots.json",
        example: "window_snapshots",
    },
    Generated::Pictures {
        folder: "icons",
        example: "icons",
    },
];

/// Writes the generated files, or checks that they are current.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    write(EVERYTHING, options.check)
}

/// Writes the icons alone.
pub(crate) fn icons() -> Result<(), Error> {
    let pictures = |made: &&Generated| matches!(made, Generated::Pictures { .. });
    for made in EVERYTHING.iter().filter(pictures) {
        write(std::slice::from_ref(made), false)?;
    }
    Ok(())
}

fn write(wanted: &[Generated], check: bool) -> Result<(), Error> {
    let mut stale = Vec::new();
    for generated in wanted {
        for (path, content) in generated.make()? {
            let place = workspace::root().join(&path);
            let present = fs::read(&place).unwrap_or_default();
            if same(&present, &content) {
                continue;
            }
            if check {
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

/// Text may have been checked out with the line ends of Windows.
fn same(present: &[u8], made: &[u8]) -> bool {
    present == made
        || match (str::from_utf8(present), str::from_utf8(made)) {
            (Ok(present), Ok(made)) => present.replace("\r\n", "\n") == made,
            _ => false,
        }
}

impl Generated {
    /// The files as the sources make them, by their places below the root of the repository.
    fn make(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        match *self {
            Self::Text { path, example } => {
                let text = step::printed(built(example, path)?)?;
                Ok(vec![(path.into(), text.into_bytes())])
            }
            Self::Pictures { folder, example } => {
                let mut draw = built(example, folder)?;
                let drawn = workspace::own()?.join(folder);
                // Nothing that an earlier version drew may pass for the work of this one.
                if drawn.exists() {
                    fs::remove_dir_all(&drawn).map_err(at(&drawn))?;
                }
                fs::create_dir_all(&drawn).map_err(at(&drawn))?;
                draw.arg(&drawn);
                step::printed(draw)?;
                let mut files = Vec::new();
                collect(&drawn, Path::new(folder), &mut files)?;
                files.sort();
                Ok(files)
            }
        }
    }
}

/// The example, built.
fn built(example: &str, what: &str) -> Result<Command, Error> {
    let mut build = workspace::cargo();
    build.args(["build", "--package", "xtask", "--example", example]);
    step::run(&format!("build what makes {what}"), build)?;
    let program = format!("examples/{example}{}", env::consts::EXE_SUFFIX);
    Ok(Command::new(workspace::programs()?.join(program)))
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
