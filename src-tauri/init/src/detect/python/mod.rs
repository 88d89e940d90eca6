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

use std::collections::{BTreeMap, BTreeSet};

use self::{app::App, framework::Framework, place::Hint, routes::Codes};
use super::{Finds, Listing, ancestors, file_name, folder, is_aside, join, source::has_extension};

use self::project::Project;
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
        .filter(|(path, _)| has_extension(path, "py") && !is_aside(path))
        .map(|(path, text)| (path.to_owned(), app::code(text)))
        .collect();
    let hints = hints(listing);
    let mut roots: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
    for placed in all_apps(&codes, &hints) {
        roots
            .entry(root_of(listing, &placed.file))
            .or_default()
            .push(placed);
    }
    for path in listing.named("manage.py").filter(|path| !is_aside(path)) {
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

impl Framework {
    const fn is_web(self) -> bool {
        self.is_asgi() || matches!(self, Self::Flask)
    }
}
