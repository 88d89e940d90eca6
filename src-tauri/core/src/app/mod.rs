//! The desk of the tray application: everything that tray and window show and ask for, without either.
//!
//! It knows stacks that the daemon does not have (yet), watches their files, keeps what a person has
//! chosen, and carries out what is asked for on the [`Handle`] of the daemon in the same process.

mod acts;
mod details;
mod door;
mod files;
mod logs;
mod new;
pub mod notices;
mod remedies;
pub mod settings;
pub mod tray;
pub mod window;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::files::Text;
use crate::{
    app::{
        settings::{Choices, Known, Settings, Store},
        window::{FileChange, KnownStack, ServiceUsage, UsageSample},
    },
    control::Control as _,
    effects::{env::login_shell::login_environment, log::Watcher},
    fs::home::Home,
    host::own_variables,
    model::{
        finding::Finding,
        view::{Light, Snapshot, StackView},
    },
    stack::{Service, ServiceName, Stack},
    stack_file::Environment,
    supervisor::{Applied, Handle, offline},
};

/// See the module. Clones share one.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    home: Home,
    daemon: Handle,
    store: Store,
    watcher: Watcher,
    /// Where its tasks run: it is asked for things from threads of their own, too.
    runtime: tokio::runtime::Handle,
    /// What a stack starts with that nobody has started otherwise.
    own: watch::Sender<Own>,
    state: Mutex<State>,
    view: watch::Sender<Arc<Snapshot>>,
    stacks: watch::Sender<Arc<Vec<KnownStack>>>,
    settings: watch::Sender<Settings>,
    /// Follows the daemon; ends with the last clone.
    follower: Mutex<Option<AbortOnDropHandle<()>>>,
}

/// The variables of the person at the desk.
#[derive(Clone)]
struct Own {
    /// Those of this process, unless better ones were found.
    variables: Arc<Environment>,
    /// Whether nobody looks for better ones.
    settled: bool,
}

#[derive(Default)]
struct State {
    choices: Choices,
    files: BTreeMap<PathBuf, File>,
    /// What the daemon has, as it was applied.
    applied: Vec<Applied>,
    /// What was found the last time that somebody asked, by stack file.
    doctored: BTreeMap<PathBuf, Vec<Finding>>,
    /// The paths that the user picked in a dialogue.
    picked: BTreeSet<PathBuf>,
    /// The stack files of the scanned folders.
    drafted: BTreeSet<PathBuf>,
}

/// The file of a known stack.
struct File {
    text: Text,
    /// What it says, for whoever reads it with the variables that are to be used.
    says: Says,
    /// What is shown of it where the daemon has nothing to show.
    dark: Arc<StackView>,
    compared: RefCell<Option<Compared>>,
    /// Watches it.
    _watch: AbortOnDropHandle<()>,
}

/// The applied stack, the stack in the file, and the services that differ: compared once, not with
/// every change of a service.
struct Compared {
    old: Arc<Stack>,
    new: Arc<Stack>,
    services: Option<Vec<ServiceName>>,
}

impl File {
    fn changed_services(&self, old: &Arc<Stack>, new: &Arc<Stack>) -> Option<Vec<ServiceName>> {
        let mut known = self.compared.borrow_mut();
        let is_known =
            |known: &Compared| Arc::ptr_eq(&known.old, old) && Arc::ptr_eq(&known.new, new);
        if !known.as_ref().is_some_and(is_known) {
            *known = Some(Compared {
                old: old.clone(),
                new: new.clone(),
                services: changed_services(old, new),
            });
        }
        known.as_ref().and_then(|known| known.services.clone())
    }
}

/// What a stack file says.
#[derive(Clone, Debug)]
enum Says {
    Valid(Arc<Stack>),
    Wrong(FileChange),
}

impl AppState {
    /// The desk over this daemon, and what is to be said of how it was found. Must be called within
    /// the runtime.
    pub async fn open(home: &Home, daemon: Handle) -> (Self, Option<String>) {
        let (store, choices, remark) = Store::open(home);
        let (view, _) = watch::channel(Arc::default());
        let (stacks, _) = watch::channel(Arc::default());
        let (settings, _) = watch::channel(choices.settings.clone());
        let known: Vec<PathBuf> = choices
            .stacks
            .iter()
            .map(|known| known.file.clone())
            .collect();
        let desk = Self(Arc::new(Inner {
            home: home.clone(),
            daemon: daemon.clone(),
            store,
            watcher: Watcher::new(),
            runtime: tokio::runtime::Handle::current(),
            own: watch::Sender::new(Own {
                variables: Arc::new(own_variables::inherited()),
                settled: true,
            }),
            state: Mutex::new(State {
                choices,
                ..State::default()
            }),
            view,
            stacks,
            settings,
            follower: Mutex::default(),
        }));
        for file in known {
            desk.watch(&file);
        }
        desk.0.look_at_keeper().await;
        let inner = Arc::downgrade(&desk.0);
        let mut snapshots = daemon.snapshot();
        snapshots.mark_unchanged();
        let follower = tokio::spawn(async move {
            while snapshots.changed().await.is_ok() {
                let Some(inner) = inner.upgrade() else { return };
                snapshots.mark_unchanged();
                inner.look_at_keeper().await;
            }
        });
        let mut place = desk
            .0
            .follower
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(AbortOnDropHandle::new(follower));
        drop(place);
        (desk, remark)
    }

    /// Looks for the variables that a person has in a terminal, where this process lacks them. What is
    /// started meanwhile waits for them.
    pub fn find_variables(&self) {
        self.await_variables(|own| async move {
            match login_environment(&own).await {
                Ok(Some(variables)) => {
                    tracing::info!(count = variables.len(), "the variables of the login shell");
                    Some(variables)
                }
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!("failed to {error}: going on with the variables of the desktop");
                    None
                }
            }
        });
    }

    fn await_variables<F>(&self, find: impl FnOnce(Arc<Environment>) -> F)
    where
        F: Future<Output = Option<Environment>> + Send + 'static,
    {
        self.0.own.send_modify(|own| own.settled = false);
        let found = find(self.0.own.borrow().variables.clone());
        let inner = Arc::downgrade(&self.0);
        self.0.runtime.spawn(async move {
            let found = found.await;
            let Some(inner) = inner.upgrade() else { return };
            let better = found.is_some();
            inner.own.send_modify(|own| {
                own.settled = true;
                if let Some(found) = found {
                    own.variables = Arc::new(found);
                }
            });
            if better {
                inner.look_at_all_files();
            }
        });
    }

    /// Every known stack, as it changes. Those that were never started are stopped.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.view.subscribe()
    }

    /// What is known of the stacks besides, as it changes.
    #[must_use]
    pub fn stacks(&self) -> watch::Receiver<Arc<Vec<KnownStack>>> {
        self.0.stacks.subscribe()
    }

    /// What was chosen, as it changes.
    #[must_use]
    pub fn settings(&self) -> watch::Receiver<Settings> {
        self.0.settings.subscribe()
    }

    /// The daemon.
    #[must_use]
    pub fn daemon(&self) -> &Handle {
        &self.0.daemon
    }

    /// The places on disk.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// The stacks that are to be started when the app starts with the desktop.
    #[must_use]
    pub fn wanted_at_login(&self) -> Vec<PathBuf> {
        let state = self.0.state();
        let wanted = state
            .choices
            .stacks
            .iter()
            .filter(|known| known.start_at_login);
        wanted.map(|known| known.file.clone()).collect()
    }

    /// What the services cost now; `None` while nothing runs.
    pub async fn usage(&self) -> Option<UsageSample> {
        let runs = |snapshot: &Snapshot| {
            let mut services = snapshot.stacks.iter().flat_map(|stack| &stack.services);
            services.any(|service| service.pid.is_some())
        };
        if !runs(&self.0.daemon.snapshot().borrow()) {
            return None;
        }
        let measured = self.0.daemon.usage().await;
        let services = measured.stacks.iter().flat_map(|stack| {
            let running = stack
                .services
                .iter()
                .filter(|service| service.pid.is_some());
            running.map(|service| ServiceUsage {
                file: stack.file.clone(),
                service: service.name.clone(),
                cpu_percent: service.cpu_percent,
                memory_bytes: service.memory_bytes,
            })
        });
        Some(UsageSample {
            at: jiff::Timestamp::try_from(crate::host::clock::now().wall).unwrap_or_default(),
            services: services.collect(),
        })
    }

    /// Watches the file of a stack from now on.
    fn watch(&self, file: &Path) {
        let (text, says) = files::read(file, self.0.variables(file));
        let dark = self.0.dark(file, &says);
        let watch = files::watch(Arc::downgrade(&self.0), file.to_owned());
        let watch = self.0.runtime.spawn(watch);
        let entry = File {
            text,
            says,
            dark,
            compared: RefCell::default(),
            _watch: AbortOnDropHandle::new(watch),
        };
        self.0.state().files.insert(file.to_owned(), entry);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the daemon has, and a stack that somebody else has given it.
    async fn look_at_keeper(self: &Arc<Self>) {
        let applied = self.daemon.applied().await;
        let snapshot = self.daemon.snapshot().borrow().clone();
        let is_new = |stack: &&Arc<StackView>| {
            let state = self.state();
            let mut known = state.choices.stacks.iter();
            !stack.is_dark() && !known.any(|known| known.file == stack.file)
        };
        let new: Vec<PathBuf> = snapshot
            .stacks
            .iter()
            .filter(is_new)
            .map(|stack| stack.file.clone())
            .collect();
        self.state().applied = applied;
        for file in new {
            // It runs whether or not this can be written down.
            if let Err(error) = self.learn(&file) {
                tracing::warn!("failed to remember {}: {error}", file.display());
            }
        }
        self.publish();
    }

    /// Knows a stack from now on.
    fn learn(self: &Arc<Self>, file: &Path) -> std::io::Result<()> {
        AppState(self.clone()).watch(file);
        let mut state = self.state();
        state.choices.stacks.push(Known {
            file: file.to_owned(),
            start_at_login: false,
        });
        self.store.write(&state.choices)
    }

    /// Tells everybody what is new.
    fn publish(&self) {
        let snapshot = self.daemon.snapshot().borrow().clone();
        let state = self.state();
        let mut view = Snapshot::default();
        let mut stacks = Vec::new();
        for known in &state.choices.stacks {
            let Some(file) = state.files.get(&known.file) else {
                continue;
            };
            let kept = snapshot
                .stacks
                .iter()
                .find(|stack| stack.file == known.file);
            let applied = state
                .applied
                .iter()
                .find(|applied| applied.stack.file == known.file);
            let alive = kept.filter(|kept| !kept.is_dark());
            let differs = match (&file.says, applied) {
                (Says::Valid(new), Some(applied)) => file.changed_services(&applied.stack, new),
                _ => None,
            };
            let change = match (&file.says, alive) {
                (Says::Wrong(wrong), _) => Some(wrong.clone()),
                (Says::Valid(_), Some(_)) => differs
                    .clone()
                    .map(|services| FileChange::Valid { services }),
                // What is not up is read anew when it starts.
                (Says::Valid(_), None) => None,
            };
            let shown = match (alive, kept) {
                (Some(alive), _) => alive,
                (None, Some(kept)) if differs.is_none() => kept,
                _ => &file.dark,
            };
            stacks.push(KnownStack {
                file: known.file.clone(),
                name: shown.name.clone(),
                folder: short(known.file.parent().unwrap_or(&known.file)),
                start_at_login: known.start_at_login,
                change,
            });
            view.stacks.push(shown.clone());
        }
        drop(state);
        self.view.send_if_modified(|old| {
            let same = old.stacks.len() == view.stacks.len()
                && old
                    .stacks
                    .iter()
                    .zip(&view.stacks)
                    .all(|(old, new)| Arc::ptr_eq(old, new));
            if !same {
                *old = Arc::new(view);
            }
            !same
        });
        self.stacks.send_if_modified(|old| {
            let same = **old == stacks;
            if !same {
                *old = Arc::new(stacks);
            }
            !same
        });
    }

    /// The variables that a stack starts with, as far as they are known: those that somebody has given
    /// it last, else our own.
    fn variables(&self, file: &Path) -> Arc<Environment> {
        let applied = self.applied_variables(file);
        applied.unwrap_or_else(|| self.own.borrow().variables.clone())
    }

    /// The same, once they are known.
    async fn settled_variables(&self, file: &Path) -> Arc<Environment> {
        if let Some(applied) = self.applied_variables(file) {
            return applied;
        }
        let mut own = self.own.subscribe();
        // The sender is in here.
        let _ = own.wait_for(|own| own.settled).await;
        self.variables(file)
    }

    fn applied_variables(&self, file: &Path) -> Option<Arc<Environment>> {
        let state = self.state();
        let mut applied = state.applied.iter();
        let applied = applied.find(|applied| applied.stack.file == file);
        applied.map(|applied| applied.variables.clone())
    }

    /// The view of a file for which the daemon has no stack.
    fn dark(&self, file: &Path, says: &Says) -> Arc<StackView> {
        match says {
            Says::Valid(stack) => offline::view(&self.home, stack.clone()),
            Says::Wrong(_) => Arc::new(StackView {
                name: named_after_folder(file),
                file: file.to_owned(),
                mode: crate::stack::Mode::default(),
                light: Light::Off,
                services: Vec::new(),
                findings: Vec::new(),
            }),
        }
    }
}

/// The services that one has and the other has not, or not as it is; `None` where nothing differs.
fn changed_services(old: &Stack, new: &Stack) -> Option<Vec<ServiceName>> {
    let by_name = |stack: &Stack| -> HashMap<ServiceName, Arc<Service>> {
        let services = stack.services.iter();
        services
            .map(|service| (service.name.clone(), service.clone()))
            .collect()
    };
    let (old_services, new_services) = (by_name(old), by_name(new));
    let is_new = new
        .services
        .iter()
        .filter(|service| old_services.get(&service.name) != Some(service));
    let is_gone = old
        .services
        .iter()
        .filter(|service| !new_services.contains_key(&service.name));
    let services: Vec<_> = is_new
        .chain(is_gone)
        .map(|service| service.name.clone())
        .collect();
    let same = services.is_empty() && old.name == new.name && old.mode == new.mode;
    (!same).then_some(services)
}

fn named_after_folder(file: &Path) -> String {
    let folder = file.parent().and_then(Path::file_name);
    folder.map_or_else(
        || "stack".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The path as a person would write it.
fn short(path: &Path) -> String {
    let home = std::env::home_dir().filter(|home| home.as_os_str().len() > 1);
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(rest) => Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}

/// The variables as they go into a request.
fn environment(variables: &Environment) -> crate::control::Environment {
    let pairs = variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    pairs
        .collect::<Vec<(OsString, OsString)>>()
        .into_iter()
        .collect()
}
