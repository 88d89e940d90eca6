//! The private environment of one run: a folder, a trace, ports, and a copy of the program.

use std::{
    env,
    ffi::OsStr,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::Signal;

use super::{
    Result,
    clock::{DEADLINE, TimePoint},
    kernel,
    trace::Trace,
};

/// The variable in the environment of every started process: the folder of its stage.
const MARK: &str = "PILOTLIGHT_BENCH";
/// A range below the ports that the kernel gives to connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// The pause between two checks whether the processes have exited.
const PAUSE: Duration = Duration::from_millis(1);
/// Files from this size on are not kept until the end of the bench.
const BIG: u64 = 1024 * 1024;
/// The folders of all stages.
static STAGES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The private environment of one run. On drop it kills the processes that still run in it, and no others.
///
/// Its files stay until the end of the bench: when ext4 without a journal creates a file, it skips the
/// inodes of recently deleted ones, which would slow down the next run.
pub(crate) struct Stage {
    folder: PathBuf,
    program: PathBuf,
    trace: Trace,
}

impl Stage {
    /// Creates a stage with the test service in the folder of this program.
    pub(crate) fn new() -> Result<Self> {
        Self::of(&programs()?.join("pilotlight-test-service"))
    }

    /// Creates a stage with the smallest service, written in C. Needs a C compiler.
    pub(crate) fn tiny() -> Result<Self> {
        static TINY: Mutex<Option<PathBuf>> = Mutex::new(None);
        let mut tiny = TINY.lock().unwrap_or_else(PoisonError::into_inner);
        let program = match &*tiny {
            Some(program) => program.clone(),
            None => tiny.insert(compile_tiny()?).clone(),
        };
        drop(tiny);
        Self::of(&program)
    }

    fn of(original: &Path) -> Result<Self> {
        // Short, since it contains sockets, whose paths are limited.
        let folder = folder()?;
        // A copy of the program identifies the services of this stage, even if they change their
        // environment, group, session or parent.
        let program = program_of(&folder);
        fs::copy(original, &program).map_err(|error| format!("{}: {error}", original.display()))?;
        let trace = Trace::at(folder.join("trace"));
        Ok(Self {
            folder,
            program,
            trace,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// The test service.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Returns a command with the mark of this stage, which its children inherit.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env(MARK, self.path()).current_dir(self.path());
        command
    }

    /// Returns the running services and their children.
    pub(crate) fn services(&self) -> Result<Vec<i32>> {
        Ok(kernel::processes(|pid| self.is_service(pid))?)
    }

    /// Returns all other processes of this stage, such as the daemon.
    pub(crate) fn daemons(&self) -> Result<Vec<i32>> {
        Ok(kernel::processes(|pid| {
            is_marked(self.path(), pid) && !self.is_service(pid)
        })?)
    }

    /// Kills one service.
    pub(crate) fn kill(&self, pid: i32) -> Result {
        if kernel::signal(pid, Signal::KILL, |pid| self.is_service(pid))? {
            return Ok(());
        }
        Err(format!("process {pid} is no longer a service of this bench").into())
    }

    /// Waits until no service is running.
    pub(crate) fn wait_until_empty(&self) -> Result {
        let deadline = TimePoint::now() + DEADLINE;
        while !self.services()?.is_empty() {
            if deadline.has_passed() {
                return Err("services are left".into());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn is_service(&self, pid: i32) -> bool {
        kernel::runs(pid, &self.program)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        clear(self.path());
        remove_big_files(self.path());
    }
}

/// Creates a folder that is removed at the end of the bench.
fn folder() -> Result<PathBuf> {
    let temporary = env::temp_dir().canonicalize()?;
    let folder = tempfile::Builder::new()
        .prefix("plb-")
        .tempdir_in(temporary)?;
    let folder = folder.keep();
    stages().push(folder.clone());
    Ok(folder)
}

fn compile_tiny() -> Result<PathBuf> {
    let program = folder()?.join("tiny");
    let source = program.with_extension("c");
    fs::write(&source, include_str!("tiny.c"))?;
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-static", "-o"]);
    let status = compiler.arg(&program).arg(&source).status();
    match status.map_err(|error| format!("cc: {error}"))? {
        status if status.success() => Ok(program),
        status => Err(format!("cc: {status}").into()),
    }
}

/// Kills the processes of all stages and removes the stages.
pub(crate) fn clear_all() {
    for path in stages().drain(..) {
        clear(&path);
        // If it cannot be removed, the system cleans up temporary files.
        let _ = fs::remove_dir_all(path);
    }
}

/// Removes big files. Those that cannot be removed now are removed at the end of the bench.
fn remove_big_files(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => remove_big_files(&entry.path()),
            Ok(metadata) if metadata.len() >= BIG => drop(fs::remove_file(entry.path())),
            _ => {}
        }
    }
}

fn stages() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    STAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all processes of a stage, and repeats this until none is found, since a daemon may have started
/// others meanwhile.
fn clear(stage: &Path) {
    let program = program_of(stage);
    let is_ours = |pid| kernel::runs(pid, &program) || is_marked(stage, pid);
    let deadline = TimePoint::now() + Duration::from_secs(5);
    while !deadline.has_passed() {
        match kernel::processes(is_ours) {
            Ok(left) if left.is_empty() => return,
            Ok(left) => left.into_iter().for_each(|pid| {
                // The next round finds it again if this fails.
                let _ = kernel::signal(pid, Signal::KILL, is_ours);
            }),
            Err(_) => break,
        }
        thread::sleep(PAUSE);
    }
    eprintln!("  ! processes of {} may be left", stage.display());
}

fn program_of(stage: &Path) -> PathBuf {
    stage.join("service")
}

fn is_marked(stage: &Path, pid: i32) -> bool {
    let mut mark = std::ffi::OsString::from(MARK);
    mark.push("=");
    mark.push(stage);
    kernel::has_variable(pid, &mark)
}

/// Returns the folder with the programs of this build.
pub(crate) fn programs() -> Result<PathBuf> {
    let myself = env::current_exe()?;
    Ok(myself
        .parent()
        .ok_or("this program is in no folder")?
        .to_owned())
}

/// Returns ports that are free on both loopback addresses. No two stages of this program get the same port.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(PORTS.start);
    let mut ports = Vec::with_capacity(count);
    for _ in PORTS {
        if ports.len() == count {
            return Ok(ports);
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        if next == PORTS.end - 1 {
            NEXT.store(PORTS.start, Ordering::Relaxed);
        }
        let is_free = |host| TcpListener::bind((host, next)).is_ok();
        if is_free("127.0.0.1") && is_free("::1") {
            ports.push(next);
        }
    }
    Err(format!("no {count} free ports from {PORTS:?}").into())
}
