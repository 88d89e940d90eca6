//! The rules of the Fetch standard for CORS: the "CORS check" and the check of a preflight
//! (<https://fetch.spec.whatwg.org/#cors-check>,
//! <https://fetch.spec.whatwg.org/#cors-preflight-fetch>).
//!
//! A browser only needs to know whether a rule is violated. The order of the rules here makes the
//! result the wrong setting: a server that rejects a preflight with 400 usually shows the reason in
//! its headers.

use hyper::{
    HeaderMap,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName, LOCATION, VARY,
    },
};

use super::safelist::is_safe_method;
use crate::diagnose::evidence::check::CorsRule;

/// The origin that sends a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    /// The value of the header `Origin`.
    pub(super) origin: &'a str,
    /// Whether cookies are sent.
    pub(super) credentials: bool,
}

/// The permissions that a preflight requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leave<'a> {
    pub(super) method: &'a str,
    /// Names of headers, in lower case, sorted.
    pub(super) names: &'a [String],
}

/// A rule that a response violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) rule: CorsRule,
    /// The received header line.
    pub(super) came: Option<String>,
    /// The expected header line.
    pub(super) right: Option<String>,
}

/// Checks the headers of a response to a request from another origin ("CORS check").
pub(super) fn judge(headers: &HeaderMap, asking: Asking<'_>) -> Result<(), Broken> {
    let came = value(headers, &ACCESS_CONTROL_ALLOW_ORIGIN);
    let credentials = value(headers, &ACCESS_CONTROL_ALLOW_CREDENTIALS);
    let own = Some(line(&ACCESS_CONTROL_ALLOW_ORIGIN, asking.origin));
    let shown = |value: &str| Some(line(&ACCESS_CONTROL_ALLOW_ORIGIN, value));
    match came.as_deref() {
        None => Err(Broken {
            rule: if knows_cors(headers) {
                CorsRule::Origin { allowed: None }
            } else {
                CorsRule::Missing
            },
            came: None,
            right: own,
        }),
        Some("*") if !asking.credentials => Ok(()),
        Some("*") => Err(Broken {
            rule: CorsRule::Credentials { wildcard: true },
            came: shown("*"),
            right: own,
        }),
        Some(other) if other != asking.origin => Err(Broken {
            rule: CorsRule::Origin {
                allowed: Some(other.to_owned()),
            },
            came: shown(other),
            right: own,
        }),
        Some(_) if !asking.credentials || credentials.as_deref() == Some("true") => Ok(()),
        Some(_) => Err(Broken {
            rule: CorsRule::Credentials { wildcard: false },
            came: credentials.map(|value| line(&ACCESS_CONTROL_ALLOW_CREDENTIALS, &value)),
            right: Some(line(&ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")),
        }),
    }
}

/// Checks the response to a preflight.
pub(super) fn judge_preflight(
    status: u16,
    headers: &HeaderMap,
    asking: Asking<'_>,
    leave: Leave<'_>,
) -> Result<(), Broken> {
    if (300..400).contains(&status) {
        let location = value(headers, &LOCATION).unwrap_or_default();
        return Err(Broken {
            came: Some(line(&LOCATION, &location)),
            rule: CorsRule::Redirect { location },
            right: None,
        });
    }
    let refused = Broken {
        rule: CorsRule::Status,
        came: None,
        right: None,
    };
    match judge(headers, asking) {
        Ok(()) => {}
        Err(broken) if broken.rule == CorsRule::Missing && is_about_more(status) => {
            return Err(refused);
        }
        Err(broken) => return Err(broken),
    }
    judge_method(headers, asking, leave.method)?;
    judge_names(headers, asking, leave.names)?;
    // The Fetch standard calls this an "ok status".
    if (200..300).contains(&status) {
        return Ok(());
    }
    // A browser allows `POST` even if no list contains it, but a server that rejects the preflight
    // and does not list `POST` does not allow it.
    let allowed = list(headers, &ACCESS_CONTROL_ALLOW_METHODS);
    let lists = |method: &str| allowed.iter().any(|allowed| allowed == method);
    if allowed.is_empty() || lists(leave.method) || lists("*") {
        Err(refused)
    } else {
        Err(lacking_method(headers, leave.method))
    }
}

/// Returns whether the response comes from a server with CORS middleware, even if it allows nothing.
pub(super) fn knows_cors(headers: &HeaderMap) -> bool {
    let is_cors = |name: &HeaderName| name.as_str().starts_with("access-control-");
    headers.keys().any(is_cors) || varies_by_origin(headers)
}

/// Returns whether the response varies by origin.
pub(super) fn varies_by_origin(headers: &HeaderMap) -> bool {
    let names = list(headers, &VARY);
    let mut names = names.iter();
    names.any(|name| name == "*" || name.eq_ignore_ascii_case("origin"))
}

/// Returns whether a status without a CORS header is a separate fault: the client is rejected, or
/// the server fails. (A server without CORS middleware responds to preflights with 404 or 405.)
fn is_about_more(status: u16) -> bool {
    matches!(status, 401 | 403 | 407 | 429 | 500..)
}

fn judge_method(headers: &HeaderMap, asking: Asking<'_>, method: &str) -> Result<(), Broken> {
    let allowed = list(headers, &ACCESS_CONTROL_ALLOW_METHODS);
    let wildcard = !asking.credentials && allowed.iter().any(|allowed| allowed == "*");
    if wildcard || is_safe_method(method) || allowed.iter().any(|allowed| allowed == method) {
        return Ok(());
    }
    Err(lacking_method(headers, method))
}

fn judge_names(headers: &HeaderMap, asking: Asking<'_>, names: &[String]) -> Result<(), Broken> {
    let allowed = list(headers, &ACCESS_CONTROL_ALLOW_HEADERS);
    let wildcard = !asking.credentials && allowed.iter().any(|allowed| allowed == "*");
    let is_missing = |name: &&String| {
        let mut allowed = allowed.iter();
        !wildcard && !allowed.any(|allowed| allowed.eq_ignore_ascii_case(name))
    };
    let missing: Vec<String> = names.iter().filter(is_missing).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(lacking_names(headers, &missing))
}

/// Returns the violated rule if the settings do not allow the method.
pub(super) fn lacking_method(headers: &HeaderMap, method: &str) -> Broken {
    let rule = CorsRule::Method {
        method: method.to_owned(),
    };
    incomplete(rule, &ACCESS_CONTROL_ALLOW_METHODS, headers, &[method])
}

/// Returns the violated rule if the settings do not allow these headers.
pub(super) fn lacking_names(headers: &HeaderMap, names: &[String]) -> Broken {
    let rule = CorsRule::Header {
        names: names.to_vec(),
    };
    let more: Vec<&str> = names.iter().map(String::as_str).collect();
    incomplete(rule, &ACCESS_CONTROL_ALLOW_HEADERS, headers, &more)
}

/// Returns whether the token is allowed by `*` alone. The standard requires its name ("CORS non-wildcard
/// request-header name"), but no browser does: a request that works is not a fault.
pub(super) fn leaves_token_unnamed(headers: &HeaderMap, names: &[String]) -> bool {
    const TOKEN: &str = "authorization";
    let mut allowed = list(headers, &ACCESS_CONTROL_ALLOW_HEADERS).into_iter();
    names.iter().any(|name| name == TOKEN)
        && !allowed.any(|allowed| allowed.eq_ignore_ascii_case(TOKEN))
}

/// Returns the violation of a list that lacks a value, or has a `*` that is invalid with cookies.
fn incomplete(rule: CorsRule, name: &HeaderName, headers: &HeaderMap, more: &[&str]) -> Broken {
    let came = value(headers, name).filter(|came| !came.is_empty());
    let listed = list(headers, name);
    let kept = listed
        .iter()
        .map(String::as_str)
        .filter(|item| *item != "*");
    let right: Vec<&str> = kept.chain(more.iter().copied()).collect();
    Broken {
        rule,
        came: came.map(|came| line(name, &came)),
        right: Some(line(name, &right.join(", "))),
    }
}

/// Returns all values of a header, joined as the standard does.
fn value(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let value = value(headers, name).unwrap_or_default();
    let items = value.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Formats a header line as documentation does: `Access-Control-Allow-Origin: *`.
pub(super) fn line(name: &HeaderName, value: &str) -> String {
    let words = name.as_str().split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    format!("{}: {value}", words.collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
#[path = "cors/tests.rs"]
mod tests;
