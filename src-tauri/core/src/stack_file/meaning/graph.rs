//! Validates the relations of services: dependency cycles and shared ports.

use std::collections::{BTreeMap, btree_map::Entry};

use crate::stack_file::{
    findings::Problems, problem::ProblemKind, reader::At, tables::ServiceTable,
};

use super::{is_external, named_ports, needs};

type Services<'t> = [(&'t At<String>, &'t ServiceTable)];

/// A dependency of a service: the position in `needs` and the index of the other service.
struct Edge<'a> {
    name: &'a At<String>,
    to: usize,
}

pub(super) fn check(
    services: &Services<'_>,
    is_chosen: impl Fn(&str) -> bool,
    problems: &mut Problems<'_>,
) {
    ports(services, is_chosen, problems);
    cycles(services, problems);
}

/// Reports shared ports. Two external services may share one, since they can run on different
/// hosts. So may services that are never chosen together.
fn ports(services: &Services<'_>, is_chosen: impl Fn(&str) -> bool, problems: &mut Problems<'_>) {
    let mut first = BTreeMap::new();
    let chosen = services.iter().filter(|(name, _)| is_chosen(&name.value));
    let ports = chosen.flat_map(|&(name, table)| {
        let own = table.port.as_ref().map(|port| (name, table, port));
        let named = named_ports(table).iter().map(|(_, port)| port);
        // The main port may have a name too.
        let own_number = table.port.as_ref().map(|own| own.value.0);
        let named = named.filter(move |named| own_number != Some(named.value.0));
        own.into_iter()
            .chain(named.map(move |port| (name, table, port)))
    });
    for (name, table, port) in ports {
        let number = port.value.0;
        let (other, other_port, other_is_external) = match first.entry(number) {
            Entry::Vacant(vacant) => {
                vacant.insert((name, port, is_external(table)));
                continue;
            }
            Entry::Occupied(occupied) => *occupied.get(),
        };
        if other_is_external && is_external(table) {
            continue;
        }
        let twice = ProblemKind::PortTwice {
            port: number.number(),
            service: name.value.as_str().into(),
            other: other.value.as_str().into(),
        };
        let label = format!("`{}` has it first", other.value);
        let others = vec![(other_port.span.clone(), label)];
        problems.add_with(port.span.clone(), twice, others);
    }
}

fn cycles(services: &Services<'_>, problems: &mut Problems<'_>) {
    let edges = edges(services);
    let mut state = vec![State::New; services.len()];
    for start in 0..services.len() {
        if state[start] == State::New {
            walk(start, services, &edges, &mut state, problems);
        }
    }
}

fn edges<'t>(services: &Services<'t>) -> Vec<Vec<Edge<'t>>> {
    let numbers: BTreeMap<_, _> = services
        .iter()
        .enumerate()
        .map(|(number, (name, _))| (name.value.as_str(), number))
        .collect();
    let edge = |name: &'t At<String>| {
        let to = *numbers.get(name.value.as_str())?;
        Some(Edge { name, to })
    };
    let edges = services
        .iter()
        .map(|(_, table)| needs(table).filter_map(edge));
    edges.map(Iterator::collect).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// On the current path.
    OnTheWay,
    Done,
}

/// Visits the dependencies of one service depth first, without recursion, since a chain may be
/// long.
fn walk(
    start: usize,
    services: &Services<'_>,
    edges: &[Vec<Edge<'_>>],
    state: &mut [State],
    problems: &mut Problems<'_>,
) {
    let mut way = vec![(start, 0)];
    state[start] = State::OnTheWay;
    while let Some((service, next)) = way.last_mut() {
        let Some(edge) = edges[*service].get(*next) else {
            state[*service] = State::Done;
            way.pop();
            continue;
        };
        *next += 1;
        match state[edge.to] {
            State::Done => {}
            State::OnTheWay if problems.is_full() => return,
            State::New => {
                state[edge.to] = State::OnTheWay;
                way.push((edge.to, 0));
            }
            State::OnTheWay => {
                let begin = way.iter().position(|(on_way, _)| *on_way == edge.to);
                cycle(&way[begin.unwrap_or(0)..], services, edges, problems);
            }
        }
    }
}

/// Reports a cycle. Each step of the path is a service and the index of its next dependency.
fn cycle(
    way: &[(usize, usize)],
    services: &Services<'_>,
    edges: &[Vec<Edge<'_>>],
    problems: &mut Problems<'_>,
) {
    const LABELLED: usize = 10;
    let followed = |(service, next): &(usize, usize)| &edges[*service][*next - 1];
    let name = |number: usize| services[number].0.value.as_str();
    let [.., last] = way else { return };
    let place = followed(last).name.span.clone();
    if let [(alone, _)] = way {
        problems.add(place, ProblemKind::NeedsItself(name(*alone).into()));
        return;
    }
    let first = way[0].0;
    let path = way.iter().map(|(service, _)| *service).chain([first]);
    let kind = ProblemKind::Cycle(path.map(|number| name(number).into()).collect());
    let others = way[..way.len() - 1].iter().take(LABELLED).map(|step| {
        let label = format!("`{}` waits for `{}`", name(step.0), name(followed(step).to));
        (followed(step).name.span.clone(), label)
    });
    problems.add_with(place, kind, others.collect());
}
