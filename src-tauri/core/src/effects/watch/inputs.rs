//! Finds out whether a task has to run again: by a fingerprint of its input files, command and
//! environment.

use std::{fs, io, path::Path};

use tokio::task::spawn_blocking;

use super::{Files, hash_of};
use crate::{
    platform::file::make_private_folder,
    stack::{Ports, Service},
};

/// The fingerprint with which the task last succeeded, and that of the current run, in its log
/// folder.
const DONE: &str = "inputs.done";
const NOW: &str = "inputs.now";

/// Records the inputs of a task before it runs, in `folder`. Returns whether it has succeeded with
/// the same ones. A task without inputs is never up to date.
pub async fn is_up_to_date(service: &Service, ports: &impl Ports, folder: &Path) -> bool {
    let Some(task) = service.task.as_ref().filter(|task| !task.inputs.is_empty()) else {
        return false;
    };
    let (inputs, directory) = (task.inputs.clone(), service.directory.clone());
    let command = service.command.as_ref();
    let command = command.map(|command| command.render(&service.name, ports).to_string());
    let variables = service.env.iter();
    let variables =
        variables.map(|(name, value)| (name.clone(), value.render(&service.name, ports)));
    let variables: Vec<_> = variables.collect();
    let env_files = service.env_files.clone();
    let folder = folder.to_owned();
    let comparing = spawn_blocking(move || -> io::Result<bool> {
        let files = Files::new(&directory, &inputs, &[]).fingerprint();
        let env_files = env_files.iter().map(|file| super::fingerprint(&file.path));
        let env_files: Vec<_> = env_files.collect();
        let now = hash_of(&(files, command, directory, variables, env_files)).to_string();
        make_private_folder(&folder)?;
        let is_done = fs::read_to_string(folder.join(DONE)).is_ok_and(|done| done == now);
        fs::write(folder.join(NOW), now)?;
        Ok(is_done)
    });
    matches!(comparing.await, Ok(Ok(true)))
}

/// Records that the task has succeeded with the inputs that it had before it ran.
pub fn done(folder: &Path) {
    // If this fails, the task only runs once more.
    let _ = fs::rename(folder.join(NOW), folder.join(DONE));
}
