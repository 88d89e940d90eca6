//! Finding a stack file, and rejecting other files.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::stack_file::{FILE_NAME, find, read};

const SMALL: &str = "service.a.command = \"a\"\n";

/// Creates a folder with a stack file and a subfolder.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), SMALL).unwrap();
    fs::create_dir_all(folder.path().join("src/deep")).unwrap();
    folder
}

/// Returns the canonical path of a file.
fn same(file: &Path) -> PathBuf {
    file.canonicalize().unwrap()
}

fn kind_of(file: &Path) -> ProblemKind {
    read(file, &[], &environment()).unwrap_err().problems()[0]
        .kind()
        .clone()
}

#[test]
fn the_file_is_found_in_the_folder_or_the_nearest_parent() {
    let project = project();
    let file = project.path().join(FILE_NAME);
    for start in ["", "src", "src/deep", FILE_NAME, "src/../pilotlight.toml"] {
        let found = find(&project.path().join(start)).unwrap();
        assert!(found.is_absolute(), "{start}");
        assert_eq!(same(&found), same(&file), "{start}");
    }
    let nearer = project.path().join("src").join(FILE_NAME);
    fs::write(&nearer, SMALL).unwrap();
    assert!(
        find(&project.path().join("src/deep"))
            .unwrap()
            .ends_with("src/pilotlight.toml")
    );
}

#[test]
fn an_unreadable_file_is_reported_with_the_reason_and_not_as_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    let told = read(&missing, &[], &environment()).unwrap_err().to_string();
    assert!(!told.contains("not a valid stack file"), "{told}");
    let exhausted = ProblemKind::Unreadable("Too many open files (os error 24)".to_owned());
    let told = Report::about_file(&missing, exhausted).to_string();
    assert!(
        told.contains("missing.toml") && told.ends_with("Too many open files (os error 24)"),
        "{told}"
    );
}

#[test]
fn a_file_of_any_name_may_be_given() {
    let project = project();
    let other = project.path().join("other.toml");
    fs::write(&other, SMALL).unwrap();
    assert_eq!(same(&find(&other).unwrap()), same(&other));
    let stack = read(&other, &[], &environment()).unwrap();
    assert_eq!(stack.file, find(&other).unwrap());
    assert_eq!(stack.services[0].directory, stack.directory());
}

#[test]
fn a_failed_search_reports_where_it_began() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(find(empty.path()), Err(NotFound::Nowhere { .. })));
    assert!(matches!(
        find(&empty.path().join("nothing")),
        Err(NotFound::Path { .. })
    ));
}

#[test]
fn only_regular_files_are_opened() {
    let project = project();
    assert_eq!(
        kind_of(&project.path().join("nothing.toml")),
        ProblemKind::Missing
    );
    assert_eq!(kind_of(project.path()), ProblemKind::NotAFile("a folder"));
}

#[test]
fn a_file_of_10_mb_is_rejected_before_it_is_parsed() {
    let project = project();
    let file = project.path().join("large.toml");
    fs::write(&file, "a = \"x\"\n".repeat(10 << 17)).unwrap();
    let report = read(&file, &[], &environment()).unwrap_err();
    let [problem] = report.problems() else {
        panic!("{report:?}")
    };
    assert!(
        matches!(problem.kind(), ProblemKind::TooLarge { .. }),
        "{problem}"
    );
    assert_eq!(problem.place().unwrap().line, (1 << 17) + 1);
}
