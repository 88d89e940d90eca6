//! The environment variables of a process.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{fs::native_text::NativeText, platform::process::names};

/// Contains the name of the variable that this process has set for itself only; see
/// [`crate::host::own_variables`].
pub(crate) const OWN: &str = "PILOTLIGHT_OWN_VARIABLE";

/// Environment variables. Names are compared as the operating system does: `PATH` is `Path` on
/// Windows. Values are secrets, so [`fmt::Debug`] shows only their number. Cheap to clone, and a
/// changed clone shares its texts with the original.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(Arc<BTreeMap<Arc<OsStr>, Arc<OsStr>>>);

impl Env {
    /// Returns an empty environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the variables that this process was started with: those that services get too.
    #[must_use]
    pub fn of_this_process() -> Self {
        std::env::vars_os().collect::<Self>().without_own()
    }

    fn without_own(mut self) -> Self {
        let own = Arc::make_mut(&mut self.0).remove(OsStr::new(OWN));
        if let Some(own) = own {
            Arc::make_mut(&mut self.0).remove(&own);
        }
        self
    }

    /// Returns the value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let exact = self.0.get(OsStr::new(name));
        let found = exact.or_else(|| {
            let mut all = self.0.iter();
            all.find_map(|(known, value)| names(known, name).then_some(value))
        });
        found.map(AsRef::as_ref)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        let value = value.into().into();
        let variables = Arc::make_mut(&mut self.0);
        if let Some(set) = variables.get_mut(OsStr::new(name)) {
            *set = value;
        } else {
            variables.retain(|known, _| !names(known, name));
            variables.insert(OsStr::new(name).into(), value);
        }
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: &str) {
        Arc::make_mut(&mut self.0).retain(|known, _| !names(known, name));
    }

    /// Keeps only the variables whose names satisfy a condition.
    pub fn retain(&mut self, keeps: impl Fn(&OsStr) -> bool) {
        Arc::make_mut(&mut self.0).retain(|name, _| keeps(name));
    }

    /// Returns all variables, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let variables = self.0.iter();
        variables.map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Returns the number of variables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no variables.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        let shared = variables.map(|(name, value)| (name.into().into(), value.into().into()));
        Self(Arc::new(shared.collect()))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(variables: [(&str, &str); N]) -> Self {
        variables.into_iter().collect()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} variables)", self.len())
    }
}

impl Serialize for Env {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let native = |text: &OsStr| NativeText(text.to_owned());
        serializer.collect_seq(
            self.iter()
                .map(|(name, value)| (native(name), native(value))),
        )
    }
}

impl<'de> Deserialize<'de> for Env {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let variables = Vec::<(NativeText, NativeText)>::deserialize(deserializer)?;
        let plain = variables.into_iter().map(|(name, value)| (name.0, value.0));
        Ok(plain.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_variable_replaces_the_one_of_the_same_name() {
        let mut env = Env::from([("PATH", "one"), ("HOME", "there")]);
        env.set("PATH", "two");
        assert_eq!(env.get("PATH"), Some(OsStr::new("two")));
        assert_eq!((env.get("MISSING"), env.len()), (None, 2));
        env.remove("PATH");
        assert_eq!(env, Env::from([("HOME", "there")]));
    }

    #[cfg(windows)]
    #[test]
    fn names_of_variables_ignore_case_on_windows() {
        let mut env = Env::from([("Path", "one")]);
        assert_eq!(env.get("PATH"), Some(OsStr::new("one")));
        env.set("PATH", "two");
        assert_eq!(env, Env::from([("PATH", "two")]));
    }

    #[test]
    fn a_variable_that_a_process_set_for_itself_is_not_inherited() {
        let set = [
            ("HOME", "there"),
            ("OF_A_LIBRARY", "1"),
            (OWN, "OF_A_LIBRARY"),
        ];
        assert_eq!(Env::from(set).without_own(), Env::from([("HOME", "there")]));
    }

    #[test]
    fn values_are_never_shown() {
        let env = Env::from([("TOKEN", "hunter2")]);
        assert_eq!(format!("{env:?}"), "Env(1 variables)");
    }
}
