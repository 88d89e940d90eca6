//! Daemons that are silent, of another version, dead, or not the only one.

use super::*;

#[tokio::test]
async fn a_silent_daemon_does_not_block_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    home.prepare().unwrap();
    let _mute = UnixListener::bind(home.socket()).unwrap();
    assert!(matches!(
        soon(Client::connect(&home)).await,
        Err(ConnectError::Silent)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_silent_after_its_greeting_is_reported_with_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    home.prepare().unwrap();
    let listener = tokio::net::UnixListener::bind(home.socket()).unwrap();
    let greeting =
        |hears| format!("{{\"pilotlight\":1,\"version\":\"9\",\"hears_of_work\":{hears}}}\n");
    let meet = async |hears: bool| {
        let greet = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting(hears).as_bytes()).await.unwrap();
            stream
        };
        let (client, stream) = tokio::join!(Client::connect(&home), greet);
        (client.unwrap(), stream)
    };
    let silent = |error: ClientError, asked: &str| {
        assert!(matches!(error, ClientError::Silent { .. }), "{error}");
        assert!(error.to_string().contains(&format!("`{asked}`")), "{error}");
    };
    for hears in [true, false] {
        let (mut client, _stream) = meet(hears).await;
        silent(client.status().await.unwrap_err(), "status");
    }
    let (mut client, _stream) = meet(true).await;
    silent(client.up(up("/srv/a.toml")).await.unwrap_err(), "up");
    let (mut client, _stream) = meet(true).await;
    silent(client.down(down()).await.unwrap_err(), "down");
    let (client, _stream) = meet(true).await;
    silent(
        client.watch().await.unwrap().next().await.unwrap_err(),
        "watch",
    );

    // A daemon that works for a long time sends progress.
    let (mut client, mut stream) = meet(true).await;
    let working = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(8)).await;
            stream.write_all(b"\"working\"\n").await.unwrap();
        }
        stream.write_all(b"{\"outcome\":\"done\"}\n").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(client.down(down()), working);
    assert_eq!(outcome.unwrap(), Outcome::Done);
}

#[tokio::test]
async fn a_daemon_of_another_version_is_distinguished_from_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    home.prepare().unwrap();
    let listener = tokio::net::UnixListener::bind(home.socket()).unwrap();
    let says = |line: &'static str| async {
        let greet = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            stream
        };
        soon(async { tokio::join!(Client::connect(&home), greet).0 }).await
    };
    match says("{\"pilotlight\":7,\"version\":\"9.1.0\"}\n").await {
        Err(error @ ConnectError::OtherVersion { theirs: 7, .. }) => {
            assert!(error.to_string().contains("9.1.0"), "{error}");
        }
        other => panic!("{:?}", other.err()),
    }
    assert!(matches!(
        says("220 mail.example.org ESMTP\n").await,
        Err(ConnectError::NotADaemon { .. })
    ));
}

#[test]
fn a_home_has_one_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    let first = Lock::acquire(&home).unwrap();
    let share = first.clone();
    match Lock::acquire(&home) {
        Err(LockError::Held(holder)) => {
            assert_eq!(holder.pid, Some(std::process::id()));
            assert_eq!(holder.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
            assert_eq!(holder.phase, Some(Phase::Starting));
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    assert!(Lock::acquire(&home).is_err(), "a clone holds it still");
    drop(share);
    Lock::acquire(&home).unwrap();

    let other = tempfile::tempdir().unwrap();
    let other = Home::under(other.path()).unwrap();
    let _both = (
        Lock::acquire(&home).unwrap(),
        Lock::acquire(&other).unwrap(),
    );
}

/// A daemon in a separate process, which is killed on drop.
struct Other(Child);

impl Other {
    /// Runs the test `daemons::a_daemon_when_told` of this program, and waits until it holds the lock.
    fn keeping(home: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "daemons::a_daemon_when_told",
                "--ignored",
                "--nocapture",
            ])
            .env(Home::VARIABLE, home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let daemon = Self(child);
        let mut lines = output.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("it holds the lock")));
        daemon
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "the other process of the tests below"]
async fn a_daemon_when_told() {
    let lock = Lock::acquire(&Home::locate().unwrap()).unwrap();
    let _server = Server::bind(&lock).unwrap();
    println!("it holds the lock");
    // Runs until it is killed or the test that started it has ended.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
async fn a_killed_daemon_does_not_block_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::under(folder.path()).unwrap();
    let other = Other::keeping(folder.path());
    let pid = other.0.id();
    match Lock::acquire(&home) {
        Err(error @ LockError::Held { .. }) => {
            assert!(
                error.to_string().contains(&format!("process {pid} ")),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    drop(other);
    assert!(home.socket().exists(), "it was killed, not asked to leave");
    let house = House::of(folder, home);
    assert_eq!(house.aside, None);
    house.still_serves().await;
    house.end().await;
}
