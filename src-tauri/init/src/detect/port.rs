//! The ports that source and settings name.

use std::collections::BTreeMap;

use regex::Captures;
use serde::Deserialize;

use super::{
    frameworks::{Language, Pattern},
    listing::{Listing, line_at},
    port_of,
    source::{Syntax, is_comment, without_comments},
    variables,
};
use crate::draft::{DraftService, Origin};

/// A port, and how the program can be given another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// None where the source only names the variable.
    pub(super) number: Option<u16>,
    /// The environment variable that it reads.
    pub(super) variable: Option<String>,
    /// The option that it takes: `--port`.
    pub(super) option: Option<String>,
    pub(super) because: Origin,
}

/// A pattern for a port; its groups that begin with `port`, `variable` and `option` are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PortPattern {
    pub(super) pattern: Pattern,
    #[serde(default = "sets")]
    why: String,
    /// The dashes before the name of an option.
    option: String,
    /// A text that the file must have.
    with: String,
    /// Whether it counts only in a file that listens.
    listens: bool,
    /// The file to read, for a framework.
    pub(super) file: String,
    /// The text at which the part of the file that counts ends.
    until: String,
    /// The port and the variable, where the pattern has none.
    number: Option<u16>,
    variable: Option<String>,
}

fn sets() -> String {
    "sets the port".to_owned()
}

impl PortPattern {
    /// Returns the port that the pattern finds in the code of a file.
    pub(super) fn read(&self, file: &str, code: &str) -> Option<Port> {
        if !code.contains(&self.with) {
            return None;
        }
        let mut found = self.pattern.captures_iter(code).take(64);
        found.find_map(|found| self.port(file, code, &found))
    }

    fn port(&self, file: &str, code: &str, found: &Captures) -> Option<Port> {
        let group = |start: &str| {
            let mut names = self.pattern.capture_names().flatten();
            names.find_map(|name| found.name(name).filter(|_| name.starts_with(start)))
        };
        let text = |start: &str| group(start).map(|found| found.as_str().to_owned());
        let number = match group("port") {
            Some(number) => Some(port_of(number.as_str())?),
            None => self.number,
        };
        let variable = text("variable").or_else(|| self.variable.clone());
        let at = group("port")
            .or(group("variable"))
            .or(found.get(0))?
            .start();
        if is_comment(code, at) || (number.is_none() && variable.is_none()) {
            return None;
        }
        let option = text("option").map(|name| match self.option.as_str() {
            "--" => format!("--{}", name.replace('_', "-")),
            start => format!("{start}{name}"),
        });
        let because = Origin::line(file, line_at(code, at), self.why.as_str());
        Some(Port {
            number,
            variable,
            option,
            because,
        })
    }

    /// Returns the part of a settings file that counts, without its comments.
    pub(super) fn code(&self, text: &str) -> String {
        let code = without_comments(text, Syntax::Hash);
        match code.find(&self.until).filter(|at| *at > 0) {
            Some(end) => code[..end].to_owned(),
            None => code,
        }
    }
}

/// Returns the port that the sources of a program name: the most explicit pattern first, then the first file.
pub(super) fn in_sources(language: &Language, sources: &[(&str, &str)]) -> Option<Port> {
    language.port.iter().find_map(|row| {
        sources.iter().find_map(|(file, code)| {
            let listens = || language.listens.as_ref().is_none_or(|it| it.is_match(code));
            row.read(file, code).filter(|_| !row.listens || listens())
        })
    })
}

/// Returns the port that the code of a program names. Of two files, one that is near comes first.
pub(super) fn in_codes(
    language: &Language,
    codes: &BTreeMap<&str, String>,
    is_near: impl Fn(&str) -> bool,
) -> Option<Port> {
    let sources = codes.iter().map(|(path, code)| (*path, code.as_str()));
    let mut sources: Vec<(&str, &str)> = sources.collect();
    sources.sort_by_key(|(path, _)| !is_near(path));
    in_sources(language, &sources)
}

impl Port {
    pub(super) fn new(number: u16, because: Origin) -> Self {
        Self {
            number: Some(number),
            variable: None,
            option: None,
            because,
        }
    }

    /// Returns the port with the number that the project's `.env` gives to its variable.
    pub(super) fn in_force(mut self, listing: &Listing, folders: &[&str]) -> Self {
        let name = self.variable.as_deref();
        let set = name.and_then(|name| variables::set_in(listing, folders, name)?.port());
        if let Some(set) = set {
            (self.number, self.because) = (Some(set.value), set.because);
        }
        self
    }

    /// Writes the port into a service, and into its variable if that is not `PORT`, which every service gets. Returns
    /// whether the program reads `PORT`.
    pub(super) fn settle(&self, service: &mut DraftService) -> bool {
        service.port = self.number.map(|number| self.because.says(number));
        match self.variable.as_deref() {
            Some("PORT") => return true,
            Some(variable) if self.option.is_none() => {
                let value = self.because.says("{port}".to_owned());
                service.env.push((variable.to_owned(), value));
            }
            _ => {}
        }
        false
    }
}
