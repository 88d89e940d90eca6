//! Private files, and the identity of the current boot.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::windows::{fs::OpenOptionsExt as _, io::AsRawHandle as _},
    path::{Path, PathBuf},
    ptr,
};

use interprocess::{
    local_socket::{
        ConnectOptions, GenericFilePath, ListenerOptions, Name, ToFsName,
        tokio::{Listener, Stream},
        traits::StreamCommon as _,
    },
    os::windows::{
        local_socket::ListenerOptionsExt as _,
        security_descriptor::{AsSecurityDescriptorExt as _, BorrowedSecurityDescriptor},
    },
};
use windows_sys::{
    Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemTimeOfDayInformation},
    Win32::{
        Foundation::ERROR_PIPE_BUSY,
        Storage::FileSystem::{
            BY_HANDLE_FILE_INFORMATION, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
            GetFileInformationByHandle, READ_CONTROL, WRITE_DAC,
        },
    },
};

use super::{
    access::{self, Descriptor},
    call::{check, check_status, is_code, size},
};
use crate::platform::{FileId, Remnant};

/// Creates the folder and its missing parents, accessible only by the current user. An existing
/// folder is made private.
///
/// Fails with [`io::ErrorKind::PermissionDenied`] if it belongs to another user, or is a link.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match access::make_private_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    if !fs::symlink_metadata(path)?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not a folder", path.display()),
        ));
    }
    let folder = OpenOptions::new()
        .access_mode(READ_CONTROL | WRITE_DAC)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)?;
    access::close_folder(&folder)
}

/// Returns options that create a file readable only by the current user: it is as private as its
/// folder, which [`private_folder`] created.
pub(crate) fn private_file() -> OpenOptions {
    OpenOptions::new()
}

/// Restricts a file to its owner: its folder does that already (see [`private_file`]).
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn make_private(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Returns the address of a home's control socket: a pipe with the name `key`, the same for every
/// process of the user.
pub(crate) fn socket_address(_folder: &Path, key: &str) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\pilotlight-{key}"))
}

/// Returns whether the address of the control socket is a file, which can be deleted: a pipe
/// disappears with the process that listens.
pub(crate) fn is_file_address(_address: &Path) -> bool {
    false
}

/// Returns `None`: Windows needs no second lock, since the name of a home's pipe is unique.
pub(crate) fn second_lock(_key: &str) -> Option<PathBuf> {
    None
}

/// Returns the identity of this file.
pub(crate) fn id_of(file: &File) -> io::Result<FileId> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open as long as `file`, and the call fills in the structure.
    check(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) })?;
    Ok(FileId {
        device: found.dwVolumeSerialNumber.into(),
        number: (u64::from(found.nFileIndexHigh) << 32) | u64::from(found.nFileIndexLow),
    })
}

/// Returns the identity of the file at this path; of a link, that of the link itself.
pub(crate) fn id_at(path: &Path) -> io::Result<FileId> {
    // Without access rights, so that a locked file can be opened.
    let file = OpenOptions::new()
        .access_mode(0)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)?;
    id_of(&file)
}

/// Returns what exists at the address of the control socket. Call it only with the lock. A pipe
/// disappears with the process that listens, so it is never stale.
///
/// Fails with [`io::ErrorKind::PermissionDenied`] if it belongs to another user.
pub(crate) fn remnant(address: &Path) -> io::Result<Remnant> {
    match OpenOptions::new().read(true).write(true).open(address) {
        Ok(pipe) => access::require_own_pipe(&pipe).map(|()| Remnant::Answering),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Remnant::Nothing),
        Err(error) if is_code(&error, ERROR_PIPE_BUSY) => Ok(Remnant::Answering),
        Err(error) => Err(error),
    }
}

/// Listens at the address, for the current user on this machine only. Dropping the listener frees
/// the address. Must be called within the runtime.
///
/// Fails with [`io::ErrorKind::AddrInUse`] or [`io::ErrorKind::PermissionDenied`] if another
/// process listens there (see [`remnant`]).
pub(crate) fn listen(address: &Path) -> io::Result<Listener> {
    let descriptor = Descriptor::for_user_alone()?;
    // SAFETY: a descriptor created by the system, which outlives the copy made of it.
    let borrowed = unsafe { BorrowedSecurityDescriptor::from_ptr(descriptor.as_ptr()) };
    ListenerOptions::new()
        .name(name(address)?)
        .security_descriptor(borrowed.to_owned_sd()?)
        .create_tokio()
}

/// Connects to the daemon that listens at the address.
///
/// Fails with [`io::ErrorKind::NotFound`] if there is none, and with
/// [`io::ErrorKind::PermissionDenied`] if it belongs to another user, who could intercept requests.
pub(crate) async fn connect(address: &Path) -> io::Result<Stream> {
    let stream = dial(address).await?;
    let Stream::NamedPipe(pipe) = &stream;
    access::require_own_pipe(&std::os::windows::io::AsHandle::as_handle(pipe.inner()))?;
    Ok(stream)
}

/// Connects to the pipe of another program, of any user.
pub(crate) async fn dial(address: &Path) -> io::Result<Stream> {
    ConnectOptions::new()
        .name(name(address)?)
        .connect_tokio()
        .await
}

/// Returns the default addresses of container engines, the most likely one first.
pub(crate) fn engine_addresses(_home: &Path, _runtime: Option<&Path>) -> Vec<PathBuf> {
    let pipes = [
        "docker_engine",
        "dockerDesktopLinuxEngine",
        "podman-machine-default",
    ];
    pipes
        .map(|pipe| PathBuf::from(format!(r"\\.\pipe\{pipe}")))
        .to_vec()
}

/// Returns the process at the other end of a connection.
pub(crate) fn peer(stream: &Stream) -> Option<u32> {
    stream.peer_creds().ok()?.pid()
}

fn name(address: &Path) -> io::Result<Name<'_>> {
    address.to_fs_name::<GenericFilePath>()
}

/// `SYSTEM_TIMEOFDAY_INFORMATION`, with names for fields that the headers call reserved.
#[repr(C)]
#[derive(Default)]
struct TimeOfDay {
    booted: i64,
    now: i64,
    zone_offset: i64,
    zone: u32,
    reserved: u32,
    /// The sum of clock changes since the boot, which are included in `booted`.
    adjusted: u64,
    slept: u64,
}

/// Returns an identifier of the current boot of the machine: the time of its start, by the clock at
/// that time. `None` if the system does not report it.
pub(crate) fn boot_id() -> Option<String> {
    let mut times = TimeOfDay::default();
    // SAFETY: writes at most as much as `times` has room for.
    check_status(unsafe {
        NtQuerySystemInformation(
            SystemTimeOfDayInformation,
            (&raw mut times).cast(),
            size::<TimeOfDay>(),
            ptr::null_mut(),
        )
    })
    .ok()?;
    let booted = times.booted.wrapping_sub_unsigned(times.adjusted);
    Some(format!("{booted:x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_identifier_does_not_change() {
        let first = boot_id().unwrap();
        assert_eq!(boot_id().unwrap(), first);
    }

    #[test]
    fn a_private_folder_can_be_made_twice_and_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("b");
        private_folder(&path).unwrap();
        private_folder(&path).unwrap();
        fs::write(path.join("file"), "text").unwrap();
        let file = path.join("file");
        let error = private_folder(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
    }

    #[tokio::test]
    async fn a_pipe_exists_as_long_as_a_process_listens() {
        let key = format!("test-{}", std::process::id());
        let address = socket_address(Path::new(""), &key);
        assert!(matches!(remnant(&address), Ok(Remnant::Nothing)));
        let missing = connect(&address).await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let listener = listen(&address).unwrap();
        connect(&address).await.unwrap();
        assert!(matches!(remnant(&address), Ok(Remnant::Answering)));
        drop(listener);
        assert!(matches!(remnant(&address), Ok(Remnant::Nothing)));
    }
}
