//! The environment variables of this process. Services get those that it was started with, and not
//! those that it set for its own libraries.

use std::{env, ffi::OsStr, io};

use crate::{platform::program, stack_file::Environment};

/// Contains the name of the variable that is for this process only.
const OWN: &str = "PILOTLIGHT_OWN_VARIABLE";

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

/// Returns the variables that this process was started with.
pub(crate) fn inherited() -> Environment {
    without_own(env::vars_os().collect())
}

fn without_own(mut variables: Environment) -> Environment {
    if let Some(own) = variables.remove(OsStr::new(OWN)) {
        variables.remove(&own);
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_process_has_for_itself_is_none_of_what_it_was_started_with() {
        let variables = |pairs: &[(&str, &str)]| -> Environment {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect()
        };
        let given = variables(&[("PATH", "/bin"), ("PAINT", "0")]);
        assert_eq!(without_own(given.clone()), given);
        let own = variables(&[("PATH", "/bin"), ("PAINT", "1"), (OWN, "PAINT")]);
        assert_eq!(without_own(own), variables(&[("PATH", "/bin")]));
    }
}
