//! The result of a check: a request as a user makes it, or, if the check has an origin, as a page
//! of that origin makes it in a browser.
//!
//! A browser follows the Fetch standard (<https://fetch.spec.whatwg.org/>). It blocks a response for one of
//! two reasons and reports both as the same CORS error: the CORS settings are wrong
//! ([`CheckFault::Cors`]), or they are right and an error response bypassed them
//! ([`CheckFault::Redacted`]). A check distinguishes them.

use std::{fmt, time::Duration};

use super::PassesOn;
use crate::model::facts::{ProbeFault, ProbeFaultKind};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckAnswer {
    /// The name of the check.
    pub name: String,
    /// The request, for users: `POST http://localhost:8001/v1/sessions/`.
    pub target: String,
    /// The requested host, as the stack file writes it. `None` if the check requests no address (a
    /// command), or an invalid one.
    pub host: Option<String>,
    /// The requested port.
    pub port: Option<u16>,
    /// The origin of the page, as a browser writes it into `Origin`.
    pub origin: Option<String>,
    /// Whether the page and the address have the same origin, so that CORS does not apply.
    pub same_origin: bool,
    /// Whether cookies are sent.
    pub credentials: bool,
    /// Whether it passed.
    pub outcome: CheckOutcome,
    /// The requests and responses, in order.
    pub exchanges: Vec<Exchange>,
    /// Observations that are not faults, but may explain one.
    pub notes: Vec<CheckNote>,
    /// How long all exchanges took together.
    pub took: Duration,
    /// The timeout.
    pub timeout: Duration,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The response is as expected, and a page with the origin can read it.
    Passed,
    /// It failed.
    Failed(CheckFault),
    /// It was not made, so it shows nothing about the service.
    Skipped(Skipped),
}

/// Why a check was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// It needs a value that no check has saved: the check that saves it failed, or was skipped.
    Missing {
        /// The name of the value.
        value: String,
        /// The check of the same service that saves it.
        saved_by: Option<String>,
    },
    /// The time limit for all checks of the service was reached.
    OutOfTime,
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckFault {
    /// A fault that does not depend on a browser: `curl` shows the same.
    Plain(ProbeFaultKind),
    /// The response to the preflight or to the request violates a rule of CORS: the settings are wrong.
    Cors(Box<CorsFault>),
    /// An error response without CORS headers, from a server with correct CORS settings (or, with
    /// [`CheckNote::Unsettled`], unknown ones): the browser reports CORS, but the fault is the error.
    Redacted(RedactedError),
    /// The server refuses the handshake of a WebSocket.
    WebSocket(WebSocketFault),
}

/// An error response that a browser reports as a CORS error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactedError {
    /// The status: 400 or more, and not one that the check expects.
    pub status: u16,
    /// The first 2 KiB of its body. Secrets in it are masked.
    pub body: String,
    /// Whether the browser itself sends a preflight, which passes. If not, the check sent one to
    /// learn the CORS settings: they are correct, unless [`CheckNote::Unsettled`] is noted.
    pub preflighted: bool,
}

/// A rule of CORS that a response violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsFault {
    /// The request with that response.
    pub stage: Stage,
    /// The address of the response; after a redirect, not the requested one.
    pub url: String,
    /// The status of the response.
    pub status: u16,
    /// The rule.
    pub rule: CorsRule,
    /// The received header line, if any: `Access-Control-Allow-Origin: *`.
    pub came: Option<String>,
    /// The expected header line; `None` if no header would help.
    pub right: Option<String>,
    /// The first 2 KiB of the body of the response. Secrets in it are masked.
    pub body: String,
}

/// The rules of CORS, one for each setting that may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsRule {
    /// Neither the preflight nor the request gets a CORS header: the server has no CORS middleware.
    /// Also if only the response to the request lacks them and has the expected status: the
    /// middleware does not apply to that route.
    Missing,
    /// The origin is not allowed.
    Origin {
        /// The allowed value, if the response has one: another origin, or several in one header, which no
        /// browser accepts.
        allowed: Option<String>,
    },
    /// Cookies are sent, and the response does not allow them.
    Credentials {
        /// The response allows every origin (`*`), which is invalid with cookies.
        wildcard: bool,
    },
    /// The method is not allowed, such as `PUT`; `GET`, `HEAD` and `POST` always are.
    Method {
        /// The method.
        method: String,
    },
    /// Request headers are not allowed.
    Header {
        /// Their names, in lower case, sorted. Never empty.
        names: Vec<String>,
    },
    /// The response to a preflight is a redirect, which no browser follows; or the request is redirected to
    /// an address with a response that violates a rule.
    Redirect {
        /// The new address.
        location: String,
    },
    /// The response to a preflight is an error (usually 401, 403 or 5xx): a layer in front of the CORS
    /// middleware rejects it or fails.
    Status,
}

/// A refused WebSocket handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketFault {
    /// The status; 101 if the subprotocol is wrong.
    pub status: u16,
    /// The part of the server that refuses it.
    pub by: Refuser,
    /// The first 2 KiB of the body of the response. Secrets in it are masked.
    pub body: String,
    /// The header `Server` of the response.
    pub server: Option<String>,
}

/// The part of a server that refuses a WebSocket handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// Authentication: 401, or a 403 with a body or that a plain `GET` gets as well.
    Auth,
    /// The origin check: without `Origin`, the handshake is accepted.
    Origin,
    /// The routing: the path does not exist.
    NoRoute,
    /// Authentication or the routing: a 403 without a body. The application closes the connection before it
    /// accepts. Starlette does so for an unknown route as well as for a rejected client.
    AuthOrNoRoute,
    /// The server does not support `WebSocket`: a plain server, uvicorn without the package `websockets`, a
    /// proxy that does not forward the upgrade.
    PlainHttp,
    /// The WebSocket endpoint rejects the request (400, 426): another version or subprotocol, or
    /// not a WebSocket endpoint.
    BadRequest,
    /// The server failed (5xx).
    ServerError,
    /// The handshake is accepted with another subprotocol than the requested one, or with none; a browser
    /// then closes the connection.
    Subprotocol {
        /// The requested subprotocol.
        asked: Option<String>,
        /// The received subprotocol.
        came: Option<String>,
    },
    /// Any other status.
    Other,
}

/// An observation that is not a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckNote {
    /// The response is for one origin only and lacks `Vary: Origin`, so a cache may return it to another
    /// origin.
    NoVary,
    /// The origin is allowed under another name of this machine: `http://127.0.0.1:5173` and
    /// `http://localhost:5173` are two origins.
    OtherName {
        /// The allowed origin.
        allowed: String,
    },
    /// The header `Authorization` is allowed by `*` alone. The standard requires its name; browsers still
    /// accept it, with a warning in the console.
    UnnamedToken,
    /// The preflight of the check got an error without CORS headers, like the request, or no response: the
    /// CORS settings are unknown.
    Unsettled,
    /// The request was redirected, as a browser would follow it.
    Redirected {
        /// The new address.
        location: String,
    },
    /// The preflight passes: the CORS settings are right.
    PreflightPasses,
    /// A browser sends no preflight for this request.
    NoPreflight,
    /// A cookie of an earlier check was not sent, since a browser would not send it.
    CookieWithheld {
        /// Its name.
        name: String,
        /// The host that set it.
        host: String,
        /// Whether the page and the host belong to different sites; otherwise another host set the cookie.
        is_of_other_site: bool,
    },
    /// A development server forwards the request to another server, which also got it directly.
    AskedDirectly(Box<AskedDirectly>),
}

/// A request to the server behind a development server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedDirectly {
    /// The proxy rule of the development server.
    pub rule: PassesOn,
    /// The request, for users.
    pub target: String,
    /// Whether the prefix of the path was removed: with it, the server has no such route.
    pub is_stripped: bool,
    /// Why it failed, if it did.
    pub fault: Option<ProbeFault>,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The purpose of the request.
    pub stage: Stage,
    /// `OPTIONS`, `GET`, …
    pub method: String,
    /// The address. A password in it is masked.
    pub url: String,
    /// The command that sends it: `curl -i -X OPTIONS …`. Secrets in it are masked.
    pub command: String,
    /// The received status, if any.
    pub status: Option<u16>,
    /// The relevant headers of the response, in lower case: those of CORS, `vary`, `location`, `server`,
    /// `content-type`, `content-length`, `www-authenticate`, `allow`.
    pub headers: Vec<(String, String)>,
    /// How long the head of the response took, including the connection.
    pub head: Option<Duration>,
    /// How long the exchange took.
    pub took: Duration,
}

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The `OPTIONS` request that a browser sends first.
    Preflight,
    /// The request itself.
    Request,
    /// A request that no browser sends, for further evidence.
    Inquiry,
}

impl CheckAnswer {
    /// Returns why it failed, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<&CheckFault> {
        match &self.outcome {
            CheckOutcome::Failed(fault) => Some(fault),
            CheckOutcome::Passed | CheckOutcome::Skipped(_) => None,
        }
    }

    /// Returns why it failed as the fault of a probe, without the details of a browser.
    #[must_use]
    pub fn probe_fault(&self) -> Option<ProbeFault> {
        let kind = match self.fault()? {
            CheckFault::Plain(kind) => kind.clone(),
            CheckFault::Cors(fault) => ProbeFaultKind::Header(fault.to_string()),
            CheckFault::Redacted(error) => ProbeFaultKind::Status {
                status: error.status,
                body: error.body.clone(),
            },
            CheckFault::WebSocket(fault) => match &fault.by {
                Refuser::Subprotocol { .. } => ProbeFaultKind::Protocol(fault.to_string()),
                _ => ProbeFaultKind::WebSocketRefused(fault.status),
            },
        };
        Some(ProbeFault {
            target: self.target.clone(),
            kind,
        })
    }

    /// Returns the last exchange with this purpose.
    #[must_use]
    pub fn exchange(&self, stage: Stage) -> Option<&Exchange> {
        let mut exchanges = self.exchanges.iter().rev();
        exchanges.find(|exchange| exchange.stage == stage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preflight => "the preflight",
            Self::Request => "the request",
            Self::Inquiry => "the inquiry",
        })
    }
}

impl fmt::Display for CorsFault {
    /// Formats a clause such as `the preflight's answer does not allow the method PUT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer to {} ", self.stage)?;
        match &self.rule {
            CorsRule::Missing => write!(f, "({}) has no CORS headers", self.status),
            CorsRule::Origin { allowed: None } => f.write_str("does not allow the origin"),
            CorsRule::Origin {
                allowed: Some(allowed),
            } => write!(f, "allows the origin {allowed} only"),
            CorsRule::Credentials { wildcard: true } => {
                f.write_str("allows every origin, which does not count with cookies")
            }
            CorsRule::Credentials { wildcard: false } => f.write_str("does not allow cookies"),
            CorsRule::Method { method } => write!(f, "does not allow the method {method}"),
            CorsRule::Header { names } => {
                write!(f, "does not allow the request header {}", names.join(", "))
            }
            CorsRule::Redirect { location } => write!(f, "is a redirect to {location}"),
            CorsRule::Status => write!(f, "has the status {}", self.status),
        }
    }
}

impl fmt::Display for WebSocketFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refuser::Subprotocol { asked, came } = &self.by else {
            return write!(f, "the handshake is refused with {}", self.status);
        };
        let named = |protocol: &Option<String>| {
            let named = protocol.as_ref().map(|name| format!("`{name}`"));
            named.unwrap_or_else(|| "none".to_owned())
        };
        write!(
            f,
            "the subprotocol is {}, not {}",
            named(came),
            named(asked)
        )
    }
}
