//! Health pages by the routes that source writes down, for languages whose routers are not followed
//! from file to file.

use regex::Regex;

use super::{line_at, python};
use crate::draft::{DraftService, Http, LeftOut, Origin, Probe, Ready, Sourced, plain};

/// The surest health page among the routes, unless a prefix anywhere in the project makes it
/// uncertain where it is: a wrong path would keep a healthy service from ever being ready. The first
/// group of `route` is the path, of `prefix` that of what it hangs from.
pub(super) fn health<'a>(
    sources: impl Iterator<Item = (&'a str, &'a str)>,
    route: &Regex,
    prefix: Option<&Regex>,
) -> Option<Sourced<Ready>> {
    let mut best: Option<(u8, Sourced<Ready>)> = None;
    for (file, code) in sources {
        let prefixed = prefix.is_some_and(|prefix| {
            let mut prefixes = prefix.captures_iter(code).filter_map(|found| found.get(1));
            prefixes.any(|found| !matches!(found.as_str(), "" | "/"))
        });
        if prefixed {
            return None;
        }
        for found in route.captures_iter(code).take(256) {
            let Some(path) = found.get(1) else { continue };
            let Some(rank) = python::health_rank(path.as_str()) else {
                continue;
            };
            if path.as_str().contains(['{', ':', '*', '<', ' '])
                || best.as_ref().is_some_and(|(other, _)| *other <= rank)
            {
                continue;
            }
            let because = Origin::line(file, line_at(code, path.start()), "its health page");
            let slash = if path.as_str().starts_with('/') {
                ""
            } else {
                "/"
            };
            best = Some((
                rank,
                because.says(page(&format!("{slash}{}", path.as_str()))),
            ));
        }
    }
    best.map(|(_, ready)| ready)
}

/// Ready when this page answers.
pub(super) fn page(path: &str) -> Ready {
    Ready {
        probes: vec![Probe::Http(Http {
            url: plain(path),
            ..Http::default()
        })],
        ..Ready::default()
    }
}

/// Ready when a line of the output matches.
pub(super) fn log(pattern: &str) -> Ready {
    Ready {
        probes: vec![Probe::Log(pattern.to_owned())],
        ..Ready::default()
    }
}

/// Says that a server listens somewhere that was not found.
pub(super) fn without_port(service: &DraftService) -> Option<LeftOut> {
    service.port.is_none().then(|| LeftOut {
        what: format!("the port of `{}`", service.name),
        file: service.because.file.clone(),
        line: service.because.line,
        why: "it was not found in the source: without it, it counts as ready when it runs"
            .to_owned(),
    })
}
