//! The order of services where no address decides it, without cycles.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    detect::app::App,
    draft::{DraftService, Kind, Origin},
};
use pilotlight::stack::Need;

/// Has a frontend need the only backend, also where it does not name it.
pub(super) fn need_backends(apps: &mut [App<'_>]) {
    let backends = apps.iter().filter(|app| app.service.kind == Kind::Backend);
    let backends: Vec<(String, String)> = backends
        .map(|app| (app.service.name.clone(), app.root.clone()))
        .collect();
    // With several, the one that it uses is unknown.
    let [(backend, root)] = &backends[..] else {
        return;
    };
    let because = Origin::known("a frontend starts after its backend");
    for app in apps
        .iter_mut()
        .filter(|app| app.service.kind == Kind::Frontend)
    {
        // The server that serves the pages of a backend in its own folder sends it no requests.
        if app.root != *root {
            app.need(backend, Need::Ready, &because);
        }
    }
}

/// Has the services of a folder need the jobs in it.
pub(super) fn need_jobs(apps: &mut [App<'_>]) {
    let jobs = apps.iter().filter(|app| app.service.kind == Kind::Job);
    let jobs: Vec<(String, DraftService)> = jobs
        .map(|app| (app.root.clone(), app.service.clone()))
        .collect();
    for app in apps.iter_mut() {
        for (root, job) in &jobs {
            if app.root == *root && !matches!(app.service.kind, Kind::Frontend | Kind::Job) {
                app.need(&job.name, Need::Completed, &job.because);
            }
        }
    }
}

/// Removes needs that form a cycle: two backends may send requests to each other, but one starts first.
pub(super) fn break_rings(apps: &mut [App<'_>]) {
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for app in apps.iter_mut() {
        let own = app.service.name.clone();
        app.service.needs.retain(|need| {
            if reaches(&allowed, &need.value.service, &own) {
                return false;
            }
            let edges = allowed.entry(own.clone()).or_default();
            edges.insert(need.value.service.clone());
            true
        });
    }
}

fn reaches(edges: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(edges.get(at).into_iter().flatten().map(String::as_str));
        }
    }
    false
}
