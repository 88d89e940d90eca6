//! Renders a draft as a stack file. Comments name the source of each line.

use serde::Serialize;

use super::{
    CommandLine, Draft, DraftService, Http, Image, Origin, Probe, Ready, Sourced, place,
    value::{command, inline, key, list, string},
};
use crate::detect::has_word;
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
            let place = place.map_or_else(String::new, |it| format!(" ({})", one_line(&it)));
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
    table.lines.push(format!("[service.{}]", service.name));
    table.main(service);
    table.checks(service);
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
        self.list("require.env", &service.require.env, |name| string(name));
        let commands = &service.require.commands;
        self.list("require.commands", commands, |words| command(words));
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

    /// Adds the tables of the checks.
    fn checks(&mut self, service: &DraftService) {
        for said in &service.checks {
            self.lines.push(String::new());
            self.comment(&said.because);
            let table = format!("[[service.{}.check]]", service.name);
            let check = &said.value;
            let keys = [
                ("name", &check.name),
                ("origin", &check.origin),
                ("http", &check.http),
            ];
            let keys = keys.map(|(name, value)| format!("{name} = {}", string(value)));
            self.lines.extend([table].into_iter().chain(keys));
        }
    }
}

/// The compose files that compose finds by itself.
const USUAL: &str = "compose.yaml compose.yml docker-compose.yml docker-compose.yaml";

/// Returns the value of `compose`: only the name, if compose finds the file by itself.
fn compose(file: &str, service: &str) -> String {
    if has_word(USUAL, file) {
        return string(service);
    }
    let entries = [("file", string(file)), ("service", string(service))];
    inline(&entries.map(|(name, value)| (name.to_owned(), value)))
}

/// Returns the value of `container`.
fn container(image: &Image, service: &DraftService) -> String {
    let mut entries = vec![("image".to_owned(), string(&image.image))];
    let mut add = |name: &str, is_set: bool, value: String| {
        entries.extend(is_set.then(|| (name.to_owned(), value)));
    };
    let published = service.port.as_ref().map(|said| said.value);
    let is_other = published.is_some_and(|port| port != image.port);
    add("ports", is_other, list([image.port.to_string()]));
    let volumes = image.volumes.iter().map(|volume| string(volume));
    add("volumes", !image.volumes.is_empty(), list(volumes));
    add("env", !image.env.is_empty(), strings(&image.env));
    add("args", !image.args.is_empty(), command(&image.args));
    inline(&entries)
}

/// Returns a table of strings on one line.
fn strings(entries: &[(String, String)]) -> String {
    let entries = entries.iter();
    let entries = entries.map(|(name, value)| (name.clone(), string(value)));
    inline(&entries.collect::<Vec<_>>())
}

/// Returns the value of `ready`, in its short form if possible.
fn ready(ready: &Ready) -> Option<String> {
    let times = [("every", &ready.every), ("timeout", &ready.timeout)];
    let times = times
        .into_iter()
        .filter_map(|(name, time)| Some((name.to_owned(), string(time.as_ref()?))));
    let failures = ready.failures.iter();
    let failures = failures.map(|failures| ("failures".to_owned(), failures.to_string()));
    let rest: Vec<(String, String)> = times.chain(failures).collect();
    if let ([probe], []) = (&ready.probes[..], &rest[..])
        && let Some(short) = short(probe)
    {
        return Some(string(&short));
    }
    let entries: Vec<_> = ready.probes.iter().map(entry).chain(rest).collect();
    (!entries.is_empty()).then(|| inline(&entries))
}

fn short(probe: &Probe) -> Option<String> {
    Some(match probe {
        Probe::Tcp(at) if at == "localhost:{port}" => "tcp".to_owned(),
        Probe::Tcp(at) => format!("tcp: {at}"),
        Probe::Http(request) if is_plain(request) => format!("http: {}", request.url),
        Probe::Server(key, url) if url.ends_with("//localhost:{port}") => key.clone(),
        Probe::Server(_, url) => url.clone(),
        Probe::Log(pattern) => format!("log: {pattern}"),
        Probe::Http(_) | Probe::Command(_) => return None,
    })
}

fn entry(probe: &Probe) -> (String, String) {
    let (name, value) = match probe {
        Probe::Tcp(at) => ("tcp", string(at)),
        Probe::Http(request) => ("http", http(request)),
        Probe::Server(key, url) => (key.as_str(), string(url)),
        Probe::Command(words) => ("command", command(words)),
        Probe::Log(pattern) => ("log", string(pattern)),
    };
    (name.to_owned(), value)
}

/// Returns a request, or only its URL if possible.
fn http(request: &Http) -> String {
    if is_plain(request) {
        return string(&request.url);
    }
    let mut entries = vec![("url".to_owned(), string(&request.url))];
    if !request.headers.is_empty() {
        entries.push(("headers".to_owned(), strings(&request.headers)));
    }
    let status = match &request.status[..] {
        [only] => only.to_string(),
        several => list(several.iter().map(ToString::to_string)),
    };
    entries.extend((!request.status.is_empty()).then(|| ("status".to_owned(), status)));
    inline(&entries)
}

fn is_plain(request: &Http) -> bool {
    request.headers.is_empty() && request.status.is_empty()
}

/// Returns the word of an enum in a stack file.
fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok();
    let word = word.as_ref().and_then(serde_json::Value::as_str);
    string(word.unwrap_or_default())
}

/// `frontend/package.json:7: the script `dev` runs vite`
fn comment(because: &Origin) -> Option<String> {
    let text = Some(one_line(&because.text)).filter(|text| !text.is_empty());
    let parts = [because.place().map(|place| one_line(&place)), text];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// Replaces the characters that a TOML comment cannot contain.
fn one_line(text: &str) -> String {
    let line = text.trim().chars();
    line.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
