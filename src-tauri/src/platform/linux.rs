//! Linux: a status notifier item.

use std::{
    env, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ksni::{
    Icon, MenuItem, OfflineReason, ToolTip, TrayMethods as _,
    menu::{CheckmarkItem, StandardItem, SubMenu},
};
use pilotlight::{
    app::{
        notices::Notice,
        tray::{Choice, Entry, Tray},
    },
    host::own_variables,
};
use tauri::{AppHandle, Env, Manager as _, async_runtime::spawn, image::Image};
use tokio::sync::watch;

use super::icons;
use crate::{host::Host, tray::choose};

/// Returns the body of a notification as markup, which Linux desktops expect.
pub(crate) fn body(notice: &Notice) -> String {
    notice.body_as_markup()
}

/// Shows the tray and its updates. A tray host that appears later finds it.
pub(crate) fn show_tray(app: &AppHandle, mut trays: watch::Receiver<Arc<Tray>>) {
    let app = app.clone();
    spawn(async move {
        let item = Item {
            shown: trays.borrow_and_update().clone(),
            app: app.clone(),
        };
        let there = &app.state::<Host>().tray;
        let handle = match item.assume_sni_available(true).spawn().await {
            Ok(handle) => handle,
            Err(error) => {
                tracing::warn!("no tray available: {error}");
                there.send_replace(Some(false));
                return;
            }
        };
        // Unless the absence of a tray host was reported meanwhile.
        there.send_if_modified(|there| {
            let unknown = there.is_none();
            *there = there.or(Some(true));
            unknown
        });
        while trays.changed().await.is_ok() {
            let shown = trays.borrow_and_update().clone();
            handle.update(|item| item.shown = shown).await;
        }
    });
}

/// The status notifier item.
struct Item {
    shown: Arc<Tray>,
    app: AppHandle,
}

impl Item {
    fn is_there(&self, there: bool) {
        tracing::info!(there, "tray host");
        self.app.state::<Host>().tray.send_replace(Some(there));
    }

    fn icons(&self) -> Vec<Icon> {
        icons::of(self.shown.light).iter().map(icon).collect()
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "pilot-light".into()
    }

    fn title(&self) -> String {
        "Pilot Light".into()
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        self.icons()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            icon_name: String::new(),
            icon_pixmap: Vec::new(),
            title: self.shown.title.clone(),
            description: escaped(&self.shown.tooltip),
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        choose(&self.app, Choice::OpenWindow);
    }

    fn secondary_activate(&mut self, _x: i32, _y: i32) {
        choose(&self.app, Choice::OpenWindow);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        menu(&self.shown.menu)
    }

    fn watcher_online(&self) {
        self.is_there(true);
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.is_there(false);
        // Stays, for the next tray host.
        true
    }
}

fn menu(entries: &[Entry]) -> Vec<MenuItem<Item>> {
    entries.iter().map(entry).collect()
}

fn entry(entry: &Entry) -> MenuItem<Item> {
    match entry {
        Entry::Text(text) => StandardItem {
            label: literal(text),
            enabled: false,
            ..StandardItem::default()
        }
        .into(),
        Entry::Separator => MenuItem::Separator,
        Entry::Item {
            text,
            choice,
            enabled,
        } => StandardItem {
            label: literal(text),
            enabled: *enabled,
            visible: !entry.is_hidden(),
            activate: chosen(choice),
            ..StandardItem::default()
        }
        .into(),
        Entry::Check {
            text,
            choice,
            checked,
        } => CheckmarkItem {
            label: literal(text),
            checked: *checked,
            activate: chosen(choice),
            ..CheckmarkItem::default()
        }
        .into(),
        Entry::Submenu { text, entries } => SubMenu {
            label: literal(text),
            submenu: menu(entries),
            ..SubMenu::default()
        }
        .into(),
    }
}

fn chosen(choice: &Choice) -> Box<dyn Fn(&mut Item) + Send + Sync> {
    let choice = choice.clone();
    Box::new(move |item| choose(&item.app, choice.clone()))
}

/// Escapes underscores, which would mark the next letter as a shortcut.
fn literal(text: &str) -> String {
    text.replace('_', "__")
}

/// Escapes markup for tooltips.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Converts RGBA to the ARGB of the protocol.
fn icon(image: &Image<'_>) -> Icon {
    let mut data = image.rgba().to_vec();
    for pixel in data.chunks_exact_mut(4) {
        pixel.rotate_right(1);
    }
    Icon {
        width: i32::try_from(image.width()).unwrap_or_default(),
        height: i32::try_from(image.height()).unwrap_or_default(),
        data,
    }
}

/// Returns the path that starts this program again: the image, if it runs from one.
pub(crate) fn program(env: &Env) -> io::Result<PathBuf> {
    match &env.appimage {
        Some(image) => Ok(image.into()),
        None => env::current_exe(),
    }
}

/// Does nothing: notifications contain the name of the app.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn make_known(_app: &AppHandle, _folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Disables OpenGL for the page, unless the user has set the variable. Loading it takes longer than it saves
/// on this page (1.5 s with a software renderer), and with some drivers the page stays empty.
pub(crate) fn prepare() -> io::Result<()> {
    own_variables::set("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
}

/// Quotes a path as one argument of the `Exec` line of a desktop entry: special characters are
/// escaped, and everything is escaped again as a string of the file (Desktop Entry Specification
/// 1.5).
pub(crate) fn as_word(path: &str) -> String {
    let mut word = String::from('"');
    for character in path.chars() {
        match character {
            '"' | '`' | '$' => {
                word.push_str("\\\\");
                word.push(character);
            }
            '\\' => word.push_str("\\\\\\\\"),
            '%' => word.push_str("%%"),
            _ => word.push(character),
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_desktop_entry() {
        assert_eq!(as_word("/opt/Pilot Light/app"), r#""/opt/Pilot Light/app""#);
        assert_eq!(as_word("/a\"b"), r#""/a\\"b""#);
        assert_eq!(as_word("/a$b`c"), r#""/a\\$b\\`c""#);
        assert_eq!(as_word(r"/a\b"), r#""/a\\\\b""#);
        assert_eq!(as_word("/100%"), r#""/100%%""#);
    }

    #[test]
    fn no_letter_of_a_name_is_taken_for_a_shortcut() {
        assert_eq!(literal("my_api: ready"), "my__api: ready");
    }

    #[test]
    fn markup_is_escaped_in_tooltips() {
        assert_eq!(escaped("a < b & c"), "a &lt; b &amp; c");
    }

    #[test]
    fn pixels_are_converted_to_argb() {
        let image = Image::new(&[1, 2, 3, 4], 1, 1);
        assert_eq!(icon(&image).data, [4, 1, 2, 3]);
    }
}
