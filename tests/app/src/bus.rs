//! A separate session bus for each test.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use zbus::blocking::{Connection, connection::Builder};

/// A configuration without services, so that the notification daemon of the machine is not started on demand.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A session bus, which exits on drop.
#[derive(Debug)]
pub struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    /// Starts a bus whose socket is in this folder.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let configuration = folder.join("bus.conf");
        let text = CONFIGURATION.replace("FOLDER", &folder.display().to_string());
        fs::write(&configuration, text).expect("the configuration of the bus");
        let mut daemon = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(&configuration)
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It prints a warning for every limit that it cannot raise.
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon");
        let mut address = String::new();
        let output = daemon.stdout.take().expect("its output");
        BufReader::new(output)
            .read_line(&mut address)
            .expect("the address of the bus");
        let address = address.trim().to_owned();
        Self { daemon, address }
    }

    /// Returns its address, for `DBUS_SESSION_BUS_ADDRESS`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection to it.
    pub fn connect(&self) -> Connection {
        self.builder().build().expect("a connection to the bus")
    }

    /// Returns a builder of a connection that serves objects from its first moment.
    pub fn builder(&self) -> Builder<'static> {
        Builder::address(self.address.as_str()).expect("the address of the bus")
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
