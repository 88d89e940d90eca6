//! The tray application of Pilot Light.
// On Windows it opens no console. Apart from this, only `platform/` depends on the system.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    pilotlight_app::run()
}
