use std::{fmt::Write as _, fs};

use super::super::{OwnErrors, read_errors};
use crate::{effects::log::ServiceLogs, host::clock, model::facts::RunId};

#[test]
fn the_lines_of_a_long_log_are_counted_from_its_beginning() {
    let folder = tempfile::tempdir().expect("a folder");
    let logs = ServiceLogs::open(folder.path().to_owned());
    let run = logs.run(RunId(3));
    let mut text = String::new();
    for number in 1..=20_000 {
        match number {
            100 => text.push_str("ERROR: long ago\n"),
            19_990 => text.push_str("\u{1b}[31mERROR: boom\u{1b}[0m\r\n"),
            _ => writeln!(text, "INFO: {number}").expect("memory"),
        }
    }
    text.push_str("and a rest");
    fs::write(run.log(), text).expect("a log");
    let read = read_errors(&run, &OwnErrors::default(), clock::now().wall);
    let error = read.last_error.expect("an error");
    assert_eq!(
        (error.line.number, error.line.text.as_str()),
        (19_990, "ERROR: boom")
    );
    assert_eq!(error.line.followed_by, 11);
    assert_eq!(read.earlier, [], "too long ago");
    assert_eq!(read.last_line.map(|line| line.number), Some(20_001));
    assert_eq!(read.file.as_deref(), Some(run.log()));
    assert_eq!(read.run, Some(RunId(3)));
}

#[test]
fn a_log_of_very_long_lines_is_read_in_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = ServiceLogs::open(folder.path().to_owned()).run(RunId(1));
    let mut text = format!("{}\n", "é".repeat(1 << 20));
    text.push_str("ERROR: at the end\n");
    fs::write(run.log(), text).expect("a log");
    let error = read_errors(&run, &OwnErrors::default(), clock::now().wall).last_error;
    assert_eq!(error.expect("an error").line.number, 2);
}

#[test]
fn a_run_without_a_log_has_no_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = ServiceLogs::open(folder.path().to_owned()).run(RunId(1));
    let read = read_errors(&run, &OwnErrors::default(), clock::now().wall);
    assert_eq!((read.file, read.last_error), (None, None));
}
