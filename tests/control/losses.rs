//! Sockets, locks and homes that are deleted under a daemon.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_deleted_is_made_again() {
    let house = House::new();
    let mut early = house.client().await;
    for _ in 0..3 {
        fs::remove_file(house.home.socket()).unwrap();
        until_served(&house).await;
    }
    // A file in its place is set aside, and the connections that were there go on.
    fs::remove_file(house.home.socket()).unwrap();
    fs::write(house.home.socket(), "a file").unwrap();
    until_served(&house).await;
    soon(early.status()).await.unwrap();
    assert_eq!(
        house.daemon.asked(),
        [""; 0],
        "the home was there all the time"
    );
    let (_folder, home) = house.end().await;
    assert!(!home.socket().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_deleted_stays_locked_and_is_made_again() {
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
    // A process that another test is just starting may have it for a moment more.
    until(|| Lock::holder(&home).is_none()).await;
    House::of(folder, home).end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_moved_away_is_made_again_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(&folder.path().join("home")).unwrap();
    let place = folder.path().to_owned();
    let house = House::of(folder, home);
    fs::rename(place.join("home"), place.join("elsewhere")).unwrap();
    until_served(&house).await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_home_another_has_taken_ends_and_leaves_its_services_running() {
    let house = House::new();
    // As in another namespace, which the second lock does not reach.
    fs::remove_file(house.home.second_lock().unwrap()).unwrap();
    fs::remove_file(house.home.lock()).unwrap();
    let thief = fs::File::create(house.home.lock()).unwrap();
    thief.try_lock().unwrap();
    until(|| house.daemon.asked().contains(&"quit true".to_owned())).await;
    house.end().await;
}

#[tokio::test]
async fn a_lock_without_a_socket_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    let lock = Lock::acquire(&home).unwrap();
    assert!(
        matches!(Client::find(&home).await, Ok(None)),
        "it is about to listen"
    );
    let server = Server::bind(&lock).unwrap();
    // It is stopped, so to speak: nothing runs that would make it again.
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
