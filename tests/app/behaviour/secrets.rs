//! Secrets must only reach the service.

use std::{
    fs::{self, File},
    process::{Child, Stdio},
};

use pilotlight_app_tests::{desktop::Desktop, light::Light, processes, stack::Stack, until_so};
use serde_json::json;

const SECRET: &str = "hunter2-never-to-be-seen";

#[test]
fn values_of_env_are_neither_on_the_bus_nor_in_the_log_of_the_application() {
    let desktop = Desktop::new();
    let heard = desktop.folder().join("heard");
    let _monitor = Monitor::start(&desktop, File::create(&heard).expect("a file"));
    let heard = || String::from_utf8_lossy(&fs::read(&heard).expect("it")).into_owned();
    until_so("the monitor is connected to the bus", || {
        heard().contains("NameAcquired")
    });
    let env = format!("env = {{ API_TOKEN = \"{SECRET}\" }}\nrestart = \"never\"");
    let file = Stack::new("nexus")
        .service("backend", "", &env)
        .write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let mut command = desktop.program(pilotlight_app_tests::programs::app());
    command.env("PILOTLIGHT_LOG", "debug");
    let _app = desktop.start_command(command);
    let icon = desktop.tray().icon();
    icon.menu().click(&["Start"]);
    icon.until_shows(Light::Green);

    let pid = desktop.pid(&file, "backend");
    let environment = fs::read(format!("/proc/{pid}/environ")).expect("its environment");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains(SECRET), "the service itself gets it");
    processes::kill(pid);
    icon.until_shows(Light::Red);
    let seen = desktop.notifications.seen();
    seen.first(0, "a notification", |notification| {
        notification.text().contains("backend")
    });

    until_so("the messages on the bus", || heard().contains("Notify"));
    assert!(
        heard().contains("ToolTip"),
        "the monitor receives the messages for the tray"
    );
    assert!(!heard().contains(SECRET));
    let said = desktop.everything_said();
    assert!(
        said.contains("backend"),
        "the log does not mention the service:\n{said}"
    );
    assert!(!said.contains(SECRET), "{said}");
}

/// Records all messages on a bus.
struct Monitor(Child);

impl Monitor {
    fn start(desktop: &Desktop, into: File) -> Self {
        let mut monitor = desktop.program("dbus-monitor".as_ref());
        monitor
            .args(["--address", desktop.bus.address()])
            .stdout(into)
            .stderr(Stdio::null());
        Self(monitor.spawn().expect("dbus-monitor"))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
