//! Files of process managers and editors in which each service is a table of keys: pitchfork, process-compose,
//! pm2, VS Code's tasks and launch configurations. `tools.toml` says what each key means.

mod parts;
mod schema;

use std::collections::BTreeSet;

use self::{
    parts::Parts,
    schema::{Field, Keys, Meaning, Notation, SCHEMAS, Schema, meaning},
};
use super::{
    Tool,
    compose::over,
    shell,
    source_file::{SourceFile, env_file, resolve},
    text::{Known, ROOT, Text, is_unset, vs_code},
    tree::{Key, Node, Unreadable, Value, expression, json, script, toml, yaml},
    units,
};
use crate::{
    detect::{Listing, System},
    draft::{Http, Kind, Origin, Probe, Ready, Stop, plain},
};
use pilotlight::stack::{Need, Restart};

/// Reads the file of a tool.
pub(super) fn read(tool: Tool, listing: &Listing, file: &str, text: &str) -> SourceFile {
    let source = SourceFile::new(tool, file);
    let name = match tool {
        Tool::Pitchfork => "pitchfork",
        Tool::ProcessCompose => "process-compose",
        Tool::Pm2 => "pm2",
        Tool::Tasks => "tasks",
        _ => "launch",
    };
    let (tree, constants) = match tree(file, text) {
        Ok(tree) => tree,
        Err(error) => return source.unreadable(&error),
    };
    let schema = &SCHEMAS[name];
    let mut reader = Reader {
        schema,
        listing,
        constants,
        known: env_file(listing, ".env"),
        source,
    };
    let mut shared = Parts::new(name, Kind::Worker);
    // A file of pm2 may be one app, or a list of them.
    let services = tree.get(&schema.services).unwrap_or(&tree);
    if !std::ptr::eq(services, &raw const tree) {
        reader.walk(&tree, "", &schema.top, &mut shared);
    } else if tool != Tool::Pm2 {
        return reader.source;
    }
    if tool == Tool::Tasks {
        reader.tasks(services);
    } else if let (Value::Table(table), false) = (&services.value, tool == Tool::Pm2) {
        for (key, node) in table {
            reader.service(key.line, Some(&key.name), node, &shared);
        }
    } else {
        for node in services.one_or_more() {
            let line = match (tool, node.get("name")) {
                (Tool::Pm2, Some(name)) => name.line,
                _ => node.line,
            };
            reader.service(line, None, node, &shared);
        }
    }
    reader.finished()
}

type Constants = Vec<(String, Node)>;

fn tree(file: &str, text: &str) -> Result<(Node, Constants), Unreadable> {
    let tree = match file.rsplit('.').next() {
        Some("json") => json(text)?,
        Some("yml" | "yaml") => yaml(text)?,
        Some("toml") => toml(text)?,
        _ => {
            let script = script(text)?;
            return Ok((script.exported, script.constants));
        }
    };
    Ok((tree, Vec::new()))
}

struct Reader<'a> {
    schema: &'static Schema,
    listing: &'a Listing,
    constants: Constants,
    /// The variables of `.env`.
    known: Known,
    source: SourceFile,
}

impl Reader<'_> {
    /// Reads the tasks that run in the background, and the tasks that they depend on.
    fn tasks(&mut self, tasks: &Node) {
        let label = |task: &Node| task.get("label").or(task.get("taskName"))?.scalar();
        let is_background =
            |task: &Node| task.get("isBackground").and_then(Node::flag) == Some(true);
        let all = tasks.list();
        let mut open: Vec<&Node> = all.iter().filter(|task| is_background(task)).collect();
        let mut wanted = BTreeSet::new();
        while let Some(task) = open.pop() {
            let is_new = label(task).is_some_and(|name| wanted.insert(name));
            for (need, _) in task
                .get("dependsOn")
                .filter(|_| is_new)
                .map_or(vec![], Node::pairs)
            {
                open.extend(
                    all.iter()
                        .filter(|other| label(other).as_ref() == Some(&need.name)),
                );
            }
        }
        let system = match self.listing.host.system {
            System::Linux => "linux",
            System::MacOs => "osx",
            System::Windows => "windows",
        };
        for task in all {
            let Some(name) = label(task) else { continue };
            if !wanted.contains(&name) {
                let why = "it does not keep running in the background";
                self.source
                    .leave_out(task.line, format!("task `{name}`"), why);
                continue;
            }
            let mut task = task.clone();
            if let Some(own) = task.get(system).cloned() {
                over(&mut task, own);
            }
            let kind = if is_background(&task) {
                Kind::Worker
            } else {
                Kind::Job
            };
            let base = Parts::new("", kind);
            self.service(task.line, Some(&name), &task, &base);
        }
    }

    fn service(&mut self, line: usize, name: Option<&str>, node: &Node, base: &Parts) {
        let mut parts = base.clone();
        let own = node
            .get("name")
            .and_then(|name| self.text("name", name))
            .or_else(|| {
                let script = node.get("script").map_or_else(|| node.shown(), Node::shown);
                let file = script.rsplit('/').next()?;
                file.split('.').next().map(str::to_owned)
            });
        parts.service.name = name.map(str::to_owned).or(own).unwrap_or_default();
        match &node.value {
            Value::Table(_) => self.walk(node, "", &self.schema.keys, &mut parts),
            // A daemon of pitchfork may be its command alone.
            _ => self.take(
                Field::Line,
                &Key {
                    line,
                    name: "run".to_owned(),
                },
                node,
                &mut parts,
            ),
        }
        let what = format!("{} `{}`", self.schema.noun, parts.service.name);
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
        parts.service.because = self.source.because(line, format!("the {what}"));
        let is_launch = self.source.tool == Tool::Launch;
        let why = if parts.is_disabled {
            "it is disabled in the file"
        } else if is_launch && text("request") == "attach" {
            "it attaches to a running process"
        } else if is_launch && !self.schema.interpreters.contains_key(text("type")) {
            "it opens a browser, or needs VS Code"
        } else if self.command(&mut parts, text("type")) {
            self.source.services.push(self.completed(parts));
            return;
        } else {
            "its command is not known"
        };
        self.source.leave_out(line, what, why);
    }

    /// Takes every key of a table, or leaves it out with a reason.
    fn walk(&mut self, table: &Node, above: &str, keys: &'static Keys, parts: &mut Parts) {
        for (key, node) in table.table() {
            if node.value == Value::Null || key.name.starts_with("x-") {
                continue;
            }
            let instead = self.schema.instead.get(&key.name);
            let name = instead
                .filter(|other| table.get(other).is_none())
                .unwrap_or(&key.name);
            let path = format!("{above}{name}");
            let below = format!("{path}.");
            let mut nested = keys.range(below.clone()..).take(1);
            if !node.table().is_empty() && nested.any(|(key, _)| key.starts_with(&below)) {
                self.walk(node, &below, keys, parts);
                continue;
            }
            let why = match meaning(keys, &path) {
                Meaning::Field(Field::Instances) if node.number() != Some(1) => {
                    "a service is one process with its children"
                }
                Meaning::Field(field) => {
                    let line = key.line;
                    self.take(*field, &Key { line, name: path }, node, parts);
                    continue;
                }
                Meaning::LeftOut(why) => why,
            };
            self.leave_out(key, node, parts, why);
        }
    }

    fn leave_out(&mut self, key: &Key, node: &Node, parts: &Parts, why: &str) {
        let what = format!("{}: {} = {}", parts.service.name, key.name, node.shown());
        self.source.leave_out(key.line, what, why);
    }

    fn take(&mut self, field: Field, key: &Key, node: &Node, parts: &mut Parts) {
        let because = self.source.because(key.line, &key.name);
        match field {
            Field::Ignored | Field::Background | Field::Instances => {}
            Field::Disabled => parts.is_disabled = node.flag() == Some(true),
            Field::Line if !node.list().is_empty() => {
                let words = self.words(&key.name, node).unwrap_or_default();
                let mut words = words.into_iter();
                parts.program = words.next();
                parts.args.extend(words);
                parts.because = Some(because);
            }
            Field::Line => {
                parts.line = self
                    .filled(&key.name, node)
                    .map(|text| match self.schema.notation {
                        // The shell fills it in.
                        Notation::Compose => node.scalar().unwrap_or_default(),
                        _ => text.in_shell(),
                    });
                parts.because = Some(because);
            }
            Field::Args | Field::Options => {
                let words = self.words(&key.name, node);
                parts.is_unknown |= words.is_none() && field != Field::Options;
                let words = words.unwrap_or_default();
                parts.because.get_or_insert(because);
                if field == Field::Options {
                    parts.options.extend(words);
                } else {
                    parts.args.extend(words);
                }
            }
            Field::Interpreter => parts.interpreter = self.text(&key.name, node),
            Field::Module => {
                let module = self.text(&key.name, node);
                parts.is_unknown |= module.is_none();
                parts.because = Some(because);
                parts.options.push("-m".to_owned());
                parts.options.extend(module);
            }
            Field::Program => {
                parts.program = self.text(&key.name, node);
                parts.is_unknown |= parts.program.is_none();
                parts.because = Some(because);
            }
            Field::Script => {
                parts.line = node.scalar().map(|script| format!("npm run {script}"));
                parts.because = Some(because);
            }
            Field::Directory => {
                let path = self.path(&key.name, node);
                parts.service.directory = path.map(|path| because.says(path));
            }
            Field::Env => self.env(&key.name, node, parts),
            Field::EnvFile | Field::OptionalEnvFile => {
                let mark = if field == Field::EnvFile { "" } else { "?" };
                for item in node.one_or_more() {
                    let path = self.path(&key.name, item);
                    let file = path.map(|path| because.says(format!("{path}{mark}")));
                    parts.service.env_file.extend(file);
                }
            }
            Field::Port | Field::ReadyPort => {
                let port = node.one_or_more().iter().find_map(Node::port);
                let port = port.map(|port| because.says(port));
                if field == Field::Port {
                    parts.service.port = parts.service.port.take().or(port);
                } else {
                    probe(parts, &because, Probe::Tcp("localhost:{port}".to_owned()));
                    parts.probed_port = port;
                }
            }
            Field::Needs => self.needs(&key.name, node, parts),
            Field::Restart => self.restart(key, node, parts),
            Field::StopCommand
            | Field::StopMilliseconds
            | Field::StopSignal
            | Field::StopTimeout => {
                let text = node.scalar().unwrap_or_default();
                let stop = &mut parts
                    .service
                    .stop
                    .get_or_insert(because.says(Stop::default()))
                    .value;
                match field {
                    Field::StopCommand => stop.command = Some(shell(&text)),
                    Field::StopSignal => stop.signal = units::signal(&text),
                    Field::StopTimeout => stop.timeout = units::duration(&text),
                    _ => stop.timeout = units::duration(&format!("{text}ms")),
                }
            }
            _ => self.ready(field, &because, node, parts),
        }
    }

    fn ready(&mut self, field: Field, because: &Origin, node: &Node, parts: &mut Parts) {
        let text = node.scalar().unwrap_or_default();
        let new = match field {
            Field::ReadyCommand => Some(Probe::Command(shell(&text))),
            Field::ReadyText => Some(Probe::Log(regex::escape(&text))),
            Field::ReadyPattern => Some(Probe::Log(text)),
            Field::ReadyMatcher => {
                let mut ends = node.one_or_more().iter();
                let end = ends.find_map(|it| it.at(&["background", "endsPattern"]));
                let pattern = end.and_then(|end| end.get("regexp").unwrap_or(end).scalar());
                // A pattern that matches every line is useless.
                let is_right = |it: &String| {
                    !["", ".", ".*", "^.*$"].contains(&it.as_str()) && regex::Regex::new(it).is_ok()
                };
                let end = end.map_or(because.clone(), |it| {
                    self.source.because(it.line, "endsPattern")
                });
                if let Some(pattern) = pattern.filter(is_right) {
                    probe(parts, &end, Probe::Log(pattern));
                }
                return;
            }
            Field::ReadyUrl => Some(Probe::page(text)),
            Field::ReadyRequest => Some(self.request(node, parts)),
            _ => None,
        };
        if let Some(new) = new {
            return probe(parts, because, new);
        }
        let seconds = node.number().filter(|it| *it > 0);
        let duration = seconds.and_then(|it| units::duration(&it.to_string()));
        let ready = parts
            .service
            .ready
            .get_or_insert(because.says(Ready::default()));
        match field {
            Field::ReadyEvery => ready.value.every = duration,
            Field::ReadyTimeout => ready.value.timeout = duration,
            _ => ready.value.failures = seconds.and_then(|it| u32::try_from(it).ok()),
        }
    }

    /// Reads `http_get` of process-compose.
    fn request(&self, http: &Node, parts: &mut Parts) -> Probe {
        let text = |key: &str, usual: &str| {
            let text = http.get(key).and_then(Node::scalar);
            text.unwrap_or_else(|| usual.to_owned())
        };
        let (host, path) = (text("host", "localhost"), text("path", "/"));
        let slash = if path.starts_with('/') { "" } else { "/" };
        let port = http
            .get("port")
            .and_then(|node| Some((node.line, node.port()?)));
        if let Some((line, port)) = port
            && ["localhost", "127.0.0.1", "0.0.0.0"].contains(&host.as_str())
        {
            let because = self.source.because(line, "the port of its probe");
            parts.probed_port = Some(because.says(port));
        }
        let port = port.map_or_else(String::new, |(_, port)| format!(":{port}"));
        let headers = http.get("headers").map_or(&[][..], Node::table).iter();
        let headers =
            headers.filter_map(|(key, value)| Some((key.name.clone(), plain(&value.scalar()?))));
        let status = http.get("status_code").and_then(Node::number);
        Probe::Http(Http {
            url: format!("{}://{host}{port}{slash}{path}", text("scheme", "http")),
            headers: headers.collect(),
            status: status
                .and_then(|it| u16::try_from(it).ok())
                .into_iter()
                .collect(),
        })
    }

    fn env(&mut self, name: &str, node: &Node, parts: &mut Parts) {
        if let Value::Code(_) = node.value {
            self.filled(name, node);
        }
        for (key, value) in node.pairs() {
            if value.value == Value::Null {
                continue;
            }
            let because = self.source.because(key.line, name);
            let text = self.text(&format!("{}: {}", parts.service.name, key.name), &value);
            if let Some(text) = text.filter(|text| !is_unset(text)) {
                let env = &mut parts.service.env;
                env.retain(|(other, _)| *other != key.name);
                env.push((key.name, because.says(text)));
            }
        }
    }

    fn needs(&mut self, name: &str, node: &Node, parts: &mut Parts) {
        for (key, how) in node.pairs() {
            let condition = how
                .get("condition")
                .and_then(Node::text)
                .unwrap_or_default();
            let until = match condition {
                "process_completed" | "process_completed_successfully" => Need::Completed,
                "process_healthy" | "process_log_ready" => Need::Ready,
                _ if how.value == Value::Null => Need::Ready,
                _ => Need::Started,
            };
            if condition == "process_completed" {
                let why = "a job is complete when it exits with code 0";
                self.leave_out(&key, &how, parts, why);
            }
            let because = self.source.because(key.line, name);
            let other = key.name.rsplit('/').next().unwrap_or(&key.name);
            parts.service.need(other, until, &because);
        }
    }

    fn restart(&mut self, key: &Key, node: &Node, parts: &mut Parts) {
        let Some(policy) = node.scalar() else { return };
        let restart = match policy.as_str() {
            "always" => Restart::Always,
            "on_failure" => Restart::OnFailure,
            "false" | "no" | "0" => Restart::Never,
            "true" => self.schema.restart,
            number if number.parse::<i64>().is_ok() => {
                self.leave_out(key, node, parts, "Pilot Light sets the limit of restarts");
                Restart::OnFailure
            }
            _ => {
                self.leave_out(
                    key,
                    node,
                    parts,
                    "a service that exits does not stop its stack",
                );
                Restart::Never
            }
        };
        let because = self
            .source
            .because(key.line, format!("{}: {policy}", key.name));
        parts.service.restart = Some(because.says(restart));
    }

    /// Returns the text of a value, if it is known without running the tool.
    fn filled(&mut self, key: &str, node: &Node) -> Option<Text> {
        // An argument of VS Code may be a table with `value` and `quoting`.
        let node = node.get("value").unwrap_or(node);
        let filled = match (&node.value, self.schema.notation) {
            (Value::Code(code), _) => expression(code, &self.constants),
            (_, Notation::Plain) => Some(Text::plain(node.scalar()?)),
            (_, Notation::Compose) => {
                Some(Text::interpolated(&node.scalar()?).knowing(&self.known))
            }
            (_, Notation::VsCode) => vs_code(&node.scalar()?),
        };
        if filled.is_none() {
            let what = format!("{key} = {}", node.shown());
            self.source.leave_out(node.line, what, &self.schema.unknown);
        }
        filled
    }

    /// Returns the text of a value in the notation of a stack file.
    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        self.filled(key, node).map(|text| text.in_stack_file())
    }

    /// Returns the words of a list or a line; `None` if one is unknown.
    fn words(&mut self, key: &str, node: &Node) -> Option<Vec<String>> {
        if let Value::List(items) = &node.value {
            let words: Vec<_> = items.iter().map(|item| self.text(key, item)).collect();
            return words.into_iter().collect();
        }
        let text = self.text(key, node)?;
        Some(shell_words::split(&text).unwrap_or_else(|_| vec![text]))
    }

    /// Returns a path relative to the project; `None` is the project.
    fn path(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = self.filled(key, node)?;
        let path = if text.has_unknown() {
            text.in_stack_file()
        } else {
            plain(&text.likely())
        };
        resolve("", &path.replace(ROOT, "."))
    }

    /// Removes dependencies on unknown services, and returns the file.
    fn finished(mut self) -> SourceFile {
        let services = &mut self.source.services;
        let names: BTreeSet<String> = services.iter().map(|it| it.name.clone()).collect();
        let needs = services.iter().flat_map(|service| &service.needs);
        let jobs = needs.filter(|need| need.value.until == Need::Completed);
        let jobs: BTreeSet<String> = jobs.map(|need| need.value.service.clone()).collect();
        let mut lost = Vec::new();
        for service in services {
            if jobs.contains(&service.name) {
                service.kind = Kind::Job;
                service.restart = None;
            }
            let own = service.name.clone();
            service.needs.retain(|need| {
                let other = &need.value.service;
                let is_known = names.contains(other);
                if !is_known {
                    lost.push((need.because.line, format!("{own} depends on {other}")));
                }
                is_known
            });
        }
        for (line, what) in lost {
            let why = format!("the file starts no {} of that name", self.schema.noun);
            self.source.leave_out(line.unwrap_or(1), what, &why);
        }
        self.source
    }
}

/// Adds a probe to those that make a service ready.
fn probe(parts: &mut Parts, because: &Origin, new: Probe) {
    let ready = parts
        .service
        .ready
        .get_or_insert(because.says(Ready::default()));
    ready.value.probes.push(new);
}
