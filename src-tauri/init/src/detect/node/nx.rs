//! Apps of an Nx workspace without scripts: `project.json` has the command that serves each.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    package::{Package, manager},
    port::in_sources,
};
use crate::{
    detect::{
        Found,
        listing::{Listing, file_name, folder, line_with},
    },
    draft::{DraftService, Kind, Origin},
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
    if json["projectType"] == "library" {
        return None;
    }
    let targets = json.get("targets")?;
    let name = ["dev", "serve"]
        .into_iter()
        .find(|name| targets.get(name).is_some())?;
    let target = &targets[name];
    let executor = target["executor"].as_str().unwrap_or_default();
    let project = json["name"].as_str().unwrap_or_else(|| file_name(root));
    let line = line_with(text, &format!("\"{name}\""));
    let because = Origin::line(file, line, format!("`{name}` is {executor}"));
    let is_server = executor.contains("node") || executor.contains("nest");
    let (manager, _, _) = manager(listing, packages, "");
    let mut words = manager.exec("nx");
    words.extend([name, project].map(str::to_owned));
    let set = target["options"]["port"].as_u64();
    let set = set.and_then(|port| u16::try_from(port).ok().filter(|port| *port > 0));
    let in_options = set
        .map(|port| Origin::line(file, line_with(text, "\"port\""), "`options.port`").says(port));
    let in_source = || {
        let paths =
            ["src/main.ts", "src/main.js", "src/index.ts"].map(|name| format!("{root}/{name}"));
        let paths = paths.iter().map(String::as_str);
        let port = in_sources(paths.filter_map(|path| Some((path, listing.text(path)?))))?;
        Some(port.because.says(port.number?))
    };
    let (kind, port) = if is_server {
        (Kind::Backend, in_options.or_else(in_source))
    } else {
        words.extend(["--port", "{port}"].map(str::to_owned));
        let usual = || Origin::known("the usual port of Nx").says(4200);
        (Kind::Frontend, Some(in_options.unwrap_or_else(usual)))
    };
    let mut found = Found {
        service: DraftService::new(project, kind, because),
        root: root.to_owned(),
        reads_port: is_server,
        ..Found::default()
    };
    found.service.port = port;
    found.runs_words(words);
    Some(found)
}
