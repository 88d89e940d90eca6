//! What may be a root cause, until it is known what explains what.

use crate::{
    fs::redact::Redacted,
    model::finding::{Code, Described, Finding, Symptom},
    stack::ServiceName,
};

/// Something that is wrong, as one rule sees it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// What is said if nothing else explains it. Its own symptoms are what it explains by nature.
    pub(super) finding: Finding,
    /// What is said if something else does. Its service is where it shows.
    pub(super) symptom: Symptom,
    /// How deep in the life of a service it lies.
    pub(super) level: Level,
    /// What may be behind it.
    pub(super) behind: CausedBy,
    /// Whether those who need the service suffer from it.
    pub(super) breaks: bool,
    /// Candidates of one code that say the same here are one thing, seen more than once.
    pub(super) same_as: Option<String>,
}

/// Where in the life of a service something goes wrong. What lies deeper explains what lies above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Before it runs, or instead of running.
    Start,
    /// It ended.
    End,
    /// It runs, and cannot be reached where it should.
    Listen,
    /// It is reached and does not answer as it should.
    Answer,
    /// It is well, and what its users do fails.
    Use,
}

/// What may be behind a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CausedBy {
    /// Nothing: it has evidence of its own.
    Itself,
    /// Whatever is wrong with these, for a reason that is written down somewhere; the first that
    /// has something wrong.
    Named(Vec<Cause>),
    /// Anything that is wrong with what the service needs.
    Needs,
    /// The same, and without it, it is nothing: a service that waits.
    OnlyNeeds,
}

/// Something wrong elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// With whom.
    pub(super) service: ServiceName,
    /// What; `None`: anything.
    pub(super) code: Option<Code>,
}

impl Candidate {
    /// A candidate with evidence of its own.
    pub(super) fn new(service: &ServiceName, code: Code, level: Level) -> Self {
        Self::of(Finding::new(service, code, ""), level)
    }

    /// A candidate that says what is already known. As a symptom, it says its title.
    pub(super) fn of(finding: Finding, level: Level) -> Self {
        Self {
            symptom: Symptom {
                service: finding.service.clone(),
                check: None,
                code: finding.code,
                text: finding.title.clone(),
            },
            finding,
            level,
            behind: CausedBy::Itself,
            breaks: level < Level::Use,
            same_as: None,
        }
    }

    /// Sets the title, which is also what it says as a symptom.
    pub(super) fn title(mut self, title: impl Into<Redacted>) -> Self {
        self.finding.title = title.into();
        self.symptom.text.clone_from(&self.finding.title);
        self
    }

    pub(super) fn behind(mut self, behind: CausedBy) -> Self {
        self.behind = behind;
        self
    }

    pub(super) fn breaks(mut self, breaks: bool) -> Self {
        self.breaks = breaks;
        self
    }

    pub(super) fn same_as(mut self, what: impl Into<String>) -> Self {
        self.same_as = Some(what.into());
        self
    }
}

impl Described for Candidate {
    fn finding(&mut self) -> &mut Finding {
        &mut self.finding
    }
}

impl CausedBy {
    /// A problem of this kind at a service.
    pub(super) fn one(service: &ServiceName, code: Code) -> Self {
        Self::Named(vec![Cause::of(service, code)])
    }
}

impl Cause {
    /// A problem of this kind at a service.
    pub(super) fn of(service: &ServiceName, code: Code) -> Self {
        Self {
            service: service.clone(),
            code: Some(code),
        }
    }

    /// Anything that is wrong with this service.
    pub(super) fn any(service: &ServiceName) -> Self {
        Self {
            service: service.clone(),
            code: None,
        }
    }
}
