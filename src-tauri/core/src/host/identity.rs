//! The identity of this process on the desktop.

use std::io;

use crate::platform::program;

/// Sets the identity of this process. On Windows it is an `AppUserModelID`: the task bar groups the
/// windows of all processes with the same id, and a click on a notification of this process starts
/// the program that is registered with this id. Does nothing on other systems.
///
/// Must be called before a window is created. Fails if the system rejects the id.
pub fn assume(id: &str) -> io::Result<()> {
    program::assume_identity(id)
}
