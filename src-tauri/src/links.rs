//! What is opened outside: pages that a stack declares, its logs, its file.

use std::path::Path;

use tauri::AppHandle;
use tauri_plugin_shell::ShellExt as _;

/// Opens a page in the browser. The desk has said that the stack declares it.
pub(crate) fn page(app: &AppHandle, address: &str) -> Result<(), String> {
    open(app, address)
}

/// Opens a file with whatever is meant for it.
pub(crate) fn file(app: &AppHandle, path: &Path) -> Result<(), String> {
    let path = path.to_str().ok_or("its path is not Unicode")?;
    open(app, path)
}

#[expect(
    deprecated,
    reason = "its successor is one more plugin for the one function that is needed"
)]
fn open(app: &AppHandle, what: &str) -> Result<(), String> {
    tracing::info!("open {what}");
    app.shell()
        .open(what, None)
        .map_err(|error| format!("failed to open {what}: {error}"))
}
