//! Events as lines, for output that is not a terminal.

use std::sync::Arc;

use jiff::Timestamp;
use pilotlight::model::{
    finding::Finding,
    view::{PhaseName, ServiceView, StackView},
};

use super::{Look, card, words};
use crate::{
    paint::{self, DIM, PLAIN, pad, paint, tame},
    time,
};

/// Returns the changes to the services of a stack between two snapshots, in the order in which they
/// happened.
pub(super) fn changes(
    old: Option<&StackView>,
    new: &StackView,
    now: Timestamp,
    look: Look,
    told: &mut Vec<Arc<Finding>>,
) -> Vec<String> {
    let longest = new
        .services
        .iter()
        .map(|service| paint::width(service.name.as_str()))
        .max();
    let mut events = Vec::new();
    for (place, service) in new.services.iter().enumerate() {
        let before = old.and_then(|old| old.service(&service.name, place));
        let mut text = Vec::new();
        let line = |style, what: &str| {
            let name = pad(PLAIN, service.name.as_str(), longest.unwrap_or(0));
            format!("{}  {name}  {}", new.name, paint(style, what))
        };
        if let Some(what) = change(before.map(|before| &**before), service, now) {
            text.push(line(paint::light(service.light), &what));
        }
        let is_new = |before: Option<Option<&String>>| before.flatten() != service.note.as_ref();
        if let Some(note) = &service.note
            && is_new(before.map(|before| before.note.as_ref()))
        {
            text.push(line(DIM, &tame(note)));
        }
        // A service that is started again and again has one cause. It is shown once it is known.
        if let Some(finding) = &service.finding
            && new.findings.contains(finding)
            && !old.is_some_and(|old| old.findings.contains(finding))
            && !told.contains(finding)
        {
            text.extend(card(finding, look));
            told.push(finding.clone());
        }
        events.push((service.since, text));
    }
    events.sort_by_key(|(since, _)| *since);
    events.into_iter().flat_map(|(_, text)| text).collect()
}

fn change(old: Option<&ServiceView>, new: &ServiceView, now: Timestamp) -> Option<String> {
    let state = new.state();
    let was = old.map_or_else(|| "stopped".to_owned(), ServiceView::state);
    let restarted = old.is_some_and(|old| old.run != new.run);
    if state == was && !restarted {
        return None;
    }
    match new.phase {
        // It lasts a moment; a stopped process is mentioned in a note.
        PhaseName::Claiming => None,
        PhaseName::Ready if state == "ready" => Some(ready(new, now)),
        _ => Some(match new.reason() {
            Some(reason) => format!("{state}: {reason}"),
            None => state,
        }),
    }
}

fn ready(service: &ServiceView, now: Timestamp) -> String {
    let took = || words::took(service, now);
    let ready = match service.started.filter(|_| service.adopted) {
        Some(started) => {
            let age = time::age(time::since(started, now));
            format!("ready, running for {age}")
        }
        None => took().map_or("ready".to_owned(), |took| format!("ready in {took}")),
    };
    let port = service.port.map(|port| format!("port {port}"));
    let parts = [ready].into_iter().chain(port);
    let parts: Vec<String> = parts.chain(service.links.values().cloned()).collect();
    parts.join("  ")
}
