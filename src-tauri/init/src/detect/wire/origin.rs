//! Origins that a backend allows, checked as a browser does.

use std::collections::BTreeMap;

use crate::{
    detect::{address::Address, app::App},
    draft::{Check, DraftService, Kind, Origin, Probe},
};

/// Adds a check of the origin of a frontend to a backend that allows it, if the frontend requests the backend by its
/// address rather than through a proxy.
pub(super) fn check_origins(apps: &mut [App<'_>], mentions: &[BTreeMap<u16, Origin>]) {
    let frontends = apps.iter().filter(|app| app.service.kind == Kind::Frontend);
    let frontends = frontends.filter_map(|app| {
        let service = &app.service;
        let asked = service.env_points_at.iter();
        let asked = asked.map(|(_, said)| said.value.clone());
        let given = service.env.iter();
        let given = given.filter_map(|(_, said)| service_in(&said.value));
        let asked: Vec<String> = asked.chain(given).collect();
        Some((service.name.clone(), app.port()?, asked))
    });
    let frontends: Vec<_> = frontends.collect();
    for (app, mentions) in apps.iter_mut().zip(mentions) {
        if app.service.kind != Kind::Backend || !app.service.checks.is_empty() {
            continue;
        }
        let Some(path) = health_path(&app.service) else {
            continue;
        };
        for (frontend, port, asked) in &frontends {
            if !asked.contains(&app.service.name) {
                continue;
            }
            let in_variables = app.variables.values().find(|variable| {
                let address = Address::parse(&variable.value);
                let address = address.filter(|address| variable.is_set && address.is_here());
                address.and_then(|address| address.port()) == Some(*port)
            });
            let because = match (mentions.get(port), in_variables) {
                (_, Some(variable)) => variable.because(),
                (Some(said), None) => Origin {
                    text: "allows this origin".to_owned(),
                    ..said.clone()
                },
                (None, None) => continue,
            };
            let check = Check {
                name: format!("a page of {frontend} may ask"),
                http: path.clone(),
                origin: format!("http://localhost:{{{frontend}.port}}"),
            };
            app.service.checks.push(because.says(check));
        }
    }
}

fn health_path(service: &DraftService) -> Option<String> {
    let ready = &service.ready.as_ref()?.value;
    ready.probes.iter().find_map(|probe| match probe {
        Probe::Http(request) if request.url.starts_with('/') => Some(request.url.clone()),
        _ => None,
    })
}

/// Returns `backend` of `http://localhost:{backend.port}`.
fn service_in(value: &str) -> Option<String> {
    let (_, rest) = value.split_once('{')?;
    Some(rest.split_once(".port}")?.0.to_owned())
}
