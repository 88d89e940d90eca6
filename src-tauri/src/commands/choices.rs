//! Commands that change stacks and settings.

use std::path::PathBuf;

use pilotlight::{
    app::{
        settings::Settings,
        window::{Draft, Update},
    },
    control::Outcome,
};
use tauri::{AppHandle, Manager as _, State, command, path::BaseDirectory};

use crate::host::Host;

/// The path of the example in the bundle.
const EXAMPLE: &str = "examples/nexus";

/// Adds a stack and shows it.
#[command]
pub(crate) async fn add_stack(host: State<'_, Host>, path: PathBuf) -> Result<Outcome, ()> {
    Ok(added(&host, host.state.add_picked(&path)))
}

fn added(host: &Host, added: Result<PathBuf, String>) -> Outcome {
    match added {
        Ok(file) => {
            host.page.tell(Update::Show {
                file,
                service: None,
            });
            Outcome::Done
        }
        Err(why) => Outcome::Refused(why),
    }
}

/// Copies the example to a folder of the user, unless it exists there, and adds it.
#[command]
pub(crate) async fn try_example(app: AppHandle, host: State<'_, Host>) -> Result<Outcome, String> {
    let path = app.path();
    let example = path
        .resolve(EXAMPLE, BaseDirectory::Resource)
        .map_err(|error| format!("the example was not found: {error}"))?;
    let documents = path.document_dir().or_else(|_| path.home_dir());
    let documents =
        documents.map_err(|error| format!("no folder for the example was found: {error}"))?;
    let place = documents.join("Pilot Light").join("nexus");
    Ok(added(&host, host.state.try_example(&example, &place)))
}

/// Drafts the stack file of a folder; nothing is written.
#[command]
pub(crate) async fn look_at_folder(host: State<'_, Host>, path: PathBuf) -> Result<Draft, String> {
    host.state.allow_draft(&path)?;
    pilotlight_init::draft_for_window(&path).await
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
