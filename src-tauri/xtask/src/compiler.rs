//! A compiler with the standard library of another system.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Error, at},
    setup, step,
    workspace::{self, remove},
};

/// Variables that configure cargo for this system and must not apply to another.
const FOR_THIS_SYSTEM: [&str; 5] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    // Set by the cargo that runs xtask, whose compiler may be another.
    "LD_LIBRARY_PATH",
];

/// A system that programs are built or checked for.
pub(crate) struct Target {
    /// Its target triple.
    pub(crate) triple: &'static str,
    /// Its name for people.
    pub(crate) name: &'static str,
    /// How cargo treats the standard library: `build`, or `check` if nothing is linked, which takes much less time.
    pub(crate) library: &'static str,
}

/// The compiler that builds for the other system.
pub(crate) enum Compiler {
    /// The compiler that built xtask, with a standard library from rustup.
    OfRustup,
    /// Debian's compiler, with a standard library built from Debian's sources. It is named by its full
    /// path, since rustup's comes first on PATH.
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
    /// Returns the current compiler, if it can build for the other system (`rustup target add`).
    pub(crate) fn find(target: &Target) -> Option<Self> {
        let printed = step::output(Command::new("rustc").args([
            "--print",
            "target-libdir",
            "--target",
            target.triple,
        ]));
        let libraries = PathBuf::from(printed?);
        let mut listed = fs::read_dir(libraries).ok()?.filter_map(Result::ok);
        listed
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
            .then_some(Self::OfRustup)
    }

    /// Returns Debian's compiler, with a standard library in `folder` that is built once for each version of it.
    pub(crate) fn of_debian(folder: &Path, target: &Target) -> Result<Self, Error> {
        let sysroot = folder.join("sysroot");
        let compiler = Self::OfDebian {
            sysroot: sysroot.clone(),
        };
        let ingredients = step::printed(Command::new(RUSTC).arg("-vV"))? + RECIPE;
        setup::once(&sysroot.join("made-from.txt"), &ingredients, || {
            // A build with another standard library is incompatible.
            remove(&folder.join("build"))?;
            compiler.make_library(target, &sysroot, &folder.join("std"))
        })?;
        Ok(compiler)
    }

    fn make_library(&self, target: &Target, sysroot: &Path, scratch: &Path) -> Result<(), Error> {
        remove(sysroot)?;
        remove(scratch)?;
        let triple = target.triple;
        let libraries = sysroot.join(format!("lib/rustlib/{triple}/lib"));
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
        let mut make = self.cargo();
        make.args([target.library, "--release", RECIPE, "--target", triple])
            .arg("--target-dir")
            .arg(scratch.join("target"))
            .current_dir(scratch)
            // Building the standard library is unstable; programs built with it are not.
            .env("RUSTC_BOOTSTRAP", "1");
        let (library, name) = (target.library, target.name);
        step::run(
            &format!("{library} the standard library for {name}"),
            &mut make,
        )?;

        let libs = scratch.join(format!("target/{triple}/release/deps"));
        for entry in fs::read_dir(&libs).map_err(at(&libs))? {
            let path = entry.map_err(at(&libs))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_library = name.ends_with(".rlib") || name.ends_with(".rmeta");
            if is_library && !name.starts_with("libnothing-") {
                let to = libraries.join(&*name);
                fs::copy(&path, &to).map_err(at(&to))?;
            }
        }
        remove(scratch)
    }

    /// Returns its cargo command, in the root of the repository, without the variables for builds for this system.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = match self {
            Self::OfRustup => workspace::cargo(),
            Self::OfDebian { .. } => {
                let mut cargo = Command::new(CARGO);
                cargo
                    .current_dir(workspace::root())
                    .env("CARGO", CARGO)
                    .env("RUSTC", RUSTC)
                    .env("RUSTDOC", RUSTDOC)
                    .env_remove("RUSTUP_TOOLCHAIN");
                cargo
            }
        };
        for variable in FOR_THIS_SYSTEM {
            cargo.env_remove(variable);
        }
        cargo
    }

    /// Returns the flags of the compiler.
    pub(crate) fn flags(&self) -> String {
        match self {
            Self::OfRustup => String::new(),
            Self::OfDebian { sysroot } => format!("--sysroot={}", sysroot.display()),
        }
    }

    /// The compiler with the lints of clippy.
    pub(crate) fn clippy(&self) -> &'static str {
        match self {
            Self::OfRustup => "clippy-driver",
            Self::OfDebian { .. } => CLIPPY,
        }
    }
}

/// The parts of the standard library that are built.
const RECIPE: &str = "-Zbuild-std=std,panic_unwind,panic_abort,test,proc_macro";

/// The empty package for which the library is built.
const MANIFEST: &str = r#"[package]
name = "nothing"
version = "0.0.0"
edition = "2024"

[workspace]
"#;
