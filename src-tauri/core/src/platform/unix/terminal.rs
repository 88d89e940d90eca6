//! Pseudo-terminals (`pty(7)`): the process that holds the terminal of a service, and the terminal of a
//! user who attaches to it.

use std::{
    env,
    ffi::{OsStr, OsString, c_int},
    fs::File,
    io::{self, Write as _},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt as _, process::ExitStatusExt as _},
    },
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

use rustix::{
    fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open},
    io::{FdFlags, fcntl_setfd},
    process::{Resource, Rlimit, ioctl_tiocsctty, setrlimit},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    stdio::{stdin, stdout},
    termios::{
        OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
    },
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    process::{Child, Command},
};

use super::{file::open_private, process::PIPE_SIZE, program::exit_code};
use crate::platform::os::program::{give_memory_back, save_memory};

/// The first argument of a process that holds a terminal.
const SUBCOMMAND: &str = "hold-terminal";

/// The exit code of a shell for a command that cannot be started.
const CANNOT_START: u8 = 127;

/// The size of a terminal before a user attaches.
const SIZE: Winsize = Winsize {
    ws_row: 30,
    ws_col: 120,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// The signals that are meant for the service, which shares its process group with the holder.
const FOR_THE_SERVICE: [c_int; 10] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Returns the program and the arguments of a process that gives a command a terminal. It must be started as
/// the leader of a new session. It copies the output of the terminal to its standard output and its standard
/// input to the terminal, exits as the command does, and writes the path of the terminal to `note`.
pub(crate) fn holder(
    note: &Path,
    program: &Path,
    argv: &[OsString],
) -> io::Result<Option<(PathBuf, Vec<OsString>)>> {
    // On Linux also if the file of this program was replaced.
    let own = if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        env::current_exe()?
    };
    let words = [
        "pilotlight".into(),
        SUBCOMMAND.into(),
        note.into(),
        program.into(),
    ];
    Ok(Some((
        own,
        words.into_iter().chain(argv.iter().cloned()).collect(),
    )))
}

/// Holds a terminal, if these are the arguments of [`holder`], until the command exits.
pub(super) fn hold(mut words: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if words.next()? != SUBCOMMAND {
        return None;
    }
    save_memory();
    let (note, program, name) = (words.next()?, words.next()?, words.next()?);
    #[expect(
        clippy::disallowed_methods,
        reason = "the launch has prepared everything else; only the terminal is missing"
    )]
    let mut command = Command::new(&program);
    command.arg0(name).args(words);
    Some(match run(Path::new(&note), command) {
        Ok(status) => exit_as(status),
        Err(error) => {
            // To the log of the service.
            drop(writeln!(
                io::stderr(),
                "pilotlight: {}: {error}",
                program.display()
            ));
            ExitCode::from(CANNOT_START)
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn run(note: &Path, command: Command) -> io::Result<ExitStatus> {
    leave_signals_to_the_service();
    let (terminal, child) = start(note, command)?;
    give_memory_back();
    // SAFETY: an `OwnedFd` is one open descriptor for its whole life.
    let terminal = unsafe { AsyncFd::register(terminal) }?;
    copy(&terminal, child).await
}

/// Installs handlers that do nothing. The command has the default ones, as after every `execve(2)`; an ignored
/// signal would stay ignored.
fn leave_signals_to_the_service() {
    extern "C" fn nothing(_: c_int) {}
    let handler: extern "C" fn(c_int) = nothing;
    for signal in FOR_THE_SERVICE {
        // SAFETY: the handler does nothing, so it is safe at any time.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Opens a terminal, makes it the controlling one of this session, and starts the command in it. Returns the
/// holder's end of the terminal, which does not block.
fn start(note: &Path, mut command: Command) -> io::Result<(OwnedFd, Child)> {
    let held = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    fcntl_setfd(&held, FdFlags::CLOEXEC)?;
    grantpt(&held)?;
    unlockpt(&held)?;
    let name = ptsname(&held, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = open(&name, flags, Mode::empty())?;
    tcsetwinsize(&terminal, SIZE)?;
    ioctl_tiocsctty(&terminal)?;
    do_not_block(&held)?;
    open_private(note)?.write_all(name.as_bytes())?;
    command
        .stdin(terminal.try_clone()?)
        .stdout(terminal.try_clone()?)
        .stderr(terminal);
    Ok((held, command.spawn()?))
}

fn do_not_block(descriptor: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&descriptor)?;
    Ok(fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK)?)
}

/// Copies in both directions until the command exits.
async fn copy(terminal: &AsyncFd<OwnedFd>, mut command: Child) -> io::Result<ExitStatus> {
    let mut log = File::from(stdout().try_clone_to_owned()?);
    do_not_block(stdin())?;
    // SAFETY: nothing closes standard input. Fails for a file that is always readable: there is no input.
    let input = unsafe { AsyncFd::register_with_interest(stdin(), Interest::READABLE) }.ok();
    let (mut output, mut typed) = (vec![0; 16 * 1024], [0; 1024]);
    let mut pending = Vec::new();
    let mut is_open = true;
    loop {
        tokio::select! {
            read = terminal.async_io(Interest::READABLE, |it| Ok(rustix::io::read(it, &mut output)?)),
                if is_open => match read {
                    Ok(length @ 1..) => log.write_all(&output[..length])?,
                    // No process has it open.
                    _ => is_open = false,
                },
            read = read_input(input.as_ref(), &mut typed), if pending.is_empty() => {
                pending.extend_from_slice(&typed[..read?]);
            }
            written = terminal.async_io(Interest::WRITABLE, |it| Ok(rustix::io::write(it, &pending)?)),
                if !pending.is_empty() => drop(pending.drain(..written?)),
            status = command.wait() => {
                // Processes that the command left behind may write without end.
                let mut rest = PIPE_SIZE;
                while rest > 0 && let Ok(length @ 1..) = rustix::io::read(terminal, &mut output) {
                    log.write_all(&output[..length])?;
                    rest = rest.saturating_sub(length);
                }
                return status;
            }
        }
    }
}

/// Waits for input; forever if there is none. Cancel-safe.
async fn read_input(
    input: Option<&AsyncFd<impl AsFd + AsRawFd>>,
    typed: &mut [u8],
) -> io::Result<usize> {
    match input {
        Some(input) => {
            input
                .async_io(Interest::READABLE, |it| {
                    Ok(rustix::io::read(it, &mut *typed)?)
                })
                .await
        }
        None => std::future::pending().await,
    }
}

/// Exits with the same code, or by the same signal.
fn exit_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // The command has written its core dump, if any.
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
        // SAFETY: restores the default action of the signal and triggers it.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    u8::try_from(exit_code(status)).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The terminal of this process, which passes on every key until this is dropped.
pub(crate) struct RawTerminal(Termios);

impl RawTerminal {
    /// Fails if standard input is not a terminal.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// Gives the terminal that `note` names the size of the terminal of this process.
pub(crate) fn resize(note: &[u8]) -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = open(OsStr::from_bytes(note), flags, Mode::empty())?;
    Ok(tcsetwinsize(terminal, tcgetwinsize(stdin())?)?)
}
