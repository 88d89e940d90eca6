//! A daemon in a temporary folder, for tests on real processes.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs,
    future::Future,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use pilotlight::{
    control::{Control as _, Down, Lock, LockError, Outcome, Restart, Up},
    env::Env,
    fs::home::Home,
    model::{
        facts::RunId,
        finding::Code,
        view::{PhaseName, ServiceView, Snapshot},
    },
    stack::ServiceName,
    supervisor::{self, Handle, Started},
};
use tempfile::TempDir;

/// The time limit for everything that a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A folder with a stack file, and a daemon with its home in the same folder. Its processes are killed on
/// drop, even if the test fails.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) home: Home,
    started: Option<Started>,
}

impl Bench {
    /// Starts a daemon without stacks.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::under(&folder.path().join("home")).expect("a home");
        let mut bench = Self {
            folder,
            home,
            started: None,
        };
        bench.start().await;
        bench
    }

    /// Starts a daemon and writes this stack file.
    pub(crate) async fn with(stack: &str) -> Self {
        let bench = Self::new().await;
        bench.write(stack);
        bench
    }

    pub(crate) fn write(&self, stack: &str) {
        fs::write(self.file(), format!("name = \"test\"\n{stack}")).expect("the stack file");
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder
            .path()
            .canonicalize()
            .expect("the folder")
            .join("pilotlight.toml")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a daemon on the same home, after [`Self::vanish`].
    pub(crate) async fn start(&mut self) -> Vec<String> {
        let lock = self.lock().await;
        let mut started = supervisor::start(&lock).await.expect("a daemon");
        let remarks = std::mem::take(&mut started.remarks);
        self.started = Some(started);
        remarks
    }

    /// Acquires the lock of the home. A process that another test is starting may hold it for a moment.
    pub(crate) async fn lock(&self) -> Lock {
        let acquiring = async {
            loop {
                match Lock::acquire(&self.home) {
                    Ok(lock) => return lock,
                    Err(LockError::Held { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        within("the lock", acquiring).await
    }

    /// Ends the daemon and leaves its services running, as if it was killed.
    pub(crate) async fn vanish(&mut self) {
        let started = self.started.take().expect("a daemon");
        started.handle.quit(true).await;
        started.task.await.expect("the daemon ends");
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.started.as_ref().expect("a daemon").handle
    }

    pub(crate) async fn up(&self) -> Outcome {
        self.up_some(&[]).await
    }

    pub(crate) async fn up_some(&self, services: &[&str]) -> Outcome {
        let environment = Env::of_this_process();
        let up = Up {
            file: self.file(),
            services: names(services),
            environment,
        };
        within("up", self.handle().up(up)).await
    }

    /// Starts everything, which must succeed.
    pub(crate) async fn must_up(&self) {
        let outcome = self.up().await;
        assert_eq!(outcome, Outcome::Done);
    }

    pub(crate) async fn down(&self) -> Outcome {
        self.down_some(&[]).await
    }

    pub(crate) async fn down_some(&self, services: &[&str]) -> Outcome {
        let down = Down {
            file: Some(self.file()),
            services: names(services),
            kill: false,
        };
        within("down", self.handle().down(down)).await
    }

    /// Starts another stack file, and waits for the outcome in the background.
    pub(crate) fn start_of(&self, file: PathBuf) -> tokio::task::JoinHandle<Outcome> {
        let handle = self.handle().clone();
        let environment = Env::of_this_process();
        tokio::spawn(async move {
            let up = Up {
                file,
                services: Vec::new(),
                environment,
            };
            handle.up(up).await
        })
    }

    pub(crate) async fn restart(&self, services: &[&str]) -> Outcome {
        let restart = Restart {
            file: self.file(),
            services: names(services),
        };
        within("restart", self.handle().restart(restart)).await
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.handle().snapshot().borrow().clone()
    }

    pub(crate) fn service(&self, name: &str) -> Arc<ServiceView> {
        service(&self.snapshot(), name)
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.service(name).pid.expect("it runs")
    }

    /// Waits until the view of a service matches.
    pub(crate) async fn until(
        &self,
        name: &str,
        so: impl Fn(&ServiceView) -> bool,
    ) -> Arc<ServiceView> {
        let mut snapshots = self.handle().snapshot();
        let waiting = snapshots.wait_for(|snapshot| {
            let mut services = snapshot.stacks.iter().flat_map(|stack| &stack.services);
            services.any(|service| service.name.as_str() == name && so(service))
        });
        let Ok(snapshot) = tokio::time::timeout(DEADLINE, waiting).await else {
            panic!("not in time; last seen: {:#?}", self.service(name))
        };
        service(&snapshot.expect("a daemon"), name)
    }

    pub(crate) async fn until_phase(&self, name: &str, phase: PhaseName) -> Arc<ServiceView> {
        self.until(name, |service| service.phase == phase).await
    }

    /// Returns the log of the latest run of a service.
    pub(crate) fn log(&self, name: &str) -> String {
        let run = self.service(name).run.expect("a run");
        let bytes = fs::read(self.log_path(name, run)).expect("a log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn log_path(&self, name: &str, run: RunId) -> PathBuf {
        let stack = self.home.stack_id(&self.file());
        self.home
            .logs()
            .join(stack.0)
            .join(name)
            .join(format!("{run}.log"))
    }

    /// Returns the processes with a mark of the stack in their environment or among their descriptors.
    pub(crate) fn marked(&self) -> Vec<u32> {
        let stack = self.home.stack_id(&self.file());
        let (mark, tag) = (
            format!("PILOTLIGHT_SERVICE={stack}/"),
            format!("pilotlight:{stack}/"),
        );
        let is_marked = |pid: &u32| environment_has(*pid, &mark) || descriptor_has(*pid, &tag);
        processes().into_iter().filter(is_marked).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for pid in self.marked() {
            kill(pid);
        }
    }
}

fn service(snapshot: &Snapshot, name: &str) -> Arc<ServiceView> {
    let mut services = snapshot.stacks.iter().flat_map(|stack| &stack.services);
    services
        .find(|service| service.name.as_str() == name)
        .expect("a service of the stack")
        .clone()
}

fn names(services: &[&str]) -> Vec<ServiceName> {
    services.iter().copied().map(ServiceName::new).collect()
}

/// Returns the output of a future, and panics after the time limit.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(DEADLINE, future).await else {
        panic!("{what} took longer than {DEADLINE:?}")
    };
    value
}

/// Waits for a condition for which no event exists.
pub(crate) async fn eventually(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, waiting).await;
}

pub(crate) fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Returns whether a process is running, and not only waiting to be reaped.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    !matches!(state, None | Some(b'Z' | b'X'))
}

/// Returns whether a process leads a session, as a daemon does and a new service does not.
pub(crate) fn leads_a_session(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // State, parent, group, session: see proc(5).
    let session = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.split(' ').nth(3));
    lives(pid) && session == Some(pid.to_string().as_str())
}

fn environment_has(pid: u32, start: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|entry| entry.starts_with(start.as_bytes()))
}

/// Returns whether a process has a file open whose name contains this text.
fn descriptor_has(pid: u32, part: &str) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let mut files = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    files.any(|file| file.to_string_lossy().contains(part))
}

/// Kills a process that this test or its services have started.
pub(crate) fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .expect("a pid");
    // It may have exited by itself.
    let _ = rustix::process::kill_process(pid, signal);
}

/// Returns the codes of the findings.
pub(crate) fn findings(outcome: &Outcome) -> Vec<Code> {
    match outcome {
        Outcome::Failed { findings, .. } => findings.iter().map(|finding| finding.code).collect(),
        Outcome::Done | Outcome::Refused(_) | Outcome::Overruled(_) | Outcome::Ending { .. } => {
            Vec::new()
        }
    }
}

/// Returns a service that serves the stack's folder over HTTP.
pub(crate) fn http_service(name: &str, port: u16) -> String {
    format!(
        r#"
[service.{name}]
command = "python3 -m http.server {{port}} --bind 127.0.0.1"
port = {port}
ready = {{ http = "http://127.0.0.1:{{port}}/" }}
"#
    )
}

/// A file that does not respond, as on a network mount without its server. It is under a lease, so that
/// opening or running it waits until this is dropped (at most 45 s).
pub(crate) struct Hanging(Child);

#[expect(clippy::disallowed_methods, reason = "it must belong to no stack")]
impl Hanging {
    pub(crate) fn file(path: &std::path::Path) -> Self {
        let hold = "import fcntl, signal, sys\n\
                    signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
                    file = open(sys.argv[1])\n\
                    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
                    print('held', flush=True)\n\
                    sys.stdin.read()";
        let mut child = Command::new("python3")
            .args(["-c", hold])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is not a service.
pub(crate) struct Bystander {
    child: Child,
    port: u16,
}

#[expect(clippy::disallowed_methods, reason = "it must belong to no stack")]
impl Bystander {
    pub(crate) fn start() -> Self {
        let child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        Self { child, port: 0 }
    }

    /// Starts a process that listens on a port of 127.0.0.1.
    pub(crate) fn listening() -> Self {
        let listen = "import socket; s = socket.create_server(('127.0.0.1', 0)); \
                      print(s.getsockname()[1], flush=True); s.accept()";
        let mut child = Command::new("python3")
            .args(["-c", listen])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("its port");
        Self {
            child,
            port: line.trim().parse().expect("a port"),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
