//! The stores that a project needs, and how each is started here.

mod container;
mod evidence;
mod manifest;
mod start;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    evidence::{Evidence, Weight},
    table::Store,
};
use super::{
    address::Address,
    app::App,
    listing::{Listing, join},
};
use crate::draft::{
    Because, Change, Choice, DraftService, Kind, Needed, Question, Said, Unsaid, service_name,
};
use pilotlight::stack::Need;

/// A store that is needed.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    store: &'static Store,
    because: Because,
    address: Option<Address>,
    address_because: Because,
    /// Files that hold its login.
    env_files: Vec<String>,
}

impl Wanted {
    fn port(&self) -> u16 {
        let said = self.address.as_ref().and_then(|address| address.port);
        said.unwrap_or(self.store.port)
    }

    fn user(&self) -> Option<&str> {
        self.address.as_ref()?.user.as_deref()
    }

    fn database(&self) -> Option<&str> {
        self.address.as_ref()?.path.as_deref()
    }

    fn has_password(&self) -> bool {
        self.address
            .as_ref()
            .is_some_and(|address| address.has_password)
    }
}

/// What the stores of a project come to.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) services: Vec<DraftService>,
    pub(super) questions: Vec<Question>,
    pub(super) unsaid: Vec<Unsaid>,
}

/// Finds the stores that the apps need, and has the apps need them.
pub(super) fn find(
    listing: &Listing,
    apps: &mut [App<'_>],
    stack: &str,
    taken: &mut BTreeSet<String>,
) -> Stores {
    let mut stores = Stores::default();
    // By what it is and where it listens.
    let mut wanted: BTreeMap<(&str, u16), Wanted> = BTreeMap::new();
    let mut users: Vec<(usize, &'static str, u16, Because)> = Vec::new();
    let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
    let serves: BTreeSet<String> = apps
        .iter()
        .filter(|app| app.service.kind == Kind::Backend)
        .map(|app| app.root.clone())
        .collect();
    for (number, app) in apps.iter().enumerate() {
        // What is said in a folder of both is about its server.
        if app.service.kind == Kind::Frontend && serves.contains(&app.root) {
            continue;
        }
        let all = of_app(app);
        let mut open = Vec::new();
        for choice in choose(&all, &mut stores.unsaid) {
            match choice {
                Chosen::Sure(want) => {
                    let key = (want.store.name, want.port());
                    users.push((number, key.0, key.1, want.because.clone()));
                    add(listing, app, &mut wanted, key, want);
                }
                Chosen::Perhaps(want) => open.push(want),
            }
        }
        if !open.is_empty() {
            let entry = asked.entry(app.root.clone()).or_insert_with(|| Asked {
                choices: open,
                users: Vec::new(),
            });
            entry.users.push(number);
        }
    }
    for (root, asked) in asked {
        ask(&root, asked, apps, &mut wanted, &mut users, &mut stores);
    }
    let mut names: BTreeMap<(&str, u16), (String, Option<String>)> = BTreeMap::new();
    for (key, want) in &wanted {
        let name = service_name(want.store.name, taken);
        let started = start::start(want, &name, stack, &listing.host);
        let job = started.services.get(1).map(|job| job.name.clone());
        if let Some(job) = &job {
            taken.insert(job.clone());
        }
        for question in &mut stores.questions {
            name_in_question(question, key.0, &name, job.as_deref());
        }
        names.insert(*key, (name, job));
        stores.services.extend(started.services);
    }
    for (number, name, port, because) in users {
        let Some((name, job)) = names.get(&(name, port)) else {
            continue;
        };
        apps[number].need(name, Need::Ready, &because);
        if let Some(job) = job {
            apps[number].need(job, Need::Completed, &because);
        }
    }
    stores
}

/// Stores of which an app uses one, or a file.
struct Asked {
    choices: Vec<Wanted>,
    users: Vec<usize>,
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
    match wanted.get_mut(&key) {
        // What has an address says more.
        Some(known) if known.address.is_none() && want.address.is_some() => {
            want.because = known.because.clone();
            *known = want;
        }
        Some(_) => {}
        None => {
            wanted.insert(key, want);
        }
    }
}

/// What an app has to say about stores.
fn of_app(app: &App<'_>) -> Vec<Evidence> {
    let mut all = evidence::in_variables(app.all_variables.values());
    for (path, text) in &app.texts {
        evidence::in_text(path, text, &mut all);
        evidence::in_settings(path, text, &mut all);
    }
    all
}

enum Chosen {
    Sure(Wanted),
    Perhaps(Wanted),
}

/// Of all that speaks of stores, those that are needed.
fn choose(all: &[Evidence], unsaid: &mut Vec<Unsaid>) -> Vec<Chosen> {
    let mut chosen = Vec::new();
    let is_sql = |evidence: &&Evidence| evidence.store.is_none_or(|store| store.is_sql);
    let sql: Vec<&Evidence> = all.iter().filter(is_sql).collect();
    let strongest = sql.iter().map(|evidence| evidence.weight).max();
    let sql = sql
        .into_iter()
        .filter(|evidence| Some(evidence.weight) == strongest);
    let mut kinds: Vec<Option<&'static Store>> = Vec::new();
    for evidence in sql {
        if !kinds.contains(&evidence.store) {
            kinds.push(evidence.store);
        }
    }
    // Several drivers and no address that says which is used.
    let is_open = kinds.len() > 1 && strongest == Some(Weight::Client);
    for kind in kinds.iter().flatten() {
        for want in wants(kind, all, unsaid) {
            chosen.push(if is_open {
                Chosen::Perhaps(want)
            } else {
                Chosen::Sure(want)
            });
        }
    }
    let others = all.iter().filter_map(|evidence| evidence.store);
    let mut seen = BTreeSet::new();
    for store in others.filter(|store| !store.is_sql) {
        if seen.insert(store.name) {
            chosen.extend(wants(store, all, unsaid).into_iter().map(Chosen::Sure));
        }
    }
    chosen
}

/// One store for each place where it is asked for; with none said, the usual one.
fn wants(store: &'static Store, all: &[Evidence], unsaid: &mut Vec<Unsaid>) -> Vec<Wanted> {
    let mine: Vec<&Evidence> = all.iter().filter(|it| it.store == Some(store)).collect();
    let Some(first) = mine.iter().max_by_key(|it| it.weight == Weight::Client) else {
        return Vec::new();
    };
    let addressed = mine.iter().filter(|it| it.address.is_some());
    let strongest = addressed.clone().map(|it| it.weight).max();
    let mut found: Vec<Wanted> = Vec::new();
    let mut is_elsewhere = false;
    for evidence in addressed.filter(|it| Some(it.weight) == strongest) {
        let Some(address) = &evidence.address else {
            continue;
        };
        if !address.is_here() && !address.is_container() {
            is_elsewhere = true;
            unsaid.push(Unsaid {
                what: format!("{} on another computer", store.title),
                file: evidence.because.file.clone(),
                line: evidence.because.line,
                why: "it is not part of this stack; add it as `external` to watch it".to_owned(),
            });
            continue;
        }
        let port = address.port.unwrap_or(store.port);
        if let Some(known) = found.iter_mut().find(|known| known.port() == port) {
            // The one that names a database says more.
            let says_more = known.database().is_none() && address.path.is_some();
            if says_more {
                known.address = Some(address.clone());
                known.address_because = evidence.because.clone();
            }
            continue;
        }
        found.push(Wanted {
            store,
            because: evidence.because.clone(),
            address: Some(address.clone()),
            address_because: evidence.because.clone(),
            env_files: Vec::new(),
        });
    }
    if found.is_empty() && !is_elsewhere {
        found.push(Wanted {
            store,
            because: first.because.clone(),
            address: None,
            address_because: Because::default(),
            env_files: Vec::new(),
        });
    }
    found
}

/// Asks which of several databases is used. The first is in the draft; the others are put there by
/// the answer.
fn ask(
    root: &str,
    asked: Asked,
    apps: &[App<'_>],
    wanted: &mut BTreeMap<(&'static str, u16), Wanted>,
    users: &mut Vec<(usize, &'static str, u16, Because)>,
    stores: &mut Stores,
) {
    let names: Vec<&str> = asked
        .users
        .iter()
        .map(|user| apps[*user].service.name.as_str())
        .collect();
    let likelihood = u8::try_from(100 / (asked.choices.len() + 1)).unwrap_or(50);
    let mut choices = Vec::new();
    let all: Vec<&str> = asked.choices.iter().map(|want| want.store.name).collect();
    for want in &asked.choices {
        // The draft has all of them until it is known what each becomes; see `name_in_question`.
        let others = all.iter().filter(|name| **name != want.store.name);
        choices.push(Choice {
            label: want.store.title.to_owned(),
            likelihood,
            changes: others
                .map(|name| Change::Remove((*name).to_owned()))
                .collect(),
        });
    }
    choices.push(Choice {
        label: "none: the database is a file".to_owned(),
        likelihood,
        changes: all
            .iter()
            .map(|name| Change::Remove((*name).to_owned()))
            .collect(),
    });
    stores.questions.push(Question {
        id: format!("database:{}", if root.is_empty() { "." } else { root }),
        text: format!("Which database does {} use?", names.join(" and ")),
        choices,
        default: 0,
    });
    for want in asked.choices {
        let key = (want.store.name, want.port());
        for user in &asked.users {
            users.push((*user, key.0, key.1, want.because.clone()));
        }
        wanted.entry(key).or_insert(want);
    }
}

/// The changes of a question speak of a store by what it is; from now on by its service's name.
fn name_in_question(question: &mut Question, store: &str, name: &str, job: Option<&str>) {
    for choice in &mut question.choices {
        let mut changes = Vec::new();
        for change in choice.changes.drain(..) {
            match change {
                Change::Remove(what) if what == store => {
                    changes.push(Change::Remove(name.to_owned()));
                    changes.extend(job.map(|job| Change::Remove(job.to_owned())));
                }
                change => changes.push(change),
            }
        }
        choice.changes = changes;
    }
}

impl App<'_> {
    /// Has the app need a service, once.
    pub(super) fn need(&mut self, name: &str, until: Need, because: &Because) {
        let needs = &mut self.service.needs;
        if self.service.name == name || needs.iter().any(|need| need.value.service == name) {
            return;
        }
        let needed = Needed {
            service: name.to_owned(),
            until,
        };
        needs.push(Said::new(needed, because.clone()));
    }
}
