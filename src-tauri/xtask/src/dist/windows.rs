//! `cargo xtask dist --windows`: a zip and an installer, built on Linux and tried under Wine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    contents::{APP, Contents, PROGRAMS},
    demand, trial,
};
use crate::{
    error::{Error, at},
    setup::packages::{Piece, program},
    step, ui,
    windows::Cross,
    workspace,
};

/// The tools besides a compiler and Wine, with their packages in Debian.
const TOOLS: [Piece; 3] = [
    program("nsis", "makensis"),
    program("zip", "zip"),
    program("unzip", "unzip"),
];
const OBJDUMP: &str = "x86_64-w64-mingw32-objdump";

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The settings that the manifest of the app must have besides those of every Tauri program.
const MANIFEST: [&str; 3] = ["PerMonitorV2", "longPathAware", "activeCodePage"];

/// Builds both and tests them.
pub(super) fn run() -> Result<(), Error> {
    let cross = Cross::ensure(&TOOLS)?;
    ui::build()?;
    build(&cross)?;
    let contents = Contents::gather(&cross)?;
    let zip = zip(&contents)?;
    let installer = installer(&contents)?;
    inspect(&contents, &zip)?;
    trial::run(&cross, &installer, &contents.names)?;
    for made in [zip, installer] {
        let size = fs::metadata(&made).map_err(at(&made))?.len();
        anstream::println!("  {} ({} KiB)", made.display(), size / 1024);
    }
    step::note("the installer is NOT signed, and has been tried under Wine alone");
    Ok(())
}

/// Builds both programs at once, so that their libraries are built once.
fn build(cross: &Cross) -> Result<(), Error> {
    let mut build = cross.cargo("")?;
    build.args(["build", "--release"]);
    for program in PROGRAMS {
        build.args(["--package", program.package]);
    }
    // The standard library that is built for Debian's compiler contains no bitcode for link-time
    // optimization.
    build.env("CARGO_PROFILE_RELEASE_LTO", "false");
    step::run("build the programs for Windows", &mut build)
}

fn zip(contents: &Contents) -> Result<PathBuf, Error> {
    let file = super::folder()?.join(format!("pilotlight-{VERSION}-windows-x64.zip"));
    if file.exists() {
        // Otherwise zip would add to it.
        fs::remove_file(&file).map_err(at(&file))?;
    }
    let mut zip = Command::new("zip");
    zip.args(["-q", "-X", "-9"])
        .arg(&file)
        .args(&contents.names)
        .current_dir(&contents.folder);
    step::run("make the zip for Windows", &mut zip)?;
    Ok(file)
}

fn installer(contents: &Contents) -> Result<PathBuf, Error> {
    let file = super::folder()?.join(format!("pilotlight-{VERSION}-windows-x64-setup.exe"));
    let script = contents.folder.with_file_name("installer.nsi");
    fs::write(&script, include_str!("installer.nsi")).map_err(at(&script))?;
    let root = workspace::root();
    let icon = root.join("icons/icon.ico");
    let icon = icon.canonicalize().map_err(at(&icon))?;
    let mut nsis = Command::new("makensis");
    // The default is a 32-bit installer.
    nsis.args(["-V2", "-WX", "-XTarget amd64-unicode"])
        .arg(format!("-DVERSION={VERSION}"))
        .arg(format!("-DFROM={}", contents.folder.display()))
        .arg(format!("-DICON={}", icon.display()))
        .arg(format!("-DOUT={}", file.display()))
        .arg(&script);
    step::run("make the installer for Windows", &mut nsis)?;
    Ok(file)
}

/// Checks that the zip is complete, and that the programs run on any 64-bit Windows.
fn inspect(contents: &Contents, zip: &Path) -> Result<(), Error> {
    let listed = step::printed(Command::new("unzip").arg("-Z1").arg(zip))?;
    let mut found: Vec<_> = listed.lines().collect();
    found.sort_unstable();
    let wanted = &contents.names;
    demand(found == *wanted, || {
        format!("the zip contains {found:?} instead of {wanted:?}")
    })?;
    step::printed(Command::new("unzip").arg("-tq").arg(zip))?;

    for program in PROGRAMS {
        let file = program.file;
        let path = contents.folder.join(file);
        let headers = step::printed(Command::new(OBJDUMP).arg("-p").arg(path))?;
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
        // Libraries with these names belong to mingw, and users do not have them.
        demand(
            !libraries.is_empty() && !libraries.iter().any(|name| name.starts_with("lib")),
            || format!("{file} needs libraries that Windows does not have: {libraries:?}"),
        )?;
    }

    let app = contents.folder.join(APP.file);
    let bytes = fs::read(&app).map_err(at(&app))?;
    for wanted in MANIFEST {
        let there = bytes
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes());
        demand(there, || format!("there is no {wanted} in {}", APP.file))?;
    }
    Ok(())
}
