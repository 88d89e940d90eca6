use pilotlight::diagnose::evidence::check::{Refuser, WebSocketFault};

use super::*;

fn socket(program: &Program, path: &str, protocol: Option<&str>) -> Check<String> {
    Check {
        action: CheckAction::WebSocket {
            url: program.url(path).replace("http:", "ws:"),
            protocol: protocol.map(str::to_owned),
        },
        ..from_page(request("GET", String::new()))
    }
}

async fn refused(check: &Check<String>) -> WebSocketFault {
    match fault(check).await {
        CheckFault::WebSocket(fault) => fault,
        other => panic!("{other:#?}"),
    }
}

#[tokio::test]
async fn the_layer_that_rejects_a_handshake_is_named() {
    let app = Program::starlette("websockets");
    let accepted = ask(&socket(&app, "/good/ws", None)).await;
    assert_eq!(accepted.outcome, CheckOutcome::Passed);
    let by = async |path| {
        let fault = refused(&socket(&app, path, None)).await;
        (fault.status, fault.by)
    };
    // A close before the handshake and a missing route look the same.
    assert_eq!(by("/good/ws/closed").await, (403, Refuser::AuthOrNoRoute));
    assert_eq!(by("/good/ws/nowhere").await, (403, Refuser::AuthOrNoRoute));
    assert_eq!(by("/good/ws/forbidden").await, (403, Refuser::Auth));
    // A server that also refuses a plain request requires a login.
    assert_eq!(by("/guarded/ws").await, (403, Refuser::Auth));
}

#[tokio::test]
async fn a_subprotocol_must_be_the_requested_one() {
    let app = Program::starlette("websockets");
    let chat = ask(&socket(&app, "/good/ws/chat", Some("chat.v2"))).await;
    assert_eq!(chat.outcome, CheckOutcome::Passed);
    let other = async |path, asked: Option<&str>| {
        let fault = refused(&socket(&app, path, asked)).await;
        assert_eq!(fault.status, 101);
        fault.by
    };
    let subprotocol = |asked: Option<&str>, came: Option<&str>| Refuser::Subprotocol {
        asked: asked.map(str::to_owned),
        came: came.map(str::to_owned),
    };
    assert_eq!(
        other("/good/ws", Some("chat.v1")).await,
        subprotocol(Some("chat.v1"), None)
    );
    assert_eq!(
        other("/good/ws/chat", Some("chat.v1")).await,
        subprotocol(Some("chat.v1"), Some("chat.v2"))
    );
}

#[tokio::test]
async fn uvicorn_without_a_library_for_websockets_is_a_plain_server() {
    let app = Program::starlette("none");
    let fault = refused(&socket(&app, "/good/ws", None)).await;
    assert_eq!((fault.status, fault.by), (404, Refuser::PlainHttp));
    assert_eq!(fault.server.as_deref(), Some("uvicorn"));
}

#[tokio::test]
async fn a_server_that_checks_the_origin_is_distinguished_from_one_that_requires_a_login() {
    let script = "const http=require('http'),crypto=require('crypto');\
        const s=http.createServer((q,r)=>r.end('hello'));\
        s.on('upgrade',(q,c)=>{ if(q.url==='/old')return c.end('HTTP/1.1 426 Upgrade Required\\r\\nContent-Length: 0\\r\\n\\r\\n');\
          if(q.headers.origin)return c.end('HTTP/1.1 403 Forbidden\\r\\nContent-Length: 0\\r\\n\\r\\n');\
          const a=crypto.createHash('sha1').update(q.headers['sec-websocket-key']+'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');\
          c.end('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: '+a+'\\r\\n\\r\\n')});\
        s.listen(0,'127.0.0.1',()=>console.log('running on http://127.0.0.1:'+s.address().port))";
    let strict = Program::start(Command::new("node").args(["-e", script]));
    let fault = refused(&socket(&strict, "/ws", None)).await;
    assert_eq!((fault.status, fault.by), (403, Refuser::Origin));
    let fault = refused(&socket(&strict, "/old", None)).await;
    assert_eq!((fault.status, fault.by), (426, Refuser::BadRequest));
    // A server without WebSockets answers as to any other request.
    let plain = Program::node();
    let fault = refused(&socket(&plain, "/good", None)).await;
    assert_eq!((fault.status, fault.by), (200, Refuser::PlainHttp));
    let fault = refused(&socket(&plain, "/nowhere", None)).await;
    assert_eq!((fault.status, fault.by), (404, Refuser::NoRoute));
}

#[tokio::test]
async fn a_handshake_names_the_page_and_the_subprotocol() {
    let (seen, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, head| {
        let seen = seen.clone();
        async move {
            seen.send(head.to_lowercase()).unwrap();
            let _ = stream.write_all(b"HTTP/1.1 404 No\r\n\r\n").await;
        }
    })
    .await;
    let check = Check {
        action: CheckAction::WebSocket {
            url: format!("ws://localhost:{}/ws?room=1", server.port),
            protocol: Some("chat.v1".into()),
        },
        ..from_page(request("GET", String::new()))
    };
    assert_eq!(refused(&check).await.by, Refuser::NoRoute);
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("get /ws?room=1 http/1.1\r\n"), "{head}");
    for line in [
        format!("\r\nhost: localhost:{}\r\n", server.port),
        "\r\norigin: http://localhost:5173\r\n".to_owned(),
        "\r\nsec-websocket-protocol: chat.v1\r\n".to_owned(),
        "\r\nconnection: upgrade\r\n".to_owned(),
    ] {
        assert!(head.contains(&line), "{head}");
    }
}
