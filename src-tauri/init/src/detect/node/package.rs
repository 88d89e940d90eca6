//! A `package.json`, and the manager that runs its scripts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    detect::{
        Finds,
        aside::is_aside,
        frameworks::{self, Manager},
        listing::{Listing, ancestors, folder, join, line_at},
    },
    draft::Origin,
};

/// A package of Node.
#[derive(Debug)]
pub(super) struct Package<'a> {
    /// The path of its `package.json`.
    pub(super) file: &'a str,
    pub(super) folder: &'a str,
    text: &'a str,
    json: Value,
    pub(super) scripts: BTreeMap<String, String>,
    pub(super) dependencies: BTreeSet<String>,
}

impl Manager {
    /// Returns the words that run a script with arguments. npm needs `--` before them; pnpm and Bun would hand that on.
    pub(super) fn run(&self, script: &str, arguments: &[String]) -> Vec<String> {
        let mut words = [&self.name, "run", script].map(str::to_owned).to_vec();
        if self.name == "npm" && !arguments.is_empty() {
            words.push("--".to_owned());
        }
        words.extend_from_slice(arguments);
        words
    }

    /// Returns the words that run a program of the package.
    pub(super) fn exec(&self, program: &str) -> Vec<String> {
        let words = self.exec.split(' ').chain([program]);
        words.map(str::to_owned).collect()
    }
}

impl<'a> Package<'a> {
    /// Returns all packages that can be read, by folder.
    pub(super) fn all(listing: &'a Listing, finds: &mut Finds) -> BTreeMap<&'a str, Self> {
        let mut packages = BTreeMap::new();
        let files = listing.named("package.json");
        // The listing has no text of a test or an example.
        for file in files.filter(|file| !is_aside(file)) {
            match Self::read(listing, file) {
                Ok(package) => {
                    packages.insert(package.folder, package);
                }
                Err(why) => finds.leave_out("a package of Node", &Origin::file(file, ""), &why),
            }
        }
        packages
    }

    fn read(listing: &'a Listing, file: &'a str) -> Result<Self, String> {
        let text = listing
            .text(file)
            .ok_or("it was not read: too large, or not text")?;
        let json: Value =
            serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let texts = |key: &str| {
            let entries = json.get(key).and_then(Value::as_object);
            let entries = entries.into_iter().flatten();
            entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        };
        let dependencies = ["dependencies", "devDependencies", "optionalDependencies"];
        let scripts = texts("scripts").collect();
        let dependencies = dependencies.into_iter().flat_map(texts);
        let dependencies = dependencies.map(|(name, _)| name).collect();
        Ok(Self {
            file,
            folder: folder(file),
            text,
            scripts,
            dependencies,
            json,
        })
    }

    pub(super) fn has(&self, dependency: &str) -> bool {
        self.dependencies.contains(dependency)
    }

    /// Returns the last part of its name, without the scope: `web` of `@shop/web`.
    pub(super) fn short_name(&self) -> Option<&str> {
        let name = self.json.get("name")?.as_str()?;
        Some(name.rsplit_once('/').map_or(name, |(_, name)| name))
    }

    /// Whether it is the top of a workspace.
    pub(super) fn is_workspace(&self, listing: &Listing) -> bool {
        self.json.get("workspaces").is_some()
            || listing.has(&join(self.folder, "pnpm-workspace.yaml"))
    }

    /// Returns a text of the package: `main`.
    pub(super) fn string(&self, key: &str) -> Option<&str> {
        self.json.get(key)?.as_str()
    }

    /// Returns the place of a script.
    pub(super) fn script_says(&self, script: &str, text: impl Into<String>) -> Origin {
        Origin::line(self.file, self.script_line(script), text)
    }

    fn script_line(&self, script: &str) -> Option<usize> {
        self.line_of_key("\"scripts\"", script)
    }

    /// Returns the line of a key, after the place where its table begins.
    fn line_of_key(&self, table: &str, key: &str) -> Option<usize> {
        let key = format!("\"{key}\"");
        let start = self.text.find(table)?;
        let mut places = self.text[start..]
            .match_indices(&key)
            .map(|(at, _)| start + at);
        let at = places.find(|at| {
            let after = self.text[at + key.len()..].trim_start();
            after.starts_with(':')
        })?;
        Some(line_at(self.text, at))
    }
}

/// Returns the manager that runs the scripts of a folder, the reason, and another that is as likely.
pub(super) fn manager(
    listing: &Listing,
    packages: &BTreeMap<&str, Package<'_>>,
    folder: &str,
) -> (&'static Manager, Origin, Option<(&'static Manager, Origin)>) {
    let managers = &frameworks::TABLE.manager;
    for place in ancestors(folder) {
        let set = packages.get(place).and_then(|package| {
            let name = package.string("packageManager")?.split('@').next()?;
            let manager = managers.iter().find(|it| it.name == name)?;
            let line = package.line_of_key("", "packageManager");
            Some((
                manager,
                Origin::line(package.file, line, "`packageManager`"),
            ))
        });
        if let Some((manager, because)) = set {
            return (manager, because, None);
        }
        let locked = managers.iter().filter_map(|manager| {
            let mut locks = manager.locks.split(' ').map(|name| join(place, name));
            let lock = locks.find(|lock| listing.has(lock))?;
            let why = format!("{} runs the scripts", manager.name);
            Some((manager, Origin::file(lock, why)))
        });
        let mut locked: Vec<(&Manager, Origin)> = locked.take(2).collect();
        // Of two that are as likely, the installed one.
        locked.sort_by_key(|(manager, _)| !listing.host.has(&manager.name));
        let mut locked = locked.into_iter();
        if let Some((manager, because)) = locked.next() {
            return (manager, because, locked.next());
        }
    }
    let npm = &managers[managers.len() - 1];
    (npm, Origin::known("no lock file names another"), None)
}
