//! The functions for Unix: fork, sessions and signals.
#![expect(
    unsafe_code,
    reason = "the standard library has neither fork nor signals; each block has its safety argument"
)]

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    net::TcpListener,
    ptr,
    sync::atomic::{AtomicI64, AtomicU8, Ordering},
    thread,
    time::Duration,
};

use super::{Result, duration};

/// The data of the SIGTERM handler, which may only read atomics.
static CODE: AtomicU8 = AtomicU8::new(0);
static DELAY_NANOSECONDS: AtomicI64 = AtomicI64::new(0);

/// Appends an event to the trace in one write, so that those of several processes do not mix.
pub(crate) fn mark(trace: &str, event: &str) -> io::Result<()> {
    let nanoseconds = clock(libc::CLOCK_MONOTONIC).as_nanos();
    let line = format!("{event} {} {nanoseconds}\n", std::process::id());
    let mut file = OpenOptions::new().append(true).create(true).open(trace)?;
    file.write_all(line.as_bytes())
}

fn clock(which: libc::clockid_t) -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid timespec.
    unsafe { libc::clock_gettime(which, &raw mut now) };
    let seconds = Duration::from_secs(now.tv_sec.unsigned_abs());
    seconds + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}

/// Does nothing: on Unix the owner of a listener is known at once.
#[expect(clippy::unnecessary_wraps, reason = "as on the other platforms")]
pub(crate) fn touch(_listener: &TcpListener) -> io::Result<()> {
    Ok(())
}

pub(crate) fn tell_console() -> Result {
    Err("there are no consoles here".into())
}

pub(crate) fn burn(time: Duration) {
    while clock(libc::CLOCK_PROCESS_CPUTIME_ID) < time {
        std::hint::spin_loop();
    }
}

pub(crate) fn on_sigterm(what: &str) -> Result {
    let handler = match what {
        "ignore" => libc::SIG_IGN,
        "fork" => handler(leave_a_child),
        "" => return Err("--sigterm needs ignore, fork, a code or a duration".into()),
        _ => {
            if let Ok(code) = what.parse() {
                CODE.store(code, Ordering::Relaxed);
            } else {
                let delay = i64::try_from(duration(what)?.as_nanos())?;
                DELAY_NANOSECONDS.store(delay, Ordering::Relaxed);
            }
            handler(leave)
        }
    };
    // SAFETY: the handlers below only call functions that are safe in a signal handler
    // (`signal-safety(7)`).
    unsafe { libc::signal(libc::SIGTERM, handler) };
    Ok(())
}

fn handler(function: extern "C" fn(libc::c_int)) -> libc::sighandler_t {
    function as *const () as libc::sighandler_t
}

extern "C" fn leave(_signal: libc::c_int) {
    let delay = DELAY_NANOSECONDS.load(Ordering::Relaxed);
    let delay = libc::timespec {
        tv_sec: delay / 1_000_000_000,
        tv_nsec: delay % 1_000_000_000,
    };
    // SAFETY: both are safe in a signal handler.
    unsafe {
        libc::nanosleep(&raw const delay, ptr::null_mut());
        libc::_exit(CODE.load(Ordering::Relaxed).into());
    }
}

extern "C" fn leave_a_child(_signal: libc::c_int) {
    // SAFETY: all are safe in a signal handler here: glibc's fork takes locks, but no thread of this
    // program allocates while it waits for signals.
    unsafe {
        if libc::fork() == 0 {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut());
            loop {
                libc::pause();
            }
        }
        libc::_exit(0);
    }
}

/// Forks. Returns `true` in the child.
fn fork() -> Result<bool> {
    // SAFETY: this program has one thread until all of its steps are done.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error().into()),
        0 => Ok(true),
        _ => Ok(false),
    }
}

fn setsid() {
    // SAFETY: no pointers. It fails for a group leader, which a forked child is not.
    unsafe { libc::setsid() };
}

pub(crate) fn child(kind: &str) -> Result {
    let body = match kind {
        "fork" => wait,
        "setsid" => || {
            setsid();
            wait();
        },
        "double-fork" => || {
            setsid();
            if matches!(fork(), Ok(true)) {
                wait();
            }
        },
        "nameless" => || {
            setsid();
            forget_environment();
        },
        "thread" => || {
            thread::spawn(wait);
            // SAFETY: only ends this thread; nothing on its stack is shared.
            #[cfg(target_os = "linux")]
            unsafe {
                libc::syscall(libc::SYS_exit, 0);
            }
        },
        other => return Err(format!("unknown child {other}").into()),
    };
    if fork()? {
        body();
        leave_now();
    }
    Ok(())
}

fn wait() {
    println!("child {}", std::process::id());
    loop {
        // SAFETY: only waits for a signal.
        unsafe { libc::pause() };
    }
}

/// Starts this program again with an empty environment, like a program that overwrites its
/// environment with a title.
fn forget_environment() {
    use std::os::unix::process::CommandExt as _;
    if let Ok(program) = std::env::current_exe() {
        let line = format!("child {}", std::process::id());
        #[expect(clippy::disallowed_methods, reason = "it replaces this process")]
        let _ = std::process::Command::new(program)
            .env_clear()
            .args(["--print", &line])
            .exec();
    }
}

pub(crate) fn daemonize() -> Result {
    if !fork()? {
        leave_now();
    }
    setsid();
    if !fork()? {
        leave_now();
    }
    Ok(())
}

/// Starts a chain of processes: each leaves its group, lives for 5 ms, starts the next one and exits.
/// The chain ends after a minute, in case the test fails.
pub(crate) fn chain() -> Result {
    for _ in 0..12_000 {
        if !fork()? {
            leave_now();
        }
        setsid();
        super::wait(Duration::from_millis(5));
    }
    leave_now()
}

fn leave_now() -> ! {
    // SAFETY: exits without running the exit handlers of the parent.
    unsafe { libc::_exit(0) }
}
