//! `cargo xtask generate`

use std::{env, fs, process::Command};

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

/// A file that is made from the sources.
struct Generated {
    /// Below the root of the repository.
    path: &'static str,
    /// The cargo example of this crate that prints it.
    example: &'static str,
}

const FILES: &[Generated] = &[
    Generated {
        path: "schema/pilotlight.schema.json",
        example: "json_schema",
    },
    Generated {
        path: "ui/src/backend/wire.ts",
        example: "wire_types",
    },
    Generated {
        path: "ui/tests/snapshots.json",
        example: "window_snapshots",
    },
];

/// Writes the generated files, or checks that they are current.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let mut stale = Vec::new();
    for file in FILES {
        let text = file.make()?;
        let path = workspace::root().join(file.path);
        if fs::read_to_string(&path).is_ok_and(|present| present.replace("\r\n", "\n") == text) {
            continue;
        }
        if options.check {
            stale.push(file.path.to_owned());
        } else {
            let folder = path.parent().unwrap_or(workspace::root());
            fs::create_dir_all(folder).map_err(at(folder))?;
            fs::write(&path, text).map_err(at(&path))?;
            anstream::eprintln!("wrote {}", file.path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Error::Stale(stale))
}

impl Generated {
    fn make(&self) -> Result<String, Error> {
        let mut build = workspace::cargo();
        build.args(["build", "--package", "xtask", "--example", self.example]);
        step::run(&format!("build what makes {}", self.path), build)?;
        let program = format!("examples/{}{}", self.example, env::consts::EXE_SUFFIX);
        step::printed(Command::new(workspace::programs()?.join(program)))
    }
}
