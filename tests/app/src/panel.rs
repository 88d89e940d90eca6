//! A real panel with a real tray, that of Xfce.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use zbus::blocking::fdo::PropertiesProxy;

use crate::{desktop::Desktop, until};

/// The configuration: one dark panel along the upper edge, with a tray at its right end.
const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="true"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="icon-size" type="uint" value="0"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"#;

/// The bus's service file for the daemon of Xfce's settings.
const XFCONF: &str = "/usr/share/dbus-1/services/org.xfce.Xfconf.service";

/// A panel, which exits on drop.
pub struct Panel {
    children: Vec<Child>,
}

impl Panel {
    /// Starts a panel on this desktop and waits for its tray.
    #[must_use]
    pub fn start(desktop: &Desktop) -> Self {
        let folder = desktop
            .user()
            .join(".config/xfce4/xfconf/xfce-perchannel-xml");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("xfce4-panel.xml"), SETTINGS).expect("settings");
        let service =
            fs::read_to_string(XFCONF).unwrap_or_else(|error| panic!("{XFCONF}: {error}"));
        let daemon = service.lines().find_map(|line| line.strip_prefix("Exec="));
        let daemon = Path::new(daemon.expect("a program"));
        let quiet = |mut command: Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("a part of the panel")
        };
        let mut panel = Self {
            children: vec![quiet(desktop.program(daemon))],
        };
        until_named(desktop, "org.xfce.Xfconf");
        let mut command = desktop.program("xfce4-panel".as_ref());
        command.arg("--disable-wm-check");
        panel.children.push(quiet(command));
        until_named(desktop, "org.kde.StatusNotifierWatcher");
        panel
    }

    /// Returns the number of icons in its tray.
    #[must_use]
    pub fn icons(&self, desktop: &Desktop) -> usize {
        let connection = desktop.bus.connect();
        let watcher = PropertiesProxy::builder(&connection)
            .destination("org.kde.StatusNotifierWatcher")
            .and_then(|builder| builder.path("/StatusNotifierWatcher"))
            .and_then(zbus::blocking::proxy::Builder::build)
            .expect("the tray of the panel");
        let name = "org.kde.StatusNotifierWatcher".try_into().expect("a name");
        let items = watcher.get(name, "RegisteredStatusNotifierItems");
        let items = items
            .ok()
            .and_then(|items| Vec::<String>::try_from(items).ok());
        items.unwrap_or_default().len()
    }
}

fn until_named(desktop: &Desktop, name: &str) {
    let connection = desktop.bus.connect();
    let bus = zbus::blocking::fdo::DBusProxy::new(&connection).expect("the bus");
    until(&format!("{name} on the bus"), || {
        let name = name.try_into().expect("a name");
        bus.name_has_owner(name).ok().filter(|owned| *owned)
    });
}

impl Drop for Panel {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
