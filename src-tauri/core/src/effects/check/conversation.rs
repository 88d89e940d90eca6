//! The requests and responses of one check, and the record of them.

use std::time::Duration;

use hyper::{HeaderMap, header};
use tokio::time::Instant;

use url::Url;

use super::{
    Saved,
    cookies::{Cookie, Withheld},
    curl,
    origin::Page,
};
use crate::{
    diagnose::evidence::check::{CheckNote, Exchange, Stage},
    effects::probe::{
        Prober,
        address::shown,
        http::{Answer, Look},
        redis::Depth,
        websocket::Handshake,
    },
    fs::redact::redact,
    model::facts::ProbeFaultKind,
    stack::HttpRequest,
};

/// The time limit of a request that only explains a response.
const INQUIRY: Duration = Duration::from_millis(500);

/// The requests and responses of one check, in order.
pub(super) struct Conversation<'a> {
    prober: &'a Prober,
    deadline: Instant,
    /// The saved cookies and the requesting page, if cookies are sent.
    session: Option<(&'a Saved, Option<&'a Page>)>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) notes: Vec<CheckNote>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        prober: &'a Prober,
        deadline: Instant,
        session: Option<(&'a Saved, Option<&'a Page>)>,
    ) -> Self {
        Self {
            prober,
            deadline,
            session,
            exchanges: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Sends a request and returns the response.
    pub(super) async fn send(
        &mut self,
        stage: Stage,
        request: &HttpRequest<String>,
    ) -> Result<Answer, ProbeFaultKind> {
        let began = Instant::now();
        let deadline = self.deadline(stage);
        let with_cookies = self.with_cookies(stage, request);
        let request = with_cookies.as_ref().unwrap_or(request);
        let answer = self.prober.fetch(request, Look::Close, deadline).await;
        if let (Ok(answer), Some((saved, _)), Ok(url)) =
            (&answer, self.session, Url::parse(&request.url))
        {
            saved.keep_cookies(Cookie::of_answer(&answer.head.headers, &url));
        }
        let (method, command) = (&request.method, curl::command(request));
        self.record(
            stage,
            method,
            &request.url,
            command,
            began,
            answer.as_ref().ok(),
        );
        answer
    }

    /// Returns the request with the cookies that a browser would send with it.
    fn with_cookies(
        &mut self,
        stage: Stage,
        request: &HttpRequest<String>,
    ) -> Option<HttpRequest<String>> {
        let (saved, page) = self.session.filter(|_| stage == Stage::Request)?;
        let url = Url::parse(&request.url).ok()?;
        let (line, withheld) = saved.cookies_for(&url, page);
        for (cookie, why) in withheld {
            self.note(CheckNote::CookieWithheld {
                name: cookie.name,
                host: cookie.host,
                is_of_other_site: why == Withheld::Site,
            });
        }
        let mut request = request.clone();
        let named = |name: &String| name.eq_ignore_ascii_case("cookie");
        let given = request.headers.keys().find(|name| named(name)).cloned();
        let given = given.and_then(|name| request.headers.remove(&name));
        let all: Vec<String> = given.into_iter().chain([line?]).collect();
        request.headers.insert("Cookie".to_owned(), all.join("; "));
        Some(request)
    }

    /// Requests an upgrade to WebSocket.
    pub(super) async fn shake_hands(
        &mut self,
        stage: Stage,
        handshake: &Handshake<'_>,
    ) -> Result<Answer, ProbeFaultKind> {
        let began = Instant::now();
        let deadline = self.deadline(stage);
        let answer = self.prober.shake_hands(handshake, deadline).await;
        let command = curl::handshake(handshake.url, handshake.protocol, handshake.headers);
        self.record(
            stage,
            "GET",
            handshake.url,
            command,
            began,
            answer.as_ref().ok(),
        );
        answer
    }

    /// Sends Redis a write that changes nothing.
    pub(super) async fn write(&mut self, url: &str) -> Result<(), ProbeFaultKind> {
        let began = Instant::now();
        let outcome = self.prober.redis(url, Depth::Write, self.deadline).await;
        let command = format!(
            "redis-cli -u {} SET pilotlight:no-such-key 1 XX",
            shell_words::quote(&shown(url))
        );
        self.record(Stage::Request, "SET", url, command, began, None);
        outcome
    }

    /// Adds a note, unless it is already there.
    pub(super) fn note(&mut self, note: CheckNote) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn deadline(&self, stage: Stage) -> Instant {
        match stage {
            Stage::Preflight | Stage::Request => self.deadline,
            Stage::Inquiry => self.deadline.min(Instant::now() + INQUIRY),
        }
    }

    fn record(
        &mut self,
        stage: Stage,
        method: &str,
        url: &str,
        command: String,
        began: Instant,
        answer: Option<&Answer>,
    ) {
        self.exchanges.push(Exchange {
            stage,
            method: method.to_owned(),
            url: redact(&shown(url)).into_owned(),
            command,
            status: answer.map(Answer::status),
            headers: answer.map_or_else(Vec::new, |answer| telling(&answer.head.headers)),
            head: answer.map(|answer| answer.headed - began),
            took: began.elapsed(),
        });
    }
}

/// Returns the headers that help to explain a response, with secrets masked.
fn telling(headers: &HeaderMap) -> Vec<(String, String)> {
    let known = [
        header::ALLOW,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::LOCATION,
        header::SEC_WEBSOCKET_PROTOCOL,
        header::SERVER,
        header::TRANSFER_ENCODING,
        header::VARY,
        header::WWW_AUTHENTICATE,
    ];
    let tells = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control-") || known.contains(name));
    let shown = tells.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), redact(&value).into_owned())
    });
    shown.collect()
}
