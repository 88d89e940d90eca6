//! The control socket and the daemon's lock, on real sockets in separate homes: hostile clients, and the
//! leftovers of a dead daemon.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test measures, and starts the second daemon as a separate process"
)]
#![expect(clippy::unwrap_used, reason = "a test fails with a panic")]

mod daemons;
mod hostile;
mod losses;
mod places;
mod requests;

use std::{
    ffi::OsString,
    fs,
    future::Future,
    io::{BufRead, BufReader},
    os::unix::{
        ffi::OsStringExt,
        fs::{FileTypeExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use pilotlight::{
    control::{
        Client, ClientError, Coming, ConnectError, Control, Doctor, Down, Lock, LockError, Outcome,
        PROTOCOL, Phase, Restart, Server, Up,
    },
    effects::log::Watcher,
    env::Env,
    fs::{home::Home, quarantine::Quarantined},
    model::{
        finding::{Code, Finding, Remedy},
        view::{Light, Snapshot, StackView},
    },
    stack::Mode,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::{Notify, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_mins(1);

/// A daemon that records requests and shows a given snapshot.
#[derive(Clone)]
struct FakeDaemon {
    asked: Arc<Mutex<Vec<String>>>,
    environment: Arc<Mutex<Option<Env>>>,
    /// `down` waits for this, and then reports that it is over.
    gate: Arc<Notify>,
    over: Arc<Notify>,
    snapshot: watch::Sender<Arc<Snapshot>>,
}

impl FakeDaemon {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn show(&self, name: &str) {
        self.snapshot.send_replace(Arc::new(snapshot(name)));
    }
}

impl Control for FakeDaemon {
    async fn start(&self, up: Up) -> Coming {
        self.note(format!("up {} {:?}", up.file.display(), up.services));
        *self.environment.lock().unwrap() = Some(up.environment);
        let (answer, coming) = oneshot::channel();
        if up.file.ends_with("slow.toml") {
            std::mem::forget(answer);
        } else if up.file.ends_with("never.toml") {
            // The start is broken off.
            drop(answer);
        } else {
            answer.send(Outcome::Done).unwrap();
        }
        coming.into()
    }

    async fn down(&self, down: Down) -> Outcome {
        self.note(format!("down {:?} {}", down.file, down.kill));
        self.gate.notified().await;
        self.note("down is over".to_owned());
        self.over.notify_one();
        Outcome::Done
    }

    async fn restart(&self, restart: Restart) -> Outcome {
        Outcome::Failed {
            message: format!("{:?} did not start", restart.services),
            findings: vec![finding()],
        }
    }

    async fn quit(&self, leave_running: bool) -> Outcome {
        self.note(format!("quit {leave_running}"));
        Outcome::Refused(format!("not now, {leave_running}"))
    }

    async fn doctor(&self, doctor: Doctor) -> Option<Vec<Finding>> {
        let known = doctor.file.ends_with("pilotlight.toml");
        known.then(|| vec![finding()])
    }

    async fn usage(&self) -> Arc<Snapshot> {
        Arc::new(snapshot("measured"))
    }

    fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    async fn home_lost(&self) {
        self.note("the home is lost".to_owned());
    }
}

fn snapshot(name: &str) -> Snapshot {
    Snapshot {
        stacks: vec![Arc::new(StackView {
            name: name.to_owned(),
            file: PathBuf::from(OsString::from_vec(b"/srv/caf\xe9/pilotlight.toml".to_vec())),
            mode: Mode::Development,
            light: Light::Green,
            services: vec![],
            findings: vec![],
            profiles: Vec::new(),
            started_by: None,
            checkout: None,
        })],
    }
}

fn finding() -> Finding {
    Finding {
        code: Code::Exited,
        service: "redis".into(),
        title: "redis is not running".into(),
        since: None,
        evidence: vec![],
        symptoms: vec![],
        remedy: Remedy {
            text: "Start redis".into(),
            action: None,
        },
    }
}

/// A daemon that serves its own home.
struct House {
    folder: TempDir,
    home: Home,
    daemon: FakeDaemon,
    aside: Option<Quarantined>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::under(folder.path()).unwrap();
        Self::of(folder, home)
    }

    fn of(folder: TempDir, home: Home) -> Self {
        let lock = Lock::acquire(&home).unwrap();
        let (server, aside) = Server::bind(&lock).unwrap();
        let daemon = FakeDaemon {
            asked: Arc::default(),
            environment: Arc::default(),
            gate: Arc::default(),
            over: Arc::default(),
            snapshot: watch::Sender::new(Arc::new(snapshot("first"))),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(daemon.clone(), Watcher::new(), stop.clone()));
        Self {
            folder,
            home,
            daemon,
            aside,
            stop,
            running,
        }
    }

    async fn client(&self) -> Client {
        soon(Client::connect(&self.home)).await.unwrap()
    }

    async fn raw(&self) -> UnixStream {
        UnixStream::connect(self.home.socket()).await.unwrap()
    }

    /// Checks that the daemon still answers, at the end of every test.
    async fn still_serves(&self) {
        let status = soon(async { self.client().await.status().await }).await;
        assert_eq!(status.unwrap().stacks.len(), 1);
    }

    async fn end(self) -> (TempDir, Home) {
        self.stop.cancel();
        soon(self.running).await.unwrap();
        (self.folder, self.home)
    }
}

async fn soon<T>(coming: impl Future<Output = T>) -> T {
    timeout(DEADLINE, coming).await.expect("an answer in time")
}

fn up(file: impl Into<PathBuf>) -> Up {
    Up {
        file: file.into(),
        services: vec!["backend".into()],
        environment: Env::default(),
    }
}

fn down() -> Down {
    Down {
        file: None,
        services: vec![],
        kill: true,
    }
}

fn hello() -> String {
    format!("{{\"pilotlight\":{PROTOCOL},\"version\":\"test\"}}\n")
}

/// Returns everything that the daemon sends on a connection until it closes it.
async fn last_words(mut stream: UnixStream) -> String {
    let mut said = Vec::new();
    // A socket that is closed with unread data sends a reset after its last words.
    drop(soon(stream.read_to_end(&mut said)).await);
    String::from_utf8(said).unwrap()
}

/// Waits for a condition for which no event exists.
async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until a client is accepted and answered.
async fn until_served(house: &House) {
    soon(async {
        loop {
            if let Ok(mut client) = Client::connect(&house.home).await
                && client.status().await.is_ok()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
