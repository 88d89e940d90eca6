//! What a person chooses: stacks, settings.

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

/// The example, where the bundle has it.
const EXAMPLE: &str = "examples/nexus";

/// Knows a stack from now on, and shows it.
#[command]
pub(crate) async fn add_stack(host: State<'_, Host>, path: PathBuf) -> Result<Outcome, ()> {
    Ok(added(&host, host.desk.add_picked(&path)))
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

#[command]
pub(crate) async fn remove_stack(host: State<'_, Host>, file: PathBuf) -> Result<Outcome, ()> {
    Ok(host.desk.remove(&file))
}

/// Copies the example to a folder of the user's, unless it is there already, and knows it.
#[command]
pub(crate) async fn try_example(app: AppHandle, host: State<'_, Host>) -> Result<Outcome, String> {
    let path = app.path();
    let example = path
        .resolve(EXAMPLE, BaseDirectory::Resource)
        .map_err(|error| format!("failed to find the example: {error}"))?;
    let documents = path.document_dir().or_else(|_| path.home_dir());
    let documents =
        documents.map_err(|error| format!("failed to find a folder for the example: {error}"))?;
    let place = documents.join("Pilot Light").join("nexus");
    Ok(added(&host, host.desk.try_example(&example, &place)))
}

/// The stack file that fits a folder; nothing is written.
#[command]
pub(crate) async fn look_at_folder(host: State<'_, Host>, path: PathBuf) -> Result<Draft, String> {
    host.desk.allow_draft(&path)?;
    pilotlight_init::draft_for_window(&path).await
}

/// Writes a drafted stack file where none is, and knows it.
#[command]
pub(crate) async fn write_draft(
    host: State<'_, Host>,
    file: PathBuf,
    text: String,
) -> Result<Outcome, ()> {
    Ok(added(&host, host.desk.write_draft(&file, &text)))
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
    Ok(host.desk.set_start_at_login(&file, on))
}
