//! The application as the daemon: with the command, after another daemon, and twice.

use pilotlight_app_tests::{desktop::Desktop, light::Light, processes, until_so};
use serde_json::json;

use crate::{Stage, two};

#[test]
fn the_command_talks_to_the_application() {
    let desktop = Desktop::new();
    let app = desktop.start(&[]);
    let icon = desktop.tray().icon();
    let file = two().write(&desktop);
    let path = file.display().to_string();
    desktop.pilotlight(&["--file", &path, "up", "--detach"]);
    icon.until_shows(Light::Green);
    assert_eq!(desktop.daemon(), Some(app.pid()));
    let service = desktop.service(&file, "backend");
    assert_eq!(service["phase"], "ready");
    desktop.pilotlight(&["--file", &path, "down"]);
    icon.until_shows(Light::Off);
}

#[test]
fn the_application_adopts_the_services_of_a_background_daemon_without_a_restart() {
    let desktop = Desktop::new();
    let file = two().write(&desktop);
    desktop.pilotlight(&["--file", &file.display().to_string(), "up", "--detach"]);
    let before = [desktop.pid(&file, "redis"), desktop.pid(&file, "backend")];
    let first = desktop.daemon().expect("a daemon");

    let app = desktop.start(&[]);
    let icon = desktop.tray().icon();
    icon.until_shows(Light::Green);
    until_so("the first daemon is gone", || !processes::lives(first));
    assert_eq!(desktop.daemon(), Some(app.pid()));
    assert_eq!(
        [desktop.pid(&file, "redis"), desktop.pid(&file, "backend")],
        before
    );
    assert_eq!(desktop.service(&file, "redis")["adopted"], true);

    icon.menu().click(&["Stop"]);
    icon.until_shows(Light::Off);
    assert!(before.iter().all(|pid| !processes::lives(*pid)));
}

#[test]
fn a_killed_application_leaves_its_services_to_the_next_one() {
    let mut stage = Stage::lit(&two(), &json!({}));
    let before = [stage.pid("redis"), stage.pid("backend")];
    stage.app.kill();
    assert!(before.iter().all(|pid| processes::lives(*pid)));

    stage.app = stage.desktop.start(&[]);
    let icon = stage.desktop.tray().icon();
    icon.until_shows(Light::Green);
    assert_eq!([stage.pid("redis"), stage.pid("backend")], before);
    // No start was requested and nothing has exited, so there is nothing to report.
    assert_eq!(stage.desktop.notifications.texts(), [] as [String; 0]);
    icon.menu().click(&["Stop"]);
    icon.until_shows(Light::Off);
    assert!(before.iter().all(|pid| !processes::lives(*pid)));
}

#[test]
fn a_second_start_shows_the_window_of_the_first() {
    let mut stage = Stage::lit(&two(), &json!({}));
    let redis = stage.pid("redis");
    let mut second = stage.desktop.start(&[]);
    let status = second.until_ended();
    assert!(status.success(), "{status}: {}", second.said());
    until_so("the window", || {
        stage.desktop.display.windows("Pilot Light") == 1
    });
    assert!(stage.app.runs());
    assert_eq!(stage.desktop.tray().count(), 1);
    assert_eq!(stage.pid("redis"), redis);
}
