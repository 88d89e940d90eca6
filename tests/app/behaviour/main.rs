//! The tray application, as a person meets it: its icon, its menu, its notifications, its window.
#![cfg(target_os = "linux")]
