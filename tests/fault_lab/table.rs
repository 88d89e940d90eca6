//! The table: a row for each case, and a summary.

use std::time::Duration;

use crate::verdict::{Outcome, Verdict};

/// Prints a row as soon as its case is done.
pub(crate) fn row(outcome: &Outcome) {
    let late = if outcome.took > outcome.limit {
        " late"
    } else {
        ""
    };
    println!(
        "{:<11} {:<58} {:<34} {:<34} {:>5} ms{late}",
        outcome.verdict.name(),
        outcome.case,
        outcome.expected,
        if outcome.got == outcome.expected {
            "="
        } else {
            &outcome.got
        },
        outcome.took.as_millis(),
    );
}

/// Prints the names of the columns.
pub(crate) fn head() {
    println!(
        "{:<11} {:<58} {:<34} {:<34} {:>8}",
        "", "case", "expected", "got", "doctor"
    );
}

/// Prints the details of wrong cases, and a summary.
pub(crate) fn summary(outcomes: &[Outcome], took: Duration) {
    for outcome in outcomes.iter().filter(|it| it.verdict != Verdict::Right) {
        println!(
            "\n── {}: {}\n{}",
            outcome.case,
            outcome.verdict.name(),
            outcome.details
        );
    }
    let count = |verdict| outcomes.iter().filter(|it| it.verdict == verdict).count();
    let counts = Verdict::ALL.map(|verdict| format!("{} {}", count(verdict), verdict.name()));
    let late = outcomes.iter().filter(|it| it.took > it.limit).count();
    let mut times: Vec<Duration> = outcomes.iter().map(|it| it.took).collect();
    times.sort_unstable();
    let time = |share: usize| times.get(times.len().saturating_sub(1) * share / 100);
    println!(
        "\n{} cases in {:.0} s: {}; doctor took {} ms in the middle, {} ms at most, {late} later than allowed",
        outcomes.len(),
        took.as_secs_f64(),
        counts.join(", "),
        time(50).map_or(0, Duration::as_millis),
        time(100).map_or(0, Duration::as_millis),
    );
}
