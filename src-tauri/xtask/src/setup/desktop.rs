//! What the application is built with, and what its tests see it by, on Linux: all from the system.

use std::{env, fmt, process::Command};

use super::packages::{install, on_path};
use crate::{
    error::{Error, Missing},
    step,
};

/// Something that has to be there, and the package of Debian and Ubuntu that has it.
struct Piece {
    package: &'static str,
    found_by: FoundBy,
}

enum FoundBy {
    /// A library, with what is needed to build against it, by its name in pkg-config.
    Library(&'static str),
    Program(&'static str),
}

/// The webview, GTK and all that comes with it. The tray needs no library: it talks over the bus.
const TO_BUILD: &[Piece] = &[
    library("libwebkit2gtk-4.1-dev", "webkit2gtk-4.1"),
    library("librsvg2-dev", "librsvg-2.0"),
];

/// A screen, a bus, who drives the webview, who launches an autostart entry, and a panel with a tray.
const TO_TEST: &[Piece] = &[
    program("xvfb", "Xvfb"),
    program("dbus-daemon", "dbus-daemon"),
    program("dbus-bin", "dbus-monitor"),
    program("webkit2gtk-driver", "WebKitWebDriver"),
    program("libglib2.0-bin", "gio"),
    program("xfce4-panel", "xfce4-panel"),
];

const fn library(package: &'static str, name: &'static str) -> Piece {
    let found_by = FoundBy::Library(name);
    Piece { package, found_by }
}

const fn program(package: &'static str, name: &'static str) -> Piece {
    let found_by = FoundBy::Program(name);
    Piece { package, found_by }
}

/// Sees to what the application is built with. macOS and Windows bring it along.
pub(crate) fn ensure_for_building() -> Result<(), Error> {
    ensure(TO_BUILD)
}

/// Sees to what its tests need.
pub(crate) fn ensure_for_tests() -> Result<(), Error> {
    ensure(TO_TEST)
}

fn ensure(pieces: &[Piece]) -> Result<(), Error> {
    if env::consts::OS != "linux" {
        return Ok(());
    }
    let missing = || pieces.iter().filter(|piece| !piece.is_there());
    let mut packages: Vec<_> = missing().map(|piece| piece.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if on_path("apt-get") {
        if !on_path("pkg-config") {
            packages.push("pkg-config");
        }
        return install(&packages);
    }
    let missing = missing().map(|piece| Missing {
        what: piece.to_string(),
        remedy: format!(
            "install what Debian calls `{}` with the package manager of this system",
            piece.package
        ),
    });
    Err(Error::Missing(missing.collect()))
}

impl Piece {
    fn is_there(&self) -> bool {
        match self.found_by {
            FoundBy::Library(name) => {
                let mut pkg_config = Command::new("pkg-config");
                pkg_config.args(["--exists", name]);
                step::output(pkg_config).is_some()
            }
            FoundBy::Program(name) => on_path(name),
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found_by {
            FoundBy::Library(name) => write!(f, "the library `{name}`, with its headers"),
            FoundBy::Program(name) => write!(f, "`{name}`"),
        }
    }
}
