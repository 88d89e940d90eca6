//! The notification daemon of a desktop.
#![expect(
    clippy::used_underscore_binding,
    clippy::unused_self,
    reason = "the protocols have unused arguments and answers"
)]

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

use zbus::{blocking::Connection, zvariant::OwnedValue};

use crate::{bus::Bus, seen::Seen};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// A notification of a program.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its number.
    pub id: u32,
    /// Its first line.
    pub summary: String,
    /// Its text below that line.
    pub body: String,
    /// Its actions: names, without their labels.
    pub actions: Vec<String>,
}

impl Notification {
    /// Returns all visible text.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}", self.summary, self.body)
    }
}

/// The daemon, which leaves the bus on drop.
pub struct Notifications {
    connection: Connection,
    seen: Seen<Notification>,
}

struct Daemon {
    last: AtomicU32,
    seen: Seen<Notification>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    #[expect(clippy::too_many_arguments, reason = "the protocol defines them")]
    fn notify(
        &self,
        _app_name: &str,
        replaces: u32,
        _app_icon: &str,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let id = match replaces {
            0 => self.last.fetch_add(1, Ordering::Relaxed) + 1,
            known => known,
        };
        let actions = actions.into_iter().step_by(2).collect();
        self.seen.add(Notification {
            id,
            summary,
            body,
            actions,
        });
        id
    }

    fn close_notification(&self, _id: u32) {}

    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "persistence"]
            .map(ToOwned::to_owned)
            .to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let texts = ["tests", "Pilot Light", "1", "1.2"];
        texts.map(ToOwned::to_owned).into()
    }
}

impl Notifications {
    /// Starts a daemon on this bus.
    #[must_use]
    pub fn start(bus: &Bus) -> Self {
        let seen = Seen::default();
        let daemon = Daemon {
            last: AtomicU32::new(0),
            seen: seen.clone(),
        };
        let connection = bus
            .builder()
            .serve_at(PATH, daemon)
            .and_then(|builder| builder.name(NAME))
            .and_then(zbus::blocking::connection::Builder::build)
            .expect("a notification daemon on the bus");
        Self { connection, seen }
    }

    /// Returns the notifications so far.
    #[must_use]
    pub fn seen(&self) -> &Seen<Notification> {
        &self.seen
    }

    /// Returns the texts of all notifications so far.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.seen
            .all()
            .iter()
            .map(|event| event.what.text())
            .collect()
    }

    /// Clicks on a notification.
    pub fn click(&self, notification: &Notification) {
        let action = (notification.id, "default");
        let emitted =
            self.connection
                .emit_signal(None::<&str>, PATH, NAME, "ActionInvoked", &action);
        emitted.expect("a click on the notification");
    }
}
