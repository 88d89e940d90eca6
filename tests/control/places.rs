//! Permissions of the socket and the folders, and earlier files in their places.

use super::*;

#[tokio::test]
async fn no_other_user_can_reach_the_socket_or_read_the_folders() {
    let house = House::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [house.home.settings(), house.home.state(), house.home.logs()] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&house.home.lock()), 0o600);
    if cfg!(target_os = "linux") {
        assert_eq!(mode(&house.home.socket()), 0o600);
    }
    house.end().await;
}

#[tokio::test]
async fn an_open_folder_is_made_private() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let home = Home::under(folder.path()).unwrap();
    let house = House::of(folder, home);
    let mode = fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    house.end().await;
}

#[tokio::test]
async fn a_closed_socket_leaves_no_file() {
    let (_folder, home) = House::new().end().await;
    assert!(!home.socket().exists());
}

#[tokio::test]
async fn the_socket_of_a_dead_daemon_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    home.prepare().unwrap();
    drop(UnixListener::bind(home.socket()).unwrap());
    assert!(matches!(
        Client::connect(&home).await,
        Err(ConnectError::NoDaemon)
    ));
    let house = House::of(folder, home);
    assert_eq!(house.aside, None);
    house.still_serves().await;
    house.end().await;
}

#[tokio::test]
async fn a_socket_with_a_live_daemon_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    let lock = Lock::acquire(&home).unwrap();
    let _other = UnixListener::bind(home.socket()).unwrap();
    let Err(error) = Server::bind(&lock) else {
        panic!("it took the address of a daemon that answers")
    };
    assert_eq!(error.source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(home.socket().exists());
}

#[tokio::test]
async fn a_file_in_place_of_the_socket_is_moved_aside_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    home.prepare().unwrap();
    fs::write(home.socket(), "precious").unwrap();
    assert!(matches!(
        Client::connect(&home).await,
        Err(ConnectError::NoDaemon)
    ));
    let house = House::of(folder, home);
    let aside = house.aside.as_ref().unwrap();
    assert_eq!(fs::read_to_string(&aside.kept_as).unwrap(), "precious");
    assert!(aside.kept_as.ends_with("control.sock.set-aside-1"));
    let found = fs::metadata(house.home.socket()).unwrap();
    assert!(found.file_type().is_socket());
    house.still_serves().await;
    house.end().await;
}

#[tokio::test]
async fn a_home_with_a_long_path_works_too() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(200)).join("ü".repeat(100));
    let home = Home::under(&deep).unwrap();
    let other = Home::under(&deep.join("other")).unwrap();
    assert_ne!(home.socket(), other.socket());
    let house = House::of(folder, home);
    let socket = house.home.socket();
    assert!(socket.as_os_str().len() < 104);
    let private = fs::metadata(socket.parent().unwrap()).unwrap();
    assert_eq!(private.permissions().mode() & 0o777, 0o700);
    house.still_serves().await;
    house.end().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_folder_that_is_a_symbolic_link_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    symlink(elsewhere.path(), folder.path().join("state")).unwrap();
    assert!(matches!(Lock::acquire(&home), Err(LockError::Home(_))));
    assert!(matches!(
        Client::connect(&home).await,
        Err(ConnectError::Io { .. })
    ));
}

#[tokio::test]
async fn a_folder_of_another_user_is_rejected_by_daemon_and_client() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    home.prepare().unwrap();
    let other = Some(65_534);
    if std::os::unix::fs::chown(home.state(), other, other).is_err() {
        eprintln!("skipped: only root can change the owner of a folder");
        return;
    }
    let Err(LockError::Home(error)) = Lock::acquire(&home) else {
        panic!("it keeps its state in another user's folder")
    };
    assert!(error.to_string().contains("another user"), "{error}");
    let Err(ConnectError::Io { source, .. }) = Client::connect(&home).await else {
        panic!("it connects to a socket in another user's folder")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
}
