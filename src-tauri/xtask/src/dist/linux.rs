//! `cargo xtask dist` on Linux: a package for Debian and Ubuntu.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{demand, tauri};
use crate::{
    error::{Error, at},
    setup::desktop,
    step, ui, workspace,
};

/// The files that the package must have.
const CONTENTS: [&str; 10] = [
    "usr/bin/pilot-light",
    "usr/bin/pilotlight",
    "usr/share/applications/Pilot Light.desktop",
    "usr/share/icons/hicolor/32x32/apps/pilot-light.png",
    "usr/share/icons/hicolor/128x128/apps/pilot-light.png",
    "usr/share/icons/hicolor/256x256@2/apps/pilot-light.png",
    "usr/share/man/man1/pilotlight.1",
    "usr/share/bash-completion/completions/pilotlight",
    "usr/share/zsh/vendor-completions/_pilotlight",
    "usr/share/fish/vendor_completions.d/pilotlight.fish",
];

/// Builds the package and inspects it.
pub(super) fn run() -> Result<(), Error> {
    desktop::ensure_for_building()?;
    ui::build()?;
    let folder = tauri::bundle("deb", "build the package for Debian")?;
    let package = newest(&folder)?;
    inspect(&package)?;

    let delivered = super::folder()?.join(package.file_name().unwrap_or_default());
    fs::copy(&package, &delivered).map_err(at(&package))?;
    let size = fs::metadata(&delivered).map_err(at(&delivered))?.len();
    anstream::println!("  {} ({} KiB)", delivered.display(), size / 1024);
    step::note(
        "the AppImage was NOT built: its tools come from GitHub at build time. `tauri.conf.json` is ready \
         for it, as it is for NSIS, MSI and dmg on their systems",
    );
    Ok(())
}

fn newest(folder: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(folder).map_err(at(folder))?.flatten();
    let packages = entries.map(|entry| entry.path());
    let packages = packages.filter(|path| path.extension().is_some_and(|kind| kind == "deb"));
    let age = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    packages
        .max_by_key(age)
        .ok_or_else(|| Error::Untrue(format!("there is no package in {}", folder.display())))
}

/// Checks that the package is complete, that the command in it runs, and that it names its dependencies.
fn inspect(package: &Path) -> Result<(), Error> {
    let dpkg = |question: &str| step::printed(Command::new("dpkg-deb").arg(question).arg(package));
    let listed = dpkg("--contents")?;
    for wanted in CONTENTS {
        // The name is the last column, from the root of the package.
        let is_it = |line: &str| {
            let before = line.strip_suffix(wanted);
            before.is_some_and(|before| before.ends_with(' ') || before.ends_with(" ./"))
        };
        demand(listed.lines().any(is_it), || {
            format!("{wanted} is not in {}:\n{listed}", package.display())
        })?;
    }
    let fields = dpkg("--field")?;
    demand(fields.contains("libwebkit2gtk-4.1-0"), || {
        format!("it does not say that it needs the webview:\n{fields}")
    })?;

    let folder = workspace::own()?.join("package");
    workspace::remove(&folder)?;
    step::printed(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(package)
            .arg(&folder),
    )?;
    let program = folder.join("usr/bin/pilotlight");
    let version = step::printed(Command::new(program).arg("--version"))?;
    demand(version.contains(env!("CARGO_PKG_VERSION")), || {
        format!("the command in it says `{version}`")
    })?;
    let entry = folder.join("usr/share/applications/Pilot Light.desktop");
    let entry = fs::read_to_string(&entry).map_err(at(&entry))?;
    demand(
        entry.contains("\nExec=pilot-light") && entry.contains("\nIcon=pilot-light"),
        || format!("the entry of the menu is wrong:\n{entry}"),
    )
}
