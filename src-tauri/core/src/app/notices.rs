//! What a person is told who does not look: that something died, was given up, or is back.
//!
//! There is one incident for a root cause, however many services suffer from it, and none for what
//! somebody asked for.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    model::view::{Light, PhaseName, ServiceView, Snapshot, StackView},
    stack::ServiceName,
};

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The stack file.
    pub file: PathBuf,
    /// Whom it is about.
    pub service: ServiceName,
    /// What happened.
    pub kind: Kind,
    /// A line.
    pub title: String,
    /// What else there is to say; may be empty.
    pub body: String,
}

impl Notice {
    /// Returns the body for a server that reads markup in it: those of Linux desktops do (Desktop
    /// Notifications Specification, "Markup").
    #[must_use]
    pub fn body_as_markup(&self) -> String {
        let body = self.body.replace('&', "&amp;");
        body.replace('<', "&lt;").replace('>', "&gt;")
    }
}

/// What happened to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It ended by itself, or is no longer well.
    Died,
    /// It is not started again by itself.
    GivenUp,
    /// It is ready again, so long after it died.
    Back,
}

/// Follows the snapshots of a daemon, and says what is worth telling.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    seen: Option<Arc<Snapshot>>,
    incidents: BTreeMap<Key, Incident>,
}

/// A service of a stack.
type Key = (PathBuf, ServiceName);

/// Something that began and is not over.
#[derive(Clone, Debug)]
struct Incident {
    since: Timestamp,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It was told, or is part of what was told.
    Open,
    /// It suffers from another's: nothing is said of it.
    Victim,
    /// It was told that it is given up; only a person ends that.
    GivenUp,
}

impl Notices {
    /// What is worth telling between the last snapshot and this one. Of the first nothing is: that
    /// is how things were found.
    pub fn take(&mut self, snapshot: &Arc<Snapshot>, now: Timestamp) -> Vec<Notice> {
        let Some(seen) = self.seen.replace(snapshot.clone()) else {
            return Vec::new();
        };
        let mut notices = Vec::new();
        for stack in &snapshot.stacks {
            let before = seen.stacks.iter().find(|before| before.file == stack.file);
            if before.is_some_and(|before| Arc::ptr_eq(before, stack)) {
                continue;
            }
            let changed = changed(before, stack);
            // What others need comes before them, so that a cause is known before its victims.
            let needs_another = |service: &ServiceView, all: &[(_, &ServiceView)]| {
                let is_needed = |other: &ServiceView| service.needs.contains(&other.name);
                all.iter().any(|(_, other)| is_needed(other))
            };
            let (last, first): (Vec<_>, Vec<_>) =
                (0..changed.len()).partition(|at| needs_another(changed[*at].1, &changed));
            for at in first.into_iter().chain(last) {
                let (before, service) = changed[at];
                notices.extend(self.look(stack, before, service, now));
            }
        }
        let is_there = |(file, name): &Key| {
            let stack = snapshot.stacks.iter().find(|stack| stack.file == *file);
            stack.is_some_and(|stack| named(stack, name).is_some())
        };
        self.incidents.retain(|key, _| is_there(key));
        notices
    }

    fn look(
        &mut self,
        stack: &StackView,
        before: Option<&Arc<ServiceView>>,
        service: &ServiceView,
        now: Timestamp,
    ) -> Option<Notice> {
        let key = (stack.file.clone(), service.name.clone());
        // Whoever asks anew for a service makes its restarts count from 0.
        let asked = before.is_some_and(|before| service.restarts < before.restarts);
        let restarted = !asked && service.restarts > before.map_or(0, |before| before.restarts);
        let trouble = trouble(service).or(restarted.then_some(Trouble::Ended));
        let stage = self.incidents.get(&key).map(|incident| incident.stage);
        match (trouble, stage) {
            (_, Some(Stage::GivenUp)) if trouble != Some(Trouble::GivenUp) => {
                // Somebody has taken it in hand.
                self.incidents.remove(&key);
                None
            }
            (_, Some(_)) if asked || is_dismissed(service) => {
                self.incidents.remove(&key);
                None
            }
            (None, Some(stage)) if service.phase == PhaseName::Ready || is_completed(service) => {
                let incident = self.incidents.remove(&key)?;
                (stage == Stage::Open).then(|| back(stack, service, &incident, now))
            }
            (Some(Trouble::GivenUp), Some(Stage::Open | Stage::Victim) | None) => {
                self.given_up(key, stack, service, stage, now)
            }
            (Some(Trouble::Unwell), None) => self.unwell(key, stack, service, now),
            (Some(Trouble::Ended), None) => {
                let victim = self.suffers(stack, service);
                self.open(key, victim, now);
                (!victim).then(|| notice(stack, service, Kind::Died))
            }
            _ => None,
        }
        .inspect(|notice| tracing::debug!(?notice, "worth telling"))
    }

    fn given_up(
        &mut self,
        key: Key,
        stack: &StackView,
        service: &ServiceView,
        stage: Option<Stage>,
        now: Timestamp,
    ) -> Option<Notice> {
        let victim = self.suffers(stack, service);
        let since = self
            .incidents
            .get(&key)
            .map_or(now, |incident| incident.since);
        let stage = if victim && stage != Some(Stage::Open) {
            Stage::Victim
        } else {
            Stage::GivenUp
        };
        let known = self.incidents.insert(key, Incident { since, stage });
        let told = known.is_some_and(|known| known.stage == stage);
        (stage == Stage::GivenUp && !told).then(|| notice(stack, service, Kind::GivenUp))
    }

    /// It runs and is not well. Whether that is its own fault is known once it has been looked into.
    fn unwell(
        &mut self,
        key: Key,
        stack: &StackView,
        service: &ServiceView,
        now: Timestamp,
    ) -> Option<Notice> {
        if self.suffers(stack, service) {
            self.open(key, true, now);
            return None;
        }
        if stack.findings.is_empty() {
            return None;
        }
        let cause = service.finding.as_ref().map(|finding| &finding.service);
        let other = cause.filter(|cause| **cause != service.name);
        let told = other.is_some_and(|cause| {
            let of_cause = |(file, victim): &Key| {
                *file == stack.file
                    && named(stack, victim)
                        .and_then(|victim| victim.finding.as_ref())
                        .is_some_and(|finding| finding.service == *cause)
            };
            self.incidents.keys().any(of_cause)
        });
        self.open(key, told, now);
        (!told).then(|| notice(stack, service, Kind::Died))
    }

    fn open(&mut self, key: Key, victim: bool, since: Timestamp) {
        let stage = if victim { Stage::Victim } else { Stage::Open };
        self.incidents.insert(key, Incident { since, stage });
    }

    /// Whether something that it needs is in trouble, or what was found wrong with it is another's.
    fn suffers(&self, stack: &StackView, service: &ServiceView) -> bool {
        let blamed = service
            .finding
            .as_ref()
            .map(|finding| &finding.service)
            .filter(|cause| **cause != service.name);
        let mut to_ask: Vec<&ServiceName> = service.needs.iter().chain(blamed).collect();
        let mut asked: Vec<&ServiceName> = Vec::new();
        while let Some(name) = to_ask.pop() {
            if asked.contains(&name) {
                continue;
            }
            asked.push(name);
            let key = (stack.file.clone(), name.clone());
            let Some(need) = named(stack, name) else {
                continue;
            };
            if self.incidents.contains_key(&key) || trouble(need).is_some() {
                return true;
            }
            to_ask.extend(&need.needs);
        }
        false
    }
}

/// In which way a service is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It ended by itself, and is started again.
    Ended,
    /// It runs, and its probes fail.
    Unwell,
    /// It is not started any more.
    GivenUp,
}

fn trouble(service: &ServiceView) -> Option<Trouble> {
    match service.phase {
        PhaseName::Backoff => Some(Trouble::Ended),
        PhaseName::Unhealthy => Some(Trouble::Unwell),
        PhaseName::Blocked | PhaseName::Failed => Some(Trouble::GivenUp),
        PhaseName::Stopped
        | PhaseName::Claiming
        | PhaseName::Starting
        | PhaseName::Ready
        | PhaseName::Stopping => None,
    }
}

/// Whether somebody wants it down.
fn is_dismissed(service: &ServiceView) -> bool {
    service.phase == PhaseName::Stopped && service.light == Light::Off
}

fn is_completed(service: &ServiceView) -> bool {
    service.phase == PhaseName::Stopped && service.light == Light::Green
}

fn named<'a>(stack: &'a StackView, name: &ServiceName) -> Option<&'a Arc<ServiceView>> {
    stack.services.iter().find(|service| service.name == *name)
}

/// The services that are not what they were, with what they were.
fn changed<'a>(
    before: Option<&'a Arc<StackView>>,
    stack: &'a StackView,
) -> Vec<(Option<&'a Arc<ServiceView>>, &'a ServiceView)> {
    let services = stack.services.iter().enumerate().map(|(place, service)| {
        let before = before.and_then(|before| {
            let same_place = before.services.get(place);
            same_place
                .filter(|before| before.name == service.name)
                .or_else(|| named(before, &service.name))
        });
        (before, service)
    });
    services
        .filter(|(before, service)| !before.is_some_and(|before| Arc::ptr_eq(before, service)))
        .map(|(before, service)| (before, &**service))
        .collect()
}

fn notice(stack: &StackView, service: &ServiceView, kind: Kind) -> Notice {
    let name = &service.name;
    let finding = service.finding.as_ref();
    let title = match kind {
        Kind::Died if service.phase == PhaseName::Unhealthy => format!("{name} is not well"),
        Kind::Died => format!("{name} died"),
        Kind::GivenUp if service.phase == PhaseName::Blocked => format!("{name} cannot start"),
        Kind::GivenUp => format!("{name} failed"),
        Kind::Back => format!("{name} is back"),
    };
    let mut lines: Vec<String> = Vec::new();
    match (finding, service.last_exit) {
        (Some(finding), _) => lines.push(finding.title.to_string()),
        (None, Some(exit)) => lines.push(format!("it ended with {exit}")),
        (None, None) => {}
    }
    if let Some(finding) = finding.filter(|_| kind == Kind::GivenUp) {
        lines.push(finding.remedy.text.to_string());
    }
    if kind == Kind::Died && service.phase != PhaseName::Unhealthy {
        lines.push("it is being started again".into());
    }
    Notice {
        file: stack.file.clone(),
        service: name.clone(),
        kind,
        title: format!("{}: {title}", stack.name),
        body: lines.join("\n"),
    }
}

fn back(stack: &StackView, service: &ServiceView, incident: &Incident, now: Timestamp) -> Notice {
    let until = service.since.unwrap_or(now);
    let gone = Duration::try_from(until.duration_since(incident.since)).unwrap_or_default();
    Notice {
        file: stack.file.clone(),
        service: service.name.clone(),
        kind: Kind::Back,
        title: format!(
            "{}: {} is back after {}.{} s",
            stack.name,
            service.name,
            gone.as_secs(),
            gone.subsec_millis() / 100
        ),
        body: String::new(),
    }
}

#[cfg(test)]
#[path = "notices/tests.rs"]
mod tests;
