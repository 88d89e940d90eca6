//! Opens pages, logs and files in other programs.

use std::path::Path;

use tauri::AppHandle;
use tauri_plugin_shell::ShellExt as _;

use crate::error::CommandError;

/// Opens a page in the browser. The caller has verified that the stack declares it.
pub(crate) fn page(app: &AppHandle, address: &str) -> Result<(), CommandError> {
    open(app, address)
}

/// Opens a file with its default program.
pub(crate) fn file(app: &AppHandle, path: &Path) -> Result<(), CommandError> {
    let path = path
        .to_str()
        .ok_or_else(|| CommandError::NotUnicode(path.to_owned()))?;
    open(app, path)
}

#[expect(
    deprecated,
    reason = "its successor is another plugin, for only one function"
)]
fn open(app: &AppHandle, what: &str) -> Result<(), CommandError> {
    tracing::info!("open {what}");
    let opened = app.shell().open(what, None);
    opened.map_err(|source| CommandError::Open {
        what: what.to_owned(),
        source,
    })
}
