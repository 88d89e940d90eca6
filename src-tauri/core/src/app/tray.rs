//! What the tray shows, as data: the light, the tooltip, and the menu with what each item does.
//!
//! The menu keeps its shape while nothing but states change, so that it can be updated in place: what
//! makes no sense now is disabled, not gone.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use crate::{
    model::{
        finding::Finding,
        view::{Light, PhaseName, ServiceView, Snapshot, StackView},
    },
    stack::ServiceName,
};

/// What the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tray {
    /// The worst of all stacks.
    pub light: Light,
    /// The first line of the tooltip.
    pub title: String,
    /// The rest of it: counts, and the first finding.
    pub tooltip: String,
    /// The menu.
    pub menu: Vec<Entry>,
    /// What a left click does.
    pub click: Choice,
}

/// A line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Only to be read. One that is empty is not shown.
    Text(String),
    /// Between two groups.
    Separator,
    /// Does something.
    Item {
        /// What a person reads.
        text: String,
        /// What it does.
        choice: Choice,
        /// Whether that makes sense now.
        enabled: bool,
    },
    /// Turns something on or off.
    Check {
        /// What a person reads.
        text: String,
        /// What it does.
        choice: Choice,
        /// Whether it is on.
        checked: bool,
    },
    /// Opens another menu.
    Submenu {
        /// What a person reads.
        text: String,
        /// The other menu.
        entries: Vec<Entry>,
    },
}

/// What a person may choose in the tray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Start a service, or all of a stack.
    Start(Target),
    /// Stop a service, or all of a stack.
    Stop(Target),
    /// Restart a service, or all of a stack.
    Restart(Target),
    /// Open one of the links of a service, or the page of its port.
    OpenLink {
        /// The stack file.
        file: PathBuf,
        /// Whose.
        service: ServiceName,
        /// Which; `None` for the page of its port.
        label: Option<String>,
    },
    /// Show the log of a service.
    ShowLog {
        /// The stack file.
        file: PathBuf,
        /// Whose.
        service: ServiceName,
    },
    /// Show the window.
    OpenWindow,
    /// Start with the desktop from now on, or no longer.
    StartAtLogin(bool),
    /// End the app.
    Quit,
}

/// A service, or all of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The stack file.
    pub file: PathBuf,
    /// None means all.
    pub service: Option<ServiceName>,
}

/// What the tray shows of these stacks.
#[must_use]
pub fn tray(snapshot: &Snapshot, starts_at_login: bool) -> Tray {
    let stacks = &snapshot.stacks;
    let mut menu = match stacks.as_slice() {
        [] => vec![Entry::Text("No stack yet".into())],
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
            text: "Start at login".into(),
            choice: Choice::StartAtLogin(!starts_at_login),
            checked: starts_at_login,
        },
        item("Quit", Choice::Quit, true),
    ]);
    let click = match stacks.as_slice() {
        [only] if only.light == Light::Off && !only.services.is_empty() => {
            Choice::Start(whole(only))
        }
        _ => Choice::OpenWindow,
    };
    Tray {
        light: stacks
            .iter()
            .map(|stack| stack.light)
            .max()
            .unwrap_or_default(),
        title: match stacks.as_slice() {
            [only] => only.name.clone(),
            _ => "Pilot Light".into(),
        },
        tooltip: tooltip(stacks),
        menu,
        click,
    }
}

/// The state of a stack in words: `nexus: 2 of 3 ready`.
#[must_use]
pub fn headline(stack: &StackView) -> String {
    format!("{}: {}", stack.name, counts(stack))
}

/// What is wrong first, in words: `backend failed: port 8001 is taken by node (pid 4242)`.
#[must_use]
pub fn trouble(stack: &StackView) -> Option<String> {
    let finding = stack.findings.first().or_else(|| {
        let in_trouble = |service: &&Arc<ServiceView>| service.light == Light::Red;
        let mut troubled = stack.services.iter().filter(in_trouble);
        troubled.find_map(|service| service.finding.as_ref())
    })?;
    let service = stack
        .services
        .iter()
        .find(|service| service.name == finding.service);
    Some(sentence(finding, service.map(|service| service.phase)))
}

fn sentence(finding: &Finding, phase: Option<PhaseName>) -> String {
    let name = finding.service.as_str();
    let title = &*finding.title;
    let begins_with_name = title
        .get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name));
    if begins_with_name {
        return format!("{name}{}", &title[name.len()..]);
    }
    let verb = match phase {
        Some(PhaseName::Failed) => " failed",
        Some(PhaseName::Blocked) => " is blocked",
        Some(PhaseName::Unhealthy) => " is unhealthy",
        _ => "",
    };
    // A sentence continues in lower case. Any other first word may be a name.
    match title.strip_prefix("Port ") {
        Some(rest) => format!("{name}{verb}: port {rest}"),
        None => format!("{name}{verb}: {title}"),
    }
}

fn counts(stack: &StackView) -> String {
    let total = stack.services.len();
    let well = stack
        .services
        .iter()
        .filter(|service| service.phase == PhaseName::Ready || service.light == Light::Green)
        .count();
    let stopping = stack
        .services
        .iter()
        .any(|service| service.phase == PhaseName::Stopping);
    match (stack.light, well) {
        (Light::Off, _) => "off".into(),
        _ if stopping => format!("stopping, {well} of {total} ready"),
        (_, well) if well == total && total > 1 => format!("all {total} ready"),
        (_, well) if well == total => "ready".into(),
        (_, well) => format!("{well} of {total} ready"),
    }
}

fn tooltip(stacks: &[Arc<StackView>]) -> String {
    let mut text = match stacks {
        [] => "no stack yet".to_owned(),
        [only] => counts(only),
        several => several
            .iter()
            .map(|stack| headline(stack))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    if let Some(trouble) = stacks.iter().find_map(|stack| trouble(stack)) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{trouble}");
    }
    text
}

fn stack_menu(stack: &StackView) -> Vec<Entry> {
    let any = |does: fn(&ServiceView) -> bool| stack.services.iter().any(|service| does(service));
    let mut entries = vec![
        Entry::Text(headline(stack)),
        Entry::Text(trouble(stack).unwrap_or_default()),
        item("Start", Choice::Start(whole(stack)), any(can_start)),
        item("Stop", Choice::Stop(whole(stack)), any(can_stop)),
        item("Restart", Choice::Restart(whole(stack)), any(can_restart)),
        Entry::Separator,
    ];
    let services = stack.services.iter();
    entries.extend(services.map(|service| service_menu(stack, service)));
    entries
}

fn service_menu(stack: &StackView, service: &ServiceView) -> Entry {
    let target = || Target {
        file: stack.file.clone(),
        service: Some(service.name.clone()),
    };
    let mut text = format!("{}: {}", service.name, service.state());
    if let Some(port) = service.port {
        // Writing to a string cannot fail.
        let _ = write!(text, ", port {port}");
    }
    let mut entries = vec![
        item("Start", Choice::Start(target()), can_start(service)),
        item("Stop", Choice::Stop(target()), can_stop(service)),
        item("Restart", Choice::Restart(target()), can_restart(service)),
    ];
    entries.extend(pages(service).into_iter().map(|(text, label)| Entry::Item {
        text,
        choice: Choice::OpenLink {
            file: stack.file.clone(),
            service: service.name.clone(),
            label,
        },
        enabled: matches!(service.phase, PhaseName::Ready | PhaseName::Unhealthy),
    }));
    if !service.external {
        entries.push(Entry::Item {
            text: "Show log".into(),
            choice: Choice::ShowLog {
                file: stack.file.clone(),
                service: service.name.clone(),
            },
            enabled: service.run.is_some(),
        });
    }
    Entry::Submenu { text, entries }
}

/// What of a service can be opened in the browser, as the window has it: its links, or where it
/// declares none the page of its port.
fn pages(service: &ServiceView) -> Vec<(String, Option<String>)> {
    let labels = service.links.keys();
    let links = labels.map(|label| (format!("Open {label}"), Some(label.clone())));
    let port = service
        .port
        .filter(|_| service.links.is_empty() && !service.external)
        .map(|port| (format!("Open port {port}"), None));
    links.chain(port).collect()
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

fn whole(stack: &StackView) -> Target {
    Target {
        file: stack.file.clone(),
        service: None,
    }
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
