//! Answers that violate the protocol, which frameworks prevent.

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\n";

async fn told(bytes: impl Into<Vec<u8>>) -> ProbeFaultKind {
    let server = Server::saying(bytes).await;
    match fault(&http(request("GET", server.url("/")))).await {
        CheckFault::Plain(kind) => kind,
        other => panic!("{other:#?}"),
    }
}

fn protocol(message: &str) -> ProbeFaultKind {
    ProbeFaultKind::Protocol(message.into())
}

#[tokio::test]
async fn every_violation_of_the_protocol_is_distinguished() {
    assert_eq!(
        told(format!("{OK}Content-Length: 10\r\n\r\nshort")).await,
        protocol("its Content-Length is 10, and its body ends after 5 bytes")
    );
    assert_eq!(
        told(format!("{OK}Content-Length: 2\r\n\r\nlonger")).await,
        protocol("its Content-Length is 2, and its body is longer")
    );
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(
        told(format!("{chunked}5\r\nhello\r\n5\r\nwo")).await,
        protocol("its body comes in chunks, and ends after 7 bytes without the last one")
    );
    let bad = told(format!("{chunked}5\r\nhello\r\nxyz\r\n")).await;
    assert!(
        matches!(&bad, ProbeFaultKind::Protocol(what)
            if what.starts_with("its body comes in chunks, and is broken after 5 bytes")),
        "{bad:?}"
    );
    assert_eq!(
        told("220 mail.test ESMTP\r\n").await,
        protocol(r#"the answer is not HTTP: "220 mail.test ESMTP\r\n""#)
    );
    assert_eq!(told("").await, ProbeFaultKind::Empty);
}

#[tokio::test]
async fn a_body_that_continues_in_a_later_packet_is_also_too_long() {
    let server = Server::start(|mut stream, _| async move {
        stream.set_nodelay(true).unwrap();
        let head = format!("{OK}Content-Length: 2\r\n\r\nok");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        // The client may have disconnected.
        let _ = stream.write_all(b" and more").await;
    })
    .await;
    let fault = fault(&http(request("GET", server.url("/")))).await;
    let longer = protocol("its Content-Length is 2, and its body is longer");
    assert_eq!(fault, CheckFault::Plain(longer));
}

#[tokio::test]
async fn an_open_connection_does_not_make_the_answer_longer() {
    let server = Server::start(|mut stream, _| async move {
        let head = format!("{OK}Content-Length: 2\r\n\r\nok");
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    let answer = ask(&http(request("GET", server.url("/")))).await;
    assert_eq!(answer.outcome, CheckOutcome::Passed);
}

#[tokio::test]
async fn a_reset_connection_is_distinguished_from_a_closed_one() {
    let server = Server::start(|stream, _| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    let fault = fault(&http(request("GET", server.url("/")))).await;
    assert_eq!(fault, CheckFault::Plain(ProbeFaultKind::Reset));
}

#[tokio::test]
async fn tls_on_a_plain_port_and_plain_http_on_a_tls_port_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
    std::fs::write(&certificate, own.cert.der()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_der()).unwrap();
    let script = "const [,c,k]=process.argv,fs=require('fs');\
        const pem=(n,f)=>`-----BEGIN ${n}-----\\n${fs.readFileSync(f).toString('base64')}\\n-----END ${n}-----`;\
        const s=require('https').createServer({cert:pem('CERTIFICATE',c),key:pem('PRIVATE KEY',k)},\
        (q,r)=>r.end('ok')).listen(0,'127.0.0.1',()=>\
        console.log('running on http://127.0.0.1:'+s.address().port))";
    let secure = Program::start(
        Command::new("node")
            .args(["-e", script])
            .args([&certificate, &key]),
    );
    let plain = fault(&http(request("GET", secure.url("/")))).await;
    let expected = protocol("the server speaks TLS: use https://");
    assert_eq!(plain, CheckFault::Plain(expected));
    let url = secure.url("/").replace("http:", "https:");
    let answer = ask(&http(request("GET", url))).await;
    assert_eq!(answer.outcome, CheckOutcome::Passed);

    let node = Program::node();
    let url = node.url("/good").replace("http:", "https:");
    let fault = fault(&http(request("GET", url))).await;
    assert!(
        matches!(&fault, CheckFault::Plain(ProbeFaultKind::Tls(what)) if what.contains("does not speak TLS")),
        "{fault:?}"
    );
}

#[tokio::test]
async fn the_exchange_is_recorded_with_its_times() {
    let server = Server::saying(format!(
        "{OK}Server: x/1\r\nSet-Cookie: sid=secret\r\nContent-Length: 2\r\n\r\nok"
    ))
    .await;
    let mut get = request("GET", server.url("/v1?token=geheim"));
    get.headers
        .insert("Authorization".into(), "Bearer geheim".into());
    let answer = ask(&http(get)).await;
    let [exchange] = &answer.exchanges[..] else {
        panic!("{answer:#?}");
    };
    assert_eq!(exchange.status, Some(200));
    let headers = [("server", "x/1"), ("content-length", "2")];
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(exchange.headers, headers);
    assert!(exchange.head.unwrap() > Duration::ZERO);
    assert!(exchange.head.unwrap() <= exchange.took && exchange.took <= answer.took);
    assert!(!format!("{answer:?}").contains("geheim"), "{answer:#?}");
    assert_eq!(
        (answer.host.as_deref(), answer.port),
        (Some("localhost"), Some(server.port))
    );
}
