//! The libraries that a manifest declares, each with its line. Read by line and not as a tree: a
//! manifest that is broken in one place still says the rest.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{Client, named, tables};
use crate::detect::{
    Listing, file_name, folder, line_at,
    source::{Syntax, pattern, without_comments, without_xml_comments},
};

/// A kind of file that declares libraries.
pub(super) struct Manifest {
    pub(super) paths: fn(&Listing, &str) -> Vec<String>,
    pub(super) libraries: fn(&str) -> Vec<(String, usize)>,
    pub(super) store: fn(&str) -> Option<Client>,
}

pub(super) const ALL: &[Manifest] = &[
    Manifest {
        paths: |listing, root| named(listing, root, "Cargo.toml"),
        libraries: cargo,
        store: tables::rust,
    },
    Manifest {
        paths: |listing, root| named(listing, root, "go.mod"),
        libraries: go,
        store: tables::go,
    },
    Manifest {
        paths: |listing, root| named(listing, root, "pom.xml"),
        libraries: maven,
        store: tables::java,
    },
    Manifest {
        paths: |listing, root| {
            ["build.gradle", "build.gradle.kts"]
                .into_iter()
                .flat_map(|name| named(listing, root, name))
                .collect()
        },
        libraries: gradle,
        store: tables::java,
    },
    Manifest {
        paths: |listing, root| {
            let own = |path: &&str| folder(path) == root && file_name(path).ends_with("proj");
            listing.under(root).filter(own).map(str::to_owned).collect()
        },
        libraries: nuget,
        store: tables::dotnet,
    },
    Manifest {
        paths: |listing, root| named(listing, root, "Gemfile"),
        libraries: gems,
        store: tables::ruby,
    },
    Manifest {
        paths: |listing, root| named(listing, root, "composer.json"),
        libraries: composer,
        store: tables::php,
    },
    Manifest {
        paths: |listing, root| named(listing, root, "mix.exs"),
        libraries: mix,
        store: tables::elixir,
    },
];

/// The first group of each match, and its line.
fn all(text: &str, pattern: &Regex) -> Vec<(String, usize)> {
    let mut lines = Lines { text, seen: 0..0, line: 1 };
    pattern
        .captures_iter(text)
        .filter_map(|found| found.get(1))
        .map(|name| (name.as_str().to_owned(), lines.of(name.start())))
        .collect()
}

/// Numbers of lines of growing places, counted once along the text.
struct Lines<'a> {
    text: &'a str,
    seen: Range<usize>,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> usize {
        self.line += line_at(&self.text[self.seen.end..], at - self.seen.end) - 1;
        self.seen.end = at;
        self.line
    }
}

/// Names of crates, and `crate[feature]` for what stands in quotes on the same line.
fn cargo(text: &str) -> Vec<(String, usize)> {
    let mut libraries = Vec::new();
    let mut dependencies = false;
    let mut table: Option<String> = None;
    let code = without_comments(text, Syntax::HASH);
    for (index, line) in code.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').filter(|_| !line.starts_with("[\"")) {
            let header = header.trim_end_matches(']');
            dependencies = header.ends_with("dependencies") && !header.contains("dev-");
            table = header.split_once("dependencies.").map(|(_, name)| name.to_owned());
            libraries.extend(table.clone().map(|name| (name, index + 1)));
            continue;
        }
        let name = match &table {
            Some(name) => name.clone(),
            None if dependencies => {
                let Some((name, _)) = line.split_once('=') else { continue };
                let name = name.trim().trim_end_matches(".workspace").trim_matches('"').to_owned();
                libraries.push((name.clone(), index + 1));
                name
            }
            None => continue,
        };
        let features = line.split_once("features").map_or("", |(_, rest)| rest);
        for feature in features.split('"').skip(1).step_by(2) {
            libraries.push((format!("{name}[{feature}]"), index + 1));
        }
    }
    libraries
}

fn go(text: &str) -> Vec<(String, usize)> {
    let mut libraries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.contains("// indirect") {
            continue;
        }
        let line = line.strip_prefix("require ").unwrap_or(line);
        if let Some(path) = line.split_whitespace().next() {
            libraries.push((path.to_owned(), index + 1));
        }
    }
    libraries
}

fn maven(text: &str) -> Vec<(String, usize)> {
    static ARTIFACT: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"<artifactId>\s*([\w.-]+)\s*</artifactId>"));
    all(&without_xml_comments(text), &ARTIFACT)
}

fn gradle(text: &str) -> Vec<(String, usize)> {
    static DECLARED: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"["'][\w.-]+:([\w.-]+)(?::[^"'\n]*)?["']"#));
    all(&without_comments(text, Syntax::SLASHES), &DECLARED)
}

fn nuget(text: &str) -> Vec<(String, usize)> {
    static REFERENCE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"<PackageReference\s+[^>]*?(?:Include|Update)\s*=\s*"([\w.-]+)""#));
    all(&without_xml_comments(text), &REFERENCE)
}

fn gems(text: &str) -> Vec<(String, usize)> {
    static GEM: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?m)^[ \t]*gem[ \t(]+["']([\w-]+)["']"#));
    all(&without_comments(text, Syntax::HASH), &GEM)
}

fn composer(text: &str) -> Vec<(String, usize)> {
    static REQUIRED: LazyLock<Regex> = LazyLock::new(|| pattern(r#""([a-z0-9_.-]+(?:/[a-z0-9_.-]+)?)"\s*:"#));
    all(text, &REQUIRED)
}

fn mix(text: &str) -> Vec<(String, usize)> {
    static DEPENDENCY: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{\s*:(\w+)\s*,"));
    all(&without_comments(text, Syntax::HASH), &DEPENDENCY)
}
