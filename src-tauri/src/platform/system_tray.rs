//! macOS and Windows: Tauri's tray, its menu updated in place.
//!
//! Items are created once for each shape of the menu and updated afterwards: recreating them would
//! close an open menu, and leak on Windows.

use std::{
    collections::HashMap,
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

/// The actions of the menu items, by their id.
type Choices = Arc<Mutex<HashMap<String, Choice>>>;

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
            // As every menu bar item of macOS does; elsewhere a click opens the window.
            .show_menu_on_left_click(cfg!(target_os = "macos"))
            .on_menu_event(move |app, event: MenuEvent| {
                let choices = lock(&choices);
                let choice = choices.get(event.id().as_ref()).cloned();
                drop(choices);
                if let Some(choice) = choice {
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
        let mut items = self.items.iter();
        if !in_place(&tray.menu, &mut items)? || items.next().is_some() {
            let (menu, items) = menu(app, tray)?;
            self.icon.set_menu(Some(menu))?;
            self.items = items;
        }
        remember(tray, choices);
        Ok(self)
    }
}

/// Updates the items in place. Returns whether they have the shape of the entries.
fn in_place<'a>(
    entries: &[Entry],
    items: &mut impl Iterator<Item = &'a Item>,
) -> tauri::Result<bool> {
    for entry in entries.iter().filter(|entry| !entry.is_hidden()) {
        match (entry, items.next()) {
            (Entry::Text(text), Some(Item::Plain(item))) => item.set_text(literal(text))?,
            (Entry::Separator, Some(Item::Separator)) => {}
            (Entry::Item { text, enabled, .. }, Some(Item::Plain(item))) => {
                item.set_text(literal(text))?;
                item.set_enabled(*enabled)?;
            }
            (Entry::Check { text, checked, .. }, Some(Item::Check(item))) => {
                item.set_text(literal(text))?;
                item.set_checked(*checked)?;
            }
            (Entry::Submenu { text, entries }, Some(Item::Submenu(item))) => {
                item.set_text(literal(text))?;
                if !in_place(entries, items)? {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn menu(app: &AppHandle, tray: &Tray) -> tauri::Result<(Menu<Wry>, Vec<Item>)> {
    let mut items = Vec::new();
    let mut number = 0;
    let made = make(app, &tray.menu, &mut items, &mut number)?;
    let made: Vec<&dyn IsMenuItem<Wry>> = made.iter().map(|item| &**item).collect();
    Ok((Menu::with_items(app, &made)?, items))
}

fn make(
    app: &AppHandle,
    entries: &[Entry],
    items: &mut Vec<Item>,
    number: &mut usize,
) -> tauri::Result<Vec<Box<dyn IsMenuItem<Wry>>>> {
    let mut made: Vec<Box<dyn IsMenuItem<Wry>>> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.is_hidden()) {
        let id = number.to_string();
        *number += 1;
        match entry {
            Entry::Text(text) => {
                let item = MenuItem::with_id(app, id, literal(text), false, None::<&str>)?;
                items.push(Item::Plain(item.clone()));
                made.push(Box::new(item));
            }
            Entry::Separator => {
                items.push(Item::Separator);
                made.push(Box::new(PredefinedMenuItem::separator(app)?));
            }
            Entry::Item { text, enabled, .. } => {
                let item = MenuItem::with_id(app, id, literal(text), *enabled, None::<&str>)?;
                items.push(Item::Plain(item.clone()));
                made.push(Box::new(item));
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
                let below = make(app, entries, items, number)?;
                let below: Vec<&dyn IsMenuItem<Wry>> = below.iter().map(|item| &**item).collect();
                let item = Submenu::with_id_and_items(app, id, literal(text), true, &below)?;
                items[place] = Item::Submenu(item.clone());
                made.push(Box::new(item));
            }
        }
    }
    Ok(made)
}

/// Stores the current actions of the items, by the numbers from [`make`].
fn remember(tray: &Tray, choices: &Choices) {
    fn add(entries: &[Entry], number: &mut usize, choices: &mut HashMap<String, Choice>) {
        for entry in entries.iter().filter(|entry| !entry.is_hidden()) {
            let id = number.to_string();
            *number += 1;
            match entry {
                Entry::Item { choice, .. } | Entry::Check { choice, .. } => {
                    choices.insert(id, choice.clone());
                }
                Entry::Submenu { entries, .. } => add(entries, number, choices),
                Entry::Text(_) | Entry::Separator => {}
            }
        }
    }
    let mut all = HashMap::new();
    add(&tray.menu, &mut 0, &mut all);
    *lock(choices) = all;
}

/// The notification area of Windows takes 16 to 32 pixels, the menu bar of macOS 22 points.
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
