//! A separate desktop for the tray application: a bus, a screen, a tray host, a notification daemon, a home and
//! the program. All of them end with it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "the started programs are tools of the tests, not services"
)]
#![expect(clippy::missing_panics_doc, reason = "a test panics when it fails")]

pub mod bus;
pub mod desktop;
pub mod display;
pub mod light;
pub mod menu;
pub mod notifications;
pub mod panel;
pub mod processes;
pub mod programs;
pub mod seen;
pub mod stack;
pub mod tray;
pub mod window;

use std::{thread, time::Duration, time::Instant};

/// The time limit for everything that a test waits for.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Waits for something without a notification, by polling.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a condition is true.
pub fn until_so(what: &str, mut so: impl FnMut() -> bool) {
    until(what, || so().then_some(()));
}
