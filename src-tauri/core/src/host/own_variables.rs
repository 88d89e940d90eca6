//! The environment variables of this process: those that it was started with, which services are given
//! too, and those that it has for libraries in it.

use std::{env, ffi::OsStr, io};

use crate::{platform::program, stack_file::Environment};

/// Names the variable that is for this process alone.
const OWN: &str = "PILOTLIGHT_OWN_VARIABLE";

/// Gives this process a variable that no service gets, unless it was started with one of that name.
///
/// Libraries may have begun threads before `main`, and one of those could be reading the variables. So
/// nothing is changed in this process: it begins anew, with the same number and the same words. To
/// be called first of all. Returns without that where the variable is there, and fails where the system
/// cannot do so.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    if env::var_os(name).is_some() {
        return Ok(());
    }
    Err(program::begin_anew(&[(name, value), (OWN, name)]))
}

/// What this process was started with. Values are secrets.
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
