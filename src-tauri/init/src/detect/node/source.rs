//! The source of a package: its files, and those in which it begins.

use std::collections::HashMap;

use super::{package::Package, script::Script};
use crate::{
    detect::{
        frameworks,
        listing::{Listing, ancestors, file_name, folder, join},
    },
    import::base_name,
};

/// The sources, by package.
pub(super) struct Sources<'a> {
    listing: &'a Listing,
    by_package: HashMap<&'a str, Vec<&'a str>>,
}

/// The files in which a server most often begins, without their endings.
const ENTRIES: &str = "src/main src/server src/index src/app server index app main server/index src/bin/www bin/www \
    src/server/index server/app api/index config/server src/env";

impl<'a> Sources<'a> {
    pub(super) fn new(
        listing: &'a Listing,
        packages: &std::collections::BTreeMap<&'a str, Package<'a>>,
    ) -> Self {
        let language = frameworks::language("javascript");
        let mut by_package: HashMap<&str, Vec<&str>> = HashMap::new();
        for (path, _) in listing.texts().filter(|(path, _)| language.has(path)) {
            let owner = ancestors(folder(path)).find_map(|place| packages.get_key_value(place));
            if let Some((owner, _)) = owner {
                by_package.entry(owner).or_default().push(path);
            }
        }
        for paths in by_package.values_mut() {
            paths.sort_by_key(|path| (path.matches('/').count(), rank(path), *path));
        }
        Self {
            listing,
            by_package,
        }
    }

    /// Returns the sources of a package and their text: these first, then the likeliest.
    pub(super) fn of<'s>(
        &'s self,
        package: &str,
        first: &[String],
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, 's> {
        let listing = self.listing;
        let all = self.by_package.get(package).map_or(&[][..], Vec::as_slice);
        let named: Vec<&'a str> = first
            .iter()
            .filter_map(|entry| {
                all.iter()
                    .find(|path| without_ending(path) == without_ending(entry))
            })
            .copied()
            .collect();
        let rest = all.iter().copied();
        let paths = named.into_iter().chain(rest);
        paths.filter_map(move |path| Some((path, listing.text(path)?)))
    }
}

/// Returns the files in which a package begins, by its script, its `main` and by custom.
pub(super) fn entries(package: &Package<'_>, script: &Script) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    let words = script
        .words
        .iter()
        .skip(1)
        .flat_map(|word| word.split_whitespace());
    for word in words.filter(|word| !word.starts_with('-')) {
        let file = word.strip_prefix("./").unwrap_or(word);
        entries.push(join(package.folder, file));
        // A built file comes from the source of the same name.
        for built in ["dist/", "build/", "lib/", "out/"] {
            if let Some(rest) = file.strip_prefix(built) {
                entries.push(join(package.folder, &format!("src/{rest}")));
            }
        }
    }
    if let Some(main) = package.string("main") {
        let main = main.strip_prefix("./").unwrap_or(main);
        entries.push(join(package.folder, main));
    }
    entries.extend(ENTRIES.split(' ').map(|entry| join(package.folder, entry)));
    if script
        .words
        .first()
        .is_some_and(|word| base_name(word) == "nest")
    {
        entries.insert(0, join(package.folder, "src/main"));
    }
    entries
}

/// Returns the framework that a server is made with, by its dependencies.
pub(super) fn framework(package: &Package<'_>) -> Option<&'static str> {
    let mut rows = frameworks::of_language("javascript");
    rows.find(|row| package.has(&row.name))
        .map(|row| row.name.as_str())
}

/// Returns the rank of a file; names of servers come first.
fn rank(path: &str) -> u8 {
    let name = file_name(path);
    let stem = name.split('.').next().unwrap_or(name);
    match stem {
        "main" | "server" => 0,
        "index" | "app" | "www" => 1,
        "config" | "env" => 2,
        _ => 3,
    }
}

fn without_ending(path: &str) -> &str {
    let name_at = path.len() - file_name(path).len();
    match path[name_at..].rfind('.') {
        Some(dot) if dot > 0 => &path[..name_at + dot],
        _ => path,
    }
}
