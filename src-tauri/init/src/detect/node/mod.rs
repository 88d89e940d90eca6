//! Node projects: the services that the scripts of each `package.json` start, and their ports.

mod ask;
mod nx;
mod package;
mod port;
mod script;
mod service;
mod source;
mod tool;

use std::collections::BTreeMap;

use self::{ask::are_alike, package::Package, script::Does, source::Sources};
use super::{Finds, Found, has_word, listing::Listing};
use crate::draft::{Kind, Origin};

/// Scripts that start something, the likeliest first.
const SCRIPTS: [&str; 6] = ["dev", "start:dev", "develop", "serve", "start", "watch"];

/// A script that could start a package.
struct Candidate {
    script: String,
    does: Does,
}

/// The packages and sources of a project.
struct Project<'a> {
    listing: &'a Listing,
    packages: BTreeMap<&'a str, Package<'a>>,
    sources: Sources<'a>,
}

pub(super) fn find(listing: &Listing, finds: &mut Finds) {
    let packages = Package::all(listing, finds);
    let project = Project {
        listing,
        sources: Sources::new(listing, &packages),
        packages,
    };
    let mut found = Vec::new();
    for package in project.packages.values() {
        if let Some(why) = finds.started.get(package.folder).cloned() {
            let what = format!("the package `{}`", package.folder);
            finds.leave_out(what, &package.script_says("", ""), &why);
        } else {
            project.package(package, &mut found, finds);
        }
    }
    project.without_tools(&mut found, finds);
    project.without_other_pages(&mut found, finds);
    nx::find(listing, &project.packages, &mut found);
    finds.apps.append(&mut found);
}

impl Project<'_> {
    /// Leaves out the packages of a workspace that listen on no port and that no script of the workspace starts: tools
    /// that are run by hand.
    fn without_tools(&self, found: &mut Vec<Found>, finds: &mut Finds) {
        let Some(top) = self
            .packages
            .get("")
            .filter(|top| top.is_workspace(self.listing))
        else {
            return;
        };
        let starts = |name: &str| {
            let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
            words.any(|word| has_word("dev develop serve start watch worker up", word))
        };
        let scripts = top.scripts.iter().filter(|(name, _)| starts(name));
        let scripts: Vec<&String> = scripts.map(|(_, text)| text).collect();
        if scripts.iter().any(|text| script::starts_all(text)) {
            return;
        }
        found.retain(|found| {
            let package = self.packages.get(found.root.as_str());
            let names = package.and_then(|package| package.short_name()).into_iter();
            let mut names = names.chain([found.root.as_str()]);
            let is_tool = !found.root.is_empty()
                && found.service.port.is_none()
                && !names.any(|name| scripts.iter().any(|text| text.contains(name)));
            if is_tool {
                let what = format!("the package `{}`", found.root);
                let why = "it listens on no port, and no script of the workspace starts it";
                finds.leave_out(what, &found.service.because, why);
            }
            !is_tool
        });
    }

    /// Leaves out the frontends of a workspace that its `dev` does not name: `turbo run dev --filter=web`.
    fn without_other_pages(&self, found: &mut Vec<Found>, finds: &mut Finds) {
        let top = self.packages.get("");
        let script = top.and_then(|top| top.scripts.get("dev"));
        let filters = script.map(|text| script::filters(text)).unwrap_or_default();
        let is_named = |package: &Package<'_>| {
            let mut names = filters
                .iter()
                .map(|name| name.rsplit('/').next().unwrap_or(name));
            names.any(|name| package.short_name() == Some(name))
        };
        if !self.packages.values().any(is_named) {
            return;
        }
        found.retain(|found| {
            let package = self.packages.get(found.root.as_str());
            let is_other =
                package.is_some_and(|package| !package.folder.is_empty() && !is_named(package));
            let is_page = found.service.kind == Kind::Frontend;
            if is_other && is_page {
                let what = format!("the package `{}`", found.root);
                finds.leave_out(
                    what,
                    &found.service.because,
                    "`dev` of the workspace does not start it",
                );
            }
            !(is_other && is_page)
        });
    }

    fn package(&self, package: &Package<'_>, found: &mut Vec<Found>, finds: &mut Finds) {
        let mut candidates: Vec<Candidate> = SCRIPTS
            .iter()
            .filter(|name| package.scripts.contains_key(**name))
            .map(|name| Candidate {
                script: (*name).to_owned(),
                does: script::read(&package.scripts, name),
            })
            .collect();
        if candidates.is_empty() {
            let before = found.len();
            self.parts_of_dev(package, found);
            if found.len() == before {
                found.extend(self.without_script(package));
            }
            return;
        }
        // A script that only builds starts nothing; `start` beside it may.
        let builds = |candidate: &Candidate| match &candidate.does {
            Does::Runs(script) => script.words.is_empty() || tool::only_builds(&script.words),
            Does::Others | Does::Several(_) => false,
        };
        let first = package.script_says(&candidates[0].script, "");
        candidates.retain(|candidate| !builds(candidate) && candidate.script != "watch");
        let shows_build = |candidate: &Candidate| matches!(&candidate.does, Does::Runs(script) if tool::shows_build(&script.words));
        if !candidates.iter().all(shows_build) {
            candidates.retain(|candidate| !shows_build(candidate));
        }
        prefer_start(&mut candidates);
        let Some(best) = candidates.first() else {
            let what = format!("the package `{}`", display(package.folder));
            finds.leave_out(what, &first, "its scripts build and start nothing");
            return;
        };
        match &best.does {
            // The packages that it starts have services of their own.
            Does::Others => {}
            Does::Several(commands) => self.several(package, &best.script, commands, found),
            Does::Runs(script) => {
                let Some(mut service) = self.service(package, &best.script, script, None) else {
                    return;
                };
                if let [first, other, ..] = &candidates[..]
                    && let Does::Runs(other_script) = &other.does
                    && are_alike(first, other, script, other_script)
                {
                    self.ask_script(package, &mut service, other, other_script);
                }
                found.push(service);
            }
        }
    }

    /// Adds the services of `dev:web` and `dev:api`, where no `dev` starts both.
    fn parts_of_dev(&self, package: &Package<'_>, found: &mut Vec<Found>) {
        for name in package.scripts.keys() {
            let Some(part) = name.strip_prefix("dev:").or(name.strip_prefix("start:")) else {
                continue;
            };
            if let Does::Runs(script) = script::read(&package.scripts, name)
                && !tool::only_builds(&script.words)
                && (tool::of(&script.words).is_some() || tool::runs_source(&script.words))
            {
                found.extend(self.service(package, name, &script, Some(part)));
            }
        }
    }

    /// Returns the service of `node server.js`, where no script starts the server.
    fn without_script(&self, package: &Package<'_>) -> Option<Found> {
        source::framework(package)?;
        let entries = source::entries(package, &script::Script::default());
        let files = entries.iter().flat_map(|entry| {
            let stem = entry.strip_suffix(".js").unwrap_or(entry);
            ["js", "mjs", "cjs"].map(|end| format!("{stem}.{end}"))
        });
        let mut served = files.filter(|file| {
            let text = self.listing.text(file);
            text.is_some_and(|text| text.contains(".listen(") || text.contains("serve("))
        });
        let file = served.next()?;
        let own = file[package.folder.len()..].trim_start_matches('/');
        let words = vec!["node".to_owned(), own.to_owned()];
        let script = script::Script {
            words: words.clone(),
            ..script::Script::default()
        };
        let mut found = self.service(package, "node", &script, None)?;
        found.service.because = Origin::file(file, "a server that no script starts");
        found.runs_words(words);
        found.asks.clear();
        Some(found)
    }

    /// Adds the services that one script starts at the same time.
    fn several(
        &self,
        package: &Package<'_>,
        starter: &str,
        commands: &[String],
        found: &mut Vec<Found>,
    ) {
        for command in commands {
            let name = command.strip_prefix("npm run ");
            let name = name.filter(|name| package.scripts.contains_key(*name));
            // A command of its own; a script of another package is found there.
            let alone = || BTreeMap::from([(starter.to_owned(), command.clone())]);
            let does = name.map_or_else(
                || script::read(&alone(), starter),
                |name| script::read(&package.scripts, name),
            );
            let Does::Runs(script) = does else { continue };
            let mut parts = name.unwrap_or_default().rsplit(':');
            let part = parts.find(|part| !SCRIPTS.contains(part)).or(name);
            found.extend(match name {
                Some(name) => self.service(package, name, &script, part),
                None => self.direct(package, starter, &script),
            });
        }
    }
}

/// Prefers `start` to `serve` for a server of the project's own.
fn prefer_start(candidates: &mut [Candidate]) {
    let is_own = |candidate: &Candidate| matches!(&candidate.does, Does::Runs(script) if tool::of(&script.words).is_none());
    if let [first, second, ..] = candidates
        && first.script == "serve"
        && is_own(first)
        && is_own(second)
    {
        std::mem::swap(first, second);
    }
}

/// Returns the name of the package manager of a folder, by its lock file or that of a folder above.
pub(crate) fn package_manager(listing: &Listing, folder: &str) -> &'static str {
    &package::manager(listing, &BTreeMap::new(), folder).0.name
}

pub(crate) use self::{port::in_settings as port_in_settings, tool::of as tool_of};

/// Returns a folder for display: `.` is the top.
fn display(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}
