//! Private folders and files, and the control socket.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use interprocess::{
    local_socket::{
        ConnectOptions, GenericFilePath, ListenerOptions, Name, ToFsName,
        tokio::{Listener, Stream},
        traits::StreamCommon as _,
    },
    os::unix::local_socket::ListenerOptionsExt,
};
use rustix::process::geteuid;

use crate::platform::{FileId, Remnant};

/// The shortest `sun_path` among the systems (macOS has 104 bytes, Linux 108), with its final zero.
const LONGEST_ADDRESS: usize = 104;

/// Creates the folder and its missing parents, accessible only by the current user. An existing
/// folder is made private.
///
/// Fails with [`io::ErrorKind::PermissionDenied`] if it belongs to another user, or is a link.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::symlink_metadata(path)?;
    require_own(path, &found)?;
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Returns options that create a file readable only by the current user.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Restricts a file to its owner (0600), including one that an earlier version left open to others.
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    if file.metadata()?.mode() & 0o777 == 0o600 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Returns the path of a home's control socket: in `folder`, which is private, if the path is short
/// enough for a socket. Otherwise a path derived from `key`, which is the same for every process of
/// the user in any environment, since the daemon and its clients must agree on it.
pub(crate) fn socket_address(folder: &Path, key: &str) -> PathBuf {
    let near = folder.join("control.sock");
    if near.as_os_str().len() < LONGEST_ADDRESS {
        return near;
    }
    elsewhere().join(format!("{key}.sock"))
}

/// Returns whether the address of the control socket is a file, which can be deleted.
pub(crate) fn is_file_address(address: &Path) -> bool {
    address.is_absolute()
}

/// Returns the path of the second lock of a home, for when the home's folder is deleted.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn second_lock(key: &str) -> Option<PathBuf> {
    Some(elsewhere().join(format!("{key}.lock")))
}

/// Returns a folder of the user that does not depend on the environment.
fn elsewhere() -> PathBuf {
    PathBuf::from(format!("/tmp/pilotlight-{}", geteuid().as_raw()))
}

/// Returns the identity of this file.
pub(crate) fn id_of(file: &File) -> io::Result<FileId> {
    file.metadata().map(|found| id(&found))
}

/// Returns the identity of the file at this path; of a link, that of the link itself.
pub(crate) fn id_at(path: &Path) -> io::Result<FileId> {
    fs::symlink_metadata(path).map(|found| id(&found))
}

fn id(found: &fs::Metadata) -> FileId {
    FileId {
        device: found.dev(),
        number: found.ino(),
    }
}

/// Returns what exists at the address of the control socket. Call it only with the lock.
///
/// Fails with [`io::ErrorKind::PermissionDenied`] if its folder belongs to another user.
pub(crate) fn remnant(address: &Path) -> io::Result<Remnant> {
    if let Some(folder) = address.parent() {
        private_folder(folder)?;
    }
    let found = match fs::symlink_metadata(address) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Remnant::Nothing),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Ok(Remnant::Stranger);
    }
    match UnixStream::connect(address) {
        Ok(_) => Ok(Remnant::Answering),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Remnant::Stale),
        Err(error) => Err(error),
    }
}

/// Listens at the address, for the current user only. Dropping the listener frees the address. Must
/// be called within the runtime.
///
/// Fails with [`io::ErrorKind::AddrInUse`] if the path exists (see [`remnant`]), and with
/// [`io::ErrorKind::PermissionDenied`] if its folder belongs to another user.
pub(crate) fn listen(address: &Path) -> io::Result<Listener> {
    if let Some(folder) = address.parent() {
        private_folder(folder)?;
    }
    let options = || name(address).map(|name| ListenerOptions::new().name(name));
    match options()?.mode(0o600).create_tokio() {
        // macOS sets no mode on a socket; the folder is private everywhere.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => options()?.create_tokio(),
        listener => listener,
    }
}

/// Connects to the daemon that listens at the address.
///
/// Fails with [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] if there is none,
/// and with [`io::ErrorKind::PermissionDenied`] if the folder belongs to another user, who could
/// intercept requests.
pub(crate) async fn connect(address: &Path) -> io::Result<Stream> {
    if let Some(folder) = address.parent() {
        require_own(folder, &fs::symlink_metadata(folder)?)?;
    }
    dial(address).await
}

/// Connects to the socket of another program, of any user.
pub(crate) async fn dial(address: &Path) -> io::Result<Stream> {
    ConnectOptions::new()
        .name(name(address)?)
        .connect_tokio()
        .await
}

/// Returns the default addresses of container engines, the most likely one first.
pub(crate) fn engine_addresses(home: &Path, runtime: Option<&Path>) -> Vec<PathBuf> {
    let of_user = runtime.map(|folder| folder.join("docker.sock"));
    let podman = runtime.map(|folder| folder.join("podman/podman.sock"));
    let of_home = [
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".orbstack/run/docker.sock",
        ".colima/default/docker.sock",
        ".rd/docker.sock",
        ".local/share/containers/podman/machine/podman.sock",
    ];
    let system = ["/var/run/docker.sock", "/run/podman/podman.sock"];
    let mut addresses = vec![PathBuf::from(system[0])];
    addresses.extend(of_user);
    addresses.extend(of_home.map(|path| home.join(path)));
    addresses.extend(podman);
    addresses.push(PathBuf::from(system[1]));
    addresses
}

/// Returns the process at the other end of a connection, recorded when it connected.
pub(crate) fn peer(stream: &Stream) -> Option<u32> {
    u32::try_from(stream.peer_creds().ok()?.pid()?).ok()
}

fn name(address: &Path) -> io::Result<Name<'_>> {
    address.to_fs_name::<GenericFilePath>()
}

fn require_own(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    let refuse = |what: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    if !found.is_dir() {
        return refuse(format!("{} is not a folder", path.display()));
    }
    if found.uid() != geteuid().as_raw() {
        return refuse(format!(
            "{} belongs to another user (uid {})",
            path.display(),
            found.uid()
        ));
    }
    Ok(())
}
