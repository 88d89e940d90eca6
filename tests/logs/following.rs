//! Follows logs while processes write.

use std::{fs, time::Duration};

use pilotlight::{
    effects::log::{Follow, Line, MergedLogs, Query, Reader, Runs, Watcher, run_indexer},
    model::facts::RunId,
    stack::{LogLimits, ServiceName},
};
use regex::Regex;
use tokio_util::sync::CancellationToken;

use super::{ROOMY, Service, soon, until};

fn follow(service: &Service, query: Query) -> Follow {
    Reader::open(&service.logs, query)
        .expect("readable")
        .follow(&Watcher::new())
        .expect("followable")
}

async fn next(follow: &mut Follow) -> Line {
    soon(follow.next()).await.expect("a line")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_followed_line_by_line_in_little_memory() {
    let service = Service::new();
    let watcher = Watcher::new();
    // 50 MB in writes of a few KiB, as programs write to a file.
    let running = service.start(
        "awk 'BEGIN { pad = sprintf(\"%90s\", \"\"); for (i = 0; i < 500000; i++) print i, pad }'",
    );
    let (run, cancel) = (running.run.clone(), CancellationToken::new());
    let token = cancel.clone();
    let daemon = {
        let watcher = watcher.clone();
        tokio::spawn(async move { run_indexer(&watcher, &run, ROOMY, token).await })
    };
    let before = resident();
    let mut lines = follow(&service, Query::default());
    for number in 0..500_000 {
        let line = next(&mut lines).await;
        let (first, _) = line.text.split_once(' ').expect("two columns");
        assert_eq!(first, number.to_string());
        assert!(line.time.is_some() && line.complete);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 20 << 10, "{grown} KiB more");
    cancel.cancel();
    soon(daemon).await.expect("it ends well");
}

/// Returns the memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[tokio::test]
async fn following_continues_with_the_next_run() {
    let service = Service::new();
    let mut lines = follow(&service, Query::default());
    for run in 1..=3 {
        service.write(&format!("echo start {run}; printf 'end {run}'"));
        for word in ["start", "end"] {
            let line = next(&mut lines).await;
            assert_eq!(line.text, format!("{word} {run}"));
            assert_eq!(line.run, RunId(run));
        }
    }
}

#[tokio::test]
async fn following_one_run_stays_with_it_and_waits_for_it() {
    let service = Service::new();
    service.write("echo one");
    let query = Query {
        runs: Runs::One(RunId(2)),
        ..Query::default()
    };
    let mut lines = follow(&service, query);
    let waiting = tokio::time::timeout(Duration::from_millis(50), lines.next());
    assert!(waiting.await.is_err(), "run 1 was not requested");
    service.write("echo two");
    assert_eq!(next(&mut lines).await.text, "two");
    service.write("echo three");
    let waiting = tokio::time::timeout(Duration::from_millis(300), lines.next());
    assert!(waiting.await.is_err(), "nor is run 3");
}

#[tokio::test]
async fn a_tail_continues_with_new_lines_without_a_gap() {
    let service = Service::new();
    let gate = service.path("gate");
    let script = format!(
        "seq 1 10; while ! [ -e {} ]; do sleep 0.01; done; seq 11 10000; sleep 60",
        gate.display()
    );
    let running = service.start(&script);
    until("ten lines", || super::size(&running.run) == 21).await;
    let query = Query {
        tail: Some(3),
        ..Query::default()
    };
    let reader = Reader::open(&service.logs, query).expect("readable");
    fs::write(&gate, "").expect("a gate");
    let mut lines = reader.follow(&Watcher::new()).expect("followable");
    for number in 8..=10_000 {
        assert_eq!(next(&mut lines).await.text, number.to_string());
    }
}

#[tokio::test]
async fn an_incomplete_line_is_shown_once_after_a_pause() {
    let service = Service::new();
    let gate = service.path("gate");
    let _running = service.start(&format!(
        "printf 'half '; sleep 0.01; printf 'a line? \\303'; while ! [ -e {} ]; do sleep 0.01; done
         printf '\\251\\n'; printf shown; sleep 0.3; printf '\\nnext\\n'; sleep 60",
        gate.display()
    ));
    let mut lines = follow(&service, Query::default());
    let first = next(&mut lines).await;
    assert_eq!(first.text, "half a line? ");
    assert!(!first.complete && !first.continues);
    fs::write(&gate, "").expect("a gate");
    let second = next(&mut lines).await;
    assert_eq!(second.text, "é");
    assert!(second.complete && second.continues);
    assert_eq!(next(&mut lines).await.text, "shown");
    let after = next(&mut lines).await;
    assert_eq!(after.text, "next", "an end alone is no line");
    assert!(!after.continues);
}

#[tokio::test]
async fn a_pattern_matches_a_line_that_is_written_in_pieces() {
    let service = Service::new();
    let _running = service.start("printf 'listening '; sleep 0.3; echo 'on 80'; sleep 60");
    let query = Query {
        grep: Some(Regex::new("^listening on [0-9]+$").expect("a pattern")),
        ..Query::default()
    };
    let line = next(&mut follow(&service, query)).await;
    assert_eq!(line.text, "listening on 80");
}

#[tokio::test]
async fn a_reader_that_falls_behind_reports_it_and_continues_with_a_complete_line() {
    let service = Service::new();
    let gate = service.path("gate");
    let running = service.start(&format!(
        "seq 1 10; while ! [ -e {} ]; do sleep 0.01; done; seq 11 500000; sleep 60",
        gate.display()
    ));
    until("ten lines", || super::size(&running.run) == 21).await;
    let mut lines = follow(&service, Query::default());
    assert_eq!(next(&mut lines).await.text, "1");

    fs::write(&gate, "").expect("a gate");
    until("all lines", || super::size(&running.run) == 3_388_895).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let limits = LogLimits {
        runs: 1,
        size: 100_000,
    };
    run_indexer(&Watcher::new(), &running.run, limits, cancel).await;

    let mut numbers = Vec::new();
    while numbers.last() != Some(&500_000) {
        numbers.push(
            next(&mut lines)
                .await
                .text
                .parse::<u32>()
                .expect("a whole number"),
        );
    }
    assert!(numbers.is_sorted());
    let gap = numbers
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .count();
    assert_eq!(gap, 1);
    assert!(lines.take_remarks()[0].contains("discarded"));
}

#[tokio::test]
async fn several_services_are_followed_as_one() {
    let [first, second] = [Service::new(), Service::new()];
    first.write("seq 1 100");
    let logs = [
        (ServiceName::new("first"), first.logs.clone()),
        (ServiceName::new("second"), second.logs.clone()),
    ];
    let query = Query {
        tail: Some(2),
        ..Query::default()
    };
    let mut lines = MergedLogs::open(logs, &query)
        .expect("readable")
        .follow(&Watcher::new());
    let mut next = async || {
        let line = soon(lines.next()).await.expect("a line");
        let (service, line) = line.expect("never ends");
        format!("{service} {}", line.text)
    };
    assert_eq!(next().await, "first 99");
    assert_eq!(next().await, "first 100");
    second.write("echo a");
    assert_eq!(next().await, "second a");
    first.write("echo b");
    assert_eq!(next().await, "first b");
}
