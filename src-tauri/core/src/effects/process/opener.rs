//! The command that opens an address in the browser.

use std::env::consts::OS;

/// Returns the command, without the address.
#[must_use]
pub fn opener() -> &'static [&'static str] {
    match OS {
        "macos" => &["open"],
        "windows" => &["rundll32", "url.dll,FileProtocolHandler"],
        _ => &["xdg-open"],
    }
}
