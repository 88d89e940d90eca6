//! A desktop with a user and a home.

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File},
    iter,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use pilotlight::fs::home::Home;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    bus::Bus,
    display::{Display, Picture, SELECT_ALL},
    notifications::Notifications,
    processes, programs,
    tray::Tray,
    until, until_so,
};

/// The environment of a desktop application. Its programs are killed on drop, even if the test fails.
pub struct Desktop {
    /// The host of its tray icons. A test can remove or replace it.
    pub tray: Option<Tray>,
    /// The daemon that receives its notifications.
    pub notifications: Notifications,
    /// The screen of its windows.
    pub display: Display,
    /// Its session bus.
    pub bus: Bus,
    folder: TempDir,
}

/// The time limit for a dialogue to react to a key.
const A_MOMENT: Duration = Duration::from_secs(2);

/// A running application.
pub struct App {
    child: Child,
    said: PathBuf,
}

impl Default for Desktop {
    fn default() -> Self {
        Self::new()
    }
}

impl Desktop {
    /// Creates a desktop with a tray.
    #[must_use]
    pub fn new() -> Self {
        let mut desktop = Self::without_tray();
        desktop.tray = Some(Tray::start(&desktop.bus));
        desktop
    }

    /// Creates a desktop without a tray.
    #[must_use]
    pub fn without_tray() -> Self {
        // Built now, and not while a test waits for something.
        let _ = (programs::app(), programs::command());
        let folder = TempDir::with_prefix("pilotlight-app-").expect("a folder");
        for name in ["user/.config", "run", "bus", "bin"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        stand_in_for_a_browser(folder.path());
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder.path().join("run"), private).expect("a private folder");
        let bus = Bus::start(&folder.path().join("bus"));
        Self {
            tray: None,
            notifications: Notifications::start(&bus),
            display: Display::start(),
            bus,
            folder,
        }
    }

    /// Returns the tray.
    #[must_use]
    pub fn tray(&self) -> &Tray {
        self.tray.as_ref().expect("a desktop with a tray")
    }

    /// Returns the folder that contains all files of this desktop.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the value of `HOME`.
    #[must_use]
    pub fn user(&self) -> PathBuf {
        self.folder().join("user")
    }

    /// Returns the home of Pilot Light.
    #[must_use]
    pub fn home(&self) -> Home {
        Home::under(&self.folder().join("home")).expect("a home")
    }

    /// Returns a command with the environment of this desktop only.
    #[must_use]
    pub fn program(&self, program: &Path) -> Command {
        let user = self.user();
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(&user)
            .env("PATH", self.search_path())
            .env("LANG", "C.UTF-8")
            .env("HOME", &user)
            .env("XDG_CONFIG_HOME", user.join(".config"))
            .env("XDG_DATA_HOME", user.join(".local/share"))
            .env("XDG_STATE_HOME", user.join(".local/state"))
            .env("XDG_CACHE_HOME", user.join(".cache"))
            .env("XDG_RUNTIME_DIR", self.folder().join("run"))
            .env("DISPLAY", self.display.name())
            .env("GDK_BACKEND", "x11")
            .env("GSETTINGS_BACKEND", "memory")
            .env("NO_AT_BRIDGE", "1")
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus.address())
            .env(Home::VARIABLE, self.folder().join("home"))
            .stdin(Stdio::null());
        command
    }

    /// Returns the PATH, with the desktop's `xdg-open` first.
    fn search_path(&self) -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = iter::once(self.folder().join("bin")).chain(env::split_paths(&path));
        env::join_paths(folders).expect("a search path")
    }

    /// Returns the addresses opened in the browser of this desktop, one per line.
    #[must_use]
    pub fn opened(&self) -> String {
        fs::read_to_string(self.folder().join("opened")).unwrap_or_default()
    }

    /// Waits for the dialogue with this title and picks a path in it.
    pub fn answers(&self, title: &str, path: &Path) {
        until_so(title, || self.display.windows(title) == 1);
        let path = path.to_str().expect("a path that can be typed");
        until_so("the dialogue is gone", || {
            // The first key opens the field for a path; keys that come before it are lost.
            let without_field = self.steady_picture();
            self.display.type_into(title, "/");
            within_a_moment(|| self.display.picture() != without_field);
            self.steady_picture();
            self.display
                .type_into(title, &format!("{SELECT_ALL}{path}\n"));
            within_a_moment(|| self.display.windows(title) == 0)
        });
    }

    /// Returns the screen once nothing on it has changed for a while.
    fn steady_picture(&self) -> Picture {
        let mut last = self.display.picture();
        within_a_moment(|| {
            thread::sleep(Duration::from_millis(300));
            let now = self.display.picture();
            let steady = now == last;
            last = now;
            steady
        });
        last
    }

    /// Stores these stacks and settings (as JSON) for the application.
    pub fn knows(&self, stacks: &[&Path], settings: &Value) {
        let stacks = stacks
            .iter()
            .map(|file| json!({ "file": file, "start_at_login": false }));
        let choices = json!({ "settings": settings, "stacks": stacks.collect::<Vec<_>>() });
        self.keeps(&choices);
    }

    /// Writes the stored state of the application.
    pub fn keeps(&self, choices: &Value) {
        let home = self.home();
        home.prepare().expect("a home");
        let text = choices.to_string();
        fs::write(home.settings().join("settings.json"), text).expect("the settings");
    }

    /// Starts the application with these arguments.
    #[must_use]
    pub fn start(&self, words: &[&str]) -> App {
        self.start_copy(programs::app(), words)
    }

    /// Starts a copy of the application.
    #[must_use]
    pub fn start_copy(&self, program: &Path, words: &[&str]) -> App {
        let mut command = self.program(program);
        command.args(words);
        self.start_command(command)
    }

    /// Starts the application with this command.
    #[must_use]
    pub fn start_command(&self, mut command: Command) -> App {
        let number = fs::read_dir(self.folder()).expect("the folder").count();
        let said = self.folder().join(format!("{number}.said"));
        let output = File::create(&said).expect("a file");
        command
            .stdout(output.try_clone().expect("a file"))
            .stderr(output);
        let child = command.spawn().expect("the application");
        App { child, said }
    }

    /// Runs the command `pilotlight` with these arguments, which must succeed.
    pub fn pilotlight(&self, words: &[&str]) -> String {
        let mut command = self.program(programs::command());
        let output = command.args(words).output().expect("the command");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "{words:?}: {}\n{out}\n{err}",
            output.status
        );
        out
    }

    /// Returns the output of `pilotlight status --json`.
    #[must_use]
    pub fn status(&self, file: &Path) -> Value {
        let file = file.display().to_string();
        let text = self.pilotlight(&["--file", &file, "status", "--json"]);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Returns the status of a service.
    #[must_use]
    pub fn service(&self, file: &Path, name: &str) -> Value {
        let status = self.status(file);
        let services = status["stacks"].as_array().into_iter().flatten();
        let mut services =
            services.flat_map(|stack| stack["services"].as_array().into_iter().flatten());
        let service = services.find(|service| service["name"] == name);
        service
            .unwrap_or_else(|| panic!("no {name} in {status}"))
            .clone()
    }

    /// Waits until a service is in this phase, and returns its process.
    #[must_use]
    pub fn until_phase(&self, file: &Path, name: &str, phase: &str) -> Option<u32> {
        let service = until(&format!("{name} is {phase}"), || {
            let service = self.service(file, name);
            (service["phase"] == phase).then_some(service)
        });
        service["pid"].as_u64().and_then(|pid| pid.try_into().ok())
    }

    /// Waits until a service is ready, and returns its process.
    #[must_use]
    pub fn pid(&self, file: &Path, name: &str) -> u32 {
        self.until_phase(file, name, "ready").expect("a process")
    }

    /// Returns the logs and the output of the application.
    #[must_use]
    pub fn everything_said(&self) -> String {
        let mut text = String::new();
        read_logs(self.folder(), &mut text);
        read_logs(self.home().state(), &mut text);
        text
    }

    /// Returns the PID of the daemon, from its file in the home.
    #[must_use]
    pub fn daemon(&self) -> Option<u32> {
        let card = fs::read(self.home().state().join("keeper.json")).ok()?;
        let card: Value = serde_json::from_slice(&card).ok()?;
        card["pid"].as_u64()?.try_into().ok()
    }

    /// Returns the processes of this desktop: the application, its services and commands.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let home = self.folder().join("home");
        let files = fs::read_dir(self.user()).into_iter().flatten().flatten();
        let stacks = files.map(|entry| {
            self.home()
                .stack_id(&entry.path().join("pilotlight.toml"))
                .0
        });
        processes::of_home(&home, &stacks.collect::<Vec<_>>())
    }
}

/// Creates an `xdg-open` that records the opened addresses.
fn stand_in_for_a_browser(folder: &Path) {
    let program = folder.join("bin/xdg-open");
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\n",
        folder.join("opened").display()
    );
    fs::write(&program, script).expect("a browser");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&program, executable).expect("a browser");
}

fn read_logs(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|kind| kind == "log" || kind == "said")
        {
            let bytes = fs::read(&path).unwrap_or_default();
            let _ = write!(
                text,
                "--- {}\n{}",
                path.display(),
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the output of the application:\n{}", self.everything_said());
        }
        for pid in self.processes() {
            processes::kill(pid);
        }
    }
}

impl App {
    /// Returns its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its output.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Returns whether it is running.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its end").is_none()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        processes::signal(self.child.id(), signal);
    }

    /// Waits until it exits.
    pub fn until_ended(&mut self) -> ExitStatus {
        let pid = self.child.id();
        until(
            &format!("the exit of {pid}, which printed:\n{}", self.said()),
            || self.child.try_wait().expect("its end"),
        )
    }

    /// Kills it and waits until it has exited.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let pid = self.child.id();
        let _ = self.child.wait();
        until_so("a killed application is gone", || !processes::lives(pid));
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns whether a condition becomes true within [`A_MOMENT`].
fn within_a_moment(mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + A_MOMENT;
    while !so() {
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
