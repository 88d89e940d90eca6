//! Commands that open pages, files and dialogs outside the window.

use std::path::PathBuf;

use pilotlight::{host::logging, stack::ServiceName};
use tauri::{AppHandle, State, WebviewWindow, Wry, command};
use tauri_plugin_dialog::{DialogExt as _, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::{DIARY, host::Host, links};

/// Opens a declared link, or the page of the port without a label.
#[command]
pub(crate) async fn open_link(
    app: AppHandle,
    host: State<'_, Host>,
    file: PathBuf,
    service: ServiceName,
    label: Option<String>,
) -> Result<(), String> {
    let address = host.state.link(&file, &service, label.as_deref());
    let address = address.ok_or_else(|| format!("{service} has no such page"))?;
    links::page(&app, &address)
}

#[command]
pub(crate) async fn open_log_file(
    app: AppHandle,
    host: State<'_, Host>,
    file: PathBuf,
    service: ServiceName,
) -> Result<(), String> {
    let log = host.state.log_file(&file, &service);
    let log = log.ok_or_else(|| format!("{service} has not left a log yet"))?;
    links::file(&app, &log)
}

#[command]
pub(crate) async fn open_own_log(app: AppHandle, host: State<'_, Host>) -> Result<(), String> {
    let log = logging::latest(host.state.home().state(), DIARY)
        .map_err(|error| format!("the log was not found: {error}"))?;
    links::file(&app, &log.ok_or("no log found")?)
}

#[command]
pub(crate) async fn open_stack_file(
    app: AppHandle,
    host: State<'_, Host>,
    file: PathBuf,
) -> Result<(), String> {
    if !host.state.knows(&file) {
        return Err("that stack is not known".into());
    }
    links::file(&app, &file)
}

/// Opens the working directory of a service.
#[command]
pub(crate) async fn open_folder(
    app: AppHandle,
    host: State<'_, Host>,
    file: PathBuf,
    service: ServiceName,
) -> Result<(), String> {
    let folder = host.state.folder(&file, &service);
    links::file(&app, &folder.ok_or("that service is not known")?)
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
