//! The table of `pilotlight status`.

use std::sync::Arc;

use jiff::Timestamp;
use pilotlight::{
    fs::home::short,
    model::{
        finding::Finding,
        view::{ServiceView, Snapshot, StackView},
    },
    stack::{Mode, Port},
};

use super::{
    Look, card,
    columns::{Cell, lines},
    words,
};
use crate::{
    paint::{self, AMBER, BOLD, DIM, PLAIN, paint},
    time,
};

const TITLES: [&str; 10] = [
    "", "service", "state", "port", "PID", "up", "restarts", "latency", "CPU", "memory",
];

/// Returns a table of every service of every stack, with the findings below each stack.
pub(crate) fn table(snapshot: &Snapshot, now: Timestamp, look: Look) -> Vec<String> {
    let mut text = Vec::new();
    for (place, stack) in snapshot.stacks.iter().enumerate() {
        if place > 0 {
            text.push(String::new());
        }
        text.extend(part(stack, now, look));
    }
    text
}

fn part(stack: &StackView, now: Timestamp, look: Look) -> Vec<String> {
    let titles = TITLES.map(|title| Cell::new(DIM, title));
    let rows = stack.services.iter().map(|service| row(service, now, look));
    let mut title = heading(stack);
    if let Some(by) = stack.started_by.as_ref().filter(|_| !stack.is_dark()) {
        let age = time::age(time::since(by.at, now));
        let by = format!("  started by {}, {age} ago", paint::tame(&by.client));
        title += &paint(DIM, &by);
    }
    let mut text = vec![title];
    let table = lines(Some(titles), rows.collect(), [0; 10]);
    text.extend(table.into_iter().map(|line| format!("  {line}")));
    text.extend(remarks(stack, look));
    text
}

/// Returns the heading of a stack: name, file and mode.
pub(super) fn heading(stack: &StackView) -> String {
    let name = paint(BOLD, &stack.title());
    let file = paint(DIM, &short(&stack.file));
    match stack.mode {
        Mode::Development => format!("{name}  {file}"),
        Mode::Production => format!("{name}  {file}  {}", paint(AMBER, "production")),
    }
}

/// Returns the notes and the findings of a stack.
pub(super) fn remarks(stack: &StackView, look: Look) -> Vec<String> {
    let mut text = Vec::new();
    let notes = stack
        .services
        .iter()
        .filter_map(|service| Some((service, service.note.as_ref()?)));
    for (place, (service, note)) in notes.enumerate() {
        if place == 0 {
            text.push(String::new());
        }
        let room = look
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(2));
        let note = format!("{}: {}", service.name, paint::tame(note));
        let note = paint::wrap(&note, room);
        text.extend(note.iter().map(|line| format!("  {}", paint(DIM, line))));
    }
    for finding in failures(stack) {
        text.push(String::new());
        text.extend(card(&finding, look));
    }
    text
}

/// Returns the findings of the services of a stack, a root cause of several services once.
pub(crate) fn failures(stack: &StackView) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in stack.services.iter().filter_map(|it| it.finding.as_deref()) {
        if !findings.contains(finding) {
            findings.push(finding.clone());
        }
    }
    findings
}

fn row(service: &ServiceView, now: Timestamp, look: Look) -> [Cell; 10] {
    let shown = |text: Option<String>| Cell::plain(text.unwrap_or_default());
    let style = paint::light(service.light);
    let active = words::is_active(service);
    let runs = service.pid.is_some() || service.container.is_some();
    let up = service.started.filter(|_| active && runs);
    [
        Cell::new(style, look.signs.light(service.light)),
        Cell::new(if active { BOLD } else { PLAIN }, service.name.as_str()),
        Cell::new(words::style(service), state(service)),
        shown(service.port.map(|port| ports(service, port))),
        shown(service.pid.map(|pid| pid.to_string())),
        shown(up.map(|started| time::age(time::since(started, now)))),
        shown((service.restarts > 0).then(|| service.restarts.to_string())),
        shown(service.latency_ms.map(latency)),
        shown(service.cpu_percent.map(|percent| format!("{percent:.1} %"))),
        shown(service.memory_bytes.map(words::bytes)),
    ]
}

/// The port of a service, and the others that it has.
fn ports(service: &ServiceView, own: Port) -> String {
    let others = service.ports.values().filter(|port| **port != own);
    let all = std::iter::once(&own).chain(others);
    let all: Vec<String> = all.map(ToString::to_string).collect();
    all.join(" ")
}

fn state(service: &ServiceView) -> String {
    let state = service.state();
    match service.reason() {
        Some(reason) => format!("{state}: {reason}"),
        None if service.external => format!("{state}, external"),
        None => match &service.container {
            Some(container) if words::is_active(service) => {
                format!("{state}, {}", paint::tame(&container.image))
            }
            _ => state,
        },
    }
}

/// Returns the number of problems of all stacks: root causes as far as they are known, else services.
pub(crate) fn problems(snapshot: &Snapshot) -> usize {
    let of_stack = |stack: &Arc<StackView>| match stack.findings.len() {
        0 => {
            let services = stack.services.iter();
            services.filter(|service| service.has_problem()).count()
        }
        causes => causes,
    };
    snapshot.stacks.iter().map(of_stack).sum()
}

fn latency(milliseconds: f64) -> String {
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}
