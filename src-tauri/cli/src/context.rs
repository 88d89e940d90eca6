//! The context of a command: the home, the stack file, and the daemon.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use pilotlight::{
    control::{Client, ClientError},
    env::Env,
    fs::home::Home,
    host::background::Starting,
    model::view::{Snapshot, StackView},
    stack::{ServiceName, Stack},
    stack_file,
    state::profile,
};

use crate::failure::{Failure, UnknownService};

/// The context in which a command runs.
pub(crate) struct Context {
    pub(crate) home: Home,
    file: Option<PathBuf>,
    /// A daemon that was started for this command and may not be ready yet.
    pub(crate) starting: Mutex<Option<Starting>>,
}

impl Context {
    /// Returns the context for the `--file` of the command line, if any.
    pub(crate) fn new(file: Option<PathBuf>) -> Result<Self, Failure> {
        let home = Home::locate()?;
        Ok(Self {
            home,
            file,
            starting: Mutex::default(),
        })
    }

    /// Returns the context of a stack file, absolute, in a home.
    pub(crate) fn of(home: Home, file: PathBuf) -> Self {
        Self {
            home,
            file: Some(file),
            starting: Mutex::default(),
        }
    }

    /// Returns the absolute path of the stack file. The file may be invalid.
    pub(crate) fn find(&self) -> Result<PathBuf, Failure> {
        let start = self.file.as_deref().unwrap_or(Path::new("."));
        Ok(stack_file::find(start)?)
    }

    /// Like [`Self::find`], for a file that may have been deleted while its stack runs.
    pub(crate) fn find_among(&self, snapshot: &Snapshot) -> Result<PathBuf, Failure> {
        let found = self.find();
        let start = std::path::absolute(self.file.as_deref().unwrap_or(Path::new(".")));
        let (Err(Failure::NoStackFile(_)), Ok(start)) = (&found, start) else {
            return found;
        };
        let is_meant = |stack: &&Arc<StackView>| {
            let folder = stack.file.parent().filter(|_| self.file.is_none());
            stack.file == start || folder.is_some_and(|folder| start.starts_with(folder))
        };
        let meant = snapshot.stacks.iter().find(is_meant);
        meant.map_or(found, |stack| Ok(stack.file.clone()))
    }

    /// Reads a stack file to start it with these profiles, or else those that `PILOTLIGHT_PROFILE`
    /// names, and remembers them for later commands.
    pub(crate) fn choose(&self, file: &Path, profiles: &[String]) -> Result<Stack, Failure> {
        let profiles = match profiles {
            [] => named_by_variable(),
            named => named.to_vec(),
        };
        if profiles.is_empty() {
            return read(file);
        }
        let stack = stack_file::read(file, &profiles, &Env::of_this_process())?;
        self.home.prepare()?;
        let remembered = profile::choose(&self.home, &self.home.stack_id(file), &profiles);
        remembered.map_err(Failure::system("remember the profile"))?;
        Ok(stack)
    }

    /// Returns the stack file or folder that the command line names.
    pub(crate) fn named(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the daemon, if one is running.
    pub(crate) async fn daemon(&self) -> Result<Option<Client>, Failure> {
        Ok(Client::find(&self.home).await?)
    }

    /// Returns all stacks of the daemon; none without a daemon.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, Failure> {
        let connected = self.connected().await?;
        Ok(connected.map_or_else(Arc::default, |(_, snapshot)| snapshot))
    }

    /// Returns the daemon and its view of a stack, if it has the stack.
    pub(crate) async fn running(
        &self,
        file: &Path,
    ) -> Result<Option<(Client, Arc<StackView>)>, Failure> {
        let Some((client, snapshot)) = self.connected().await? else {
            return Ok(None);
        };
        Ok(snapshot.stack(file).map(|stack| (client, stack.clone())))
    }

    /// Returns the daemon and its snapshot, if one is running.
    pub(crate) async fn connected(&self) -> Result<Option<(Client, Arc<Snapshot>)>, Failure> {
        let Some(mut client) = self.daemon().await? else {
            return Ok(None);
        };
        let snapshot = unless_exiting(client.status().await)?;
        Ok(snapshot.map(|snapshot| (client, snapshot)))
    }
}

/// Returns the reply of a daemon; `None` if the daemon was exiting. It may still accept a connection then.
pub(crate) fn unless_exiting<T>(reply: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match reply {
        Err(ClientError::Closed) => Ok(None),
        reply => reply.map(Some),
    }
}

/// The variable that names profiles, like `up --profile`.
const PROFILE: &str = "PILOTLIGHT_PROFILE";

/// Reads a stack file with the variables of this process, for the profiles that it was started with
/// last or that `PILOTLIGHT_PROFILE` names.
pub(crate) fn read(file: &Path) -> Result<Stack, Failure> {
    let text = whole(file)?;
    Ok(stack_file::parse(
        file,
        text.as_bytes(),
        &Env::of_this_process(),
    )?)
}

/// Returns the text of a stack file and of the files that belong to it, for the same profiles.
pub(crate) fn whole(file: &Path) -> Result<String, Failure> {
    let mut profiles = named_by_variable();
    if profiles.is_empty() {
        let home = Home::locate()?;
        profiles = profile::chosen(&home, &home.stack_id(file));
    }
    Ok(stack_file::whole(file, &profiles)?)
}

fn named_by_variable() -> Vec<String> {
    let named = std::env::var(PROFILE).unwrap_or_default();
    let profiles = named.split(',').map(str::trim);
    profiles
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Fails if one of `names` is not in `known`.
pub(crate) fn expect_known<'a>(
    names: &[ServiceName],
    stack: &str,
    known: impl IntoIterator<Item = &'a ServiceName>,
) -> Result<(), Failure> {
    let known: Vec<ServiceName> = known.into_iter().cloned().collect();
    match names.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(unknown) => Err(Failure::UnknownService(Box::new(UnknownService {
            name: unknown.clone(),
            stack: stack.to_owned(),
            known,
        }))),
    }
}

/// Fails if one of `names` is not a service of a stack file.
pub(crate) fn expect_declared(names: &[ServiceName], stack: &Stack) -> Result<(), Failure> {
    expect_known(names, &stack.name, stack.services.iter().map(|it| &it.name))
}

/// Fails if one of `names` is not a service of a daemon's stack.
pub(crate) fn expect_shown(names: &[ServiceName], stack: &StackView) -> Result<(), Failure> {
    expect_known(names, &stack.name, stack.services.iter().map(|it| &it.name))
}

/// Fails if `name` is not a task of a stack file.
pub(crate) fn expect_task(name: &ServiceName, stack: &Stack) -> Result<(), Failure> {
    let tasks = stack.services.iter().filter(|it| it.task.is_some());
    let tasks = tasks.map(|task| &task.name);
    expect_known(std::slice::from_ref(name), &stack.name, tasks)
}
