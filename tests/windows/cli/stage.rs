//! A folder with a stack file and a home, in which the command runs.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use pilotlight::{
    effects::process::{ProcessTable, end, process},
    fs::home::Home,
};
use serde_json::Value;
use tempfile::TempDir;

/// The time limit for everything that a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The stack of one test. Its processes are killed on drop, even if the test fails.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    home: PathBuf,
}

impl Stage {
    pub(crate) fn new(stack: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("ein Ort ☀ ").tempdir();
        let folder = folder.unwrap();
        let home = folder.path().join("home");
        let stage = Self { folder, home };
        stage.write("pilotlight.toml", &format!("name = \"test\"\n{stack}"));
        stage
    }

    /// Creates a stage with another folder for settings, state and logs.
    pub(crate) fn with_home(mut self, home: &str) -> Self {
        self.home = self.folder.path().join(home);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn home(&self) -> Home {
        Home::under(&self.home).unwrap()
    }

    /// Returns the command with these arguments.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        // The path of a cross-compiler is relative to the root of the current drive.
        let program = Path::new(env!("CARGO_BIN_EXE_pilotlight")).canonicalize();
        let mut command = Command::new(program.unwrap());
        command
            .args(words)
            .current_dir(self.folder.path())
            .env(Home::VARIABLE, &self.home)
            .stdin(Stdio::null());
        command
    }

    /// Runs the command, which must exit with this status, and returns its standard output and standard
    /// error.
    pub(crate) fn expect(&self, words: &[&str], code: i32) -> (String, String) {
        told(words, &self.command(words).output().unwrap(), code)
    }

    /// Like [`Self::expect`], and parses the standard output as JSON.
    pub(crate) fn json(&self, words: &[&str], code: i32) -> Value {
        let (out, _) = self.expect(words, code);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Returns a service from `status --json`.
    pub(crate) fn service(&self, name: &str) -> Value {
        let status = self.json(&["status", "--json"], 0);
        let services = status["stacks"][0]["services"].as_array().unwrap();
        let service = services.iter().find(|service| service["name"] == *name);
        service
            .unwrap_or_else(|| panic!("no {name} in {status}"))
            .clone()
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        let service = self.service(name);
        let pid = service["pid"].as_u64();
        let pid = pid.unwrap_or_else(|| panic!("it is not running: {service}"));
        pid.try_into().unwrap()
    }

    /// Returns the PID of the daemon, from its file in the home; `None` without a file.
    pub(crate) fn daemon(&self) -> Option<u32> {
        let card = fs::read(self.home().state().join("keeper.json")).ok()?;
        let card: Value = serde_json::from_slice(&card).ok()?;
        card["pid"].as_u64()?.try_into().ok()
    }

    /// Returns the processes with a mark of this stack.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let stack = self.home().stack_id(&self.path("pilotlight.toml"));
        let table = wait_for(async { ProcessTable::since(0).scan().await.unwrap() });
        let marked = table.marked_by_stack(&stack);
        marked.map(|(process, _)| process.pid).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The daemon first, so that it restarts nothing.
        if let Some(daemon) = self.daemon() {
            kill(daemon);
        }
        for pid in self.processes() {
            kill(pid);
        }
    }
}

pub(crate) fn told(words: &[&str], output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let status = output.status;
    assert_eq!(
        status.code(),
        Some(code),
        "{words:?}: {status}\n{out}\n{err}"
    );
    (out, err)
}

/// Terminates a process at once, as the task manager does.
pub(crate) fn kill(pid: u32) {
    if let Some(process) = process(pid) {
        wait_for(end(process, Duration::ZERO));
    }
}

pub(crate) fn lives(pid: u32) -> bool {
    process(pid).is_some()
}

fn wait_for<T: Send + 'static>(coming: impl Future<Output = T> + Send + 'static) -> T {
    // A runtime cannot be entered from within another one.
    let waiting = thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(coming)
    });
    waiting.join().unwrap()
}

/// Waits for a condition for which no event exists.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the line of a stack file that starts the test service with these steps.
pub(crate) fn steps(steps: &str) -> String {
    let words = steps.split_whitespace().map(|word| format!(", '{word}'"));
    let program = pilotlight_test_service::path().display();
    format!("command = ['{program}'{}]", words.collect::<String>())
}

/// Starts a process that is not a service and listens.
pub(crate) struct Stranger(Child);

impl Stranger {
    pub(crate) fn listening(address: &str) -> Self {
        Self::of(pilotlight_test_service::path(), address)
    }

    /// Like [`Self::listening`], with another program, which must be a copy of the test service.
    pub(crate) fn of(program: &Path, address: &str) -> Self {
        let mut child = Command::new(program)
            .args(["--listen", address])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening "), "{line}");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
