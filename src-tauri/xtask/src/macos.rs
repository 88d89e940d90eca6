//! Runs clippy on the macOS code, on Linux. Nothing is linked, so neither Apple's libraries nor a C compiler is
//! needed.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    compiler::{Compiler, Target},
    error::{Error, at},
    platform, setup, step, workspace,
};

const MACOS: Target = Target {
    triple: "aarch64-apple-darwin",
    name: "macOS",
    library: "check",
};

/// Runs clippy on the core, the command and the app for macOS, and denies warnings. Does nothing except on Linux: on
/// macOS the rest of the lint covers it, and from Windows it is not supported.
pub(crate) fn lint() -> Result<(), Error> {
    if env::consts::OS != "linux" {
        return Ok(());
    }
    let folder = workspace::programs()?.with_file_name("macos");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let compiler = if let Some(compiler) = Compiler::find(&MACOS) {
        compiler
    } else {
        setup::packages::ensure_cross_compiler(MACOS.triple, MACOS.name)?;
        Compiler::of_debian(&folder, &MACOS)?
    };
    let triple = MACOS.triple;
    let mut clippy = compiler.cargo();
    clippy
        .args(["check", "--locked", "--target", triple])
        .args(PACKAGES)
        .env("CARGO_TARGET_DIR", folder.join("build"))
        .env(
            "CARGO_TARGET_AARCH64_APPLE_DARWIN_RUSTFLAGS",
            format!("{} -Dwarnings", compiler.flags()),
        )
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("RUSTC_WORKSPACE_WRAPPER", compiler.clippy())
        // Build scripts look for Apple's libraries.
        .env("SDKROOT", "/");
    for tool in ["CC", "AR"] {
        let variable = format!("{tool}_{}", triple.replace('-', "_"));
        clippy.env(variable, stand_in(&folder, tool)?);
    }
    step::run("run clippy for macOS", &mut clippy)
}

/// The checked packages. Tests are excluded: most of them are for Linux or Windows.
const PACKAGES: [&str; 8] = [
    "--package",
    "pilotlight",
    "--package",
    "pilotlight-init",
    "--package",
    "pilotlight-cli",
    "--package",
    "pilotlight-app",
];

/// A substitute for a C compiler and archiver: build scripts of libraries call them, and the check ignores their
/// output.
fn stand_in(folder: &Path, tool: &str) -> Result<PathBuf, Error> {
    let path = folder.join(tool.to_lowercase());
    fs::write(&path, include_str!("macos_stand_in.sh")).map_err(at(&path))?;
    platform::make_executable(&path).map_err(at(&path))?;
    Ok(path)
}
