//! The desktop notifications: a service crashed, is unhealthy, failed, or recovered.
//!
//! A root cause is one incident, however many services it affects. A requested stop is none. A service
//! that crashes again soon after it recovered continues its incident: its notification is updated.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    model::view::{Light, PhaseName, ServiceView, Snapshot, StackView},
    stack::ServiceName,
};

/// A notification. It replaces an earlier one of the same service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The stack file.
    pub file: PathBuf,
    /// The service.
    pub service: ServiceName,
    /// The kind of event.
    pub kind: Kind,
    /// The event, in a line.
    pub title: String,
    /// The cause and what happens next; may be empty.
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

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The service exited by itself or became unhealthy.
    Failing,
    /// The service is not restarted any more.
    GivenUp,
    /// The service is ready again. This needs no attention.
    Recovered,
}

/// A crash within this time after a recovery belongs to the same incident.
const FLAPPING: SignedDuration = SignedDuration::from_secs(60);

/// Follows the snapshots of a daemon and makes notifications of them.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    seen: Option<Arc<Snapshot>>,
    incidents: BTreeMap<Key, Incident>,
    /// The incidents that are over, with the times at which they ended.
    recovered: BTreeMap<Key, (Timestamp, Incident)>,
}

/// A service of a stack.
type Key = (PathBuf, ServiceName);

/// A problem that is not over.
#[derive(Clone, Debug)]
struct Incident {
    since: Timestamp,
    stage: Stage,
    /// The number of crashes, those of earlier incidents of a flapping service included.
    crashes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Notified, or part of a notified incident.
    Open,
    /// Caused by another service: not notified.
    Victim,
    /// Notified as not restarting; only the user ends this.
    GivenUp,
}

impl Notices {
    /// Returns the notifications for the changes since the last snapshot. The first snapshot makes none.
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
            // Dependencies come first, so that a cause is known before its victims.
            let needs_another = |service: &ServiceView, all: &[(_, &ServiceView)]| {
                let is_needed = |other: &ServiceView| service.needs.contains(&other.name);
                all.iter().any(|(_, other)| is_needed(other))
            };
            let (last, first): (Vec<_>, Vec<_>) =
                (0..changed.len()).partition(|at| needs_another(changed[*at].1, &changed));
            for at in first.into_iter().chain(last) {
                let (before, service) = changed[at];
                notices.extend(self.examine(stack, before, service, now));
            }
        }
        if snapshot.stacks.len() > 1 {
            for notice in &mut notices {
                let stack = snapshot.stack(&notice.file);
                let name = stack.map_or_else(String::new, |stack| stack.title());
                notice.title = format!("{name}: {}", notice.title);
            }
        }
        let is_there = |(file, name): &Key| {
            let stack = snapshot.stack(file);
            stack.is_some_and(|stack| named(stack, name).is_some())
        };
        self.incidents.retain(|key, _| is_there(key));
        self.recovered
            .retain(|_, (at, _)| now.duration_since(*at) < FLAPPING);
        notices
    }

    fn examine(
        &mut self,
        stack: &StackView,
        before: Option<&Arc<ServiceView>>,
        service: &ServiceView,
        now: Timestamp,
    ) -> Option<Notice> {
        let key = (stack.file.clone(), service.name.clone());
        // A new request for a service resets its restarts to 0.
        let asked = before.is_some_and(|before| service.restarts < before.restarts);
        let restarted = !asked && service.restarts > before.map_or(0, |before| before.restarts);
        let trouble = trouble(service).or(restarted.then_some(Trouble::Ended));
        let stage = self.incidents.get(&key).map(|incident| incident.stage);
        // The user has started or stopped it.
        let is_over = stage == Some(Stage::GivenUp) && trouble != Some(Trouble::GivenUp)
            || stage.is_some() && (asked || is_dismissed(service));
        if is_over {
            self.incidents.remove(&key);
            return None;
        }
        match (trouble, stage) {
            (None, Some(stage)) if service.phase == PhaseName::Ready || is_completed(service) => {
                let incident = self.incidents.remove(&key)?;
                (stage == Stage::Open).then(|| {
                    let notice = recovered(stack, service, &incident, now);
                    self.recovered.insert(key, (now, incident));
                    notice
                })
            }
            (Some(Trouble::GivenUp), Some(Stage::Open | Stage::Victim) | None) => {
                self.given_up(key, stack, service, stage, now)
            }
            (Some(Trouble::Unhealthy), None) => self.unhealthy(key, stack, service, now),
            (Some(Trouble::Ended), None) => {
                let victim = self.is_affected(stack, service);
                let crashes = self.open(key, victim, now);
                (!victim).then(|| notice(stack, service, Kind::Failing, crashes))
            }
            _ => None,
        }
        .inspect(|notice| tracing::debug!(?notice, "notification"))
    }

    fn given_up(
        &mut self,
        key: Key,
        stack: &StackView,
        service: &ServiceView,
        stage: Option<Stage>,
        now: Timestamp,
    ) -> Option<Notice> {
        let victim = self.is_affected(stack, service);
        let known = self.incidents.get(&key);
        let since = known.map_or(now, |incident| incident.since);
        let crashes = known.map_or(1, |incident| incident.crashes);
        let stage = if victim && stage != Some(Stage::Open) {
            Stage::Victim
        } else {
            Stage::GivenUp
        };
        let incident = Incident {
            since,
            stage,
            crashes,
        };
        let known = self.incidents.insert(key, incident);
        let told = known.is_some_and(|known| known.stage == stage);
        (stage == Stage::GivenUp && !told).then(|| notice(stack, service, Kind::GivenUp, crashes))
    }

    /// An unhealthy service may be a victim of another, which is known after the diagnosis.
    fn unhealthy(
        &mut self,
        key: Key,
        stack: &StackView,
        service: &ServiceView,
        now: Timestamp,
    ) -> Option<Notice> {
        if self.is_affected(stack, service) {
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
        let crashes = self.open(key, told, now);
        (!told).then(|| notice(stack, service, Kind::Failing, crashes))
    }

    /// Opens an incident, or continues the last one of a flapping service. Returns its crashes.
    fn open(&mut self, key: Key, victim: bool, since: Timestamp) -> u32 {
        let stage = if victim { Stage::Victim } else { Stage::Open };
        let last = self.recovered.remove(&key);
        let recent = last.filter(|(at, _)| since.duration_since(*at) < FLAPPING);
        let crashes = recent.map_or(1, |(_, incident)| incident.crashes + 1);
        let incident = Incident {
            since,
            stage,
            crashes,
        };
        self.incidents.insert(key, incident);
        crashes
    }

    /// Returns whether one of its dependencies has a problem, or its finding is in another service.
    fn is_affected(&self, stack: &StackView, service: &ServiceView) -> bool {
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

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It exited by itself and restarts.
    Ended,
    /// It is running, and its probes fail.
    Unhealthy,
    /// It is not restarted any more.
    GivenUp,
}

fn trouble(service: &ServiceView) -> Option<Trouble> {
    match service.phase {
        PhaseName::Backoff => Some(Trouble::Ended),
        PhaseName::Unhealthy => Some(Trouble::Unhealthy),
        PhaseName::Blocked | PhaseName::Failed => Some(Trouble::GivenUp),
        PhaseName::Stopped
        | PhaseName::Claiming
        | PhaseName::Starting
        | PhaseName::Ready
        | PhaseName::Stopping => None,
    }
}

/// Returns whether the service was stopped on request.
fn is_dismissed(service: &ServiceView) -> bool {
    service.phase == PhaseName::Stopped && service.light == Light::Off
}

fn is_completed(service: &ServiceView) -> bool {
    service.phase == PhaseName::Stopped && service.light == Light::Green
}

fn named<'a>(stack: &'a StackView, name: &ServiceName) -> Option<&'a Arc<ServiceView>> {
    stack.services.iter().find(|service| service.name == *name)
}

/// Returns the services that have changed, with their earlier views.
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

fn notice(stack: &StackView, service: &ServiceView, kind: Kind, crashes: u32) -> Notice {
    let name = &service.name;
    let finding = service.finding.as_ref();
    let title = match (kind, service.phase) {
        (Kind::GivenUp, PhaseName::Blocked) => format!("{name} is blocked"),
        (Kind::GivenUp, _) => format!("{name} failed"),
        (_, PhaseName::Unhealthy) => format!("{name} is unhealthy"),
        _ if crashes > 1 => format!("{name} crashed {crashes} times"),
        _ => format!("{name} crashed"),
    };
    let mut lines: Vec<String> = Vec::new();
    match (finding, service.last_exit) {
        (Some(finding), _) => lines.push(finding.title.to_string()),
        (None, Some(exit)) => lines.push(format!("Last run: {}", exit.words())),
        (None, None) => {}
    }
    if kind == Kind::GivenUp {
        lines.extend(finding.map(|finding| finding.remedy.text.to_string()));
    } else if service.phase != PhaseName::Unhealthy {
        lines.push("Restarting…".into());
    }
    Notice {
        file: stack.file.clone(),
        service: name.clone(),
        kind,
        title,
        body: lines.join("\n"),
    }
}

fn recovered(
    stack: &StackView,
    service: &ServiceView,
    incident: &Incident,
    now: Timestamp,
) -> Notice {
    let until = service.since.unwrap_or(now);
    let gone = Duration::try_from(until.duration_since(incident.since)).unwrap_or_default();
    let (seconds, tenths) = (gone.as_secs(), gone.subsec_millis() / 100);
    Notice {
        file: stack.file.clone(),
        service: service.name.clone(),
        kind: Kind::Recovered,
        title: format!("{} recovered after {seconds}.{tenths} s", service.name),
        body: match incident.crashes {
            0 | 1 => String::new(),
            crashes => format!("It crashed {crashes} times and is running again."),
        },
    }
}

#[cfg(test)]
#[path = "notices/tests.rs"]
mod tests;
