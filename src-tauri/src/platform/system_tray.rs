//! macOS and Windows: Tauri's tray, its menu updated in place.
//!
//! Items are created once for each shape of the menu and updated afterwards: recreating them would
//! close an open menu, and leak on Windows.

use std::{
    iter,
    sync::{Arc, Mutex},
};

use pilotlight::{
    app::tray::{Choice, Entry, Tray},
    model::view::Light,
    sync::lock,
};
use tauri::{
    AppHandle, Manager as _, Wry,
    async_runtime::spawn,
    image::Image,
    menu::{CheckMenuItem, IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem, Submenu},
    tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent},
};
use tokio::sync::watch;

use super::icons;
use crate::{host::Host, tray::choose};

/// The actions of the menu items, by the number that is their id.
type Choices = Arc<Mutex<Vec<Option<Choice>>>>;

/// Shows the tray and its updates. These desktops always have a tray.
pub(crate) fn show_tray(app: &AppHandle, mut trays: watch::Receiver<Arc<Tray>>) {
    let app = app.clone();
    spawn(async move {
        let choices = Choices::default();
        let shown: Arc<Mutex<Option<Shown>>> = Arc::default();
        loop {
            let tray = trays.borrow_and_update().clone();
            let (here, shown, choices) = (app.clone(), shown.clone(), choices.clone());
            let asked = app.run_on_main_thread(move || {
                let mut shown = lock(&shown);
                let shown = match shown.take() {
                    Some(before) => before.update(&here, &tray, &choices),
                    None => Shown::make(&here, &tray, &choices),
                }
                .map(|now| *shown = Some(now));
                here.state::<Host>().tray.send_replace(Some(shown.is_ok()));
                if let Err(error) = shown {
                    tracing::error!("failed to show the tray: {error}");
                }
            });
            if asked.is_err() || trays.changed().await.is_err() {
                return;
            }
        }
    });
}

/// The icon and its menu items, in reading order.
struct Shown {
    icon: TrayIcon,
    light: Light,
    items: Vec<Item>,
}

enum Item {
    Plain(MenuItem<Wry>),
    Check(CheckMenuItem<Wry>),
    Submenu(Submenu<Wry>),
    Separator,
}

impl Shown {
    fn make(app: &AppHandle, tray: &Tray, choices: &Choices) -> tauri::Result<Self> {
        let (menu, items) = menu(app, tray)?;
        remember(tray, choices);
        let choices = choices.clone();
        let icon = TrayIconBuilder::with_id("pilot-light")
            .icon(image(tray.light))
            .tooltip(tooltip(tray))
            .menu(&menu)
            // Menu bar items of macOS open their menu on a click; elsewhere a click opens the window.
            .show_menu_on_left_click(cfg!(target_os = "macos"))
            .on_menu_event(move |app, event: MenuEvent| {
                let number: Option<usize> = event.id().as_ref().parse().ok();
                let choice = number.and_then(|number| lock(&choices).get(number).cloned());
                if let Some(Some(choice)) = choice {
                    choose(app, choice);
                }
            })
            .on_tray_icon_event(move |icon, event| {
                // On macOS a click opens the menu.
                if cfg!(not(target_os = "macos"))
                    && let TrayIconEvent::Click {
                        button: MouseButton::Left,
                        button_state: MouseButtonState::Up,
                        ..
                    } = event
                {
                    choose(icon.app_handle(), Choice::OpenWindow);
                }
            })
            .build(app)?;
        Ok(Self {
            icon,
            light: tray.light,
            items,
        })
    }

    fn update(mut self, app: &AppHandle, tray: &Tray, choices: &Choices) -> tauri::Result<Self> {
        if self.light != tray.light {
            self.icon.set_icon(Some(image(tray.light)))?;
            self.light = tray.light;
        }
        self.icon.set_tooltip(Some(tooltip(tray)))?;
        if !in_place(&tray.menu, &self.items)? {
            let (menu, items) = menu(app, tray)?;
            self.icon.set_menu(Some(menu))?;
            self.items = items;
        }
        remember(tray, choices);
        Ok(self)
    }
}

/// Returns the shown entries in reading order: those of a submenu follow it.
fn flat(entries: &[Entry]) -> Vec<&Entry> {
    let shown = entries.iter().filter(|entry| !entry.is_hidden());
    let with_entries = shown.flat_map(|entry| {
        let below = match entry {
            Entry::Submenu { entries, .. } => flat(entries),
            _ => Vec::new(),
        };
        iter::once(entry).chain(below)
    });
    with_entries.collect()
}

/// Updates the items in place. Returns whether they have the shape of the entries.
fn in_place(entries: &[Entry], items: &[Item]) -> tauri::Result<bool> {
    let entries = flat(entries);
    let has_shape = entries.len() == items.len();
    for (entry, item) in entries.into_iter().zip(items) {
        match (entry, item) {
            (Entry::Separator, Item::Separator) => {}
            (Entry::Text(text) | Entry::Item { text, .. }, Item::Plain(item)) => {
                item.set_text(literal(text))?;
                item.set_enabled(is_enabled(entry))?;
            }
            (Entry::Check { text, checked, .. }, Item::Check(item)) => {
                item.set_text(literal(text))?;
                item.set_checked(*checked)?;
            }
            (Entry::Submenu { text, .. }, Item::Submenu(item)) => item.set_text(literal(text))?,
            _ => return Ok(false),
        }
    }
    Ok(has_shape)
}

fn is_enabled(entry: &Entry) -> bool {
    matches!(entry, Entry::Item { enabled: true, .. })
}

fn menu(app: &AppHandle, tray: &Tray) -> tauri::Result<(Menu<Wry>, Vec<Item>)> {
    let mut items = Vec::new();
    let made = make(app, &tray.menu, &mut items)?;
    let made: Vec<&dyn IsMenuItem<Wry>> = made.iter().map(|item| &**item).collect();
    Ok((Menu::with_items(app, &made)?, items))
}

/// Creates the items of the entries, in the order of [`flat`]. The id of each is its number.
fn make(
    app: &AppHandle,
    entries: &[Entry],
    items: &mut Vec<Item>,
) -> tauri::Result<Vec<Box<dyn IsMenuItem<Wry>>>> {
    let mut made: Vec<Box<dyn IsMenuItem<Wry>>> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.is_hidden()) {
        let id = items.len().to_string();
        match entry {
            Entry::Text(text) | Entry::Item { text, .. } => {
                let (text, enabled) = (literal(text), is_enabled(entry));
                let item = MenuItem::with_id(app, id, text, enabled, None::<&str>)?;
                items.push(Item::Plain(item.clone()));
                made.push(Box::new(item));
            }
            Entry::Separator => {
                items.push(Item::Separator);
                made.push(Box::new(PredefinedMenuItem::separator(app)?));
            }
            Entry::Check { text, checked, .. } => {
                let text = literal(text);
                let item = CheckMenuItem::with_id(app, id, text, true, *checked, None::<&str>)?;
                items.push(Item::Check(item.clone()));
                made.push(Box::new(item));
            }
            Entry::Submenu { text, entries } => {
                let place = items.len();
                items.push(Item::Separator);
                let below = make(app, entries, items)?;
                let below: Vec<&dyn IsMenuItem<Wry>> = below.iter().map(|item| &**item).collect();
                let item = Submenu::with_id_and_items(app, id, literal(text), true, &below)?;
                items[place] = Item::Submenu(item.clone());
                made.push(Box::new(item));
            }
        }
    }
    Ok(made)
}

/// Stores the current actions of the items.
fn remember(tray: &Tray, choices: &Choices) {
    let all = flat(&tray.menu).into_iter().map(|entry| match entry {
        Entry::Item { choice, .. } | Entry::Check { choice, .. } => Some(choice.clone()),
        Entry::Text(_) | Entry::Separator | Entry::Submenu { .. } => None,
    });
    *lock(choices) = all.collect();
}

/// The icon sizes: 16 to 32 pixels in the notification area of Windows, 22 points in the menu bar of macOS.
fn image(light: Light) -> Image<'static> {
    let sizes = icons::of(light);
    sizes[sizes.len() - 2].clone()
}

fn tooltip(tray: &Tray) -> String {
    format!("{}\n{}", tray.title, tray.tooltip)
}

/// Escapes ampersands, which would mark the next letter as a shortcut.
fn literal(text: &str) -> String {
    text.replace('&', "&&")
}
