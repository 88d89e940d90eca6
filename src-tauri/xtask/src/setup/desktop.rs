//! The system libraries of the application and the programs of its tests on Linux. macOS and Windows already have
//! the libraries.

use std::env;

use super::packages::{self, Piece, library, program};
use crate::error::Error;

/// The webview, GTK and their dependencies. The tray needs no library: it talks over the bus.
const TO_BUILD: [Piece; 3] = [
    program("pkg-config", "pkg-config"),
    library("libwebkit2gtk-4.1-dev", "webkit2gtk-4.1"),
    library("librsvg2-dev", "librsvg-2.0"),
];

/// A screen, a bus, a driver of the webview, a launcher of autostart entries, and a panel with a tray.
const TO_TEST: [Piece; 6] = [
    program("xvfb", "Xvfb"),
    program("dbus-daemon", "dbus-daemon"),
    program("dbus-bin", "dbus-monitor"),
    program("webkit2gtk-driver", "WebKitWebDriver"),
    program("libglib2.0-bin", "gio"),
    program("xfce4-panel", "xfce4-panel"),
];

/// Installs the build dependencies of the application.
pub(crate) fn ensure_for_building() -> Result<(), Error> {
    on_linux(&TO_BUILD)
}

/// Installs the requirements of its tests.
pub(crate) fn ensure_for_tests() -> Result<(), Error> {
    on_linux(&TO_TEST)
}

fn on_linux(pieces: &[Piece]) -> Result<(), Error> {
    match env::consts::OS {
        "linux" => packages::ensure(pieces),
        _ => Ok(()),
    }
}
