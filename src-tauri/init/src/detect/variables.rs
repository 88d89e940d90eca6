//! The variables that a project sets for itself, in `.env` and similar files.

use std::collections::BTreeMap;

use super::{
    listing::{Listing, join},
    port_of,
};
use crate::draft::{Origin, Sourced, plain};

/// A variable of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    /// Whether it is set when the project runs, and not only in an example.
    pub(super) is_set: bool,
}

impl Variable {
    /// Returns the port that the value is or ends with: `8080`, `:8080`, `localhost:8080`.
    pub(super) fn port(&self) -> Option<Sourced<u16>> {
        let number = port_of(self.value.rsplit(':').next()?)?;
        Some(self.because().says(number))
    }

    /// Returns the place that sets the variable.
    pub(super) fn because(&self) -> Origin {
        Origin::line(&self.file, self.line, format!("`{}`", self.name))
    }
}

/// The files for development; later ones take precedence (<https://vite.dev/guide/env-and-mode>).
const FILES: &str = ".flaskenv .env .env.local .env.development .env.development.local";

/// Examples of `.env`.
const EXAMPLES: &str = ".env.example .env.sample .env.template .env.dist env.example";

/// Returns the variables of a folder, by name; those that are set take precedence over those of examples.
pub(super) fn of_folder(listing: &Listing, folder: &str) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    let examples = EXAMPLES.split(' ').map(|name| (name, false));
    let files = FILES.split(' ').map(|name| (name, true));
    for (name, is_set) in examples.chain(files) {
        let file = join(folder, name);
        let Some(text) = listing.text(&file) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let Some((name, value)) = assignment(line) else {
                continue;
            };
            let variable = Variable {
                name: name.to_owned(),
                value: value.to_owned(),
                file: file.clone(),
                line: number + 1,
                is_set,
            };
            variables.insert(name.to_owned(), variable);
        }
    }
    variables
}

/// Whether a folder has variables that are set, rather than an example alone.
fn has_file(listing: &Listing, folder: &str) -> bool {
    FILES
        .split(' ')
        .any(|name| listing.has(&join(folder, name)))
}

/// Returns a variable as it holds in the first of these folders that sets it: that of the example where no file sets it.
pub(super) fn set_in(listing: &Listing, folders: &[&str], name: &str) -> Option<Variable> {
    folders.iter().find_map(|folder| {
        let variable = of_folder(listing, folder).remove(name)?;
        (variable.is_set || !has_file(listing, folder)).then_some(variable)
    })
}

/// Returns the file in a folder that should be copied to `.env`, if there is none.
pub(super) fn example_without_file(listing: &Listing, folder: &str) -> Option<String> {
    let mut examples = EXAMPLES.split(' ').map(|name| join(folder, name));
    let example = examples.find(|example| listing.has(example))?;
    (!has_file(listing, folder)).then_some(example)
}

/// Returns the `.env` of the first of these folders that has one, for a service whose source does not read it.
pub(super) fn file_for(listing: &Listing, folders: &[&str]) -> Option<Sourced<String>> {
    let mut files = folders.iter().map(|folder| join(folder, ".env"));
    let file = files.find(|file| listing.has(file))?;
    let because = Origin::file(&file, "the program does not read it by itself");
    Some(because.says(format!("{}?", plain(&file))))
}

/// Splits `NAME=value` on one line.
pub(crate) fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let value = value.trim();
    let quote = value.chars().next().filter(|c| "'\"`".contains(*c));
    let value = match quote {
        Some(quote) => value[1..].split(quote).next()?,
        None => value.split(" #").next()?.trim_end(),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    #[test]
    fn what_is_set_wins_over_an_example() {
        let mut listing = Listing::new("x", Host::default());
        listing.add("a/.env.example", Some("A=1\nB=2\n"));
        listing.add("a/.env", Some("# no\nexport A=\"3 # 4\" # five\n"));
        let variables = of_folder(&listing, "a");
        assert_eq!(
            (variables["A"].value.as_str(), variables["A"].line),
            ("3 # 4", 2)
        );
        assert!(variables["A"].is_set && !variables["B"].is_set);
        assert_eq!(example_without_file(&listing, "a"), None);
    }
}
