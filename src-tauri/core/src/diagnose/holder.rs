//! Candidates: problems that may be root causes.

use crate::{
    fs::redact::Redacted,
    model::finding::{Code, Described, Finding, Symptom},
    stack::ServiceName,
};

/// A problem from the view of one rule.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The finding, for a root cause. Its symptoms are those that it always explains.
    pub(super) finding: Finding,
    /// The symptom, for a candidate that another one explains. Its service is the one that shows
    /// it.
    pub(super) symptom: Symptom,
    /// The stage in the life of the service.
    pub(super) level: Level,
    /// The possible causes.
    pub(super) behind: CausedBy,
    /// Whether it affects the services that depend on this one.
    pub(super) breaks: bool,
    /// Candidates with the same code and the same value here are one problem, reported more than
    /// once.
    pub(super) same_as: Option<String>,
}

/// The stage in the life of a service at which a problem occurs. An earlier stage explains a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// It did not start.
    Start,
    /// It exited.
    End,
    /// It is running but cannot be reached at the expected address.
    Listen,
    /// It can be reached and responds incorrectly.
    Answer,
    /// It is healthy, and its checks fail.
    Use,
}

/// The possible causes of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CausedBy {
    /// None: it has its own evidence.
    Itself,
    /// The first of these problems that exists: an error message or a setting refers to them.
    Named(Vec<Cause>),
    /// Any problem of a dependency.
    Needs,
    /// Any problem of a dependency. Without one, the candidate is dropped: the service only waits.
    OnlyNeeds,
}

/// A problem of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// The service.
    pub(super) service: ServiceName,
    /// The kind of problem; `None` for any.
    pub(super) code: Option<Code>,
}

impl Candidate {
    /// Creates a candidate without a title.
    pub(super) fn new(service: &ServiceName, code: Code, level: Level) -> Self {
        Self::of(Finding::new(service, code, ""), level)
    }

    /// Creates a candidate from a finding. The title of the finding is also the text of the symptom.
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

    /// Sets the title, which is also the text of the symptom.
    pub(super) fn title(mut self, title: impl Into<Redacted>) -> Self {
        self.finding.title = title.into();
        self.symptom.text.clone_from(&self.finding.title);
        self
    }

    /// Appends to the title.
    pub(super) fn title_with(self, more: &str) -> Self {
        let title = format!("{}{more}", self.finding.title);
        self.title(title)
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
    /// Returns one named cause: a problem of this kind with a service.
    pub(super) fn one(service: &ServiceName, code: Code) -> Self {
        Self::Named(vec![Cause::of(service, code)])
    }
}

impl Cause {
    /// Returns a problem of this kind with a service.
    pub(super) fn of(service: &ServiceName, code: Code) -> Self {
        Self {
            service: service.clone(),
            code: Some(code),
        }
    }

    /// Returns any problem with a service.
    pub(super) fn any(service: &ServiceName) -> Self {
        Self {
            service: service.clone(),
            code: None,
        }
    }
}
