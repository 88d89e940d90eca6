//! A folder with a stack file and a home, in which the command runs.

use std::{
    fs::{self, File},
    io::Write as _,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use pilotlight::fs::home::Home;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The time limit for everything that a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The stack of one test. Its processes are killed on drop, even if the test fails.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
}

/// A running command and its output.
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
    errors: PathBuf,
}

impl Stage {
    pub(crate) fn new(stack: &str) -> Self {
        let stage = Self {
            folder: TempDir::new().unwrap(),
        };
        stage.write("pilotlight.toml", &format!("name = \"test\"\n{stack}"));
        stage
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn home(&self) -> Home {
        Home::under(&self.folder.path().join("home")).unwrap()
    }

    /// Returns the command with these arguments.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilotlight"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .env(Home::VARIABLE, self.folder.path().join("home"))
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        command
    }

    /// Runs the command until it exits.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs the command, which must exit with this status, and returns its standard output and standard
    /// error.
    pub(crate) fn expect(&self, words: &[&str], code: i32) -> (String, String) {
        let output = self.run(words);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        let status = output.status;
        assert_eq!(
            status.code(),
            Some(code),
            "{words:?}: {status}\n{out}\n{err}"
        );
        (out, err)
    }

    /// Like [`Self::expect`], and parses the standard output as JSON.
    pub(crate) fn json(&self, words: &[&str], code: i32) -> Value {
        let (out, _) = self.expect(words, code);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Starts the command and leaves it running.
    pub(crate) fn start(&self, words: &[&str]) -> Running {
        let number = fs::read_dir(self.folder.path()).unwrap().count();
        let path = |kind: &str| self.folder.path().join(format!("{number}.{kind}"));
        let (output, errors) = (path("out"), path("err"));
        let mut command = self.command(words);
        command
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&errors).unwrap());
        let child = command.spawn().unwrap();
        Running {
            child,
            output,
            errors,
        }
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

    pub(crate) fn pid(&self, service: &str) -> u32 {
        let service = self.service(service);
        let pid = service["pid"]
            .as_u64()
            .unwrap_or_else(|| panic!("it is not running: {service}"));
        pid.try_into().unwrap()
    }

    /// Returns the PID of the daemon, from its file in the home.
    pub(crate) fn daemon(&self) -> u32 {
        let card = fs::read(self.home().state().join("keeper.json")).unwrap();
        let card: Value = serde_json::from_slice(&card).unwrap();
        card["pid"].as_u64().unwrap().try_into().unwrap()
    }

    /// Returns the processes with the home of this stage: daemons, services and commands.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let home = format!(
            "{}={}",
            Home::VARIABLE,
            self.folder.path().join("home").display()
        );
        let entries = fs::read_dir("/proc").unwrap();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| lives(*pid) && environment_has(*pid, &home))
            .collect()
    }

    /// Starts a process that is not a service and listens on this port.
    pub(crate) fn listener(&self, port: u16) -> Child {
        let given = self.command(&[]);
        let mut python = Command::new("python3");
        python
            .args([
                "-m",
                "http.server",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
            ])
            .current_dir(self.folder.path())
            .envs(
                given
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = python.spawn().unwrap();
        let address = (Ipv4Addr::LOCALHOST, port);
        until("it listens", || TcpStream::connect(address).is_ok());
        child
    }

    pub(crate) fn until_no_process_is_left_but(&self, pid: u32) {
        until("no other process is left", || self.processes() == [pid]);
    }

    pub(crate) fn until_no_process_is_left(&self) {
        until("no process is left", || self.processes().is_empty());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Daemons first, so that they restart nothing.
        let mut processes = self.processes();
        processes.sort_unstable();
        for pid in processes {
            signal(pid, Signal::KILL);
        }
    }
}

impl Running {
    pub(crate) fn signal(&self, number: Signal) {
        signal(self.child.id(), number);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits until its standard error contains this text.
    pub(crate) fn until_it_says(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.errors().contains(text) {
            let ended = self.child.try_wait().unwrap();
            let late = Instant::now() > deadline;
            assert!(
                ended.is_none() && !late,
                "no {text:?} ({ended:?}): {}",
                self.errors()
            );
            pause();
        }
    }

    /// Waits until it exits, and returns its exit status.
    pub(crate) fn end(&mut self) -> i32 {
        let mut status: Option<ExitStatus> = None;
        until("the command ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        let by_signal = status.signal().map(|signal| -signal);
        status.code().or(by_signal).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition for which no event exists.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        pause();
    }
}

fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// Runs a command with this standard input, and returns its exit status and standard output.
pub(crate) fn tell(mut command: Command, input: &str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // It may have exited by itself.
    let _ = kill_process(pid, signal);
}

/// Returns whether a process is running, and not only waiting to be reaped.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    !matches!(state, None | Some(b'Z' | b'X'))
}

fn environment_has(pid: u32, entry: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|other| other == entry.as_bytes())
}

/// Returns a service that prints its name and keeps running.
pub(crate) fn talker(name: &str) -> String {
    format!(
        r#"
[service.{name}]
command = ["sh", "-c", "echo {name} begins; echo 'ERROR: {name} is only a test' >&2; exec sleep 1000"]
ready = {{ log = "only a test" }}
"#
    )
}

/// Returns a service that serves its folder over HTTP.
pub(crate) fn server(name: &str, port: u16) -> String {
    format!(
        r#"
[service.{name}]
command = "python3 -m http.server {{port}} --bind 127.0.0.1"
port = {port}
ready = {{ http = "http://127.0.0.1:{{port}}/" }}
"#
    )
}

/// Returns a service that ignores SIGTERM.
pub(crate) fn stubborn(name: &str) -> String {
    format!(
        r#"
[service.{name}]
command = ["sh", "-c", "trap '' TERM; echo begun; while :; do sleep 0.05; done"]
ready = {{ log = "begun" }}
stop = {{ timeout = "1m" }}
"#
    )
}
