//! Renders a draft as a stack file. Comments name the source of each line.

use serde::Serialize;

use super::{
    Check, CheckAction, CommandLine, Draft, DraftService, Http, Image, Origin, Probe, Ready,
    Sourced,
    value::{command, inline, json, key, list, string},
};
use pilotlight::stack::Need;

/// A longer line has its comment above it.
const WIDTH: usize = 110;

/// Returns the text of the stack file: services in the order of the draft, keys in the order of the manual.
#[must_use]
pub fn render(draft: &Draft) -> String {
    let mut lines = vec![
        "# Written by `pilotlight init`; the comments name the source of each line.".to_owned(),
        "# Edit freely, then run `pilotlight check` to validate.".to_owned(),
        format!("name = {}", string(&draft.name)),
    ];
    for service in &draft.services {
        lines.push(String::new());
        lines.extend(service_lines(service));
    }
    if !draft.unsaid.is_empty() {
        lines.push(String::new());
        lines.push("# Found, and not in this file:".to_owned());
        for unsaid in &draft.unsaid {
            let place = place(unsaid.file.as_deref(), unsaid.line);
            let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
            let (what, why) = (one_line(&unsaid.what), one_line(&unsaid.why));
            lines.push(format!("#   {what}{place}: {why}"));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Returns the tables of one service.
pub(super) fn service_lines(service: &DraftService) -> Vec<String> {
    let mut table = Table::default();
    table.comment(&service.because);
    table.header(&format!("service.{}", service.name));
    table.main(service);
    table.arrays(service);
    table.lines
}

/// The lines of a service.
#[derive(Default)]
struct Table {
    lines: Vec<String>,
    /// The sources of the comments so far, so that none is repeated.
    said: Vec<Origin>,
}

impl Table {
    fn comment(&mut self, because: &Origin) {
        if let Some(comment) = comment(because) {
            self.lines.push(format!("# {comment}"));
            self.said.push(because.clone());
        }
    }

    fn header(&mut self, path: &str) {
        self.lines.push(format!("[{path}]"));
    }

    /// Adds a key with its source as a comment behind it, or above it if the line is too long.
    fn key(&mut self, name: &str, value: &str, because: &Origin) {
        self.keys(name, value, &[because]);
    }

    fn keys(&mut self, name: &str, value: &str, because: &[&Origin]) {
        let line = format!("{name} = {value}");
        let mut comments = Vec::new();
        for because in because {
            if self.said.contains(because) {
                continue;
            }
            self.said.push((*because).clone());
            comments.extend(comment(because));
        }
        match &comments[..] {
            [] => {}
            [only] if line.chars().count() + only.chars().count() + 4 <= WIDTH => {
                self.lines.push(format!("{line}  # {only}"));
                return;
            }
            more => {
                for comment in more {
                    self.lines.push(format!("# {comment}"));
                }
            }
        }
        self.lines.push(line);
    }

    fn said_key(&mut self, name: &str, said: Option<&Sourced<String>>) {
        if let Some(said) = said {
            self.key(name, &string(&said.value), &said.because);
        }
    }

    /// Adds the keys of the service's own table.
    fn main(&mut self, service: &DraftService) {
        if let Some(because) = &service.external {
            self.key("external", "true", because);
        }
        if let Some(said) = &service.command {
            match &said.value {
                CommandLine::Words(words) => self.key("command", &command(words), &said.because),
                CommandLine::Shell(line) => {
                    self.key("command", &string(line), &said.because);
                    self.key("shell", "true", &said.because);
                }
                CommandLine::Compose { file, service } => {
                    self.key("compose", &compose(file, service), &said.because);
                }
                CommandLine::Container(image) => {
                    self.key("container", &container(image, service), &said.because);
                }
            }
        }
        self.said_key("directory", service.directory.as_ref());
        if let Some(said) = &service.port {
            self.key("port", &said.value.to_string(), &said.because);
        }
        self.said_key("host", service.host.as_ref());
        if let Some(said) = &service.port_conflict {
            self.key("port_conflict", &word(&said.value), &said.because);
        }
        self.needs(service);
        self.table("env", &service.env);
        match &service.env_file[..] {
            [only] => self.said_key("env_file", Some(only)),
            files => self.list("env_file", files, |file| string(file)),
        }
        self.table("env_points_at", &service.env_points_at);
        self.require(service);
        if let Some(said) = &service.ready
            && let Some(value) = ready(&said.value)
        {
            self.key("ready", &value, &said.because);
        }
        self.said_key("start_timeout", service.start_timeout.as_ref());
        if let Some(said) = &service.restart {
            self.key("restart", &word(&said.value), &said.because);
        }
        self.stop(service);
        self.table("links", &service.links);
    }

    fn needs(&mut self, service: &DraftService) {
        let needs = &service.needs;
        if needs.is_empty() {
            return;
        }
        let because: Vec<&Origin> = needs.iter().map(|need| &need.because).collect();
        let plain = needs.iter().all(|need| need.value.until == Need::Ready);
        let value = if plain {
            list(needs.iter().map(|need| string(&need.value.service)))
        } else {
            let entry = |need: &Sourced<super::Needed>| {
                (need.value.service.clone(), word(&need.value.until))
            };
            inline(&needs.iter().map(entry).collect::<Vec<_>>())
        };
        self.keys("needs", &value, &because);
    }

    /// Adds names and values as dotted keys, each with its comment.
    fn table(&mut self, name: &str, entries: &[(String, Sourced<String>)]) {
        for (entry, said) in entries {
            let name = format!("{name}.{}", key(entry));
            self.key(&name, &string(&said.value), &said.because);
        }
    }

    fn require(&mut self, service: &DraftService) {
        let require = &service.require;
        self.list("require.files", &require.files, |file| string(file));
        self.list("require.env", &require.env, |name| string(name));
        self.list("require.commands", &require.commands, |words| {
            command(words)
        });
    }

    /// Adds a list of values, each with its source.
    fn list<T>(&mut self, name: &str, said: &[Sourced<T>], text: impl Fn(&T) -> String) {
        if !said.is_empty() {
            let because: Vec<&Origin> = said.iter().map(|said| &said.because).collect();
            let value = list(said.iter().map(|said| text(&said.value)));
            self.keys(name, &value, &because);
        }
    }

    fn stop(&mut self, service: &DraftService) {
        let Some(said) = &service.stop else { return };
        let stop = &said.value;
        let mut entries = Vec::new();
        if let Some(words) = &stop.command {
            entries.push(("command".to_owned(), command(words)));
        } else if let Some(signal) = &stop.signal {
            entries.push(("signal".to_owned(), word(signal)));
        }
        if let Some(timeout) = &stop.timeout {
            entries.push(("timeout".to_owned(), string(timeout)));
        }
        match &entries[..] {
            [] => {}
            [(name, signal)] if name == "signal" => self.key("stop", signal, &said.because),
            entries => self.key("stop", &inline(entries), &said.because),
        }
    }

    /// Adds the tables below the service's own.
    fn arrays(&mut self, service: &DraftService) {
        for said in &service.checks {
            self.lines.push(String::new());
            self.comment(&said.because);
            self.lines
                .push(format!("[[service.{}.check]]", service.name));
            self.check(&said.value);
        }
    }

    fn check(&mut self, check: &Check) {
        let none = Origin::default();
        self.key("name", &string(&check.name), &none);
        if let Some(origin) = &check.origin {
            self.key("origin", &string(origin), &none);
        }
        if check.credentials {
            self.key("credentials", "true", &none);
        }
        let (name, value) = match &check.action {
            CheckAction::Http(request) => ("http", http(request, "json")),
            CheckAction::Websocket(url) => ("websocket", string(url)),
            CheckAction::Redis(url) => ("redis", string(url)),
            CheckAction::Command(words) => ("command", command(words)),
        };
        self.key(name, &value, &none);
        if let Some(every) = &check.every {
            self.key("every", &string(every), &none);
        }
    }
}

/// The compose files that compose finds by itself.
const USUAL: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Returns the value of `compose`: only the name, if compose finds the file by itself.
fn compose(file: &str, service: &str) -> String {
    if USUAL.contains(&file) {
        return string(service);
    }
    let entries = [("file", string(file)), ("service", string(service))];
    inline(&entries.map(|(name, value)| (name.to_owned(), value)))
}

/// Returns the value of `container`.
fn container(image: &Image, service: &DraftService) -> String {
    let mut entries = vec![("image".to_owned(), string(&image.image))];
    let mut add = |name: &str, value: String| entries.push((name.to_owned(), value));
    if service
        .port
        .as_ref()
        .is_some_and(|said| said.value != image.port)
    {
        add("ports", list([image.port.to_string()]));
    }
    if !image.volumes.is_empty() {
        add(
            "volumes",
            list(image.volumes.iter().map(|volume| string(volume))),
        );
    }
    if !image.env.is_empty() {
        let env = image
            .env
            .iter()
            .map(|(name, value)| (name.clone(), string(value)));
        add("env", inline(&env.collect::<Vec<_>>()));
    }
    if !image.args.is_empty() {
        add("args", command(&image.args));
    }
    inline(&entries)
}

/// Returns the value of `ready`, in its short form if possible.
fn ready(ready: &Ready) -> Option<String> {
    let times = [("every", &ready.every), ("timeout", &ready.timeout)];
    let times = times
        .into_iter()
        .filter_map(|(name, time)| Some((name.to_owned(), string(time.as_ref()?))));
    let mut rest: Vec<(String, String)> = times.collect();
    if let Some(failures) = ready.failures {
        rest.push(("failures".to_owned(), failures.to_string()));
    }
    if let ([probe], []) = (&ready.probes[..], &rest[..])
        && let Some(short) = short(probe)
    {
        return Some(string(&short));
    }
    let mut entries: Vec<(String, String)> = ready.probes.iter().map(entry).collect();
    entries.extend(rest);
    (!entries.is_empty()).then(|| inline(&entries))
}

fn short(probe: &Probe) -> Option<String> {
    let text = match probe {
        Probe::Tcp(at) if at == "localhost:{port}" => "tcp".to_owned(),
        Probe::Tcp(at) => format!("tcp: {at}"),
        Probe::Http(request) if is_plain(request) => format!("http: {}", request.url),
        Probe::Server(protocol, url) if *url == protocol.address() => protocol.key().to_owned(),
        Probe::Server(_, url) => url.clone(),
        Probe::Websocket(url) => format!("websocket: {url}"),
        Probe::Log(pattern) => format!("log: {pattern}"),
        Probe::Process => "process".to_owned(),
        Probe::Http(_) | Probe::Command(_) => return None,
    };
    Some(text)
}

fn entry(probe: &Probe) -> (String, String) {
    let (name, value) = match probe {
        Probe::Tcp(at) => ("tcp", string(at)),
        Probe::Http(request) => ("http", http(request, "body")),
        Probe::Server(protocol, url) => (protocol.key(), string(url)),
        Probe::Websocket(url) => ("websocket", string(url)),
        Probe::Command(words) => ("command", command(words)),
        Probe::Log(pattern) => ("log", string(pattern)),
        Probe::Process => ("process", "true".to_owned()),
    };
    (name.to_owned(), value)
}

/// Returns a request, or only its URL if possible. `sent` is the key of the request body.
fn http(request: &Http, sent: &str) -> String {
    if is_plain(request) {
        return string(&request.url);
    }
    let mut entries = vec![("url".to_owned(), string(&request.url))];
    if let Some(method) = &request.method {
        entries.push(("method".to_owned(), string(method)));
    }
    if !request.headers.is_empty() {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), string(value)));
        entries.push(("headers".to_owned(), inline(&headers.collect::<Vec<_>>())));
    }
    if let Some(body) = request.body.as_ref().and_then(json) {
        entries.push((sent.to_owned(), body));
    }
    match &request.status[..] {
        [] => {}
        [only] => entries.push(("status".to_owned(), only.to_string())),
        several => {
            let status = list(several.iter().map(ToString::to_string));
            entries.push(("status".to_owned(), status));
        }
    }
    inline(&entries)
}

fn is_plain(request: &Http) -> bool {
    let Http {
        url: _,
        method,
        headers,
        body,
        status,
    } = request;
    method.is_none() && headers.is_empty() && body.is_none() && status.is_empty()
}

/// Returns the word of an enum in a stack file.
fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok();
    let word = word.as_ref().and_then(serde_json::Value::as_str);
    string(word.unwrap_or_default())
}

/// `frontend/package.json:7: the script `dev` runs vite`
fn comment(because: &Origin) -> Option<String> {
    let text = one_line(&because.text);
    let place = place(because.file.as_deref(), because.line);
    match (place, text.is_empty()) {
        (None, true) => None,
        (None, false) => Some(text),
        (Some(place), true) => Some(place),
        (Some(place), false) => Some(format!("{place}: {text}")),
    }
}

fn place(file: Option<&str>, line: Option<usize>) -> Option<String> {
    let file = one_line(file?);
    Some(match line {
        Some(line) => format!("{file}:{line}"),
        None => file,
    })
}

/// Replaces the characters that a TOML comment cannot contain.
fn one_line(text: &str) -> String {
    let line = text.trim().chars();
    line.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
