//! The settings of the app, and its known stacks. Stored in one file that is replaced atomically;
//! an unreadable file is quarantined.

use std::{io, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fs::{
    home::Home,
    quarantine::quarantine,
    replace::{read_json, replace_json},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The user's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(default)]
pub struct Settings {
    /// Whether the app starts with the desktop.
    pub start_at_login: bool,
    /// Whether incidents are shown as desktop notifications.
    pub notifications: bool,
    /// The time until which notifications are muted, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "string"))]
    pub muted_until: Option<Timestamp>,
    /// What happens to the services when the app quits.
    pub on_quit: OnQuit,
    /// The appearance of the window.
    pub theme: Theme,
}

/// What happens to the services when the app quits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum OnQuit {
    /// The user is asked, if any service runs.
    #[default]
    Ask,
    /// All are stopped.
    StopAll,
    /// They keep running, for a later daemon to adopt.
    LeaveRunning,
}

/// The appearance of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Settings {
    /// Returns whether notifications are muted at this time.
    #[must_use]
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.muted_until.is_some_and(|until| now < until)
    }

    /// Returns the settings with notifications muted for an hour, or not muted any more.
    #[must_use]
    pub fn muted(self, on: bool, now: Timestamp) -> Self {
        let muted_until = on.then(|| now.saturating_add(HOUR).unwrap_or(now));
        Self {
            muted_until,
            ..self
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            start_at_login: false,
            notifications: true,
            muted_until: None,
            on_quit: OnQuit::default(),
            theme: Theme::default(),
        }
    }
}

/// A stack that the app knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredStack {
    /// Its stack file, absolute.
    #[serde(with = "crate::fs::native_text")]
    pub file: PathBuf,
    /// Whether it is started when the app starts with the desktop.
    #[serde(default)]
    pub start_at_login: bool,
}

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Choices {
    pub(crate) settings: Settings,
    pub(crate) stacks: Vec<StoredStack>,
}

/// The settings file.
#[derive(Debug)]
pub(crate) struct Store(PathBuf);

impl Store {
    /// Reads the settings. An unreadable file is quarantined; the last value is a message about
    /// that.
    pub(crate) fn open(home: &Home) -> (Self, Choices, Option<String>) {
        let store = Self(home.settings().join("settings.json"));
        let (choices, remark) = store.read();
        (store, choices, remark)
    }

    fn read(&self) -> (Choices, Option<String>) {
        let path = &self.0;
        let error = match read_json(path) {
            Ok(choices) => return (choices.unwrap_or_default(), None),
            Err(error) => error,
        };
        let remark = if error.kind() == io::ErrorKind::InvalidData {
            match quarantine(path, format!("the settings cannot be parsed ({error})")) {
                Ok(quarantine) => quarantine.to_string(),
                Err(failed) => format!(
                    "{} cannot be parsed ({error}) or moved aside: {failed}",
                    path.display()
                ),
            }
        } else {
            format!("{} cannot be read: {error}", path.display())
        };
        (Choices::default(), Some(remark))
    }

    /// Writes the settings.
    pub(crate) fn write(&self, choices: &Choices) -> io::Result<()> {
        replace_json(&self.0, choices)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::under(folder.path()).unwrap();
        home.prepare().unwrap();
        (folder, home)
    }

    #[test]
    fn what_was_chosen_is_there_the_next_time() {
        let (_folder, home) = home();
        let (store, before, remark) = Store::open(&home);
        assert_eq!((before, remark), (Choices::default(), None));
        let chosen = Choices {
            settings: Settings {
                on_quit: OnQuit::LeaveRunning,
                notifications: false,
                ..Settings::default()
            },
            stacks: vec![StoredStack {
                file: "/srv/a b/pilotlight.toml".into(),
                start_at_login: true,
            }],
        };
        store.write(&chosen).unwrap();
        let (_, after, remark) = Store::open(&home);
        assert_eq!((after, remark), (chosen, None));
    }

    #[test]
    fn what_cannot_be_understood_is_set_aside_and_said() {
        let (_folder, home) = home();
        let path = home.settings().join("settings.json");
        fs::write(&path, "{\"settings\": 1}").unwrap();
        let (_, choices, remark) = Store::open(&home);
        assert_eq!(choices, Choices::default());
        assert!(remark.unwrap().contains("settings.json.set-aside-1"));
        let kept = fs::read_to_string(home.settings().join("settings.json.set-aside-1"));
        assert_eq!(kept.unwrap(), "{\"settings\": 1}");
    }

    #[test]
    fn what_a_later_version_writes_is_read_as_far_as_it_is_known() {
        let (_folder, home) = home();
        let path = home.settings().join("settings.json");
        fs::write(
            &path,
            r#"{"settings": {"theme": "dark", "sound": "loud"}, "more": 1}"#,
        )
        .unwrap();
        let (_, choices, remark) = Store::open(&home);
        assert_eq!(choices.settings.theme, Theme::Dark);
        assert!(choices.settings.notifications);
        assert_eq!(remark, None);
    }
}
