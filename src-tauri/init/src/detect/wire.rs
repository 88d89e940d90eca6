//! The connections among the services of a project: requests, origins, and variables with addresses.

mod order;
mod origin;

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use super::{
    address::Address,
    app::App,
    health,
    listing::{Listing, file_name, line_at},
    source::pattern,
    variables::{self, Variable},
};
use crate::draft::{DraftService, Kind, LeftOut, Origin, Sourced, plain};
use pilotlight::stack::Need;

/// An address on this computer, in source or settings.
static HERE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(?:https?|wss?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d{2,5})\b")
});

/// A service that others may point at.
struct Target {
    name: String,
    kind: Kind,
}

/// Adds needs, variables, readiness and checks that depend on other services.
pub(super) fn connect(
    listing: &Listing,
    apps: &mut [App<'_>],
    stores: &[DraftService],
    unsaid: &mut Vec<LeftOut>,
) {
    ports_of_variables(apps);
    ports_of_proxies(apps);
    let targets = targets(apps, stores);
    let mentions: Vec<BTreeMap<u16, Origin>> = apps.iter().map(mentions).collect();
    let backends = apps.iter().filter(|app| app.service.kind == Kind::Backend);
    let serving: Vec<String> = backends.map(|app| app.root.clone()).collect();
    for app in apps.iter_mut() {
        // The pages of a folder with a server see only the variables that are made for pages.
        if app.service.kind == Kind::Frontend && serving.contains(&app.root) {
            let starts = "VITE_ NEXT_PUBLIC_ REACT_APP_ PUBLIC_ NUXT_ VUE_APP_";
            app.variables
                .retain(|name, _| starts.split(' ').any(|start| name.starts_with(start)));
        }
        let example = variables::example_without_file(listing, &app.root);
        point(app, &targets, example.as_deref(), unsaid);
        if let Some(example) = &example {
            tell_example(app, example, unsaid);
        }
    }
    for (app, mentions) in apps.iter_mut().zip(&mentions) {
        for (port, because) in mentions {
            if let Some(target) = targets.get(port)
                && asks(app.service.kind, target.kind)
            {
                app.service.need(&target.name, Need::Ready, because);
            }
        }
    }
    order::need_backends(apps);
    order::break_rings(apps);
    for app in apps.iter_mut() {
        make_ready(listing, app);
    }
    origin::check_origins(apps, &mentions);
}

/// Gives a server without a port the one of a variable.
fn ports_of_variables(apps: &mut [App<'_>]) {
    const NAMES: &str =
        "PORT SERVER_PORT HTTP_PORT APP_PORT API_PORT SERVER_ADDRESS HTTP_ADDR LISTEN_ADDR ADDR";
    for app in apps.iter_mut() {
        if app.service.kind == Kind::Backend && app.service.port.is_none() {
            let mut set = NAMES.split(' ').filter_map(|name| app.variables.get(name));
            app.service.port = set.find_map(Variable::port);
        }
    }
}

/// Gives the only backend whose port no file names the port to which its frontend forwards requests.
fn ports_of_proxies(apps: &mut [App<'_>]) {
    let taken: Vec<u16> = apps.iter().filter_map(App::port).collect();
    let mut asked: Vec<(u16, Origin)> = Vec::new();
    for app in apps.iter().filter(|app| app.service.kind == Kind::Frontend) {
        for (port, because) in mentions(app) {
            let file = because.file.as_deref().map_or("", file_name);
            // A proxy of another kind, or a container.
            if port < 1024 {
                continue;
            }
            // The setting of Create React App.
            let setting = format!("\"proxy\": \"http://localhost:{port}");
            let has_setting = || app.texts.iter().any(|(_, text)| text.contains(&setting));
            let is_proxy = ["config", "proxy", "Proxy"]
                .iter()
                .any(|part| file.contains(part))
                || (file == "package.json" && has_setting());
            if is_proxy && !taken.contains(&port) && asked.iter().all(|(other, _)| *other != port) {
                asked.push((port, because));
            }
        }
    }
    let mut open = apps.iter_mut().filter(|app| {
        let port = app.service.port.as_ref();
        app.service.kind == Kind::Backend && port.is_none_or(|port| port.because.file.is_none())
    });
    if let ([(port, because)], Some(app), None) = (&asked[..], open.next(), open.next()) {
        let mut because = because.clone();
        because.text.push_str(", which this service answers");
        app.service.port = Some(because.says(*port));
    }
}

fn targets(apps: &[App<'_>], stores: &[DraftService]) -> BTreeMap<u16, Target> {
    let services = apps.iter().map(|app| &app.service).chain(stores);
    let target = |service: &DraftService| {
        let target = Target {
            name: service.name.clone(),
            kind: service.kind,
        };
        Some((service.port.as_ref()?.value, target))
    };
    services.filter_map(target).collect()
}

/// Returns the ports of this computer to which an app sends requests.
fn mentions(app: &App<'_>) -> BTreeMap<u16, Origin> {
    let mut found = BTreeMap::new();
    for (path, text) in &app.texts {
        // These are read as variables, with their names.
        if file_name(path).starts_with(".env") || !text.contains("://") {
            continue;
        }
        for address in HERE.captures_iter(text) {
            let Some(port) = address[1].parse().ok() else {
                continue;
            };
            let at = address.get(0).map_or(0, |all| all.start());
            found.entry(port).or_insert_with(|| {
                Origin::line(
                    *path,
                    line_at(text, at),
                    format!("requests {}", &address[0]),
                )
            });
        }
    }
    found
}

/// Whether one kind of service sends requests to another, which starts first.
fn asks(one: Kind, other: Kind) -> bool {
    match other {
        Kind::Store => true,
        Kind::Backend => matches!(one, Kind::Frontend | Kind::Backend | Kind::Worker),
        Kind::Job | Kind::Worker | Kind::Frontend => false,
    }
}

/// Connects the variables of an app that hold the address of another service.
fn point(
    app: &mut App<'_>,
    targets: &BTreeMap<u16, Target>,
    example: Option<&str>,
    unsaid: &mut Vec<LeftOut>,
) {
    let variables: Vec<_> = app.variables.values().cloned().collect();
    for variable in variables {
        let Some(address) = Address::parse(&variable.value) else {
            continue;
        };
        let by_name = || targets.values().find(|it| it.name == address.host);
        let by_port = address.port().and_then(|port| targets.get(&port));
        let target = match by_port {
            Some(target) if address.is_here() => target,
            // The names of containers: `redis://redis:6379`.
            _ if address.is_container() => match by_name().or(by_port) {
                Some(target) => target,
                None => continue,
            },
            _ => continue,
        };
        if target.name == app.service.name {
            continue;
        }
        let because = variable.because();
        if asks(app.service.kind, target.kind) {
            app.service.need(&target.name, Need::Ready, &because);
        }
        let mut given = app.service.env.iter().chain(&app.service.env_points_at);
        if given.any(|(known, _)| *known == variable.name) {
            continue;
        }
        if variable.is_set && address.is_here() {
            let target = because.says(target.name.clone());
            app.service.env_points_at.push((variable.name, target));
        } else if let Some(value) = written(&variable.value, &variable.name, &address, &target.name)
        {
            let mut because = because;
            because.text.push_str(if variable.is_set {
                " names a host that only containers know"
            } else {
                ", which no `.env` sets"
            });
            app.service.env.push((variable.name, because.says(value)));
        } else if !variable.is_set && address.is_here() {
            // The example has the login, and the service reads the file, so that the stack file has no secret.
            if let Some(example) = example.filter(|example| **example == *variable.file) {
                read_example(app, example, &because);
                let target = because.says(target.name.clone());
                app.service.env_points_at.push((variable.name, target));
            }
        } else if variable.is_set {
            unsaid.push(LeftOut::new(
                format!("`{}` of {}", variable.name, app.service.name),
                &because,
                format!(
                    "it points at `{}`, a name that only containers know, and has a password",
                    address.host
                ),
            ));
        }
    }
}

/// Returns the value with the service's port on this computer. None if it may be a secret.
fn written(value: &str, name: &str, address: &Address, service: &str) -> Option<String> {
    let name = name.to_ascii_uppercase();
    let mut secrets = ["SECRET", "TOKEN", "PASS", "KEY", "CREDENTIAL", "DSN"].iter();
    let may_be_secret = address.has_password
        || address.user.is_some()
        || value.contains(['@', '?', '$'])
        || secrets.any(|part| name.contains(part));
    if may_be_secret {
        return None;
    }
    let port = address.port?;
    let at = value.find(&format!(":{port}"))?;
    let (before, after) = (&value[..at], &value[at + 1 + port.to_string().len()..]);
    let before = if address.is_container() {
        let start = before.len().checked_sub(address.host.len())?;
        format!("{}localhost", &before[..start])
    } else {
        before.to_owned()
    };
    Some(format!(
        "{}:{{{service}.port}}{}",
        plain(&before),
        plain(after)
    ))
}

/// Reads the variables of an example, and of `.env` when it exists.
fn read_example(app: &mut App<'_>, example: &str, because: &Origin) {
    let files = &mut app.service.env_file;
    if !files.is_empty() {
        return;
    }
    let mut because = because.clone();
    because.text.push_str("; there is no `.env` yet");
    let own = super::listing::join(&app.root, ".env");
    for file in [plain(example), format!("{}?", plain(&own))] {
        files.push(because.says(file));
    }
}

/// Lists the variables that are only in the example, so that the user copies it.
fn tell_example(app: &App<'_>, example: &str, unsaid: &mut Vec<LeftOut>) {
    let is_read = |said: &Sourced<String>| said.value == plain(example);
    if app.service.env_file.iter().any(is_read) {
        return;
    }
    let open = app.variables.values().filter(|variable| {
        let name = &variable.name;
        !variable.is_set && !app.service.env.iter().any(|(known, _)| known == name)
    });
    let names: Vec<String> = open
        .map(|variable| format!("`{}`", variable.name))
        .collect();
    if names.is_empty()
        || unsaid
            .iter()
            .any(|known| known.file.as_deref() == Some(example))
    {
        return;
    }
    let shown = names.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 6 { " and more" } else { "" };
    unsaid.push(LeftOut::new(
        format!("{shown}{more}"),
        &Origin::file(example, ""),
        "there is no `.env`: copy the example if the services need these",
    ));
}

fn make_ready(listing: &Listing, app: &mut App<'_>) {
    if app.service.port.is_none() {
        return;
    }
    if app.service.kind == Kind::Backend && app.service.ready.is_none() {
        app.service.ready = health::page(app);
    }
    if app.service.kind == Kind::Frontend {
        // The page of a single-page application is served without a backend.
        let page = super::listing::join(&app.root, "index.html");
        if app.framework == Some("vite") && app.service.ready.is_none() && listing.has(&page) {
            app.service.ready = Some(Origin::file(page, "its page").says(health::ready("/")));
        }
        if app.service.links.is_empty() {
            let page = Origin::default().says("/".to_owned());
            app.service.links.push(("open".to_owned(), page));
        }
    }
}
