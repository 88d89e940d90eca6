//! The table of frameworks, tools and languages that the detectors share: `frameworks.toml`.

use std::{
    ops::Deref,
    sync::{LazyLock, OnceLock},
};

use regex::Regex;
use serde::Deserialize;

use super::{
    has_word,
    listing::{Listing, join},
    port::{Port, PortPattern},
    python,
    source::{Syntax, has_extension, pattern},
    variables,
};
use crate::{
    draft::{Kind, Origin, Sourced},
    import::table,
};

/// A pattern of the table, compiled at its first use.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "String")]
pub(super) struct Pattern {
    text: String,
    regex: OnceLock<Regex>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        let regex = OnceLock::new();
        Self { text, regex }
    }
}

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        self.regex.get_or_init(|| pattern(&self.text))
    }
}

/// A framework. The head of `frameworks.toml` describes the keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Framework {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) port: Option<u16>,
    pub(super) language: String,
    pub(super) dependency: String,
    pub(super) compiles: Option<String>,
    pub(super) manifest: String,
    pub(super) file: String,
    pub(super) top: String,
    pub(super) service: String,
    pub(super) commands: Vec<Start>,
    port_in: Vec<PortPattern>,
    port_variables: String,
    pub(super) worker: Vec<Worker>,
    pub(super) starts: Option<Mark>,
    pub(super) python: Option<python::Framework>,
    pub(super) class: String,
    pub(super) asgi: bool,
    pub(super) page: bool,
    pub(super) maven: String,
    pub(super) gradle: String,
    pub(super) setting: String,
    pub(super) variable: Option<String>,
    pub(super) health: Option<Health>,
}

/// A command that starts a framework.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Start {
    pub(super) words: String,
    pub(super) file: String,
    pub(super) dependency: String,
}

/// A process that runs beside the application of a framework.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) task: String,
    pub(super) dependency: String,
    pub(super) file: String,
    pub(super) in_file: Option<Mark>,
    pub(super) setting: String,
    pub(super) off: Vec<String>,
    pub(super) uses: Option<Mark>,
    pub(super) words: String,
    pub(super) log: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) port_variables: String,
}

/// A folder, a text in a file, or words of the manifest by which a fact about a project is known.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) folder: String,
    pub(super) file: String,
    pub(super) text: String,
    pub(super) words: String,
}

/// The health page that a dependency of a Java framework adds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Health {
    pub(super) dependency: String,
    pub(super) before: Vec<String>,
    pub(super) base: String,
    pub(super) base_setting: String,
    pub(super) page: String,
    pub(super) unless: String,
}

/// A program that package scripts run and that serves.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tool {
    pub(super) program: String,
    commands: Option<String>,
    pub(crate) framework: String,
    pub(super) title: Option<String>,
    pub(crate) port: u16,
    pub(super) arguments: String,
    options: Option<String>,
    pub(super) reads_port: bool,
    pub(super) reads_env: bool,
    pub(crate) kind: Kind,
    pub(super) config: Option<String>,
    pub(super) table: String,
}

/// A program that runs the scripts of packages.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) exec: String,
    pub(super) locks: String,
}

/// A language, and how its source names a port and a health page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Language {
    pub(super) name: String,
    extensions: String,
    pub(super) comments: Syntax,
    pub(super) port: Vec<PortPattern>,
    pub(super) listens: Option<Pattern>,
    pub(super) health: Vec<Pattern>,
    pub(super) route: Option<Pattern>,
    pub(super) prefix: Option<Pattern>,
    pub(super) serves: Vec<String>,
    pub(super) file: String,
    pub(super) unless: Vec<String>,
}

/// The rows of the table, in its order. The last manager needs no lock file.
#[derive(Deserialize)]
pub(super) struct Table {
    pub(super) framework: Vec<Framework>,
    pub(super) manager: Vec<Manager>,
    pub(super) tool: Vec<Tool>,
    pub(super) language: Vec<Language>,
}

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("frameworks.toml")));

/// Returns the frameworks of a language.
pub(super) fn of_language(language: &str) -> impl Iterator<Item = &'static Framework> {
    TABLE
        .framework
        .iter()
        .filter(move |row| row.language == language)
}

/// Returns the language with this name.
pub(super) fn language(name: &str) -> &'static Language {
    #[expect(
        clippy::expect_used,
        reason = "names are constants, and tests use each"
    )]
    TABLE
        .language
        .iter()
        .find(|row| row.name == name)
        .expect("a language of the table")
}

impl Framework {
    /// Returns the port that the files or variables of a project name for this framework, else its usual one.
    pub(super) fn port(&self, listing: &Listing, root: &str) -> Option<Port> {
        let in_file = |row: &PortPattern| {
            let file = join(root, &row.file);
            row.read(&file, &row.code(listing.text(&file)?))
        };
        let usual = || {
            let because = Origin::known(format!("{}'s usual port", self.title()));
            Some(Port::new(self.port?, because))
        };
        let set = || {
            let set = set_port(listing, &[root, ""], &self.port_variables)?;
            Some(Port::new(set.value, set.because))
        };
        let mut port = self
            .port_in
            .iter()
            .find_map(in_file)
            .or_else(set)
            .or_else(usual)?;
        port.variable = port.variable.or_else(|| self.variable.clone());
        Some(port)
    }

    /// Returns the name as people write it.
    pub(super) fn title(&self) -> &str {
        if self.title.is_empty() {
            &self.name
        } else {
            &self.title
        }
    }
}

/// Returns the port that the first of these variables has in the first of these folders that sets one.
pub(super) fn set_port(listing: &Listing, folders: &[&str], names: &str) -> Option<Sourced<u16>> {
    let mut names = names.split_whitespace();
    names.find_map(|name| variables::set_in(listing, folders, name)?.port())
}

impl Tool {
    /// Whether a command that begins with this program and word runs the tool.
    pub(super) fn is_run_by(&self, program: &str, next: Option<&str>) -> bool {
        let Some(commands) = self.commands.as_deref().filter(|_| self.program == program) else {
            return self.program == program;
        };
        let command = match next {
            Some(word) if !word.starts_with('-') => word,
            // `vite --port 3000` has no word; `eleventy --serve` has an option that is one.
            Some(option) if has_word(commands, option) => option,
            _ => "-",
        };
        // `vite apps/web`: a folder instead of a word.
        let is_folder = self.program == "vite" && (command.contains('/') || command == ".");
        has_word(commands, command) || (is_folder && has_word(commands, "-"))
    }

    /// Returns the options by which a script may have given a port.
    pub(super) fn options(&self) -> &str {
        self.options.as_deref().unwrap_or("--port -p")
    }
}

impl Language {
    /// Whether a file is source of this language.
    pub(super) fn has(&self, path: &str) -> bool {
        let mut extensions = self.extensions.split(' ');
        extensions.any(|extension| has_extension(path, extension)) && path.ends_with(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_table_is_a_regular_expression() {
        let ports = TABLE.framework.iter().flat_map(|row| &row.port_in);
        let ports = ports.chain(TABLE.language.iter().flat_map(|row| &row.port));
        let named = |pattern: &Pattern| {
            let mut names = pattern.capture_names().flatten();
            names.any(|name| name.starts_with("port") || name.starts_with("variable"))
        };
        for row in ports {
            assert!(named(&row.pattern) || row.pattern.captures_len() == 1);
        }
        for row in &TABLE.language {
            let pages = row.health.iter().chain(&row.route).chain(&row.prefix);
            for pattern in pages {
                assert_eq!(pattern.captures_len(), 2, "{}", pattern.as_str());
            }
            assert_eq!(
                language(&row.name)
                    .listens
                    .as_ref()
                    .map_or(1, |it| it.captures_len()),
                1
            );
        }
    }
}
