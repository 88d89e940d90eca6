//! Separates causes from symptoms.
//!
//! The root cause is the deepest cause that has its own evidence. A candidate that may follow from
//! another one becomes its symptom unless something contradicts that; one with its own evidence
//! stays a finding.
//!
//! Each candidate is examined once and its root is stored, so that the search is linear in the
//! number of links. The search keeps its path in a list instead of recursing, since a chain of
//! services may be longer than the call stack.

#[cfg(test)]
mod tests;

use std::{
    cell::Cell,
    collections::{HashMap, HashSet, VecDeque},
    iter,
};

use super::{
    facts::Facts,
    holder::{Candidate, Cause, CausedBy, Level},
};
use crate::{
    fs::redact::Redacted,
    model::finding::{Code, Finding, Symptom},
    stack::ServiceName,
};

/// Returns the findings: the candidates without a cause, each with the symptoms that it explains.
pub(super) fn settle(facts: &Facts<'_>, candidates: &[Candidate]) -> Vec<Finding> {
    let court = Analysis::over(facts, candidates);
    let mut found = Vec::new();
    let mut explained: Vec<Vec<Symptom>> = vec![Vec::new(); candidates.len()];
    for (place, candidate) in candidates.iter().enumerate() {
        match court.root(place) {
            Some(root) if root == place => found.push(place),
            Some(root) => explained[root].push(candidate.symptom.clone()),
            None => {}
        }
    }
    found.sort_by_cached_key(|&candidate| court.rank(candidate));
    found
        .into_iter()
        .map(|root| {
            let mut finding = candidates[root].finding.clone();
            finding.symptoms.append(&mut explained[root]);
            presentable(finding)
        })
        .collect()
}

struct Analysis<'a> {
    facts: &'a Facts<'a>,
    candidates: &'a [Candidate],
    /// The candidates of each service.
    of_service: HashMap<&'a ServiceName, Vec<usize>>,
    /// The first candidate of each problem that is reported more than once.
    first: HashMap<Same<'a>, usize>,
    /// The candidates of a conflict between daemons.
    conflicts: Vec<usize>,
    roots: Vec<Cell<Root>>,
}

/// The identity of a problem that several candidates report. It contains the service unless the
/// code makes it irrelevant.
type Same<'a> = (Code, &'a str, Option<&'a ServiceName>);

/// The known end of the chain of causes of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Unknown,
    /// It is being searched for, this many steps from the start of the search.
    OnTheWay(usize),
    Found(usize),
    /// It has no root, and is dropped without one.
    Nothing,
    /// The same root as that of this candidate on the current path, to which every possible cause
    /// leads back.
    SameAs(usize),
}

/// A candidate on the current path.
struct Step<'a> {
    candidate: usize,
    causes: Box<dyn Iterator<Item = usize> + 'a>,
    /// The earliest candidate on the path to which it leads back, and its depth.
    back: Option<(usize, usize)>,
}

impl<'a> Analysis<'a> {
    fn over(facts: &'a Facts<'a>, candidates: &'a [Candidate]) -> Self {
        let mut court = Self {
            facts,
            candidates,
            of_service: HashMap::new(),
            first: HashMap::new(),
            conflicts: Vec::new(),
            roots: vec![Cell::new(Root::Unknown); candidates.len()],
        };
        for (place, candidate) in candidates.iter().enumerate() {
            let service = &candidate.finding.service;
            court.of_service.entry(service).or_default().push(place);
            if let Some(same) = same(candidate) {
                court.first.entry(same).or_insert(place);
            }
            if candidate.finding.code == Code::KeeperConflict {
                court.conflicts.push(place);
            }
        }
        court
    }

    /// Returns the end of the chain of causes; `None` for a candidate that needs a cause and has none.
    fn root(&self, candidate: usize) -> Option<usize> {
        self.search(candidate);
        match self.known(candidate).1 {
            Root::Found(root) => Some(root),
            Root::Unknown | Root::OnTheWay(_) | Root::Nothing | Root::SameAs(_) => None,
        }
    }

    /// Returns the known root of a candidate, and the candidate where it was found.
    fn known(&self, mut candidate: usize) -> (usize, Root) {
        loop {
            match self.roots[candidate].get() {
                Root::SameAs(other) => candidate = other,
                root => return (candidate, root),
            }
        }
    }

    /// Finds the roots of a candidate and of all candidates on the path to it: the root of the
    /// first cause that has one.
    fn search(&self, from: usize) {
        if self.roots[from].get() != Root::Unknown {
            return;
        }
        let mut way = vec![self.step(from, 0)];
        let mut judged = None;
        while let Some(step) = way.last_mut() {
            let root = match judged.take().or_else(|| step.causes.next()) {
                Some(cause) => match self.known(cause) {
                    (_, Root::Found(root)) => Root::Found(root),
                    (_, Root::Unknown) => {
                        let depth = way.len();
                        way.push(self.step(cause, depth));
                        continue;
                    }
                    (back, Root::OnTheWay(depth)) => {
                        let leads_back = back != step.candidate;
                        if leads_back && step.back.is_none_or(|(_, known)| depth < known) {
                            step.back = Some((back, depth));
                        }
                        continue;
                    }
                    (_, Root::Nothing | Root::SameAs(_)) => continue,
                },
                None if self.candidates[step.candidate].behind != CausedBy::OnlyNeeds => {
                    Root::Found(step.candidate)
                }
                None => step
                    .back
                    .map_or(Root::Nothing, |(other, _)| Root::SameAs(other)),
            };
            self.roots[step.candidate].set(root);
            judged = Some(step.candidate);
            way.pop();
        }
    }

    fn step(&self, candidate: usize, depth: usize) -> Step<'_> {
        self.roots[candidate].set(Root::OnTheWay(depth));
        Step {
            candidate,
            causes: self.causes(candidate),
            back: None,
        }
    }

    /// Returns the candidates that may explain a candidate, the likeliest first.
    fn causes(&self, of: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        let it = &self.candidates[of];
        let first = same(it).and_then(|same| self.first.get(&same).copied());
        if let Some(earlier) = first.filter(|first| *first != of) {
            return Box::new(iter::once(earlier));
        }
        let has_keeper = matches!(it.finding.code, Code::NotRunning | Code::PortTaken);
        let conflicts = self.conflicts.iter().copied().filter(move |_| has_keeper);
        let deeper = iter::once(()).flat_map(move |()| self.deeper(of));
        match &it.behind {
            CausedBy::Itself => Box::new(conflicts.chain(deeper)),
            CausedBy::Named(causes) => {
                let named = causes.iter().flat_map(move |cause| self.named(of, cause));
                Box::new(conflicts.chain(named).chain(deeper))
            }
            CausedBy::Needs | CausedBy::OnlyNeeds => {
                let needs = self.needs(&it.finding.service);
                Box::new(conflicts.chain(needs).chain(deeper))
            }
        }
    }

    /// Returns the candidates of the direct and indirect dependencies of a service, the nearest
    /// first.
    fn needs(&self, service: &ServiceName) -> impl Iterator<Item = usize> {
        let place = self.facts.order.place(service);
        let mut seen: HashSet<usize> = place.into_iter().collect();
        let mut open: VecDeque<usize> = place.into_iter().collect();
        let mut next = VecDeque::new();
        let needed = iter::from_fn(move || {
            while next.is_empty() {
                let service = open.pop_front()?;
                // Their roots are known by now.
                if Some(service) != place && self.has_nothing_below(service) {
                    continue;
                }
                let needs = self.facts.order.needs(service).iter();
                let needs = needs.map(|(need, _)| *need);
                next.extend(needs.filter(|need| seen.insert(*need)));
                open.extend(&next);
            }
            next.pop_front()
        });
        needed.flat_map(|need| self.breaking(&self.facts.services[need].spec.name))
    }

    /// Returns whether all its dependencies are known to be fine, so that the service has no reason
    /// to wait.
    fn has_nothing_below(&self, service: usize) -> bool {
        let mut of_it = self.of(&self.facts.services[service].spec.name).iter();
        of_it.any(|&place| {
            self.candidates[place].behind == CausedBy::OnlyNeeds
                && self.known(place).1 == Root::Nothing
        })
    }

    fn of(&self, service: &ServiceName) -> &[usize] {
        self.of_service.get(service).map_or(&[], Vec::as_slice)
    }

    fn named(&self, of: usize, cause: &Cause) -> Vec<usize> {
        self.deepest_first(&cause.service, |place, other| {
            place != of
                && match cause.code {
                    Some(code) => other.finding.code == code,
                    None => other.breaks,
                }
        })
    }

    fn breaking(&self, service: &ServiceName) -> Vec<usize> {
        self.deepest_first(service, |_, other| other.breaks)
    }

    /// Returns the candidates of an earlier stage of the same service.
    fn deeper(&self, of: usize) -> Vec<usize> {
        let it = &self.candidates[of];
        self.deepest_first(&it.finding.service, |_, other| {
            other.level < it.level
                && (other.level <= Level::Listen || it.behind != CausedBy::Itself)
        })
    }

    fn deepest_first(
        &self,
        service: &ServiceName,
        is_meant: impl Fn(usize, &Candidate) -> bool,
    ) -> Vec<usize> {
        let of_it = self.of(service).iter().copied();
        let mut meant: Vec<usize> = of_it
            .filter(|&place| is_meant(place, &self.candidates[place]))
            .collect();
        meant.sort_by_key(|&place| self.candidates[place].level);
        meant
    }

    /// Returns the sort key for the most severe first: by stage, then by the number of
    /// dependencies, then by the order of the stack file.
    fn rank(&self, candidate: usize) -> (Level, usize, usize) {
        let it = &self.candidates[candidate];
        let needs = self.facts.all_needs(&it.finding.service).len();
        (it.level, needs, candidate)
    }
}

fn same(candidate: &Candidate) -> Option<Same<'_>> {
    let what = candidate.same_as.as_deref()?;
    let code = candidate.finding.code;
    let across = code == Code::UndeclaredDependency;
    let service = (!across).then_some(&candidate.finding.service);
    Some((code, what, service))
}

/// Removes repeated lines.
fn presentable(mut finding: Finding) -> Finding {
    let mut evidence: Vec<Redacted> = Vec::with_capacity(finding.evidence.len());
    for line in finding.evidence {
        if !line.is_empty() && !evidence.contains(&line) {
            evidence.push(line);
        }
    }
    finding.evidence = evidence;
    let mut symptoms: Vec<Symptom> = Vec::with_capacity(finding.symptoms.len());
    for symptom in finding.symptoms {
        if !symptoms.contains(&symptom) {
            symptoms.push(symptom);
        }
    }
    finding.symptoms = symptoms;
    finding
}
