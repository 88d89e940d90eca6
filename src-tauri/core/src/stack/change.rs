//! Changes all texts of a service: placeholders to ports, or addresses to placeholders.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Body, Check, CheckAction, Command, Expect, Hook, HttpRequest, Ports, Probe, Service,
    ServiceName, StopMethod, Template,
};
use crate::stack_file::change_json;

/// A change of texts.
pub(super) trait Change {
    /// The changed text.
    type Text;

    /// Returns a changed text.
    fn text(&self, text: &Template) -> Self::Text;

    /// Returns a changed word of a command.
    fn word(&self, word: &Template) -> Self::Text {
        self.text(word)
    }

    /// Returns a changed string of a JSON value.
    fn json(&self, text: &Template) -> String;
}

/// Replaces the placeholders for a service.
struct Filling<'a, P> {
    owner: &'a ServiceName,
    ports: &'a P,
}

impl<P: Ports> Change for Filling<'_, P> {
    type Text = String;

    fn text(&self, text: &Template) -> String {
        text.render(self.owner, self.ports)
    }

    fn json(&self, text: &Template) -> String {
        self.text(text)
    }
}

impl Command {
    /// Replaces the placeholders.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> Command<String> {
        self.changed(&Filling { owner, ports })
    }

    fn changed<C: Change>(&self, change: &C) -> Command<C::Text> {
        match self {
            Self::Argv(words) => {
                Command::Argv(words.iter().map(|word| change.word(word)).collect())
            }
            Self::Shell(line) => Command::Shell(change.word(line)),
        }
    }
}

impl Probe {
    /// Replaces the placeholders.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> Probe<String> {
        self.changed(&Filling { owner, ports })
    }

    fn changed<C: Change>(&self, change: &C) -> Probe<C::Text> {
        match self {
            Self::Tcp(address) => Probe::Tcp(change.text(address)),
            Self::Http(request) => Probe::Http(Box::new(request.changed(change))),
            Self::Redis(url) => Probe::Redis(change.text(url)),
            Self::Server(protocol, url) => Probe::Server(*protocol, change.text(url)),
            Self::WebSocket(url) => Probe::WebSocket(change.text(url)),
            Self::Command(command) => Probe::Command(command.changed(change)),
            Self::Log(pattern) => Probe::Log(pattern.clone()),
            Self::Process => Probe::Process,
            Self::Container => Probe::Container,
            Self::Published(address) => Probe::Published(change.text(address)),
        }
    }
}

impl HttpRequest {
    fn changed<C: Change>(&self, change: &C) -> HttpRequest<C::Text> {
        let json = |value: &Value| change_json(value, &|text: &Template| change.json(text));
        let headers = |headers: &BTreeMap<String, Template>| {
            let headers = headers.iter();
            headers
                .map(|(name, value)| (name.clone(), change.text(value)))
                .collect()
        };
        HttpRequest {
            method: self.method.clone(),
            url: change.text(&self.url),
            headers: headers(&self.headers),
            body: self.body.as_ref().map(|body| match body {
                Body::Text(text) => Body::Text(change.text(text)),
                Body::Json(value) => Body::Json(json(value)),
            }),
            expect: Expect {
                status: self.expect.status.clone(),
                json: self.expect.json.as_ref().map(json),
                text: self.expect.text.as_ref().map(|text| change.text(text)),
                headers: headers(&self.expect.headers),
            },
        }
    }
}

impl Check {
    /// Replaces the placeholders.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> Check<String> {
        self.changed(&Filling { owner, ports })
    }

    fn changed<C: Change>(&self, change: &C) -> Check<C::Text> {
        let action = match &self.action {
            CheckAction::Http(request) => CheckAction::Http(Box::new(request.changed(change))),
            CheckAction::WebSocket { url, protocol } => CheckAction::WebSocket {
                url: change.text(url),
                protocol: protocol.clone(),
            },
            CheckAction::Redis(url) => CheckAction::Redis(change.text(url)),
            CheckAction::Command(command) => CheckAction::Command(command.changed(change)),
        };
        Check {
            name: self.name.clone(),
            action,
            origin: self.origin.as_ref().map(|origin| change.text(origin)),
            credentials: self.credentials,
            save: self.save.clone(),
            timeout: self.timeout,
            every: self.every,
        }
    }
}

impl Service {
    /// Changes every text that is used on this machine. The arguments of a container are not: they
    /// refer to the network inside.
    pub(super) fn change(&mut self, change: &impl Change<Text = Template>) {
        let known = self
            .known
            .iter_mut()
            .filter_map(|known| known.command.as_mut());
        let commands = self.require.commands.iter_mut().chain(known);
        let own = self.command.iter_mut().chain(&mut self.env_command);
        for command in commands.chain(own) {
            *command = command.changed(change);
        }
        if let StopMethod::Command(command) = &mut self.stop.graceful {
            *command = command.changed(change);
        }
        for hook in self.hooks.values_mut() {
            match hook {
                Hook::Open(address) => *address = change.text(address),
                Hook::Run(command) => *command = command.changed(change),
            }
        }
        for text in self.env.values_mut().chain(self.links.values_mut()) {
            *text = change.text(text);
        }
        for probe in &mut self.ready.probes {
            *probe = probe.changed(change);
        }
        for check in &mut self.checks {
            *check = check.changed(change);
        }
    }
}
