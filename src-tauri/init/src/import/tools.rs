//! Files of process managers and editors in which each service is a table of keys: pitchfork, process-compose,
//! pm2, VS Code's tasks and launch configurations. `tools.toml` says what each key means.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::Deserialize;

use super::{
    Tool, command,
    compose::over,
    own_address, shell,
    source_file::{SourceFile, env_file, resolve},
    text::{Known, ROOT, Text, in_folder, is_unset, vs_code},
    tree::{Key, Node, Unreadable, Value, expression, json, script, toml, yaml},
    units,
};
use crate::{
    detect::{Listing, System},
    draft::{
        CommandLine, DraftService, Http, Kind, Needed, Origin, Probe, Ready, Sourced, Stop, plain,
        unescaped,
    },
};
use pilotlight::stack::{Need, Restart};

/// The meaning of the keys of one tool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    noun: String,
    services: String,
    #[serde(default)]
    notation: Notation,
    /// The reason why a value is unknown.
    #[serde(default)]
    unknown: String,
    /// Whether the tool reads `.env` by itself.
    #[serde(default)]
    reads_env_file: bool,
    /// The meaning of `true` for a restart.
    #[serde(default)]
    restart: Restart,
    #[serde(default)]
    instead: BTreeMap<String, String>,
    #[serde(default)]
    interpreters: BTreeMap<String, String>,
    #[serde(default)]
    top: Keys,
    keys: Keys,
}

type Keys = BTreeMap<String, Meaning>;

/// The notation of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Notation {
    /// No variables.
    #[default]
    Plain,
    Compose,
    VsCode,
}

/// The field that a key sets, or the reason why the key is left out.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Meaning {
    Field(Field),
    LeftOut(String),
}

/// A part of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Field {
    Args,
    Background,
    Directory,
    Disabled,
    Env,
    EnvFile,
    Ignored,
    Instances,
    Interpreter,
    /// A line for a shell, or a list of words.
    Line,
    Module,
    Needs,
    OptionalEnvFile,
    Options,
    Port,
    Program,
    ReadyCommand,
    ReadyEvery,
    ReadyFailures,
    ReadyMatcher,
    ReadyPattern,
    ReadyPort,
    ReadyRequest,
    ReadyText,
    ReadyTimeout,
    ReadyUrl,
    Restart,
    /// A script of `package.json`.
    Script,
    StopCommand,
    StopMilliseconds,
    StopSignal,
    StopTimeout,
}

static SCHEMAS: LazyLock<BTreeMap<String, Schema>> =
    LazyLock::new(|| super::table(include_str!("tools.toml")));
const IGNORED: &Meaning = &Meaning::Field(Field::Ignored);

/// Reads the file of a tool.
pub(super) fn read(tool: Tool, listing: &Listing, file: &str, text: &str) -> SourceFile {
    let page = SourceFile::new(tool, file);
    let name = match tool {
        Tool::Pitchfork => "pitchfork",
        Tool::ProcessCompose => "process-compose",
        Tool::Pm2 => "pm2",
        Tool::Tasks => "tasks",
        _ => "launch",
    };
    let (tree, constants) = match tree(file, text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    let schema = &SCHEMAS[name];
    let mut reader = Reader {
        schema,
        listing,
        constants,
        known: env_file(listing, ".env"),
        page,
    };
    let mut shared = parts(name, Kind::Worker);
    // A file of pm2 may be one app, or a list of them.
    let services = tree.get(&schema.services).unwrap_or(&tree);
    if !std::ptr::eq(services, &raw const tree) {
        reader.walk(&tree, "", &schema.top, &mut shared);
    } else if tool != Tool::Pm2 {
        return reader.page;
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
    page: SourceFile,
}

/// A service, and the parts of its command, which are in the notation of a stack file.
#[derive(Clone, Default)]
struct Parts {
    service: DraftService,
    /// In the notation of a shell.
    line: Option<String>,
    interpreter: Option<String>,
    options: Vec<String>,
    program: Option<String>,
    args: Vec<String>,
    /// The source of the command.
    because: Option<Origin>,
    probed_port: Option<Sourced<u16>>,
    is_disabled: bool,
    /// Whether a part of the command is unknown.
    is_unknown: bool,
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
                self.page
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
            let base = parts("", kind);
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
        parts.service.because = self.page.because(line, format!("the {what}"));
        let is_launch = self.page.tool == Tool::Launch;
        let why = if parts.is_disabled {
            "it is disabled in the file"
        } else if is_launch && text("request") == "attach" {
            "it attaches to a running process"
        } else if is_launch && !self.schema.interpreters.contains_key(text("type")) {
            "it opens a browser, or needs VS Code"
        } else if self.command(&mut parts, text("type")) {
            self.page.services.push(self.completed(parts));
            return;
        } else {
            "its command is not known"
        };
        self.page.leave_out(line, what, why);
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
        self.page.leave_out(key.line, what, why);
    }

    fn take(&mut self, field: Field, key: &Key, node: &Node, parts: &mut Parts) {
        let because = self.page.because(key.line, &key.name);
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
                    self.page.because(it.line, "endsPattern")
                });
                if let Some(pattern) = pattern.filter(is_right) {
                    probe(parts, &end, Probe::Log(pattern));
                }
                return;
            }
            Field::ReadyUrl => Some(Probe::Http(Http {
                url: text,
                ..Http::default()
            })),
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
            let because = self.page.because(line, "the port of its probe");
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
            ..Http::default()
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
            let because = self.page.because(key.line, name);
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
            let because = self.page.because(key.line, name);
            let service = key.name.rsplit('/').next().unwrap_or(&key.name).to_owned();
            parts
                .service
                .needs
                .push(because.says(Needed { service, until }));
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
            .page
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
            self.page.leave_out(node.line, what, &self.schema.unknown);
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

    /// Builds the command from its parts. Returns whether all of it is known.
    fn command(&self, parts: &mut Parts, kind: &str) -> bool {
        let service = &mut parts.service;
        let folder = service.folder().to_owned();
        let because = parts
            .because
            .take()
            .unwrap_or_else(|| service.because.clone());
        let is_given = parts.interpreter.is_some();
        let extension = parts.program.as_deref().and_then(|program| {
            let name = program.rsplit('/').next()?;
            name.rsplit_once('.').map(|(_, extension)| extension)
        });
        let usual = self
            .schema
            .interpreters
            .get(extension.filter(|_| kind.is_empty()).unwrap_or(kind));
        let interpreter = parts
            .interpreter
            .take()
            .or(usual.cloned())
            .filter(|it| it != "none");
        let is_alone = interpreter.is_none() && parts.options.is_empty() && parts.args.is_empty();
        if is_alone && kind != "process" && parts.line.is_none() {
            parts.line = parts.program.take().map(|program| unescaped(&program));
        }
        if let (None, Some(line)) = (&parts.program, parts.line.take()) {
            let line = match line.strip_prefix("npm run ") {
                Some(script) if kind == "npm" => {
                    format!(
                        "{} run {script}",
                        super::scripts::manager(self.listing, &folder)
                    )
                }
                _ => in_folder(&line, &folder),
            };
            let folder = (!folder.is_empty()).then_some(folder.as_str());
            let is_empty = line.trim().is_empty();
            command::line(&line, folder).apply(service, &because);
            return !parts.is_unknown && !is_empty;
        }
        let is_program = parts.program.is_some() || parts.options.iter().any(|it| it == "-m");
        let mut words: Vec<String> = Vec::new();
        if let Some(interpreter) = interpreter {
            // `go run`, or a path with blanks from the file.
            let parts = interpreter.split(if is_given { '\0' } else { ' ' });
            words.extend(parts.map(str::to_owned));
        }
        words.append(&mut parts.options);
        match parts.program.take() {
            Some(line) if words.is_empty() && kind != "process" => {
                words.extend(shell_words::split(&line).unwrap_or_else(|_| vec![line]));
            }
            program => words.extend(program),
        }
        words.append(&mut parts.args);
        let words = words.iter().map(|word| in_folder(word, &folder));
        let words: Vec<String> = words.collect();
        let is_whole = (is_program || is_given) && !parts.is_unknown;
        // Words with variables are not searched for a port.
        let (command, port) = if words.iter().any(|word| word.contains("${")) {
            (CommandLine::Words(words), None)
        } else {
            command::words(words.iter().map(|word| unescaped(word)))
        };
        service.port = port.map(|port| because.says(port)).or(service.port.take());
        service.command = Some(because.says(command));
        is_whole
    }

    /// Completes the service: its port, `.env`, probes and kind.
    fn completed(&self, parts: Parts) -> DraftService {
        let Parts {
            mut service,
            probed_port,
            ..
        } = parts;
        let folder = service.folder().to_owned();
        if let Some(at) = service.env.iter().position(|(name, _)| name == "PORT")
            && let Some(port) = number(&service.env[at].1.value)
        {
            // Every service gets its port in `PORT`.
            let (_, said) = service.env.remove(at);
            service.port.get_or_insert(said.because.says(port));
        }
        service.port = service.port.or(probed_port);
        for (_, said) in &mut service.env {
            said.value = in_folder(&said.value, &folder);
        }
        let file = ".env";
        if self.schema.reads_env_file && self.listing.has(file) {
            let because = Origin::file(file, format!("{} reads it", self.page.tool.name()));
            service.env_file.push(because.says(format!("{file}?")));
        }
        let port = service.port.as_ref().map(|said| said.value);
        // A service with a port is probed there by default.
        let says_more =
            |ready: &Sourced<Ready>| !matches!(ready.value.probes[..], [] | [Probe::Tcp(_)]);
        service.ready = service.ready.filter(says_more);
        for probe in service
            .ready
            .iter_mut()
            .flat_map(|ready| &mut ready.value.probes)
        {
            if let Probe::Http(http) = probe {
                http.url = own_address(&http.url, port);
            }
        }
        if port.is_some() && service.kind == Kind::Worker {
            service.kind = Kind::Backend;
        }
        service
    }

    /// Removes dependencies on unknown services, and returns the file.
    fn finished(mut self) -> SourceFile {
        let services = &mut self.page.services;
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
            self.page.leave_out(line.unwrap_or(1), what, &why);
        }
        self.page
    }
}

fn parts(name: &str, kind: Kind) -> Parts {
    Parts {
        service: DraftService::new(name, kind, Origin::default()),
        ..Parts::default()
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

/// Returns the meaning of a key: by its name, or by the longest pattern that matches.
fn meaning<'k>(keys: &'k Keys, path: &str) -> &'k Meaning {
    let matching = keys.iter().filter(|(key, _)| {
        let start = key.strip_suffix('*');
        start.is_some_and(|start| path.starts_with(start))
    });
    let pattern = matching.max_by_key(|(key, _)| key.len());
    keys.get(path)
        .or(pattern.map(|(_, meaning)| meaning))
        .unwrap_or(IGNORED)
}

/// Parses a port, or the default of a variable.
fn number(text: &str) -> Option<u16> {
    let text = text.strip_suffix('}').map_or(text, |text| {
        text.rsplit_once(":-").map_or(text, |(_, default)| default)
    });
    text.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_field_or_a_reason() {
        assert_eq!(SCHEMAS.len(), 5);
        for schema in SCHEMAS.values() {
            for (key, meaning) in schema.keys.iter().chain(&schema.top) {
                if let Meaning::LeftOut(why) = meaning {
                    assert!(why.contains(' '), "{key} = {why}");
                }
            }
        }
    }
}
