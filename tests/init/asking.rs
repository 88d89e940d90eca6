//! The messages, questions and files of `init`.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use crate::{place::Place, script::Terminal};

const PROCFILE: &str = "web: node server.js --port 39017\nworker: node worker.js\n";

fn procfile() -> Place {
    let place = Place::new();
    place.write("Procfile", PROCFILE);
    place
}

#[test]
fn a_valid_stack_file_is_written_with_its_sources() {
    let place = procfile();
    let (out, err) = place.expect(&["init"], 0);
    assert_eq!(out, "");
    assert!(err.contains("Procfile:1"), "{err}");
    assert!(err.contains("wrote pilotlight.toml"), "{err}");
    assert!(err.contains("`pilotlight up` starts it"), "{err}");
    assert!(!err.contains('\u{1b}'), "{err:?}");
    let text = place.read("pilotlight.toml");
    assert!(
        text.contains("[service.web]") && text.contains("[service.worker]"),
        "{text}"
    );
    place.expect(&["check"], 0);
    let files = fs::read_dir(place.folder()).unwrap().count();
    assert_eq!(files, 2, "nothing else was written");
}

#[test]
fn a_dry_run_only_prints_the_file() {
    let place = procfile();
    let (out, _) = place.expect(&["init", "--dry-run"], 0);
    assert!(out.contains("[service.web]"), "{out}");
    assert!(!place.folder().join("pilotlight.toml").exists());
    place.expect(&["init"], 0);
    assert_eq!(
        place.read("pilotlight.toml"),
        out,
        "it is the file that would be written"
    );
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let place = procfile();
    let own = "# mine\nname = \"own\"\n[service.web]\ncommand = \"sleep 1\"\n";
    place.write("pilotlight.toml", own);
    for words in [&["init"][..], &["init", "--yes"], &["init", "--dry-run"]] {
        let code = i32::from(!words.contains(&"--dry-run"));
        place.expect(words, code);
        assert_eq!(place.read("pilotlight.toml"), own, "{words:?}");
    }
    let (_, err) = place.expect(&["init"], 1);
    assert!(err.contains("+ [service.worker]"), "{err}");
    assert!(!err.contains("+ [service.web]"), "{err}");
    assert!(err.contains("--merge"), "{err}");
}

#[test]
fn merge_only_adds_new_services() {
    let place = procfile();
    let own = "# mine\nname = \"own\"\n[service.web]\ncommand = \"sleep 1\"\n";
    place.write("pilotlight.toml", own);
    let (out, _) = place.expect(&["init", "--merge", "--dry-run"], 0);
    assert_eq!(place.read("pilotlight.toml"), own);
    place.expect(&["init", "--merge"], 0);
    let text = place.read("pilotlight.toml");
    assert_eq!(text, out);
    assert!(
        text.starts_with(own) && text.contains("[service.worker]"),
        "{text}"
    );
    let (_, err) = place.expect(&["init", "--merge"], 0);
    assert!(err.contains("already has all of it"), "{err}");
    assert_eq!(place.read("pilotlight.toml"), text);
}

#[test]
fn an_invalid_stack_file_is_reported_and_left_unchanged() {
    let place = procfile();
    place.write("pilotlight.toml", "nonsense\n");
    let (_, err) = place.expect(&["init", "--merge"], 2);
    assert!(err.contains("pilotlight.toml:1"), "{err}");
    assert_eq!(place.read("pilotlight.toml"), "nonsense\n");
}

#[test]
fn init_does_not_write_through_a_symbolic_link() {
    let place = procfile();
    let elsewhere = place.folder().join("elsewhere.toml");
    symlink(&elsewhere, place.folder().join("pilotlight.toml")).unwrap();
    place.expect(&["init"], 2);
    assert!(!elsewhere.exists());
}

#[test]
fn an_empty_folder_and_one_without_services_are_reported_with_the_next_step() {
    let place = Place::new();
    let (out, err) = place.expect(&["init"], 1);
    assert_eq!(out, "");
    assert!(
        err.contains("is empty") && err.contains("[service.web]"),
        "{err}"
    );
    place.write("notes.txt", "x");
    let (_, err) = place.expect(&["init", "--yes"], 1);
    assert!(err.contains("nothing was found"), "{err}");
    assert!(!place.folder().join("pilotlight.toml").exists());
}

#[test]
fn an_invalid_command_line_is_reported() {
    let place = procfile();
    for words in [
        &["init", "nowhere"][..],
        &["init", "Procfile"],
        &["init", "--file", "x.toml"],
        &["init", "--what"],
    ] {
        place.expect(words, 2);
    }
    let (out, _) = place.expect(&["completions", "bash"], 0);
    assert!(out.contains("--dry-run") && out.contains("--merge"));
}

#[test]
fn another_folder_can_be_given() {
    let place = procfile();
    place.write("inner/Procfile", PROCFILE);
    let (_, err) = place.expect(&["init", "inner"], 0);
    assert!(place.folder().join("inner/pilotlight.toml").exists());
    assert!(!place.folder().join("pilotlight.toml").exists());
    assert!(err.contains("--file"), "{err}");
}

#[test]
fn json_contains_the_services_and_the_reasons() {
    let place = procfile();
    let (out, err) = place.expect(&["init", "--json", "--dry-run"], 0);
    assert_eq!(err, "");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["written"], false);
    assert_eq!(answer["read"][0]["tool"], "procfile");
    let service = &answer["draft"]["services"][0];
    assert_eq!(service["because"]["file"], "Procfile");
    assert_eq!(service["because"]["line"], 1);
    let (out, _) = place.expect(&["init", "--json"], 0);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["written"], true);
    assert_eq!(answer["text"], place.read("pilotlight.toml"));
    let empty = Place::new();
    let (out, _) = empty.expect(&["init", "--json"], 1);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["draft"]["services"], Value::Array(Vec::new()));
}

fn on_a_terminal(place: &Place, words: &[&str]) -> Terminal {
    Terminal::start(&place.command(words), &place.folder())
}

#[test]
fn on_a_terminal_a_start_is_offered_and_can_be_declined() {
    let place = procfile();
    let mut terminal = on_a_terminal(&place, &["init"]);
    terminal.answer("Start it now?", "n\n");
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains("`pilotlight up` starts it"), "{drawn}");
    assert!(place.folder().join("pilotlight.toml").exists());
}

#[test]
fn on_a_terminal_an_accepted_offer_starts_the_stack() {
    let place = Place::new();
    place.write("Procfile", "job: sleep 1000\n");
    let mut terminal = on_a_terminal(&place, &["init"]);
    terminal.answer("Start it now?", "y\n");
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains("everything is green"), "{drawn}");
}

#[test]
fn on_a_terminal_a_merge_needs_confirmation() {
    let place = procfile();
    let own = "[service.web]\ncommand = \"sleep 1\"\n";
    place.write("pilotlight.toml", own);
    let mut terminal = on_a_terminal(&place, &["init", "--merge"]);
    terminal.answer("Add worker to it?", "n\n");
    assert_eq!(terminal.end().0, Some(1));
    assert_eq!(place.read("pilotlight.toml"), own);
    let mut terminal = on_a_terminal(&place, &["init", "--merge"]);
    terminal.answer("Add worker to it?", "y\n");
    terminal.answer("Start it now?", "n\n");
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(place.read("pilotlight.toml").contains("[service.worker]"));
}
