//! The running app, hidden as after a login, which needs neither a screen nor a webview.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use pilotlight::{
    control::Client,
    effects::process::{ProcessTable, end, process},
    fs::home::Home,
    model::view::{Light, Snapshot},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use windows_registry::CURRENT_USER;

/// The time limit for everything that a test waits for.
const DEADLINE: Duration = Duration::from_mins(1);

const SENDER: &str = r"Software\Classes\AppUserModelId\dev.pilotlight.desktop";

/// A home whose app starts one stack at login. Its processes are killed on drop, even if the test fails.
struct Stage {
    folder: TempDir,
    runtime: Runtime,
    app: Option<Child>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ein Ort ☀ ").tempdir();
        let runtime = Builder::new_current_thread().enable_all().build();
        let stage = Self {
            folder: folder.expect("a folder"),
            runtime: runtime.expect("a runtime"),
            app: None,
        };
        let service = pilotlight_test_service::path().display();
        let text = format!(
            "name = \"chosen\"\n[service.a]\ncommand = ['{service}']\nstop = {{ timeout = \"300ms\" }}\n"
        );
        fs::write(stage.file(), text).expect("a stack file");
        let home = stage.home();
        home.prepare().expect("a home");
        let file = stage.file();
        let known = serde_json::json!({ "stacks": [{ "file": file, "start_at_login": true }] });
        let settings = home.settings().join("settings.json");
        fs::write(settings, known.to_string()).expect("the settings");
        stage
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("pilotlight.toml")
    }

    fn home(&self) -> Home {
        Home::under(&self.folder.path().join("home")).expect("a home")
    }

    fn start(&self) -> Child {
        let program = Path::new(super::PROGRAM).canonicalize();
        let mut app = Command::new(program.expect("the program"));
        app.arg("--at-login")
            .env(Home::VARIABLE, self.folder.path().join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        app.spawn().expect("the application")
    }

    /// Returns the status of the daemon, if one is running.
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.runtime.block_on(async {
            let mut client = Client::connect(&self.home()).await.ok()?;
            client.status().await.ok()
        })
    }

    fn log(&self) -> String {
        let state = fs::read_dir(self.home().state()).expect("the state");
        let files = state.flatten().map(|entry| entry.path());
        let logs = files.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
        logs.map(|log| fs::read_to_string(log).unwrap_or_default())
            .collect()
    }

    /// Returns the processes with a mark of the stack.
    fn processes(&self) -> Vec<u32> {
        let stack = self.home().stack_id(&self.file());
        let table = self.runtime.block_on(ProcessTable::since(0).scan());
        let table = table.expect("the processes");
        let marked = table.marked_by_stack(&stack);
        marked.map(|(process, _)| process.pid).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The daemon first, so that it restarts nothing.
        if let Some(mut app) = self.app.take() {
            drop(app.kill());
            drop(app.wait());
        }
        for process in self.processes().into_iter().filter_map(process) {
            self.runtime.block_on(end(process, Duration::ZERO));
        }
    }
}

/// Waits for a condition for which no event exists.
fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = so() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn ended(app: &mut Child) -> ExitStatus {
    until("the application ends", || {
        app.try_wait().expect("the application")
    })
}

#[test]
fn started_at_login_it_runs_the_chosen_stacks_until_it_is_asked_to_exit() {
    let mut stage = Stage::new();
    stage.app = Some(stage.start());
    let snapshot = until("the chosen stack is up", || {
        let snapshot = stage.snapshot()?;
        let up = snapshot.stacks.first()?.light == Light::Green;
        up.then_some(snapshot)
    });
    assert_eq!(snapshot.stacks.len(), 1);
    assert!(!stage.processes().is_empty());

    let sender = CURRENT_USER.open(SENDER).expect("a sender");
    let name = sender.get_string("DisplayName");
    assert_eq!(name.as_deref(), Ok("Pilot Light"));
    let picture = sender.get_string("IconUri").expect("its picture");
    let own = stage.home().state().join("sender.png");
    let own = own.canonicalize().expect("the picture");
    assert_eq!(Path::new(&picture).canonicalize().ok(), Some(own));

    let second = ended(&mut stage.start());
    assert!(second.success(), "only one app runs: {second}");
    assert!(stage.snapshot().is_some(), "the first one keeps running");

    let home = stage.home();
    stage.runtime.block_on(async {
        let mut client = Client::connect(&home).await.expect("the daemon");
        client.quit(false).await.expect("an answer");
    });
    let app = stage.app.as_mut().expect("the application");
    let status = ended(app);
    let log = stage.log();
    assert!(status.success(), "{status}\n{log}");
    assert_eq!(stage.processes(), [0; 0], "{log}");
}

/// Such a process asks a service to exit. If it ran as an app, it would reject the arguments (exit code 2), and each
/// service would have to be killed.
#[test]
fn it_runs_the_helper_subcommand_of_its_daemon() {
    let stage = Stage::new();
    let program = Path::new(super::PROGRAM).canonicalize();
    let own = std::process::id().to_string();
    let status = Command::new(program.expect("the program"))
        .args(["__console-event", &own, "1", "break"])
        .env(Home::VARIABLE, stage.folder.path().join("home"))
        .status()
        .expect("the program");
    assert_eq!(
        status.code(),
        Some(1),
        "no process of that number began then"
    );
}
