//! The autostart entry of the app.
//!
//! Uses `auto-launch` directly instead of tauri-plugin-autostart. The plugin passes the bare path
//! of the program, which neither a desktop entry nor the registry accepts if it contains a space,
//! and on Windows it writes for all users if it can.

use std::path::Path;

use auto_launch::{AutoLaunch, AutoLaunchBuilder, MacOSLaunchMode, WindowsEnableMode};
use tauri::{AppHandle, Manager as _};

use crate::platform;

/// The name of the entry.
const NAME: &str = "Pilot Light";

/// The argument with which the app starts with the desktop.
const ARGUMENT: &str = "--at-login";

/// The autostart entry of this program.
pub(crate) struct Autostart(Result<AutoLaunch, String>);

impl Autostart {
    pub(crate) fn of_this_program(app: &AppHandle) -> Self {
        match platform::program(&app.env()) {
            Ok(program) => Self::of(NAME, &program),
            Err(error) => Self(Err(error.to_string())),
        }
    }

    /// Returns the entry of that program, under this name.
    pub(crate) fn of(name: &str, program: &Path) -> Self {
        Self(entry(name, program).map_err(|error| error.to_string()))
    }

    pub(crate) fn is_on(&self) -> Result<bool, String> {
        let entry = self.0.as_ref().map_err(Clone::clone)?;
        entry.is_enabled().map_err(|error| error.to_string())
    }

    pub(crate) fn set(&self, on: bool) -> Result<(), String> {
        let entry = self.0.as_ref().map_err(Clone::clone)?;
        if on {
            return entry.enable().map_err(|error| error.to_string());
        }
        match self.is_on() {
            Ok(false) => Ok(()),
            _ => entry.disable().map_err(|error| error.to_string()),
        }
    }
}

fn entry(name: &str, program: &Path) -> Result<AutoLaunch, Box<dyn std::error::Error>> {
    let program = program
        .to_str()
        .ok_or("the path of this program is not Unicode")?;
    let entry = AutoLaunchBuilder::new()
        .set_app_name(name)
        .set_app_path(&platform::as_word(program))
        .set_args(&[ARGUMENT])
        .set_macos_launch_mode(MacOSLaunchMode::LaunchAgent)
        .set_windows_enable_mode(WindowsEnableMode::CurrentUser)
        .build()?;
    Ok(entry)
}
