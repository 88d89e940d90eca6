//! The machine. macOS compresses and swaps memory before it kills processes, and does not report
//! which processes it killed.

use std::time::Duration;

pub(crate) use crate::platform::{
    elsewhere::{killing_count, killings},
    unix::host::{disk_available, login_shell, open_files_limit, user_name},
};

/// Returns how long the machine has slept since its boot (`clock_gettime(3)`: only one of the two
/// clocks includes that time).
pub(crate) fn slept() -> Duration {
    let clocks = [libc::CLOCK_MONOTONIC_RAW, libc::CLOCK_UPTIME_RAW];
    let [with, without] = clocks.map(|clock| {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: writes to a local variable.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    });
    with.saturating_sub(without)
}
