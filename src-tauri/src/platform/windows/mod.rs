//! Windows: an icon of the notification area, and what the registry is told of the app.

use std::{fs, io, path::Path};

use pilotlight::host::identity;
use tauri::AppHandle;
use windows_registry::{CURRENT_USER, HSTRING};

pub(crate) use super::{
    alike::{body, prepare, program},
    system_tray::show_tray,
};

/// Under this Windows keeps what it knows of the senders of notifications.
const SENDERS: &str = r"Software\Classes\AppUserModelId";

/// What stands beside the name of the sender.
const ICON: &[u8] = include_bytes!("../../../../icons/128x128.png");

/// Makes Windows know whose notifications these are: it shows none of a sender that it does not know. The
/// installer has done so too, but whoever runs the app out of a folder has no installer. The
/// icon is kept in `folder`.
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
    // Who reads this takes no path that begins with `\\?\`, as resolved ones do.
    let icon = HSTRING::from(dunce::simplified(&icon));
    sender.set_hstring("IconUri", &icon)?;
    Ok(())
}

/// The registry has a command line, in which a path with spaces is one word only in quotes. No path has
/// a quote in it.
pub(crate) fn as_word(path: &str) -> String {
    format!("\"{path}\"")
}

#[cfg(test)]
mod tests;
