//! Program versions, from the output of `--version`.

use std::{fmt, process::Command};

use crate::step;

/// Major and minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl Version {
    pub(super) const fn new(major: u32, minor: u32) -> Self {
        Self(major, minor)
    }

    /// Returns the output of `program --version`; `None` if it does not run.
    pub(super) fn of(program: &str) -> Option<Self> {
        Self::in_text(&step::output(Command::new(program).arg("--version"))?)
    }

    /// Returns the first version in the text, as in `Python 3.11.7` or `v20.19.0`.
    fn in_text(text: &str) -> Option<Self> {
        let from = text.find(|c: char| c.is_ascii_digit())?;
        let mut numbers = text[from..].split(|c: char| !c.is_ascii_digit());
        Some(Self(
            numbers.next()?.parse().ok()?,
            numbers.next()?.parse().ok()?,
        ))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_version_is_found_in_the_output_of_programs() {
        assert_eq!(Version::in_text("Python 3.11.7"), Some(Version::new(3, 11)));
        assert_eq!(Version::in_text("v20.9.0"), Some(Version::new(20, 9)));
        assert_eq!(Version::in_text("no number"), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::new(20, 9) < Version::new(20, 19));
        assert!(Version::new(3, 11) < Version::new(4, 0));
    }
}
