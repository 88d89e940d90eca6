//! Checks: what a user of a service would do, done as the user's browser does it.
//!
//! [`Checks::run`] makes all checks of a service in order; [`check`] makes one. A check without an
//! origin is a plain request. One with an origin is the request of a page: [`fetch`] follows the
//! Fetch standard, and sends further requests if a response does not show the cause of a failure.
//! The results are the types of [`crate::diagnose::evidence::check`]; they contain no conclusions.

mod conversation;
mod cookies;
mod cors;
mod curl;
mod fetch;
mod origin;
mod safelist;
mod saved;
mod websocket;

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use url::Url;

pub use self::saved::Saved;
use self::{conversation::Conversation, fetch::Fetch, origin::Page};
use crate::{
    diagnose::evidence::{
        PassesOn,
        check::{CheckAnswer, CheckFault, CheckOutcome, Skipped, Stage},
    },
    effects::probe::{self, Context, Prober, address::shown},
    fs::redact::redact,
    model::facts::ProbeFaultKind,
    stack::{Check, CheckAction, HttpRequest, Ports, Service},
};

/// The extra time for the first answer of a check in a run: a development server compiles a page when it
/// is first requested.
pub const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// The minimum time left to begin a check: with less, a failure would prove nothing about the service.
const LEAST: Duration = Duration::from_millis(50);

/// All checks of a service.
pub struct Checks<'a, P> {
    /// The client for the requests.
    pub prober: &'a Prober,
    /// The service with the checks.
    pub service: &'a Service,
    /// The ports of the stack.
    pub ports: &'a P,
    /// The values that the checks of the stack save for each other.
    pub saved: &'a Saved,
    /// The working directory and environment of commands.
    pub context: &'a Context,
    /// How long a response may come after the timeout of its check. It then still passes, so that a
    /// diagnosis distinguishes a slow service from one that hangs.
    pub patience: Duration,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The facts for the diagnosis.
    pub answer: CheckAnswer,
    /// The values saved for later checks, by name. They may be secrets.
    pub saved: BTreeMap<String, String>,
}

impl<P: Ports + Sync> Checks<'_, P> {
    /// Makes the checks in the order of the file, each within its own timeout and
    /// [`Self::patience`], all within `limit`. Returns one answer each. A check is skipped if an
    /// earlier one has not saved a value that it needs, or if no time is left.
    pub async fn run(&self, limit: Duration) -> Vec<CheckAnswer> {
        let deadline = Instant::now() + limit.min(probe::LONGEST);
        let mut answers = Vec::with_capacity(self.service.checks.len());
        for check in &self.service.checks {
            answers.push(self.one(check, deadline).await);
        }
        answers
    }

    /// Makes a check that changes nothing, directly at the server behind a development server and
    /// without a page. The prefix `without` is removed from its path. Returns `None` for any other
    /// check.
    pub async fn directly(
        &self,
        template: &Check,
        rule: &PassesOn,
        without: &str,
        limit: Duration,
    ) -> Option<CheckAnswer> {
        let (mut check, _) = saved::fill(template, &self.service.name, self.ports, self.saved);
        let (url, scheme) = match &mut check.action {
            CheckAction::Http(request) if matches!(request.method.as_str(), "GET" | "HEAD") => {
                (&mut request.url, "http")
            }
            CheckAction::WebSocket { url, .. } => (url, "ws"),
            _ => return None,
        };
        let mut direct = Url::parse(url).ok()?;
        let rest = direct.path().strip_prefix(&rule.path)?;
        if !without.is_empty() {
            let rest = format!("/{}", rest.trim_start_matches('/'));
            direct.set_path(&rest);
        }
        let end = if rule.scheme.ends_with('s') { "s" } else { "" };
        direct.set_scheme(&format!("{scheme}{end}")).ok()?;
        direct.set_host(Some(&rule.host)).ok()?;
        direct.set_port(Some(rule.port)).ok()?;
        *url = direct.into();
        check.origin = None;
        check.timeout = check.timeout.min(limit);
        let checked = self::check(self.prober, &check, self.context, &self.saved.copy()).await;
        Some(checked.answer)
    }

    async fn one(&self, template: &Check, deadline: Instant) -> CheckAnswer {
        let name = &self.service.name;
        let (mut check, missing) = saved::fill(template, name, self.ports, self.saved);
        let left = deadline.saturating_duration_since(Instant::now());
        if let Some(value) = missing {
            let saves = |other: &&Check| other.save.contains_key(&value);
            let saved_by = self.service.checks.iter().find(saves);
            let saved_by = saved_by.map(|other| other.name.clone());
            self.saved.replace(template, BTreeMap::new());
            return skipped(&check, Skipped::Missing { value, saved_by });
        }
        if left < LEAST.min(check.timeout) {
            self.saved.replace(template, BTreeMap::new());
            return skipped(&check, Skipped::OutOfTime);
        }
        let allowed = check.timeout.min(left);
        check.timeout = check.timeout.saturating_add(self.patience).min(left);
        let checked = self::check(self.prober, &check, self.context, self.saved).await;
        self.saved.replace(template, checked.saved);
        let mut answer = checked.answer;
        answer.timeout = allowed;
        let shown = answer.exchanges.iter_mut();
        let shown = shown.flat_map(|exchange| [&mut exchange.url, &mut exchange.command]);
        for text in shown.chain([&mut answer.target]) {
            *text = self.saved.masked(text);
        }
        answer
    }
}

/// Makes one check, within its timeout.
pub async fn check(
    prober: &Prober,
    check: &Check<String>,
    context: &Context,
    saved: &Saved,
) -> Checked {
    let began = Instant::now();
    let timeout = check.timeout.min(probe::LONGEST);
    let page = check.origin.as_deref().map(Page::new);
    let session = check.credentials.then_some((saved, page.as_ref()));
    let mut conversation = Conversation::new(prober, began + timeout, session);
    let made = match &check.action {
        CheckAction::Http(request) => http(&mut conversation, check, request, page.as_ref()).await,
        CheckAction::WebSocket { url, protocol } => {
            let (protocol, page) = (protocol.as_deref(), page.as_ref());
            let shaken = websocket::shake_hands(&mut conversation, url, protocol, page).await;
            shaken.map(|()| BTreeMap::new())
        }
        CheckAction::Redis(url) => nothing_saved(conversation.write(url).await),
        CheckAction::Command(command) => nothing_saved(probe::run(command, context, timeout).await),
    };
    let mut answer = unasked(check, page.as_ref());
    answer.exchanges = conversation.exchanges;
    answer.notes = conversation.notes;
    answer.took = began.elapsed();
    let (outcome, saved) = match made {
        Ok(saved) => (CheckOutcome::Passed, saved),
        Err(fault) => (CheckOutcome::Failed(masked(fault)), BTreeMap::new()),
    };
    answer.outcome = outcome;
    Checked { answer, saved }
}

fn nothing_saved(
    outcome: Result<(), ProbeFaultKind>,
) -> Result<BTreeMap<String, String>, CheckFault> {
    outcome.map(|()| BTreeMap::new()).map_err(CheckFault::Plain)
}

async fn http(
    conversation: &mut Conversation<'_>,
    check: &Check<String>,
    request: &HttpRequest<String>,
    page: Option<&Page>,
) -> Result<BTreeMap<String, String>, CheckFault> {
    let answer = if let Some(page) = page {
        let mut fetch = Fetch {
            conversation,
            page,
            credentials: check.credentials,
        };
        fetch.run(request).await?
    } else {
        let answer = conversation.send(Stage::Request, request).await;
        answer.map_err(CheckFault::Plain)?
    };
    let judged = answer.judge(&request.expect);
    let saved = judged.and_then(|()| saved::take(&check.save, &answer.head.headers, &answer.body));
    saved.map_err(CheckFault::Plain)
}

/// Returns the answer for a check that was not made.
fn skipped(check: &Check<String>, why: Skipped) -> CheckAnswer {
    let page = check.origin.as_deref().map(Page::new);
    let mut answer = unasked(check, page.as_ref());
    answer.outcome = CheckOutcome::Skipped(why);
    answer
}

/// Returns the facts about a check before it is made.
fn unasked(check: &Check<String>, page: Option<&Page>) -> CheckAnswer {
    let (target, url) = match &check.action {
        CheckAction::Http(request) => {
            let target = format!("{} {}", request.method, shown(&request.url));
            (target, Some(&request.url))
        }
        CheckAction::WebSocket { url, .. } => (format!("WebSocket {}", shown(url)), Some(url)),
        CheckAction::Redis(url) => (format!("SET {}", shown(url)), Some(url)),
        CheckAction::Command(command) => (format!("`{command}`"), None),
    };
    let url = url.and_then(|url| Url::parse(url).ok());
    let same_origin = page.zip(url.as_ref());
    CheckAnswer {
        name: check.name.clone(),
        target: redact(&target).into_owned(),
        host: url.as_ref().and_then(Url::host_str).map(str::to_owned),
        port: url.as_ref().and_then(|url| match url.scheme() {
            "redis" | "rediss" => Some(url.port().unwrap_or(6379)),
            _ => url.port_or_known_default(),
        }),
        origin: page.map(|page| page.written().to_owned()),
        same_origin: same_origin.is_some_and(|(page, url)| page.is_origin_of(url)),
        credentials: check.credentials,
        outcome: CheckOutcome::Passed,
        exchanges: Vec::new(),
        notes: Vec::new(),
        took: Duration::ZERO,
        timeout: check.timeout,
    }
}

/// Returns the fault with all possible secrets masked.
fn masked(fault: CheckFault) -> CheckFault {
    let masked = |text: String| redact(&text).into_owned();
    let CheckFault::Plain(kind) = fault else {
        return fault;
    };
    CheckFault::Plain(match kind {
        ProbeFaultKind::Status { status, body } => ProbeFaultKind::Status {
            status,
            body: masked(body),
        },
        ProbeFaultKind::Body(what) => ProbeFaultKind::Body(masked(what)),
        ProbeFaultKind::Header(what) => ProbeFaultKind::Header(masked(what)),
        ProbeFaultKind::Protocol(what) => ProbeFaultKind::Protocol(masked(what)),
        ProbeFaultKind::Command { exit, last_line } => ProbeFaultKind::Command {
            exit,
            last_line: last_line.map(masked),
        },
        kind => kind,
    })
}
