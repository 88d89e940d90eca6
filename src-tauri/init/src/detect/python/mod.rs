//! Python: applications found in the source, and how they are run.

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
    Finds, Listing, ancestors, file_name, folder, join, line_at,
    source::{has_extension, pattern},
};

use self::project::Project;
pub(super) use framework::Framework;
pub(super) use routes::rank as health_rank;
pub(super) use run::from;

/// An application and the file that makes it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    file: String,
    app: App,
    /// The file and the name of the function of another file that makes it: there its routes begin.
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
        roots
            .entry(root_of(listing, &placed.file))
            .or_default()
            .push(placed);
    }
    for path in listing.named("manage.py") {
        if listing
            .text(path)
            .is_some_and(|text| text.contains("django"))
        {
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

/// The innermost of these folders that holds this one.
fn nearest<'a>(roots: &BTreeSet<String>, path: &'a str) -> Option<&'a str> {
    ancestors(path).find(|folder| roots.contains(*folder))
}

/// The applications of all files. One that another file makes with a factory stands in that file.
fn all_apps(codes: &Codes, hints: &[Hint]) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::new();
    for (file, code) in codes {
        let apps = app::apps_in(code);
        all.extend(apps.into_iter().map(|app| Placed {
            file: file.clone(),
            app,
            maker: None,
        }));
    }
    let factories: BTreeMap<String, Placed> = all
        .iter()
        .filter(|placed| placed.app.factory)
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
                let port = serving::run_port(code, factory.app.framework);
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
    // The object is what a server takes without being told; the one of the most usual name is it.
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

/// Takes the port of `uvicorn.run("app.main:app", port=8001)` for the application of that name; a script that
/// serves one which was not found is an application of its own.
fn add_scripts(codes: &Codes, all: &mut Vec<Placed>) {
    static RUN: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"\buvicorn\.run\(\s*(?:["']([\w.]+):\w+|\w)"#));
    let mut scripts = Vec::new();
    for (file, code) in codes {
        let Some(found) = RUN.captures(code) else {
            continue;
        };
        let port = serving::run_port(code, Framework::Script);
        let path = found
            .get(1)
            .map(|module| format!("{}.py", module.as_str().replace('.', "/")));
        let is_served = |placed: &&mut Placed| {
            placed.file == *file
                || path
                    .as_ref()
                    .is_some_and(|path| placed.file.ends_with(path.as_str()))
        };
        if let Some(placed) = all.iter_mut().find(is_served) {
            placed.app.port = placed.app.port.take().or(port);
        } else if code.contains("__main__") || project::is_usual(file) {
            let line = found.get(0).map_or(1, |whole| line_at(code, whole.start()));
            let mut app = App::new(Framework::Script, "", line);
            app.port = port;
            scripts.push(Placed {
                file: file.clone(),
                app,
                maker: None,
            });
        }
    }
    // A factory that nothing but the script calls is served by the script.
    for script in scripts {
        let top = folder(&script.file).to_owned();
        all.retain(|placed| !(placed.app.factory && placed.file.starts_with(&top)));
        all.push(script);
    }
}

/// The folder of the project that a file is in: the nearest that names its packages, else that of
/// the outermost package.
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

/// The commands that the project's own files write down.
fn hints(listing: &Listing) -> Vec<Hint> {
    /// More commands than a project has for people, and a bound for what is none.
    const AT_MOST: usize = 512;

    let mut hints = Vec::new();
    for (path, text) in listing.texts() {
        if hints.len() >= AT_MOST {
            break;
        }
        let Some(rank) = rank_of(path) else { continue };
        hints.extend(server::commands_in(text).into_iter().map(|command| Hint {
            file: path.to_owned(),
            rank,
            command,
        }));
    }
    hints
}

fn rank_of(path: &str) -> Option<u8> {
    let name = file_name(path).to_ascii_lowercase();
    let script = ["sh", "bash", "bat", "ps1"]
        .iter()
        .any(|end| has_extension(&name, end));
    let tasks = matches!(
        name.as_str(),
        "makefile"
            | "justfile"
            | "taskfile.yml"
            | "taskfile.yaml"
            | "pyproject.toml"
            | "package.json"
            | "pipfile"
            | "tox.ini"
            | "pixi.toml"
            | "mprocs.yaml"
            | "process-compose.yaml"
    );
    if script || tasks || name.starts_with("procfile") {
        Some(0)
    } else if name.starts_with("readme") || name.starts_with("contributing") {
        Some(1)
    } else if name.starts_with("dockerfile") || name.contains("compose") {
        Some(2)
    } else {
        None
    }
}
