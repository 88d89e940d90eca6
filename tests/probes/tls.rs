use std::sync::Arc;

use futures_util::StreamExt;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::accept_async;

use super::*;

/// Starts a server with a self-signed certificate for another name.
async fn start<F, S>(serve: F) -> Server
where
    F: Fn(TlsStream<TcpStream>) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send,
{
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["dev.example".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serve = Arc::new(serve);
    Server::start("127.0.0.1", move |stream| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_self_signed_certificate_is_accepted_on_this_machine() {
    let server = start(|mut stream| async move {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"GET /");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    for host in ["localhost", "127.0.0.1"] {
        let request = get(format!("https://{host}:{}/", server.port));
        assert_eq!(ask_http(request).await, Ok(()), "{host}");
    }
}

#[tokio::test]
async fn websockets_and_redis_with_tls_pass_too() {
    let server = start(|stream| async move {
        let mut socket = accept_async(stream).await.unwrap();
        while socket.next().await.is_some() {}
    })
    .await;
    let url = format!("wss://localhost:{}/", server.port);
    assert_eq!(ask(Probe::WebSocket(url)).await, Ok(()));
    let server = start(|mut stream| async move {
        stream.write_all(b"+PONG\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    let url = format!("rediss://localhost:{}/", server.port);
    assert_eq!(ask(Probe::Redis(url)).await, Ok(()));
}

#[tokio::test]
async fn a_server_without_tls_is_reported() {
    let server = Server::saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let server_too = Server::start("127.0.0.1", |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read(&mut [0; 1000]).await;
    })
    .await;
    drop(server);
    let request = get(format!("https://localhost:{}/", server_too.port));
    let asked = ask_http(request).await;
    assert!(matches!(asked, Err(ProbeFaultKind::Tls(_))), "{asked:?}");
}

#[tokio::test]
async fn an_endless_handshake_hangs() {
    let server = Server::hung().await;
    let request = get(format!("https://localhost:{}/", server.port));
    let asked = ask_within(Probe::Http(Box::new(request)), SHORT).await;
    let hung = ProbeFaultKind::TimedOut { connected: true };
    assert_eq!(asked.unwrap_err().kind, hung);
}
