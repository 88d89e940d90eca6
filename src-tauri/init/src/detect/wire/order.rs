//! The order of services where no address decides it, without cycles.

use std::collections::BTreeMap;

use crate::{
    detect::app::App,
    draft::{Kind, Origin, leads_to},
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
            app.service.need(backend, Need::Ready, &because);
        }
    }
}

/// Removes needs that form a cycle: two backends may send requests to each other, but one starts first.
pub(super) fn break_rings(apps: &mut [App<'_>]) {
    let mut allowed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for app in apps.iter_mut() {
        let own = app.service.name.clone();
        app.service.needs.retain(|need| {
            let other = &need.value.service;
            let forms_ring = leads_to(other, &own, |name| allowed.get(name).into_iter().flatten());
            if !forms_ring {
                allowed.entry(own.clone()).or_default().push(other.clone());
            }
            !forms_ring
        });
    }
}
