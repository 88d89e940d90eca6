//! Tests `knowledge/*.toml` with its examples.

use std::{collections::BTreeSet, fs, path::Path};

use toml::Value;

use super::*;

/// An entry as written in its file.
struct Written {
    section: String,
    id: String,
    examples: Vec<String>,
    /// Lines that look similar but mean something else.
    unlike: Vec<String>,
    literals: Vec<String>,
    says: Vec<String>,
    is_known: bool,
}

fn written() -> Vec<Written> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let mut all = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let sections: toml::Table = text.parse().unwrap();
        for (section, entries) in &sections {
            for entry in entries.as_array().unwrap() {
                let texts = |key: &str| -> Vec<String> {
                    let texts = entry.get(key).and_then(Value::as_array);
                    let texts = texts.into_iter().flatten();
                    texts
                        .map(|text| text.as_str().unwrap().to_owned())
                        .collect()
                };
                all.push(Written {
                    section: section.clone(),
                    id: entry["id"].as_str().unwrap().to_owned(),
                    examples: texts("examples"),
                    unlike: texts("unlike"),
                    literals: [texts("literal"), texts("words")].concat(),
                    says: texts("says"),
                    is_known: section == "error" && entry.get("kind").is_none(),
                });
            }
        }
    }
    all
}

/// Returns the entries that match the lines of a text, the first one of each line.
fn ids(text: &str) -> Vec<&'static str> {
    text.lines()
        .filter_map(|line| Some(error(line)?.0))
        .collect()
}

#[test]
fn each_entry_has_a_unique_name_and_literals_that_find_it() {
    let mut seen = BTreeSet::new();
    for entry in written() {
        assert!(seen.insert(entry.id.clone()), "{} twice", entry.id);
        for literal in &entry.literals {
            assert!(literal.len() > 2, "{}: {literal:?} is too short", entry.id);
        }
        for pattern in &entry.says {
            compile(pattern);
        }
    }
}

#[test]
fn every_example_is_found_and_no_other_entry_matches_it_better() {
    let mut wrong = Vec::new();
    for entry in written().iter().filter(|entry| entry.section == "error") {
        let id = entry.id.as_str();
        for example in &entry.examples {
            let ids = ids(example);
            if !ids.contains(&id) {
                wrong.push(format!("{id}: {example}: {ids:?}"));
            }
        }
        let others = entry.unlike.iter().filter(|other| ids(other).contains(&id));
        wrong.extend(others.map(|other| format!("{id} is not: {other}")));
        if entry.is_known && entry.examples.is_empty() {
            wrong.push(format!("{id} has no example"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_advice_and_of_a_failed_program_is_found() {
    let mut wrong = Vec::new();
    for entry in written() {
        let is_found = |line: &str| match entry.section.as_str() {
            "hint" => hint(line).is_some(),
            "ended" => ended(line).is_some(),
            _ => true,
        };
        let missed = entry.examples.iter().filter(|example| !is_found(example));
        wrong.extend(missed.map(|example| format!("{}: {example}", entry.id)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ended("[server] node server.js exited with code 0").is_none());
    assert!(
        hint("run `npm fund` for details")
            .is_some_and(|_| is_aftermath("run `npm fund` for details"))
    );
}

#[test]
fn every_template_is_filled_by_every_example() {
    let mut wrong = Vec::new();
    for entry in written().iter().filter(|entry| entry.section == "error") {
        for example in &entry.examples {
            let found = example.lines().filter_map(error);
            let mut found = found.filter(|(id, ..)| *id == entry.id);
            let advice = found
                .next()
                .and_then(|(_, meaning, found)| Some((meaning.advice?, found)));
            let Some((advice, found)) = advice else {
                continue;
            };
            let mut templates = advice.title.iter().chain([&advice.remedy]);
            if templates.any(|template| found.fill(template).is_none()) {
                wrong.push(format!("{}: {example}", entry.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_error_recurs_unless_a_restart_or_another_program_may_resolve_it() {
    for (line, expected) in [
        ("ModuleNotFoundError: No module named 'fastapi'", true),
        ("Error: Cannot find module 'express'", true),
        ("Error: Cannot find module '/app/dist/main.js'", false),
        ("sh: 1: vite: not found", true),
        (
            "RuntimeError: Form data requires \"python-multipart\" to be installed.",
            true,
        ),
        ("FATAL:  the database system is starting up", false),
        ("ERROR:  relation \"users\" does not exist", false),
        ("FATAL:  database \"shop\" does not exist", false),
        (
            "ActiveRecord::PendingMigrationError: Migrations are pending.",
            false,
        ),
        ("Error: connect ECONNREFUSED 127.0.0.1:5432", false),
        ("OSError: [Errno 98] Address already in use", false),
        ("ValueError: seven", false),
    ] {
        assert_eq!(comes_back(line), expected, "{line}");
    }
}

#[test]
fn lines_of_healthy_programs_match_nothing() {
    for line in [
        "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "  ➜  Local:   http://localhost:5173/",
        "Ready to accept connections tcp",
        "Watching for file changes with StatReloader",
        "GET /missing 404 in 3 ms",
        "webpack compiled successfully",
        "Started Application in 2.5 seconds",
    ] {
        assert_eq!(error(line).map(|(id, ..)| id), None, "{line}");
    }
}
