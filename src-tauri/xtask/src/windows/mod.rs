//! Programs for Windows, built and run on Linux: a compiler that has the standard library for
//! Windows, the linker of mingw-w64, and Wine.
//!
//! Everything is in `windows` in the target folder, separate from the builds for this system. The standard library
//! is built once for each version of the compiler, and the Wine prefix once for each version of Wine.

mod loader;
mod screen;
mod test;
mod wine;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use loader::LOADER;
pub(crate) use test::run as test;

use self::wine::Wine;
use crate::{
    compiler::{Compiler, Target},
    error::{Error, Missing, at},
    setup::packages::{self, Piece},
    workspace,
};

/// The target triple. The same programs run on every 64-bit Windows.
const TARGET: &str = "x86_64-pc-windows-gnu";
const WINDOWS: Target = Target {
    triple: TARGET,
    name: "Windows",
    library: "build",
};
const LINKER: &str = "x86_64-w64-mingw32-gcc";

/// The tools to build for Windows and to run the programs.
pub(crate) struct Cross {
    compiler: Compiler,
    wine: Wine,
}

impl Cross {
    /// Installs the missing ones of these tools and of `also`.
    pub(crate) fn ensure(also: &[Piece]) -> Result<Self, Error> {
        if env::consts::OS != "linux" {
            return Err(Error::Missing(vec![Missing {
                what: format!(
                    "a Linux to build for Windows on; this is {}",
                    env::consts::OS
                ),
                remedy: "run it there, or `cargo xtask test --windows` on Windows itself"
                    .to_owned(),
            }]));
        }
        let folder = folder()?;
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let found = Compiler::find(&WINDOWS);
        packages::ensure_cross(found.is_none(), also)?;
        let compiler = match found {
            Some(compiler) => compiler,
            None => Compiler::of_debian(&folder, &WINDOWS)?,
        };
        let wine = Wine::ensure(&folder)?;
        Ok(Self { compiler, wine })
    }

    /// Returns a cargo command in the root of the repository that builds for Windows and runs the programs under Wine.
    /// `flags` are for the compiler.
    pub(crate) fn cargo(&self, flags: &str) -> Result<Command, Error> {
        let mut cargo = self.compiler.cargo();
        let of_target = |name: &str| {
            let target = TARGET.to_uppercase().replace('-', "_");
            format!("CARGO_TARGET_{target}_{name}")
        };
        let flags = format!("{} {flags}", self.compiler.flags());
        cargo
            .env("CARGO_BUILD_TARGET", TARGET)
            .env("CARGO_TARGET_DIR", built()?)
            .env(of_target("RUSTFLAGS"), flags.trim())
            .env(of_target("LINKER"), LINKER)
            .env(of_target("RUNNER"), wine::runner())
            // These builds are not debugged, and without debug information half as much is written and linked.
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        self.wine.put_into(&mut cargo);
        Ok(cargo)
    }

    /// Returns a command that runs a Windows program under Wine.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(wine::PROGRAM);
        command.arg(program);
        self.wine.put_into(&mut command);
        command
    }

    /// Returns the folder that programs see as drive C.
    pub(crate) fn drive(&self) -> PathBuf {
        self.wine.drive()
    }

    /// Adds the lints of clippy to a build, so that nothing is compiled twice.
    fn with_lints(&self, cargo: &mut Command) {
        cargo.env("RUSTC_WORKSPACE_WRAPPER", self.compiler.clippy());
    }
}

/// Returns the folder of the tools and the builds.
fn folder() -> Result<PathBuf, Error> {
    Ok(workspace::programs()?.with_file_name("windows"))
}

/// Returns the target folder of the builds for Windows.
fn built() -> Result<PathBuf, Error> {
    Ok(folder()?.join("build"))
}

/// Returns a path as programs under Wine see it: the root folder of this system is drive Z.
pub(crate) fn as_seen_in_wine(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', r"\"))
}

/// Returns the folder with the programs of this profile.
pub(crate) fn programs(profile: &str) -> Result<PathBuf, Error> {
    Ok(built()?.join(TARGET).join(profile))
}
