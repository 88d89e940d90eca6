//! Commands that open pages, files and dialogs outside the window.

use std::path::PathBuf;

use pilotlight::app::calls::{Opened, Opening};
use tauri::{AppHandle, State, WebviewWindow, Wry, command};
use tauri_plugin_dialog::{DialogExt as _, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::{DIARY, error::CommandError, host::Host, links};

/// Opens a declared page, a log, a stack file or the folder of a service.
#[command]
pub(crate) async fn open(
    app: AppHandle,
    host: State<'_, Host>,
    opening: Opening,
) -> Result<(), CommandError> {
    match host.state.opened(&opening, DIARY)? {
        Opened::Page(address) => links::page(&app, &address),
        Opened::File(path) => links::file(&app, &path),
    }
}

/// Returns `None` if the user cancels.
#[command]
pub(crate) async fn pick_stack(
    window: WebviewWindow,
    host: State<'_, Host>,
) -> Result<Option<PathBuf>, CommandError> {
    let dialog = dialog(&window, "Open a stack file").add_filter("Stack files", &["toml"]);
    let (answer, answered) = oneshot::channel();
    dialog.pick_file(|picked| drop(answer.send(picked)));
    path(&host, answered.await.ok().flatten())
}

/// Returns `None` if the user cancels.
#[command]
pub(crate) async fn pick_folder(
    window: WebviewWindow,
    host: State<'_, Host>,
) -> Result<Option<PathBuf>, CommandError> {
    let dialog = dialog(&window, "Choose a folder");
    let (answer, answered) = oneshot::channel();
    dialog.pick_folder(|picked| drop(answer.send(picked)));
    path(&host, answered.await.ok().flatten())
}

/// Saves a text where the user chooses. Returns `false` if the user cancels.
#[command]
pub(crate) async fn save_text(
    window: WebviewWindow,
    name: String,
    text: String,
) -> Result<bool, CommandError> {
    let dialog = dialog(&window, "Save").set_file_name(name);
    let (answer, answered) = oneshot::channel();
    dialog.save_file(|picked| drop(answer.send(picked)));
    let Some(picked) = answered.await.ok().flatten() else {
        return Ok(false);
    };
    let path = selected(picked)?;
    match tokio::fs::write(&path, text).await {
        Ok(()) => Ok(true),
        Err(source) => Err(CommandError::Write { path, source }),
    }
}

/// Returns a desktop dialog in front of the window.
fn dialog(window: &WebviewWindow, title: &str) -> FileDialogBuilder<Wry> {
    window.dialog().file().set_title(title).set_parent(window)
}

fn selected(picked: FilePath) -> Result<PathBuf, CommandError> {
    let path = picked.into_path();
    path.map_err(|error| CommandError::Selection(Box::new(error)))
}

/// Records a path that the page may name from now on.
fn path(host: &Host, picked: Option<FilePath>) -> Result<Option<PathBuf>, CommandError> {
    let path = picked.map(selected).transpose()?;
    if let Some(path) = &path {
        host.state.picked(path);
    }
    Ok(path)
}
