//! The functions that differ between operating systems, under the same names. Only this module uses
//! `cfg` for a platform, and `unsafe`.
#![expect(
    unsafe_code,
    reason = "system calls that no safe library offers; each block has its own argument"
)]

#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod types;
#[cfg(unix)]
mod unix;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod os;
#[cfg(target_os = "macos")]
#[path = "macos/mod.rs"]
mod os;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod os;

pub(crate) use os::{file, host, local, process, program, socket, terminal};
pub(crate) use types::{FileId, Fork, OomKill, Remnant, Wanted};
pub use types::{Row, Usage};
