//! Tests the registry entries of the app. Each test uses keys of its own and removes them.

use std::{fs, path::Path, process};

use pilotlight::host::identity;
use windows_registry::{CURRENT_USER, Type};

use super::{ICON, SENDERS, as_word, register};
use crate::autostart::Autostart;

/// The programs that start with the desktop, and the switches of the task manager for them.
const AT_LOGIN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const APPROVED: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";

#[test]
fn a_path_is_one_word_of_a_command_line() {
    assert_eq!(
        as_word(r"C:\Program Files\Pilot Light\pilot-light.exe"),
        r#""C:\Program Files\Pilot Light\pilot-light.exe""#
    );
}

/// A registry key that is removed when the test ends.
struct Sender(String);

impl Drop for Sender {
    fn drop(&mut self) {
        drop(CURRENT_USER.remove_tree(format!(r"{SENDERS}\{}", self.0)));
    }
}

#[test]
fn a_sender_is_registered_with_its_name_and_an_existing_icon() {
    let sender = Sender(format!("dev.pilotlight.test.{}", process::id()));
    let folder = tempfile::Builder::new().prefix("ein Ort ☀ ").tempdir();
    let folder = folder.expect("a folder");
    // The folder of the state is resolved in the same way.
    let resolved = folder.path().canonicalize().expect("the folder");

    // The app registers at every start.
    for name in ["Before", "Pilot Light"] {
        register(&sender.0, name, &resolved).expect("a sender");
    }

    let key = CURRENT_USER.open(format!(r"{SENDERS}\{}", sender.0));
    let key = key.expect("the key of the sender");
    assert_eq!(key.get_string("DisplayName").as_deref(), Ok("Pilot Light"));
    let icon = key.get_string("IconUri").expect("an icon");
    assert!(!icon.starts_with(r"\\"), "{icon}");
    assert_eq!(fs::read(&icon).expect("the picture"), ICON);
}

#[test]
fn windows_accepts_the_identity() {
    identity::assume("dev.pilotlight.test").expect("the identity");
}

/// An autostart entry that is removed when the test ends.
struct Entry(String);

impl Entry {
    fn new(of: &str) -> Self {
        Self(format!("Pilot Light test {of} {}", process::id()))
    }

    fn command_line(&self) -> Option<String> {
        let key = CURRENT_USER.open(AT_LOGIN).ok()?;
        key.get_string(&self.0).ok()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        for key in [AT_LOGIN, APPROVED] {
            if let Ok(key) = CURRENT_USER.options().write().open(key) {
                drop(key.remove_value(&self.0));
            }
        }
    }
}

const PROGRAM: &str = r"C:\Program Files\Pilot ☀ Light\pilot-light.exe";

#[test]
fn an_autostart_entry_is_quoted_and_can_be_removed() {
    let entry = Entry::new("entry");
    let autostart = Autostart::of(&entry.0, Path::new(PROGRAM));
    assert_eq!(autostart.is_on(), Ok(false));
    autostart.set(false).expect("to be off, as it is");

    autostart.set(true).expect("to be on");
    assert_eq!(autostart.is_on(), Ok(true));
    assert_eq!(
        entry.command_line().as_deref(),
        Some(r#""C:\Program Files\Pilot ☀ Light\pilot-light.exe" --at-login"#)
    );

    let moved = Autostart::of(&entry.0, Path::new(r"D:\pilot-light.exe"));
    moved.set(true).expect("to be renewed");
    assert_eq!(
        entry.command_line().as_deref(),
        Some(r#""D:\pilot-light.exe" --at-login"#)
    );

    moved.set(false).expect("to be off");
    assert_eq!(autostart.is_on(), Ok(false));
    assert_eq!(entry.command_line(), None);
}

#[test]
fn an_entry_disabled_in_the_task_manager_is_off_until_it_is_enabled_again() {
    let entry = Entry::new("task manager");
    let autostart = Autostart::of(&entry.0, Path::new(PROGRAM));
    autostart.set(true).expect("to be on");
    // The task manager writes an odd number and the time at which the entry was disabled.
    let off = [3, 0, 0, 0, 0x20, 0x5c, 0x1f, 0x3a, 0x4b, 0x3d, 0xdb, 1];
    let approved = CURRENT_USER.create(APPROVED).expect("the key");
    approved
        .set_bytes(&entry.0, Type::Bytes, &off)
        .expect("the value of the task manager");
    assert_eq!(autostart.is_on(), Ok(false));

    autostart.set(true).expect("to be on again");
    assert_eq!(autostart.is_on(), Ok(true));
}
