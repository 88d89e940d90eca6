//! Logs that are written, read and removed at the same time.

use std::{collections::BTreeMap, fs};

use pilotlight::{
    effects::log::{Query, Reader, ServiceLogs, Watcher, keep},
    model::facts::RunId,
    stack::LogLimits,
};
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, within};

const BYTES: usize = 400_000;
const LINES: usize = BYTES / 100;

/// The lines of all runs, as they are read now.
fn texts(logs: &ServiceLogs) -> Vec<String> {
    let lines = Reader::open(logs, Query::default()).unwrap();
    lines.map(|line| line.unwrap().text).collect()
}

/// Three programs share one log, each with an opening of its own, and write line by line; readers
/// come and go meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_writers_lose_nothing_and_readers_are_not_in_their_way() {
    let stage = Stage::new();
    let logs = ServiceLogs::open(stage.folder.path().join("logs"));
    let run = RunId(1);
    let first = logs.create(run).unwrap();
    logs.begin_index(run);
    let reopened = || {
        let mut append = fs::OpenOptions::new();
        append.append(true).open(logs.run(run).log()).unwrap()
    };
    let bytes = BYTES.to_string();
    let steps = ["--block", "0", "--flood", &bytes, "--exit", "0"];
    let program = pilotlight_test_service::path().to_str().unwrap();
    let words: Vec<&str> = [program].into_iter().chain(steps).collect();
    let cancel = CancellationToken::new();
    let limits = LogLimits {
        runs: 2,
        size: 1 << 40,
    };
    let (kept, token) = (logs.run(run), cancel.clone());
    let keeper = tokio::spawn(async move { keep(&Watcher::new(), &kept, limits, token).await });
    let writers: Vec<_> = [first, reopened(), reopened()]
        .into_iter()
        .map(|output| {
            let mut prepared = stage.prepare(&words);
            prepared.output = output;
            stage.start(prepared)
        })
        .collect();
    let mut seen = 0;
    for writer in &writers {
        let end = writer.tree.exited();
        tokio::pin!(end);
        while tokio::time::timeout(std::time::Duration::from_millis(20), &mut end)
            .await
            .is_err()
        {
            let now = texts(&logs).len();
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
        }
    }
    cancel.cancel();
    within("the keeper of the log", keeper).await.unwrap();

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in texts(&logs) {
        assert_eq!(line.len(), 99, "{line}");
        *counts.entry(line[..20].to_owned()).or_default() += 1;
    }
    assert_eq!(counts.len(), LINES);
    assert!(counts.values().all(|count| *count == writers.len()));
}

/// The log of a run may be removed while somebody reads it, and one that is written stays.
#[tokio::test]
async fn old_runs_are_removed_while_they_are_read_and_the_newest_is_not() {
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
        let service = stage.start(prepared);
        let log = logs.run(RunId(run)).log().to_owned();
        super::stage::eventually(&text, || fs::read_to_string(&log).unwrap().contains(&text)).await;
        open.push((service, fs::File::open(&log).unwrap()));
    }
    logs.prune(LogLimits {
        runs: 2,
        size: 1 << 40,
    })
    .unwrap();
    assert_eq!(logs.runs().unwrap(), [RunId(3), RunId(4)]);
    assert_eq!(texts(&logs), ["run 3", "run 4"]);
}
