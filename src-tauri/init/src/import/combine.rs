//! Combines the files of other tools and the detected services into one draft. Files made to start development
//! rank first, then the source, then everything else; each program becomes one service.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    SourceFile, Tool,
    commands::{self, begins},
    compose::{Build, Compose, Image},
    identity::{self, Program, Same},
    normalize::normalize,
};
use crate::{
    detect::{Listing, file_name, join, stores::uses_file},
    draft::{
        Change, CommandLine, Draft, DraftService, Kind, LeftOut, Needed, Origin, Sourced,
        service_name, stack_name,
    },
};

/// The files of a project that list its services, each kind in order of rank.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Made to start development; their services run as written.
    pub(super) strong: Vec<SourceFile>,
    pub(super) compose: Option<Compose>,
    /// Their services are added if no other source has them.
    pub(super) weak: Vec<SourceFile>,
}

/// A draft and its sources.
#[derive(Clone, Debug, Default)]
pub struct Combined {
    /// The draft.
    pub draft: Draft,
    /// The files of other tools that were read, with the number of services from each.
    pub read: Vec<(Tool, String, usize)>,
    /// The decisions between them, a sentence each.
    pub decided: Vec<String>,
}

/// A service, and the programs that its command starts.
struct Entry {
    service: DraftService,
    programs: Vec<Program>,
    /// The preferred name.
    wish: String,
}

/// The names that one source gives its services, with their names in the combination.
type Names = BTreeMap<String, String>;

struct Combination<'a> {
    listing: &'a Listing,
    entries: Vec<Entry>,
    unsaid: Vec<LeftOut>,
    combined: Combined,
    /// Whether a file lists everything that a developer starts.
    is_complete: bool,
    /// Whether the programs of a folder keep their data in a file.
    uses_file: BTreeMap<String, bool>,
    /// The entries that a start script of the project starts.
    started: BTreeSet<usize>,
}

/// Combines all sources into one draft.
#[must_use]
pub fn combine(sources: Sources, detected: Draft, listing: &Listing) -> Combined {
    let mut combination = Combination {
        listing,
        entries: Vec::new(),
        unsaid: detected.unsaid,
        combined: Combined::default(),
        is_complete: false,
        uses_file: BTreeMap::new(),
        started: BTreeSet::new(),
    };
    for file in sources.strong {
        combination.strong(file);
    }
    let imported = combination.entries.len();
    let (names, dropped) = combination.detected(detected.services, imported);
    if let Some(compose) = sources.compose {
        combination.compose(compose);
    }
    for file in sources.weak {
        combination.weak(file);
    }
    let mut questions = detected.questions;
    questions.retain_mut(|question| {
        let choices = question.choices.iter_mut();
        let mut changes = choices.flat_map(|choice| &mut choice.changes);
        changes.all(|change| !dropped.contains(&rename_change(change, &names)))
    });
    combination.into_draft(detected.name, questions)
}

impl Combination<'_> {
    /// Adds a service under a unique name and records the name that its source gives it.
    fn add(&mut self, mut service: DraftService, programs: Vec<Program>, names: &mut Names) {
        let own = format!("#{}#", self.entries.len());
        let mut wish = std::mem::replace(&mut service.name, own.clone());
        names.insert(wish.clone(), own);
        // The name of a script describes no service.
        if ["start", "dev", "serve", "run"].contains(&wish.as_str()) {
            let kind = programs
                .first()
                .map_or(service.kind, |program| program.kind);
            wish = String::from(match kind {
                Kind::Frontend => "web",
                Kind::Worker => "worker",
                _ => "server",
            });
        }
        self.entries.push(Entry {
            service,
            programs,
            wish,
        });
    }

    /// Returns the first entry with a proof that it runs the same program.
    fn position(&self, same: impl Fn(&Entry) -> Option<Same>) -> Option<(usize, Same)> {
        let mut entries = self.entries.iter().enumerate();
        entries.find_map(|(at, entry)| Some((at, same(entry)?)))
    }

    /// Returns the entry that runs the same program as a service.
    fn find(&self, service: &DraftService, programs: &[Program]) -> Option<(usize, Same)> {
        self.position(|entry| identity::same(&entry.programs, programs))
            .or_else(|| self.position(|entry| identity::same_port(&entry.service, service)))
    }

    /// Gives a Celery worker for all queues the command of one for some, and the next of these its own service. Returns
    /// the entry unless a service of its own is needed.
    fn more_precise(
        &mut self,
        found: Option<(usize, Same)>,
        service: &DraftService,
        programs: &[Program],
    ) -> Option<(usize, Same)> {
        let [program] = programs else { return found };
        if program.class != "celery-worker" || program.entry.is_none() {
            return found;
        }
        let wish = commands::wished_name(program);
        let mut command = service.command.clone();
        if let Some((at, _)) = found {
            let entry = &mut self.entries[at];
            let is_open = entry.programs.iter().all(|it| it.entry.is_none());
            let own = entry.service.command.as_ref();
            if is_open
                && let (Some(own), Some(other)) = (own, &command)
                && target(&own.value).is_some()
                && target(&own.value) == target(&other.value)
            {
                in_place_of(&mut command, &entry.service);
                entry.service.command = command;
                (entry.wish, entry.programs) = (wish, programs.to_vec());
            }
            return found;
        }
        let mut entries = self
            .entries
            .iter()
            .map(|entry| (entry, &entry.programs[..]));
        let (sibling, _) = entries.find(|(_, own)| {
            matches!(own, [own] if own.class == program.class && own.folder == program.folder)
        })?;
        in_place_of(&mut command, &sibling.service);
        let service = DraftService {
            name: wish,
            command,
            because: service.because.clone(),
            ..sibling.service.clone()
        };
        self.add(service, programs.to_vec(), &mut Names::new());
        self.find(&DraftService::default(), programs)
    }

    /// Updates references to other services in the entries from `first` on.
    fn rename_from(&mut self, first: usize, names: &Names) {
        for entry in &mut self.entries[first..] {
            rename(&mut entry.service, names);
        }
    }

    fn strong(&mut self, file: SourceFile) {
        let first = self.entries.len();
        let (mut names, mut left) = (Names::new(), Vec::new());
        for service in file.services {
            let mut programs = identity::of_service(&service, self.listing);
            if file.tool == Tool::Running {
                for program in &mut programs {
                    program.is_production = false;
                    program.kind = service.kind;
                }
            }
            // Only other files may name the same; two lines of one file are two programs.
            let mut others = self.entries[..first].iter();
            let known = others.find(|entry| {
                identity::same(&entry.programs, &programs).is_some()
                    || identity::same_port(&entry.service, &service).is_some()
                    || entry.wish.eq_ignore_ascii_case(&service.name)
            });
            if let Some(known) = known {
                names.insert(service.name.clone(), known.service.name.clone());
                left.push(service.name);
            } else {
                self.add(service, programs, &mut names);
            }
        }
        self.rename_from(first, &names);
        self.unsaid.extend(file.unsaid);
        if !left.is_empty() {
            self.combined.decided.push(format!(
                "{} in {}: left out, because another file has the same program",
                left.join(", "),
                file.file,
            ));
        }
        let added = self.entries.len() - first;
        let is_made_for_it = match file.tool {
            Tool::Running | Tool::Pitchfork | Tool::ProcessCompose => true,
            Tool::Procfile => !file.file.ends_with("Procfile"),
            _ => false,
        };
        let stays = |entry: &&Entry| {
            entry.is_app() && !entry.programs.iter().any(|it| it.kind == Kind::Store)
        };
        let apps = self.entries[first..].iter().filter(stays).count();
        self.is_complete |= is_made_for_it && apps > 1 || file.tool == Tool::Running;
        self.combined.read.push((file.tool, file.file, added));
    }

    /// Adds the detected services, or completes the services that run the same programs. Returns their new names,
    /// and the names of the detected services that another source runs.
    fn detected(
        &mut self,
        services: Vec<DraftService>,
        imported: usize,
    ) -> (Names, BTreeSet<String>) {
        let (mut names, mut dropped) = (Names::new(), BTreeSet::new());
        let mut read = self.combined.read.iter();
        let is_running = read.any(|(tool, ..)| *tool == Tool::Running);
        // A script that starts several services is split only once.
        let read = self.combined.read.iter();
        let mut manifests = read.filter(|(tool, ..)| *tool == Tool::Scripts);
        let manifest = manifests.next().map(|(_, file, _)| file.clone());
        let scripts = self
            .entries
            .iter()
            .filter(|entry| entry.service.because.file == manifest);
        let folders = scripts
            .flat_map(|entry| &entry.programs)
            .map(|it| &it.folder);
        let packages: BTreeSet<&String> = folders.filter(|folder| !folder.is_empty()).collect();
        // So are the packages of a workspace, if it starts several of them.
        let is_whole = packages.len() > 1;
        let is_part = |service: &DraftService| {
            let file = service.because.file.as_deref().unwrap_or_default();
            manifest.is_some()
                && (service.because.file == manifest
                    || is_whole && file_name(file) == "package.json")
        };
        // A process that starts the stores knows which ones are needed.
        let has_stores = self.is_complete
            && self.entries.iter().any(|entry| {
                let shown = format!("{} {}", entry.wish, entry.service.shown());
                let shown = shown.replace("docker-compose", "docker compose");
                let mut marks = ["datastore", "database", "docker compose", "infra"].iter();
                shown.contains("docker compose up")
                    || (entry.service.kind != Kind::Job && marks.any(|mark| shown.contains(mark)))
            });
        let (mut matched, mut added): (BTreeSet<usize>, Vec<String>) = Default::default();
        for mut service in services {
            let programs = identity::of_service(&service, self.listing);
            let free = |at: usize| at < imported && !matched.contains(&at);
            let found = self
                .find(&service, &programs)
                .or_else(|| self.position(|entry| identity::same_store(&entry.service, &service)))
                .or_else(|| self.only(&service))
                .filter(|(at, _)| free(*at));
            let is_known = |program: &Program| knows(&self.entries[..imported], program);
            if let Some((at, same)) = found {
                matched.insert(at);
                let name = service.name.clone();
                dropped.insert(name.clone());
                names.insert(name, self.entries[at].service.name.clone());
                let own = &self.entries[at].service;
                if is_running && own.port.is_none() {
                    // It does not listen, whatever the source says.
                    (service.port, service.ready, service.kind) = (None, None, own.kind);
                }
                self.entries[at].fill(service, programs, same);
            } else if is_part(&service) && service.because.file != manifest {
                let what = format!("the package `{}`", service.folder());
                let why = "the script that starts the packages does not start it";
                self.unsaid.push(LeftOut::new(what, &service.because, why));
                dropped.insert(service.name);
            } else if is_part(&service)
                || is_running
                || (has_stores && service.kind == Kind::Store)
                || (self.is_complete && service.kind != Kind::Store)
                || (imported > 0 && programs.len() > 1 && programs.iter().all(is_known))
            {
                dropped.insert(service.name);
            } else {
                added.push(service.name.clone());
                self.add(service, programs, &mut names);
            }
        }
        for lost in dropped.iter().filter(|name| !names.contains_key(*name)) {
            for entry in &mut self.entries {
                let service = &mut entry.service;
                service.needs.retain(|need| need.value.service != *lost);
                service.env_points_at.retain(|(_, at)| at.value != *lost);
            }
        }
        self.rename_from(0, &names);
        if imported > 0 && !added.is_empty() {
            let added = added.join(", ");
            self.combined
                .decided
                .push(format!("{added}: found in the source"));
        }
        (names, dropped)
    }

    /// Returns the only server in a folder that a file starts with an unknown program.
    fn only(&self, service: &DraftService) -> Option<(usize, Same)> {
        let is_server = !matches!(service.kind, Kind::Store | Kind::Worker);
        self.position(|entry| {
            let is_unknown = entry.programs.is_empty() && entry.service.kind == Kind::Backend;
            let same = identity::same_folder(&entry.service, service.folder());
            same.filter(|_| is_unknown && is_server)
        })
    }

    /// Adds the services of a compose file: those that are built, then the images that they need.
    fn compose(&mut self, compose: Compose) {
        let Compose {
            file,
            stores,
            others,
            builds,
        } = compose;
        let first = self.entries.len();
        let (mut names, mut used) = (Names::new(), BTreeSet::new());
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        let has_builds = !builds.is_empty();
        for build in builds {
            let found = self.find(&build.service, &build.programs);
            self.more_precise(found, &build.service, &build.programs);
            let found = self.same_as(&build);
            let is_for_development = build.programs.iter().all(|it| !it.is_production);
            let is_added = build.service.command.is_some() && is_for_development;
            if found.is_some() || is_added {
                used.extend(self.needs_of(&build, found, &stores));
            }
            if let Some(at) = found {
                let name = self.entries[at].service.name.clone();
                names.insert(build.service.name.clone(), name);
                joined.push((at, build.service));
            } else if is_added {
                self.add(build.service, build.programs, &mut names);
            } else {
                left.push(build);
            }
        }
        let is_all = !self.entries.iter().any(Entry::is_app);
        for build in left {
            if let Some(contained) = build.contained.filter(|_| is_all) {
                let needs = build.service.needs.into_iter();
                used.extend(needs.map(|need| need.value.service));
                self.add(contained, Vec::new(), &mut names);
            } else {
                let why = "no command outside of its container was found";
                self.unsaid.push(build.service.left_out(why));
            }
        }
        for image in &stores {
            let is_asked = used.contains(&image.name)
                || (!has_builds && (is_all || self.is_only_choice(image, &stores)));
            self.image(image, is_asked, &mut names);
        }
        for service in others.into_iter().filter(|it| used.contains(&it.name)) {
            self.add(service, Vec::new(), &mut names);
        }
        let lasting = self.entries.iter().filter(|entry| !entry.is_app());
        let lasting: BTreeSet<String> = lasting.map(|entry| entry.service.name.clone()).collect();
        for (at, service) in joined {
            self.entries[at].use_as(service, self.listing, &names, &lasting);
        }
        self.rename_from(first, &names);
        self.unsaid.extend(file.unsaid);
        let added = self.entries.len() - first;
        self.combined.read.push((file.tool, file.file, added));
    }

    /// Returns the entry that runs the program of a compose service.
    fn same_as(&self, build: &Build) -> Option<usize> {
        let has_its_name =
            |entry: &Entry| entry.is_app() && entry.wish.eq_ignore_ascii_case(&build.service.name);
        let found = self.find(&build.service, &build.programs);
        found
            .map(|(at, _)| at)
            .or_else(|| self.in_folder(build))
            .or_else(|| self.entries.iter().position(has_its_name))
            .or_else(|| self.only_of_class(&build.service, &build.programs))
    }

    /// Returns the only entry of the class of a program without an entry file whose folder has no other program: the
    /// Dockerfile of a Celery worker may be in a folder of its own.
    fn only_of_class(&self, service: &DraftService, programs: &[Program]) -> Option<usize> {
        let [program] = programs else { return None };
        let is_of_class = |entry: &Entry| entry.programs.iter().any(|it| it.class == program.class);
        let is_here = |entry: &Entry| entry.service.folder() == program.folder;
        let mut all = (0..self.entries.len()).filter(|at| is_of_class(&self.entries[*at]));
        let only = all.next().filter(|_| all.next().is_none())?;
        let of = |service: &DraftService| {
            let command = service.command.as_ref().map(|said| said.value.clone())?;
            target(&command).map(str::to_owned)
        };
        let (own, other) = (of(&self.entries[only].service), of(service));
        let is_same = own.is_some() && own == other;
        let is_alone = program.entry.is_none() && !self.entries.iter().any(is_here);
        (is_same || is_alone).then_some(only)
    }

    /// Returns the names of the services that a compose service needs.
    fn needs_of(
        &mut self,
        build: &Build,
        found: Option<usize>,
        stores: &[Image],
    ) -> BTreeSet<String> {
        let service = found.map_or(&build.service, |at| &self.entries[at].service);
        let folder = service.folder().to_owned();
        // Laravel's compose file lists every store; the settings select some of them.
        if self.listing.has(&join(&folder, "artisan")) {
            return BTreeSet::new();
        }
        let needs = build.service.needs.iter();
        let mut needs: BTreeSet<String> = needs.map(|need| need.value.service.clone()).collect();
        let sql = stores.iter().filter(|image| image.is_sql());
        let sql: Vec<&String> = sql.map(|image| &image.name).collect();
        if found.is_some() && sql.iter().any(|name| needs.contains(*name)) {
            let listing = self.listing;
            let found = self.uses_file.entry(folder);
            let is_file = *found.or_insert_with_key(|folder| uses_file(listing, folder));
            needs.retain(|name| !(is_file && sql.contains(&name)));
        }
        needs
    }

    /// Returns the only entry in a folder from which a compose service is built.
    fn in_folder(&self, build: &Build) -> Option<usize> {
        if !build.programs.is_empty() || !build.is_usual {
            return None;
        }
        build.folders.iter().find_map(|folder| {
            let serves = |entry: &Entry| {
                matches!(entry.service.kind, Kind::Backend | Kind::Frontend)
                    && entry.service.folder() == folder
            };
            let mut all = (0..self.entries.len()).filter(|at| serves(&self.entries[*at]));
            all.next().filter(|_| all.next().is_none())
        })
    }

    /// Returns whether a driver for this store was found, although no setting selects it, and no other SQL store
    /// is available.
    fn is_only_choice(&self, image: &Image, stores: &[Image]) -> bool {
        let own = &image.wanted.store.name;
        let is_driven = self.unsaid.iter().any(|unsaid| unsaid.what == *own);
        is_driven && (!image.is_sql() || stores.iter().filter(|it| it.is_sql()).count() == 1)
    }

    /// Adds a store of a compose file if a program uses it or the file contains only stores.
    fn image(&mut self, image: &Image, is_asked: bool, names: &mut Names) {
        let wanted = &image.wanted;
        let started = wanted.start(
            &image.name,
            &stack_name(&self.listing.name),
            &self.listing.host,
        );
        let known = self.entries.iter().position(|entry| {
            entry.service.kind == Kind::Store
                && (entry.service.name == image.name || entry.wish == wanted.store.name)
        });
        if let Some(at) = known {
            names.insert(image.name.clone(), self.entries[at].service.name.clone());
        }
        match (known, started) {
            (Some(at), Ok(mut service)) => {
                let entry = &mut self.entries[at];
                // The address in the source is more specific than an image without a login.
                let says_more = wanted.address.user.is_some() || !entry.runs_natively();
                if !says_more || entry.service.external.is_none() {
                    entry.wish.clone_from(&image.name);
                }
                if says_more && entry.service.external.is_none() {
                    service.name.clone_from(&entry.service.name);
                    // The programs use the address in the active settings.
                    let said = entry.service.port.take();
                    let said = said.filter(|port| port.because.file.is_some());
                    service.port = said.or(service.port);
                    entry.service = service;
                }
            }
            (Some(_), Err(_)) => {}
            (None, Ok(service)) if is_asked => {
                self.unsaid
                    .retain(|unsaid| unsaid.what != wanted.store.name);
                self.add(service, Vec::new(), names);
            }
            (None, Err(unsaid)) if is_asked => self.unsaid.push(unsaid),
            (None, _) => self.unsaid.push(LeftOut::new(
                format!("service `{}`", image.name),
                &wanted.because,
                "no program of the project uses it",
            )),
        }
    }

    fn weak(&mut self, file: SourceFile) {
        let first = self.entries.len();
        let (mut names, mut left) = (Names::new(), Vec::new());
        let is_only_hint = self.is_complete || (file.tool == Tool::Launch && first > 0);
        for service in file.services {
            let programs = identity::of_service(&service, self.listing);
            let found = self.find(&service, &programs);
            let found = self.more_precise(found, &service, &programs);
            // A copy may have start scripts of its own.
            if file.tool == Tool::StartScript && !file.file.contains('/') {
                let at = found.map_or(self.entries.len(), |(at, _)| at);
                self.started.insert(at);
            }
            if let Some((at, same)) = found {
                names.insert(service.name.clone(), self.entries[at].service.name.clone());
                self.entries[at].fill_port(service, same);
            } else if is_only_hint || !self.is_new(file.tool, &service, &programs) {
                left.push(service);
            } else {
                self.add(service, programs, &mut names);
            }
        }
        self.rename_from(first, &names);
        let added = self.entries.len() - first;
        // Many commands in instructions are alternatives.
        if file.tool != Tool::Instructions {
            if added > 0 || first == 0 {
                self.unsaid.extend(file.unsaid);
            }
            let why = "it starts no new program, or it needs a build first";
            let left = left.iter();
            self.unsaid.extend(
                left.map(|service| {
                    LeftOut::new(format!("`{}`", service.name), &service.because, why)
                }),
            );
        }
        if added > 0 {
            self.combined.read.push((file.tool, file.file, added));
        }
    }

    /// Returns whether a command of a weak source starts a new program whose files exist.
    fn is_new(&self, tool: Tool, service: &DraftService, programs: &[Program]) -> bool {
        // Another way to serve the same application: `python app.py` beside `uvicorn app:app`.
        let is_other_way = |program: &Program| {
            let is_celery = program.class.starts_with("celery-") && program.entry.is_none();
            self.entries.iter().any(|entry| {
                entry.programs.iter().any(|own| {
                    let is_here = program.kind != Kind::Worker && own.folder == program.folder;
                    own.class == program.class && (is_celery || is_here)
                })
            })
        };
        let is_store = service.kind == Kind::Store;
        // Commands of these tools are complete, even if the program is unknown.
        let is_whole = matches!(tool, Tool::Launch | Tool::Tasks | Tool::Pm2);
        let is_known_program = !programs.is_empty() || is_whole;
        is_known_program
            && !is_store
            && !(programs.len() > 1 && programs.iter().all(|it| knows(&self.entries, it)))
            && programs.iter().all(|program| {
                let others =
                    tool != Tool::Instructions && tool != Tool::Tasks || !is_other_way(program);
                begins(program, self.listing) && !program.is_production && others
            })
    }

    /// Leaves out the copies of what the start scripts start: the same kind of program in a folder of the same name.
    fn without_copies(&mut self) {
        let place = |entry: &Entry| match &entry.programs[..] {
            [only] if !only.folder.is_empty() => {
                Some((only.class.clone(), file_name(&only.folder).to_owned()))
            }
            _ => None,
        };
        let mut copies = Names::new();
        for at in self.started.clone() {
            let Some(own) = self.entries.get(at).and_then(place) else {
                continue;
            };
            let others = (0..self.entries.len()).filter(|other| !self.started.contains(other));
            let others: Vec<usize> = others
                .filter(|other| place(&self.entries[*other]).as_ref() == Some(&own))
                .collect();
            for other in others {
                let original = self.entries[at].service.name.clone();
                let copy = &self.entries[other];
                let what = format!("the folder `{}`", copy.programs[0].folder);
                let why = "it is a copy of what the start script starts";
                self.unsaid
                    .push(LeftOut::new(what, &copy.service.because, why));
                copies.insert(copy.service.name.clone(), original);
                let (wish, port) = (copy.wish.clone(), copy.service.port.clone());
                let entry = &mut self.entries[at];
                if wish.len() < entry.wish.len() {
                    entry.wish = wish;
                }
                // The usual port of both was another one's as long as the copy had it.
                let own = entry.service.port.as_ref();
                if own.is_some_and(|own| own.because.file.is_none()) {
                    entry.service.port = port;
                }
            }
        }
        self.rename_from(0, &copies);
        self.entries
            .retain(|entry| !copies.contains_key(&entry.service.name));
    }

    fn into_draft(mut self, name: String, questions: Vec<crate::draft::Question>) -> Combined {
        self.without_copies();
        let mut taken = BTreeSet::new();
        let mut names = Names::new();
        for entry in &self.entries {
            let name = service_name(&entry.wish, &mut taken);
            names.insert(entry.service.name.clone(), name);
        }
        let services = self.entries.into_iter().map(|entry| {
            let mut service = entry.service;
            usual_port(&mut service, &entry.programs, self.listing);
            rename(&mut service, &names);
            renamed(&mut service.name, &names);
            service
        });
        let mut draft = Draft {
            name,
            services: services.collect(),
            questions,
            unsaid: self.unsaid,
        };
        let choices = draft.questions.iter_mut().flat_map(|it| &mut it.choices);
        for change in choices.flat_map(|choice| &mut choice.changes) {
            rename_change(change, &names);
        }
        normalize(&mut draft);
        self.combined.draft = draft;
        self.combined
    }
}

impl Entry {
    fn is_app(&self) -> bool {
        !matches!(self.service.kind, Kind::Store | Kind::Job)
    }

    /// Returns whether it is a store that runs without a container.
    fn runs_natively(&self) -> bool {
        let command = self.service.command.as_ref().map(|said| &said.value);
        matches!(command, Some(CommandLine::Shell(_)))
    }

    /// Completes the service with the parts of a detected service that runs the same program.
    fn fill(&mut self, found: DraftService, programs: Vec<Program>, _: Same) {
        // The development command replaces a production server.
        let is_production = |programs: &[Program]| programs.iter().any(|it| it.is_production);
        if is_production(&self.programs) && !is_production(&programs) && found.command.is_some() {
            let name = std::mem::replace(&mut self.service, found).name;
            self.service.name = name;
            self.programs = programs;
            return;
        }
        let service = &mut self.service;
        if !matches!(service.kind, Kind::Job | Kind::Store) && found.kind != Kind::Store {
            service.kind = found.kind;
        }
        if service.external.is_none() {
            service.port_conflict = service.port_conflict.take().or(found.port_conflict);
            for Sourced { value, because } in found.needs {
                service.need(&value.service, value.until, &because);
            }
        }
        if service.port.is_none() && service.kind != Kind::Job {
            service.port = found.port;
        }
        service.ready = service.ready.take().or(found.ready);
        if service.links.is_empty() {
            service.links = found.links;
        }
        if service.checks.is_empty() {
            service.checks = found.checks;
        }
        if service.env_points_at.is_empty() {
            service.env_points_at = found.env_points_at;
        }
    }

    /// Sets the port from another source of the same program, unless a file has set one.
    fn fill_port(&mut self, other: DraftService, _: Same) {
        // The port in a container may differ from the developer's.
        let is_usual = |port: &Sourced<u16>| {
            let file = port.because.file.as_deref();
            file.is_none_or(|file| file.contains("Dockerfile") || file.contains("compose"))
        };
        if self.service.port.as_ref().is_none_or(is_usual) && other.port.is_some() {
            self.service.port = other.port;
        }
    }

    /// Adds the dependencies from a compose file, and the addresses that no other file sets.
    fn use_as(
        &mut self,
        mut build: DraftService,
        listing: &Listing,
        names: &Names,
        kept: &BTreeSet<String>,
    ) {
        let is_alike =
            build.name.eq_ignore_ascii_case(&self.wish) || self.service.kind == build.kind;
        rename(&mut build, names);
        for need in build.needs {
            let Needed { service, until } = need.value;
            if kept.contains(&service) {
                self.service.need(&service, until, &need.because);
            }
        }
        if self.service.port.is_none() {
            self.service.port = build.port;
        }
        let set = crate::detect::variables_of(listing, self.service.folder());
        for (name, said) in build.env {
            let mut others = self.service.env.iter().chain(&self.service.env_points_at);
            let is_set = set.contains_key(&name) || others.any(|(other, _)| *other == name);
            if !is_set && is_alike && said.value.contains("{#") {
                self.service.env.push((name, said));
            }
        }
    }
}

/// Returns whether one of the entries starts a program alone.
fn knows(entries: &[Entry], program: &Program) -> bool {
    let program = std::slice::from_ref(program);
    let mut entries = entries.iter();
    entries.any(|entry| identity::same(&entry.programs, program).is_some())
}

/// Returns the application of Celery in a command: the word after `-A`.
fn target(command: &CommandLine) -> Option<&str> {
    let CommandLine::Words(words) = command else {
        return None;
    };
    let mut rest = words
        .iter()
        .skip_while(|word| *word != "-A" && *word != "--app");
    rest.nth(1).map(String::as_str)
}

/// Gives the command of a Celery worker the words that run another one in the environment of the project.
fn in_place_of(command: &mut Option<Sourced<CommandLine>>, other: &DraftService) {
    let other = other.command.as_ref().map(|said| &said.value);
    let own = command.as_mut().map(|said| &mut said.value);
    if let (Some(CommandLine::Words(own)), Some(CommandLine::Words(other))) = (own, other)
        && let Some(here) = own.iter().take(3).position(|word| word == "celery")
        && let Some(at) = other.iter().position(|word| word == "celery")
    {
        own.splice(..=here, other[..=at].iter().cloned());
    }
}

/// Sets the port from the framework's settings, or the default port of the framework.
fn usual_port(service: &mut DraftService, programs: &[Program], listing: &Listing) {
    let [program] = programs else { return };
    if service.port.is_some() || !matches!(program.kind, Kind::Backend | Kind::Frontend) {
        return;
    }
    let settings = crate::detect::port_in_settings(listing, &program.folder, &program.class);
    let said = program.said_port.map(|port| service.because.says(port));
    let usual = || {
        let text = format!("the usual port of {}", program.class);
        Some(Origin::known(text).says(program.port?))
    };
    service.port = said.or(settings).or_else(usual);
    service.kind = program.kind;
}

fn rename(service: &mut DraftService, names: &Names) {
    service.rename_others(names);
    let own = service.name.clone();
    service.needs.retain(|need| need.value.service != own);
}

fn renamed(name: &mut String, names: &Names) {
    if let Some(to) = names.get(name) {
        name.clone_from(to);
    }
}

/// Gives the services of a change their new names. Returns the name that the changed service had.
fn rename_change(change: &mut Change, names: &Names) -> String {
    if let Change::Put(service) = change {
        rename(service, names);
    }
    let name = change.service_mut();
    let old = name.clone();
    renamed(name, names);
    old
}
