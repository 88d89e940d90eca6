//! Windows: an icon in the notification area, and the registration of the app.

use std::{fs, io, path::Path};

use pilotlight::host::identity;
use tauri::AppHandle;
use windows_registry::{CURRENT_USER, HSTRING};

pub(crate) use super::{
    alike::{body, prepare, program},
    system_tray::show_tray,
};

/// The registry key of notification senders.
const SENDERS: &str = r"Software\Classes\AppUserModelId";

/// The icon beside the name of the sender.
const ICON: &[u8] = include_bytes!("../../../../icons/128x128.png");

/// Registers the app as a sender of notifications, since Windows shows none of unknown senders. The
/// installer registers it too, but the app may run without one. The icon is stored in `folder`.
pub(crate) fn make_known(app: &AppHandle, folder: &Path) -> io::Result<()> {
    let config = app.config();
    let name = config.product_name.as_deref().unwrap_or("Pilot Light");
    identity::assume(&config.identifier)?;
    register(&config.identifier, name, folder)
}

fn register(id: &str, name: &str, folder: &Path) -> io::Result<()> {
    let icon = folder.join("sender.png");
    fs::write(&icon, ICON)?;
    let sender = CURRENT_USER.create(format!(r"{SENDERS}\{id}"))?;
    sender.set_string("DisplayName", name)?;
    // Readers of this value do not accept paths that begin with `\\?\`, as resolved ones do.
    let icon = HSTRING::from(dunce::simplified(&icon));
    sender.set_hstring("IconUri", &icon)?;
    Ok(())
}

/// Quotes the path, since the registry stores a command line. No path contains a quote.
pub(crate) fn as_word(path: &str) -> String {
    format!("\"{path}\"")
}

#[cfg(test)]
mod tests;
