//! `cargo xtask dist --windows`: a zip and an installer, built on Linux and tried under Wine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{demand, trial};
use crate::{
    error::{Error, at},
    step,
    windows::{Cross, programs},
    workspace,
};

/// A program that people get.
struct Program {
    package: &'static str,
    file: &'static str,
    /// What its header says it runs in: `CUI` is a console, `GUI` is none.
    subsystem: &'static str,
}

/// What is delivered. The installer learns of the app by itself, once it stands here.
const PROGRAMS: [Program; 1] = [Program {
    package: "pilotlight-cli",
    file: "pilotlight.exe",
    subsystem: "(Windows CUI)",
}];

pub(super) const APP: &str = "pilot-light.exe";
const DOCUMENTS: [&str; 2] = ["README.md", "LICENSE"];

/// What is needed besides a compiler and Wine, with the packages of Debian's that have it.
const TOOLS: [(&str, &str); 3] = [("makensis", "nsis"), ("zip", "zip"), ("unzip", "unzip")];
const OBJDUMP: &str = "x86_64-w64-mingw32-objdump";

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds both, and tries them.
pub(super) fn run() -> Result<(), Error> {
    let cross = Cross::ensure(&TOOLS)?;
    build(&cross)?;
    let contents = gather()?;
    let zip = zip(&contents)?;
    let installer = installer(&contents)?;
    inspect(&contents, &zip)?;
    trial::run(&cross, &installer)?;
    for made in [zip, installer] {
        let size = fs::metadata(&made).map_err(at(&made))?.len();
        anstream::println!("  {} ({} KiB)", made.display(), size / 1024);
    }
    step::note("the installer is NOT signed, and has been tried under Wine alone");
    Ok(())
}

fn build(cross: &Cross) -> Result<(), Error> {
    for program in PROGRAMS {
        let mut build = cross.cargo("")?;
        build
            .args(["build", "--release", "--package", program.package])
            // The standard library that is built for Debian's compiler has nothing in it that could
            // be optimized together with the rest.
            .env("CARGO_PROFILE_RELEASE_LTO", "false");
        step::run(&format!("build {} for Windows", program.file), build)?;
    }
    Ok(())
}

/// Puts all that is delivered into one folder, and nothing else.
fn gather() -> Result<PathBuf, Error> {
    let contents = workspace::own()?.join("windows");
    if contents.exists() {
        fs::remove_dir_all(&contents).map_err(at(&contents))?;
    }
    fs::create_dir_all(&contents).map_err(at(&contents))?;
    let built = programs("release")?;
    let programs = PROGRAMS.iter().map(|program| built.join(program.file));
    let documents = DOCUMENTS.iter().map(|name| workspace::root().join(name));
    for file in programs.chain(documents) {
        let to = contents.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &to).map_err(at(&file))?;
    }
    Ok(contents)
}

/// The names of what is delivered.
pub(super) fn files() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().map(|program| program.file);
    programs.chain(DOCUMENTS).collect()
}

fn zip(contents: &Path) -> Result<PathBuf, Error> {
    let file = super::folder()?.join(format!("pilotlight-{VERSION}-windows-x64.zip"));
    if file.exists() {
        // Otherwise it would be added to.
        fs::remove_file(&file).map_err(at(&file))?;
    }
    let mut zip = Command::new("zip");
    zip.args(["-q", "-X", "-9"])
        .arg(&file)
        .args(files())
        .current_dir(contents);
    step::run("make the zip for Windows", zip)?;
    Ok(file)
}

fn installer(contents: &Path) -> Result<PathBuf, Error> {
    let file = super::folder()?.join(format!("pilotlight-{VERSION}-windows-x64-setup.exe"));
    let script = contents.with_file_name("installer.nsi");
    fs::write(&script, include_str!("installer.nsi")).map_err(at(&script))?;
    let root = workspace::root();
    let icon = root.join("icons/icon.ico");
    let icon = icon.canonicalize().map_err(at(&icon))?;
    let mut nsis = Command::new("makensis");
    // Not the 32-bit one that it makes by default.
    nsis.args(["-V2", "-WX", "-XTarget amd64-unicode"])
        .arg(format!("-DVERSION={VERSION}"))
        .arg(format!("-DFROM={}", contents.display()))
        .arg(format!("-DICON={}", icon.display()))
        .arg(format!("-DOUT={}", file.display()));
    if files().contains(&APP) {
        nsis.arg("-DAPP");
    }
    nsis.arg(&script);
    step::run("make the installer for Windows", nsis)?;
    Ok(file)
}

/// Sees that the zip has everything, whole, and that the programs run on any 64-bit Windows.
fn inspect(contents: &Path, zip: &Path) -> Result<(), Error> {
    let mut list = Command::new("unzip");
    list.arg("-Z1").arg(zip);
    let listed = step::printed(list)?;
    let mut found: Vec<_> = listed.lines().collect();
    let mut wanted = files();
    found.sort_unstable();
    wanted.sort_unstable();
    demand(found == wanted, || {
        format!("the zip has {found:?} in it, and not {wanted:?}")
    })?;
    let mut test = Command::new("unzip");
    test.arg("-tq").arg(zip);
    step::printed(test)?;

    for program in PROGRAMS {
        let mut dump = Command::new(OBJDUMP);
        dump.arg("-p").arg(contents.join(program.file));
        let headers = step::printed(dump)?;
        let file = program.file;
        demand(headers.contains("pei-x86-64"), || {
            format!("{file} is not for a 64-bit Windows:\n{headers}")
        })?;
        let subsystem = headers.lines().find(|line| line.starts_with("Subsystem"));
        demand(
            subsystem.is_some_and(|line| line.ends_with(program.subsystem)),
            || {
                format!(
                    "{file} does not run in {}: {subsystem:?}",
                    program.subsystem
                )
            },
        )?;
        let libraries: Vec<_> = headers
            .lines()
            .filter_map(|line| line.trim().strip_prefix("DLL Name: "))
            .collect();
        // Those of mingw are called so, and are on nobody's machine.
        demand(
            !libraries.is_empty() && !libraries.iter().any(|name| name.starts_with("lib")),
            || format!("{file} needs libraries that Windows has not: {libraries:?}"),
        )?;
    }
    Ok(())
}
