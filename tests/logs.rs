//! Logs of real processes: no line is lost or doubled, and each has its time.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the processes and the compared clocks belong to the test"
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

/// Much longer than anything here takes. A test that reaches it has failed.
const DEADLINE: Duration = Duration::from_mins(1);

const ROOMY: LogLimits = LogLimits {
    runs: 10,
    size: 1 << 40,
};

/// The logs of a service in a folder that is removed with the test.
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

    /// Runs a shell script as the next run until it exits.
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

/// A process that writes a log, which is killed with the test.
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

/// Waits until a condition is true.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "not in time: {what}");
}

/// Returns the output of a future that must complete in time.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, coming)
        .await
        .expect("before the deadline")
}

fn size(run: &RunLog) -> u64 {
    fs::metadata(run.log()).expect("a log").len()
}
