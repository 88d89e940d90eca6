//! A compiler that has, or is given, the standard library for Windows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::TARGET;
use crate::{
    error::{Error, at},
    setup, step, workspace,
};

/// Which compiler builds for Windows.
pub(super) enum Compiler {
    /// The one that built the chores; rustup has the standard library for it.
    OfRustup,
    /// Debian's, named outright since rustup's stand before it on PATH, with a standard library
    /// that was built from Debian's sources.
    OfDebian {
        /// Where the compiler finds that library.
        sysroot: PathBuf,
    },
}

const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
const RUSTDOC: &str = "/usr/bin/rustdoc";
const CLIPPY: &str = "/usr/bin/clippy-driver";

impl Compiler {
    /// The one that is at work here, where it can build for Windows
    /// (`rustup target add x86_64-pc-windows-gnu`).
    pub(super) fn find() -> Option<Self> {
        let mut ask = Command::new("rustc");
        ask.args(["--print", "target-libdir", "--target", TARGET]);
        let libraries = PathBuf::from(step::output(ask)?);
        let mut listed = fs::read_dir(libraries).ok()?.filter_map(Result::ok);
        listed
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
            .then_some(Self::OfRustup)
    }

    /// Debian's, with a standard library in `folder` that is built once for each version of it:
    /// about 80 s of a processor.
    pub(super) fn of_debian(folder: &Path) -> Result<Self, Error> {
        let sysroot = folder.join("sysroot");
        let compiler = Self::OfDebian {
            sysroot: sysroot.clone(),
        };
        let mut version = Command::new(RUSTC);
        version.arg("-vV");
        let ingredients = step::printed(version)? + RECIPE;
        setup::once(&sysroot.join("made-from.txt"), &ingredients, || {
            // What was built with another library does not go with this one.
            remove(&folder.join("build"))?;
            compiler.build_library(&sysroot, &folder.join("std"))
        })?;
        Ok(compiler)
    }

    fn build_library(&self, sysroot: &Path, scratch: &Path) -> Result<(), Error> {
        remove(sysroot)?;
        remove(scratch)?;
        let libraries = sysroot.join(format!("lib/rustlib/{TARGET}/lib"));
        let source = scratch.join("src");
        for new in [&libraries, &source] {
            fs::create_dir_all(new).map_err(at(new))?;
        }
        for (file, text) in [
            (scratch.join("Cargo.toml"), MANIFEST),
            (source.join("lib.rs"), ""),
        ] {
            fs::write(&file, text).map_err(at(&file))?;
        }
        let mut build = self.cargo();
        for variable in super::FOR_THIS_SYSTEM {
            build.env_remove(variable);
        }
        build
            .args(["build", "--release", RECIPE, "--target", TARGET])
            .arg("--target-dir")
            .arg(scratch.join("target"))
            .current_dir(scratch)
            // To build the standard library is not stable; what is built with it is.
            .env("RUSTC_BOOTSTRAP", "1");
        step::run("build the standard library for Windows", build)?;

        let libs = scratch.join(format!("target/{TARGET}/release/deps"));
        for entry in fs::read_dir(&libs).map_err(at(&libs))? {
            let path = entry.map_err(at(&libs))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".rlib") && !name.starts_with("libnothing-") {
                let to = libraries.join(&*name);
                fs::copy(&path, &to).map_err(at(&to))?;
            }
        }
        remove(scratch)
    }

    pub(super) fn cargo(&self) -> Command {
        match self {
            Self::OfRustup => workspace::cargo(),
            Self::OfDebian { .. } => {
                let mut cargo = Command::new(CARGO);
                cargo
                    .env("CARGO", CARGO)
                    .env("RUSTC", RUSTC)
                    .env("RUSTDOC", RUSTDOC)
                    .env_remove("RUSTUP_TOOLCHAIN");
                cargo
            }
        }
    }

    /// What the compiler has to be told.
    pub(super) fn flags(&self) -> String {
        match self {
            Self::OfRustup => String::new(),
            Self::OfDebian { sysroot } => format!("--sysroot={}", sysroot.display()),
        }
    }

    /// The compiler with the lints of clippy.
    pub(super) fn clippy(&self) -> &'static str {
        match self {
            Self::OfRustup => "clippy-driver",
            Self::OfDebian { .. } => CLIPPY,
        }
    }
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    Ok(())
}

/// Which parts of the standard library are built.
const RECIPE: &str = "-Zbuild-std=std,panic_unwind,panic_abort,test,proc_macro";

/// A package with nothing in it, for which the library is built.
const MANIFEST: &str = r#"[package]
name = "nothing"
version = "0.0.0"
edition = "2024"

[workspace]
"#;
