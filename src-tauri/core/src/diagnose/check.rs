//! The failed checks of a service.

use super::{
    commands, cors,
    facts::{Facts, Seen, Situation, brief},
    holder::{Candidate, Cause, CausedBy, Level},
    listen,
    log::{self, When},
    probe::is_failure,
    redis, websocket,
};
use crate::{
    diagnose::evidence::{
        check::{
            AskedDirectly, CheckAnswer, CheckFault, CheckNote, CheckOutcome, CorsRule, Skipped,
            Stage,
        },
        log::LogErrorKind,
    },
    fs::redact::Redacted,
    model::{
        facts::{ProbeFault, ProbeFaultKind},
        finding::{Code, Described as _, Symptom},
    },
};

/// The evidence if an error hides the CORS settings.
const UNSETTLED: &str = "the CORS settings are unknown, since a preflight gets an error too";

/// A failed check with the services on both ends.
#[derive(Clone, Copy)]
pub(super) struct Failed<'a> {
    pub(super) facts: &'a Facts<'a>,
    /// The service with the check.
    pub(super) requester: Seen<'a>,
    /// The service with the requested port, usually the same.
    pub(super) answerer: Seen<'a>,
    pub(super) check: &'a CheckAnswer,
}

/// Returns the candidates for the failed checks of a service. Skipped checks are ignored.
pub(super) fn failed(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for check in &seen.is.checks {
        // The first request of a run may wait for a page to be compiled.
        let late = check.outcome == CheckOutcome::Passed
            && check.took > check.timeout
            && !seen.is.first_checks;
        if check.fault().is_none() && !late {
            continue;
        }
        let asked = (check.host.as_deref().unwrap_or("localhost"), check.port);
        // A request that also fails directly is a fault of the server behind the proxy.
        let (host, port) = match asked_directly(check) {
            Some(direct) if direct.fault.is_some() => (&*direct.rule.host, Some(direct.rule.port)),
            _ => asked,
        };
        let owner = port.and_then(|port| facts.owner(host, port));
        let failed = Failed {
            facts,
            requester: seen,
            answerer: owner.unwrap_or(seen),
            check,
        };
        let mut found = match check.fault() {
            Some(fault) => failed.candidates(fault),
            None => failed.late(),
        };
        if let (Some(told), Some(last)) = (failed.behind_proxy(), found.last_mut()) {
            last.finding.evidence.push(told.into());
        }
        candidates.append(&mut found);
    }
    candidates
}

fn asked_directly(check: &CheckAnswer) -> Option<&AskedDirectly> {
    check.notes.iter().find_map(|note| match note {
        CheckNote::AskedDirectly(direct) => Some(&**direct),
        _ => None,
    })
}

/// Returns the candidate for checks without a response within the time limit of the diagnosis.
pub(super) fn unanswered(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let limit = facts.evidence.within?;
    let is_unanswered =
        |check: &&CheckAnswer| check.outcome == CheckOutcome::Skipped(Skipped::OutOfTime);
    let checks = seen.is.checks.iter().filter(is_unanswered);
    let names: Vec<&str> = checks.map(|check| check.name.as_str()).collect();
    let (name, waited) = (&seen.spec.name, brief(limit));
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        Candidate::new(name, Code::NoAnswerYet, Level::Use)
            .title(format!(
                "{name} has not answered yet: {names} (waited {waited})"
            ))
            .evidence([format!("its log: {}", commands::logs(name))])
            .remedy(
                "wait longer (`pilotlight doctor` without `--within`), or give its checks shorter \
                 timeouts",
            )
    })
}

impl Failed<'_> {
    /// Describes the response of the server behind a proxy.
    fn behind_proxy(self) -> Option<String> {
        let AskedDirectly {
            rule,
            fault,
            target,
            ..
        } = asked_directly(self.check)?;
        let told = match fault {
            Some(fault) => format!("asked directly: {fault}"),
            None => format!("asked directly, {target} passes"),
        };
        let (name, place) = (&self.requester.spec.name, &rule.place);
        Some(format!(
            "{told}; {name} passes {} on to it ({place})",
            rule.shown_path()
        ))
    }

    /// Returns the candidate for a faulty proxy: the server behind it responds correctly.
    fn broken_by_proxy(self, fault: &CheckFault) -> Option<Candidate> {
        let direct = asked_directly(self.check).filter(|direct| direct.fault.is_none())?;
        let rule = &direct.rule;
        let (name, check) = (&self.requester.spec.name, &self.check.name);
        let owner = self.facts.owner(&rule.host, rule.port);
        let owner = owner.map_or_else(
            || format!("{}:{}", rule.host, rule.port),
            |owner| owner.spec.name.to_string(),
        );
        let answer = self.check.probe_fault()?;
        let path = rule.shown_path();
        let place = &rule.place;
        let (title, remedy) = if let CheckFault::WebSocket(_) = fault {
            (
                format!(
                    "the proxy of {name} does not pass the WebSocket on, which {owner} accepts directly"
                ),
                format!("let the proxy for {path} pass WebSockets on: `ws: true` ({place})"),
            )
        } else if direct.is_stripped {
            (
                format!(
                    "{name} passes {path} on unchanged, and {owner} has that route only without it"
                ),
                format!(
                    "let the proxy for {path} leave it out: `rewrite` or `pathRewrite` ({place})"
                ),
            )
        } else {
            (
                format!("the proxy of {name} fails, and {owner} answers the same request directly"),
                format!("correct the proxy for {path}: its target, path or headers ({place})"),
            )
        };
        Some(
            self.candidate(answer.code(), format!("{check}: {title}"))
                .same_as(format!("proxy {path}"))
                .evidence([answer.to_string(), self.command(Stage::Request)])
                .remedy(remedy),
        )
    }

    fn candidates(self, fault: &CheckFault) -> Vec<Candidate> {
        if let Some(candidate) = self.broken_by_proxy(fault) {
            return vec![candidate];
        }
        match fault {
            CheckFault::Plain(kind) => self.plain(kind),
            CheckFault::Redacted(error) => {
                let settings = if self.check.notes.contains(&CheckNote::Unsettled) {
                    UNSETTLED
                } else if error.preflighted || self.passes_preflight() {
                    "the CORS settings are right, the preflight passes"
                } else {
                    "the CORS settings are right, a preflight would pass"
                };
                self.masked(error.status, &error.body, settings)
            }
            // The preflight got the same error.
            CheckFault::Cors(fault)
                if fault.status >= 500
                    && matches!(fault.rule, CorsRule::Missing | CorsRule::Status) =>
            {
                self.masked(fault.status, &fault.body, UNSETTLED)
            }
            CheckFault::Cors(fault) => match cors::candidate(self, fault) {
                Some(candidate) => vec![candidate],
                None => self.plain(&ProbeFaultKind::Status {
                    status: fault.status,
                    body: fault.body.clone(),
                }),
            },
            CheckFault::WebSocket(fault) => {
                let candidate = websocket::candidate(self, fault);
                if candidate.behind == CausedBy::Needs {
                    self.with_reasons(candidate)
                } else {
                    vec![candidate]
                }
            }
        }
    }

    /// Creates a candidate for the responding service, with its symptom at the requesting one.
    pub(super) fn candidate(self, code: Code, title: impl Into<Redacted>) -> Candidate {
        let name = &self.answerer.spec.name;
        let mut candidate = Candidate::new(name, code, Level::Use).title(title);
        candidate.symptom.service = self.requester.spec.name.clone();
        candidate.symptom.check = Some(self.check.name.clone());
        candidate
    }

    /// Returns the command that sends the same request.
    pub(super) fn command(self, stage: Stage) -> String {
        let exchange = self.check.exchange(stage).or(self.check.exchanges.last());
        match exchange {
            Some(exchange) => format!("try `{}`", exchange.command),
            None => commands::ask(&self.check.target).map_or_else(
                || format!("its log: {}", commands::logs(&self.answerer.spec.name)),
                |command| format!("try {command}"),
            ),
        }
    }

    /// Returns the candidates for a check that passes after its timeout.
    fn late(self) -> Vec<Candidate> {
        let check = self.check;
        let name = &self.answerer.spec.name;
        let candidate = self
            .candidate(
                Code::Slow,
                format!(
                    "{}: {} takes {} (limit {})",
                    check.name,
                    check.target,
                    brief(check.took),
                    brief(check.timeout)
                ),
            )
            .same_as("slow")
            .evidence([self.command(Stage::Request)])
            .remedy(format!(
                "see what keeps {name} busy, or give the check more time: `timeout`"
            ));
        self.with_reasons(candidate)
    }

    /// Returns the candidate for a request that does not reach the service: it listens on another
    /// address, or another process responds.
    fn astray(self, kind: &ProbeFaultKind, clause: &str) -> Option<Candidate> {
        let (host, port) = (self.check.host.as_deref()?, self.check.port?);
        let mut candidate = if matches!(kind, ProbeFaultKind::Refused) {
            listen::elsewhere(self.answerer, host, port)?
        } else {
            listen::wrong_service(self.facts, self.answerer, host, port, clause)?
        };
        candidate
            .finding
            .evidence
            .push(self.command(Stage::Request).into());
        Some(candidate)
    }

    fn plain(self, kind: &ProbeFaultKind) -> Vec<Candidate> {
        let fault = ProbeFault {
            target: self.check.target.clone(),
            kind: kind.clone(),
        };
        let (code, clause) = (fault.code(), fault.to_string());
        let name = &self.answerer.spec.name;
        let unreached = matches!(
            kind,
            ProbeFaultKind::Refused | ProbeFaultKind::Unreachable(_)
        );
        if let Some(candidate) = self.astray(kind, &clause) {
            return vec![candidate];
        }
        if let Some(candidate) = self.without_cookie(code, &clause) {
            return vec![candidate];
        }
        let mut candidate = self.candidate(code, format!("{}: {clause}", self.check.name));
        candidate.symptom.text = clause.as_str().into();
        let candidate = candidate
            .evidence([format!("{clause} (after {})", brief(self.check.took))])
            .evidence(super::probe::body(kind))
            .evidence(self.allowed_methods(kind))
            .evidence([self.command(Stage::Request)]);
        let candidate = match (code, kind) {
            (Code::AuthRequired, _) => candidate.same_as("login").remedy(format!(
                "allow {} without authentication in {name}, or send credentials with the \
                     check (`headers`)",
                path(&self.check.target)
            )),
            (Code::HttpStatus, ProbeFaultKind::Status { status, .. }) => {
                let text = match status {
                    404 => format!("fix the URL of the check, or add that route to {name}"),
                    405 => "fix the method of the check, or add it to that route".to_owned(),
                    400 | 415 | 422 => {
                        "fix the request of the check; the response body says what was rejected"
                            .to_owned()
                    }
                    _ => format!("see {name}'s log: {}", commands::logs(name)),
                };
                candidate
                    .same_as(if *status >= 500 {
                        status.to_string()
                    } else {
                        format!("{status} {}", self.check.target)
                    })
                    .remedy(text)
            }
            _ => candidate
                .same_as(format!("{code:?}"))
                .remedy(format!("see {name}'s log: {}", commands::logs(name))),
        };
        let candidate = redis::explain(self.answerer, kind, candidate);
        let (is_known, candidate) = log::by_body(self.answerer, kind, candidate);
        if is_known {
            return vec![candidate];
        }
        let is_error = !matches!(kind, ProbeFaultKind::Status { status, .. } if *status < 500);
        if !is_failure(code) || !is_error {
            // Only its log may explain why a service rejects a request.
            let said = log::error(self.facts, self.answerer, When::Now);
            if said.is_some_and(|said| said.kind == LogErrorKind::Known) {
                return self.with_reasons(log::no_login(candidate));
            }
            return vec![candidate];
        }
        let owner_down = !matches!(
            self.facts.situation(self.answerer),
            Situation::Up | Situation::Starting
        );
        if unreached && owner_down {
            return vec![candidate.behind(CausedBy::Named(vec![Cause::any(name)]))];
        }
        self.with_reasons(candidate.breaks(true))
    }

    /// Returns the candidate for a request without the cookie of an earlier check, which a browser
    /// would not send either.
    fn without_cookie(self, code: Code, clause: &str) -> Option<Candidate> {
        let mut notes = self
            .check
            .notes
            .iter()
            .filter(|_| code == Code::AuthRequired);
        let (cookie, host, is_of_other_site) = notes.find_map(|note| match note {
            CheckNote::CookieWithheld {
                name,
                host,
                is_of_other_site,
            } => Some((name, host, *is_of_other_site)),
            _ => None,
        })?;
        let asked = self.check.host.as_deref().unwrap_or_default();
        let page = self.check.origin.as_deref().unwrap_or("the page");
        let (why, wanted) = if is_of_other_site {
            let wanted = page.rsplit_once("://").map_or(page, |(_, host)| host);
            let wanted = wanted.rsplit_once(':').map_or(wanted, |(host, _)| host);
            (
                format!("the page {page} is on another site than {asked}"),
                wanted,
            )
        } else {
            (
                format!("{host} has set it, and the request goes to {asked}"),
                host.as_str(),
            )
        };
        let candidate = self
            .candidate(
                Code::CookieNotSent,
                format!(
                    "{}: a browser does not send the cookie `{cookie}`: {why}",
                    self.check.name
                ),
            )
            .same_as(cookie.clone())
            .evidence([
                clause.to_owned(),
                format!("the cookie `{cookie}` belongs to {host}; the page is {page}"),
                self.command(Stage::Request),
            ])
            .remedy(format!(
                "request the API at {wanted} instead of {asked}, so that it is on the same site, \
                     or set the cookie with `SameSite=None; Secure`"
            ));
        Some(candidate)
    }

    fn passes_preflight(self) -> bool {
        self.check.notes.contains(&CheckNote::PreflightPasses)
    }

    /// Returns the candidates for an error that a browser reports as a CORS error.
    fn masked(self, status: u16, body: &str, settings: &str) -> Vec<Candidate> {
        let kind = ProbeFaultKind::Status {
            status,
            body: body.to_owned(),
        };
        let masked = Symptom {
            service: self.requester.spec.name.clone(),
            check: Some(self.check.name.clone()),
            code: Code::CorsMaskedError,
            text: format!(
                "{} answers {status} without Access-Control-Allow-Origin, which a browser reports as \
                 a CORS error; {settings}",
                relative(&self.check.target),
            )
            .into(),
        };
        let mut candidates = self.plain(&kind);
        // The last candidate is the check itself; those from the log come before it.
        if let Some(candidate) = candidates.last_mut() {
            let told = format!(
                "a browser reports a CORS error, since the error response has no Access-Control-Allow-Origin; \
                 {settings}"
            );
            candidate.finding.evidence.push(told.into());
            candidate.finding.symptoms.push(masked.clone());
            candidate.symptom = masked;
        }
        candidates
    }

    /// Adds the reason from the log of the responding service.
    fn with_reasons(self, mut candidate: Candidate) -> Vec<Candidate> {
        let (facts, seen) = (self.facts, self.answerer);
        if let Some(error) = log::error(facts, seen, When::Now) {
            let text = log::shown(error);
            candidate.finding.title = format!("{}: {text}", candidate.finding.title).into();
            candidate = candidate.same_as(text);
        }
        log::with_reasons(facts, seen, candidate)
    }

    fn allowed_methods(self, kind: &ProbeFaultKind) -> Option<String> {
        let ProbeFaultKind::Status { status: 405, .. } = kind else {
            return None;
        };
        let exchange = self.check.exchange(Stage::Request)?;
        let mut headers = exchange.headers.iter();
        let (_, allowed) = headers.find(|(name, _)| name == "allow")?;
        Some(format!("that path allows {allowed} (the header Allow)"))
    }
}

/// Returns `POST /v1/sessions/` of `POST http://localhost:8001/v1/sessions/`.
pub(super) fn relative(target: &str) -> String {
    match target.split_once(' ') {
        Some((method, _)) => format!("{method} {}", path(target)),
        None => target.to_owned(),
    }
}

/// Returns `/v1/sessions/` of `POST http://localhost:8001/v1/sessions/`.
pub(super) fn path(target: &str) -> String {
    let address = target.rsplit(' ').next().unwrap_or(target);
    let Some((_, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    rest.find('/')
        .map_or_else(|| "/".to_owned(), |start| rest[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_shown_without_its_host() {
        assert_eq!(
            relative("POST http://localhost:8001/v1/sessions/"),
            "POST /v1/sessions/"
        );
        assert_eq!(relative("WebSocket ws://localhost:1"), "WebSocket /");
        assert_eq!(relative("`true`"), "`true`");
    }
}
