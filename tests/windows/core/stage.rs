//! A folder with an unusual name, and the processes in it.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use pilotlight::{
    effects::process::{Launch, ProcessTable, StopRequest, Tree, kill, launch, process, stop},
    env::Env,
    model::facts::{Mark, RunId, StackId, Stopped},
    stack::ServiceName,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The time limit for everything that a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The stack of one test. Its processes are killed on drop.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) processes: ProcessTable,
    stack: StackId,
    runs: AtomicU64,
    started: Mutex<Vec<Tree>>,
}

/// A launched service and its output.
pub(crate) struct Service {
    pub(crate) tree: Tree,
    pub(crate) output: PathBuf,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static STAGES: AtomicU64 = AtomicU64::new(0);
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("ein Ort ☀ ").tempdir();
        Self {
            folder: folder.unwrap(),
            processes: ProcessTable::from_now(),
            stack: StackId(format!("test-{}-{number}", std::process::id())),
            runs: AtomicU64::new(0),
            started: Mutex::default(),
        }
    }

    /// Returns the launch of a command, which a test can change.
    pub(crate) fn prepare(&self, argv: &[&str]) -> Launch {
        let run = RunId(self.runs.fetch_add(1, Ordering::Relaxed));
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.output(run));
        Launch {
            argv: argv.iter().map(OsString::from).collect(),
            directory: self.folder.path().canonicalize().unwrap(),
            environment: Env::of_this_process(),
            mark: Mark {
                stack: self.stack.clone(),
                service: ServiceName::new("service"),
                run,
            },
            output: log.unwrap(),
            errors: None,
            input: None,
            colors: false,
            terminal: None,
        }
    }

    pub(crate) async fn start(&self, prepared: Launch) -> Service {
        let output = self.output(prepared.mark.run);
        let tree = launch(prepared).await.unwrap();
        self.started.lock().unwrap().push(tree.clone());
        Service { tree, output }
    }

    fn output(&self, run: RunId) -> PathBuf {
        self.folder.path().join(format!("{run}.log"))
    }

    /// Starts the test service with these steps.
    pub(crate) async fn serve(&self, steps: &[&str]) -> Service {
        let mut words = vec![pilotlight_test_service::path().to_str().unwrap()];
        words.extend(steps);
        self.start(self.prepare(&words)).await
    }

    /// Kills all processes that were started so far.
    pub(crate) async fn end_all(&self) {
        let trees = std::mem::take(&mut *self.started.lock().unwrap());
        for tree in &trees {
            kill(tree, &self.processes).await;
        }
    }

    pub(crate) async fn stop(
        &self,
        service: &Service,
        ask: StopRequest<'_>,
        patience: Duration,
    ) -> Stopped {
        let never = CancellationToken::new();
        stop(&service.tree, &self.processes, ask, patience, &never).await
    }
}

impl Service {
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// Waits until it has printed this text.
    pub(crate) async fn until_it_says(&self, text: &str) {
        eventually(text, || self.text().contains(text)).await;
    }

    /// Waits until it has printed this number of children, and returns their PIDs.
    pub(crate) async fn children(&self, count: usize) -> Vec<u32> {
        let children = || {
            let text = self.text();
            let lines = text.lines().filter_map(|line| line.strip_prefix("child "));
            lines.map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()
        };
        eventually("children", || children().len() == count).await;
        children()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let trees = std::mem::take(self.started.get_mut().unwrap());
        // A runtime cannot be entered from within another one.
        let cleaning = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let processes = ProcessTable::since(0);
                for tree in &trees {
                    kill(tree, &processes).await;
                }
            });
        });
        drop(cleaning.join());
    }
}

/// Returns whether a process with this PID exists.
pub(crate) fn lives(pid: u32) -> bool {
    process(pid).is_some()
}

/// Waits for a condition for which no event exists.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, waiting).await;
}

/// Waits for a future, with a time limit.
pub(crate) async fn within<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(DEADLINE, coming).await else {
        panic!("not within {DEADLINE:?}: {what}")
    };
    value
}
