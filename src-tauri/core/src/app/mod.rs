//! The state of the tray application: everything that tray and window show and do, without either.
//!
//! Includes stacks that were never started, watches stack files, stores the user's settings, and
//! carries out actions through the [`Handle`] of the daemon in the same process.

mod acts;
pub mod calls;
mod details;
mod door;
mod error;
mod feed;
mod files;
mod logs;
mod new;
pub mod notices;
mod remedies;
pub mod settings;
mod share;
pub mod tray;
pub mod window;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub use self::error::CallError;
use self::files::Text;
use crate::{
    app::{
        settings::{Choices, Settings, Store, StoredStack},
        window::{FileChange, KnownStack, ServiceUsage, UsageSample},
    },
    control::Control as _,
    effects::{env::login_shell::login_environment, log::Watcher},
    env::Env,
    example::is_example,
    fs::home::{Home, short},
    model::{
        finding::Finding,
        view::{Light, Snapshot, StackView},
    },
    stack::{ServiceName, Stack},
    supervisor::{Handle, offline},
    sync::lock,
};

/// The state of the app. Clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    home: Home,
    daemon: Handle,
    store: Store,
    watcher: Watcher,
    /// The runtime of its tasks. Its methods are called from other threads too.
    runtime: tokio::runtime::Handle,
    /// The variables for stacks that no command has started.
    own: watch::Sender<OwnVariables>,
    state: Mutex<State>,
    view: watch::Sender<Arc<Snapshot>>,
    stacks: watch::Sender<Arc<Vec<KnownStack>>>,
    settings: watch::Sender<Settings>,
    history: feed::History,
    /// The task that follows the daemon. It ends with the last clone.
    follower: Mutex<Option<AbortOnDropHandle<()>>>,
}

/// The variables of the user.
#[derive(Clone)]
struct OwnVariables {
    /// The variables of this process, or of the login shell once they are known.
    variables: Env,
    /// Whether the login shell was read.
    settled: bool,
}

#[derive(Default)]
struct State {
    choices: Choices,
    files: BTreeMap<PathBuf, File>,
    /// The findings of the last diagnosis, by stack file.
    doctored: BTreeMap<PathBuf, Vec<Finding>>,
    /// The paths that the user selected in a dialog.
    picked: BTreeSet<PathBuf>,
    /// The stack files of the scanned folders.
    drafted: BTreeSet<PathBuf>,
}

/// The file of a known stack.
struct File {
    text: Text,
    /// The content of the file.
    content: FileContent,
    /// The view of the stack while the daemon does not have it.
    dark: Arc<StackView>,
    compared: RefCell<Option<Compared>>,
    /// The task that watches it.
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
                services: match &old.slot {
                    Some(slot) => changed_services(old, &new.in_slot(slot)),
                    None => changed_services(old, new),
                },
            });
        }
        known.as_ref().and_then(|known| known.services.clone())
    }
}

/// The content of a stack file.
#[derive(Clone, Debug)]
enum FileContent {
    Valid(Arc<Stack>),
    Wrong(FileChange),
}

impl AppState {
    /// Opens the state of this home, and returns a message about damaged settings, if any. Must be
    /// called within the runtime.
    #[must_use]
    pub fn open(home: &Home, daemon: &Handle) -> (Self, Option<String>) {
        let (store, choices, remark) = Store::open(home);
        let (view, _) = watch::channel(Arc::default());
        let (stacks, _) = watch::channel(Arc::default());
        let (settings, _) = watch::channel(choices.settings.clone());
        let known: Vec<PathBuf> = choices
            .stacks
            .iter()
            .map(|known| known.file.clone())
            .collect();
        let app = Self(Arc::new(Inner {
            home: home.clone(),
            daemon: daemon.clone(),
            store,
            watcher: Watcher::new(),
            runtime: tokio::runtime::Handle::current(),
            own: watch::Sender::new(OwnVariables {
                variables: Env::of_this_process(),
                settled: true,
            }),
            state: Mutex::new(State {
                choices,
                ..State::default()
            }),
            view,
            stacks,
            settings,
            history: feed::History::default(),
            follower: Mutex::default(),
        }));
        for file in known {
            app.watch(&file);
        }
        app.0.follow_daemon();
        let inner = Arc::downgrade(&app.0);
        let (mut snapshots, mut applied) = (daemon.snapshot(), daemon.applied());
        let follower = tokio::spawn(async move {
            loop {
                let changed = tokio::select! {
                    changed = snapshots.changed() => changed,
                    changed = applied.changed() => changed,
                };
                let Some(inner) = inner.upgrade().filter(|_| changed.is_ok()) else {
                    return;
                };
                inner.follow_daemon();
            }
        });
        let mut place = lock(&app.0.follower);
        *place = Some(AbortOnDropHandle::new(follower));
        drop(place);
        (app, remark)
    }

    /// Reads the variables of the login shell, if this process lacks them. Starts wait for that.
    pub fn find_variables(&self) {
        self.await_variables(|own| async move {
            match login_environment(&own).await {
                Ok(Some(variables)) => {
                    tracing::info!(count = variables.len(), "the variables of the login shell");
                    Some(variables)
                }
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!("{error}; continuing with the variables of the desktop");
                    None
                }
            }
        });
    }

    fn await_variables<F>(&self, find: impl FnOnce(Env) -> F)
    where
        F: Future<Output = Option<Env>> + Send + 'static,
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
                    own.variables = found;
                }
            });
            if better {
                inner.reload_all_files();
            }
        });
    }

    /// Returns a receiver of the views of all known stacks. Stacks that were never started count as
    /// stopped.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.view.subscribe()
    }

    /// Returns a receiver of additional facts about the known stacks.
    #[must_use]
    pub fn stacks(&self) -> watch::Receiver<Arc<Vec<KnownStack>>> {
        self.0.stacks.subscribe()
    }

    /// Returns a receiver of the settings.
    #[must_use]
    pub fn settings(&self) -> watch::Receiver<Settings> {
        self.0.settings.subscribe()
    }

    /// Returns the daemon.
    #[must_use]
    pub fn daemon(&self) -> &Handle {
        &self.0.daemon
    }

    /// Returns the home.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// Returns the stacks that start when the app starts with the desktop.
    #[must_use]
    pub fn wanted_at_login(&self) -> Vec<PathBuf> {
        let state = self.0.state();
        let known = state.choices.stacks.iter();
        let wanted = known.filter(|known| known.start_at_login);
        wanted.map(|known| known.file.clone()).collect()
    }

    /// Measures the usage of all services; `None` while none runs.
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
                latency_ms: service.latency_ms,
            })
        });
        Some(UsageSample {
            at: crate::host::clock::timestamp(),
            services: services.collect(),
        })
    }

    /// Starts to watch the file of a stack.
    fn watch(&self, file: &Path) {
        let (text, content) = files::read(&self.0.home, file, self.0.variables(file));
        let dark = self.0.dark(file, &content);
        let watch = files::watch(Arc::downgrade(&self.0), file.to_owned());
        let watch = self.0.runtime.spawn(watch);
        let entry = File {
            text,
            content,
            dark,
            compared: RefCell::default(),
            _watch: AbortOnDropHandle::new(watch),
        };
        self.0.state().files.insert(file.to_owned(), entry);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Updates the state from the daemon, and adds stacks that were started by a command.
    fn follow_daemon(self: &Arc<Self>) {
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
        for file in new {
            // The stack runs whether or not this can be stored.
            if let Err(error) = self.learn(&file) {
                tracing::warn!("{} cannot be remembered: {error}", file.display());
            }
        }
        self.publish();
    }

    /// Adds a stack.
    fn learn(self: &Arc<Self>, file: &Path) -> std::io::Result<()> {
        AppState(self.clone()).watch(file);
        let mut state = self.state();
        state.choices.stacks.push(StoredStack {
            file: file.to_owned(),
            start_at_login: false,
        });
        self.store.write(&state.choices)
    }

    /// Publishes the current state.
    fn publish(&self) {
        let snapshot = self.daemon.snapshot().borrow().clone();
        let applied = self.daemon.applied().borrow().clone();
        let state = self.state();
        let mut view = Snapshot::default();
        let mut stacks = Vec::new();
        for known in &state.choices.stacks {
            let Some(file) = state.files.get(&known.file) else {
                continue;
            };
            let kept = snapshot.stack(&known.file);
            let applied = applied
                .iter()
                .find(|applied| applied.stack.file == known.file);
            let alive = kept.filter(|kept| !kept.is_dark());
            let differs = match (&file.content, applied) {
                (FileContent::Valid(new), Some(applied)) => {
                    file.changed_services(&applied.stack, new)
                }
                _ => None,
            };
            let change = match (&file.content, alive) {
                (FileContent::Wrong(wrong), _) => Some(wrong.clone()),
                (FileContent::Valid(_), Some(_)) => differs
                    .clone()
                    .map(|services| FileChange::Valid { services }),
                // A stopped stack is read again when it starts.
                (FileContent::Valid(_), None) => None,
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
                is_example: matches!(&file.content, FileContent::Valid(stack) if is_example(stack)),
            });
            view.stacks.push(shown.clone());
        }
        drop(state);
        self.view.send_if_modified(|old| {
            let mut pairs = old.stacks.iter().zip(&view.stacks);
            let same = old.stacks.len() == view.stacks.len()
                && pairs.all(|(old, new)| Arc::ptr_eq(old, new));
            if !same {
                *old = Arc::new(view);
            }
            !same
        });
        replace(&self.stacks, Arc::new(stacks));
    }

    /// Returns the variables with which a stack starts: those of its last start, or our own.
    fn variables(&self, file: &Path) -> Env {
        let applied = self.applied_variables(file);
        applied.unwrap_or_else(|| self.own.borrow().variables.clone())
    }

    /// Does the same, once the login shell was read.
    async fn settled_variables(&self, file: &Path) -> Env {
        if let Some(applied) = self.applied_variables(file) {
            return applied;
        }
        let mut own = self.own.subscribe();
        // The sender is part of this state.
        let _ = own.wait_for(|own| own.settled).await;
        self.variables(file)
    }

    fn applied_variables(&self, file: &Path) -> Option<Env> {
        let applied = self.daemon.applied();
        let applied = applied.borrow();
        let applied = applied.iter().find(|applied| applied.stack.file == file);
        applied.map(|applied| applied.variables.clone())
    }

    /// Returns the view of a file for which the daemon has no stack.
    fn dark(&self, file: &Path, content: &FileContent) -> Arc<StackView> {
        match content {
            FileContent::Valid(stack) => offline::view(&self.home, stack.clone()),
            FileContent::Wrong(_) => Arc::new(StackView {
                name: named_after_folder(file),
                file: file.to_owned(),
                mode: crate::stack::Mode::default(),
                light: Light::Off,
                services: Vec::new(),
                findings: Vec::new(),
                profiles: Vec::new(),
                started_by: None,
                checkout: None,
            }),
        }
    }
}

/// Sends a value, if it differs from the last one.
fn replace<T: PartialEq>(sender: &watch::Sender<T>, value: T) {
    sender.send_if_modified(|old| {
        let differs = *old != value;
        *old = value;
        differs
    });
}

/// Returns the services that were added, removed or changed; `None` if nothing differs.
fn changed_services(old: &Stack, new: &Stack) -> Option<Vec<ServiceName>> {
    let services = old.changed_services(new);
    let same = services.is_empty() && old.name == new.name && old.mode == new.mode;
    (!same).then_some(services)
}

fn named_after_folder(file: &Path) -> String {
    let folder = file.parent().and_then(Path::file_name);
    let name = folder.unwrap_or("stack".as_ref()).to_string_lossy();
    name.into_owned()
}
