//! Sockets, locks and homes that are deleted under a daemon.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_socket_is_recreated() {
    let house = House::new();
    let mut early = house.client().await;
    for _ in 0..3 {
        fs::remove_file(house.home.socket()).unwrap();
        until_served(&house).await;
    }
    // A file in its place is moved aside, and existing connections continue.
    fs::remove_file(house.home.socket()).unwrap();
    fs::write(house.home.socket(), "a file").unwrap();
    until_served(&house).await;
    soon(early.status()).await.unwrap();
    assert_eq!(house.daemon.asked(), [""; 0], "the home was never lost");
    let (_folder, home) = house.end().await;
    assert!(!home.socket().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_home_stays_locked_and_is_recreated() {
    let house = House::new();
    fs::remove_dir_all(house.folder.path().join("state")).unwrap();
    assert!(
        matches!(Lock::acquire(&house.home), Err(LockError::Held(_))),
        "no second daemon in between"
    );
    until_served(&house).await;
    until(|| house.daemon.asked() == ["the home is lost"]).await;
    assert!(matches!(
        Lock::acquire(&house.home),
        Err(LockError::Held(_))
    ));
    let holder = Lock::holder(&house.home).unwrap();
    assert_eq!(
        (holder.pid, holder.phase),
        (Some(std::process::id()), Some(Phase::Listening))
    );
    let (folder, home) = house.end().await;
    // A process that another test is starting may hold it a moment longer.
    until(|| Lock::holder(&home).is_none()).await;
    House::of(folder, home).end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_home_is_recreated_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(&folder.path().join("home")).unwrap();
    let place = folder.path().to_owned();
    let house = House::of(folder, home);
    fs::rename(place.join("home"), place.join("elsewhere")).unwrap();
    until_served(&house).await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_loses_its_home_to_another_exits_and_leaves_its_services_running() {
    let house = House::new();
    // As in another namespace, which the second lock does not cover.
    fs::remove_file(house.home.second_lock().unwrap()).unwrap();
    fs::remove_file(house.home.lock()).unwrap();
    let thief = fs::File::create(house.home.lock()).unwrap();
    thief.try_lock().unwrap();
    until(|| house.daemon.asked().contains(&"quit true".to_owned())).await;
    house.end().await;
}

#[tokio::test]
async fn a_lock_without_a_socket_is_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    let lock = Lock::acquire(&home).unwrap();
    assert!(
        matches!(Client::find(&home).await, Ok(None)),
        "it is about to listen"
    );
    let server = Server::bind(&lock).unwrap();
    // As if the daemon was stopped: no process recreates the socket.
    fs::remove_file(home.socket()).unwrap();
    match soon(Client::find(&home)).await {
        Err(error @ ConnectError::NoSocket { .. }) => {
            let pid = format!("process {} ", std::process::id());
            assert!(error.to_string().contains(&pid), "{error}");
        }
        other => panic!("{:?}", other.err()),
    }
    drop(server);
}
