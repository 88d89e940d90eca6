//! The web server of the page, on 127.0.0.1.
//!
//! A page of another origin must reach nothing here. A request needs a loopback name as its host (DNS
//! rebinding has another one). Everything but the files of the page needs the page's own origin and the
//! cookie of the session, and a WebSocket carries every command. The cookie is given once, for the token in
//! the fragment of the link, which no server and no log ever sees.

use std::{
    convert::Infallible,
    fmt::Write as _,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
    upgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use pilotlight::{app::AppState, sync::lock};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::connection;

/// The files of the page, built by `npm run build` in `ui/`.
const PAGE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page of a program that was built without one.
const NO_PAGE: &[u8] = b"<!doctype html><meta charset=\"utf-8\"><title>Pilot Light</title>
<p>This program was built without its page. Run <code>cargo xtask ui</code>, then build it again.</p>
";

/// The maximum size of a request's body, which is a token.
const BODY: usize = 256;

/// The maximum size of the page's messages. The largest is the draft of a stack file.
const MESSAGE: usize = 4 << 20;

/// The time limit for the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

type Answer = Response<Full<Bytes>>;

/// The server of the page.
pub(super) struct Site {
    state: AppState,
    port: u16,
    /// The token of the link, until it is used.
    token: Mutex<Option<String>>,
    /// The value of the session's cookie.
    session: String,
}

impl Site {
    pub(super) fn new(state: AppState, port: u16) -> io::Result<Self> {
        Ok(Self {
            state,
            port,
            token: Mutex::new(Some(secret()?)),
            session: secret()?,
        })
    }

    /// Returns the address of the page, with the token.
    pub(super) fn link(&self) -> String {
        let token = lock(&self.token).clone().unwrap_or_default();
        format!("http://127.0.0.1:{}/#{token}", self.port)
    }

    /// Serves connections until it is dropped.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            let site = self.clone();
            connections.spawn(async move {
                let service = service_fn(|request| {
                    let site = site.clone();
                    async move { Ok::<_, Infallible>(site.answer(request).await) }
                });
                let serving = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                if let Err(error) = serving.await {
                    tracing::debug!("a connection of the page failed: {error}");
                }
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let Some(host) = loopback_host(request.headers()) else {
            return refusal("This page is only served to this computer.");
        };
        let is_own = is_own(request.headers(), &host);
        let mut answer = match (request.method(), request.uri().path()) {
            (&Method::POST, "/session") if is_own => self.begin(request).await,
            (&Method::GET, "/socket") if is_own && self.knows(request.headers()) => {
                self.connect(request)
            }
            (_, "/session" | "/socket") => refusal("Open the link that `pilotlight ui` prints."),
            (&Method::GET, path) => file(path),
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "Not allowed."),
        };
        protect(answer.headers_mut(), &host);
        answer
    }

    /// Exchanges the token for the cookie of the session. The token works once.
    async fn begin(&self, request: Request<Incoming>) -> Answer {
        let body = Limited::new(request.into_body(), BODY).collect().await;
        let given = body.map(http_body_util::Collected::to_bytes);
        let mut token = lock(&self.token);
        let is_right = |token: &String| given.is_ok_and(|given| same(&given, token.as_bytes()));
        if !token.as_ref().is_some_and(is_right) {
            return refusal("This link was used already. Run `pilotlight ui` again.");
        }
        *token = None;
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie(),
            self.session
        );
        let mut answer = plain(StatusCode::NO_CONTENT, "");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            answer.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        answer
    }

    /// Returns the name of the cookie. It contains the port, since all ports of a host share cookies.
    fn cookie(&self) -> String {
        format!("pilotlight-{}", self.port)
    }

    /// Returns whether a request carries the cookie of the session.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie();
        let lines = headers.get_all(header::COOKIE).iter();
        let mut cookies = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='));
        cookies
            .any(|(known, value)| known == name && same(value.as_bytes(), self.session.as_bytes()))
    }

    /// Opens the WebSocket of the page.
    fn connect(&self, request: Request<Incoming>) -> Answer {
        let headers = request.headers();
        let is = |name: HeaderName, wanted: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        let key = headers.get(header::SEC_WEBSOCKET_KEY);
        let accept = key.map(|key| derive_accept_key(key.as_bytes()));
        let accept = accept.and_then(|key| HeaderValue::from_str(&key).ok());
        let is_websocket = is(header::UPGRADE, "websocket");
        let (Some(accept), true) = (
            accept,
            is_websocket && is(header::SEC_WEBSOCKET_VERSION, "13"),
        ) else {
            return plain(
                StatusCode::BAD_REQUEST,
                "This is not a WebSocket handshake.",
            );
        };
        let (state, upgraded) = (self.state.clone(), upgrade::on(request));
        tokio::spawn(async move {
            let config = WebSocketConfig::default().max_message_size(Some(MESSAGE));
            match upgraded.await {
                Ok(stream) => {
                    let stream = TokioIo::new(stream);
                    let socket =
                        WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
                    connection::run(state, socket).await;
                }
                Err(error) => tracing::warn!("the page did not connect: {error}"),
            }
        });
        let mut answer = plain(StatusCode::SWITCHING_PROTOCOLS, "");
        let headers = answer.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        answer
    }
}

/// Returns the host that a request names, if that is this computer: with any port, since it may be
/// forwarded by SSH or a container.
fn loopback_host(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, None) = (hosts.next()?.to_str().ok()?, hosts.next()) else {
        return None;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"]
        .contains(&name)
        .then(|| host.to_owned())
}

/// Returns whether a request comes from the page itself.
fn is_own(headers: &HeaderMap, host: &str) -> bool {
    let origin = headers.get(header::ORIGIN);
    origin.is_some_and(|origin| origin.as_bytes() == format!("http://{host}").as_bytes())
}

fn same(given: &[u8], secret: &[u8]) -> bool {
    // Compares digests, so that the time of the comparison reveals nothing.
    digest(&SHA256, given).as_ref() == digest(&SHA256, secret).as_ref()
}

fn secret() -> io::Result<String> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the operating system provides no random numbers"))?;
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn file(path: &str) -> Answer {
    let path = if path == "/" { "/index.html" } else { path };
    let found = PAGE.iter().find(|(name, _)| *name == path);
    let content = match found {
        Some((_, content)) => *content,
        None if PAGE.is_empty() && path == "/index.html" => NO_PAGE,
        None => return plain(StatusCode::NOT_FOUND, "Not found."),
    };
    let kind = match path.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "woff2")) => "font/woff2",
        _ => "application/octet-stream",
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(content)));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn refusal(text: &'static str) -> Answer {
    plain(StatusCode::FORBIDDEN, text)
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// Sets the headers that protect the page: the content security policy of the window
/// (`tauri.conf.json`), with this server's WebSocket instead of the application.
fn protect(headers: &mut HeaderMap, host: &str) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_loopback_names_are_accepted_as_hosts() {
        for host in ["127.0.0.1:7700", "localhost:9", "localhost", "[::1]:7700"] {
            let headers = headers(&[(header::HOST, host)]);
            assert_eq!(loopback_host(&headers).as_deref(), Some(host));
        }
        for host in [
            "evil.example:7700",
            "127.0.0.1.evil.example",
            "localhost.evil.example:7700",
            "127.0.0.1:7700@evil.example",
            "0.0.0.0:7700",
            "",
        ] {
            assert_eq!(
                loopback_host(&headers(&[(header::HOST, host)])),
                None,
                "{host}"
            );
        }
        let two = [(header::HOST, "localhost"), (header::HOST, "localhost")];
        assert_eq!(loopback_host(&headers(&two)), None);
        assert_eq!(loopback_host(&headers(&[])), None);
    }

    #[test]
    fn a_page_of_another_port_is_another_origin() {
        let host = "127.0.0.1:7700";
        for (origin, own) in [
            ("http://127.0.0.1:7700", true),
            ("http://127.0.0.1:5173", false),
            ("http://localhost:7700", false),
            ("https://127.0.0.1:7700", false),
            ("null", false),
        ] {
            let headers = headers(&[(header::ORIGIN, origin)]);
            assert_eq!(is_own(&headers, host), own, "{origin}");
        }
        assert!(!is_own(&headers(&[]), host), "a request without an origin");
    }

    #[test]
    fn the_policy_is_the_same_as_in_the_window() {
        let window: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tauri.conf.json")).unwrap();
        let mut served = HeaderMap::new();
        protect(&mut served, "localhost:1");
        let served = served[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        let directives = window["app"]["security"]["csp"].as_object().unwrap();
        for (name, value) in directives.iter().filter(|(name, _)| *name != "connect-src") {
            let directive = format!("{name} {}", value.as_str().unwrap());
            assert!(served.split("; ").any(|it| it == directive), "{directive}");
        }
        assert_eq!(served.split("; ").count(), directives.len());
    }
}
