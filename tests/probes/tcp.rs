use std::net::SocketAddr;

use tokio::net::TcpSocket;

use super::*;

async fn connect(address: String) -> Result<(), ProbeFaultKind> {
    ask(Probe::Tcp(address)).await
}

async fn accepting(address: &str) -> Server {
    Server::start(address, |_stream| async {}).await
}

#[tokio::test]
async fn a_port_that_accepts_passes() {
    let server = accepting("127.0.0.1").await;
    assert_eq!(connect(format!("127.0.0.1:{}", server.port)).await, Ok(()));
    assert_eq!(connect(format!("0.0.0.0:{}", server.port)).await, Ok(()));
}

#[tokio::test]
async fn localhost_is_reached_on_both_address_families() {
    for address in ["127.0.0.1", "::1"] {
        let server = accepting(address).await;
        for name in ["localhost", "LOCALHOST.", "app.localhost"] {
            let target = format!("{name}:{}", server.port);
            assert_eq!(connect(target).await, Ok(()), "{name} at {address}");
        }
    }
}

#[tokio::test]
async fn a_port_without_a_listener_refuses() {
    let port = free_port();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let asked = connect(format!("{host}:{port}")).await;
        assert_eq!(asked, Err(ProbeFaultKind::Refused), "{host}");
    }
}

#[tokio::test]
async fn a_connection_from_a_port_to_itself_is_not_a_listener() {
    // For outgoing connections the system uses every second port of its range in turn, and gives the
    // others to listeners, so the neighbour is tried too.
    let free = free_port();
    for port in [free, free ^ 1] {
        let prober = Prober::default();
        let probe = Probe::Tcp(format!("127.0.0.1:{port}"));
        for _ in 0..40_000 {
            let asked = prober.probe(&probe, &Context::default(), DEADLINE).await;
            assert_eq!(asked.unwrap_err().kind, ProbeFaultKind::Refused);
        }
    }
}

#[tokio::test]
async fn a_port_that_does_not_accept_in_time_was_not_connected() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // These connections fill the queue, and none is accepted.
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
    }
    let asked = ask_within(Probe::Tcp(address.to_string()), SHORT).await;
    assert_eq!(
        asked,
        Err(ProbeFault {
            target: format!("connection to {address}"),
            kind: ProbeFaultKind::TimedOut { connected: false }
        })
    );
}

#[tokio::test]
async fn an_unknown_name_is_unreachable() {
    let asked = ask_within(
        Probe::Tcp("unknown.invalid:80".into()),
        Duration::from_secs(2),
    )
    .await;
    let kind = asked.unwrap_err().kind;
    assert!(
        matches!(
            kind,
            // Without a name server, the error takes a while.
            ProbeFaultKind::Unreachable(_) | ProbeFaultKind::TimedOut { connected: false }
        ),
        "{kind:?}"
    );
}

#[tokio::test]
async fn an_invalid_address_is_reported() {
    let asked = connect("8001".into()).await;
    let expected = "`8001` is not of the form host:port";
    assert_eq!(asked, Err(ProbeFaultKind::Address(expected.into())));
}
