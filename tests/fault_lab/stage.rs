//! The stage of a case: the real command, its services, and foreign programs of the case. All of them are
//! killed on drop, even if the case fails.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use pilotlight::fs::home::Home;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    case::{Case, User},
    patience::{finish, path},
    place::Place,
};

/// The stage of a case.
pub(crate) struct Stage {
    pub(crate) place: Place,
    environment: BTreeMap<String, String>,
    user: User,
    strangers: Vec<Stranger>,
}

/// A process that is not a service.
struct Stranger {
    child: Child,
    /// It exits when this is closed.
    _input: Option<ChildStdin>,
}

impl Stage {
    pub(crate) fn of(case: &Case, lab: &Path) -> Self {
        let place = Place::of(case, lab);
        if case.user == User::Nobody {
            // The user `nobody` writes its home to it.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            fs::set_permissions(place.folder(), mode).unwrap();
        }
        let filled = |(name, value): (&String, &String)| (name.clone(), place.fill(value));
        let environment = case.environment.iter().map(filled).collect();
        Self {
            place,
            environment,
            user: case.user,
            strangers: Vec::new(),
        }
    }

    /// Returns the command with the stack of the case and the home of this name.
    fn command(&self, words: &[&str], home: &str) -> Command {
        let program = env!("CARGO_BIN_EXE_pilotlight");
        let mut command = if self.user == User::Nobody && rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .args(words)
            .current_dir(self.place.folder())
            .env(Home::VARIABLE, self.place.path(home))
            .env("PATH", path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    /// Starts the command and does not wait for it.
    pub(crate) fn begin(&mut self, words: &[&str]) {
        let mut command = self.command(words, "home");
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.strangers.push(Stranger {
            child,
            _input: None,
        });
    }

    /// Runs the command until it exits, within the time limit.
    pub(crate) fn pilotlight(&self, words: &[&str]) -> Result<Output, String> {
        self.pilotlight_of("home", words)
    }

    /// Like [`Self::pilotlight`], with another home and daemon.
    pub(crate) fn pilotlight_of(&self, home: &str, words: &[&str]) -> Result<Output, String> {
        finish(self.command(words, home), &format!("pilotlight {words:?}"))
    }

    /// Runs the command, which must exit with this status.
    pub(crate) fn expect(&self, words: &[&str], code: i32) -> Result<String, String> {
        self.expect_of("home", words, code)
    }

    /// Like [`Self::expect`], with another home.
    pub(crate) fn expect_of(
        &self,
        home: &str,
        words: &[&str],
        code: i32,
    ) -> Result<String, String> {
        let output = self.pilotlight_of(home, words)?;
        if output.status.code() == Some(code) {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!(
            "pilotlight {words:?}: {} where {code} was expected\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    /// Runs a program of the case, which must succeed.
    pub(crate) fn run(&self, words: &[String]) -> Result<(), String> {
        let what = words.join(" ");
        let output = finish(self.program(words), &what)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{what}: {}: {said}", output.status))
    }

    /// Starts a program that is not a service, and waits until it reports that it listens.
    pub(crate) fn bring_in(&mut self, words: &[String]) -> Result<(), String> {
        let mut command = self.program(words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{words:?}: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        self.strangers.push(Stranger {
            child,
            _input: input,
        });
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let line = line.to_lowercase();
            if ["listening", "bound", "ready to accept", "running on"]
                .iter()
                .any(|sign| line.contains(sign))
            {
                return Ok(());
            }
        }
        Err(format!("{words:?} exited before it listened"))
    }

    fn program(&self, words: &[String]) -> Command {
        let words: Vec<String> = words.iter().map(|word| self.place.fill(word)).collect();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.place.folder())
            .env("PATH", path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1");
        command
    }

    /// Returns a service from `status --json`.
    pub(crate) fn service(&self, name: &str) -> Result<Value, String> {
        let status = self.expect(&["status", "--json"], 0)?;
        let status: Value = serde_json::from_str(&status).map_err(|error| error.to_string())?;
        let services = status["stacks"][0]["services"].as_array();
        services
            .and_then(|services| services.iter().find(|service| service["name"] == *name))
            .cloned()
            .ok_or_else(|| format!("no {name} in {status}"))
    }

    pub(crate) fn pid(&self, service: &str) -> Result<i32, String> {
        let service = self.service(service)?;
        let pid = service["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok());
        pid.ok_or_else(|| format!("it is not running: {service}"))
    }

    /// Returns all logs of a service.
    pub(crate) fn log(&self, service: &str) -> String {
        let mut text = String::new();
        for stack in folders(&self.place.path("home/logs")) {
            let files = folders(&stack.join(service)).into_iter();
            // The folder also contains the standard input, a pipe that would block a reader.
            for log in files.filter(|file| file.extension().is_some_and(|ending| ending == "log")) {
                text.push_str(&fs::read_to_string(log).unwrap_or_default());
            }
        }
        text
    }

    /// Returns the processes with the folder of this stage in their environment or command line: daemons,
    /// services, commands. (nginx overwrites its environment with its title.)
    fn processes(&self) -> Vec<i32> {
        let folder = self.place.folder();
        let folder = folder.as_os_str().as_encoded_bytes();
        let names_it = |pid: &i32| {
            ["environ", "cmdline"].iter().any(|kind| {
                let text = fs::read(format!("/proc/{pid}/{kind}")).unwrap_or_default();
                text.windows(folder.len()).any(|part| part == folder)
            })
        };
        let entries = fs::read_dir("/proc").unwrap();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut pids: Vec<i32> = pids.filter(names_it).collect();
        pids.sort_unstable();
        pids
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for stranger in &mut self.strangers {
            // It may have exited long ago.
            let _ = stranger.child.kill();
            let _ = stranger.child.wait();
        }
        // The lowest PID first: daemons before the services that they would restart.
        for pid in self.processes() {
            signal(pid, Signal::KILL);
        }
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have exited by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Returns whether a process exists, even if only to be reaped.
pub(crate) fn is_there(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
