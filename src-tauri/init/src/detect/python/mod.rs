//! Python: the applications in the source, and the commands that run them.

mod app;
mod celery;
mod framework;
mod packages;
mod place;
mod project;
mod routes;
mod run;
mod server;
mod serving;
mod web;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use self::{app::App, place::Hint, routes::Codes};
use super::{
    Finds, Listing, ancestors, file_name, folder, has_word, join, line_at,
    source::{has_extension, pattern},
};

use self::project::Project;
pub(super) use framework::Framework;
pub(super) use routes::rank as health_rank;
pub(super) use run::from;
pub(crate) use run::in_environment;

/// An application and the file that makes it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    file: String,
    app: App,
    /// The file and the name of the function of another file that makes it, where its routes begin.
    maker: Option<(String, String)>,
}

/// Finds the Python applications of a project.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let codes: Codes = listing
        .texts()
        .filter(|(path, _)| has_extension(path, "py"))
        .map(|(path, text)| (path.to_owned(), app::code(text)))
        .collect();
    let hints = hints(listing);
    let mut roots: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
    let mut all = all_apps(&codes, &hints);
    add_scripts(&codes, &mut all);
    for placed in all {
        let root = root_of(listing, &placed.file);
        roots.entry(root).or_default().push(placed);
    }
    for path in listing.named("manage.py") {
        let text = listing.text(path).unwrap_or_default();
        if text.contains("django") {
            roots.entry(folder(path).to_owned()).or_default();
        }
    }
    let all: BTreeSet<String> = roots.keys().cloned().collect();
    for (root, apps) in roots {
        let own: Codes = codes
            .iter()
            .filter(|(path, _)| nearest(&all, folder(path)) == Some(root.as_str()))
            .map(|(path, code)| (path.clone(), code.clone()))
            .collect();
        let project = Project::new(listing, own, &hints, root, &mut finds.unsaid);
        project.find(&apps, finds);
    }
}

/// Returns the innermost of these folders that has this one in it.
fn nearest<'a>(roots: &BTreeSet<String>, path: &'a str) -> Option<&'a str> {
    ancestors(path).find(|folder| roots.contains(*folder))
}

/// Returns the applications of all files. An application that another file makes with a factory is of that file.
fn all_apps(codes: &Codes, hints: &[Hint]) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::new();
    for (file, code) in codes {
        let apps = app::apps_in(file, code);
        all.extend(apps.into_iter().map(|app| Placed {
            file: file.clone(),
            app,
            maker: None,
        }));
    }
    let factories = all.iter().filter(|placed| placed.app.factory);
    let factories: BTreeMap<String, Placed> = factories
        .map(|placed| (placed.app.object.clone(), placed.clone()))
        .collect();
    if factories.is_empty() {
        return all;
    }
    let mut made: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
    let is_served =
        |file: &str| project::is_usual(file) || hints.iter().any(|hint| hint.serves(file));
    for (file, code) in codes {
        for (object, line, maker) in app::top_calls(code) {
            if let Some(factory) = factories.get(&maker)
                && is_served(file)
            {
                let port = serving::run_port(file, code, factory.app.framework);
                let app = App {
                    object,
                    line,
                    factory: false,
                    port: factory.app.port.clone().or(port),
                    ..factory.app.clone()
                };
                made.entry(maker).or_default().push(Placed {
                    file: file.clone(),
                    app,
                    maker: Some((factory.file.clone(), factory.app.object.clone())),
                });
            }
        }
    }
    // A server finds an object without an option; the one in the most usual file is taken.
    for (maker, mut objects) in made {
        objects.sort_by_key(|placed| {
            let named = hints.iter().any(|hint| hint.serves(&placed.file));
            (!named, project::usualness(&placed.file))
        });
        all.retain(|placed| !(placed.app.factory && placed.app.object == maker));
        all.extend(objects.into_iter().next());
    }
    all.sort_by(|a, b| a.file.cmp(&b.file));
    all
}

/// `uvicorn.run("app.main:app")`, `uvicorn.run(app)`
static RUN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\buvicorn\.run\(\s*(?:["']([\w.]+):\w+|(\w+))"#));

/// Returns the module whose application a file serves: the one that it names, or the one that it imports.
pub(crate) fn uvicorn_module(code: &str) -> Option<String> {
    static IMPORT: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?m)^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(.+)$"));
    let found = RUN.captures(code)?;
    if let Some(module) = found.get(1) {
        return Some(module.as_str().to_owned());
    }
    let object = found.get(2)?.as_str();
    let mut imports = IMPORT.captures_iter(code);
    imports.find_map(|import| {
        let mut names = import[2].split(|c: char| !c.is_alphanumeric() && c != '_');
        let is_relative = import[1].starts_with('.');
        (!is_relative && names.any(|name| name == object)).then(|| import[1].to_owned())
    })
}

/// Gives the port of `uvicorn.run("app.main:app", port=8001)` to the application with that name. A script that serves an
/// unknown application is an application of its own.
fn add_scripts(codes: &Codes, all: &mut Vec<Placed>) {
    let mut scripts = Vec::new();
    for (file, code) in codes {
        let Some(found) = RUN.find(code) else {
            continue;
        };
        let port = serving::run_port(file, code, Framework::Script);
        let path = uvicorn_module(code)
            .map_or_else(|| file.clone(), |module| module.replace('.', "/") + ".py");
        let is_served = |placed: &&mut Placed| placed.file == *file || placed.file.ends_with(&path);
        if let Some(placed) = all.iter_mut().find(is_served) {
            placed.app.port = placed.app.port.take().or(port);
        } else if !code.contains("add_subparsers(")
            && (code.contains("__main__") || project::is_usual(file))
        {
            let line = line_at(code, found.start());
            let mut app = App::new(Framework::Script, "", line);
            app.port = port;
            scripts.push(Placed {
                file: file.clone(),
                app,
                maker: None,
            });
        }
    }
    // The script serves a factory that only it calls.
    for script in scripts {
        let top = folder(&script.file).to_owned();
        all.retain(|placed| !(placed.app.factory && placed.file.starts_with(&top)));
        all.push(script);
    }
}

/// Returns the folder of the project of a file: the nearest with a manifest, else the one above the outermost package.
fn root_of(listing: &Listing, path: &str) -> String {
    let own = folder(path);
    if let Some(root) = ancestors(own).find(|folder| packages::is_project(listing, folder)) {
        return root.to_owned();
    }
    let top = ancestors(own)
        .find(|folder| !listing.has(&join(folder, "__init__.py")))
        .unwrap_or_default();
    match top.rsplit_once('/') {
        Some((above, "src")) => above.to_owned(),
        None if top == "src" => String::new(),
        _ => top.to_owned(),
    }
}

/// Returns the commands in the project's files.
fn hints(listing: &Listing) -> Vec<Hint> {
    /// The commands of a project that are read.
    const AT_MOST: usize = 512;
    let ranked = listing
        .texts()
        .filter_map(|(path, text)| Some((path, text, rank_of(path)?)));
    let hints = ranked.flat_map(|(path, text, rank)| {
        let commands = server::commands_in(text).into_iter();
        commands.map(move |command| Hint {
            file: path.to_owned(),
            rank,
            command,
        })
    });
    hints.take(AT_MOST).collect()
}

fn rank_of(path: &str) -> Option<u8> {
    let name = file_name(path).to_ascii_lowercase();
    let tasks = "makefile justfile taskfile.yml taskfile.yaml pyproject.toml package.json pipfile tox.ini pixi.toml mprocs.yaml \
        process-compose.yaml";
    let starts = |start: &str| name.starts_with(start);
    let mut scripts = ["sh", "bash", "bat", "ps1"].iter();
    if scripts.any(|end| has_extension(&name, end)) || has_word(tasks, &name) || starts("procfile")
    {
        Some(0)
    } else if starts("readme") || starts("contributing") {
        Some(1)
    } else {
        (starts("dockerfile") || name.contains("compose")).then_some(2)
    }
}
