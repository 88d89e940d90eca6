//! Follows redirects as a browser does (<https://fetch.spec.whatwg.org/#http-redirect-fetch>).

use hyper::header;
use url::Url;

use super::{protocol, unset};
use crate::{
    diagnose::evidence::check::CheckFault,
    effects::probe::http::Answer,
    fs::redact::redact,
    stack::{Expect, HttpRequest},
};

/// Returns the target of a redirect, unless the check expects such a response.
pub(super) fn redirect(
    answer: &Answer,
    url: &Url,
    expect: &Expect<String>,
) -> Result<Option<Url>, CheckFault> {
    let status = answer.status();
    let location = answer.head.headers.get(header::LOCATION);
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, location) else {
        return Ok(None);
    };
    if expect.status.contains(&status) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(location.as_bytes());
    match url.join(&text) {
        Ok(next) if matches!(next.scheme(), "http" | "https") => Ok(Some(next)),
        _ => Err(protocol(&format!("it redirects to {:?}", redact(&text)))),
    }
}

/// Changes the request for the target of the redirect.
pub(super) fn send_on(request: &mut HttpRequest<String>, status: u16, next: &Url, leaves: bool) {
    next.as_str().clone_into(&mut request.url);
    let becomes_get = match request.method.as_str() {
        "POST" => matches!(status, 301..=303),
        "GET" | "HEAD" => false,
        _ => status == 303,
    };
    if becomes_get {
        "GET".clone_into(&mut request.method);
        request.body = None;
        for name in [
            "Content-Encoding",
            "Content-Language",
            "Content-Location",
            "Content-Type",
        ] {
            unset(request, name);
        }
    }
    if leaves {
        unset(request, "Authorization");
    }
}
