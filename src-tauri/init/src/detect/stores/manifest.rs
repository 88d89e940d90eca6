//! The packages in a manifest that talk to a store.

use super::{
    evidence::{Evidence, Weight},
    table,
};
use crate::{
    detect::listing::{file_name, line_at},
    draft::Because,
};

/// What a project says that it is made of.
pub(super) fn is_manifest(name: &str) -> bool {
    let named = matches!(
        name,
        "package.json"
            | "pyproject.toml"
            | "Pipfile"
            | "setup.py"
            | "setup.cfg"
            | "Cargo.toml"
            | "go.mod"
            | "pom.xml"
            | "Gemfile"
            | "composer.json"
            | "mix.exs"
            | "environment.yml"
            | "environment.yaml"
            | "libs.versions.toml"
    );
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    named
        || name.starts_with("build.gradle")
        || (name.starts_with("requirements") && (ending == "txt" || ending == "in"))
        || matches!(ending, "csproj" | "fsproj" | "vbproj")
}

pub(super) fn in_manifest(path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    let name = file_name(path);
    let mut add = |store, line: usize, package: &str| {
        evidence.push(Evidence {
            store,
            weight: Weight::Client,
            because: Because::line(path, line, format!("needs `{package}`")),
            address: None,
        });
    };
    if name == "package.json" {
        let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let Some(json) = json else { return };
        for table in ["dependencies", "optionalDependencies", "devDependencies"] {
            let entries = json.get(table).and_then(serde_json::Value::as_object);
            for package in entries.into_iter().flat_map(|entries| entries.keys()) {
                let line = || {
                    text.find(&format!("\"{package}\""))
                        .map_or(1, |at| line_at(text, at))
                };
                if let Some(store) = table::of_client(package) {
                    add(Some(store), line(), package);
                } else if matches!(
                    package.as_str(),
                    "sqlite3" | "better-sqlite3" | "@libsql/client"
                ) {
                    add(None, line(), package);
                }
            }
        }
        return;
    }
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let says_nothing = [
            "#",
            "//",
            "keywords",
            "description",
            "<!--",
            "exclude",
            "name",
        ];
        if says_nothing.iter().any(|start| trimmed.starts_with(start))
            || trimmed.contains("// indirect")
        {
            continue;
        }
        if name == "go.mod" {
            if let Some(store) = table::of_module(trimmed) {
                let module = trimmed
                    .trim_start_matches("require ")
                    .split_whitespace()
                    .next();
                add(Some(store), number + 1, module.unwrap_or_default());
            }
            continue;
        }
        for package in packages(trimmed) {
            let short = package.rsplit('/').next().unwrap_or(package);
            let by_name = table::of_client(package);
            if let Some(store) = by_name.or_else(|| table::of_client(short)) {
                add(Some(store), number + 1, package);
            }
        }
    }
}

/// The names of packages in a line of a manifest: a word of its own with what may follow a name.
fn packages(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.@/-".contains(c);
    let words = line
        .split(move |c: char| !is_part(c))
        .filter(|word| !word.is_empty());
    words.filter(move |word| {
        let end = word.as_ptr().addr() - line.as_ptr().addr() + word.len();
        let next = line[end..].trim_start().chars().next();
        next.is_none_or(|next| "=<>~!;\"',:)[]}".contains(next))
    })
}
