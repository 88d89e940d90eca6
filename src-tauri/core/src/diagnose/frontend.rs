//! Variables that point at other addresses than those of the services.

use super::{
    commands, edit,
    facts::{Facts, Seen, Situation, is_local},
    holder::{Candidate, Level},
};
use crate::{
    diagnose::evidence::{PointsAt, log::address},
    model::finding::{Code, Described as _},
    stack::Port,
};

/// Returns the candidates for variables of `env_points_at` that point elsewhere.
pub(super) fn misdirected(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    seen.is
        .points_at
        .iter()
        .filter_map(|points| one(facts, seen, points))
        .collect()
}

fn one(facts: &Facts<'_>, seen: Seen<'_>, points: &PointsAt) -> Option<Candidate> {
    let name = &seen.spec.name;
    let (host, port) = points.target.as_ref()?;
    let service = points.service.as_ref()?;
    let meant = facts.service(service)?;
    let right = meant.is.port.or(meant.spec.port)?;
    if right.number() == *port {
        return wrong_scheme(seen, points, meant);
    }
    let variable = &points.variable;
    let (at, stands) = (address(host, Some(*port)), points.shown_place());
    let check = commands::who_listens(*port);
    let there = is_local(host).then(|| match facts.owner(host, *port) {
        Some(owner) => format!("port {port} is {}'s", owner.spec.name),
        None if facts.is_open(host, *port) => {
            format!("another process is listening there: {check}")
        }
        None => format!("nothing is listening there: {check}"),
    });
    let well = (facts.situation(meant) == Situation::Up && meant.is.is_well())
        .then(|| format!("{service} is healthy, on port {right}"));
    let later = if points.changed_since_start {
        format!(", then restart {name}, which read it when it started")
    } else {
        String::new()
    };
    let place = points.place.as_ref();
    let place = place.filter(|place| place.file == facts.evidence.stack.file);
    let action = facts.edit(|text| edit::replace_port(text, place?.line, *port, right));
    Some(
        pointing(seen, Code::FrontendMisdirected, points, &at)
            .title(format!(
                "{name} calls {at}, but {service} runs on port {right} (wrong {variable})"
            ))
            .evidence(there)
            .evidence(well)
            .remedy(format!(
                "let {variable} point at port {right} ({stands}){later}"
            ))
            .action(action),
    )
}

/// Returns a candidate without a title for a variable that points at an address.
fn pointing(seen: Seen<'_>, code: Code, points: &PointsAt, at: &str) -> Candidate {
    Candidate::new(&seen.spec.name, code, Level::Answer)
        .evidence([format!(
            "{} points at {at}: {}",
            points.variable,
            find(points)
        )])
        .breaks(false)
}

/// Returns the candidates for variables of a stack in a slot that contain a declared port, on which
/// another checkout may listen.
pub(super) fn other_checkout(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    let stack = &facts.evidence.stack;
    let Some(slot) = &stack.slot else {
        return Vec::new();
    };
    let points = seen.is.points_at.iter().filter_map(|points| {
        let (host, number) = points.target.as_ref().filter(|(host, _)| is_local(host))?;
        let called = stack.declared.get(&Port::new(*number)?)?;
        let right = facts.service(called)?.is.port?;
        let (name, variable) = (&seen.spec.name, &points.variable);
        let beside = slot.beside.as_deref().unwrap_or("another checkout");
        let title = format!(
            "{name} of {} calls {called} of {beside}: {variable}",
            slot.label
        );
        let at = format!("{host}:{number}");
        let candidate = pointing(seen, Code::OtherCheckout, points, &at)
            .title(title)
            .evidence([format!("in this checkout, {called} has port {right}")])
            .remedy(format!(
                "add `env_points_at = {{ {variable} = \"{called}\" }}` to [service.{name}], which \
                 sets the variable in every checkout, then restart {name}"
            ));
        Some(candidate)
    });
    points.collect()
}

/// The schemes of servers that pass tasks to workers.
const QUEUES: [&str; 11] = [
    "amqp",
    "amqps",
    "beanstalk",
    "kafka",
    "mqtt",
    "nats",
    "pulsar",
    "redis",
    "rediss",
    "stomp",
    "valkey",
];

/// Returns the candidates for task servers shared by all checkouts, to which a service without a
/// port in a stack with a slot is connected: it takes the tasks of every checkout.
pub(super) fn shared_queue(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    let stack = &facts.evidence.stack;
    let Some(slot) = stack.slot.as_ref().filter(|_| seen.spec.port.is_none()) else {
        return Vec::new();
    };
    let points = seen.is.points_at.iter().filter_map(|points| {
        let (host, number) = points.target.as_ref()?;
        let scheme = points.scheme.as_deref();
        let is_queue = scheme.is_some_and(|scheme| QUEUES.contains(&scheme));
        let mut connections = seen.is.connections.iter();
        let is_connected = connections.any(|(port, _)| port == number);
        let owner = facts.owner(host, *number);
        // Another finding reports addresses of this stack's own services.
        let is_own = owner.is_some_and(|owner| !owner.spec.is_external())
            || is_local(host)
                && Port::new(*number).is_some_and(|port| stack.declared.contains_key(&port));
        if !is_queue || is_own || !is_connected {
            return None;
        }
        let (name, variable) = (&seen.spec.name, &points.variable);
        let beside = slot.beside.as_deref().unwrap_or("other checkouts");
        let server = owner.map_or_else(
            || "no service of this stack listens there".to_owned(),
            |owner| format!("{} is external: every checkout has the same", owner.spec.name),
        );
        let title = format!(
            "{name} of {} may take the tasks of {beside}: both use {host}:{number} ({variable})",
            slot.label
        );
        let at = format!("{host}:{number}");
        let candidate = pointing(seen, Code::SharedQueue, points, &at)
            .title(title)
            .evidence([format!("{name} is connected to it; {server}")])
            .remedy(format!(
                "let the stack start that server: with a command and a port, every checkout has its \
                 own; then point {variable} at it with `env_points_at` in [service.{name}]"
            ))
            .same_as(at);
        Some(candidate)
    });
    points.collect()
}

/// Returns the candidate for an address whose scheme differs from that of the service.
fn wrong_scheme(seen: Seen<'_>, points: &PointsAt, meant: Seen<'_>) -> Option<Candidate> {
    let scheme = points.scheme.as_deref()?;
    let port = meant.is.port.or(meant.spec.port)?.number();
    let (spoken, answering, right) = match scheme {
        "https" => ("plain http", " http://", "http"),
        "wss" => ("plain http", " http://", "ws"),
        "http" => ("https", " https://", "https"),
        "ws" => ("https", " https://", "wss"),
        _ => return None,
    };
    let probe = meant.is.probes.iter().find(|probe| {
        probe.port == Some(port) && probe.result.is_ok() && probe.target.contains(answering)
    })?;
    let (name, service, variable) = (&seen.spec.name, &meant.spec.name, &points.variable);
    let at = points.shown_place();
    let errors = seen.is.log.last_error.iter();
    let said = errors.filter(|error| {
        let text = error.line.text.to_ascii_lowercase();
        ["ssl", "tls", "fetch failed", "wrong version"]
            .iter()
            .any(|word| text.contains(word))
    });
    Some(
        Candidate::new(name, Code::FrontendMisdirected, Level::Answer)
            .title(format!(
                "{name} calls {service} with {scheme}, but {service} speaks {spoken} (wrong \
                 {variable})"
            ))
            .evidence([
                format!(
                    "{variable} begins with {scheme}:// ({at}): {}",
                    find(points)
                ),
                format!("{} passes", probe.target),
            ])
            .evidence(said.map(|error| seen.is.quote(&error.line)))
            .remedy(format!("let {variable} begin with {right}:// ({at})"))
            .breaks(false),
    )
}

/// Returns the command that shows where a variable is set.
fn find(points: &PointsAt) -> String {
    let place = points.place.as_ref();
    commands::finds(&points.variable, place.map(|place| place.file.as_path()))
}
