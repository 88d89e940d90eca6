//! The stores that a project needs, and how each is started on this computer.

mod evidence;
mod start;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use self::evidence::{Evidence, Weight};
use super::{
    app::App,
    has_word,
    listing::{Listing, join},
};
use crate::draft::{DraftService, Kind, LeftOut, Origin, service_name};
use pilotlight::stack::Need;

pub(crate) use super::address::{Address, is_name};
pub(crate) use table::{Store, image_name, of_image, of_listener};

/// A store that a project needs.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) store: &'static Store,
    pub(crate) because: Origin,
    /// Without a host if it is not known.
    pub(crate) address: Address,
    pub(crate) address_because: Origin,
    /// Files that hold its login.
    pub(crate) env_files: Vec<String>,
    /// The service of a compose file that it is.
    pub(crate) compose: Option<Compose>,
}

/// A service of a compose file.
#[derive(Clone, Debug)]
pub(crate) struct Compose {
    pub(crate) file: String,
    pub(crate) service: String,
    /// Whether the image has the store without extensions.
    pub(crate) is_plain: bool,
    /// Whether it publishes its port.
    pub(crate) publishes: bool,
}

impl Wanted {
    fn port(&self) -> u16 {
        self.address.port.unwrap_or(self.store.port)
    }

    fn user(&self) -> Option<&str> {
        self.address.user.as_deref()
    }

    fn database(&self) -> Option<&str> {
        self.address.path.as_deref()
    }
}

/// Finds the stores that the services ask for, and adds the needs.
pub(super) fn find(
    listing: &Listing,
    apps: &mut [App<'_>],
    stack: &str,
    taken: &mut BTreeSet<String>,
    unsaid: &mut Vec<LeftOut>,
) -> Vec<DraftService> {
    let mut started = Vec::new();
    // By store and port.
    let mut wanted: BTreeMap<(&str, u16), Wanted> = BTreeMap::new();
    let mut users: Vec<(usize, (&str, u16), Origin)> = Vec::new();
    let mut optional: BTreeMap<&str, Origin> = BTreeMap::new();
    let backends = apps.iter().filter(|app| app.service.kind == Kind::Backend);
    let serves: BTreeSet<&str> = backends.map(|app| app.root.as_str()).collect();
    let is_named = |name: &str| apps.iter().any(|app| names(app, name));
    for (number, app) in apps.iter().enumerate() {
        // Evidence in a folder with a server is about the server.
        if app.service.kind == Kind::Frontend && serves.contains(app.root.as_str()) {
            continue;
        }
        let mut all = of_app(listing, app);
        let optional_ones = all.iter().filter(|it| it.weight == Weight::Optional);
        let clients: BTreeSet<&str> = optional_ones.map(Evidence::name).collect();
        all.retain(|evidence| {
            // A variable of a folder above is for the services that read it.
            evidence.variable.as_ref().is_none_or(|name| {
                let is_server =
                    app.service.kind != Kind::Frontend || clients.contains(&evidence.name());
                (is_server && (app.variables.contains_key(name) || !is_named(name)))
                    || names(app, name)
            })
        });
        // Nothing reads a variable of an example that neither the source nor a client of the store names.
        for evidence in all
            .iter_mut()
            .filter(|it| it.weight == Weight::Example && !it.is_sql())
        {
            let is_named = evidence.variable.as_ref().is_none_or(|name| {
                // Pydantic's settings have its name in lower case.
                is_named(name) || is_named(&name.to_ascii_lowercase())
            });
            if !is_named && !clients.contains(evidence.name()) {
                evidence.weight = Weight::Optional;
            }
        }
        for want in choose(&all, unsaid) {
            let key = (want.store.name.as_str(), want.port());
            users.push((number, key, want.because.clone()));
            add(listing, app, &mut wanted, key, want);
        }
        let needed = all.iter().filter(|it| it.is_needed());
        let asked: BTreeSet<&str> = needed.map(Evidence::name).collect();
        for evidence in all.iter().filter(|it| !asked.contains(it.name())) {
            if let Some(store) = evidence.store {
                let because = || evidence.because.clone();
                optional.entry(&store.name).or_insert_with(because);
            }
        }
    }
    let mut services: BTreeMap<(&str, u16), String> = BTreeMap::new();
    for (key, want) in &wanted {
        optional.remove(key.0);
        let mut reserved = taken.clone();
        let name = service_name(&want.store.name, &mut reserved);
        match want.start(&name, stack, &listing.host) {
            Ok(service) => {
                *taken = reserved;
                services.insert(*key, name);
                started.push(service);
            }
            Err(left_out) => unsaid.push(left_out),
        }
    }
    for (number, key, because) in users {
        if let Some(name) = services.get(&key) {
            apps[number].service.need(name, Need::Ready, &because);
        }
    }
    for (name, because) in optional {
        let why = format!("{}, but no setting asks for it", because.text);
        unsaid.push(LeftOut::new(name, &because, why));
    }
    started
}

/// Whether the programs of a folder keep their data in a file unless a setting changes that.
pub(crate) fn uses_file(listing: &Listing, folder: &str) -> bool {
    let mut all = evidence::in_variables(super::variables::of_folder(listing, folder).values());
    for path in listing.under(folder) {
        if let Some(text) = listing.text(path) {
            evidence::in_text(listing, path, text, &mut all);
        }
    }
    all.retain(|it| it.is_needed() && it.is_sql());
    let weight = |is_file: bool| {
        let sql = all.iter().filter(|it| it.store.is_none() == is_file);
        sql.map(|it| it.weight).max()
    };
    let (file, server) = (weight(true), weight(false));
    file.is_some() && (file >= server || server <= Some(Weight::Source))
}

/// Whether the source of an app names this variable.
fn names(app: &App<'_>, variable: &str) -> bool {
    let mut texts = app.texts.iter();
    texts.any(|(path, text)| !path.contains(".env") && text.contains(variable))
}

fn add(
    listing: &Listing,
    app: &App<'_>,
    wanted: &mut BTreeMap<(&'static str, u16), Wanted>,
    key: (&'static str, u16),
    mut want: Wanted,
) {
    let file = join(&app.root, ".env");
    let text = listing.text(&file).unwrap_or_default();
    if want.store.name == "minio" && text.contains("MINIO_ROOT_PASSWORD") {
        want.env_files.push(file);
    }
    let known = wanted.entry(key).or_insert_with(|| want.clone());
    // Evidence with an address is more precise.
    if known.address.host.is_empty() && !want.address.host.is_empty() {
        want.because = known.because.clone();
        *known = want;
    }
}

/// Returns the evidence of a service.
fn of_app(listing: &Listing, app: &App<'_>) -> Vec<Evidence> {
    let mut all = evidence::in_variables(app.all_variables.values());
    for (path, text) in &app.texts {
        evidence::in_text(listing, path, text, &mut all);
    }
    let line = app.service.shown();
    let words = line.split_whitespace();
    // These connect to Redis whatever is set.
    let mut programs = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    if programs.any(|program| has_word("sidekiq rq arq horizon resque", program)) {
        let because = app.service.because.clone();
        let redis = table::of_name("redis");
        all.push(Evidence::new(redis, Weight::Connects, because));
    }
    all
}

/// Returns the stores that the evidence asks for.
fn choose(all: &[Evidence], unsaid: &mut Vec<LeftOut>) -> Vec<Wanted> {
    let mut chosen = Vec::new();
    let needed = all.iter().filter(|it| it.is_needed());
    let (sql, others): (Vec<&Evidence>, Vec<&Evidence>) = needed.partition(|it| it.is_sql());
    let strongest = sql.iter().map(|it| it.weight).max();
    let files = sql.iter().filter(|it| it.store.is_none());
    let file = files.map(|it| it.weight).max();
    // Where the source knows both, the file is used until a variable names another.
    let is_file = file.is_some_and(|file| {
        Some(file) == strongest || strongest.is_some_and(|it| it <= Weight::Source)
    });
    let mut seen = BTreeSet::new();
    let sql = sql
        .into_iter()
        .filter(|evidence| !is_file && Some(evidence.weight) == strongest);
    for store in sql.chain(others).filter_map(|evidence| evidence.store) {
        if seen.insert(&store.name) {
            chosen.extend(wants(store, all, unsaid));
        }
    }
    chosen
}

/// Returns one store for each address; without an address, one on the usual port.
fn wants(store: &'static Store, all: &[Evidence], unsaid: &mut Vec<LeftOut>) -> Vec<Wanted> {
    let mine = all
        .iter()
        .filter(|it| it.is_needed() && it.name() == store.name);
    let mine: Vec<&Evidence> = mine.collect();
    let Some(first) = mine.first() else {
        return Vec::new();
    };
    let addressed = mine.iter().filter(|it| it.address.is_some());
    let strongest = addressed.clone().map(|it| it.weight).max();
    let mut found: Vec<Wanted> = Vec::new();
    let mut is_elsewhere = false;
    let want = |evidence: &Evidence| Wanted {
        store,
        because: evidence.because.clone(),
        address: evidence.address.clone().unwrap_or_default(),
        address_because: evidence.because.clone(),
        env_files: Vec::new(),
        compose: None,
    };
    for evidence in addressed.filter(|it| Some(it.weight) == strongest) {
        let Some(address) = &evidence.address else {
            continue;
        };
        if !address.is_nearby() {
            is_elsewhere = true;
            let what = format!("{} on another computer", store.title);
            let why = "it is not part of this stack; add it as `external` to watch it";
            unsaid.push(LeftOut::new(what, &evidence.because, why));
            continue;
        }
        let port = address.port.unwrap_or(store.port);
        if let Some(known) = found.iter_mut().find(|known| known.port() == port) {
            // An address with a database is more precise.
            if known.database().is_none() && address.path.is_some() {
                known.address = address.clone();
                known.address_because = evidence.because.clone();
            }
            continue;
        }
        found.push(want(evidence));
    }
    if found.is_empty() && !is_elsewhere {
        found.push(Wanted {
            address: Address::default(),
            ..want(first)
        });
    }
    found
}
