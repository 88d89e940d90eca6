//! Reads the files that a request needs, on separate threads and within a time limit, so that a stack
//! on a mount that does not respond does not delay others.

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Mutex as Turn, time::timeout};

use super::{guard, offline::last_run};
use crate::{
    control::Up,
    env::Env,
    fs::{
        checkout::Checkout,
        home::Home,
        project_file::{Reader, on_a_thread},
    },
    model::facts::{RunId, StackId},
    stack::{ServiceName, Stack},
    stack_file::{self, Report},
    state::profile,
    sync::lock,
};

/// The time limit for reading a stack file or looking up its path.
const LIMIT: Duration = Duration::from_secs(10);

/// A loaded stack file and the known facts about earlier runs.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) id: StackId,
    pub(super) file: PathBuf,
    pub(super) text: String,
    pub(super) stack: Arc<Stack>,
    pub(super) variables: Env,
    /// The latest run of each service that has a log.
    pub(super) last_runs: HashMap<ServiceName, RunId>,
    /// Whether the stack has ever run.
    pub(super) has_run: bool,
    /// The checkout to which the file belongs.
    pub(super) checkout: Option<Checkout>,
}

/// Reads stack files and looks up their paths. Clones share their turns.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    limit: Duration,
    /// The active work, at most one thread for each path and kind of work: while it hangs, no other
    /// is started.
    turns: Arc<Mutex<Turns>>,
}

type Turns = HashMap<(PathBuf, Work), Arc<Turn<()>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
    Load,
    /// Does not open the file, so that it may return while a load hangs.
    Locate,
}

/// Why a stack file cannot be loaded, or its path cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// It is not a valid stack file, or cannot be opened.
    #[error(transparent)]
    Invalid(#[from] Report),
    /// The disk did not respond in time.
    #[error("{} did not respond within {} s: its disk or network mount hangs", .file.display(), .limit.as_secs())]
    Hangs { file: PathBuf, limit: Duration },
    /// The work could not run on a thread.
    #[error("{} cannot be read: {source}", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    /// The work panicked.
    #[error("{} cannot be read because of a bug: {message}", .file.display())]
    Panicked { file: PathBuf, message: String },
}

impl Default for Loader {
    fn default() -> Self {
        Self {
            limit: LIMIT,
            turns: Arc::default(),
        }
    }
}

impl Loader {
    /// Reads and parses a stack file, with the variables of the caller.
    ///
    /// # Errors
    ///
    /// The problem with the file.
    pub(super) async fn load(&self, home: &Home, up: Up) -> Result<Loaded, LoadError> {
        let (home, file) = (home.clone(), up.file.clone());
        self.in_turn(&file, Work::Load, move || load(&home, up))
            .await?
    }

    /// Looks up the stack of a file.
    ///
    /// # Errors
    ///
    /// The path cannot be looked up.
    pub(super) async fn locate(&self, home: &Home, file: &Path) -> Result<StackId, LoadError> {
        let (home, path) = (home.clone(), file.to_owned());
        self.in_turn(file, Work::Locate, move || home.stack_id(&path))
            .await
    }

    /// Looks up the checkout to which a file belongs.
    ///
    /// # Errors
    ///
    /// The files of the repository cannot be read in time.
    pub(super) async fn checkout(&self, file: &Path) -> Result<Option<Checkout>, LoadError> {
        let path = file.to_owned();
        let reader = Reader::within(self.limit);
        self.in_turn(file, Work::Locate, move || Checkout::of(&path, &reader))
            .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        file: &Path,
        kind: Work,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let key = (file.to_owned(), kind);
        let turn = lock(&self.turns).entry(key.clone()).or_default().clone();
        let done = timeout(self.limit, async {
            let turn = turn.lock_owned().await;
            let done = on_a_thread(move || {
                let done = catch_unwind(AssertUnwindSafe(work));
                drop(turn);
                done
            })?;
            done.await.map_err(io::Error::other)
        });
        let done = done.await;
        let mut turns = lock(&self.turns);
        if turns
            .get(&key)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(&key);
        }
        let file = file.to_owned();
        match done {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(panic))) => {
                let message = guard::message(&*panic);
                Err(LoadError::Panicked { file, message })
            }
            Ok(Err(source)) => Err(LoadError::Unreadable { file, source }),
            Err(_) => {
                let limit = self.limit;
                Err(LoadError::Hangs { file, limit })
            }
        }
    }
}

fn load(home: &Home, up: Up) -> Result<Loaded, LoadError> {
    // A disk that hangs, for tests.
    #[cfg(test)]
    while up.file.with_extension("hangs").exists() {
        std::thread::yield_now();
    }
    let variables = up.environment;
    let id = home.stack_id(&up.file);
    let text = stack_file::whole(&up.file, &profile::chosen(home, &id))?;
    let stack = stack_file::parse(&up.file, text.as_bytes(), &variables)?;
    let names = stack.services.iter().map(|service| service.name.clone());
    let last_runs = names.map(|name| {
        let run = last_run(home, &id, &name);
        (name, run)
    });
    Ok(Loaded {
        last_runs: last_runs.collect(),
        has_run: home.logs().join(&id.0).exists(),
        checkout: Checkout::of(&up.file, &Reader::within(LIMIT)),
        id,
        file: up.file,
        text,
        stack: Arc::new(stack),
        variables,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_path_that_hangs_is_reported_and_delays_no_other() {
        let loader = Loader {
            limit: Duration::from_millis(20),
            ..Loader::default()
        };
        let (go, hold) = mpsc::channel::<()>();
        let (dead, well) = (Path::new("/dead"), Path::new("/well"));
        let hangs = loader.in_turn(dead, Work::Load, move || hold.recv().unwrap_or_default());
        let why = hangs.await.unwrap_err().to_string();
        assert!(why.contains("/dead did not respond"), "{why}");
        // No second thread is started.
        let joined = loader.in_turn(dead, Work::Load, || panic!("it has its turn"));
        let joined: Result<(), LoadError> = joined.await;
        assert!(matches!(joined, Err(LoadError::Hangs { .. })));

        let patient = Loader {
            limit: LIMIT,
            ..loader.clone()
        };
        assert_eq!(patient.in_turn(well, Work::Load, || 7).await.unwrap(), 7);
        drop(go);
        assert_eq!(patient.in_turn(dead, Work::Load, || 8).await.unwrap(), 8);
        // The thread that hung starts the next one just before it removes its turn.
        let forgotten = async {
            while !lock(&loader.turns).is_empty() {
                assert_eq!(patient.in_turn(dead, Work::Load, || 9).await.unwrap(), 9);
            }
        };
        timeout(LIMIT, forgotten).await.unwrap();
    }

    #[tokio::test]
    async fn a_parser_that_panics_is_reported() {
        let loader = Loader::default();
        let broken = loader.in_turn(Path::new("/a"), Work::Load, || panic!("out of luck"));
        let why: Result<(), LoadError> = broken.await;
        assert!(why.unwrap_err().to_string().contains("out of luck"));
    }
}
