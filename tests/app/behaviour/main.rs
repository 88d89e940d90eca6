//! The tray application from a user's view: icon, menu, notifications, start and exit.
#![cfg(target_os = "linux")]

mod ending;
mod hosts;
mod keeping;
mod login;
mod menu;
mod notifying;
mod panel;
mod secrets;
mod tray;

use std::path::PathBuf;

use pilotlight_app_tests::{
    desktop::{App, Desktop},
    light::Light,
    stack::Stack,
    tray::Icon,
};
use serde_json::{Value, json};

/// A desktop on which the application runs with one stack, which is off.
struct Stage {
    // Fields are dropped in this order: the application before its desktop.
    app: App,
    icon: Icon,
    file: PathBuf,
    desktop: Desktop,
}

impl Stage {
    fn new(stack: &Stack) -> Self {
        Self::with(stack, &json!({}))
    }

    /// Like [`Self::new`], with these settings.
    fn with(stack: &Stack, settings: &Value) -> Self {
        let desktop = Desktop::new();
        let file = stack.write(&desktop);
        desktop.knows(&[&file], settings);
        let app = desktop.start(&[]);
        let icon = desktop.tray().icon();
        Self {
            app,
            icon,
            file,
            desktop,
        }
    }

    /// Like [`Self::with`], with all services running.
    fn lit(stack: &Stack, settings: &Value) -> Self {
        let stage = Self::with(stack, settings);
        stage.icon.menu().click(&["Start"]);
        stage.icon.until_shows(Light::Green);
        stage
    }

    fn pid(&self, service: &str) -> u32 {
        self.desktop.pid(&self.file, service)
    }
}

/// Returns a stack of Redis and a backend that needs it.
fn two() -> Stack {
    Stack::new("nexus")
        .redis("redis", "")
        .service("backend", "", "needs = [\"redis\"]")
}
