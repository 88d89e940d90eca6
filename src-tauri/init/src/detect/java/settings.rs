//! Single settings of `application.properties` and `application.yml`.
//!
//! YAML is read by its lines and not by a library: the files contain `@…@` and `${…}`, which the build replaces and which
//! no YAML parser accepts, and only a few plain values with their lines are needed.

use std::collections::BTreeMap;

use crate::detect::{Listing, join};

/// A setting and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: String,
    pub(super) file: String,
    pub(super) line: usize,
}

/// The settings of a module, by their whole names.
#[derive(Debug, Default)]
pub(super) struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// Reads the settings of a module. Those of the active profile take precedence.
    pub(super) fn read(listing: &Listing, root: &str) -> Self {
        let mut settings = Self::default();
        settings.add(listing, root, "application");
        let active = settings
            .get("spring.profiles.active")
            .map(|set| set.value.clone());
        for profile in active.iter().flat_map(|active| active.split(',')) {
            // `${PROFILE:local}` is `local` unless the variable is set.
            let name = profile
                .trim()
                .trim_end_matches('}')
                .rsplit(':')
                .next()
                .unwrap_or_default();
            if !name.is_empty() && !name.contains(['$', '/', '@']) {
                settings.add(listing, root, &format!("application-{name}"));
            }
        }
        settings
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    fn add(&mut self, listing: &Listing, root: &str, stem: &str) {
        let read = [
            ("yml", yaml as fn(&str) -> Vec<(String, String, usize)>),
            ("yaml", yaml),
            ("conf", yaml),
            ("properties", properties),
        ];
        // Those in `config` take precedence.
        let files = ["", "config/"].into_iter().flat_map(|folder| {
            read.map(|(end, read)| (format!("src/main/resources/{folder}{stem}.{end}"), read))
        });
        for (file, read) in files {
            let file = join(root, &file);
            let Some(text) = listing.text(&file) else {
                continue;
            };
            for (name, value, line) in read(text) {
                let file = file.clone();
                self.0.insert(name, Setting { value, file, line });
            }
        }
    }
}

fn properties(text: &str) -> Vec<(String, String, usize)> {
    let entries = text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        let (name, value) = line.split_once('=').or_else(|| line.split_once(':'))?;
        let named = !line.starts_with(['#', '!', '%']);
        named.then(|| (name.trim().to_owned(), value.trim().to_owned(), index + 1))
    });
    entries.collect()
}

/// Returns the plain values of the first document. Ktor's HOCON (`ktor { deployment { port = 8080 } }`) reads the same
/// when its braces count as depth.
fn yaml(text: &str) -> Vec<(String, String, usize)> {
    let mut entries: Vec<(String, String, usize)> = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("---") {
            if entries.is_empty() {
                continue;
            }
            break;
        }
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with(['#', '-', '}', '/']) {
            continue;
        }
        let indent = line.len() - trimmed.len();
        above.retain(|(depth, _)| *depth < indent);
        let opening = trimmed.trim_end().strip_suffix('{');
        let (name, value) = match (opening, trimmed.split_once([':', '='])) {
            (Some(name), _) => (name, ""),
            (None, Some((name, value))) => (name, value),
            (None, None) => continue,
        };
        let name = name.trim().trim_matches(['"', '\'']);
        let value = value
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches(['"', '\'']);
        // HOCON's `port = ${?PORT}` follows the value that holds without the variable.
        if value.starts_with("${?") {
            continue;
        }
        if value.is_empty() {
            if above.len() < 16 {
                above.push((indent, name.to_owned()));
            }
            continue;
        }
        let mut whole: Vec<&str> = above.iter().map(|(_, name)| name.as_str()).collect();
        whole.push(name);
        entries.push((whole.join("."), value.to_owned(), index + 1));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_keys_become_whole_names() {
        let text = "# x\nspring:\n  application:\n    name: @project.name@\n  profiles.active: dev\nserver:\n  port: ${PORT:8081} # mine\n---\nserver:\n  port: 1\n";
        assert_eq!(
            yaml(text),
            [
                (
                    "spring.application.name".to_owned(),
                    "@project.name@".to_owned(),
                    4
                ),
                ("spring.profiles.active".to_owned(), "dev".to_owned(), 5),
                ("server.port".to_owned(), "${PORT:8081}".to_owned(), 7),
            ]
        );
    }

    #[test]
    fn the_braces_of_hocon_are_depth() {
        let text = "ktor {\n    deployment {\n        port = 8082\n    }\n}\n";
        assert_eq!(
            yaml(text),
            [("ktor.deployment.port".to_owned(), "8082".to_owned(), 3)]
        );
    }

    #[test]
    fn an_active_profile_goes_before_the_rest() {
        let mut listing = Listing::new("x", crate::detect::Host::default());
        listing.add(
            "src/main/resources/application.properties",
            Some("server.port=8080\nspring.profiles.active=${P:dev}\n"),
        );
        listing.add(
            "src/main/resources/application-dev.yml",
            Some("server:\n  port: 9090\n"),
        );
        let settings = Settings::read(&listing, "");
        assert_eq!(settings.get("server.port").unwrap().value, "9090");
    }
}
