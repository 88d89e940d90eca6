//! The tray application of Pilot Light.
// On Windows no console comes with it. The one other place of the app that asks for the system is `platform/`.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    pilotlight_app::run()
}
