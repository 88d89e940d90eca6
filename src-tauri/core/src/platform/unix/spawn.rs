//! Starts programs with `posix_spawn(3)`, which on Linux and macOS does not copy the page tables of
//! the caller as `fork(2)` does: a desktop app has many.
//!
//! The standard library uses it too, but passes only three descriptors, and lets the child ignore
//! the signals that the caller ignores (`nohup`, a background job).

use std::{
    ffi::{CStr, CString, OsStr, c_char, c_int},
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd as _, BorrowedFd},
        unix::ffi::OsStrExt as _,
    },
    ptr,
    sync::Mutex,
};

use super::process::{kill_child, reap_child};
use crate::{
    env::Env,
    model::facts::Process,
    platform::{
        os::process::{Handle, started},
        types::Start,
    },
    sync::lock,
};

/// `POSIX_SPAWN_SETSID` of `spawn.h`, which `libc` lacks for macOS.
const SETSID: c_int = if cfg!(target_os = "macos") {
    0x0400
} else {
    0x80
};

/// Running children that no task waits for.
static ABANDONED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Starts a process, hidden, and pins it. Its program is running when this returns. `extra` is
/// passed under the given number. Needs a tokio runtime.
///
/// After a failure, no process is left running.
pub(in crate::platform) fn spawn_pinned(
    start: &Start<'_>,
    extra: Option<(BorrowedFd<'_>, c_int)>,
) -> io::Result<Handle> {
    lock(&ABANDONED).retain(|pid| reap_child(*pid).is_none());
    let pid = spawn_child(start, extra)?;
    // The PID cannot be reused before the child is reaped, so there is no hurry here.
    let pinned = started(pid)
        .and_then(|started| Handle::pin(Process { pid, started }))
        .and_then(|handle| handle.ok_or_else(|| io::ErrorKind::NotFound.into()));
    if pinned.is_err() {
        kill_child(pid);
    }
    pinned
}

/// Lets a later start reap a child once it has exited, since no task waits for it.
pub(crate) fn abandon(child: &Handle) {
    lock(&ABANDONED).push(child.process().pid);
}

/// Starts a process in its own group, without input, and returns its PID. The child is not reaped,
/// so its PID is not reused.
fn spawn_child(start: &Start<'_>, extra: Option<(BorrowedFd<'_>, c_int)>) -> io::Result<u32> {
    let program = text(start.program.as_os_str())?;
    let directory = text(start.directory.as_os_str())?;
    let argv = start.argv.iter().map(|word| text(word));
    let argv = argv.collect::<io::Result<Vec<_>>>()?;
    let environment = Variables::of(start.environment)?;
    let output = start.output.as_raw_fd();
    let errors = start
        .errors
        .as_ref()
        .map_or(output, std::os::fd::AsRawFd::as_raw_fd);

    let mut actions = Actions::new()?;
    actions.change_directory(&directory)?;
    match &start.input {
        Some(input) => actions.duplicate(input.as_raw_fd(), 0)?,
        None => actions.open(0, c"/dev/null", libc::O_RDONLY)?,
    }
    actions.duplicate(output, 1)?;
    actions.duplicate(errors, 2)?;
    if let Some((descriptor, number)) = extra {
        actions.duplicate(descriptor.as_raw_fd(), number)?;
    }
    let attributes = Attributes::of_a_service(start.leads_session)?;

    let mut pid = 0;
    // SAFETY: all pointers are valid until the call returns: strings that end with NUL, lists of
    // them that end with null, and the two initialised objects.
    checked(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.as_ptr(),
            actions.0.as_ptr(),
            attributes.0.as_ptr(),
            pointers(&argv).as_ptr(),
            environment.pointers().as_ptr(),
        )
    })?;
    u32::try_from(pid).map_err(io::Error::other)
}

/// Environment variables as `NAME=VALUE`, each ending with NUL. They share one allocation, since a
/// hundred services have thousands.
struct Variables {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Variables {
    fn of(environment: &Env) -> io::Result<Self> {
        let size = environment
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2);
        let mut bytes = Vec::with_capacity(size.sum());
        let mut starts = Vec::with_capacity(environment.len());
        for (name, value) in environment.iter() {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            if name.is_empty() || name.contains(&b'=') || name.contains(&0) || value.contains(&0) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            starts.push(bytes.len());
            bytes.extend_from_slice(name);
            bytes.push(b'=');
            bytes.extend_from_slice(value);
            bytes.push(0);
        }
        Ok(Self { bytes, starts })
    }

    /// Returns the list for `execve(2)`. The strings are not modified.
    fn pointers(&self) -> Vec<*mut c_char> {
        let texts = self
            .starts
            .iter()
            .filter_map(|&start| self.bytes.get(start..));
        let pointers = texts.map(|text| text.as_ptr().cast::<c_char>().cast_mut());
        pointers.chain([ptr::null_mut()]).collect()
    }
}

fn text(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// Returns the list for `execve(2)`. The strings are not modified.
fn pointers(texts: &[CString]) -> Vec<*mut c_char> {
    let pointers = texts.iter().map(|text| text.as_ptr().cast_mut());
    pointers.chain([ptr::null_mut()]).collect()
}

fn checked(code: c_int) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// The actions of the child before it executes the program.
struct Actions(MaybeUninit<libc::posix_spawn_file_actions_t>);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: initialises its argument; only then is it wrapped, used and destroyed.
        checked(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(Self(actions))
    }

    fn change_directory(&mut self, directory: &CString) -> io::Result<()> {
        // SAFETY: initialised in `new`; the text is copied.
        checked(unsafe {
            libc::posix_spawn_file_actions_addchdir_np(self.0.as_mut_ptr(), directory.as_ptr())
        })
    }

    fn open(&mut self, number: c_int, path: &CStr, flags: c_int) -> io::Result<()> {
        // SAFETY: as above.
        checked(unsafe {
            libc::posix_spawn_file_actions_addopen(
                self.0.as_mut_ptr(),
                number,
                path.as_ptr(),
                flags,
                0,
            )
        })
    }

    fn duplicate(&mut self, descriptor: c_int, number: c_int) -> io::Result<()> {
        // SAFETY: initialised in `new`; takes plain numbers, of descriptors that `Start` and the
        // caller hold open over the spawn.
        checked(unsafe {
            libc::posix_spawn_file_actions_adddup2(self.0.as_mut_ptr(), descriptor, number)
        })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, and not used again.
        unsafe { libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr()) };
    }
}

/// The attributes of the child.
struct Attributes(MaybeUninit<libc::posix_spawnattr_t>);

impl Attributes {
    /// Creates the attributes of the leader of a session or a process group with default signal handling.
    fn of_a_service(leads_session: bool) -> io::Result<Self> {
        let leads = if leads_session {
            SETSID
        } else {
            libc::POSIX_SPAWN_SETPGROUP
        };
        let flags = leads | libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: initialises its argument; only then is it wrapped, used and destroyed.
        checked(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        let mut attributes = Self(attributes);
        let inner = attributes.0.as_mut_ptr();
        let mut signals = MaybeUninit::uninit();
        // SAFETY: the sets are initialised by the first call on them, and copied.
        unsafe {
            libc::sigemptyset(signals.as_mut_ptr());
            checked(libc::posix_spawnattr_setsigmask(inner, signals.as_ptr()))?;
            // All signals: for each one that is not in the set, the C library first queries its handler
            // and then sets it anyway, which is two calls instead of one.
            libc::sigfillset(signals.as_mut_ptr());
            libc::sigdelset(signals.as_mut_ptr(), libc::SIGKILL);
            libc::sigdelset(signals.as_mut_ptr(), libc::SIGSTOP);
            checked(libc::posix_spawnattr_setsigdefault(inner, signals.as_ptr()))?;
            checked(libc::posix_spawnattr_setpgroup(inner, 0))?;
            let flags = flags.try_into().map_err(io::Error::other)?;
            checked(libc::posix_spawnattr_setflags(inner, flags))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `of_a_service`, and not used again.
        unsafe { libc::posix_spawnattr_destroy(self.0.as_mut_ptr()) };
    }
}
