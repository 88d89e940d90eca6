//! Commands that change stacks and settings.

use std::path::PathBuf;

use pilotlight::{
    app::{
        CallError,
        settings::Settings,
        window::{Draft, Update},
    },
    control::Outcome,
};
use tauri::{State, command};

use crate::{error::CommandError, host::Host};

/// Adds a stack and shows it.
#[command]
pub(crate) async fn add_stack(host: State<'_, Host>, path: PathBuf) -> Result<Outcome, ()> {
    Ok(added(&host, host.state.add_picked(&path)))
}

fn added(host: &Host, added: Result<PathBuf, CallError>) -> Outcome {
    match added {
        Ok(file) => {
            host.page.tell(Update::Show {
                file,
                service: None,
            });
            Outcome::Done
        }
        Err(why) => why.into(),
    }
}

/// Drafts the stack file of a folder, or of its running processes, without some services; nothing is
/// written.
#[command]
pub(crate) async fn look_at_folder(
    host: State<'_, Host>,
    path: PathBuf,
    running: bool,
    without: Vec<String>,
) -> Result<Draft, CommandError> {
    host.state.allow_draft(&path)?;
    Ok(pilotlight_init::draft_for_window(&path, running, &without).await?)
}

/// Writes a drafted stack file, if none exists, and adds it.
#[command]
pub(crate) async fn write_draft(
    host: State<'_, Host>,
    file: PathBuf,
    text: String,
) -> Result<Outcome, ()> {
    Ok(added(&host, host.state.write_draft(&file, &text)))
}

#[command]
pub(crate) async fn set_settings(host: State<'_, Host>, settings: Settings) -> Result<Outcome, ()> {
    Ok(host.set_settings(settings))
}

#[command]
pub(crate) async fn set_start_at_login(
    host: State<'_, Host>,
    file: PathBuf,
    on: bool,
) -> Result<Outcome, ()> {
    Ok(host.state.set_start_at_login(&file, on))
}
