//! A folder with a project and a home, in which the command runs.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::{
        fs::{DirBuilderExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use pilotlight::{fs::home::Home, host::clock};
use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;

/// The time limit for everything that a test waits for.
const DEADLINE: Duration = Duration::from_mins(2);
/// `nobody`, on every system that tests run on.
const NOBODY: u32 = 65_534;

/// The project of one test. Its stack is stopped on drop.
pub(crate) struct Place {
    root: TempDir,
    /// Whether the command runs as a user without administrator rights.
    unprivileged: bool,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        let place = Self {
            root,
            unprivileged: false,
        };
        fs::create_dir(place.folder()).unwrap();
        place
    }

    /// Makes the user `nobody` the owner of its files and of the command: some programs refuse to run as
    /// root.
    pub(crate) fn give_to_another_user(&mut self) {
        if !geteuid().is_root() {
            return;
        }
        self.unprivileged = true;
        let give =
            |path: &Path| std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::set_permissions(self.root.path(), Permissions::from_mode(0o755)).unwrap();
        let home = self.root.path().join("home");
        DirBuilder::new().mode(0o700).create(&home).unwrap();
        give(&home);
        let mut open = vec![self.folder()];
        while let Some(path) = open.pop() {
            give(&path);
            if path.symlink_metadata().unwrap().is_dir() {
                open.extend(
                    fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
        }
    }

    /// Returns the folder of the project.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("project")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap()
    }

    pub(crate) fn link(&self, to: &Path, name: &str) {
        assert!(
            to.exists(),
            "{} is missing: run `cargo xtask test`, which sets it up",
            to.display()
        );
        symlink(to.canonicalize().unwrap(), self.folder().join(name)).unwrap();
    }

    /// Copies the sources of a project and replaces its ports.
    pub(crate) fn copy(&self, from: &Path, ports: &[(u16, u16)]) {
        let skipped = [
            "node_modules",
            ".venv",
            "__pycache__",
            "pilotlight.toml",
            "dist",
        ];
        let mut open = vec![(from.to_owned(), self.folder())];
        while let Some((from, to)) = open.pop() {
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name();
                if skipped.iter().any(|skipped| name == *skipped) {
                    continue;
                }
                if entry.file_type().unwrap().is_dir() {
                    open.push((entry.path(), to.join(name)));
                    continue;
                }
                let bytes = fs::read(entry.path()).unwrap();
                let written = String::from_utf8(bytes)
                    .map_or_else(std::string::FromUtf8Error::into_bytes, |text| {
                        with_ports(&text, ports).into_bytes()
                    });
                fs::write(to.join(name), written).unwrap();
            }
        }
    }

    /// Returns the command with these arguments in the folder of the project.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilotlight"));
        command
            .args(words)
            .current_dir(self.folder())
            .env(Home::VARIABLE, self.root.path().join("home"))
            .env("PATH", path_with_postgresql())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            // Installed programs are used, even if a container engine is running.
            .env("DOCKER_HOST", "tcp://127.0.0.1:1")
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .stdin(Stdio::null());
        if self.unprivileged {
            command.uid(NOBODY).gid(NOBODY).env("HOME", self.folder());
        }
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs the command, which must exit with this status, and returns its standard output and standard
    /// error.
    pub(crate) fn expect(&self, words: &[&str], code: i32) -> (String, String) {
        let output = self.run(words);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}\n{out}\n{err}\n{}",
            fs::read_to_string(self.folder().join("pilotlight.toml")).unwrap_or_default()
        );
        (out, err)
    }

    /// Returns the services from `status --json`.
    pub(crate) fn services(&self) -> Vec<Value> {
        let (out, _) = self.expect(&["status", "--json"], 0);
        let status: Value = serde_json::from_str(&out).unwrap();
        status["stacks"][0]["services"].as_array().unwrap().clone()
    }

    /// Waits until every service is green, and returns their names.
    pub(crate) fn until_green(&self) -> Vec<String> {
        let began = clock::now().instant;
        loop {
            let services = self.services();
            if services.iter().all(|service| service["light"] == "green") {
                let name = |service: Value| service["name"].as_str().unwrap().to_owned();
                return services.into_iter().map(name).collect();
            }
            let waited = Instant::duration_since(&clock::now().instant, began);
            assert!(
                waited < DEADLINE,
                "not green: {services:#?}\n{}",
                String::from_utf8_lossy(&self.run(&["doctor"]).stdout)
            );
            // The services need the processor too.
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.folder().join("pilotlight.toml").exists() {
            self.run(&["down"]);
        }
    }
}

/// Returns the folder that `cargo xtask test` installed for these projects.
pub(crate) fn installed(name: &str) -> PathBuf {
    let folder = std::env::var_os("PILOTLIGHT_TEST_PROJECTS")
        .map_or_else(|| repository().join("target/xtask/projects"), PathBuf::from);
    folder.join(name)
}

pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// Returns the sources of a project in the repository.
pub(crate) fn project(name: &str) -> PathBuf {
    repository().join("tests/init/projects").join(name)
}

/// Returns this number of different free ports.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| pilotlight_test_service::free_port())
}

pub(crate) fn with_ports(text: &str, ports: &[(u16, u16)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in ports {
        text = text.replace(&from.to_string(), &to.to_string());
    }
    text
}

/// Sends a GET and returns the status and the body of the answer.
pub(crate) fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("localhost", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

/// Returns the folder of the `PostgreSQL` programs, which Debian names after the version.
fn path_with_postgresql() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    let folders = std::env::split_paths(&path).chain(programs);
    std::env::join_paths(folders).unwrap()
}
