use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use super::*;

async fn shake(server: &Server) -> Result<(), ProbeFaultKind> {
    let url = format!("ws://127.0.0.1:{}/ws", server.port);
    ask_within(Probe::WebSocket(url), Duration::from_secs(2))
        .await
        .map_err(|fault| fault.kind)
}

#[tokio::test]
async fn an_accepted_handshake_passes_and_is_closed_properly() {
    let (seen, mut messages) = mpsc::unbounded_channel();
    let server = Server::start("127.0.0.1", move |stream| {
        let seen = seen.clone();
        async move {
            let mut socket = accept_async(stream).await.unwrap();
            while let Some(message) = socket.next().await {
                seen.send(message.unwrap()).unwrap();
            }
        }
    })
    .await;
    assert_eq!(shake(&server).await, Ok(()));
    match soon(messages.recv()).await {
        Some(Message::Close(Some(goodbye))) => assert_eq!(goodbye.code, CloseCode::Normal),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_rejected_handshake_is_reported_with_its_status() {
    for status in [200, 403, 404, 426] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        let server = Server::saying(answer).await;
        assert_eq!(
            shake(&server).await,
            Err(ProbeFaultKind::WebSocketRefused(status))
        );
    }
}

#[tokio::test]
async fn kinds_of_failed_handshakes_are_distinguished() {
    let server = Server::saying("+PONG\r\n").await;
    let asked = shake(&server).await;
    assert!(
        matches!(asked, Err(ProbeFaultKind::Protocol(_))),
        "{asked:?}"
    );
    let accepts_another = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    let server = Server::saying(accepts_another).await;
    let asked = shake(&server).await;
    assert!(
        matches!(asked, Err(ProbeFaultKind::Protocol(_))),
        "{asked:?}"
    );
    let server = Server::saying("").await;
    assert_eq!(shake(&server).await, Err(ProbeFaultKind::Empty));
    let server = Server::hung().await;
    let hung = ProbeFaultKind::TimedOut { connected: true };
    assert_eq!(shake(&server).await, Err(hung));
}
