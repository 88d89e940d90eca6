use std::path::Path;

use pilotlight::{effects::process::run_helper, env::Env, stack::Command};
use tempfile::TempDir;

use super::*;

/// A real Redis in its own folder, which is killed with the test.
struct Redis {
    port: u16,
    folder: TempDir,
    running: JoinSet<()>,
}

impl Redis {
    /// Starts one and waits until it answers.
    async fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options).await
    }

    async fn start_in(folder: TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let mut words = vec!["redis-server".into(), "--port".into(), port.to_string()];
        words.extend(["--bind", "127.0.0.1"].map(str::to_owned));
        words.extend(options.iter().map(|option| (*option).to_owned()));
        let directory = folder.path().to_owned();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let environment = Env::of_this_process();
            let command = Command::Argv(words);
            let ended = run_helper(&command, &directory, &environment, DEADLINE * 6).await;
            panic!("redis-server has exited: {ended:?}");
        });
        let redis = Self {
            port,
            folder,
            running,
        };
        soon(async {
            while redis.ping("").await == Err(ProbeFaultKind::Refused) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        redis
    }

    /// Returns the result of a probe, with `login` as the part before the host.
    async fn ping(&self, login: &str) -> Result<(), ProbeFaultKind> {
        let url = format!("redis://{login}localhost:{}/0", self.port);
        ask_within(Probe::Redis(url), Duration::from_secs(2))
            .await
            .map_err(|fault| fault.kind)
    }

    /// Sends inline commands and waits for this number of lines.
    async fn tell(&self, commands: &str, lines: usize) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(commands.as_bytes()).await.unwrap();
        let mut answered = 0;
        while answered < lines {
            let byte = soon(stream.read_u8()).await.unwrap();
            answered += usize::from(byte == b'\n');
        }
        stream
    }

    /// Waits until a probe fails with this code.
    async fn until_refused(&self, code: &str) {
        soon(async {
            while code_of(self.ping("").await).as_deref() != Some(code) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn code_of(asked: Result<(), ProbeFaultKind>) -> Option<String> {
    match asked {
        Err(ProbeFaultKind::Redis { code, message }) => {
            assert!(message.starts_with(&code), "{message}");
            Some(code)
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_redis_that_answers_passes() {
    let redis = Redis::start(&["--save", ""]).await;
    assert_eq!(redis.ping("").await, Ok(()));
    let url = format!("redis://127.0.0.1:{}/5", redis.port);
    assert_eq!(ask(Probe::Redis(url)).await, Ok(()));
    let url = format!("redis://127.0.0.1:{}/500", redis.port);
    assert_eq!(
        ask(Probe::Redis(url)).await,
        Err(ProbeFaultKind::Redis {
            code: "ERR".into(),
            message: "ERR DB index is out of range".into()
        })
    );
    assert_eq!(code_of(redis.ping(":secret@").await).unwrap(), "ERR");
}

#[tokio::test]
async fn a_missing_login_is_distinguished_from_a_wrong_one() {
    let redis = Redis::start(&["--requirepass", "secret", "--save", ""]).await;
    assert_eq!(
        redis.ping("").await,
        Err(ProbeFaultKind::Redis {
            code: "NOAUTH".into(),
            message: "NOAUTH Authentication required.".into()
        })
    );
    assert_eq!(code_of(redis.ping(":wrong@").await).unwrap(), "WRONGPASS");
    assert_eq!(redis.ping(":secret@").await, Ok(()));
    assert_eq!(redis.ping("default:secret@").await, Ok(()));
    assert_eq!(
        code_of(redis.ping("anna:secret@").await).unwrap(),
        "WRONGPASS"
    );
}

#[tokio::test]
async fn a_login_never_appears_in_the_request_shown() {
    let url = format!("redis://anna:secret@localhost:{}/0", free_port());
    let fault = ask_within(Probe::Redis(url.clone()), DEADLINE)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, ProbeFaultKind::Refused);
    assert_eq!(
        fault.target,
        format!("PING {}", url.replace("secret", "***"))
    );
}

#[tokio::test]
async fn a_redis_that_reads_its_data_is_loading() {
    let redis = Redis::start(&["--save", ""]).await;
    let keys: Vec<_> = (0..2000).map(|key| format!("SET key{key} value")).collect();
    let commands = format!("{}\r\nSAVE\r\n", keys.join("\r\n"));
    redis.tell(&commands, 2001).await;
    let folder = redis.folder;
    drop(redis.running);
    // It takes a millisecond for each key, and handles clients in between.
    let slowly = [
        "--key-load-delay",
        "1000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    let again = Redis::start_in(folder, &slowly).await;
    again.until_refused("LOADING").await;
    soon(async {
        while again.ping("").await != Ok(()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_cannot_save_rejects_writes() {
    let redis = Redis::start(&["--save", "3600 1"]).await;
    assert_eq!(redis.ping("").await, Ok(()));
    std::fs::remove_dir_all(Path::new(redis.folder.path())).unwrap();
    redis.tell("SET a 1\r\nBGSAVE\r\n", 2).await;
    redis.until_refused("MISCONF").await;
}

#[tokio::test]
async fn a_replica_without_its_master_is_distinguished_from_one_with_data() {
    let unused = free_port().to_string();
    let stale = [
        "--replicaof",
        "127.0.0.1",
        &unused,
        "--replica-serve-stale-data",
    ];
    let redis = Redis::start(&[&stale[..], &["no"]].concat()).await;
    redis.until_refused("MASTERDOWN").await;
    let redis = Redis::start(&[&stale[..], &["yes"]].concat()).await;
    assert_eq!(redis.ping("").await, Ok(()));
}

#[tokio::test]
async fn a_busy_redis_hangs() {
    let redis = Redis::start(&["--enable-debug-command", "yes", "--save", ""]).await;
    let _asleep = redis.tell("DEBUG SLEEP 60\r\n", 0).await;
    let hung = Err(ProbeFaultKind::TimedOut { connected: true });
    soon(async { while redis.ping("").await != hung {} }).await;
}

#[tokio::test]
async fn a_server_with_another_protocol_is_not_redis() {
    let told = async |bytes: &'static [u8]| {
        let server = Server::start("127.0.0.1", move |mut stream| async move {
            stream.write_all(bytes).await.unwrap();
            // Until the probe has disconnected.
            while stream
                .read(&mut [0; 100])
                .await
                .is_ok_and(|length| length > 0)
            {}
        })
        .await;
        ask(Probe::Redis(format!("redis://127.0.0.1:{}", server.port))).await
    };
    let not_redis = |text: &str| Err(ProbeFaultKind::NotRedis(text.into()));
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_eq!(
        told(http).await,
        not_redis("HTTP/1.1 400 Bad Request\r\n\r\n")
    );
    assert_eq!(told(b"SSH-2.0-x\r\n").await, not_redis("SSH-2.0-x\r\n"));
    // MySQL greets without a line end.
    assert_eq!(told(b"\x4a\0\0\0\x0a8.0").await, not_redis("J\0\0\0\n8.0"));
    assert_eq!(told(b"+HELLO\r\n").await, not_redis("+HELLO\r\n"));
    assert_eq!(told(b":1\r\n").await, not_redis(":1\r\n"));
    let server = Server::saying("").await;
    let url = format!("redis://127.0.0.1:{}", server.port);
    let hung = ask_within(Probe::Redis(url), SHORT).await.unwrap_err().kind;
    assert_eq!(hung, ProbeFaultKind::TimedOut { connected: true });
    let server = Server::start("127.0.0.1", |_stream| async {}).await;
    let url = format!("redis://127.0.0.1:{}", server.port);
    // The result depends on whether the request arrived before that.
    let asked = ask(Probe::Redis(url)).await;
    assert!(
        matches!(asked, Err(ProbeFaultKind::Reset | ProbeFaultKind::Empty)),
        "{asked:?}"
    );
}
