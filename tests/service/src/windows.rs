//! The functions for Windows: consoles, their events, and jobs.
#![expect(
    unsafe_code,
    reason = "the standard library has no consoles; each block has its safety argument"
)]

use std::{
    env,
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    net::TcpListener,
    os::windows::process::CommandExt as _,
    process::{Command, Stdio},
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::Duration,
};

use windows_sys::{
    Win32::{
        Storage::FileSystem::{FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE, GetFileType},
        System::{
            Console::{
                GetConsoleCP, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_OUTPUT_HANDLE,
                SetConsoleCtrlHandler,
            },
            Performance::{QueryPerformanceCounter, QueryPerformanceFrequency},
            Threading::{
                CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, ExitProcess,
            },
        },
    },
    core::BOOL,
};

use super::{Result, duration, wait};

/// The data of the handler of console events, which runs in a separate thread.
static CODE: AtomicU8 = AtomicU8::new(0);
static DELAY_MILLISECONDS: AtomicU64 = AtomicU64::new(0);

/// Appends an event to the trace in one write, so that those of several processes do not mix.
pub(crate) fn mark(trace: &str, event: &str) -> io::Result<()> {
    let line = format!("{event} {} {}\n", std::process::id(), nanoseconds());
    let mut file = OpenOptions::new().append(true).create(true).open(trace)?;
    file.write_all(line.as_bytes())
}

/// Returns the time since the machine started, in nanoseconds.
fn nanoseconds() -> i128 {
    let (mut count, mut frequency) = (0, 0);
    // SAFETY: both pointers are valid; neither call fails since Windows XP.
    unsafe {
        QueryPerformanceCounter(&raw mut count);
        QueryPerformanceFrequency(&raw mut frequency);
    }
    i128::from(count) * 1_000_000_000 / i128::from(frequency.max(1))
}

/// Uses a listener once, since Wine only then knows its owner.
pub(crate) fn touch(listener: &TcpListener) -> io::Result<()> {
    listener.set_ttl(64)
}

pub(crate) fn tell_console() -> Result {
    // SAFETY: only reads.
    println!("console {}", unsafe { GetConsoleCP() });
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    println!("input {}", input.len());
    println!("output {}", kind(STD_OUTPUT_HANDLE));
    println!("error {}", kind(STD_ERROR_HANDLE));
    Ok(())
}

fn kind(which: STD_HANDLE) -> &'static str {
    // SAFETY: only reads; an invalid handle has no known kind.
    match unsafe { GetFileType(GetStdHandle(which)) } {
        FILE_TYPE_DISK => "file",
        FILE_TYPE_PIPE => "pipe",
        FILE_TYPE_CHAR => "console",
        _ => "nothing",
    }
}

pub(crate) fn burn(time: Duration) {
    // Wall-clock time instead of CPU time, which is sufficient on this system.
    let end = nanoseconds() + i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
    while nanoseconds() < end {
        std::hint::spin_loop();
    }
}

pub(crate) fn on_sigterm(what: &str) -> Result {
    let mut handler: unsafe extern "system" fn(u32) -> BOOL = leave;
    if what == "ignore" {
        handler = stay;
    } else if let Ok(code) = what.parse() {
        CODE.store(code, Ordering::Relaxed);
    } else {
        let delay = u64::try_from(duration(what)?.as_millis())?;
        DELAY_MILLISECONDS.store(delay, Ordering::Relaxed);
    }
    // SAFETY: the function exists as long as the program.
    if unsafe { SetConsoleCtrlHandler(Some(handler), 1) } == 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(())
}

unsafe extern "system" fn stay(_event: u32) -> BOOL {
    1
}

unsafe extern "system" fn leave(_event: u32) -> BOOL {
    wait(Duration::from_millis(
        DELAY_MILLISECONDS.load(Ordering::Relaxed),
    ));
    // SAFETY: exits this process, as the system would have done.
    unsafe { ExitProcess(CODE.load(Ordering::Relaxed).into()) }
}

/// Starts this program with other steps as a child.
pub(crate) fn child(kind: &str) -> Result {
    #[expect(clippy::disallowed_methods, reason = "the test requests it")]
    let mut child = Command::new(env::current_exe()?);
    child.stdin(Stdio::null());
    let apart = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP;
    match kind {
        "fork" => drop(child.arg("--pid")),
        "setsid" => drop(child.arg("--pid").creation_flags(apart)),
        "double-fork" => {
            child.args(["--child", "fork", "--exit", "0"]);
            child.creation_flags(apart);
        }
        "breakaway" => drop(child.arg("--pid").creation_flags(CREATE_BREAKAWAY_FROM_JOB)),
        other => return Err(format!("unknown child {other}").into()),
    }
    match child.spawn() {
        Err(error) if kind == "breakaway" => {
            println!("refused {}", error.raw_os_error().unwrap_or_default());
        }
        spawned => drop(spawned?),
    }
    Ok(())
}

pub(crate) fn daemonize() -> Result {
    Err("a process cannot be doubled here".into())
}

pub(crate) fn chain() -> Result {
    daemonize()
}
