//! The search for root causes in any graph of services.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::diagnose::tests::well;

/// A service: the numbers of its dependencies, and its faults.
type Made = (Vec<usize>, Vec<Wrong>);

#[derive(Clone, Debug)]
struct Wrong {
    level: Level,
    behind: Guess,
    breaks: bool,
    same: bool,
}

#[derive(Clone, Debug)]
enum Guess {
    Itself,
    Named(Vec<usize>),
    Needs,
    OnlyNeeds,
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![
        Level::Start,
        Level::End,
        Level::Listen,
        Level::Answer,
        Level::Use,
    ])
}

fn wrong(services: usize) -> impl Strategy<Value = Wrong> {
    let guess = prop_oneof![
        1 => Just(Guess::Itself),
        2 => prop::collection::vec(0..services, 1..3).prop_map(Guess::Named),
        2 => Just(Guess::Needs),
        4 => Just(Guess::OnlyNeeds),
    ];
    (level(), guess, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |(level, behind, breaks, same)| Wrong {
            level,
            behind,
            breaks,
            same,
        },
    )
}

fn graph(services: usize) -> impl Strategy<Value = Vec<Made>> {
    let needs = prop::collection::vec(0..services, 0..4);
    let wrongs = prop::collection::vec(wrong(services), 0..3);
    prop::collection::vec((needs, wrongs), services)
}

fn name(service: usize) -> String {
    format!("s{service}")
}

/// Generates a stack in which each service depends only on earlier ones.
fn stack(graph: &[Made]) -> String {
    let mut text = String::new();
    for (place, (needs, _)) in graph.iter().enumerate() {
        let needs = needs.iter().filter(|need| **need < place);
        let needs: HashSet<String> = needs.map(|need| format!("{:?}", name(*need))).collect();
        let needs: Vec<String> = needs.into_iter().collect();
        let needs = needs.join(", ");
        write!(
            text,
            "[service.s{place}]\ncommand = 'x'\nneeds = [{needs}]\n"
        )
        .unwrap();
    }
    text
}

fn candidates(graph: &[Made], may_lead_back: bool) -> Vec<Candidate> {
    let of_service = graph.iter().enumerate().map(|(place, (_, wrongs))| {
        wrongs.iter().map(move |wrong| {
            let service = ServiceName::new(&name(place));
            let mut candidate = Candidate::new(&service, Code::Exited, wrong.level)
                .title(format!("{service} is wrong"));
            candidate.breaks = wrong.breaks;
            let is_same = wrong.same && may_lead_back;
            candidate.same_as = is_same.then(|| "same".to_owned());
            candidate.behind = match &wrong.behind {
                Guess::Itself => CausedBy::Itself,
                Guess::Needs => CausedBy::Needs,
                Guess::OnlyNeeds => CausedBy::OnlyNeeds,
                Guess::Named(services) => {
                    let named = services.iter();
                    let named = named.filter(|other| may_lead_back || **other < place);
                    let causes = named.map(|other| Cause::any(&ServiceName::new(&name(*other))));
                    CausedBy::Named(causes.collect())
                }
            };
            candidate
        })
    });
    of_service.flatten().collect()
}

/// Searches without stored results, as a reference: exponential, and obviously correct without
/// cycles.
fn plainly(court: &Analysis<'_>, candidate: usize) -> Option<usize> {
    let mut causes = court.causes(candidate);
    let found = causes.find_map(|cause| plainly(court, cause));
    let stands_alone = court.candidates[candidate].behind != CausedBy::OnlyNeeds;
    found.or_else(|| stands_alone.then_some(candidate))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn stored_roots_equal_those_of_a_simple_search(graph in graph(7)) {
        let case = well(&stack(&graph));
        let facts = Facts::of(&case.0);
        let candidates = candidates(&graph, false);
        let court = Analysis::over(&facts, &candidates);
        let plain: Vec<_> = (0..candidates.len()).map(|place| plainly(&court, place)).collect();
        let found: Vec<_> = (0..candidates.len()).map(|place| court.root(place)).collect();
        prop_assert_eq!(plain, found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Holds even if the logs of two services name each other.
    #[test]
    fn every_root_of_500_services_is_its_own_root_and_no_evidence_is_lost(graph in graph(500)) {
        let case = well(&stack(&graph));
        let facts = Facts::of(&case.0);
        let candidates = candidates(&graph, true);
        let court = Analysis::over(&facts, &candidates);
        for (place, candidate) in candidates.iter().enumerate() {
            if let Some(root) = court.root(place) {
                prop_assert_eq!(court.root(root), Some(root));
            } else {
                prop_assert_eq!(&candidate.behind, &CausedBy::OnlyNeeds);
            }
        }
    }
}

/// Returns a chain of services, each of which waits for the previous one.
fn chain(length: usize, first: Option<&Guess>) -> Vec<Made> {
    let wrong = |behind| Wrong {
        level: Level::Start,
        behind,
        breaks: true,
        same: false,
    };
    let of = |place: usize| match place {
        0 => (Vec::new(), first.cloned().map(wrong).into_iter().collect()),
        _ => (vec![place - 1], vec![wrong(Guess::OnlyNeeds)]),
    };
    (0..length).map(of).collect()
}

#[test]
fn a_long_chain_that_waits_for_a_starting_service_has_no_finding() {
    let graph = chain(2000, None);
    let case = well(&stack(&graph));
    assert_eq!(settle(&Facts::of(&case.0), &candidates(&graph, true)), []);
}

#[test]
fn a_long_chain_that_waits_for_a_failed_service_is_one_finding() {
    let graph = chain(2000, Some(&Guess::Itself));
    let case = well(&stack(&graph));
    let findings = settle(&Facts::of(&case.0), &candidates(&graph, true));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].symptoms.len(), 1999);
}

#[test]
fn a_service_that_waits_for_one_whose_log_names_it_shares_its_root() {
    // The first finding refers to the last services that wait for it.
    let graph = chain(30, Some(&Guess::Named(vec![29])));
    let case = well(&stack(&graph));
    let findings = settle(&Facts::of(&case.0), &candidates(&graph, true));
    let found: Vec<_> = findings.iter().map(|it| it.service.as_str()).collect();
    assert_eq!(found, ["s0"]);
    assert_eq!(findings[0].symptoms.len(), 29);
}
