//! Watches the files of a service by events of the operating system.
//!
//! Linux has a watch for each folder, so that excluded folders cost nothing; the other systems
//! watch whole trees. File systems without events are polled. Paths of events are collected until
//! no more arrive for a moment; then the content of these files is compared with the last known
//! one.

mod files;
pub mod inputs;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use notify::{
    Config, ErrorKind, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher,
    event::ModifyKind,
};
use tokio::{sync::Notify, task::spawn_blocking, time::timeout};

use self::files::{Entry, fingerprint};
pub(crate) use self::files::{Files, hash_of};
use crate::{
    host::clock,
    model::facts::{WatchFault, Watched},
    platform::file::{WATCHES_TREES, has_events},
    stack::Watch,
    sync::lock,
};

/// The pause between two rounds of polling.
const POLL: Duration = Duration::from_secs(1);

/// A burst that lasts longer is reported before it is over.
const LONGEST_BURST: Duration = Duration::from_secs(10);

/// With more paths than this, all files are compared.
const PATHS: usize = 20_000;

/// The number of changed files that a report names.
const NAMED: usize = 20;

/// The paths of events that have not been handled yet.
#[derive(Debug, Default)]
struct Pending {
    paths: HashSet<PathBuf>,
    /// Whether events were lost.
    all: bool,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    news: Notify,
}

/// Watches until it is dropped, and reports changes and faults.
pub async fn watch(watch: Watch, directory: PathBuf, report: impl AsyncFn(Watched)) {
    let shared = Arc::new(Shared::default());
    let (opening, debounce) = (shared.clone(), watch.debounce);
    let opened = spawn_blocking(move || Session::open(&watch, &directory, &opening));
    let Ok((mut session, remarks)) = opened.await else {
        return;
    };
    for remark in remarks {
        report(remark).await;
    }
    loop {
        shared.news.notified().await;
        let began = clock::now().instant;
        while began.elapsed() < LONGEST_BURST
            && timeout(debounce, shared.news.notified()).await.is_ok()
        {}
        let pending = mem::take(&mut *lock(&shared.pending));
        let comparing = spawn_blocking(move || {
            let found = session.compare(pending);
            (session, found)
        });
        let Ok((back, found)) = comparing.await else {
            return;
        };
        session = back;
        for watched in found {
            report(watched).await;
        }
    }
}

/// The watches of a service, and the known content of its files.
struct Session {
    files: Arc<Files>,
    watcher: Option<Box<dyn Watcher + Send>>,
    /// By the hash of the path.
    contents: HashMap<u64, u64>,
}

impl Session {
    fn open(watch: &Watch, directory: &Path, shared: &Arc<Shared>) -> (Self, Vec<Watched>) {
        let files = Arc::new(Files::new(directory, &watch.paths, &watch.ignore));
        let mut remarks = Vec::new();
        let missing = files.missing_folder().map(WatchFault::NoFolder);
        remarks.extend(missing.map(Watched::Fault));
        let handler = handler(files.clone(), shared.clone());
        let polls = files.roots().iter().any(|(root, _)| !has_events(root));
        let watcher: notify::Result<Box<dyn Watcher + Send>> = if polls {
            remarks.push(Watched::Polls);
            let config = Config::default().with_poll_interval(POLL);
            PollWatcher::new(handler, config).map(|watcher| Box::new(watcher) as _)
        } else {
            RecommendedWatcher::new(handler, Config::default())
                .map(|watcher| Box::new(watcher) as _)
        };
        let mut session = Self {
            files,
            watcher: None,
            contents: HashMap::new(),
        };
        match watcher {
            Ok(watcher) => session.watcher = Some(watcher),
            // The only cause on Linux; other systems have none.
            Err(_) => remarks.push(Watched::Fault(WatchFault::Limit("max_user_instances"))),
        }
        let mut found = Vec::new();
        remarks.extend(session.enter(None, !polls && WATCHES_TREES, &mut found));
        for file in found {
            session.is_new(&file);
        }
        // Files that changed while they were read have no known content.
        for path in &lock(&shared.pending).paths {
            session.contents.remove(&hash_of(path));
        }
        (session, remarks)
    }

    /// Watches the folders of the patterns, or a new one, and collects their files.
    fn enter(
        &mut self,
        folder: Option<&Path>,
        by_tree: bool,
        found: &mut Vec<PathBuf>,
    ) -> Option<Watched> {
        let files = self.files.clone();
        let mut wrong = None;
        let mut watch = |path: &Path, mode| {
            if let Some(watcher) = &mut self.watcher
                && let Err(error) = watcher.watch(path, mode)
                // The folder may have been deleted.
                && !matches!(error.kind, ErrorKind::PathNotFound)
            {
                wrong.get_or_insert(Watched::Fault(fault(&error)));
            }
        };
        if by_tree && folder.is_none() {
            for (root, is_deep) in files.roots().into_iter().filter(|(root, _)| root.is_dir()) {
                let mode = if is_deep {
                    RecursiveMode::Recursive
                } else {
                    RecursiveMode::NonRecursive
                };
                watch(&root, mode);
            }
        }
        let mut visit = |entry: Entry| match entry {
            Entry::Folder(path) if !by_tree => watch(&path, RecursiveMode::NonRecursive),
            Entry::Folder(_) => {}
            Entry::File(path) => found.push(path),
        };
        match folder {
            Some(folder) => files.walk(folder, None, &mut visit),
            None => files.walk_all(&mut visit),
        }
        wrong
    }

    /// Returns the files that have really changed among those with events.
    fn compare(&mut self, pending: Pending) -> Vec<Watched> {
        let mut reports = Vec::new();
        let mut suspects = Vec::new();
        if pending.all {
            reports.extend(self.enter(None, WATCHES_TREES, &mut suspects));
        }
        let mut by_folder: BTreeMap<PathBuf, HashSet<PathBuf>> = BTreeMap::new();
        for path in pending.paths {
            if path.is_dir() {
                reports.extend(self.enter(Some(&path), WATCHES_TREES, &mut suspects));
            } else if self.files.name(&path) || !path.exists() {
                suspects.push(path);
            } else if let Some(folder) = path.parent() {
                let folder = folder.to_owned();
                by_folder.entry(folder).or_default().insert(path);
            }
        }
        let files = self.files.clone();
        for (folder, paths) in by_folder {
            files.walk(&folder, Some(1), &mut |entry| {
                if let Entry::File(path) = entry
                    && paths.contains(&path)
                {
                    suspects.push(path);
                }
            });
        }
        suspects.retain(|path| self.is_new(path));
        if !suspects.is_empty() {
            suspects.truncate(NAMED);
            let shown = suspects.iter().map(|path| self.files.shown(path));
            reports.push(Watched::Changed(shown.collect()));
        }
        reports
    }

    /// Records the content of a file and returns whether it differs from the known one.
    fn is_new(&mut self, path: &Path) -> bool {
        let key = hash_of(path);
        match fingerprint(path) {
            Some(content) => self.contents.insert(key, content) != Some(content),
            None => self.contents.remove(&key).is_some(),
        }
    }
}

/// Collects the paths of events that may matter.
fn handler(
    files: Arc<Files>,
    shared: Arc<Shared>,
) -> impl Fn(notify::Result<notify::Event>) + Send + 'static {
    move |event| {
        let event = event.ok().filter(|event| !event.need_rescan());
        let Some(event) = event else {
            lock(&shared.pending).all = true;
            return shared.news.notify_one();
        };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let brings = matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) | EventKind::Any
        );
        let matters =
            |path: &PathBuf| files.fit(path) || brings && files.reach(path) && path.is_dir();
        let paths: Vec<PathBuf> = event.paths.into_iter().filter(matters).collect();
        if paths.is_empty() {
            return;
        }
        let mut pending = lock(&shared.pending);
        pending.paths.extend(paths);
        if pending.paths.len() > PATHS {
            *pending = Pending {
                all: true,
                ..Pending::default()
            };
        }
        drop(pending);
        shared.news.notify_one();
    }
}

fn fault(error: &notify::Error) -> WatchFault {
    match error.kind {
        ErrorKind::MaxFilesWatch => WatchFault::Limit("max_user_watches"),
        _ => WatchFault::Other(error.to_string()),
    }
}
