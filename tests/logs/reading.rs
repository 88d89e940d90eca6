//! Reads logs that processes have written.

use std::{fs, os::unix::fs::PermissionsExt};

use pilotlight::{
    effects::log::{Level, Line, MergedLogs, Query, Reader, Runs, last_words},
    model::facts::RunId,
    stack::{LogLimits, ServiceName},
};
use regex::Regex;

use super::Service;

#[test]
fn a_log_is_private_and_contains_both_streams_in_their_order() {
    let service = Service::new();
    let run = service.write("echo one; echo two >&2; echo three");
    assert_eq!(service.texts(Query::default()), ["one", "two", "three"]);
    let mode = |path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(run.log()), 0o600);
    assert_eq!(mode(run.index()), 0o600);
    assert_eq!(mode(service.logs.folder()), 0o700);
}

#[test]
fn a_line_of_64_kib_is_complete_and_a_longer_one_comes_in_parts() {
    let service = Service::new();
    service.write(
        "line() { head -c $1 /dev/zero | tr '\\0' x; echo; }
         line 65536; line 65537; line 1048576; printf '%s\\n' last",
    );
    let lines = service.read(Query::default());
    assert_eq!(lines[0].text.len(), 65_536);
    assert!(lines[0].complete && !lines[0].continues);
    assert!(lines.iter().all(|line| line.text.len() <= 65_536));

    let mut whole = vec![String::new()];
    for line in &lines {
        whole.last_mut().expect("one").push_str(&line.text);
        if line.complete {
            whole.push(String::new());
        }
    }
    let lengths: Vec<_> = whole.iter().map(String::len).collect();
    assert_eq!(lengths, [65_536, 65_537, 1_048_576, 4, 0]);
    for (line, next) in lines.iter().zip(&lines[1..]) {
        assert_eq!(line.complete, !next.continues);
    }
}

#[test]
fn a_long_line_is_split_between_characters() {
    let service = Service::new();
    service.write("printf a; yes € | head -n 100000 | tr -d '\\n'; echo");
    let text: String = service.texts(Query::default()).concat();
    assert_eq!(text, format!("a{}", "€".repeat(100_000)));
}

#[test]
fn binary_output_is_readable_and_loses_no_line() {
    let service = Service::new();
    let run = service
        .write("head -c 100000 /dev/zero; echo; head -c 1000000 /dev/urandom; echo; echo end");
    let lines = service.read(Query::default());
    let bytes = fs::read(run.log()).expect("the log");
    let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(lines.iter().filter(|line| line.complete).count(), ends);
    assert_eq!(lines[0].text.chars().filter(|c| *c == '\0').count(), 65_536);
    assert_eq!(lines.last().expect("a line").text, "end");
}

#[test]
fn all_line_ends_are_recognized_and_the_last_line_needs_none() {
    let service = Service::new();
    service.write("printf 'dos\\r\\n\\n10%%\\r20%%\\r\\n\\033[31mred\\033[0m\\nno end'");
    let lines = service.read(Query::default());
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(
        texts,
        ["dos", "", "20%", "\u{1b}[31mred\u{1b}[0m", "no end"]
    );
    assert!(lines[3].complete && !lines[4].complete);
}

#[test]
fn a_tail_continues_into_earlier_runs() {
    let service = Service::new();
    service.write("seq 1 20000");
    service.write("true");
    service.write("printf '20001\\n20002\\n20003'");
    let tail = |lines| {
        service.texts(Query {
            tail: Some(lines),
            ..Query::default()
        })
    };
    assert!(tail(0).is_empty());
    assert_eq!(tail(1), ["20003"]);
    assert_eq!(tail(3), ["20001", "20002", "20003"]);
    assert_eq!(tail(5), ["19999", "20000", "20001", "20002", "20003"]);
    let many: Vec<_> = (5..=20_003).map(|number| number.to_string()).collect();
    assert_eq!(tail(many.len()), many);
    assert_eq!(tail(1_000_000).len(), 20_003);
}

#[test]
fn runs_are_distinguished() {
    let service = Service::new();
    service.write("echo old");
    service.write("echo new");
    let of = |runs| {
        service.texts(Query {
            runs,
            ..Query::default()
        })
    };
    assert_eq!(of(Runs::Latest), ["new"]);
    assert_eq!(of(Runs::One(RunId(1))), ["old"]);
    assert!(of(Runs::One(RunId(3))).is_empty());
    let runs: Vec<_> = service
        .read(Query::default())
        .iter()
        .map(|line| line.run)
        .collect();
    assert_eq!(runs, [RunId(1), RunId(2)]);
}

#[test]
fn grep_ignores_colours_and_counts_only_matches() {
    let service = Service::new();
    service.write("seq 1 1000; printf '\\033[31mERR\\033[0mOR: 7\\n'");
    service.write("seq 1 10");
    let grep = |pattern, tail| {
        service.texts(Query {
            grep: Some(Regex::new(pattern).expect("a pattern")),
            tail,
            ..Query::default()
        })
    };
    assert_eq!(grep("^ERROR: 7$", None), ["\u{1b}[31mERR\u{1b}[0mOR: 7"]);
    assert_eq!(grep("7$", Some(2)), ["\u{1b}[31mERR\u{1b}[0mOR: 7", "7"]);
    assert_eq!(grep("^99", Some(3)), ["997", "998", "999"]);
    assert!(grep("nothing", Some(3)).is_empty());
}

#[test]
fn only_the_newest_runs_are_kept() {
    let service = Service::new();
    for _ in 0..12 {
        service.write("echo x");
    }
    fs::write(
        service.logs.folder().join("notes.log"),
        "not a log of a run",
    )
    .expect("writable");
    let keep = |runs| {
        let limits = LogLimits { runs, size: 1 };
        service.logs.prune(limits).expect("prunable");
        service.logs.runs().expect("runs")
    };
    assert_eq!(keep(3), [RunId(10), RunId(11), RunId(12)]);
    assert_eq!(keep(0), [RunId(12)]);
    assert_eq!(service.logs.latest_run().expect("runs"), Some(RunId(12)));
    let left = fs::read_dir(service.logs.folder())
        .expect("a folder")
        .count();
    assert_eq!(left, 3, "a log, its index and a foreign file");
    assert!(
        service.logs.create(RunId(12)).is_err(),
        "a run is never mixed with another"
    );
}

#[test]
fn a_service_that_never_ran_has_no_lines() {
    let service = Service::new();
    assert!(service.read(Query::default()).is_empty());
    assert_eq!(service.logs.latest_run().expect("no runs"), None);
    assert!(!service.logs.folder().exists(), "reading makes nothing");
}

#[test]
fn the_last_line_of_a_run_is_its_last_error() {
    let service = Service::new();
    let run = service.write("seq 1 10000; echo 'ValueError: seven'; echo; echo bye");
    assert_eq!(last_words(&run).as_deref(), Some("ValueError: seven"));
    let run = service.write("seq 1 100000");
    assert_eq!(last_words(&run).as_deref(), Some("100000"));
    let run = service.write("head -c 100000 /dev/zero | tr '\\0' x");
    assert_eq!(last_words(&run).map(|words| words.len()), Some(503));
    let run = service.write("true");
    assert_eq!(last_words(&run), None);
}

#[test]
fn a_line_has_its_level() {
    let service = Service::new();
    service.write("printf '\\033[33mWARN\\033[0m careful\\nplain\\n'");
    let levels: Vec<_> = service
        .read(Query::default())
        .iter()
        .map(Line::level)
        .collect();
    assert_eq!(levels, [Some(Level::Warn), None]);
}

#[test]
fn without_a_usable_index_lines_are_shown_and_the_loss_is_reported() {
    let service = Service::new();
    let run = service.write("seq 1 3");
    let damages: [&[u8]; 4] = [
        b"",
        b"PLLOG",
        b"garbage that is longer than a header",
        &[0; 4096],
    ];
    for damage in damages {
        fs::write(run.index(), damage).expect("writable");
        let mut reader = Reader::open(&service.logs, Query::default()).expect("readable");
        let lines: Vec<_> = reader
            .by_ref()
            .map(|line| line.expect("a line").text)
            .collect();
        assert_eq!(lines, ["1", "2", "3"]);
        assert!(!reader.take_remarks().is_empty(), "{damage:?}");
        assert!(reader.take_remarks().is_empty(), "said once");
    }
}

#[test]
fn services_are_merged_by_the_times_of_their_lines() {
    let [first, second] = [Service::new(), Service::new()];
    // Each write is a separate run, whose time is that of its file.
    for number in 0..6 {
        let service = if number % 2 == 0 { &first } else { &second };
        let run = service.write(&format!("echo {number}"));
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + number);
        let log = fs::File::options()
            .append(true)
            .open(run.log())
            .expect("the log");
        log.set_modified(time).expect("a time");
    }
    let name = |name: &str| ServiceName::new(name);
    let logs = [
        (name("first"), first.logs.clone()),
        (name("second"), second.logs.clone()),
    ];
    let merged = MergedLogs::open(logs, &Query::default()).expect("readable");
    let lines: Vec<_> = merged
        .map(|line| line.expect("a line"))
        .map(|(service, line)| format!("{service} {}", line.text))
        .collect();
    assert_eq!(
        lines,
        [
            "first 0", "second 1", "first 2", "second 3", "first 4", "second 5"
        ]
    );
}
