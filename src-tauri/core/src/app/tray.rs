//! The tray as data: the light, the tooltip, and the menu with the action of each item.
//!
//! The menu keeps its shape while only states change, so that it can be updated in place: an item that
//! makes no sense now is disabled or empty, not gone.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use jiff::Timestamp;

use crate::{
    app::settings::Settings,
    model::view::{Light, PhaseName, ProfileView, ServiceView, Snapshot, StackView},
    stack::ServiceName,
};

/// The content of the tray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tray {
    /// The worst light of all stacks.
    pub light: Light,
    /// The first line of the tooltip.
    pub title: String,
    /// The rest of the tooltip: the state, and the first finding.
    pub tooltip: String,
    /// The menu.
    pub menu: Vec<Entry>,
}

/// A line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A text that cannot be clicked.
    Text(String),
    /// A line between two groups.
    Separator,
    /// An action. An item with an empty text is not shown.
    Item {
        /// The label.
        text: String,
        /// The action.
        choice: Choice,
        /// Whether the action makes sense now.
        enabled: bool,
    },
    /// A setting that is on or off.
    Check {
        /// The label.
        text: String,
        /// The action.
        choice: Choice,
        /// Whether it is on.
        checked: bool,
    },
    /// A submenu.
    Submenu {
        /// The label.
        text: String,
        /// Its entries.
        entries: Vec<Entry>,
    },
}

impl Entry {
    /// Returns whether the entry is not shown.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self, Self::Item { text, .. } if text.is_empty())
    }
}

/// An action of the tray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Start a service, or all of a stack.
    Start(Target),
    /// Stop a service, or all of a stack.
    Stop(Target),
    /// Restart a service, or all of a stack.
    Restart(Target),
    /// Choose a profile of a stack.
    Profile {
        /// The stack file.
        file: PathBuf,
        /// The profile.
        name: String,
    },
    /// Open a link of a service in the browser.
    OpenLink {
        /// The stack file.
        file: PathBuf,
        /// The service.
        service: ServiceName,
        /// The label of the link; `None` for the page of its port.
        label: Option<String>,
    },
    /// Show a service in the window, with its log.
    Show {
        /// The stack file.
        file: PathBuf,
        /// The service.
        service: ServiceName,
    },
    /// Show the window.
    OpenWindow,
    /// Mute notifications for an hour, or no longer.
    Mute(bool),
    /// Turn the start at login on or off.
    StartAtLogin(bool),
    /// Quit the app.
    Quit,
}

/// A service, or a whole stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The stack file.
    pub file: PathBuf,
    /// The service; `None` for all.
    pub service: Option<ServiceName>,
}

/// Returns the content of the tray for these stacks and settings.
#[must_use]
pub fn tray(snapshot: &Snapshot, settings: &Settings, now: Timestamp) -> Tray {
    let (muted, starts_at_login) = (settings.is_muted(now), settings.start_at_login);
    let stacks = &snapshot.stacks;
    let mut menu = match stacks.as_slice() {
        [] => vec![item("Add project folder…", Choice::OpenWindow, true)],
        [only] => stack_menu(only),
        several => several
            .iter()
            .map(|stack| Entry::Submenu {
                text: headline(stack),
                entries: stack_menu(stack),
            })
            .collect(),
    };
    menu.extend([
        Entry::Separator,
        item("Open Pilot Light", Choice::OpenWindow, true),
        Entry::Check {
            text: "Mute notifications for an hour".into(),
            choice: Choice::Mute(!muted),
            checked: muted,
        },
        Entry::Check {
            text: "Start at login".into(),
            choice: Choice::StartAtLogin(!starts_at_login),
            checked: starts_at_login,
        },
        item("Quit", Choice::Quit, true),
    ]);
    let lights = stacks.iter().map(|stack| stack.light);
    Tray {
        light: lights.max().unwrap_or_default(),
        title: match stacks.as_slice() {
            [only] => only.name.clone(),
            _ => "Pilot Light".into(),
        },
        tooltip: tooltip(stacks),
        menu,
    }
}

/// Returns the state of a stack with its name: `nexus: 2 of 3 ready`.
fn headline(stack: &StackView) -> String {
    format!("{}: {}", stack.title(), stack.summary())
}

/// Returns the first problem of a stack: its service, and a sentence that names it.
fn problem(stack: &StackView) -> Option<(&ServiceName, String)> {
    let finding = stack.findings.first().or_else(|| {
        let services = stack.services.iter();
        let mut red = services.filter(|service| service.light == Light::Red);
        red.find_map(|service| service.finding.as_ref())
    })?;
    let (name, title) = (finding.service.as_str(), &*finding.title);
    let sentence = if title.contains(name) {
        title.to_owned()
    } else {
        format!("{name}: {title}")
    };
    Some((&finding.service, sentence))
}

fn tooltip(stacks: &[Arc<StackView>]) -> String {
    let mut text = match stacks {
        [] => "no stacks".to_owned(),
        [only] => only.summary(),
        several => {
            let lines: Vec<_> = several.iter().map(|stack| headline(stack)).collect();
            lines.join("\n")
        }
    };
    if let Some((_, problem)) = stacks.iter().find_map(|stack| problem(stack)) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{problem}");
    }
    text
}

fn stack_menu(stack: &StackView) -> Vec<Entry> {
    let any = |does: fn(&ServiceView) -> bool| stack.services.iter().any(|service| does(service));
    let by = stack.started_by.as_ref().filter(|_| !stack.is_dark());
    let by = by.map_or_else(String::new, |by| format!(", started by {}", by.client));
    let mut entries = vec![Entry::Text(headline(stack) + &by)];
    entries.push(match problem(stack) {
        Some((service, sentence)) => item(&sentence, show(stack, service), true),
        None => item("", Choice::OpenWindow, false),
    });
    let services = || stack.services.iter().map(|service| &**service);
    entries.extend(services().flat_map(|service| links(stack, service)));
    entries.push(Entry::Separator);
    let whole = || Target {
        file: stack.file.clone(),
        service: None,
    };
    let name = stack.title();
    // Where all have failed, there is nothing to stop.
    entries.push(if any(|service| can_stop(service) && !can_start(service)) {
        item(&format!("Stop {name}"), Choice::Stop(whole()), true)
    } else {
        let can_start = any(can_start);
        item(&format!("Start {name}"), Choice::Start(whole()), can_start)
    });
    let restart = Choice::Restart(whole());
    entries.push(item(&format!("Restart {name}"), restart, any(can_restart)));
    if !stack.profiles.is_empty() {
        let profile = |profile: &ProfileView| Entry::Check {
            text: profile.name.clone(),
            choice: Choice::Profile {
                file: stack.file.clone(),
                name: profile.name.clone(),
            },
            checked: profile.chosen,
        };
        entries.push(Entry::Submenu {
            text: "Profile".into(),
            entries: stack.profiles.iter().map(profile).collect(),
        });
    }
    entries.push(Entry::Separator);
    entries.extend(services().map(|service| service_menu(stack, service)));
    entries
}

fn service_menu(stack: &StackView, service: &ServiceView) -> Entry {
    let target = || Target {
        file: stack.file.clone(),
        service: Some(service.name.clone()),
    };
    let mut text = format!("{}: {}", service.name, service.state());
    if let Some(reason) = service.reason() {
        // Writing to a string cannot fail.
        let _ = write!(text, ", {reason}");
    }
    let stop = item("Stop", Choice::Stop(target()), can_stop(service));
    let restart = Choice::Restart(target());
    let mut entries = if service.task {
        let is_active = service.pid.is_some() || !service.waiting_for.is_empty();
        vec![item("Run", restart, !is_active), stop]
    } else {
        let start = item("Start", Choice::Start(target()), can_start(service));
        vec![start, stop, item("Restart", restart, can_restart(service))]
    };
    entries.extend(links(stack, service));
    entries.extend(port_page(stack, service));
    if !service.external {
        let show = show(stack, &service.name);
        entries.push(item("Show log", show, service.run.is_some()));
    }
    Entry::Submenu { text, entries }
}

/// Returns an item for each declared link of a service.
fn links(stack: &StackView, service: &ServiceView) -> impl Iterator<Item = Entry> {
    let labels = service.links.keys();
    labels.map(|label| open(stack, service, label, Some(label.clone())))
}

/// Returns an item for the page of a service's port, if the service declares no links.
fn port_page(stack: &StackView, service: &ServiceView) -> Option<Entry> {
    let port = service
        .port
        .filter(|_| service.links.is_empty() && !service.external)?;
    Some(open(stack, service, &format!("port {port}"), None))
}

fn show(stack: &StackView, service: &ServiceName) -> Choice {
    Choice::Show {
        file: stack.file.clone(),
        service: service.clone(),
    }
}

fn open(stack: &StackView, service: &ServiceView, what: &str, label: Option<String>) -> Entry {
    let choice = Choice::OpenLink {
        file: stack.file.clone(),
        service: service.name.clone(),
        label,
    };
    let is_up = matches!(service.phase, PhaseName::Ready | PhaseName::Unhealthy);
    item(&format!("Open {what}"), choice, is_up)
}

fn can_start(service: &ServiceView) -> bool {
    match service.phase {
        PhaseName::Stopped => service.waiting_for.is_empty(),
        PhaseName::Blocked | PhaseName::Failed => true,
        PhaseName::Claiming
        | PhaseName::Starting
        | PhaseName::Ready
        | PhaseName::Unhealthy
        | PhaseName::Stopping
        | PhaseName::Backoff => false,
    }
}

fn can_stop(service: &ServiceView) -> bool {
    match service.phase {
        PhaseName::Stopped => !matches!(service.light, Light::Off | Light::Green),
        PhaseName::Stopping => false,
        PhaseName::Claiming
        | PhaseName::Starting
        | PhaseName::Ready
        | PhaseName::Unhealthy
        | PhaseName::Backoff
        | PhaseName::Blocked
        | PhaseName::Failed => true,
    }
}

fn can_restart(service: &ServiceView) -> bool {
    service.phase != PhaseName::Stopped && can_stop(service)
}

fn item(text: &str, choice: Choice, enabled: bool) -> Entry {
    Entry::Item {
        text: text.into(),
        choice,
        enabled,
    }
}

#[cfg(test)]
#[path = "tray/tests.rs"]
mod tests;
