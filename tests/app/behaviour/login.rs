//! Starting with the desktop.

use std::{fs, path::PathBuf};

use pilotlight_app_tests::{
    desktop::Desktop, light::Light, programs, stack::Stack, until, until_so,
};
use serde_json::json;

/// `gio launch` starts the entry as desktops do. (It rejects every program with a `%` in its path, even an
/// escaped one.)
#[test]
fn started_by_its_autostart_entry_it_hides_in_the_tray_and_starts_the_chosen_stacks() {
    let desktop = Desktop::new();
    let chosen = Stack::new("chosen").service("a", "", "").write(&desktop);
    let other = Stack::new("other").service("b", "", "").write(&desktop);
    desktop.keeps(&json!({ "stacks": [
        { "file": chosen, "start_at_login": true },
        { "file": other, "start_at_login": false },
    ] }));
    let folder = desktop.folder().join("with a space & \"quotes\" $HOME");
    fs::create_dir(&folder).expect("a folder");
    let copy = folder.join("pilot-light");
    fs::copy(programs::app(), &copy).expect("a copy of the application");

    let mut app = desktop.start_copy(&copy, &[]);
    let icon = desktop.tray().icon();
    icon.menu().click(&["Start at login"]);
    let entry = until("an autostart entry", || entry(&desktop));
    until_so("a tick in the menu", || {
        icon.menu()
            .find(&["Start at login"])
            .is_some_and(|item| item.ticked == Some(true))
    });
    assert_eq!(
        desktop.service(&chosen, "a")["phase"],
        "stopped",
        "it has not been requested yet"
    );
    app.kill();

    let mut launch = desktop.program("gio".as_ref());
    // The application inherits the launcher's output, so waiting for the end of that output would wait for it too.
    let said = fs::File::create(desktop.folder().join("launcher.said")).expect("a file");
    let status = launch
        .arg("launch")
        .arg(&entry)
        .stderr(said)
        .status()
        .expect("gio");
    let text = fs::read_to_string(&entry).expect("the entry");
    assert!(status.success(), "{status}\n{text}");
    let icon = desktop.tray().icon();
    let _ = desktop.pid(&chosen, "a");
    icon.until_shows(Light::Green);
    assert_eq!(desktop.service(&other, "b")["phase"], "stopped");
    assert_eq!(desktop.display.windows("Pilot Light"), 0);

    icon.menu().click(&["Start at login"]);
    until_so("no autostart entry", || self::entry(&desktop).is_none());
}

/// A program that a desktop starts has not read the shell's startup files, in which users set `PATH`.
#[test]
fn a_service_has_the_variables_of_the_login_shell_however_early_it_is_started() {
    let desktop = Desktop::new();
    let profile = "sleep 1\nexport SET_BY=the-login-shell\n";
    fs::write(desktop.user().join(".bash_profile"), profile).expect("a profile");
    let file = Stack::new("early").service("a", "", "").write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let mut command = desktop.program(programs::app());
    command.env("SHELL", "/bin/bash");
    let _app = desktop.start_command(command);
    desktop.tray().icon().menu().click(&["Start"]);
    let pid = desktop.pid(&file, "a");
    let variables = fs::read(format!("/proc/{pid}/environ")).expect("its variables");
    let variables: Vec<_> = variables.split(|byte| *byte == 0).collect();
    assert!(variables.contains(&b"SET_BY=the-login-shell".as_slice()));
    // Variables that the application sets for its own libraries must not reach them.
    assert!(
        !variables
            .iter()
            .any(|variable| variable.starts_with(b"WEBKIT_"))
    );
}

fn entry(desktop: &Desktop) -> Option<PathBuf> {
    let folder = desktop.user().join(".config/autostart");
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    let entry = entries.next()?.path();
    // It may be incomplete.
    fs::read_to_string(&entry)
        .is_ok_and(|text| text.contains("Exec="))
        .then_some(entry)
}
