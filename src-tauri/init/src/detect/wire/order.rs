//! The order of services where no address tells it, without cycles.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    detect::app::App,
    draft::{Kind, Origin},
};
use pilotlight::stack::Need;

/// A frontend that names no backend needs them all the same, if some are there.
pub(super) fn need_backends(apps: &mut [App<'_>]) {
    let backends: Vec<(String, Origin)> = apps
        .iter()
        .filter(|app| app.service.kind == Kind::Backend)
        .map(|app| {
            (
                app.service.name.clone(),
                Origin::known("frontends come after what they ask"),
            )
        })
        .collect();
    // With several, nothing tells which one it uses.
    if backends.len() > 1 {
        return;
    }
    let roots: BTreeSet<String> = apps
        .iter()
        .filter(|app| app.service.kind == Kind::Backend)
        .map(|app| app.root.clone())
        .collect();
    let names: BTreeSet<&str> = backends.iter().map(|(name, _)| name.as_str()).collect();
    for app in apps
        .iter_mut()
        .filter(|app| app.service.kind == Kind::Frontend)
    {
        // What serves the pages of a backend in its own folder asks nothing of it.
        if roots.contains(&app.root) {
            continue;
        }
        let mut needs = app.service.needs.iter();
        if needs.any(|need| names.contains(need.value.service.as_str())) {
            continue;
        }
        for (name, because) in &backends {
            app.need(name, Need::Ready, because);
        }
    }
}

/// What a job prepares comes after it: whatever runs in the same folder.
pub(super) fn need_jobs(apps: &mut [App<'_>]) {
    let jobs: Vec<(String, String, Origin)> = apps
        .iter()
        .filter(|app| app.service.kind == Kind::Job)
        .map(|app| {
            (
                app.root.clone(),
                app.service.name.clone(),
                app.service.because.clone(),
            )
        })
        .collect();
    for app in apps.iter_mut().filter(|app| app.service.kind != Kind::Job) {
        for (root, name, because) in &jobs {
            if app.root == *root && app.service.kind != Kind::Frontend {
                app.need(name, Need::Completed, because);
            }
        }
    }
}

/// Two backends may ask each other, but one must start first.
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
