//! Listeners to claim ports from.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use pilotlight::{
    effects::port::{ClaimRequest, Leftovers, Requester},
    model::facts::{Holder, Mark, Neighbour, PortFault, Protected, RunId, StackId},
    stack::{Mode, Port, PortConflict, ServiceName},
};

/// The system's Python: other users can run it, and it is not a shell script.
pub(crate) const PYTHON: &str = "/usr/bin/python3";
pub(crate) const SCRIPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/ports/listener.py");

/// A process that holds a port until it is dropped.
pub(crate) struct Listener {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) port: Port,
}

impl Listener {
    /// Starts one on `addresses`, with these options of `listener.py`.
    pub(crate) fn start(addresses: &str, ways: &[&str]) -> Self {
        Self::with(Command::new(PYTHON), 0, addresses, ways)
    }

    /// Starts one with this mark.
    pub(crate) fn marked(mark: &Mark, ways: &[&str]) -> Self {
        let mut command = Command::new(PYTHON);
        command.env(Mark::VARIABLE, mark.to_string());
        Self::with(command, 0, "127.0.0.1", ways)
    }

    /// Starts one as another user, which only root can do.
    pub(crate) fn of_another_user() -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PYTHON]);
        Self::with(command, 0, "127.0.0.1", &[])
    }

    pub(crate) fn with(mut python: Command, port: u16, addresses: &str, ways: &[&str]) -> Self {
        // Passed with `-c`, since another user may not be able to read the file.
        let script = std::fs::read_to_string(Path::new(SCRIPT)).unwrap();
        python
            .args(["-c", &script, &port.to_string(), addresses])
            .args(ways);
        Self::of(&mut python)
    }

    /// Starts a command that first prints a port.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let port = line.trim().parse().ok().and_then(Port::new);
        Self {
            child,
            output,
            port: port.expect("the listener prints its port"),
        }
    }

    /// Starts one in this folder.
    pub(crate) fn within(folder: &Path, ways: &[&str]) -> Self {
        let mut command = Command::new(PYTHON);
        command.current_dir(folder);
        Self::with(command, 0, "127.0.0.1", ways)
    }

    /// Starts one under this name.
    pub(crate) fn called(folder: &Path, name: &str) -> Self {
        let program = folder.join(name);
        // Another program writes it: a process that another test starts could inherit the open file for
        // a moment, and a file that is open for writing cannot be run.
        let python = std::fs::canonicalize(PYTHON).unwrap();
        let copied = Command::new("cp").args([&python, &program]).status();
        assert!(copied.unwrap().success());
        Self::with(Command::new(program), 0, "127.0.0.1", &[])
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns the next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Kills it and waits until it has exited. Its children keep running.
    pub(crate) fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it exit by itself.
    pub(crate) fn wait(&mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It leads a group, so that its remaining children are killed too.
        let group = format!("-{}", self.pid());
        let mut kill = Command::new("kill");
        kill.args(["-KILL", "--", &group]).stderr(Stdio::null());
        let _ = kill.status();
        let _ = self.child.wait();
    }
}

/// Returns the children of a running process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let output = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &pid.to_string()])
        .output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    output
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

pub(crate) fn mark(stack: &str, service: &str, run: u64) -> Mark {
    Mark {
        stack: StackId(stack.to_owned()),
        service: ServiceName::new(service),
        run: RunId(run),
    }
}

/// Returns the protection of a running service of which only the mark is known.
pub(crate) fn running(mark: &Mark) -> Protected {
    Protected::RunningService(Neighbour {
        mark: mark.clone(),
        stack: None,
    })
}

/// Returns the request of `nexus/backend` in development by force.
pub(crate) fn request(port: Port) -> ClaimRequest {
    ClaimRequest {
        mark: mark("nexus", "backend", 7),
        port,
        host: None,
        conflict: PortConflict::Force,
        leftovers: Leftovers {
            stack: StackId("nexus".to_owned()),
            folders: vec!["/nowhere/nexus".into()],
            own: "/nowhere/nexus".into(),
            directory: "/nowhere/nexus".into(),
            argv: Vec::new(),
        },
        mode: Mode::Development,
        reserved: BTreeSet::new(),
        requester: Requester::default(),
    }
}

/// Returns a port on which no process listens and that no other test gets.
pub(crate) fn free_port() -> Port {
    Port::new(pilotlight_test_service::free_port()).unwrap()
}

pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

pub(crate) fn pids(holders: &[Holder]) -> Vec<u32> {
    holders.iter().map(|holder| holder.process.pid).collect()
}

/// Returns the holder of a port and its protection from a fault.
pub(crate) fn taken(fault: PortFault) -> (Holder, Option<Protected>) {
    match fault {
        PortFault::Taken {
            holder: Some(holder),
            protected,
        } => (*holder, protected),
        other => panic!("not taken by a known process: {other:?}"),
    }
}

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
