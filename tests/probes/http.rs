use pilotlight::stack::Body;
use serde_json::json;
use tokio::sync::mpsc;

use super::*;

fn answer(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns the result of an `http` probe for these bytes.
async fn told(bytes: impl Into<Vec<u8>>) -> Result<(), ProbeFaultKind> {
    let server = Server::saying(bytes).await;
    ask_http(get(server.url("/"))).await
}

fn protocol(message: &str) -> Result<(), ProbeFaultKind> {
    Err(ProbeFaultKind::Protocol(message.into()))
}

#[tokio::test]
async fn any_status_from_200_to_399_passes() {
    assert_eq!(told(answer("200 OK", "hello")).await, Ok(()));
    assert_eq!(told("HTTP/1.1 204 No Content\r\n\r\n").await, Ok(()));
    assert_eq!(told("HTTP/1.0 200 OK\r\n\r\nuntil the end").await, Ok(()));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert_eq!(told(chunked).await, Ok(()));
}

#[tokio::test]
async fn a_redirect_passes_and_is_not_followed() {
    let elsewhere = free_port();
    let head = format!("302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/");
    assert_eq!(told(answer(&head, "")).await, Ok(()));
}

#[tokio::test]
async fn an_unexpected_status_is_reported_with_the_beginning_of_its_body() {
    let asked = told(answer("503 Service Unavailable", "redis is down")).await;
    let expected = ProbeFaultKind::Status {
        status: 503,
        body: "redis is down".into(),
    };
    assert_eq!(asked, Err(expected));
    let Err(ProbeFaultKind::Status { status: 500, body }) =
        told(answer("500 Oops", &"x".repeat(100_000))).await
    else {
        panic!("it passed");
    };
    assert_eq!(body, "x".repeat(2048));
}

#[tokio::test]
async fn a_status_is_reported_even_if_its_body_never_ends() {
    let server = Server::start("127.0.0.1", |mut stream| async move {
        read_head(&mut stream).await;
        let beginning = b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhalf";
        stream.write_all(beginning).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let asked = ask_within(Probe::Http(Box::new(get(server.url("/")))), SHORT).await;
    let expected = ProbeFaultKind::Status {
        status: 500,
        body: "half".into(),
    };
    assert_eq!(asked.unwrap_err().kind, expected);
}

#[tokio::test]
async fn expectations_are_judged() {
    let body = r#"{"status": "degraded", "redis": {"up": true}}"#;
    let server = Server::saying(answer("200 OK\r\nX-Version: 1.2", body)).await;
    let expecting = async |change: fn(&mut Expect<String>)| {
        let mut request = get(server.url("/"));
        change(&mut request.expect);
        ask_http(request).await
    };
    assert_eq!(
        expecting(|e| e.json = Some(json!({"redis": {"up": true}}))).await,
        Ok(())
    );
    assert_eq!(
        expecting(|e| e.json = Some(json!({"status": "ok"}))).await,
        Err(ProbeFaultKind::Body(
            r#"`/status` is "degraded", not "ok""#.into()
        ))
    );
    assert_eq!(
        expecting(|e| e.text = Some("degraded".into())).await,
        Ok(())
    );
    assert!(matches!(
        expecting(|e| e.text = Some("healthy".into())).await,
        Err(ProbeFaultKind::Body(_))
    ));
    let version = |e: &mut Expect<String>| {
        e.headers.insert("x-version".into(), "1.".into());
    };
    assert_eq!(expecting(version).await, Ok(()));
    assert_eq!(
        expecting(|e| {
            e.headers.insert("x-other".into(), String::new());
        })
        .await,
        Err(ProbeFaultKind::Header("`x-other` is missing".into()))
    );
    assert!(matches!(
        expecting(|e| e.status = vec![201]).await,
        Err(ProbeFaultKind::Status { status: 200, .. })
    ));
}

#[tokio::test]
async fn the_request_is_sent_as_configured_and_the_connection_is_closed() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start("127.0.0.1", move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut request = read_head(&mut stream).await.to_lowercase();
            let mut body = [0; 18];
            stream.read_exact(&mut body).await.unwrap();
            request.push_str(str::from_utf8(&body).unwrap());
            stream
                .write_all(answer("201 Created", "").as_bytes())
                .await
                .unwrap();
            // The probe closes the connection.
            assert_eq!(stream.read(&mut body).await.unwrap(), 0);
            seen.send(request).unwrap();
        }
    })
    .await;
    let mut request = get(server.url("/sessions?x=1"));
    request.method = "POST".into();
    request.headers.insert("X-User".into(), "demo".into());
    request.body = Some(Body::Json(json!({"user_id": "demo"})));
    assert_eq!(ask_http(request).await, Ok(()));
    let request = soon(requests.recv()).await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "post /sessions?x=1 http/1.1");
    lines.sort_unstable();
    let host = format!("host: 127.0.0.1:{}", server.port);
    let agent = concat!("user-agent: pilotlight/", env!("CARGO_PKG_VERSION"));
    let expected = [
        "accept: */*",
        "connection: close",
        "content-length: 18",
        "content-type: application/json",
        &host,
        agent,
        "x-user: demo",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, r#"{"user_id":"demo"}"#);
}

#[tokio::test]
async fn a_server_that_accepts_but_never_answers_hangs() {
    let server = Server::hung().await;
    let asked = ask_within(Probe::Http(Box::new(get(server.url("/v1")))), SHORT).await;
    assert_eq!(
        asked,
        Err(ProbeFault {
            target: format!("GET {}", server.url("/v1")),
            kind: ProbeFaultKind::TimedOut { connected: true }
        })
    );
}

#[tokio::test]
async fn a_server_that_stops_within_the_body_hangs_too() {
    let server = Server::start("127.0.0.1", |mut stream| async move {
        read_head(&mut stream).await;
        let beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
        stream.write_all(beginning).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let asked = ask_within(Probe::Http(Box::new(get(server.url("/")))), SHORT).await;
    let hung = ProbeFaultKind::TimedOut { connected: true };
    assert_eq!(asked.unwrap_err().kind, hung);
}

#[tokio::test]
async fn a_closed_connection_is_distinguished_from_a_reset_one() {
    let server = Server::start("127.0.0.1", |mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
    assert_eq!(
        ask_http(get(server.url("/"))).await,
        Err(ProbeFaultKind::Empty)
    );
    let server = Server::start("127.0.0.1", |stream| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(
        ask_http(get(server.url("/"))).await,
        Err(ProbeFaultKind::Reset)
    );
}

#[tokio::test]
async fn a_violation_of_the_protocol_is_reported() {
    assert_eq!(
        told("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").await,
        protocol("its Content-Length is 10, and its body ends after 5 bytes")
    );
    assert_eq!(
        told("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlonger").await,
        protocol("its Content-Length is 2, and its body is longer")
    );
    assert_eq!(
        told("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").await,
        protocol("its body comes in chunks, and ends after 2 bytes without the last one")
    );
    assert_eq!(
        told("HTTP/1.1 200 OK\r\nContent-").await,
        protocol(r#"the answer ends in its head: "HTTP/1.1 200 OK\r\nContent-""#)
    );
    assert_eq!(
        told("-ERR wrong number of arguments\r\n").await,
        protocol(r#"the answer is not HTTP: "-ERR wrong number of arguments\r\n""#)
    );
    assert_eq!(
        told(&b"\x15\x03\x01\x00\x02\x02\x46"[..]).await,
        protocol("the server speaks TLS: use https://")
    );
    for broken in [
        "HTTP/1.1 OK 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let asked = told(broken).await;
        assert!(
            matches!(asked, Err(ProbeFaultKind::Protocol(_))),
            "{broken}: {asked:?}"
        );
    }
}

#[tokio::test]
async fn an_endless_head_is_rejected() {
    let server = Server::start("127.0.0.1", |mut stream| async move {
        read_head(&mut stream).await;
        let start = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        let mut sent = start.map(|()| 0);
        while let Ok(bytes) = sent {
            let more = stream.write_all(b"X-More: and more and more\r\n").await;
            sent = more.map(|()| bytes + 27);
        }
    })
    .await;
    let asked = ask_http(get(server.url("/"))).await;
    assert!(
        matches!(asked, Err(ProbeFaultKind::Protocol(_))),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_endless_body_is_not_read_for_ever() {
    let endless = async |kind: &'static str| {
        Server::start("127.0.0.1", move |mut stream| async move {
            read_head(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n");
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() && kind == "text/plain" {
                sent = stream.write_all(&[b'x'; 8192]).await;
            }
            // Until the probe has disconnected.
            let _ = stream.read(&mut [0]).await;
        })
        .await
    };
    let flood = endless("text/plain").await;
    assert_eq!(ask_http(get(flood.url("/"))).await, Ok(()));
    let mut request = get(flood.url("/"));
    request.expect.json = Some(json!({}));
    let asked = ask_http(request).await;
    assert!(matches!(asked, Err(ProbeFaultKind::Body(_))), "{asked:?}");
    // Events arrive one by one, and none has arrived yet.
    let events = endless("text/event-stream").await;
    assert_eq!(ask_http(get(events.url("/"))).await, Ok(()));
}

#[tokio::test]
async fn an_invalid_header_is_reported() {
    let mut request = get("http://localhost:1/");
    request.headers.insert("X Y".into(), String::new());
    assert_eq!(
        ask_http(request).await,
        Err(ProbeFaultKind::Address(
            "the header `X Y` cannot be sent".into()
        ))
    );
    let mut request = get("http://localhost:1/");
    request.method = "NO GOOD".into();
    assert!(matches!(
        ask_http(request).await,
        Err(ProbeFaultKind::Address(_))
    ));
}
