//! Sends a request as the page of an origin does: `fetch(url, { mode: "cors" })` of the Fetch
//! standard (<https://fetch.spec.whatwg.org/#fetching>). Sends a preflight if a browser would, then
//! the request, then follows redirects. Each response is checked as a browser does before the page
//! can read it.

mod address;
mod reason;
mod redirect;

use hyper::header;
use url::Url;

pub(super) use self::address::address;
use self::redirect::{redirect, send_on};
use super::{
    conversation::Conversation,
    cors::{self, Asking, Broken, Leave},
    origin::Page,
    safelist::{is_safe_method, normalized_method, unsafe_names},
};
use crate::{
    diagnose::evidence::check::{CheckFault, CheckNote, CorsFault, CorsRule, Stage},
    effects::probe::http::Answer,
    fs::redact::redact,
    model::facts::ProbeFaultKind,
    stack::{Body, HttpRequest},
};

/// The maximum number of redirects that a browser follows.
const MOST_REDIRECTS: usize = 20;

/// A page that sends a request, and the record of its exchanges.
pub(super) struct Fetch<'f, 'c> {
    pub(super) conversation: &'f mut Conversation<'c>,
    pub(super) page: &'f Page,
    /// Whether cookies are sent to other origins.
    pub(super) credentials: bool,
}

/// One request in a chain of redirects.
struct Leg<'l> {
    request: &'l HttpRequest<String>,
    url: &'l Url,
    /// Whether it, or an earlier one, leaves the page's origin.
    is_cross: bool,
    /// The value of the `Origin` header.
    origin: String,
    /// Whether it follows a redirect.
    is_sent_on: bool,
}

impl Fetch<'_, '_> {
    /// Sends the request and returns the response that the page can read.
    pub(super) async fn run(
        &mut self,
        request: &HttpRequest<String>,
    ) -> Result<Answer, CheckFault> {
        let mut request = authored(request);
        let (mut is_cross, mut is_tainted) = (false, false);
        for sent_on in 0..=MOST_REDIRECTS {
            let url = address(&request.url)?;
            is_cross |= !self.page.is_origin_of(&url);
            let origin = if is_tainted {
                "null"
            } else {
                self.page.written()
            };
            let leg = Leg {
                request: &request,
                url: &url,
                is_cross,
                origin: origin.to_owned(),
                is_sent_on: sent_on > 0,
            };
            let answer = self.leg(&leg).await?;
            let Some(next) = redirect(&answer, &url, &request.expect)? else {
                return Ok(answer);
            };
            let location = redact(next.as_str()).into_owned();
            self.conversation.note(CheckNote::Redirected { location });
            let leaves = next.origin() != url.origin();
            is_tainted |= leaves && !self.page.is_origin_of(&url);
            send_on(&mut request, answer.status(), &next, leaves);
        }
        Err(protocol("it redirects more than 20 times"))
    }

    async fn leg(&mut self, leg: &Leg<'_>) -> Result<Answer, CheckFault> {
        let names = names(leg.request);
        let needs_leave = !is_safe_method(&leg.request.method) || !names.is_empty();
        if leg.is_cross && needs_leave {
            self.preflight(leg, &names).await?;
        } else if leg.is_cross {
            self.conversation.note(CheckNote::NoPreflight);
        }
        let request = self.dressed(leg);
        let answer = self.conversation.send(Stage::Request, &request).await;
        let answer = answer.map_err(CheckFault::Plain)?;
        if leg.is_cross
            && let Err(broken) = cors::judge(&answer.head.headers, self.asking(leg))
        {
            return Err(self.refused(leg, needs_leave, &answer, broken).await);
        }
        let is_for_one = answer
            .head
            .headers
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .is_some_and(|allowed| allowed != "*");
        if leg.is_cross && is_for_one && !cors::varies_by_origin(&answer.head.headers) {
            self.conversation.note(CheckNote::NoVary);
        }
        Ok(answer)
    }

    async fn preflight(&mut self, leg: &Leg<'_>, names: &[String]) -> Result<(), CheckFault> {
        let leave = Leave {
            method: &leg.request.method,
            names,
        };
        let request = asking_leave(leg.request, &leg.origin, leave);
        let answer = self.conversation.send(Stage::Preflight, &request).await;
        let answer = answer.map_err(CheckFault::Plain)?;
        let asking = self.asking(leg);
        let (status, headers) = (answer.status(), &answer.head.headers);
        let Err(broken) = cors::judge_preflight(status, headers, asking, leave) else {
            self.conversation.note(CheckNote::PreflightPasses);
            if cors::leaves_token_unnamed(headers, names) {
                self.conversation.note(CheckNote::UnnamedToken);
            }
            return Ok(());
        };
        let broken = self.explained(leg, leave, broken).await;
        Err(fault(Stage::Preflight, leg, &answer, broken))
    }

    fn asking<'l>(&self, leg: &'l Leg<'_>) -> Asking<'l> {
        Asking {
            origin: &leg.origin,
            credentials: self.credentials,
        }
    }

    /// Returns the request with the headers that a browser adds.
    fn dressed(&self, leg: &Leg<'_>) -> HttpRequest<String> {
        let mut request = leg.request.clone();
        let method = request.method.as_str();
        if leg.is_cross || !matches!(method, "GET" | "HEAD") {
            set(&mut request, "Origin", &leg.origin);
        }
        if leg.is_cross && !self.credentials {
            unset(&mut request, "Cookie");
        }
        set(&mut request, "Sec-Fetch-Dest", "empty");
        set(&mut request, "Sec-Fetch-Mode", "cors");
        set(&mut request, "Sec-Fetch-Site", self.page.site_of(leg.url));
        request
    }
}

/// Returns the request as the page creates it, with the headers that its method and body imply.
fn authored(request: &HttpRequest<String>) -> HttpRequest<String> {
    let mut request = request.clone();
    request.method = normalized_method(&request.method);
    let content_type = match &request.body {
        None => None,
        Some(Body::Text(_)) => Some("text/plain;charset=UTF-8"),
        Some(Body::Json(_)) => Some("application/json"),
    };
    let is_given = request
        .headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("content-type"));
    if let Some(content_type) = content_type.filter(|_| !is_given) {
        set(&mut request, "Content-Type", content_type);
    }
    unset(&mut request, "Origin");
    request
}

fn names(request: &HttpRequest<String>) -> Vec<String> {
    let headers = request.headers.iter();
    unsafe_names(headers.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Builds a preflight.
fn asking_leave(
    request: &HttpRequest<String>,
    origin: &str,
    leave: Leave<'_>,
) -> HttpRequest<String> {
    let mut asking = HttpRequest::new("OPTIONS", &request.url);
    set(&mut asking, "Origin", origin);
    set(&mut asking, "Access-Control-Request-Method", leave.method);
    if !leave.names.is_empty() {
        let names = leave.names.join(",");
        set(&mut asking, "Access-Control-Request-Headers", &names);
    }
    set(&mut asking, "Sec-Fetch-Mode", "cors");
    asking
}

fn fault(stage: Stage, leg: &Leg<'_>, answer: &Answer, broken: Broken) -> CheckFault {
    let location = || redact(leg.url.as_str()).into_owned();
    let rule = match broken.rule {
        // The target of a redirect is not a setting of the requested service.
        CorsRule::Missing | CorsRule::Origin { .. } if leg.is_sent_on => CorsRule::Redirect {
            location: location(),
        },
        rule => rule,
    };
    CheckFault::Cors(Box::new(CorsFault {
        stage,
        url: location(),
        status: answer.status(),
        rule,
        came: broken.came,
        right: broken.right,
        body: explanation(answer),
    }))
}

pub(super) fn explanation(answer: &Answer) -> String {
    redact(&answer.explanation()).into_owned()
}

fn protocol(what: &str) -> CheckFault {
    CheckFault::Plain(ProbeFaultKind::Protocol(what.to_owned()))
}

fn set(request: &mut HttpRequest<String>, name: &str, value: &str) {
    unset(request, name);
    request.headers.insert(name.to_owned(), value.to_owned());
}

fn unset(request: &mut HttpRequest<String>, name: &str) {
    request
        .headers
        .retain(|other, _| !other.eq_ignore_ascii_case(name));
}
