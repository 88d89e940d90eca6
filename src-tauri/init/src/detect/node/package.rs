//! A `package.json`, and what starts its scripts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    detect::{
        Finds,
        aside::is_aside,
        listing::{Listing, ancestors, file_name, folder, join, line_at},
    },
    draft::{LeftOut, Origin},
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

/// What runs the scripts of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Manager {
    Npm,
    Pnpm,
    Yarn,
    Bun,
}

impl Manager {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "yarn",
            Self::Bun => "bun",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Self::Npm, Self::Pnpm, Self::Yarn, Self::Bun];
        all.into_iter().find(|manager| manager.name() == name)
    }

    /// The words that run a script, with these arguments for what it runs. npm needs `--` before
    /// them, and pnpm and Bun would hand that on.
    pub(super) fn run(self, script: &str, arguments: &[String]) -> Vec<String> {
        let mut words = vec![self.name().to_owned(), "run".to_owned(), script.to_owned()];
        if !arguments.is_empty() && self == Self::Npm {
            words.push("--".to_owned());
        }
        words.extend_from_slice(arguments);
        words
    }

    /// The words that run a program of the package's own.
    pub(super) fn exec(self, program: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Npm => &["npx", "--no-install"],
            Self::Pnpm => &["pnpm", "exec"],
            Self::Yarn => &["yarn", "run"],
            Self::Bun => &["bunx", "--no-install"],
        };
        let words = words.iter().copied().chain([program]);
        words.map(str::to_owned).collect()
    }

    /// The files by which it is known.
    fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["package-lock.json", "npm-shrinkwrap.json"],
            Self::Pnpm => &["pnpm-lock.yaml", "pnpm-workspace.yaml"],
            Self::Yarn => &["yarn.lock", ".yarnrc.yml"],
            Self::Bun => &["bun.lock", "bun.lockb"],
        }
    }
}

impl<'a> Package<'a> {
    /// All packages that can be read, by folder.
    pub(super) fn all(listing: &'a Listing, finds: &mut Finds) -> BTreeMap<&'a str, Self> {
        let mut packages = BTreeMap::new();
        let files = listing
            .paths()
            .filter(|path| file_name(path) == "package.json");
        // A test or an example has no text.
        for file in files.filter(|file| !is_aside(file)) {
            match Self::read(listing, file) {
                Ok(package) => {
                    packages.insert(package.folder, package);
                }
                Err(why) => finds.unsaid.push(LeftOut {
                    what: "a package of Node".to_owned(),
                    file: Some(file.to_owned()),
                    line: None,
                    why,
                }),
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

    /// The last part of its name, without the scope: `web` of `@shop/web`.
    pub(super) fn short_name(&self) -> Option<&str> {
        let name = self.json.get("name")?.as_str()?;
        Some(name.rsplit_once('/').map_or(name, |(_, name)| name))
    }

    /// A text of the package: `main`.
    pub(super) fn string(&self, key: &str) -> Option<&str> {
        self.json.get(key)?.as_str()
    }

    /// Why something is taken from a script.
    pub(super) fn script_says(&self, script: &str, text: impl Into<String>) -> Origin {
        Origin::line(self.file, self.script_line(script), text)
    }

    fn script_line(&self, script: &str) -> Option<usize> {
        self.line_of_key("\"scripts\"", script)
    }

    /// The line of a key, after the place where its table begins.
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

/// What runs the scripts of a folder, why, and the other that is just as likely.
pub(super) fn manager(
    listing: &Listing,
    packages: &BTreeMap<&str, Package<'_>>,
    folder: &str,
) -> (Manager, Origin, Option<(Manager, Origin)>) {
    for place in ancestors(folder) {
        let said = packages.get(place).and_then(|package| {
            let named = package.string("packageManager")?;
            let manager = Manager::named(named.split('@').next()?)?;
            let line = package.line_of_key("", "packageManager");
            Some((
                manager,
                Origin::line(package.file, line, "`packageManager`"),
            ))
        });
        if let Some((manager, because)) = said {
            return (manager, because, None);
        }
        let mut locks = lock_files(listing, place);
        if let Some((manager, because)) = locks.next() {
            let other = locks.next();
            return match other {
                // Of two that are equally likely, the one that is there.
                Some((other, why))
                    if !listing.host.has(manager.name()) && listing.host.has(other.name()) =>
                {
                    (other, why, Some((manager, because)))
                }
                other => (manager, because, other),
            };
        }
    }
    let because = Origin::known("no lock file says another");
    (Manager::Npm, because, None)
}

/// One for each manager that has left its lock file in a folder.
fn lock_files<'a>(
    listing: &'a Listing,
    folder: &'a str,
) -> impl Iterator<Item = (Manager, Origin)> + 'a {
    let managers = [Manager::Pnpm, Manager::Bun, Manager::Yarn, Manager::Npm];
    managers.into_iter().filter_map(move |manager| {
        let mut locks = manager.locks().iter().map(|name| join(folder, name));
        let lock = locks.find(|lock| listing.has(lock))?;
        Some((
            manager,
            Origin::file(lock, format!("{} runs the scripts", manager.name())),
        ))
    })
}
