use std::sync::Arc;

use pilotlight::{
    effects::probe::{ProbeLoop, Pulse, Round, Schedule},
    host::clock,
};
use tokio::sync::mpsc;

use super::*;

/// A running watch on its own task.
struct Watched {
    rounds: mpsc::Receiver<Round>,
    log: mpsc::Sender<String>,
    pulse: Arc<Pulse>,
    _running: JoinSet<()>,
}

fn watch(probes: Vec<Probe<String>>, every: Duration) -> Watched {
    let (events, rounds) = mpsc::channel(100);
    let (log, lines) = mpsc::channel(100);
    let pulse = Arc::new(Pulse::default());
    let watch = ProbeLoop {
        prober: Prober::default(),
        probes,
        schedule: Schedule {
            every,
            timeout: Duration::from_secs(2),
        },
        context: Context::default(),
        lines: Some(lines),
        pulse: pulse.clone(),
    };
    let mut running = JoinSet::new();
    running.spawn(watch.run(events, Some));
    Watched {
        rounds,
        log,
        pulse,
        _running: running,
    }
}

impl Watched {
    async fn next(&mut self) -> Round {
        soon(self.rounds.recv()).await.unwrap()
    }

    async fn kind(&mut self) -> Option<ProbeFaultKind> {
        self.next().await.result.err().map(|fault| fault.kind)
    }
}

const RARELY: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_new_listener_is_noticed_long_before_the_next_round() {
    let port = free_port();
    for _ in 0..5 {
        let began = clock::now().instant;
        let url = format!("http://localhost:{port}/");
        let mut watched = watch(vec![Probe::Http(Box::new(get(url)))], RARELY);
        assert_eq!(watched.kind().await, Some(ProbeFaultKind::Refused));
        tokio::time::sleep_until((began + SHORT).into()).await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        drop(stream);
        assert_eq!(watched.kind().await, None);
    }
}

#[tokio::test]
async fn all_probes_must_pass_in_one_round() {
    let server = Server::saying("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = free_port();
    let mut watched = watch(
        vec![
            Probe::Http(Box::new(get(server.url("/")))),
            Probe::Tcp(format!("localhost:{port}")),
            Probe::Log("^listening$".into()),
            Probe::Process,
        ],
        RARELY,
    );
    assert_eq!(watched.kind().await, Some(ProbeFaultKind::Refused));
    let _listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    assert_eq!(watched.kind().await, Some(ProbeFaultKind::LogUnmatched));
    drop(server);
    watched.log.send("listening".into()).await.unwrap();
    assert_eq!(watched.kind().await, Some(ProbeFaultKind::Refused));
}

#[tokio::test]
async fn a_poke_notices_at_once_that_a_server_has_exited() {
    let server = Server::saying("HTTP/1.1 200 OK\r\n\r\n").await;
    let mut watched = watch(vec![Probe::Http(Box::new(get(server.url("/"))))], RARELY);
    let round = watched.next().await;
    assert_eq!(round.result, Ok(()));
    assert!(round.latency > Duration::ZERO);
    watched.pulse.poke();
    assert_eq!(watched.kind().await, None);
    let mut tasks = server.tasks;
    tasks.shutdown().await;
    watched.pulse.poke();
    assert_eq!(watched.kind().await, Some(ProbeFaultKind::Refused));
}

#[tokio::test]
async fn a_server_that_recovers_is_noticed_automatically() {
    let port = free_port();
    let every = Duration::from_millis(10);
    let mut watched = watch(vec![Probe::Tcp(format!("localhost:{port}"))], every);
    assert_eq!(watched.kind().await, Some(ProbeFaultKind::Refused));
    for _ in 0..3 {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while watched.kind().await.is_some() {}
        drop(listener);
        while watched.kind().await.is_none() {}
    }
}
