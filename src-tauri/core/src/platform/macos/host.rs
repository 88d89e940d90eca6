//! The machine. macOS compresses and swaps before it kills, and tells no user whom it killed.

use crate::platform::OomKill;
pub(crate) use crate::platform::unix::host::{
    disk_available, login_shell, open_files_limit, user_name,
};

/// Whom the kernel killed for memory: not told here.
pub(crate) fn killings() -> Vec<OomKill> {
    Vec::new()
}

/// How many were killed for memory, with the name of the counter: not told here.
pub(crate) fn killing_count() -> Option<(u64, String)> {
    None
}
