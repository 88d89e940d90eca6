//! Pilot Light and those it is measured beside, each with its own configuration and commands.

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
    /// Its name in the tables and on the command line.
    fn name(&self) -> &'static str;

    /// Its program, if it is installed.
    fn program(&self) -> Option<PathBuf>;

    /// Says its version.
    fn version(&self, stage: &Stage) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command.arg("--version");
        Ok(command)
    }

    /// The commands that install it under a folder, and where its program is then.
    fn install(&self, under: &Path) -> Vec<Command>;

    /// Writes its configuration for these services: restarted when they end, no watching of files.
    fn configure(&self, stage: &Stage, services: &[Service]) -> Result;

    /// Starts the manager and all services; returns with the manager in the background.
    fn up(&self, stage: &Stage) -> Result<Command>;

    /// Stops all services.
    fn down(&self, stage: &Stage) -> Result<Command>;

    /// Ends the manager, where [`Self::down`] leaves it running.
    fn quit(&self, stage: &Stage) -> Result<Option<Command>>;

    /// Whether it can ask services by HTTP if they are well, again and again.
    fn watches_by_http(&self) -> bool;

    /// Its program, or the error that says that it is missing.
    fn installed(&self) -> Result<PathBuf> {
        let missing = || format!("{} is not installed", self.name());
        Ok(self.program().ok_or_else(missing)?)
    }
}

/// Ours.
pub(crate) static PILOTLIGHT: &dyn Manager = &Pilotlight;

/// The others.
pub(crate) static OTHERS: [&dyn Manager; 5] = [
    &pm2::Pm2,
    &supervisord::Supervisord,
    &process_compose::ProcessCompose,
    &pitchfork::Pitchfork,
    &oxmgr::Oxmgr,
];

/// Another manager, as named on the command line.
pub(crate) fn by_name(name: &str) -> std::result::Result<&'static dyn Manager, String> {
    let known = || OTHERS.map(Manager::name).join(", ");
    OTHERS
        .into_iter()
        .find(|manager| manager.name() == name)
        .ok_or_else(|| format!("known are {}", known()))
}

/// Where managers are installed by `--install`.
pub(crate) fn tools() -> Result<PathBuf> {
    Ok(programs()?.with_file_name("bench-tools"))
}

/// A program that was installed by `--install`, or that is on the PATH.
fn find(installed: &str, name: &str) -> Option<PathBuf> {
    let own = tools().ok()?.join(installed);
    let folders = env::var_os("PATH")?;
    let on_path = env::split_paths(&folders).map(|folder| folder.join(name));
    std::iter::once(own)
        .chain(on_path)
        .find(|path| path.is_file())
}
