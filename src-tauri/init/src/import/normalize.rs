//! Normalizes a draft: removes references to unknown services, resolves duplicate ports, and breaks dependency
//! cycles.

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::{Draft, DraftService, Kind, LeftOut, Require, leads_to};
use pilotlight::stack::Need;

pub(super) fn normalize(draft: &mut Draft) {
    leave_out(draft, "no command to start it was found", |it| {
        it.command.is_none() && it.external.is_none()
    });
    external(draft);
    leave_out(draft, "its port is not known", |it| {
        it.external.is_some() && it.port.is_none() && it.ready.is_none()
    });
    needs(draft);
    ports(draft);
    in_order(draft);
    super::validate::make_valid(draft);
    let mut seen = BTreeSet::new();
    draft.unsaid.retain(|unsaid| seen.insert(unsaid.clone()));
}

/// Leaves out the services that have no place in the file.
fn leave_out(draft: &mut Draft, why: &str, is_lost: impl Fn(&DraftService) -> bool) {
    for service in draft.services.clone().iter().filter(|it| is_lost(it)) {
        draft.unsaid.push(service.left_out(why));
        draft.remove(&service.name);
    }
}

/// Removes the keys that an external service cannot have.
fn external(draft: &mut Draft) {
    for service in draft.services.iter_mut().filter(|it| it.external.is_some()) {
        *service = DraftService {
            command: None,
            port_conflict: None,
            needs: Vec::new(),
            require: Require::default(),
            restart: None,
            stop: None,
            ..std::mem::take(service)
        };
    }
}

fn needs(draft: &mut Draft) {
    let kinds: BTreeMap<String, (Kind, bool)> = draft
        .services
        .iter()
        .map(|it| (it.name.clone(), (it.kind, it.external.is_some())))
        .collect();
    for service in &mut draft.services {
        let mut seen = BTreeSet::new();
        let own = service.name.clone();
        service.needs.retain(|need| {
            let name = &need.value.service;
            kinds.contains_key(name) && *name != own && seen.insert(name.clone())
        });
        for need in &mut service.needs {
            need.value.until = match kinds.get(&need.value.service) {
                Some((_, true)) => Need::Ready,
                Some((Kind::Job, _)) => Need::Completed,
                // A service that keeps running never completes.
                _ if need.value.until == Need::Completed => Need::Ready,
                _ => need.value.until,
            };
        }
        service
            .env_points_at
            .retain(|(_, at)| kinds.contains_key(&at.value));
        let is_known = |text: &str| {
            let mut parts = text
                .split('{')
                .skip(1)
                .filter_map(|part| part.split_once(".port}"));
            parts.all(|(name, _)| kinds.contains_key(name))
        };
        service.env.retain(|(_, said)| is_known(&said.value));
    }
    without_cycles(draft);
}

/// Removes dependencies that would form a cycle.
fn without_cycles(draft: &mut Draft) {
    for at in 0..draft.services.len() {
        let name = draft.services[at].name.clone();
        for need in draft.services[at].needs.clone() {
            let other = &need.value.service;
            let needs_of = |name: &str| {
                let needs = draft.service(name).map_or(&[][..], |it| &it.needs[..]);
                needs.iter().map(|need| &need.value.service)
            };
            if leads_to(other, &name, needs_of) {
                let needs = &mut draft.services[at].needs;
                needs.retain(|need| need.value.service != *other);
                let what = format!("{name} needs {other}");
                let why = "that would be a cycle";
                draft.unsaid.push(LeftOut::new(what, &need.because, why));
            }
        }
    }
}

/// Gives the second service with the same port another port, or none.
fn ports(draft: &mut Draft) {
    let mut taken: BTreeSet<u16> = BTreeSet::new();
    let ports = draft.services.iter().filter_map(|it| it.port.as_ref());
    let all: BTreeSet<u16> = ports.map(|said| said.value).collect();
    let mut unsaid = Vec::new();
    for service in &mut draft.services {
        let takes_port = service.takes_port();
        let Some(port) = &mut service.port else {
            continue;
        };
        if taken.insert(port.value) {
            continue;
        }
        let next =
            (port.value..=u16::MAX).find(|port| !all.contains(port) && !taken.contains(port));
        if let Some(next) = next.filter(|_| takes_port) {
            port.because.text = format!(
                "{} has {}, which another service uses",
                port.because.text, port.value
            );
            port.value = next;
            taken.insert(next);
        } else {
            let what = format!("{}: port = {}", service.name, port.value);
            unsaid.push(LeftOut::new(what, &port.because, "another service has it"));
            service.port = None;
        }
    }
    draft.unsaid.extend(unsaid);
    let with_port = draft.services.iter().filter(|it| it.port.is_some());
    let with_port: BTreeSet<String> = with_port.map(|it| it.name.clone()).collect();
    for service in &mut draft.services {
        if service.port.is_none() {
            service.forget_port();
        }
        service
            .env_points_at
            .retain(|(_, at)| with_port.contains(&at.value));
    }
}

/// Sorts by kind, stores first, but never a service before its dependencies.
fn in_order(draft: &mut Draft) {
    let mut left = std::mem::take(&mut draft.services);
    left.sort_by_key(|service| service.kind);
    while !left.is_empty() {
        let is_placed =
            |draft: &Draft, name: &str| draft.services.iter().any(|other| other.name == name);
        let next = left.iter().position(|service| {
            let mut needs = service.needs.iter();
            needs.all(|need| is_placed(draft, &need.value.service))
        });
        // One always exists, since no cycle is left.
        draft.services.push(left.remove(next.unwrap_or(0)));
    }
}
