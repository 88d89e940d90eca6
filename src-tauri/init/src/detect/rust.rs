//! Rust: the binaries of a package or a workspace that serve, and `cargo run` for each.

mod port;

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use toml::{Table, Value};

use super::{
    Finds, Found, Listing, ancestors, file_name, folder, join, line_at, route,
    source::{Syntax, has_extension, pattern, without_comments},
    variables,
};
use crate::draft::{Change, Choice, CommandLine, DraftService, Kind, LeftOut, Origin, Question};

/// A package with what may be run of it.
struct Package<'a> {
    root: &'a str,
    name: String,
    /// Names, and the files of their `main`.
    binaries: Vec<(String, String)>,
    default: Option<String>,
    /// What it depends on, as the manifest calls it.
    dependencies: Vec<String>,
}

/// The frameworks, the likelier one first where a package has two; and where they listen unless told.
const FRAMEWORKS: [(&str, Option<u16>); 11] = [
    ("loco-rs", Some(5150)),
    ("rocket", Some(8000)),
    ("actix-web", None),
    ("axum", None),
    ("warp", None),
    ("poem", None),
    ("salvo", None),
    ("ntex", None),
    ("tide", None),
    ("tonic", None),
    ("hyper", None),
];

/// More programs than one package serves with: such a folder is of examples.
const AT_MOST: usize = 12;

/// Finds the binaries that serve.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let mut packages = Vec::new();
    for path in listing.named("Cargo.toml") {
        let Some(text) = listing.text(path) else {
            continue;
        };
        match toml::from_str::<Table>(text) {
            Ok(table) => packages.extend(package(listing, folder(path), &table)),
            Err(error) => finds.unsaid.push(LeftOut {
                what: "Cargo.toml".to_owned(),
                file: Some(path.to_owned()),
                line: error.span().map(|span| line_at(text, span.start)),
                why: "it is not valid TOML, so what it builds is not known".to_owned(),
            }),
        }
    }
    let frameworks: BTreeMap<String, &'static str> = packages
        .iter()
        .filter_map(|package| Some((package.name.clone(), own_framework(package)?)))
        .collect();
    for package in &packages {
        if package.dependencies.iter().any(|name| name == "tauri") {
            continue;
        }
        // The binary may be a thin shell over a library of the same workspace.
        let borrowed = || {
            package
                .dependencies
                .iter()
                .find_map(|name| frameworks.get(name).copied())
        };
        if let Some(framework) = own_framework(package).or_else(borrowed) {
            serve(listing, package, framework, finds);
        }
    }
}

fn own_framework(package: &Package) -> Option<&'static str> {
    FRAMEWORKS
        .iter()
        .map(|(name, _)| *name)
        .find(|name| package.dependencies.iter().any(|own| own == name))
}

fn package<'a>(listing: &Listing, root: &'a str, table: &Table) -> Option<Package<'a>> {
    let name = table.get("package")?.get("name")?.as_str()?.to_owned();
    let mut binaries: Vec<(String, String)> = Vec::new();
    for binary in table
        .get("bin")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(own) = binary.get("name").and_then(Value::as_str) else {
            continue;
        };
        let path = binary.get("path").and_then(Value::as_str);
        let path = path.map_or_else(|| format!("src/bin/{own}.rs"), str::to_owned);
        binaries.push((own.to_owned(), join(root, &path)));
    }
    let main = join(root, "src/main.rs");
    let is_new =
        |binaries: &[(String, String)], path: &str| binaries.iter().all(|(_, known)| known != path);
    if listing.has(&main) && is_new(&binaries, &main) {
        binaries.push((name.clone(), main));
    }
    let folder_of_them = join(root, "src/bin");
    for path in listing.under(&folder_of_them) {
        let within = &path[folder_of_them.len() + 1..];
        let own = within
            .strip_suffix("/main.rs")
            .or_else(|| within.strip_suffix(".rs"));
        if let Some(own) = own.filter(|own| !own.contains('/'))
            && is_new(&binaries, path)
        {
            binaries.push((own.to_owned(), path.to_owned()));
        }
    }
    let dependencies = table.get("dependencies").and_then(Value::as_table);
    Some(Package {
        root,
        name,
        binaries,
        default: table
            .get("package")?
            .get("default-run")
            .and_then(Value::as_str)
            .map(str::to_owned),
        dependencies: dependencies
            .into_iter()
            .flat_map(Table::keys)
            .cloned()
            .collect(),
    })
}

fn serve(listing: &Listing, package: &Package, framework: &'static str, finds: &mut Finds) {
    static SERVES: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\baxum::serve\(|\bHttpServer::new\(|#\[(?:rocket::)?(?:launch|main)\]|\bTcpListener::bind\(|\bServer::b(?:ind|uilder)\(|\bServer::new\(|\bwarp::serve\(|\.serve\(|\.listen\(|\bserve\(",
        )
    });
    let code_of = |file: &str| {
        listing
            .text(file)
            .map(|text| without_comments(text, Syntax::RUST))
            .unwrap_or_default()
    };
    let codes: BTreeMap<String, String> = listing
        .under(&join(package.root, "src"))
        .filter(|path| has_extension(path, "rs"))
        .map(|path| (path.to_owned(), code_of(path)))
        .collect();
    let code_of = |file: &str| codes.get(file).cloned().unwrap_or_else(|| code_of(file));
    let mut serving: Vec<&(String, String)> = package
        .binaries
        .iter()
        .filter(|(_, file)| SERVES.is_match(&code_of(file)))
        .take(AT_MOST)
        .collect();
    let mut open = Vec::new();
    if serving.is_empty() {
        // The serving is done elsewhere: by a module, or a library.
        let likely = |name: &str| {
            package.default.as_deref() == Some(name)
                || matches!(name, "server" | "api" | "web" | "backend" | "http")
        };
        let named: Vec<_> = package
            .binaries
            .iter()
            .filter(|(name, _)| likely(name))
            .collect();
        let own: Vec<_> = package
            .binaries
            .iter()
            .filter(|(name, _)| *name == package.name)
            .collect();
        match (&named[..], &own[..]) {
            ([one], _) | ([], [one]) => serving.push(*one),
            _ => {
                serving.extend(package.binaries.first());
                open.extend(package.binaries.iter().skip(1).take(4));
            }
        }
    }
    let several = serving.len() > 1;
    for (binary, file) in serving.iter().copied() {
        let code = code_of(file);
        let service = Service {
            listing,
            package,
            framework,
            codes: &codes,
        };
        let mut found = service.found(binary, file, &code, several);
        if !open.is_empty() {
            let mut choices = vec![Choice {
                label: format!("`{binary}`"),
                likelihood: 50,
                changes: Vec::new(),
            }];
            for (other, file) in open.iter().copied() {
                let mut put = service.found(other, file, &code_of(file), false).service;
                put.name.clone_from(&found.service.name);
                choices.push(Choice {
                    label: format!("`{other}`"),
                    likelihood: 50 / u8::try_from(open.len()).unwrap_or(1).max(1),
                    changes: vec![Change::Put(Box::new(put))],
                });
            }
            found.asks.push(Question {
                id: format!("rust-binary:{}", package.name),
                text: format!("Which program of {} serves?", package.name),
                choices,
                default: 0,
            });
        }
        finds.unsaid.extend(route::without_port(&found.service));
        finds.apps.push(found);
    }
}

struct Service<'a> {
    listing: &'a Listing,
    package: &'a Package<'a>,
    framework: &'static str,
    codes: &'a BTreeMap<String, String>,
}

impl Service<'_> {
    fn found(&self, binary: &str, file: &str, code: &str, several: bool) -> Found {
        let Self {
            listing,
            package,
            framework,
            codes,
        } = *self;
        let line = code.find("fn main").or_else(|| code.find("#[launch]"));
        let because = Origin::line(
            file,
            line.map(|at| line_at(code, at)),
            format!("a program that serves with {framework}"),
        );
        let workspace = workspace(listing, package.root);
        // What it reads beside itself says where it runs.
        let beside = [
            ".env",
            "Rocket.toml",
            "config",
            "templates",
            "static",
            "migrations",
            "public",
        ];
        let own_things = beside.iter().any(|name| {
            let path = join(package.root, name);
            listing.has(&path) || listing.has_folder(&path)
        });
        let directory = workspace.filter(|_| !own_things).unwrap_or(package.root);
        let mut words = vec!["cargo".to_owned(), "run".to_owned()];
        if directory != package.root {
            words.extend(["-p".to_owned(), package.name.clone()]);
        }
        if package.binaries.len() > 1 && package.default.as_deref() != Some(binary) {
            words.extend(["--bin".to_owned(), binary.to_owned()]);
        }
        if framework == "loco-rs" {
            words.extend(["--", "start", "--port", "{port}"].map(str::to_owned));
        }
        let name = if several {
            binary.to_owned()
        } else {
            name(package)
        };
        let mut service = DraftService::new(name, Kind::Backend, because.clone());
        let mut reads_port = false;
        let port = port::find(listing, package.root, framework, file, code, codes);
        if let Some(port) = &port {
            if let Some(option) = &port.option {
                words.extend(["--".to_owned(), option.clone(), "{port}".to_owned()]);
            }
            reads_port = port.settle(&mut service);
        }
        let manifest = Origin::file(join(package.root, "Cargo.toml"), "a package of Cargo");
        service.command = Some(manifest.says(CommandLine::Words(words)));
        service.directory = (!directory.is_empty()).then(|| manifest.says(directory.to_owned()));
        service.start_timeout =
            Some(Origin::known("the first start compiles").says("10m".to_owned()));
        service.ready = health(codes);
        if !package
            .dependencies
            .iter()
            .any(|name| name.starts_with("dotenv") || name == "loco-rs")
        {
            service
                .env_file
                .extend(variables::file_for(listing, &[package.root, directory]));
        }
        Found {
            service,
            root: package.root.to_owned(),
            framework: Some(framework),
            reads_port,
            asks: Vec::new(),
        }
    }
}

/// `backend` of `services/backend`; at the top, the package's own name.
fn name(package: &Package) -> String {
    match file_name(package.root) {
        "" | "src" => package.name.clone(),
        name => name.to_owned(),
    }
}

/// The folder of the workspace that a package is part of.
fn workspace<'a>(listing: &Listing, root: &'a str) -> Option<&'a str> {
    ancestors(root).find(|folder| {
        listing
            .text(&join(folder, "Cargo.toml"))
            .is_some_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
    })
}

fn health(codes: &BTreeMap<String, String>) -> Option<crate::draft::Sourced<crate::draft::Ready>> {
    static ROUTE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?:\.route\(|\.at\(|#\[(?:\w+::)?get\(|web::resource\(|Router::with_path\()\s*"([^"]*)""#,
        )
    });
    static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#"(?:\.nest\(|\.nest_service\(|\bscope\(|\.mount\()\s*"([^"]*)""#)
    });
    let sources = codes
        .iter()
        .map(|(path, code)| (path.as_str(), code.as_str()));
    route::health(sources, &ROUTE, Some(&PREFIX))
}
