//! Formats a request as a `curl` command that a user can run.

use std::fmt::Write;

use shell_words::quote;
use url::Url;

use crate::{
    fs::redact::{REDACTED, redact},
    stack::{Body, HttpRequest},
};

/// The maximum number of body characters in a command.
const LONGEST_BODY: usize = 400;

/// Returns the `curl` command for a request. Secrets are masked so that the line can be shown; the
/// user replaces them before running it.
pub(super) fn command(request: &HttpRequest<String>) -> String {
    let method = request.method.as_str();
    let mut line = String::from(if method == "HEAD" {
        "curl -I"
    } else {
        "curl -i"
    });
    let has_body = request.body.is_some();
    match method {
        "HEAD" => {}
        "GET" if !has_body => {}
        "POST" if has_body => {}
        method => push(&mut line, "-X", method),
    }
    if is_own_and_secure(&request.url) {
        line.push_str(" -k");
    }
    let is_json = matches!(request.body, Some(Body::Json(_)));
    let names_type = |name: &String| name.eq_ignore_ascii_case("content-type");
    if is_json && !request.headers.keys().any(names_type) {
        push(&mut line, "-H", "Content-Type: application/json");
    }
    for (name, value) in &request.headers {
        push(&mut line, "-H", &header(name, value));
    }
    match &request.body {
        None => {}
        Some(Body::Text(text)) => push(&mut line, "--data-raw", &body(text)),
        Some(Body::Json(value)) => push(&mut line, "--data-raw", &body(&value.to_string())),
    }
    let _ = write!(line, " {}", quote(&redact(&request.url)));
    line
}

/// Returns the `curl` command for a WebSocket handshake, to the same address as an HTTP URL.
pub(super) fn handshake(url: &str, protocol: Option<&str>, headers: &[(String, String)]) -> String {
    let mut line = String::from("curl -i -N --http1.1");
    for upgrade in [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: SGVsbG8sIHdvcmxkISEhIQ==",
    ] {
        push(&mut line, "-H", upgrade);
    }
    if let Some(protocol) = protocol {
        push(
            &mut line,
            "-H",
            &format!("Sec-WebSocket-Protocol: {protocol}"),
        );
    }
    for (name, value) in headers {
        push(&mut line, "-H", &header(name, value));
    }
    let url = url.replacen("ws", "http", 1);
    if is_own_and_secure(&url) {
        line.push_str(" -k");
    }
    let _ = write!(line, " {}", quote(&redact(&url)));
    line
}

fn push(line: &mut String, option: &str, value: &str) {
    let _ = write!(line, " {option} {}", quote(value));
}

fn header(name: &str, value: &str) -> String {
    const SECRETS: [&str; 4] = [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-csrftoken",
    ];
    let is_secret = SECRETS.contains(&name.to_ascii_lowercase().as_str());
    if is_secret {
        return format!("{name}: {REDACTED}");
    }
    // The pattern for a variable is stricter: the name of a header is matched as a name.
    let masked = redact(&format!("{name}={value}")).into_owned();
    let value = masked.split_once('=').map_or(value, |(_, value)| value);
    format!("{name}: {value}")
}

fn body(text: &str) -> String {
    let masked = redact(text);
    match masked.char_indices().nth(LONGEST_BODY) {
        Some((end, _)) => format!("{}…", &masked[..end]),
        None => masked.into_owned(),
    }
}

/// Returns whether the address is an HTTPS one on this machine, where certificates are usually
/// self-signed.
fn is_own_and_secure(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" && is_loopback
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(method: &str, url: &str) -> HttpRequest<String> {
        HttpRequest::new(method, url)
    }

    #[test]
    fn a_request_becomes_a_command_to_paste() {
        assert_eq!(
            command(&request("GET", "http://localhost:8001/v1?a=1&b=2")),
            "curl -i 'http://localhost:8001/v1?a=1&b=2'"
        );
        let mut post = request("POST", "https://localhost:8001/v1");
        post.headers
            .insert("Origin".into(), "http://localhost:5173".into());
        post.body = Some(Body::Json(json!({"user_id": "it's me"})));
        assert_eq!(
            command(&post),
            "curl -i -k -H 'Content-Type: application/json' -H 'Origin: http://localhost:5173' \
             --data-raw '{\"user_id\":\"it'\\''s me\"}' https://localhost:8001/v1"
        );
        assert_eq!(
            command(&request("HEAD", "http://localhost/")),
            "curl -I http://localhost/"
        );
        assert_eq!(
            command(&request("OPTIONS", "http://localhost/")),
            "curl -i -X OPTIONS http://localhost/"
        );
    }

    #[test]
    fn a_command_contains_no_secret() {
        let mut login = request("POST", "http://localhost/login?token=geheim1");
        for (name, value) in [
            ("Authorization", "Bearer geheim2"),
            ("Cookie", "sid=geheim3"),
            ("X-Api-Key", "geheim4"),
        ] {
            login.headers.insert(name.into(), value.into());
        }
        login.body = Some(Body::Json(json!({"user": "anna", "password": "geheim5"})));
        let line = command(&login);
        assert!(!line.contains("geheim"), "{line}");
        assert!(line.contains("anna"), "{line}");
    }

    #[test]
    fn a_handshake_uses_the_http_form_of_the_address() {
        let line = handshake("wss://localhost:8001/ws", Some("chat"), &[]);
        assert!(line.ends_with(" -k https://localhost:8001/ws"), "{line}");
        assert!(line.contains("'Sec-WebSocket-Protocol: chat'"), "{line}");
    }
}
