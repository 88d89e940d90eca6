//! The machine. macOS compresses and swaps before it kills processes, and does not report which it
//! killed.

use crate::platform::OomKill;
pub(crate) use crate::platform::unix::host::{
    disk_available, login_shell, open_files_limit, user_name,
};

/// Returns nothing: macOS does not report killed processes.
pub(crate) fn killings() -> Vec<OomKill> {
    Vec::new()
}

/// Returns `None`: macOS has no such counter.
pub(crate) fn killing_count() -> Option<(u64, String)> {
    None
}
