//! The control pipe and the lock: permissions and garbage.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    thread,
};

use pilotlight::{
    control::{Client, ConnectError, Control as _, Lock, LockError, PROTOCOL, Server},
    fs::home::Home,
    supervisor,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::stage::within;

/// Returns a home, and one whose path is longer than 260 characters.
fn homes() -> [(TempDir, Home); 2] {
    ["home".to_owned(), "ü".repeat(100) + r"\" + &"d".repeat(150)].map(|name| {
        let folder = TempDir::new().unwrap();
        let home = Home::under(&folder.path().join(name)).unwrap();
        (folder, home)
    })
}

/// Sends bytes to the pipe as any program can, and returns the answer.
fn tell(home: &Home, text: &str) -> String {
    let mut pipe = OpenOptions::new()
        .read(true)
        .write(true)
        .open(home.socket())
        .unwrap();
    pipe.write_all(text.as_bytes()).unwrap();
    let mut said = Vec::new();
    // Reading a pipe that the other end has closed is an error.
    let _ = pipe.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

/// A client may still open a waiting instance of the pipe while it is being closed. The error then differs
/// between Windows and versions of Wine.
async fn no_daemon_listens(home: &Home) {
    loop {
        match Client::connect(home).await {
            Err(ConnectError::NoDaemon) => return,
            Err(ConnectError::Closed | ConnectError::Io { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("a daemon that has exited answers"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_gets_an_error_and_harms_no_other_client() {
    for (_folder, home) in homes() {
        let lock = Lock::acquire(&home).unwrap();
        let daemon = within("a daemon", supervisor::start(&lock)).await.unwrap();
        let (server, aside) = Server::bind(&lock).unwrap();
        assert_eq!(aside, None);
        let stop = CancellationToken::new();
        let serving =
            tokio::spawn(server.run(daemon.handle.clone(), daemon.watcher.clone(), stop.clone()));
        let hello = format!("{{\"pilotlight\":{PROTOCOL},\"version\":\"test\"}}\n");
        for (sent, answer) in [
            (
                "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
                "not the greeting",
            ),
            ("\0\0\0\0\n".to_owned(), "not the greeting"),
            (hello.clone() + "{\"fly\":{}}\n", "cannot be parsed"),
            (
                hello.clone() + &"[".repeat(100_000) + "\n",
                "cannot be parsed",
            ),
        ] {
            let home_of_thread = home.clone();
            let asking = tokio::task::spawn_blocking(move || tell(&home_of_thread, &sent));
            let said = within("an answer", asking).await.unwrap();
            assert!(said.contains(answer), "{said}");
            let mut client = within("a client", Client::connect(&home)).await.unwrap();
            assert_eq!(client.status().await.unwrap().stacks.len(), 0);
        }
        daemon.handle.quit(true).await;
        within("its end", daemon.task).await.unwrap();
        stop.cancel();
        within("its end", serving).await.unwrap();
        within("no daemon listens", no_daemon_listens(&home)).await;
    }
}

#[test]
fn a_home_has_one_daemon() {
    for (_folder, home) in homes() {
        let first = Lock::acquire(&home).unwrap();
        // While another thread holds it, a request names the holder.
        let elsewhere = home.clone();
        let second = thread::spawn(move || Lock::acquire(&elsewhere))
            .join()
            .unwrap();
        match second {
            Err(LockError::Held(holder)) => assert_eq!(holder.pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::acquire(&home).unwrap();
    }
}

#[test]
fn a_file_in_the_place_of_a_folder_is_rejected_and_kept() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("state"), "precious").unwrap();
    let home = Home::under(folder.path()).unwrap();
    assert!(matches!(Lock::acquire(&home), Err(LockError::Home(_))));
    let kept = fs::read_to_string(folder.path().join("state")).unwrap();
    assert_eq!(kept, "precious");
}
