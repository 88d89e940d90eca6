//! The programs that usually listen on well-known ports: how they start, and how a stack file
//! declares them.

/// The program that usually uses a port.
#[derive(Debug)]
pub(super) struct WellKnown {
    port: u16,
    /// Its name for users.
    pub(super) name: &'static str,
    /// The name of its service in a stack file.
    pub(super) service: &'static str,
    /// How to start it by hand: commands in backquotes.
    pub(super) start: &'static str,
    /// The command for a stack file, in TOML; `None` for a system service, which the stack only
    /// monitors.
    command: Option<&'static str>,
    /// The `ready` probe, if an open port is not enough.
    ready: Option<&'static str>,
}

/// Returns the program that usually uses this port.
pub(super) fn of(port: u16) -> Option<&'static WellKnown> {
    ALL.iter().find(|known| known.port == port)
}

/// Returns the server for the scheme of an address: `mongodb`.
pub(super) fn speaking(scheme: &str) -> Option<&'static WellKnown> {
    let (scheme, _) = scheme.split_once('+').unwrap_or((scheme, ""));
    let service = match scheme {
        "postgresql" => "postgres",
        "mariadb" => "mysql",
        "amqp" | "amqps" => "rabbitmq",
        "rediss" => "redis",
        other => other,
    };
    ALL.iter().find(|known| known.service == service)
}

impl WellKnown {
    /// Returns its lines for a stack file.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("[service.{}]", self.service)];
        match self.command {
            Some(command) => lines.push(format!("command = {command}")),
            None => lines.push("external = true".to_owned()),
        }
        lines.push(format!("port = {}", self.port));
        lines.extend(self.ready.map(|ready| format!("ready = {ready}")));
        lines
    }
}

// `tables/ports.toml`
include!(concat!(env!("OUT_DIR"), "/ports.rs"));

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_lines_of_each_make_a_stack_file() {
        for known in ALL {
            let text = known.lines().join("\n");
            let read = crate::stack_file::parse(
                Path::new("/project/pilotlight.toml"),
                text.as_bytes(),
                &crate::env::Env::new(),
            );
            assert!(read.is_ok(), "{text}\n{read:?}");
        }
    }

    #[test]
    fn no_port_has_two_owners() {
        let mut ports: Vec<u16> = ALL.iter().map(|known| known.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), ALL.len());
    }
}
