//! Validates a draft as a stack file. Removes and lists invalid parts, so that the written file never needs an
//! edit.

use std::path::Path;

use crate::draft::{Draft, DraftService, LeftOut, Require, render};
use pilotlight::{
    env::Env,
    stack_file::{self, Report},
};

/// Removes the invalid parts of a draft.
pub(super) fn make_valid(draft: &mut Draft) {
    // Each round removes a part.
    let mut rounds = draft.services.len() * 8;
    while !draft.services.is_empty() {
        let text = render(draft);
        let file = Path::new("/pilotlight.toml");
        let Err(report) = stack_file::parse(file, text.as_bytes(), &Env::new()) else {
            return;
        };
        let is_unset = |problem: &stack_file::Problem| {
            matches!(problem.kind(), stack_file::ProblemKind::UnsetVariable(_))
        };
        if report.problems().iter().all(is_unset) {
            return;
        }
        if rounds == 0 || !take_out(draft, &text, &report) {
            // An empty file is better than an invalid one.
            let services = std::mem::take(&mut draft.services);
            let lost = services
                .iter()
                .map(|it| wrong(it, "the whole service", &report.to_string()));
            draft.unsaid.extend(lost.collect::<Vec<_>>());
        }
        rounds = rounds.saturating_sub(1);
    }
}

/// Removes the part with the first problem. Returns whether a part was removed.
fn take_out(draft: &mut Draft, text: &str, report: &Report) -> bool {
    for problem in report.problems() {
        // The caller's environment may set a `${NAME}` without a default.
        if matches!(problem.kind(), stack_file::ProblemKind::UnsetVariable(_)) {
            continue;
        }
        let Some(place) = problem.place() else {
            continue;
        };
        let lines: Vec<&str> = text.lines().take(place.line).collect();
        let Some((table, key)) = table_and_key(&lines) else {
            continue;
        };
        let (name, part) = table.split_once('.').unwrap_or((table, key));
        let message = problem.to_string();
        if let Some(service) = draft.service_mut(name) {
            let unsaid = wrong(service, part, &message);
            let is_kept = without(service, part);
            draft.unsaid.push(unsaid);
            if !is_kept {
                draft.remove(name);
            }
            return true;
        }
    }
    false
}

/// Returns the service table and the key of the last line.
fn table_and_key<'a>(lines: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let header = lines.iter().rev().find_map(|line| {
        let name = line.trim_start_matches('[').strip_prefix("service.")?;
        line.starts_with('[').then(|| name.trim_end_matches(']'))
    })?;
    let last = lines.last()?;
    let key = last.split_once('=').map_or("", |(key, _)| key.trim());
    Some((header, key))
}

/// Removes a part of a service. Returns whether the service is still valid.
fn without(service: &mut DraftService, part: &str) -> bool {
    let before = service.clone();
    match part.split('.').next().unwrap_or(part) {
        "ready" if service.external.is_none() => service.ready = None,
        "check" => service.checks.clear(),
        "env" => service.env.clear(),
        "env_file" => service.env_file.clear(),
        "env_points_at" => service.env_points_at.clear(),
        "require" => service.require = Require::default(),
        "links" => service.links.clear(),
        "stop" => service.stop = None,
        "start_timeout" => service.start_timeout = None,
        _ => return false,
    }
    *service != before
}

fn wrong(service: &DraftService, part: &str, why: &str) -> LeftOut {
    let what = format!("{}: {part}", service.name);
    LeftOut::new(
        what,
        &service.because,
        format!("it is invalid in a stack file: {why}"),
    )
}
