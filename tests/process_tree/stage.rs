//! The stage of a test on processes: a stack that kills all of its processes.
#![expect(
    clippy::disallowed_methods,
    reason = "`ps` finds processes independently of the code under test"
)]

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command as Program,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use pilotlight::{
    effects::process::{Launch, ProcessTable, StopRequest, Tree, kill, launch, stop},
    env::Env,
    model::facts::{Mark, RunId, StackId, Stopped},
    stack::{ServiceName, Signal},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The time limit for everything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// The stop request of most services.
pub(crate) const TERM: StopRequest<'_> = StopRequest::Signal(Signal::Terminate);

/// The stack of one test. On drop, every process with its mark is killed.
pub(crate) struct Stage {
    /// The folder in which its services run.
    pub(crate) folder: TempDir,
    /// Its mark.
    pub(crate) stack: StackId,
    /// The table of running processes.
    pub(crate) processes: ProcessTable,
    runs: AtomicU64,
}

/// A launched service and its output.
pub(crate) struct Service {
    /// Its processes.
    pub(crate) tree: Tree,
    /// The file of its output.
    pub(crate) output: PathBuf,
}

impl Stage {
    pub(crate) fn new(test: &str) -> Self {
        static STAGES: AtomicU64 = AtomicU64::new(0);
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        Self {
            folder: TempDir::new().unwrap(),
            stack: StackId(format!("{test}-{}-{number}", std::process::id())),
            processes: ProcessTable::from_now(),
            runs: AtomicU64::new(0),
        }
    }

    /// Returns the launch of a command, which a test can change.
    pub(crate) fn prepare(&self, argv: &[&str]) -> Launch {
        let run = RunId(self.runs.fetch_add(1, Ordering::Relaxed));
        Launch {
            argv: argv.iter().map(OsString::from).collect(),
            directory: self.folder.path().to_owned(),
            environment: Env::of_this_process(),
            mark: self.mark(run),
            output: append(&self.output(run)),
            errors: None,
            input: None,
            colors: false,
            terminal: None,
        }
    }

    pub(crate) async fn start(&self, prepared: Launch) -> Service {
        let output = self.output(prepared.mark.run);
        let tree = launch(prepared).await.unwrap();
        Service { tree, output }
    }

    pub(crate) async fn launch(&self, argv: &[&str]) -> Service {
        self.start(self.prepare(argv)).await
    }

    fn output(&self, run: RunId) -> PathBuf {
        self.folder.path().join(format!("{run}.log"))
    }

    /// Starts the test service with these steps.
    pub(crate) async fn serve(&self, steps: &str) -> Service {
        let mut words = vec![pilotlight_test_service::path().to_str().unwrap()];
        words.extend(steps.split_whitespace());
        self.launch(&words).await
    }

    pub(crate) fn mark(&self, run: RunId) -> Mark {
        Mark {
            stack: self.stack.clone(),
            service: ServiceName::new("service"),
            run,
        }
    }

    /// Waits until a process runs the program of this name.
    #[cfg(target_os = "linux")]
    pub(crate) async fn becomes(&self, pid: u32, name: &str) {
        let runs = || {
            let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
            program.is_some_and(|program| program.file_name() == Some(name.as_ref()))
        };
        let waiting = async {
            while !runs() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon(waiting).await;
    }

    pub(crate) async fn stop(&self, service: &Service, patience: Duration) -> Stopped {
        let never = CancellationToken::new();
        stop(&service.tree, &self.processes, TERM, patience, &never).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let stack = self.stack.clone();
        // A runtime cannot be entered from within another one.
        let cleaning = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let processes = ProcessTable::since(0);
                let table = processes.scan().await.unwrap();
                for (_, mark) in table.marked_by_stack(&stack) {
                    kill(&Tree::remains(mark.clone(), []), &processes).await;
                }
            });
        });
        cleaning.join().unwrap();
    }
}

impl Service {
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// Waits for this number of lines that begin with `word`, and returns the rest of each.
    pub(crate) async fn lines(&self, word: &str, number: usize) -> Vec<String> {
        let waiting = async {
            loop {
                let printed = self.printed();
                let lines = printed.lines().filter_map(|line| line.strip_prefix(word));
                let lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
                if lines.len() >= number {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(SOON, waiting)
            .await
            .unwrap_or_else(|_| panic!("no {number} lines {word:?} in {}", self.output.display()))
    }

    pub(crate) async fn children(&self, number: usize) -> Vec<u32> {
        let lines = self.lines("child", number).await;
        lines.iter().map(|pid| pid.parse().unwrap()).collect()
    }

    pub(crate) async fn ready(&self) {
        self.lines("ready", 1).await;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.tree.first().unwrap().pid
    }
}

pub(crate) fn append(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).unwrap()
}

/// Returns whether a process is running, and not only waiting to be reaped.
pub(crate) fn lives(pid: u32) -> bool {
    let output = Program::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    // With an `l`, only its first thread has exited.
    !state.trim().is_empty() && (!state.starts_with('Z') || state.contains('l'))
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.unwrap()
}

/// Writes an executable script. Another program writes it: a process that another test starts could
/// inherit the open file for a moment, and a file that is open for writing cannot be run.
pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let source = path.with_added_extension("source");
    fs::write(&source, text).unwrap();
    let copied = Program::new("cp").args([&source, path]).status().unwrap();
    assert!(copied.success());
    fs::remove_file(source).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}
