//! Pilot Light and the other process managers, each with its own configuration and commands.

mod oxmgr;
mod pilotlight;
mod pitchfork;
mod pm2;
mod process_compose;
mod supervisord;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use pilotlight::Pilotlight;

use super::{
    Result,
    service::Service,
    stage::{Stage, programs},
};

/// A process manager, used as its documentation says. Its home is in the stage.
pub(crate) trait Manager: Sync {
    /// Returns its name in the tables and on the command line.
    fn name(&self) -> &'static str;

    /// Returns its program, if it is installed.
    fn program(&self) -> Option<PathBuf>;

    /// Returns the command that prints its version.
    fn version(&self, stage: &Stage) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command.arg("--version");
        Ok(command)
    }

    /// Returns the commands that install it in a folder.
    fn install(&self, under: &Path) -> Vec<Command>;

    /// Writes its configuration for these services: restart them when they exit, and watch no files.
    fn configure(&self, stage: &Stage, services: &[Service]) -> Result;

    /// Returns the command that starts the manager in the background, with all services.
    fn up(&self, stage: &Stage) -> Result<Command>;

    /// Returns the command that stops all services.
    fn down(&self, stage: &Stage) -> Result<Command>;

    /// Returns the command that stops the manager, if [`Self::down`] leaves it running.
    fn quit(&self, stage: &Stage) -> Result<Option<Command>>;

    /// Returns whether it can check the health of running services by HTTP.
    fn watches_by_http(&self) -> bool;

    /// Returns its program, or an error if it is not installed.
    fn installed(&self) -> Result<PathBuf> {
        let missing = || format!("{} is not installed", self.name());
        Ok(self.program().ok_or_else(missing)?)
    }
}

pub(crate) static PILOTLIGHT: &dyn Manager = &Pilotlight;

/// The other managers.
pub(crate) static OTHERS: [&dyn Manager; 5] = [
    &pm2::Pm2,
    &supervisord::Supervisord,
    &process_compose::ProcessCompose,
    &pitchfork::Pitchfork,
    &oxmgr::Oxmgr,
];

/// Returns the manager with this name on the command line.
pub(crate) fn by_name(name: &str) -> std::result::Result<&'static dyn Manager, String> {
    let known = || OTHERS.map(Manager::name).join(", ");
    OTHERS
        .into_iter()
        .find(|manager| manager.name() == name)
        .ok_or_else(|| format!("the managers are {}", known()))
}

/// Returns the folder in which `--install` installs managers.
pub(crate) fn tools() -> Result<PathBuf> {
    Ok(programs()?.with_file_name("bench-tools"))
}

/// Returns a program that `--install` installed, or one on the PATH.
fn find(installed: &str, name: &str) -> Option<PathBuf> {
    let own = tools().ok()?.join(installed);
    let folders = env::var_os("PATH")?;
    let on_path = env::split_paths(&folders).map(|folder| folder.join(name));
    std::iter::once(own)
        .chain(on_path)
        .find(|path| path.is_file())
}
