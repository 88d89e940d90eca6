//! Logs as real processes write them: nothing lost, nothing doubled, with their times.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "these processes are the test's own, and so are the clocks that it compares with"
)]

#[path = "logs/following.rs"]
mod following;
#[path = "logs/keeping.rs"]
mod keeping;
#[path = "logs/reading.rs"]
mod reading;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use pilotlight::{
    effects::log::{Line, Query, Reader, RunLog, ServiceLogs},
    model::facts::RunId,
    stack::LogLimits,
};
use tempfile::TempDir;

/// Far more than anything here takes; a test that needs it has failed.
const DEADLINE: Duration = Duration::from_mins(1);

const ROOMY: LogLimits = LogLimits {
    runs: 10,
    size: 1 << 40,
};

/// The logs of a service in a folder that goes with the test.
struct Service {
    logs: ServiceLogs,
    folder: TempDir,
}

impl Service {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            logs: ServiceLogs::open(folder.path().join("stack").join("service")),
            folder,
        }
    }

    /// Runs a shell script as the next run, with its output in its log.
    fn start(&self, script: &str) -> Running {
        let run = RunId(
            self.logs
                .latest_run()
                .expect("runs")
                .map_or(1, |run| run.0 + 1),
        );
        let log = self.logs.create(run).expect("a log");
        self.logs.begin_index(run);
        let child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a second handle"))
            .stdout(log)
            .spawn()
            .expect("sh runs");
        Running {
            run: self.logs.run(run),
            child,
        }
    }

    /// Runs a shell script to its end as the next run.
    fn write(&self, script: &str) -> RunLog {
        let mut running = self.start(script);
        assert!(running.child.wait().expect("it ends").success());
        running.run.clone()
    }

    fn read(&self, query: Query) -> Vec<Line> {
        let lines = Reader::open(&self.logs, query).expect("readable logs");
        lines.map(|line| line.expect("a readable line")).collect()
    }

    fn texts(&self, query: Query) -> Vec<String> {
        self.read(query).into_iter().map(|line| line.text).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A process that writes a log, ended with the test.
struct Running {
    run: RunLog,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain: {what}");
}

/// What comes of something that is to come soon.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, coming)
        .await
        .expect("it comes before the deadline")
}

fn size(run: &RunLog) -> u64 {
    fs::metadata(run.log()).expect("a log").len()
}
