//! Rust: the binaries of a package or a workspace that serve, and `cargo run` for each.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Finds, Found, Listing, ancestors, folder,
    frameworks::{self, Framework},
    health::without_port,
    join, line_at, named, port, question,
    source::{Syntax, has_extension, without_comments},
    variables,
};
use crate::draft::{Change, Kind, Origin, Question};

/// The keys of `Cargo.toml` that matter here.
#[derive(Deserialize)]
struct Manifest {
    package: Option<PackageTable>,
    #[serde(default)]
    bin: Vec<Binary>,
    #[serde(default)]
    dependencies: toml::Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PackageTable {
    name: String,
    default_run: Option<String>,
}

#[derive(Deserialize)]
struct Binary {
    name: Option<String>,
    path: Option<String>,
}

/// A package and its programs.
struct Package<'a> {
    listing: &'a Listing,
    root: &'a str,
    name: String,
    /// Names, and the files of their `main`.
    binaries: Vec<(String, String)>,
    default: Option<String>,
    dependencies: Vec<String>,
}

/// The programs of one package that become services. A package with more has examples.
const AT_MOST: usize = 12;

/// Finds the binaries that serve.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let mut packages = Vec::new();
    for path in listing.named("Cargo.toml") {
        let Some(text) = listing.text(path) else {
            continue;
        };
        match toml::from_str::<Manifest>(text) {
            Ok(manifest) => packages.extend(Package::new(listing, folder(path), manifest)),
            Err(error) => {
                let line = error.span().map(|span| line_at(text, span.start));
                let why = "it is not a valid manifest, so its programs are unknown";
                finds.leave_out("Cargo.toml", &Origin::line(path, line, ""), why);
            }
        }
    }
    let own = |package: &Package| {
        frameworks::of_language("rust").find(|row| package.depends_on(&row.name))
    };
    let libraries: BTreeMap<&str, &'static Framework> = packages
        .iter()
        .filter_map(|package| Some((package.name.as_str(), own(package)?)))
        .collect();
    for package in packages
        .iter()
        .filter(|package| !package.depends_on("tauri"))
    {
        // The binary may be a thin shell over a library of the same workspace.
        let mut borrowed = package
            .dependencies
            .iter()
            .filter_map(|name| libraries.get(name.as_str()).copied());
        if let Some(framework) = own(package).or_else(|| borrowed.next()) {
            package.find(framework, finds);
        }
    }
}

impl<'a> Package<'a> {
    fn new(listing: &'a Listing, root: &'a str, manifest: Manifest) -> Option<Self> {
        let PackageTable { name, default_run } = manifest.package?;
        let mut binaries: Vec<(String, String)> = Vec::new();
        for binary in manifest.bin {
            if let Some(own) = binary.name {
                let path = binary.path.unwrap_or_else(|| format!("src/bin/{own}.rs"));
                binaries.push((own, join(root, &path)));
            }
        }
        let main = join(root, "src/main.rs");
        let folder_of_them = join(root, "src/bin");
        let in_folder = listing.under(&folder_of_them).filter_map(|path| {
            let within = &path[folder_of_them.len() + 1..];
            let own = within
                .strip_suffix("/main.rs")
                .or_else(|| within.strip_suffix(".rs"))?;
            (!own.contains('/')).then(|| (own.to_owned(), path.to_owned()))
        });
        let main = listing.has(&main).then(|| (name.clone(), main));
        for (own, path) in main.into_iter().chain(in_folder) {
            if binaries.iter().all(|(_, known)| *known != path) {
                binaries.push((own, path));
            }
        }
        Some(Self {
            listing,
            root,
            name,
            binaries,
            default: default_run,
            dependencies: manifest.dependencies.keys().cloned().collect(),
        })
    }

    fn depends_on(&self, name: &str) -> bool {
        self.dependencies.iter().any(|own| own == name)
    }

    fn find(&self, framework: &'static Framework, finds: &mut Finds) {
        let mains = self.binaries.iter().map(|(_, file)| file.as_str());
        let sources = self.listing.under(&join(self.root, "src"));
        let files = sources.filter(|path| has_extension(path, "rs"));
        let codes = files.chain(mains).filter_map(|file| {
            let text = self.listing.text(file)?;
            Some((file, without_comments(text, Syntax::Rust)))
        });
        let codes: BTreeMap<&str, String> = codes.collect();
        let listens = frameworks::language("rust").listens.as_ref();
        let listens = |code| listens.is_some_and(|pattern| pattern.is_match(code));
        let serves = |file: &str| codes.get(file).is_some_and(|code| listens(code));
        let all = self.binaries.iter();
        let mut serving: Vec<_> = all
            .clone()
            .filter(|(_, file)| serves(file))
            .take(AT_MOST)
            .collect();
        let mut open: Vec<_> = Vec::new();
        if serving.is_empty() {
            // A module or a library serves.
            let is_likely = |name: &str| {
                self.default.as_deref() == Some(name)
                    || matches!(name, "server" | "api" | "web" | "backend" | "http")
            };
            let likely: Vec<_> = all.clone().filter(|(name, _)| is_likely(name)).collect();
            let own: Vec<_> = all.clone().filter(|(name, _)| *name == self.name).collect();
            match (&likely[..], &own[..]) {
                ([one], _) | ([], [one]) => serving.push(*one),
                _ => {
                    serving.extend(all.clone().next());
                    open.extend(all.skip(1).take(4));
                }
            }
        }
        let several = serving.len() > 1;
        for (binary, file) in serving {
            let mut found = self.found(framework, &codes, binary, file, several);
            if !open.is_empty() {
                let others = open.iter().map(|(name, file)| {
                    let mut other = self.found(framework, &codes, name, file, false).service;
                    other.name.clone_from(&found.service.name);
                    (format!("`{name}`"), vec![Change::Put(Box::new(other))])
                });
                let asked = self.question(binary, others.collect());
                found.asks.push(asked);
            }
            finds.unsaid.extend(without_port(&found.service));
            finds.apps.push(found);
        }
    }

    /// Asks which of several programs serves.
    fn question(&self, binary: &str, others: Vec<(String, Vec<Change>)>) -> Question {
        let likelihood = 50 / u8::try_from(others.len()).unwrap_or(1).max(1);
        let others = others
            .into_iter()
            .map(|(label, changes)| (label, likelihood, changes));
        question(
            format!("rust-binary:{}", self.name),
            format!("Which program of {} serves?", self.name),
            std::iter::once((format!("`{binary}`"), 50, Vec::new())).chain(others),
        )
    }

    fn found(
        &self,
        framework: &'static Framework,
        codes: &BTreeMap<&str, String>,
        binary: &str,
        file: &str,
        several: bool,
    ) -> Found {
        let code = codes.get(file).map_or("", String::as_str);
        let line = code.find("fn main").or_else(|| code.find("#[launch]"));
        let text = format!("a program that serves with {}", framework.name);
        let because = Origin::line(file, line.map(|at| line_at(code, at)), text);
        let name = if several {
            binary.to_owned()
        } else {
            named(self.root, &self.name)
        };
        let mut found = Found::new(name, Kind::Backend, self.root, because);
        let directory = self.directory();
        let mut words: Vec<String> = ["cargo", "run"].map(str::to_owned).to_vec();
        if directory != self.root {
            words.extend(["-p".to_owned(), self.name.clone()]);
        }
        if self.binaries.len() > 1 && self.default.as_deref() != Some(binary) {
            words.extend(["--bin".to_owned(), binary.to_owned()]);
        }
        if framework.name == "loco-rs" {
            words.extend(["--", "start", "--port", "{port}"].map(str::to_owned));
        }
        if let Some(port) = self.port(framework, codes, file) {
            if let Some(option) = &port.option {
                words.extend(["--".to_owned(), option.clone(), "{port}".to_owned()]);
            }
            found.reads_port = port.settle(&mut found.service);
        }
        let manifest = Origin::file(join(self.root, "Cargo.toml"), "a Cargo package");
        found.runs(&manifest, directory, words);
        found.compiles(Some("10m"));
        if !self
            .dependencies
            .iter()
            .any(|name| name.starts_with("dotenv") || name == "loco-rs")
        {
            let file = variables::file_for(self.listing, &[self.root, directory]);
            found.service.env_file.extend(file);
        }
        found
    }

    /// Returns the folder in which its programs run: that of the workspace, unless files that they read are beside the
    /// package.
    fn directory(&self) -> &'a str {
        let beside = ".env Rocket.toml config templates static migrations public";
        let has_own = beside.split(' ').any(|name| {
            let path = join(self.root, name);
            self.listing.has(&path) || self.listing.has_folder(&path)
        });
        let is_workspace = |folder: &&str| {
            let text = self.listing.text(&join(folder, "Cargo.toml"));
            text.is_some_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
        };
        let workspace = ancestors(self.root).find(is_workspace);
        workspace.filter(|_| !has_own).unwrap_or(self.root)
    }

    /// Returns the port that the file of the program names, else the rest of the package, else the framework.
    fn port(
        &self,
        framework: &Framework,
        codes: &BTreeMap<&str, String>,
        file: &str,
    ) -> Option<port::Port> {
        if framework.variable.is_some() {
            return framework.port(self.listing, self.root);
        }
        let language = frameworks::language("rust");
        let found = port::in_codes(language, codes, |path| path == file);
        let found = found.map(|port| port.in_force(self.listing, &[self.root, ""]));
        found.or_else(|| framework.port(self.listing, self.root))
    }
}
