//! The notifications of the desktop.

use pilotlight_app_tests::{light::Light, processes, stack::Stack, until_so};
use serde_json::json;

use crate::{Stage, two};

#[test]
fn a_crash_is_notified_once_and_so_is_the_recovery() {
    let stage = Stage::lit(&two(), &json!({}));
    let seen = stage.desktop.notifications.seen();
    let redis = stage.pid("redis");
    processes::kill(redis);
    seen.first(0, "that redis crashed", |notification| {
        notification.text().contains("redis crashed")
    });
    seen.first(0, "that redis recovered", |notification| {
        notification.text().contains("redis recovered after")
    });
    stage.icon.until_shows(Light::Green);
    assert_ne!(stage.pid("redis"), redis);

    // The backend, which needs redis, gets no notification of its own, and neither do actions of the user.
    stage.icon.menu().click(&["Stop"]);
    stage.icon.until_shows(Light::Off);
    let texts = stage.desktop.notifications.texts();
    assert_eq!(texts.len(), 2, "{texts:#?}");
}

#[test]
fn a_crash_loop_ends_with_one_notification() {
    let stack = Stack::new("nexus")
        .service("backend", "--exit 3", "")
        .service("other", "", "");
    let stage = Stage::new(&stack);
    stage.icon.menu().click(&["Start"]);
    let seen = stage.desktop.notifications.seen();
    seen.first(0, "that it failed", |notification| {
        notification.text().contains("backend failed")
    });
    stage.icon.until_shows(Light::Red);
    let failed = |text: &&String| text.contains("backend failed");
    let texts = stage.desktop.notifications.texts();
    assert_eq!(texts.iter().filter(failed).count(), 1, "{texts:#?}");
    assert!(
        texts.len() <= 2,
        "one for the crash and one for the failure: {texts:#?}"
    );
}

#[test]
fn actions_of_the_user_cause_no_notification() {
    let stage = Stage::lit(&two(), &json!({}));
    let backend = stage.pid("backend");
    stage.icon.menu().click(&["Restart"]);
    until_so("it is gone", || !processes::lives(backend));
    stage.icon.until_shows(Light::Green);
    stage.icon.menu().click(&["Stop"]);
    stage.icon.until_shows(Light::Off);
    assert_eq!(stage.desktop.notifications.texts(), [] as [String; 0]);
}

#[test]
fn no_notification_appears_if_they_are_turned_off() {
    let stage = Stage::lit(&two(), &json!({ "notifications": false }));
    let redis = stage.pid("redis");
    let from = stage.icon.lights().count();
    processes::kill(redis);
    stage.icon.until_light(from, Light::Green);
    until_so("a successor", || stage.pid("redis") != redis);
    stage.icon.menu().click(&["Stop"]);
    stage.icon.until_shows(Light::Off);
    assert_eq!(stage.desktop.notifications.texts(), [] as [String; 0]);
}

#[test]
fn a_click_on_a_notification_opens_the_window() {
    let stage = Stage::lit(&two(), &json!({}));
    processes::kill(stage.pid("redis"));
    let died = stage
        .desktop
        .notifications
        .seen()
        .first(0, "that redis crashed", |notification| {
            notification.text().contains("redis crashed")
        });
    assert_eq!(died.what.actions, ["default"], "it can be clicked");
    stage.desktop.notifications.click(&died.what);
    until_so("the window", || {
        stage.desktop.display.windows("Pilot Light") == 1
    });
}
