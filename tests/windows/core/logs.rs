//! Logs that are written, read and removed at the same time.

use std::fs;

use pilotlight::{
    effects::log::{Query, Reader, ServiceLogs, Watcher, run_indexer},
    model::facts::RunId,
    stack::LogLimits,
};
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, eventually, within};

const BYTES: usize = 400_000;
const LINES: usize = BYTES / 100;

/// Returns the lines of all runs.
fn texts(logs: &ServiceLogs) -> Vec<String> {
    let lines = Reader::open(logs, Query::default()).unwrap();
    lines.map(|line| line.unwrap().text).collect()
}

/// A service and two of its programs share one log, each with its own handle. (They write one after the
/// other, since Wine appends in two steps: it looks up the end of the file, and then writes.)
#[tokio::test]
async fn several_writers_append_to_one_log() {
    let stage = Stage::new();
    let logs = ServiceLogs::open(stage.folder.path().join("logs"));
    let first = logs.create(RunId(1)).unwrap();
    logs.begin_index(RunId(1));
    let log = logs.run(RunId(1)).log().to_owned();
    let reopened = || fs::OpenOptions::new().append(true).open(&log).unwrap();
    let program = pilotlight_test_service::path().to_str().unwrap();
    let mut expected = Vec::new();
    let outputs = [first, reopened(), reopened()];
    for (number, output) in outputs.into_iter().enumerate() {
        let turns = [number, number + 3].map(|turn| {
            let file = stage.folder.path().join(format!("turn-{turn}"));
            [file.to_str().unwrap().to_owned(), format!("line {turn}")]
        });
        let [[wait, say], [wait_again, say_again]] = &turns;
        let steps = [
            "--until", wait, "--print", say, "--until", wait_again, "--print", say_again,
        ];
        let words: Vec<&str> = [program].into_iter().chain(steps).collect();
        let mut prepared = stage.prepare(&words);
        prepared.output = output;
        stage.start(prepared).await;
    }
    for turn in 0..6 {
        fs::write(stage.folder.path().join(format!("turn-{turn}")), "").unwrap();
        expected.push(format!("line {turn}"));
        eventually("its line", || texts(&logs).len() > turn).await;
        assert_eq!(texts(&logs), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_do_not_block_a_flood() {
    let stage = Stage::new();
    let logs = ServiceLogs::open(stage.folder.path().join("logs"));
    let output = logs.create(RunId(1)).unwrap();
    logs.begin_index(RunId(1));
    let program = pilotlight_test_service::path().to_str().unwrap();
    let bytes = BYTES.to_string();
    let mut prepared = stage.prepare(&[program, "--block", "0", "--flood", &bytes, "--exit", "0"]);
    prepared.output = output;
    let cancel = CancellationToken::new();
    let limits = LogLimits {
        runs: 2,
        size: 1 << 40,
    };
    let (kept, token) = (logs.run(RunId(1)), cancel.clone());
    let daemon =
        tokio::spawn(async move { run_indexer(&Watcher::new(), &kept, limits, token).await });
    let service = stage.start(prepared).await;
    let mut seen = 0;
    while service.tree.exit().is_none() {
        let now = texts(&logs).len();
        assert!(now >= seen, "{now} after {seen}");
        seen = now;
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    within("the daemon of the log", daemon).await.unwrap();
    let numbers = texts(&logs).into_iter().map(|line| {
        assert_eq!(line.len(), 99, "{line}");
        line[..20].parse::<usize>().unwrap()
    });
    assert!(numbers.eq(0..LINES));
}

/// The log of a run can be removed while it is read, but not while it is written.
#[tokio::test]
async fn old_runs_can_be_removed_while_they_are_read_but_not_the_newest() {
    let stage = Stage::new();
    let logs = ServiceLogs::open(stage.folder.path().join("logs"));
    let mut open = Vec::new();
    for run in 1..=4 {
        let output = logs.create(RunId(run)).unwrap();
        logs.begin_index(RunId(run));
        let program = pilotlight_test_service::path().to_str().unwrap();
        let text = format!("run {run}");
        let mut prepared = stage.prepare(&[program, "--print", &text]);
        prepared.output = output;
        let service = stage.start(prepared).await;
        let log = logs.run(RunId(run)).log().to_owned();
        eventually(&text, || fs::read_to_string(&log).unwrap().contains(&text)).await;
        open.push((service, fs::File::open(&log).unwrap()));
    }
    logs.prune(LogLimits {
        runs: 2,
        size: 1 << 40,
    })
    .unwrap();
    // The name of an open file remains until it is closed, except on the newest Windows.
    open.drain(..2);
    stage.end_all().await;
    eventually("their removal", || {
        logs.runs().unwrap() == [RunId(3), RunId(4)]
    })
    .await;
    assert_eq!(texts(&logs), ["run 3", "run 4"]);
}
