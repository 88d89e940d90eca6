//! Installs other managers in the target folder, for `--install`.

use std::fs;

use super::{
    Result,
    managers::{Manager, tools},
};

/// Installs a manager from its registry, if it is missing.
pub(crate) fn manager(manager: &dyn Manager) -> Result {
    if manager.program().is_some() {
        return Ok(());
    }
    eprintln!("  install {} …", manager.name());
    let folder = tools()?;
    fs::create_dir_all(&folder)?;
    for mut command in manager.install(&folder) {
        let status = command.status()?;
        if !status.success() {
            return Err(format!("cannot install {}: {command:?}: {status}", manager.name()).into());
        }
    }
    Ok(())
}
