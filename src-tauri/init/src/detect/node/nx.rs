//! Apps of an Nx workspace without scripts: `project.json` has the command that serves each.

use std::collections::BTreeMap;

use serde_json::Value;

use super::package::{Package, manager};
use crate::{
    detect::{
        Found,
        listing::{Listing, file_name, folder, line_with},
    },
    draft::{CommandLine, DraftService, Kind, Origin, Sourced},
};

pub(super) fn find(
    listing: &Listing,
    packages: &BTreeMap<&str, Package<'_>>,
    found: &mut Vec<Found>,
) {
    if !listing.has("nx.json") {
        return;
    }
    let known: Vec<String> = found.iter().map(|found| found.root.clone()).collect();
    let files = listing
        .paths()
        .filter(|path| file_name(path) == "project.json");
    for file in files.filter(|file| !known.iter().any(|root| root == folder(file))) {
        found.extend(app(listing, packages, file));
    }
}

fn app(listing: &Listing, packages: &BTreeMap<&str, Package<'_>>, file: &str) -> Option<Found> {
    let text = listing.text(file)?;
    let json: Value = serde_json::from_str(text).ok()?;
    let root = folder(file);
    if json.get("projectType").and_then(Value::as_str) == Some("library") {
        return None;
    }
    let targets = json.get("targets")?;
    let target_name = ["dev", "serve"]
        .into_iter()
        .find(|name| targets.get(name).is_some())?;
    let target = targets.get(target_name)?;
    let executor = target
        .get("executor")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let project = json
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_else(|| file_name(root));
    let line = line_with(text, &format!("\"{target_name}\""));
    let because = Origin::line(file, line, format!("`{target_name}` is {executor}"));
    let is_server = executor.contains("node") || executor.contains("nest");
    let kind = if is_server {
        Kind::Backend
    } else {
        Kind::Frontend
    };
    let (manager, _, _) = manager(listing, packages, "");
    let mut words = manager.exec("nx");
    words.extend([target_name.to_owned(), project.to_owned()]);
    let set = target
        .get("options")
        .and_then(|options| options.get("port")?.as_u64());
    let set = set
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port > 0);
    let in_options = set
        .map(|port| Origin::line(file, line_with(text, "\"port\""), "`options.port`").says(port));
    let port = in_options.or_else(|| {
        if !is_server {
            return Some(Origin::known("the usual port of Nx").says(4200));
        }
        let paths =
            ["src/main.ts", "src/main.js", "src/index.ts"].map(|name| format!("{root}/{name}"));
        let texts = paths
            .iter()
            .filter_map(|path| Some((path.as_str(), listing.text(path)?)));
        let port = super::port::in_sources(texts)?;
        Some(port.because.says(port.number?))
    });
    if !is_server {
        words.extend(["--port".to_owned(), "{port}".to_owned()]);
    }
    let mut service = DraftService::new(project, kind, because.clone());
    service.command = Some(Sourced::new(CommandLine::Words(words), because));
    service.port = port;
    Some(Found {
        service,
        root: root.to_owned(),
        framework: None,
        reads_port: is_server,
        ..Found::default()
    })
}
