//! The functions that differ between desktops, under the same names. Besides the console in `main.rs`,
//! nothing else in the app depends on the system.

#[cfg(not(target_os = "linux"))]
mod alike;
mod icons;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod os;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod os;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod os;
#[cfg(not(target_os = "linux"))]
mod system_tray;

pub(crate) use os::{as_word, body, make_known, prepare, program, show_tray};
