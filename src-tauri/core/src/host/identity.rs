//! As whom the desktop knows this process.

use std::io;

use crate::platform::program;

/// From now on the desktop takes this process for the program with this id. On Windows it is an
/// `AppUserModelID`: the windows of all who have it are one button of the task bar, and what starts the
/// program is found by it when a notification of its is clicked later on. Elsewhere nothing is done.
///
/// To be called before there is a window. Fails where the system does not take the id.
pub fn assume(id: &str) -> io::Result<()> {
    program::assume_identity(id)
}
