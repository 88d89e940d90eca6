//! The folder of a round: programs, stack file, home and ports.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::processes::{self, Process};

/// The services that have a port, in the order of [`Stage::ports`].
const WITH_PORT: [&str; 5] = ["base", "middle", "top", "flood", "background"];
/// The services that consist of a single process.
pub(crate) const SINGLE: [&str; 5] = ["base", "middle", "top", "counter", "flood"];

pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) ports: Vec<u16>,
    /// Links in the stage, so that a process is known by its program, whatever its environment contains.
    pub(crate) command: PathBuf,
    pub(crate) service: PathBuf,
}

impl Stage {
    pub(crate) fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("pilotlight-chaos-")
            .tempdir()?;
        let root = folder.path().canonicalize()?;
        for name in ["project", "counted", "elsewhere"] {
            fs::create_dir(root.join(name))?;
        }
        let stage = Self {
            ports: WITH_PORT
                .map(|_| pilotlight_test_service::free_port())
                .to_vec(),
            command: link(
                Path::new(env!("CARGO_BIN_EXE_pilotlight")),
                root.join("pilotlight"),
            )?,
            service: link(pilotlight_test_service::path(), root.join("service"))?,
            folder,
        };
        stage.write_stack(&stage.stack())?;
        Ok(stage)
    }

    fn root(&self) -> &Path {
        // It contains both programs.
        self.command.parent().unwrap_or(self.folder.path())
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.root().join("project")
    }

    /// Returns a folder that does not belong to the stack.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.root().join("elsewhere")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.home().join("state")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.home().join("logs")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.state().join("control.sock")
    }

    /// Returns the folder in which the counter records its progress.
    pub(crate) fn counted(&self) -> PathBuf {
        self.root().join("counted")
    }

    pub(crate) fn write_stack(&self, text: &str) -> io::Result<()> {
        fs::write(self.project().join("pilotlight.toml"), text)
    }

    /// Returns the stack file: a chain, and one service of each kind that is hard to stop, follow or log.
    pub(crate) fn stack(&self) -> String {
        let command = |name: &str, steps: &[&str]| {
            let words = [self.service.to_str().unwrap_or_default(), "--print", name];
            let words = words.iter().chain(steps).map(|word| format!("{word:?}"));
            let words: Vec<_> = words.collect();
            format!("[service.{name}]\ncommand = [{}]\n", words.join(", "))
        };
        let listening = |name: &str, steps: &[&str]| {
            let place = WITH_PORT.iter().position(|other| *other == name);
            let port = self.ports[place.unwrap_or(0)];
            let steps = [steps, &["--listen", "127.0.0.1:{port}"]].concat();
            format!("{}port = {port}\n", command(name, &steps))
        };
        let counted = self.counted();
        [
            "name = \"chaos\"\n".to_owned(),
            listening("base", &[]),
            listening("middle", &["--sigterm", "ignore"])
                + "needs = [\"base\"]\nstop = { timeout = \"400ms\" }\n",
            listening("top", &["--sigterm", "100ms"]) + "needs = [\"middle\"]\n",
            command(
                "forker",
                &[
                    "--child",
                    "fork",
                    "--child",
                    "setsid",
                    "--child",
                    "double-fork",
                    "--child",
                    "nameless",
                    "--print",
                    "forked",
                ],
            ) + "ready = \"log: forked\"\n",
            command("stubborn", &["--sigterm", "ignore", "--child", "setsid"])
                + "needs = { base = \"started\" }\nstop = { timeout = \"300ms\" }\n",
            command(
                "counter",
                &["--count", counted.to_str().unwrap_or_default()],
            ) + "ready = \"log: count\"\nlog = { runs = 500 }\n",
            listening("flood", &["--flood", "10000000"]) + "log = { runs = 3, size = \"1MB\" }\n",
            listening("background", &["--daemonize"]),
        ]
        .join("\n")
    }

    /// Returns the processes of the services, by PID.
    pub(crate) fn services(&self) -> Vec<Process> {
        processes::of_program(&self.service)
    }

    /// Returns the processes of one service.
    pub(crate) fn processes_of(&self, service: &str) -> Vec<Process> {
        let mut processes = self.services();
        processes.retain(|process| process.argv.get(2).is_some_and(|name| name == service));
        processes
    }

    /// Returns the daemons of this home: one, unless something is wrong.
    pub(crate) fn daemons(&self) -> Vec<u32> {
        let commands = processes::of_program(&self.command);
        let daemons = commands.into_iter().map(|process| process.pid);
        // Commands are in the session of this program.
        daemons
            .filter(|pid| processes::leads_a_session(*pid))
            .collect()
    }

    pub(crate) fn signal_daemon(&self, signal: Signal) {
        for pid in self.daemons() {
            processes::signal(pid, &self.command, signal);
        }
    }

    pub(crate) fn signal_service(&self, pid: u32, signal: Signal) {
        processes::signal(pid, &self.service, signal);
    }

    /// Keeps the folder for people to inspect.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.root().to_owned()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Daemons and commands first, so that they restart nothing.
        for program in [&self.command, &self.service] {
            until(Duration::from_secs(10), || {
                let running = processes::of_program(program);
                for process in &running {
                    processes::signal(process.pid, program, Signal::KILL);
                }
                running.is_empty()
            });
        }
    }
}

fn link(program: &Path, link: PathBuf) -> io::Result<PathBuf> {
    if fs::hard_link(program, &link).is_err() {
        fs::copy(program, &link)?;
    }
    Ok(link)
}

/// Waits until a condition is true; returns whether it became true in time.
pub(crate) fn until(time: Duration, mut so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    loop {
        if so() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
