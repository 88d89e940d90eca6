//! Environment variables by their names as the operating system knows them: `PATH` is `Path` on Windows.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use crate::platform::process::names;

/// The value of the variable of this name.
pub(crate) fn get<'a>(
    variables: &'a BTreeMap<OsString, OsString>,
    name: &str,
) -> Option<&'a OsStr> {
    let exact = variables.get(OsStr::new(name));
    let found = exact.or_else(|| {
        let mut all = variables.iter();
        all.find_map(|(known, value)| names(known, name).then_some(value))
    });
    found.map(OsString::as_os_str)
}

/// Sets a variable, in place of one that has the same name to the operating system.
pub(crate) fn set(variables: &mut BTreeMap<OsString, OsString>, name: &str, value: OsString) {
    variables.retain(|known, _| !names(known, name));
    variables.insert(name.into(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<OsString, OsString> {
        let given = [("Path", "a"), ("OTHER", "b")];
        given
            .map(|(name, value)| (name.into(), value.into()))
            .into()
    }

    /// What holds on every system: whoever reads finds what was set last by this very name.
    #[test]
    fn what_was_set_is_what_is_found() {
        let mut variables = variables();
        assert_eq!(get(&variables, "Path"), Some(OsStr::new("a")));
        set(&mut variables, "PATH", "c".into());
        assert_eq!(get(&variables, "PATH"), Some(OsStr::new("c")));
        assert_eq!(get(&variables, "OTHER"), Some(OsStr::new("b")));
        assert_eq!(get(&variables, "NONE"), None);
    }

    #[test]
    fn names_are_the_same_where_the_system_says_so() {
        let one = names(OsStr::new("Path"), "PATH");
        let mut variables = variables();
        assert_eq!(get(&variables, "PATH").is_some(), one);
        set(&mut variables, "PATH", "c".into());
        assert_eq!(variables.len(), if one { 2 } else { 3 });
    }
}
