//! What came of a check: a request as a user makes it or, where the check has an origin, as the
//! page of that origin makes it in a browser.
//!
//! The Fetch standard (<https://fetch.spec.whatwg.org/>) is what a browser goes by. That it refuses
//! an answer has two reasons which it tells nobody apart: the CORS settings are wrong
//! ([`CheckFault::Cors`]), or the settings are right and an error answer went past them
//! ([`CheckFault::Redacted`]). Here they are told apart.

use std::{fmt, time::Duration};

use super::PassesOn;
use crate::model::facts::{ProbeFault, ProbeFaultKind};

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckAnswer {
    /// The check's name.
    pub name: String,
    /// What was asked, as a person reads it: `POST http://localhost:8001/v1/sessions/`.
    pub target: String,
    /// The host that is asked, as the stack file writes it. `None` where no address is asked (a
    /// command), or where it cannot be understood.
    pub host: Option<String>,
    /// The port that is asked.
    pub port: Option<u16>,
    /// The page it is asked from, as a browser writes it into `Origin`.
    pub origin: Option<String>,
    /// Whether the page and the address have the same origin, so that no CORS is needed.
    pub same_origin: bool,
    /// Whether cookies go along.
    pub credentials: bool,
    /// Whether the answer pleases.
    pub outcome: CheckOutcome,
    /// What went over the line, in order.
    pub exchanges: Vec<Exchange>,
    /// What is no fault by itself, and may explain one.
    pub notes: Vec<CheckNote>,
    /// How long it took, all exchanges together.
    pub took: Duration,
    /// How long it was given.
    pub timeout: Duration,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As expected, and (with an origin) such that the page gets to see it.
    Passed,
    /// Otherwise.
    Failed(CheckFault),
    /// It was not made: it says nothing about the service.
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
    /// The time for all checks of the service was over.
    OutOfTime,
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckFault {
    /// For a reason that has nothing to do with a browser: `curl` sees the same.
    Plain(ProbeFaultKind),
    /// The answer to the preflight or to the request breaks a rule of CORS: the settings are wrong.
    Cors(Box<CorsFault>),
    /// An error answer without CORS headers, from a server whose CORS settings are right (or, by
    /// [`CheckNote::Unsettled`], not known): the browser reports CORS, and what is wrong is the error.
    Redacted(RedactedError),
    /// The handshake of a WebSocket is refused.
    WebSocket(WebSocketFault),
}

/// An error answer that a browser reports as a CORS error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactedError {
    /// What came: 400 or more, and not a status that the check expects.
    pub status: u16,
    /// The first 2 KiB of its body. What looks like a secret is masked.
    pub body: String,
    /// Whether the browser itself sends a preflight, which passes. If not, we sent one all the same
    /// to see what the CORS settings are: they are right, unless [`CheckNote::Unsettled`] says that even
    /// that got an error.
    pub preflighted: bool,
}

/// A rule of CORS that an answer breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsFault {
    /// Of which request the answer is refused.
    pub stage: Stage,
    /// The address that gave the answer; another than the one asked after a redirect.
    pub url: String,
    /// The status of the answer.
    pub status: u16,
    /// Which rule.
    pub rule: CorsRule,
    /// The header line that came, if one did: `Access-Control-Allow-Origin: *`.
    pub came: Option<String>,
    /// The header line that would be right; `None` where no header would help.
    pub right: Option<String>,
    /// The first 2 KiB of the answer's body. What looks like a secret is masked.
    pub body: String,
}

/// The rules of CORS, as far as they are broken in different settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsRule {
    /// No CORS header at all, in neither the preflight nor the request: nobody there does CORS. Also
    /// where only the request's answer lacks them, its status being as expected: a part of the
    /// server is outside of what does CORS.
    Missing,
    /// The origin is not allowed.
    Origin {
        /// What is allowed instead, where the answer says so: another origin, or several in one
        /// header, which no browser understands.
        allowed: Option<String>,
    },
    /// Cookies go along, and the answer does not allow it.
    Credentials {
        /// The answer allows every origin (`*`), which does not count with cookies.
        wildcard: bool,
    },
    /// The method is not allowed. `PUT`, say: `GET`, `HEAD` and `POST` always are.
    Method {
        /// The method.
        method: String,
    },
    /// Request headers are not allowed.
    Header {
        /// Their names, in lower case, sorted. Never empty.
        names: Vec<String>,
    },
    /// A preflight is answered with a redirect, which no browser follows; or the request is sent on
    /// to an address whose answer breaks a rule.
    Redirect {
        /// Where to.
        location: String,
    },
    /// A preflight is answered with an error (401, 403 or 5xx mostly: something in front of what
    /// does CORS refuses or fails).
    Status,
}

/// What came of a WebSocket handshake that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketFault {
    /// The status; 101 if it is the subprotocol that does not please.
    pub status: u16,
    /// What refuses.
    pub by: Refuser,
    /// The first 2 KiB of the answer's body. What looks like a secret is masked.
    pub body: String,
    /// The program that says of itself that it answers (the header `Server`).
    pub server: Option<String>,
}

/// What refuses a WebSocket handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// Who asks is not known or not allowed: 401, or a 403 that a plain `GET` gets too or that
    /// explains itself.
    Auth,
    /// The page's origin: without it, the handshake is accepted.
    Origin,
    /// There is no such path.
    NoRoute,
    /// A 403 without a word: the application closes before it accepts. Starlette does that where
    /// there is no such route as well as where the application refuses.
    AuthOrNoRoute,
    /// What answers speaks HTTP and knows nothing of `WebSocket`: a plain server, uvicorn without
    /// `websockets` installed, a proxy that does not pass the upgrade on.
    PlainHttp,
    /// The request does not please (400, 426): another version or subprotocol, or no WebSocket
    /// endpoint.
    BadRequest,
    /// The server failed (5xx).
    ServerError,
    /// The handshake is accepted with another subprotocol than the one asked for, or with none; a
    /// browser then gives up.
    Subprotocol {
        /// What was asked for.
        asked: Option<String>,
        /// What came.
        came: Option<String>,
    },
    /// Any other status.
    Other,
}

/// What is no fault by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckNote {
    /// The answer is for one origin only and does not say `Vary: Origin`, so that a cache may give
    /// it to another.
    NoVary,
    /// The origin is allowed under another name of this machine: `http://127.0.0.1:5173` and
    /// `http://localhost:5173` are two origins.
    OtherName {
        /// The one that is allowed.
        allowed: String,
    },
    /// The header `Authorization` is allowed by `*` alone. Browsers still let that pass, with a warning
    /// in the console; by the standard it must be named.
    UnnamedToken,
    /// A preflight that we sent got an error without CORS headers, as the request did, or no answer: of
    /// the CORS settings nothing is known.
    Unsettled,
    /// The request was sent on, as a browser is.
    Redirected {
        /// Where to.
        location: String,
    },
    /// The preflight passes: the CORS settings are right.
    PreflightPasses,
    /// A browser sends no preflight for this request.
    NoPreflight,
    /// A cookie of an earlier check was not sent, as a browser does not send it.
    CookieWithheld {
        /// Its name.
        name: String,
        /// The host that set it.
        host: String,
        /// Whether the page is of another site than the host; otherwise another host set the cookie.
        is_of_other_site: bool,
    },
    /// A development server passes the request on to another server, which was asked the same directly.
    AskedDirectly(Box<AskedDirectly>),
}

/// A request to the server behind a development server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedDirectly {
    /// What the development server passes on.
    pub rule: PassesOn,
    /// What was asked.
    pub target: String,
    /// Whether the beginning of the path was left out: with it, the server has no such route.
    pub is_stripped: bool,
    /// Why it failed, if it did.
    pub fault: Option<ProbeFault>,
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What for.
    pub stage: Stage,
    /// `OPTIONS`, `GET`, …
    pub method: String,
    /// Where to. A password in it is masked.
    pub url: String,
    /// The same for a person to try: `curl -i -X OPTIONS …`. Secrets in it are masked.
    pub command: String,
    /// The status that came, if any came.
    pub status: Option<u16>,
    /// The headers of the answer that tell something, in lower case: those of CORS, `vary`,
    /// `location`, `server`, `content-type`, `content-length`, `www-authenticate`, `allow`.
    pub headers: Vec<(String, String)>,
    /// How long the head of the answer took, from the start of the connection on.
    pub head: Option<Duration>,
    /// How long all of it took.
    pub took: Duration,
}

/// What a request is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The question that a browser asks before it sends a request: `OPTIONS`.
    Preflight,
    /// The request itself.
    Request,
    /// A question that no browser asks, to learn what an answer leaves open.
    Inquiry,
}

impl CheckAnswer {
    /// Why it failed, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<&CheckFault> {
        match &self.outcome {
            CheckOutcome::Failed(fault) => Some(fault),
            CheckOutcome::Passed | CheckOutcome::Skipped(_) => None,
        }
    }

    /// The same as a probe would say it, for those who need no more.
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

    /// The last exchange of this stage.
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
    /// `the preflight's answer does not allow the method PUT`
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
