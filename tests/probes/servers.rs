//! Databases and brokers: real servers, and recorded bytes of servers that Debian does not have.

use std::{
    future::pending,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use pilotlight::{
    effects::process::run_helper, env::Env, model::facts::Refusal, stack::Command, stack::Protocol,
};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::*;

/// The time limit for the start of a server on a busy machine.
const STARTS: Duration = Duration::from_mins(8);

/// A server in its own folder, which is killed with the test.
struct Real {
    protocol: Protocol,
    port: u16,
    _folder: TempDir,
    _running: JoinSet<()>,
}

impl Real {
    /// Runs a script, in which `$PORT` is the port, until a probe without a login passes.
    async fn start(protocol: Protocol, script: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let mut words: Vec<String> = Vec::new();
        if geteuid().is_root() && protocol != Protocol::Grpc {
            // Databases do not run as root. Python may be in a folder of its own.
            chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
            let user = "setpriv --reuid=65534 --regid=65534 --clear-groups";
            words.extend(user.split(' ').map(str::to_owned));
        }
        let settings = "set -e; export HOME=\"$PWD\" LC_ALL=C; \
                        PATH=\"$PATH:/usr/sbin:/usr/lib/rabbitmq/bin:$(echo /usr/lib/postgresql/*/bin | tr ' ' :)\"";
        words.extend(["sh", "-c"].map(str::to_owned));
        words.push(format!("{settings}\nPORT={port}\n{script}"));
        let directory = folder.path().to_owned();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let environment = Env::of_this_process();
            let command = Command::Argv(words);
            let ended = run_helper(&command, &directory, &environment, STARTS * 2).await;
            panic!("the server has exited: {ended:?}");
        });
        let until_up = async {
            while at(protocol, port, "").await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            up = timeout(STARTS, until_up) => up.expect("the server did not start"),
            ended = running.join_next() => ended.unwrap().unwrap(),
        }
        Self {
            protocol,
            port,
            _folder: folder,
            _running: running,
        }
    }

    /// Returns the result of a probe with `login` before the host and `path` after it.
    async fn asked(&self, login: &str, path: &str) -> Result<(), ProbeFaultKind> {
        let scheme = self.protocol.schemes()[0];
        let url = format!("{scheme}://{login}127.0.0.1:{}{path}", self.port);
        ask(Probe::Server(self.protocol, url)).await
    }

    /// Returns the fault of such a probe, and the server's message.
    async fn refused(&self, login: &str, path: &str) -> (Refusal, String) {
        refusal(self.asked(login, path).await)
    }
}

fn refusal(asked: Result<(), ProbeFaultKind>) -> (Refusal, String) {
    match asked {
        Err(ProbeFaultKind::Server {
            refusal, message, ..
        }) => (refusal, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_real_postgresql_distinguishes_ready_wrong_login_and_missing_database() {
    let db = Real::start(
        Protocol::Postgres,
        "echo secret > password\n\
         initdb -D data -A scram-sha-256 -U shop --pwfile=password --no-sync > initdb.txt\n\
         printf '%s\\n' 'host template1 all all password' 'host all all all scram-sha-256' > data/pg_hba.conf\n\
         exec postgres -D data -p $PORT -k \"$PWD\" -c listen_addresses=127.0.0.1 -c fsync=off",
    )
    .await;
    assert_eq!(db.asked("shop:secret@", "/postgres").await, Ok(()));
    assert_eq!(db.asked("shop:secret@", "/template1").await, Ok(()));
    assert_eq!(
        db.asked("shop@", "/postgres").await,
        Ok(()),
        "it asks for a password"
    );
    for database in ["/postgres", "/template1"] {
        let (refusal, words) = db.refused("shop:wrong@", database).await;
        assert_eq!(refusal, Refusal::Login);
        assert_eq!(words, "password authentication failed for user \"shop\"");
    }
    let (refusal, words) = db.refused("shop:secret@", "/none").await;
    assert_eq!(refusal, Refusal::Other);
    assert_eq!(words, "database \"none\" does not exist");
}

#[tokio::test]
async fn a_real_mariadb_distinguishes_ready_wrong_login_and_missing_database() {
    let db = Real::start(
        Protocol::Mysql,
        "mariadb-install-db --no-defaults --datadir=\"$PWD/data\" --skip-test-db > install.txt 2>&1\n\
         cat > init.sql <<'END'\n\
         CREATE USER 'shop'@'%' IDENTIFIED BY 'secret';\n\
         CREATE DATABASE shop;\n\
         GRANT ALL ON *.* TO 'shop'@'%';\n\
         END\n\
         exec mariadbd --no-defaults --datadir=\"$PWD/data\" --port=$PORT --bind-address=127.0.0.1 \
         --socket=\"$PWD/socket\" --pid-file=\"$PWD/pid\" --init-file=\"$PWD/init.sql\"",
    )
    .await;
    assert_eq!(db.asked("shop:secret@", "/shop").await, Ok(()));
    assert_eq!(db.asked("shop:secret@", "").await, Ok(()));
    let (refusal, words) = db.refused("shop:wrong@", "/shop").await;
    assert_eq!(refusal, Refusal::Login);
    assert!(
        words.starts_with("Access denied for user 'shop'"),
        "{words}"
    );
    let (refusal, words) = db.refused("shop:secret@", "/none").await;
    assert_eq!(
        (refusal, words.as_str()),
        (Refusal::Other, "Unknown database 'none'")
    );
}

#[tokio::test]
async fn a_real_rabbitmq_distinguishes_ready_wrong_login_and_missing_vhost() {
    let (own, nodes) = (free_port(), free_port());
    let broker = Real::start(
        Protocol::Rabbitmq,
        &format!(
            "export ERL_EPMD_PORT={own} ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT={nodes}\n\
             export RABBITMQ_NODENAME=probe$PORT@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1\n\
             export RABBITMQ_NODE_PORT=$PORT RABBITMQ_MNESIA_BASE=\"$PWD/data\" RABBITMQ_LOG_BASE=\"$PWD\"\n\
             export RABBITMQ_ENABLED_PLUGINS_FILE=\"$PWD/plugins\" RABBITMQ_CONFIG_FILE=\"$PWD/config\"\n\
             echo '[].' > plugins\n\
             epmd &\n\
             rabbitmq-server"
        ),
    )
    .await;
    assert_eq!(broker.asked("guest:guest@", "").await, Ok(()));
    assert_eq!(broker.asked("guest:guest@", "/%2F").await, Ok(()));
    let (refusal, words) = broker.refused("guest:wrong@", "").await;
    assert_eq!(refusal, Refusal::Login);
    assert!(words.starts_with("ACCESS_REFUSED"), "{words}");
    let (refusal, words) = broker.refused("guest:guest@", "/none").await;
    assert_eq!(refusal, Refusal::Other);
    assert!(words.contains("vhost none not found"), "{words}");
}

/// A server with a health service that knows the overall state and that of `shop.Orders`.
const GRPC: &str = r#"
import grpc, sys, threading
from concurrent import futures

def check(request, context):
    if request == b"":
        return b"\x08\x01"
    if request == b"\x0a\x0bshop.Orders":
        return b"\x08\x02"
    context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")

server = grpc.server(futures.ThreadPoolExecutor())
if "health" in sys.argv:
    handler = grpc.unary_unary_rpc_method_handler(check)
    health = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})
    server.add_generic_rpc_handlers((health,))
server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
threading.Event().wait()
"#;

async fn grpc(health: &str) -> Real {
    let python = projects().join("python/bin/python");
    let script = format!("exec '{}' -c '{GRPC}' $PORT {health}", python.display());
    Real::start(Protocol::Grpc, &script).await
}

/// Returns the packages that `cargo xtask test` installed.
fn projects() -> PathBuf {
    let set_up = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/projects");
    std::env::var_os("PILOTLIGHT_TEST_PROJECTS").map_or_else(set_up, PathBuf::from)
}

#[tokio::test]
async fn a_real_grpc_server_is_asked_for_its_health() {
    let server = grpc("health").await;
    assert_eq!(server.asked("", "/").await, Ok(()));
    let (refusal, words) = server.refused("", "/shop.Orders").await;
    assert_eq!(refusal, Refusal::Starting);
    assert!(words.contains("NOT_SERVING"), "{words}");
    let (refusal, words) = server.refused("", "/shop.None").await;
    assert_eq!(refusal, Refusal::Other);
    assert!(words.contains("shop.None"), "{words}");
}

#[tokio::test]
async fn a_real_grpc_server_without_a_health_service_is_ready() {
    let server = grpc("").await;
    assert_eq!(server.asked("", "").await, Ok(()));
}

#[tokio::test]
async fn a_server_of_another_kind_is_recognized_by_its_bytes() {
    for protocol in Protocol::ALL {
        let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        let server = speaking(answer, true).await;
        let asked = at(protocol, server.port, "").await;
        assert_eq!(
            refusal(asked),
            (Refusal::NotIt, "it speaks HTTP".to_owned()),
            "{protocol:?}"
        );
        let server = speaking(
            "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nand so on and on\r\n",
            true,
        )
        .await;
        let (refusal, words) = refusal(at(protocol, server.port, "").await);
        assert_eq!(refusal, Refusal::NotIt, "{protocol:?}");
        assert!(words.contains("SSH-2.0"), "{words}");
    }
}

#[tokio::test]
async fn a_login_never_appears_in_the_request_shown_for_a_server() {
    for protocol in Protocol::ALL {
        let scheme = protocol.schemes()[0];
        let url = format!("{scheme}://anna:secret@127.0.0.1:{}/x", free_port());
        let fault = ask_within(Probe::Server(protocol, url), DEADLINE).await;
        let fault = fault.unwrap_err();
        assert_eq!(fault.kind, ProbeFaultKind::Refused);
        assert!(!fault.target.contains("secret"), "{}", fault.target);
    }
}

#[tokio::test]
async fn a_postgresql_that_recovers_is_starting() {
    let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0Fpostmaster.c\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    let server = speaking([b"E", &length[..], fields].concat(), true).await;
    assert_eq!(
        refusal(at(Protocol::Postgres, server.port, "shop@").await),
        (
            Refusal::Starting,
            "the database system is starting up".to_owned()
        )
    );
}

#[tokio::test]
async fn a_mysql_with_too_many_clients_is_reported() {
    // MySQL 8.4 sends this instead of a greeting.
    let words = b"\xff\x10\x04Too many connections";
    let length = u32::try_from(words.len()).unwrap().to_le_bytes();
    let server = speaking([&length[..3], &[0], words].concat(), false).await;
    assert_eq!(
        refusal(at(Protocol::Mysql, server.port, "").await),
        (Refusal::Other, "Too many connections".to_owned())
    );
}

/// Returns a reply of MongoDB 7 with these fields.
fn mongodb(fields: &[u8]) -> Vec<u8> {
    let document = u32::try_from(fields.len() + 5).unwrap();
    let length = (document + 21).to_le_bytes();
    let head = [
        &length[..],
        &[9, 0, 0, 0],
        &[1, 0, 0, 0],
        &2013_u32.to_le_bytes(),
        &[0; 5],
    ];
    [&head.concat()[..], &document.to_le_bytes(), fields, &[0]].concat()
}

#[tokio::test]
async fn a_mongodb_is_ready_starting_or_without_a_configuration() {
    const OK: &[u8] = b"\x01ok\0\0\0\0\0\0\0\xf0\x3f";
    let primary = [b"\x08isWritablePrimary\0\x01", OK].concat();
    let server = speaking(mongodb(&primary), true).await;
    assert_eq!(at(Protocol::Mongodb, server.port, "").await, Ok(()));
    let neither = [&b"\x08isWritablePrimary\0\0\x08secondary\0\0"[..], OK].concat();
    let server = speaking(mongodb(&neither), true).await;
    let (starting, _) = refusal(at(Protocol::Mongodb, server.port, "").await);
    assert_eq!(starting, Refusal::Starting);
    let info = "Does not have a valid replica set config";
    let length = u32::try_from(info.len() + 1).unwrap().to_le_bytes();
    let text = [b"\x02info\0", &length[..], info.as_bytes(), &[0]].concat();
    let unset = [&b"\x08isreplicaset\0\x01"[..], &text, OK].concat();
    let server = speaking(mongodb(&unset), true).await;
    assert_eq!(
        refusal(at(Protocol::Mongodb, server.port, "").await),
        (Refusal::Other, info.to_owned())
    );
}

#[tokio::test]
async fn a_kafka_answers_and_rejects_a_login() {
    let versions = b"\0\0\0\x0a\0\0\0\x12\0\0\0\0\0\0".to_vec();
    let server = speaking(versions.clone(), true).await;
    assert_eq!(at(Protocol::Kafka, server.port, "").await, Ok(()));
    let handshake = b"\0\0\0\x11\0\0\0\x11\0\0\0\0\0\x01\0\x05PLAIN".to_vec();
    let words = "Authentication failed: Invalid username or password";
    let length = u8::try_from(words.len()).unwrap();
    let body = [
        &b"\0\0\0\x24\0\x3a\0"[..],
        &[length],
        words.as_bytes(),
        &[0; 4],
    ]
    .concat();
    let denied = [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat();
    let server = answering(vec![versions, handshake, denied]).await;
    assert_eq!(
        refusal(at(Protocol::Kafka, server.port, "anna:wrong@").await),
        (Refusal::Login, words.to_owned())
    );
}

async fn at(protocol: Protocol, port: u16, login: &str) -> Result<(), ProbeFaultKind> {
    let url = format!("{}://{login}127.0.0.1:{port}", protocol.schemes()[0]);
    ask(Probe::Server(protocol, url)).await
}

/// Starts a server that sends only these bytes; with `waits`, after the first bytes of the client.
async fn speaking(answer: impl Into<Vec<u8>>, waits: bool) -> Server {
    let answer = answer.into();
    Server::start("127.0.0.1", move |mut stream| {
        let answer = answer.clone();
        async move {
            if waits {
                // A client of MySQL does not send anything first.
                let _ = timeout(SHORT, stream.read_u8()).await;
            }
            stream.write_all(&answer).await.unwrap();
            pending::<()>().await;
        }
    })
    .await
}

/// Starts a server that answers each message of a client with the next of these answers.
async fn answering(answers: Vec<Vec<u8>>) -> Server {
    Server::start("127.0.0.1", move |mut stream| {
        let answers = answers.clone();
        async move {
            let mut message = [0; 4096];
            for answer in answers {
                let _ = stream.read(&mut message).await;
                stream.write_all(&answer).await.unwrap();
            }
            pending::<()>().await;
        }
    })
    .await
}
