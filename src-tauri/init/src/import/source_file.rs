//! A file of another tool, and its services.

use super::{Tool, identity::Program, text::Known, tree::Unreadable};
use crate::{
    detect::{Listing, assignment, folder},
    draft::{DraftService, LeftOut, Origin},
};

/// A file that lists services.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The tool that reads it.
    pub tool: Tool,
    /// Its path, relative to the project, with forward slashes.
    pub file: String,
    /// Its services.
    pub services: Vec<DraftService>,
    /// The parts that a stack file cannot express.
    pub unsaid: Vec<LeftOut>,
    /// The programs of its services, if they are known.
    pub(super) programs: Vec<Program>,
}

impl SourceFile {
    pub(super) fn new(tool: Tool, file: &str) -> Self {
        Self {
            tool,
            file: file.to_owned(),
            services: Vec::new(),
            unsaid: Vec::new(),
            programs: Vec::new(),
        }
    }

    /// Returns the folder that contains it.
    pub(super) fn folder(&self) -> &str {
        folder(&self.file)
    }

    pub(super) fn because(&self, line: usize, text: impl Into<String>) -> Origin {
        Origin::line(&self.file, line, text)
    }

    pub(super) fn leave_out(&mut self, line: usize, what: impl Into<String>, why: &str) {
        let because = self.because(line, "");
        self.unsaid.push(LeftOut::new(what, &because, why));
    }

    /// Leaves out the whole file.
    pub(super) fn unreadable(mut self, error: &Unreadable) -> Self {
        let what = format!("all of {}", self.file);
        self.leave_out(error.line, what, &error.reason);
        self
    }

    /// Makes a path in this file relative to the project; `None` is the project itself.
    pub(super) fn path(&self, said: &str) -> Option<String> {
        resolve(self.folder(), said)
    }
}

/// Joins a path to a folder and removes `.` and `..`; `None` is the project itself. Absolute paths stay.
pub(crate) fn resolve(folder: &str, said: &str) -> Option<String> {
    let said = said.trim().replace('\\', "/");
    let absolute = said.starts_with(['/', '~']) || said.get(1..3) == Some(":/");
    if absolute {
        return Some(said);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(said.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Returns the variables of a `.env` file.
pub(super) fn env_file(listing: &Listing, path: &str) -> Known {
    let text = listing.text(path).unwrap_or_default();
    let pairs = text.lines().filter_map(assignment);
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    #[test]
    fn paths_begin_at_the_project() {
        assert_eq!(resolve("a/b", "./c"), Some("a/b/c".into()));
        assert_eq!(resolve("a/b", "../.."), None);
        assert_eq!(resolve("", "../x"), Some("../x".into()));
        assert_eq!(resolve("a", "/srv"), Some("/srv".into()));
        assert_eq!(resolve("", r"C:\x"), Some("C:/x".into()));
    }

    #[test]
    fn a_file_of_variables_is_read_as_its_tools_do() {
        let mut listing = Listing::new("x", Host::default());
        listing.add(
            ".env",
            Some("# A=0\nA=1\nexport B = \"two # 2\" # x\nC='3'\nD=4 # four\nno\n=x\n"),
        );
        let known = env_file(&listing, ".env");
        let pairs: Vec<(&str, &str)> = known.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(
            pairs,
            [("A", "1"), ("B", "two # 2"), ("C", "3"), ("D", "4")]
        );
    }
}
