//! The environment variables of this process. Services get those with which it was started, not
//! those that it sets for its own libraries.

use std::{env, io};

use crate::{env::OWN, platform::program};

/// Sets a variable for this process but not for its services, unless it is already set.
///
/// Libraries may have started threads before `main`, and one of them could be reading the
/// environment. So the process is executed again, with the same PID and arguments. Call this first.
/// Returns normally if the variable is set, and fails if the system cannot execute the program
/// again.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    if env::var_os(name).is_some() {
        return Ok(());
    }
    Err(program::begin_anew(&[(name, value), (OWN, name)]))
}
