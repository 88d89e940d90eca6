//! Starts and ends processes. The programs are `cmd.exe` and this test program itself, which runs
//! one of the ignored tests below.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use windows_sys::Win32::System::Console::GetConsoleCP;

use super::*;
use crate::{
    env::Env,
    model::facts::{Exit, Mark, Process, RunId, StackId},
    stack::{ServiceName, Signal},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with an awkward name, and the processes started in it, which end with it.
struct Stand {
    folder: TempDir,
    started: Mutex<Vec<Process>>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        for process in self.started.get_mut().unwrap().drain(..) {
            if let Ok(Some(handle)) = Handle::pin(process) {
                let _ = handle.signal_group(Signal::Kill);
            }
        }
    }
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ein Ort ☀ ").tempdir();
        Self {
            folder: folder.unwrap(),
            started: Mutex::default(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    fn start(&self, program: &Path, words: &[OsString], mark: &Mark) -> Handle {
        let mut environment = Env::of_this_process();
        environment.set(Mark::VARIABLE, mark.to_string());
        let handle = spawn(&Start {
            program,
            argv: words,
            directory: &self.folder.path().canonicalize().unwrap(),
            environment: &environment,
            mark,
            output: File::options()
                .append(true)
                .create(true)
                .open(self.log())
                .unwrap(),
            errors: None,
            input: None,
            leads_session: false,
        })
        .unwrap();
        self.started.lock().unwrap().push(handle.process());
        handle
    }

    fn shell(&self, line: &str) -> Handle {
        let words = shell(line);
        self.start(Path::new(&words[0]), &words, &mark(0))
    }

    /// Starts this program with one of the ignored tests.
    fn program(&self, name: &str, mark: &Mark) -> Handle {
        let program = std::env::current_exe().unwrap();
        let test = format!("platform::os::process::tests::{name}");
        let words = ["test", &test, "--exact", "--ignored", "--nocapture"];
        self.start(&program, &words.map(OsString::from), mark)
    }
}

fn mark(run: u64) -> Mark {
    Mark {
        stack: StackId(format!("test-{}", std::process::id())),
        service: ServiceName::new("service"),
        run: RunId(run),
    }
}

async fn exit(handle: &Handle) -> Exit {
    let exited = handle.exited(|| handle.reap());
    tokio::time::timeout(PATIENCE, exited).await.unwrap()
}

/// Waits until `seen` returns a value; fails after a deadline.
fn until<T>(mut seen: impl FnMut() -> Option<T>) -> T {
    let end = crate::host::clock::now().instant + PATIENCE;
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(
            crate::host::clock::now().instant < end,
            "nothing came of it"
        );
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "a program for the other tests"]
fn waits() {
    println!("waiting");
    thread::park_timeout(PATIENCE * 2);
}

#[test]
#[ignore = "a program for the other tests"]
fn tells_its_console() {
    // SAFETY: only reads.
    println!("console {}", unsafe { GetConsoleCP() } != 0);
    println!(
        "input {}",
        io::copy(&mut io::stdin(), &mut io::sink()).unwrap()
    );
    eprintln!("an error");
}

#[tokio::test]
async fn a_service_has_a_console_without_a_window_and_its_log_for_output() {
    let stand = Stand::new();
    let handle = stand.program("tells_its_console", &mark(1));
    assert_eq!(exit(&handle).await, Exit::Code(0));
    let text = stand.text();
    for line in ["console true", "input 0", "an error"] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn every_handle_of_a_process_reports_its_exit() {
    let stand = Stand::new();
    let handle = stand.shell("exit 7");
    let adopted = Handle::pin(handle.process()).unwrap();
    assert_eq!(exit(&handle).await, Exit::Code(7));
    assert_eq!(exit(&handle).await, Exit::Code(7));
    if let Some(adopted) = adopted {
        assert_eq!(adopted.exited_elsewhere().await, Exit::Code(7));
    }
}

#[tokio::test]
async fn a_shell_line_is_passed_unchanged() {
    let stand = Stand::new();
    let handle = stand.shell(r#"echo "a  b" & echo c^&d"#);
    assert_eq!(exit(&handle).await, Exit::Code(0));
    assert_eq!(stand.text().replace([' ', '\r'], ""), "\"ab\"\nc&d\n");
}

#[tokio::test]
async fn a_shim_gets_its_arguments_and_none_that_would_be_a_command() {
    let stand = Stand::new();
    let shim = stand.folder.path().join("shim.cmd");
    fs::write(&shim, "@echo off\r\necho [%1] [%2]\r\n").unwrap();
    let words = ["shim", "a & echo b", "c d"].map(OsString::from);
    let handle = stand.start(&shim, &words, &mark(2));
    assert_eq!(exit(&handle).await, Exit::Code(0));
    assert_eq!(stand.text().lines().count(), 1, "{}", stand.text());
    let hostile = ["shim", "a\r\necho b"].map(OsString::from);
    let refused = spawn(&Start {
        program: &shim,
        argv: &hostile,
        directory: stand.folder.path(),
        environment: &Env::new(),
        mark: &mark(0),
        output: File::create(stand.log()).unwrap(),
        errors: None,
        input: None,
        leads_session: false,
    });
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_child_of_a_service_is_in_its_job_and_ends_with_it() {
    let stand = Stand::new();
    let test = "platform::os::process::tests::waits --exact --ignored --nocapture";
    let line = format!("\"{}\" {test}", std::env::current_exe().unwrap().display());
    let handle = stand.shell(&line);
    let group = handle.process().pid;
    let mut scanner = Scanner::new().unwrap();
    until(|| stand.text().contains("waiting").then_some(()));
    let child: Process = until(|| {
        let child = *descendants(group).first()?;
        let rows = scanner.scan(0).unwrap();
        let row = rows.into_iter().find(|row| row.process == child)?;
        assert_eq!(row.mark.as_deref(), Some(&mark(0)));
        (row.group == group).then_some(child)
    });
    let child = Handle::pin(child).unwrap().unwrap();
    assert!(handle.group_lives());
    assert!(handle.freeze_group().unwrap());
    assert!(handle.signal_group(Signal::Kill).unwrap());
    tokio::time::timeout(PATIENCE, child.gone()).await.unwrap();
    assert_eq!(exit(&handle).await, Exit::Code(1));
    until(|| (!handle.group_lives()).then_some(()));
    assert!(!handle.signal_group(Signal::Kill).unwrap());
    assert!(!child.signal(Signal::Kill).unwrap());
}

#[tokio::test]
async fn a_later_daemon_finds_the_job_by_its_first_process() {
    let stand = Stand::new();
    let first = stand.program("waits", &mark(3));
    let process = first.process();
    drop(first);
    assert!(job::known().iter().all(|job| job.first() != process));
    let adopted = Handle::pin(process).unwrap().unwrap();
    assert!(job::known().iter().any(|job| job.first() == process));
    assert!(!adopted.is_gone());
    assert!(adopted.signal_group(Signal::Kill).unwrap());
    assert_eq!(adopted.exited_elsewhere().await, Exit::Code(1));
}

#[tokio::test]
async fn a_mark_is_found_in_a_process_without_a_known_job() {
    let stand = Stand::new();
    let since = ticks_now();
    let first = stand.program("waits", &mark(4));
    let process = first.process();
    drop(first);
    let mut scanner = Scanner::new().unwrap();
    until(|| {
        let rows = scanner.scan(since).unwrap();
        let row = rows.into_iter().find(|row| row.process == process).unwrap();
        (row.mark.as_deref() == Some(&mark(4))).then_some(())
    });
    assert_eq!(mark_of(process.pid), Some(mark(4)));
    let handle = Handle::pin(process).unwrap().unwrap();
    assert!(handle.signal(Signal::Kill).unwrap());
    handle.gone().await;
    assert!(started(process.pid).is_err());
    let rows = scanner.scan(0).unwrap();
    assert!(rows.iter().all(|row| row.process != process));
}

#[tokio::test]
async fn a_process_with_another_start_time_is_not_pinned() {
    let pid = std::process::id();
    let own = Process {
        pid,
        started: started(pid).unwrap(),
    };
    assert!(Handle::pin(own).unwrap().is_some());
    let other = Process {
        started: own.started - 1,
        ..own
    };
    assert!(Handle::pin(other).unwrap().is_none());
}

#[tokio::test]
async fn a_process_without_a_job_cannot_be_stopped_gracefully() {
    let pid = std::process::id();
    let started = started(pid).unwrap();
    let own = Handle::pin(Process { pid, started }).unwrap().unwrap();
    let refused = own.signal(Signal::Terminate).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
}

/// The process that sends the event is this test program, which does not support the subcommand:
/// the service must still be running for the next step of the stop.
#[tokio::test]
async fn a_service_that_got_no_event_can_still_be_killed() {
    let stand = Stand::new();
    let handle = stand.program("waits", &mark(5));
    until(|| stand.text().contains("waiting").then_some(()));
    assert!(handle.signal_group(Signal::Interrupt).unwrap());
    assert!(handle.signal(Signal::Terminate).unwrap());
    assert!(!handle.is_gone());
    assert!(handle.signal_group(Signal::Kill).unwrap());
    assert_eq!(exit(&handle).await, Exit::Code(1));
    until(|| (!handle.group_lives()).then_some(()));
    assert!(!handle.signal_group(Signal::Terminate).unwrap());
}

#[test]
fn an_invalid_program_is_distinguished_from_a_missing_one() {
    let stand = Stand::new();
    let program = stand.folder.path().join("text.exe");
    fs::write(&program, "no program at all, but some text").unwrap();
    let words = [OsString::from("text")];
    let start = |program| {
        spawn(&Start {
            program,
            argv: &words,
            directory: stand.folder.path(),
            environment: &Env::new(),
            mark: &mark(0),
            output: File::create(stand.log()).unwrap(),
            errors: None,
            input: None,
            leads_session: false,
        })
        .unwrap_err()
    };
    assert!(is_no_program(&start(&program)));
    fs::remove_file(&program).unwrap();
    assert_eq!(start(&program).kind(), io::ErrorKind::NotFound);
}
