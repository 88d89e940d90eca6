//! Compose files. Stores and other images that the project's programs use become services. Services that are built
//! from the project run from source; the compose file only adds their dependencies and addresses.

mod hosts;
mod merge;
mod ports;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::{
    Tool,
    identity::{self, Program},
    source_file::{SourceFile, env_file, resolve},
    text::{Known, Text},
    tree::{Key, Node, Value, yaml},
};
use crate::{
    detect::{Listing, file_name, folder, has_word, join, stores},
    draft::{CommandLine, DraftService, Kind, Origin, leads_to, plain, unescaped},
};
use hosts::Hosts;
pub(super) use merge::over;
use pilotlight::stack::Need;

/// The file names of compose, in its order, and those for development only.
const NAMES: &str = "compose.yaml compose.yml docker-compose.yml docker-compose.yaml docker-compose.dev.yml \
    docker-compose.dev.yaml compose.dev.yaml compose.dev.yml docker-compose.local.yml docker-compose-dev.yml \
    dev.docker-compose.yml docker-compose.development.yml";

/// The content of a compose file.
#[derive(Clone, Debug)]
pub(super) struct Compose {
    pub(super) file: SourceFile,
    pub(super) stores: Vec<Image>,
    /// The services of other images.
    pub(super) others: Vec<DraftService>,
    pub(super) builds: Vec<Build>,
}

/// The image of a store.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) wanted: stores::Wanted,
}

impl Image {
    /// Returns whether it is an SQL store.
    pub(super) fn is_sql(&self) -> bool {
        self.wanted.store.is_sql
    }
}

/// A service that is built from the project.
#[derive(Clone, Debug)]
pub(super) struct Build {
    /// With its command, if that runs without a container.
    pub(super) service: DraftService,
    pub(super) programs: Vec<Program>,
    /// The possible folders of its source, the most likely first.
    pub(super) folders: Vec<String>,
    /// The service as compose starts it.
    pub(super) contained: Option<DraftService>,
    /// Whether it runs the default command of its image.
    pub(super) is_usual: bool,
}

/// Returns the compose file of a folder, and its override.
pub(super) fn file(listing: &Listing, folder: &str) -> Option<(String, Option<String>)> {
    let mut files = NAMES.split(' ').map(|name| join(folder, name));
    let file = files.find(|file| listing.text(file).is_some())?;
    let (stem, ending) = file.rsplit_once('.')?;
    let over = format!("{stem}.override.{ending}");
    let is_usual = has_word("compose docker-compose", file_name(stem));
    let over = Some(over).filter(|over| is_usual && listing.text(over).is_some());
    Some((file, over))
}

/// The parts that the services of a compose file share.
struct Project<'a> {
    listing: &'a Listing,
    file: &'a str,
    /// The variables of its `.env`.
    known: Known,
    hosts: Hosts,
    /// The services that built services use, by `depends_on` or by address.
    used: BTreeSet<String>,
    /// The dependencies of each service.
    depends: BTreeMap<String, Vec<String>>,
    /// The services that others wait for to complete.
    jobs: BTreeSet<String>,
}

pub(super) fn read(listing: &Listing, file: &str, over: Option<&str>) -> Compose {
    let mut compose = Compose {
        file: SourceFile::new(Tool::Compose, file),
        stores: Vec::new(),
        others: Vec::new(),
        builds: Vec::new(),
    };
    let mut tree = match yaml(listing.text(file).unwrap_or_default()) {
        Ok(tree) => tree,
        Err(error) => {
            compose.file = compose.file.unreadable(&error);
            return compose;
        }
    };
    if let Some(over) = over {
        match yaml(listing.text(over).unwrap_or_default()) {
            Ok(other) => merge::over(&mut tree, other),
            Err(error) => compose
                .file
                .leave_out(error.line, over.to_owned(), &error.reason),
        }
    }
    let services = services(&tree, listing, &mut compose.file);
    let known = env_file(listing, &join(compose.file.folder(), ".env"));
    let depends = services.iter().map(|(name, _, node)| {
        let names = depends_on(node).into_iter().map(|(_, name, _)| name);
        (name.clone(), names.collect())
    });
    let mut project = Project {
        listing,
        file,
        hosts: Hosts::of(&services, &known),
        known,
        used: BTreeSet::new(),
        depends: depends.collect(),
        jobs: jobs(&services),
    };
    let (own, images): (Vec<_>, Vec<_>) = services
        .iter()
        .partition(|(_, _, node)| node.get("build").is_some());
    for (name, line, node) in own {
        let build = build(name, *line, node, &project, &mut compose.file);
        let needs = build.service.needs.iter();
        let used = needs.map(|need| need.value.service.clone());
        project.used.extend(used);
        compose.builds.push(build);
    }
    for (name, line, node) in images {
        image(name, *line, node, &project, &mut compose);
    }
    compose
}

/// Returns the services without a profile, each with its line.
fn services(tree: &Node, listing: &Listing, file: &mut SourceFile) -> Vec<(String, usize, Node)> {
    let mut found = Vec::new();
    for (key, node) in tree.get("services").map_or(&[][..], Node::table) {
        let node = merge::extended(node, tree, file, listing, 0);
        let profiles = node.get("profiles").map_or(&[][..], Node::one_or_more);
        let profiles: Vec<String> = profiles.iter().filter_map(Node::scalar).collect();
        if profiles.is_empty() {
            found.push((key.name.clone(), key.line, node));
        } else {
            let why = format!("it starts only with the profile {}", profiles.join(" or "));
            file.leave_out(key.line, format!("service `{}`", key.name), &why);
        }
    }
    // A worker is often the image that another service builds.
    let built = found.iter().filter_map(|(_, _, node)| {
        let image = node.get("image")?.scalar()?;
        Some((image, node.get("build")?.clone()))
    });
    let built: BTreeMap<String, Node> = built.collect();
    for (_, line, node) in &mut found {
        let image = node.get("image").and_then(Node::scalar);
        if let Some(build) = image.and_then(|image| built.get(&image))
            && node.get("build").is_none()
            && let Value::Table(entries) = &mut node.value
        {
            let name = "build".to_owned();
            entries.push((Key { line: *line, name }, build.clone()));
        }
    }
    found
}

/// Returns the services that others wait for to complete.
fn jobs(services: &[(String, usize, Node)]) -> BTreeSet<String> {
    let needs = services.iter().flat_map(|(_, _, node)| depends_on(node));
    let completed = needs.filter(|(_, _, until)| *until == Need::Completed);
    completed.map(|(_, name, _)| name).collect()
}

/// Reads `depends_on` in either notation.
fn depends_on(node: &Node) -> Vec<(usize, String, Need)> {
    let pairs = node.get("depends_on").map_or_else(Vec::new, Node::pairs);
    let needs = pairs.into_iter().map(|(key, how)| {
        let need = match how.get("condition").and_then(Node::text) {
            Some("service_completed_successfully") => Need::Completed,
            _ => Need::Ready,
        };
        (key.line, key.name, need)
    });
    needs.collect()
}

/// Returns a service that compose runs in a container, if an engine runs here.
fn by_compose(name: &str, because: &Origin, project: &Project<'_>) -> Option<DraftService> {
    project.listing.host.engine()?;
    let mut service = DraftService::new(name, Kind::Backend, because.clone());
    service.command = Some(because.says(CommandLine::Compose {
        file: project.file.to_owned(),
        service: name.to_owned(),
    }));
    service.start_timeout = Some(because.says("10m".to_owned()));
    Some(service)
}

/// Returns the purpose of an image that development does not need.
fn is_needless(image: &str) -> Option<&'static str> {
    static NEEDLESS: LazyLock<BTreeMap<String, Vec<String>>> =
        LazyLock::new(|| super::table(include_str!("images.toml")));
    let name = stores::image_name(image)?;
    let mut rows = NEEDLESS.iter();
    rows.find(|(_, names)| names.contains(&name))
        .map(|(why, _)| why.as_str())
}

fn image(name: &str, line: usize, node: &Node, project: &Project<'_>, compose: &mut Compose) {
    let Some(image) = node.get("image").and_then(Node::scalar) else {
        return;
    };
    let file = &mut compose.file;
    let image = Text::interpolated(&image).knowing(&project.known).likely();
    let published = ports::ports(node, &project.known);
    let main = published.iter().find(|port| port.is_one());
    let because = file.because(line, format!("the service `{name}`"));
    let is_used = project.used.contains(name);
    let outside = main.and_then(|port| port.outside);
    if let Some(store) = stores::of_image(&image) {
        let published_at = node.get("ports").map_or(line, |ports| ports.line);
        let mut extended = "vector gis timescale stack".split(' ');
        let wanted = stores::Wanted {
            store,
            because,
            address: address(node, project, outside),
            address_because: file.because(published_at, "ports"),
            env_files: Vec::new(),
            compose: Some(stores::Compose {
                file: project.file.to_owned(),
                service: name.to_owned(),
                is_plain: !extended.any(|part| image.contains(part)),
                publishes: outside.is_some(),
            }),
        };
        let name = name.to_owned();
        compose.stores.push(Image { name, wanted });
        return;
    }
    let service = by_compose(name, &because, project);
    let why = match (is_needless(&image), main.filter(|_| is_used), service) {
        (Some(why), ..) => why,
        (None, None, _) => "no program of the project uses it",
        (None, Some(_), None) => "it is an image, and no container engine runs here",
        (None, Some(main), Some(mut service)) => {
            let because = file.because(main.line, "ports");
            service.port = outside.map(|port| because.says(port));
            service.kind = Kind::Store;
            compose.others.push(service);
            return;
        }
    };
    file.leave_out(line, format!("service `{name}`"), why);
}

/// Returns the address of a store, with the login that the image creates.
fn address(node: &Node, project: &Project<'_>, outside: Option<u16>) -> stores::Address {
    let variables = environment(node).into_iter().map(|(_, name, value)| {
        let value = Text::interpolated(&value).knowing(&project.known);
        (name, value.likely())
    });
    let variables: BTreeMap<String, String> = variables.collect();
    let value = |ends: &[&str]| {
        let mut variables = variables.iter();
        let found = variables.find(|(name, _)| ends.iter().any(|end| name.ends_with(end)));
        let (_, value) = found.filter(|(_, value)| stores::is_name(value))?;
        Some(value.clone())
    };
    let words = node.get("command").map_or_else(String::new, Node::shown);
    // The default user of the image.
    let is_told = variables.keys().any(|name| name.ends_with("_USER"));
    let is_postgres = variables.keys().any(|name| name.starts_with("POSTGRES_"));
    let usual_user = (is_postgres && !is_told).then(|| "postgres".to_owned());
    stores::Address {
        host: "localhost".to_owned(),
        port: outside,
        user: value(&["_USER", "_USERNAME"]).or(usual_user),
        has_password: variables.keys().any(|name| name.contains("PASS"))
            || words.contains("requirepass"),
        path: value(&["_DB", "_DATABASE"]),
        ..stores::Address::default()
    }
}

/// Reads a service that is built from the project.
fn build(
    name: &str,
    line: usize,
    node: &Node,
    project: &Project<'_>,
    file: &mut SourceFile,
) -> Build {
    let because = file.because(line, format!("the service `{name}`"));
    let mut contained = by_compose(name, &because, project);
    let mut service = DraftService::new(name, Kind::Backend, because);
    let folders = folders(name, node, project.listing, file);
    let command = node.get("command");
    let words = command.map_or_else(Vec::new, |node| words(node, &project.known));
    let by_command = file.because(command.map_or(line, |node| node.line), "command");
    let text = match &words[..] {
        [shell, option, line] if shell.ends_with("sh") && option.starts_with('-') => line.clone(),
        _ => shell_words::join(words.iter().map(|word| unescaped(word))),
    };
    let begins = |program: &Program| super::commands::begins(program, project.listing);
    let mut found = folders
        .iter()
        .map(|folder| identity::of_line(&text, folder, project.listing, 0));
    let found = found.find(|programs| programs.iter().any(begins));
    // The last of several keeps running: `migrate && serve`.
    let program = found.and_then(|mut programs| programs.pop());
    if let Some(program) = &program {
        program.start(&mut service, &by_command);
        service.kind = program.kind;
    }
    if project.jobs.contains(name) {
        service.kind = Kind::Job;
        let mut folders = folders.iter();
        if program.is_none()
            && let Some(folder) = folders.find(|folder| is_job(&words, folder, project.listing))
        {
            let command = CommandLine::words(words.iter().map(|it| plain(it)));
            service.command = Some(by_command.says(command));
            service.runs_in(folder, &by_command);
        }
    }
    for (line, name, until) in depends_on(node) {
        let because = file.because(line, "depends_on");
        service.need(&name, until, &because);
    }
    variables(&mut service, node, project, file);
    let published = ports::ports(node, &project.known);
    let main = published.iter().find(|port| port.is_one());
    if let (Some(contained), Some(port)) = (&mut contained, main) {
        contained.port = port
            .outside
            .map(|outside| file.because(port.line, "ports").says(outside));
        contained.needs.clone_from(&service.needs);
    }
    Build {
        service,
        programs: program.into_iter().collect(),
        folders,
        contained,
        is_usual: words.is_empty(),
    }
}

/// Returns whether a command can run as a job in a folder: a script in it, or a migration.
fn is_job(words: &[String], folder: &str, listing: &Listing) -> bool {
    let Some(first) = words.first() else {
        return false;
    };
    let has = |word: &String| listing.has(&join(folder, word.trim_start_matches("./")));
    match identity::base_name(first) {
        "alembic" => listing.has(&join(folder, "alembic.ini")),
        "python" | "python3" | "bash" | "sh" | "node" | "php" | "npx" => words[1..].iter().any(has),
        _ => has(first),
    }
}

/// Returns the possible folders of a service: from its Dockerfile, context, mounts and name.
fn folders(name: &str, node: &Node, listing: &Listing, file: &SourceFile) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    let mut add = |path: Option<String>| {
        let path = path.unwrap_or_default();
        let is_folder = path.is_empty() || listing.has_folder(&path);
        if is_folder && !folders.contains(&path) {
            folders.push(path);
        }
    };
    if let Some(build) = node.get("build") {
        let context = build.get("context").unwrap_or(build).text().unwrap_or(".");
        let context = file.path(context);
        if let Some(dockerfile) = build.get("dockerfile").and_then(Node::text) {
            let path = resolve(context.as_deref().unwrap_or(""), dockerfile).unwrap_or_default();
            add(Some(folder(&path).to_owned()));
        }
        add(context);
    }
    for item in node.get("volumes").map_or(&[][..], Node::list) {
        let source = item
            .text()
            .and_then(|text| text.split_once(':'))
            .map(|(source, _)| source);
        if let Some(source) = source.filter(|source| source.starts_with('.')) {
            add(file.path(source));
        }
    }
    add(Some(name.to_owned()));
    folders
}

/// Adds the variables with rewritten addresses, and dependencies on the services that they refer to.
fn variables(service: &mut DraftService, node: &Node, project: &Project<'_>, file: &SourceFile) {
    for (line, variable, value) in environment(node) {
        let text = Text::interpolated(&value).knowing(&project.known);
        let is_open = text.has_unknown();
        let (value, used) = project.hosts.in_text(&variable, &text);
        let because = file.because(line, "environment");
        for other in &used {
            let depends = |name: &str| project.depends.get(name).into_iter().flatten();
            if !leads_to(other, &service.name, depends) {
                service.need(other, Need::Ready, &because);
            }
        }
        // Only addresses differ between a container and this computer; `.env` has the rest.
        if value.contains(".port}") && !is_open {
            service.env.push((variable, because.says(value)));
        }
    }
}

/// Returns the entries of `environment` with a value.
fn environment(node: &Node) -> Vec<(usize, String, String)> {
    let pairs = node.get("environment").map_or_else(Vec::new, Node::pairs);
    let pairs = pairs.into_iter();
    pairs
        .filter_map(|(key, value)| Some((key.line, key.name, value.scalar()?)))
        .collect()
}

/// Returns the words of a command, which is a list or a line. Compose uses no shell for it.
fn words(node: &Node, known: &Known) -> Vec<String> {
    let words = if let Some(text) = node.text() {
        shell_words::split(text).unwrap_or_else(|_| vec![text.to_owned()])
    } else {
        node.list().iter().filter_map(Node::scalar).collect()
    };
    let words = words.iter();
    words
        .map(|word| Text::interpolated(word).knowing(known).likely())
        .collect()
}
