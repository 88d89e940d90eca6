//! pm2's ecosystem files: JSON, YAML, or a module of JavaScript, which is read and not executed.

use super::{
    Tool, command,
    source_file::SourceFile,
    text::{in_folder, is_unset},
    tree::{Key, Node, Unreadable, Value, expression, json, script, yaml},
    units,
};
use crate::draft::{CommandLine, DraftService, Kind, Sourced, Stop, plain};
use pilotlight::stack::Restart;

const NO_WORD: &str = "a stack file has no word for it";

const KNOWN: [&str; 24] = [
    "name",
    "script",
    "args",
    "cwd",
    "interpreter",
    "interpreter_args",
    "node_args",
    "exec_mode",
    "instances",
    "env",
    "env_development",
    "autorestart",
    "kill_timeout",
    "port",
    "error_file",
    "out_file",
    "log_file",
    "merge_logs",
    "time",
    "log_date_format",
    "exec_interpreter",
    "node_arguments",
    "interpreterArgs",
    "vizion",
];

pub(super) fn read(file: &str, text: &str) -> SourceFile {
    let mut page = SourceFile::new(Tool::Pm2, file);
    let (tree, constants) = match tree(file, text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    // One app may stand alone, and so may a list of them.
    let apps = tree.get("apps").unwrap_or(&tree);
    for app in apps.one_or_more() {
        let known = App {
            node: app,
            constants: &constants,
        };
        known.read(&mut page);
    }
    page.leave_out_others(
        "pm2",
        &tree,
        &["apps", "name", "script"],
        "it says where to deploy, not what runs",
    );
    page
}

type Constants = Vec<(String, Node)>;

fn tree(file: &str, text: &str) -> Result<(Node, Constants), Unreadable> {
    let extension = file.rsplit('.').next().unwrap_or_default();
    if extension == "json" {
        return Ok((json(text)?, Vec::new()));
    }
    if ["yml", "yaml"].contains(&extension) {
        return Ok((yaml(text)?, Vec::new()));
    }
    let mut script = script(text)?;
    with_constants(&mut script.exported, &script.constants, 0);
    Ok((script.exported, script.constants))
}

/// Puts what a constant stands for in its place, also where it is spread into a table.
fn with_constants(node: &mut Node, constants: &Constants, depth: usize) {
    let known = |name: &str| {
        let found = constants.iter().find(|(other, _)| other == name)?;
        Some(found.1.clone())
    };
    if depth > 8 {
        return;
    }
    match &mut node.value {
        Value::Code(code) => {
            if let Some(found) = known(code).filter(|it| !matches!(it.value, Value::Code(_))) {
                node.value = found.value;
                with_constants(node, constants, depth + 1);
            }
        }
        Value::List(items) => {
            for item in items {
                with_constants(item, constants, depth + 1);
            }
        }
        Value::Table(entries) => {
            let mut spread: Vec<(Key, Node)> = Vec::new();
            for (key, mut node) in std::mem::take(entries) {
                let found = key.name.strip_prefix("...").and_then(known);
                let own = match found {
                    Some(found) if !found.table().is_empty() => found.table().to_vec(),
                    _ => {
                        with_constants(&mut node, constants, depth + 1);
                        vec![(key, node)]
                    }
                };
                for (key, node) in own {
                    spread.retain(|(other, _)| other.name != key.name);
                    spread.push((key, node));
                }
            }
            *entries = spread;
        }
        _ => {}
    }
}

struct App<'a> {
    node: &'a Node,
    constants: &'a Constants,
}

impl App<'_> {
    /// A value as a stack file has it, with what is known without executing the file.
    fn text(&self, node: &Node, page: &mut SourceFile, what: &str) -> Option<String> {
        if let Value::Code(code) = &node.value {
            let known = expression(code, self.constants);
            if known.is_none() {
                let what = format!("{what} = {}", node.shown());
                page.leave_out(node.line, what, "it is known only by executing the file");
            }
            return known.map(|text| text.in_stack_file());
        }
        Some(plain(&node.scalar()?))
    }

    fn get(&self, key: &str, page: &mut SourceFile) -> Option<String> {
        let node = self.node.get(key)?;
        self.text(node, page, key)
    }

    /// Words, as a list or as a line.
    fn words(&self, key: &str, page: &mut SourceFile) -> Vec<String> {
        let Some(node) = self.node.get(key) else {
            return Vec::new();
        };
        if let Value::List(items) = &node.value {
            let items = items.iter();
            return items
                .filter_map(|item| self.text(item, page, key))
                .collect();
        }
        let text = self.text(node, page, key).unwrap_or_default();
        shell_words::split(&text).unwrap_or_else(|_| vec![text])
    }

    fn read(&self, page: &mut SourceFile) {
        let app = self.node;
        let line = app.get("name").map_or(app.line, |node| node.line);
        let Some(script) = self.get("script", page) else {
            let name = app.get("name").map_or_else(|| app.shown(), Node::shown);
            page.leave_out(line, format!("app `{name}`"), "its script is not known");
            return;
        };
        let name = self.get("name", page).unwrap_or_else(|| {
            let base = script.rsplit('/').next().unwrap_or(&script);
            base.split('.').next().unwrap_or(base).to_owned()
        });
        let because = page.because(line, format!("the app `{name}`"));
        let mut service = DraftService::new(&name, Kind::Worker, because);
        let cwd = self.get("cwd", page);
        let directory = page.path(&cwd.unwrap_or_default());
        if let (Some(folder), Some(said)) = (&directory, app.get("cwd")) {
            let because = page.because(said.line, "cwd");
            service.directory = Some(because.says(folder.clone()));
        } else {
            let because = page.because(line, "the folder of the file");
            service.directory = directory.map(|folder| because.says(folder));
        }
        let words: Vec<String> = self
            .command(&script, page)
            .iter()
            .map(|word| {
                in_folder(
                    word,
                    page.folder(),
                    service.directory.as_ref().map(|it| &*it.value),
                )
            })
            .collect();
        // The port rules are for words that no notation has been applied to yet.
        let plain_words = words
            .iter()
            .map(|it| it.replace("{{", "{").replace("}}", "}"));
        let (command, port) = if words.iter().any(|word| word.contains("${")) {
            (CommandLine::Words(words), None)
        } else {
            command::words(plain_words)
        };
        let at = app.get("script").map_or(line, |node| node.line);
        let because = page.because(at, "script");
        service.port = port.map(|port| because.says(port));
        service.command = Some(because.says(command));
        self.environment(&mut service, page);
        if service.port.is_some() {
            service.kind = Kind::Backend;
        }
        self.restart(&mut service, page);
        self.leave_out(&service.name, page);
        page.services.push(service);
    }

    /// What pm2 would run.
    fn command(&self, script: &str, page: &mut SourceFile) -> Vec<String> {
        let args = self.words("args", page);
        let interpreter = self
            .get("interpreter", page)
            .or_else(|| self.get("exec_interpreter", page));
        let mut options = self.words("node_args", page);
        options.extend(self.words("interpreter_args", page));
        let extension = script.rsplit('/').next().and_then(|it| it.rsplit_once('.'));
        let usual = match extension.map(|(_, extension)| extension) {
            Some("js" | "mjs" | "cjs") => Some("node"),
            Some("ts" | "tsx") => Some("bun"),
            Some("py") => Some("python"),
            Some("sh") => Some("bash"),
            Some("rb") => Some("ruby"),
            Some("php") => Some("php"),
            Some("pl") => Some("perl"),
            _ => None,
        };
        let interpreter = match interpreter.as_deref() {
            Some("none") => None,
            Some(interpreter) => Some(interpreter.to_owned()),
            None => usual.map(str::to_owned),
        };
        let mut words: Vec<String> = interpreter.into_iter().collect();
        if !words.is_empty() {
            words.append(&mut options);
        }
        // A line with blanks is a command of its own.
        if words.is_empty() && script.contains(' ') {
            words.extend(shell_words::split(script).unwrap_or_else(|_| vec![script.to_owned()]));
        } else {
            words.push(script.to_owned());
        }
        words.extend(args);
        words
    }

    fn environment(&self, service: &mut DraftService, page: &mut SourceFile) {
        for key in ["env", "env_development"] {
            if let Some(node) = self.node.get(key)
                && let Value::Code(_) = node.value
            {
                let what = format!("{}: {key} = {}", service.name, node.shown());
                page.leave_out(node.line, what, "it is known only by executing the file");
            }
            for (variable, value) in self.node.get(key).map_or(&[][..], Node::table) {
                let name = variable.name.clone();
                let Some(text) = self.text(value, page, &format!("{}: {name}", service.name))
                else {
                    continue;
                };
                let because = page.because(variable.line, key);
                service.env.retain(|(other, _)| *other != name);
                if name == "PORT"
                    && let Some(port) = number(&text)
                {
                    // It is handed on as `PORT` anyway.
                    service.port = Some(Sourced::new(port, because));
                } else {
                    if is_unset(&text) {
                        continue;
                    }
                    let text = in_folder(&text, page.folder(), Some(service.folder()));
                    service.env.push((name, because.says(text)));
                }
            }
        }
        if let Some(port) = self.node.get("port")
            && let Some(number) = port.port()
        {
            service
                .port
                .get_or_insert(page.because(port.line, "port").says(number));
        }
    }

    fn restart(&self, service: &mut DraftService, page: &mut SourceFile) {
        if let Some(node) = self.node.get("autorestart") {
            let because = page.because(node.line, format!("autorestart: {}", node.shown()));
            service.restart = Some(because.says(match node.flag() {
                Some(false) => Restart::Never,
                _ => Restart::Always,
            }));
        }
        if let Some(node) = self.node.get("kill_timeout") {
            let because = page.because(node.line, "kill_timeout");
            let timeout = node.number().and_then(units::milliseconds);
            service.stop = Some(because.says(Stop {
                timeout,
                ..Stop::default()
            }));
        }
    }

    fn leave_out(&self, name: &str, page: &mut SourceFile) {
        if let Some(node) = self.node.get("instances")
            && node.number() != Some(1)
        {
            let what = format!("{name}: instances = {}", node.shown());
            page.leave_out(
                node.line,
                what,
                "a service is one process with its children",
            );
        }
        for (key, node) in self.node.table() {
            let name_of_key = key.name.as_str();
            let what = format!("{name}: {name_of_key} = {}", node.shown());
            if name_of_key.starts_with("env_") && name_of_key != "env_development" {
                page.leave_out(key.line, what, "a stack is for development");
            } else if !KNOWN.contains(&name_of_key) {
                page.leave_out(key.line, what, NO_WORD);
            }
        }
    }
}

/// A port, or that of a variable which is not set.
pub(super) fn number(text: &str) -> Option<u16> {
    let text = text.strip_suffix('}').map_or(text, |text| {
        text.rsplit_once(":-").map_or(text, |(_, default)| default)
    });
    text.parse().ok().filter(|port| *port > 0)
}
