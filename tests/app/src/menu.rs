//! The menu of an icon (`com.canonical.dbusmenu`), read and clicked as a desktop does.

use std::{collections::HashMap, fmt::Write as _};

use zbus::{
    blocking::{Connection, Proxy},
    names::BusName,
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use crate::until;

/// An item with its descendants: number, properties, children.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// The menu of an icon. Each call reads its current state.
pub struct Menu(Proxy<'static>);

/// An entry of the menu.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, which does not change as long as the entry exists.
    pub id: i32,
    /// Its text, without the mark of the shortcut.
    pub label: String,
    /// Whether it can be clicked.
    pub enabled: bool,
    /// Whether it is ticked; `None` if it is not a check box.
    pub ticked: Option<bool>,
    /// The entries of its submenu.
    pub entries: Vec<Entry>,
}

impl Menu {
    pub(crate) fn new(connection: &Connection, name: &BusName<'_>, path: OwnedObjectPath) -> Self {
        let menu = zbus::blocking::proxy::Builder::new(connection)
            .destination(name.to_owned())
            .and_then(|builder| builder.path(path))
            .and_then(|builder| builder.interface("com.canonical.dbusmenu"))
            .map(|builder| builder.cache_properties(zbus::proxy::CacheProperties::No))
            .and_then(zbus::blocking::proxy::Builder::build);
        Self(menu.expect("the menu"))
    }

    /// Opens the menu and returns its entries, without separators.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let _: bool = self.0.call("AboutToShow", &(0,)).expect("the menu opens");
        self.layout()
    }

    /// Returns its entries while it is open.
    #[must_use]
    pub fn layout(&self) -> Vec<Entry> {
        let all: Vec<&str> = Vec::new();
        let (_, root): (u32, Layout) = self
            .0
            .call("GetLayout", &(0, -1, all))
            .expect("the layout of the menu");
        entry(root).entries
    }

    /// Waits for an entry that can be clicked, and clicks it. Each word is the beginning of an entry's text, and
    /// leads to it through the submenus.
    pub fn click(&self, words: &[&str]) {
        let entry = until(&format!("{words:?} in the menu:\n{}", self.text()), || {
            self.find(words).filter(|entry| entry.enabled)
        });
        let nothing = Value::from(0);
        let clicked: zbus::Result<()> =
            self.0.call("Event", &(entry.id, "clicked", nothing, 0_u32));
        match clicked {
            // A click on Quit may get no reply.
            Err(zbus::Error::MethodError(name, ..))
                if name.as_str() == "org.freedesktop.DBus.Error.NoReply" => {}
            clicked => clicked.expect("a click in the menu"),
        }
    }

    /// Returns the entry that the words lead to.
    #[must_use]
    pub fn find(&self, words: &[&str]) -> Option<Entry> {
        let mut entries = self.entries();
        let mut found: Option<Entry> = None;
        for word in words {
            let at = entries
                .iter()
                .position(|entry| entry.label.starts_with(word))?;
            let next = entries.swap_remove(at);
            entries.clone_from(&next.entries);
            found = Some(next);
        }
        found
    }

    /// Returns its text with a line for each entry: submenus are indented, disabled entries in brackets.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        write(&mut text, &self.entries(), 0);
        text
    }
}

fn write(text: &mut String, entries: &[Entry], depth: usize) {
    for entry in entries {
        let tick = match entry.ticked {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        let (before, after) = if entry.enabled { ("", "") } else { ("(", ")") };
        text.push_str(&"  ".repeat(depth));
        let _ = writeln!(text, "{tick}{before}{}{after}", entry.label);
        write(text, &entry.entries, depth + 1);
    }
}

fn entry((id, properties, children): Layout) -> Entry {
    let text = |name: &str| {
        let value = properties.get(name)?;
        <&str>::try_from(value).ok().map(ToOwned::to_owned)
    };
    let number = |name: &str| i32::try_from(properties.get(name)?).ok();
    let truth = |name: &str| bool::try_from(properties.get(name)?).ok();
    let children = children.into_iter().filter_map(|child| {
        let layout = Layout::try_from(child).ok()?;
        let property = |name: &str| layout.1.get(name);
        let is_line = property("type")
            .is_some_and(|kind| <&str>::try_from(kind).is_ok_and(|kind| kind == "separator"));
        let hidden = property("visible")
            .is_some_and(|shown| bool::try_from(shown).is_ok_and(|shown| !shown));
        (!is_line && !hidden).then(|| entry(layout))
    });
    Entry {
        id,
        entries: children.collect(),
        label: plain(&text("label").unwrap_or_default()),
        enabled: truth("enabled").unwrap_or(true),
        ticked: text("toggle-type")
            .filter(|kind| !kind.is_empty())
            .map(|_| number("toggle-state") == Some(1)),
    }
}

/// Removes the marks of shortcuts: an `_` before a letter. A literal `_` is doubled.
fn plain(label: &str) -> String {
    label
        .replace("__", "\0")
        .replace('_', "")
        .replace('\0', "_")
}
