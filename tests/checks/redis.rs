use std::net;

use pilotlight::{model::facts::ProbeFault, stack::Probe};

use super::*;

/// A real Redis in its own folder, which is killed at the end of the test.
struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    async fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(options)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self {
            child,
            port,
            folder,
        };
        soon(async || redis.ping().await != Err(ProbeFaultKind::Refused)).await;
        redis
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    async fn ping(&self) -> Result<(), ProbeFaultKind> {
        let probe = Probe::Redis(self.url());
        let asked = Prober::default();
        let asked = asked.probe(&probe, &Context::default(), DEADLINE).await;
        asked.map_err(|ProbeFault { kind, .. }| kind)
    }

    /// Sends an inline command and returns the first line of the answer, or the whole answer if it is a text.
    async fn tell(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let command = format!("{command}\r\nQUIT\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn check(&self) -> Check<String> {
        Check {
            action: CheckAction::Redis(self.url()),
            ..http(request("GET", String::new()))
        }
    }

    async fn code(&self) -> String {
        match fault(&self.check()).await {
            CheckFault::Plain(ProbeFaultKind::Redis { code, .. }) => code,
            other => panic!("{other:#?}"),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn soon(condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, met).await.unwrap();
}

#[tokio::test]
async fn a_writable_redis_passes_and_nothing_is_written() {
    let redis = Redis::start(&["--appendonly", "yes"]).await;
    let append_only = || {
        let folder = std::fs::read_dir(redis.folder.path().join("appendonlydir")).unwrap();
        let sizes = folder.map(|entry| entry.unwrap().metadata().unwrap().len());
        sizes.sum::<u64>()
    };
    let before = append_only();
    let answer = ask(&redis.check()).await;
    assert_eq!(answer.outcome, CheckOutcome::Passed);
    assert_eq!(answer.target, format!("SET {}", redis.url()));
    assert!(redis.tell("DBSIZE").await.starts_with(":0"));
    let persistence = redis.tell("INFO persistence").await;
    assert!(
        persistence.contains("rdb_changes_since_last_save:0\r\n"),
        "{persistence}"
    );
    assert_eq!(append_only(), before);
}

#[tokio::test]
async fn a_redis_that_answers_pings_but_rejects_writes_is_found() {
    let replica = Redis::start(&["--replicaof", "127.0.0.1", "1", "--save", ""]).await;
    assert_eq!(replica.ping().await, Ok(()));
    assert_eq!(replica.code().await, "READONLY");
    let full = Redis::start(&["--maxmemory", "1", "--save", ""]).await;
    assert_eq!(full.ping().await, Ok(()));
    assert_eq!(full.code().await, "OOM");
}

#[tokio::test]
async fn a_redis_that_cannot_save_is_found() {
    let redis = Redis::start(&["--save", "3600 1"]).await;
    std::fs::remove_dir_all(redis.folder.path()).unwrap();
    redis.tell("SET a 1").await;
    redis.tell("BGSAVE").await;
    soon(async || ask(&redis.check()).await.outcome != CheckOutcome::Passed).await;
    assert_eq!(redis.code().await, "MISCONF");
}

#[tokio::test]
async fn a_user_without_access_to_the_key_is_no_fault_but_a_missing_login_is() {
    let redis = Redis::start(&[
        "--save", "", "--user", "app", "on", ">secret", "~app:*", "+@all",
    ])
    .await;
    let mut check = redis.check();
    check.action = CheckAction::Redis(redis.url().replace("//", "//app:secret@"));
    let answer = ask(&check).await;
    assert_eq!(answer.outcome, CheckOutcome::Passed);
    assert!(!format!("{answer:?}").contains("secret"), "{answer:#?}");
    redis.tell("CONFIG SET requirepass other").await;
    assert_eq!(redis.code().await, "NOAUTH");
}
