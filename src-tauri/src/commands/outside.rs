//! Commands that open pages, files and dialogs outside the window.

use std::path::PathBuf;

use pilotlight::app::calls::{Opened, Opening};
use tauri::{AppHandle, State, WebviewWindow, Wry, command};
use tauri_plugin_dialog::{DialogExt as _, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::{DIARY, host::Host, links};

/// Opens a declared page, a log, a stack file or the folder of a service.
#[command]
pub(crate) async fn open(
    app: AppHandle,
    host: State<'_, Host>,
    opening: Opening,
) -> Result<(), String> {
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
) -> Result<Option<PathBuf>, String> {
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
) -> Result<Option<PathBuf>, String> {
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
) -> Result<bool, String> {
    let dialog = dialog(&window, "Save").set_file_name(name);
    let (answer, answered) = oneshot::channel();
    dialog.save_file(|picked| drop(answer.send(picked)));
    let Some(picked) = answered.await.ok().flatten() else {
        return Ok(false);
    };
    let path = picked.into_path().map_err(|error| error.to_string())?;
    let written = tokio::fs::write(&path, text).await;
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    Ok(true)
}

/// Returns a desktop dialog in front of the window.
fn dialog(window: &WebviewWindow, title: &str) -> FileDialogBuilder<Wry> {
    window.dialog().file().set_title(title).set_parent(window)
}

/// Records a path that the page may name from now on.
fn path(host: &Host, picked: Option<FilePath>) -> Result<Option<PathBuf>, String> {
    let path = picked.map(FilePath::into_path).transpose();
    let path = path.map_err(|error| format!("the selection cannot be used: {error}"))?;
    if let Some(path) = &path {
        host.state.picked(path);
    }
    Ok(path)
}
