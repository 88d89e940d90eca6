//! Opens pages, logs and files in other programs.

use std::path::Path;

use tauri::AppHandle;
use tauri_plugin_shell::ShellExt as _;

/// Opens a page in the browser. The caller has verified that the stack declares it.
pub(crate) fn page(app: &AppHandle, address: &str) -> Result<(), String> {
    open(app, address)
}

/// Opens a file with its default program.
pub(crate) fn file(app: &AppHandle, path: &Path) -> Result<(), String> {
    let path = path.to_str().ok_or("its path is not Unicode")?;
    open(app, path)
}

#[expect(
    deprecated,
    reason = "its successor is another plugin, for only one function"
)]
fn open(app: &AppHandle, what: &str) -> Result<(), String> {
    tracing::info!("open {what}");
    app.shell()
        .open(what, None)
        .map_err(|error| format!("{what} cannot be opened: {error}"))
}
