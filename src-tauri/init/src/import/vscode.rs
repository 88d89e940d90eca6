//! `.vscode/tasks.json` and `.vscode/launch.json`: the tasks that go on in the background, and what is
//! debugged.

use std::collections::BTreeSet;

use super::{
    Tool, command,
    source_file::{SourceFile, resolve},
    text::{Piece, Text, in_folder, is_unset},
    tree::{Node, json},
};
use crate::{
    detect::{Listing, System, folder},
    draft::{CommandLine, DraftService, Kind, Needed, Probe, Ready, plain},
};
use pilotlight::stack::Need;

/// The folder that VS Code was opened in.
fn root(file: &str) -> &str {
    folder(folder(file))
}

/// A text with the variables of VS Code. `None` if one of them is known to VS Code only.
fn filled(text: &str, page: &mut SourceFile, line: usize) -> Option<Text> {
    let mut filled = Text::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push(before);
        let (name, after) = after.split_once('}')?;
        match name.split_once(':').map_or((name, ""), |it| it) {
            ("workspaceFolder" | "workspaceRoot" | "cwd" | "fileWorkspaceFolder", _) => {
                filled.push(super::text::ROOT);
            }
            ("env", name) => filled.0.push(Piece::Variable {
                name: name.to_owned(),
                default: None,
            }),
            ("pathSeparator" | "/", _) => filled.push("/"),
            ("userHome", _) => filled.0.push(Piece::Variable {
                name: "HOME".to_owned(),
                default: None,
            }),
            _ => {
                page.leave_out(line, text, "it is known to VS Code only");
                return None;
            }
        }
        rest = after;
    }
    filled.push(rest);
    Some(filled)
}

fn text(node: &Node, page: &mut SourceFile) -> Option<String> {
    // An argument may say how it is to be quoted.
    let node = node.get("value").unwrap_or(node);
    let text = node.scalar()?;
    filled(&text, page, node.line).map(|text| text.in_stack_file())
}

fn texts(node: Option<&Node>, page: &mut SourceFile) -> Option<Vec<String>> {
    let items = node.map_or(&[][..], Node::one_or_more);
    items.iter().map(|item| text(item, page)).collect()
}

/// A path as VS Code has it, from the folder of the project.
fn path(node: Option<&Node>, page: &mut SourceFile) -> Option<String> {
    let said = match node {
        Some(node) => text(node, page)?,
        None => String::new(),
    };
    let root = root(&page.file).to_owned();
    resolve(&root, &said.replace(super::text::ROOT, "."))
}

fn environment(service: &mut DraftService, table: Option<&Node>, page: &mut SourceFile) {
    for (key, value) in table.map_or(&[][..], Node::table) {
        let because = page.because(key.line, "env");
        if let Some(value) = text(value, page) {
            let value = in_folder(&value, root(&page.file), Some(service.folder()));
            if is_unset(&value) {
                continue;
            }
            match value.parse() {
                Ok(port) if key.name == "PORT" => service.port = Some(because.says(port)),
                _ => service.env.push((key.name.clone(), because.says(value))),
            }
        }
    }
}

pub(super) fn tasks(listing: &Listing, file: &str, text: &str) -> SourceFile {
    let mut page = SourceFile::new(Tool::Tasks, file);
    let tree = match json(text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    let all = tree.get("tasks").map_or(&[][..], Node::list);
    let label = |task: &Node| {
        let label = task.get("label").or_else(|| task.get("taskName"))?;
        label.scalar()
    };
    let find = |name: &str| all.iter().find(|task| label(task).as_deref() == Some(name));
    let needs = |task: &Node| -> Vec<(usize, String)> {
        let items = task.get("dependsOn").map_or(&[][..], Node::one_or_more);
        items
            .iter()
            .filter_map(|item| Some((item.line, item.scalar()?)))
            .collect()
    };
    let is_background = |task: &Node| task.get("isBackground").and_then(Node::flag) == Some(true);
    // What runs in the background, and what has to come before it.
    let mut wanted: BTreeSet<String> = all
        .iter()
        .filter(|task| is_background(task))
        .filter_map(label)
        .collect();
    let mut open: Vec<String> = wanted.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for (_, need) in find(&name).map(needs).unwrap_or_default() {
            if find(&need).is_some() && wanted.insert(need.clone()) {
                open.push(need);
            }
        }
    }
    for task in all {
        let Some(name) = label(task) else { continue };
        if !wanted.contains(&name) {
            page.leave_out(
                task.line,
                format!("task `{name}`"),
                "it is not one that goes on in the background",
            );
            continue;
        }
        let kind = if is_background(task) {
            Kind::Worker
        } else {
            Kind::Job
        };
        let because = page.because(task.line, format!("the task `{name}`"));
        let mut service = DraftService::new(&name, kind, because);
        if !run(&mut service, task, listing, &mut page) {
            page.leave_out(
                task.line,
                format!("task `{name}`"),
                "it runs nothing of its own",
            );
            continue;
        }
        ready(&mut service, task, &page);
        for (line, need) in needs(task) {
            let until = match find(&need) {
                Some(other) if is_background(other) => Need::Ready,
                Some(_) => Need::Completed,
                None => {
                    page.leave_out(
                        line,
                        format!("{name}: dependsOn {need}"),
                        "there is no such task",
                    );
                    continue;
                }
            };
            let because = page.because(line, "dependsOn");
            service.needs.push(because.says(Needed {
                service: need,
                until,
            }));
        }
        page.services.push(service);
    }
    page
}

fn run(service: &mut DraftService, task: &Node, listing: &Listing, page: &mut SourceFile) -> bool {
    let system = match listing.host.system {
        System::Linux => "linux",
        System::MacOs => "osx",
        System::Windows => "windows",
    };
    let own = task.get(system);
    let get = |key: &str| own.and_then(|own| own.get(key)).or_else(|| task.get(key));
    let options = get("options");
    let directory = path(options.and_then(|it| it.get("cwd")), page);
    let kind = task.get("type").and_then(Node::text).unwrap_or("shell");
    if kind == "npm" {
        let Some(script) = task.get("script").and_then(Node::text) else {
            return false;
        };
        let because = page.because(task.line, "the task");
        let folder = match task.get("path") {
            Some(node) => path(Some(node), page),
            None => directory,
        };
        let manager = super::scripts::manager(listing, folder.as_deref().unwrap_or(""));
        service.command = Some(because.says(CommandLine::words([manager, "run", script])));
        service.directory = folder.map(|folder| because.says(folder));
        return true;
    }
    let Some(said) = get("command") else {
        return false;
    };
    let because = page.because(said.line, "command");
    let Some(program) = text(said, page) else {
        return false;
    };
    let Some(args) = texts(get("args"), page) else {
        return false;
    };
    let undone = |text: &str| text.replace("{{", "{").replace("}}", "}");
    let (line, port, folder) = if args.is_empty() && kind == "shell" {
        let read = command::line(
            &undone(&in_folder(&program, root(&page.file), directory.as_deref())),
            directory.as_deref(),
        );
        for (name, value) in read.env {
            service.env.push((name, because.says(plain(&value))));
        }
        (read.command, read.port, read.directory)
    } else {
        let mut words = if kind == "shell" {
            shell_words::split(&program).unwrap_or_else(|_| vec![program.clone()])
        } else {
            vec![program]
        };
        words.extend(args);
        let here = |word: &String| undone(&in_folder(word, root(&page.file), directory.as_deref()));
        let (line, port) = command::words(words.iter().map(here));
        (line, port, directory)
    };
    service.port = port.map(|port| because.says(port));
    service.command = Some(because.says(line));
    service.directory = folder.map(|folder| because.says(folder));
    environment(service, options.and_then(|it| it.get("env")), page);
    if service.port.is_some() && service.kind == Kind::Worker {
        service.kind = Kind::Backend;
    }
    true
}

/// The line by which VS Code knows that a background task is there.
fn ready(service: &mut DraftService, task: &Node, page: &SourceFile) {
    let matchers = task
        .get("problemMatcher")
        .map_or(&[][..], Node::one_or_more);
    let end = matchers
        .iter()
        .find_map(|matcher| matcher.at(&["background", "endsPattern"]));
    let Some(end) = end else { return };
    let pattern = end.get("regexp").unwrap_or(end);
    let Some(pattern) = pattern.text().filter(|it| regex::Regex::new(it).is_ok()) else {
        return;
    };
    // A pattern for any line tells nothing.
    if ["", ".", ".*", "^.*$", "."].contains(&pattern) {
        return;
    }
    let because = page.because(end.line, "endsPattern");
    service.ready = Some(because.says(Ready {
        probes: vec![Probe::Log(pattern.to_owned())],
        ..Ready::default()
    }));
}

pub(super) fn launches(listing: &Listing, file: &str, text: &str) -> SourceFile {
    let mut page = SourceFile::new(Tool::Launch, file);
    let tree = match json(text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    for launch in tree.get("configurations").map_or(&[][..], Node::list) {
        let name = launch.get("name").and_then(Node::scalar);
        let name = name.unwrap_or_else(|| launch.shown());
        let kind = launch.get("type").and_then(Node::text).unwrap_or_default();
        let what = format!("launch `{name}`");
        if launch.get("request").and_then(Node::text) == Some("attach") {
            page.leave_out(launch.line, what, "it attaches to a running process");
            continue;
        }
        let because = page.because(launch.line, format!("the launch `{name}`"));
        let mut service = DraftService::new(&name, Kind::Worker, because.clone());
        let words = match kind {
            "debugpy" | "python" => python(launch, listing, &mut page),
            "node" | "pwa-node" | "node-terminal" | "bun" => node(launch, &mut page),
            "go" => program(launch, &["go", "run"], &mut page),
            "php" | "ruby_lsp" | "Ruby" | "dart" | "coreclr" | "java" | "lldb" | "cppdbg" => None,
            _ => {
                page.leave_out(launch.line, what, "it opens a browser, or needs VS Code");
                continue;
            }
        };
        let Some(words) = words else {
            page.leave_out(
                launch.line,
                what,
                "how it is started without VS Code is not known",
            );
            continue;
        };
        let directory = path(launch.get("cwd"), &mut page);
        let undone = |text: &String| {
            let here = in_folder(text, root(&page.file), directory.as_deref());
            here.replace("{{", "{").replace("}}", "}")
        };
        let (line, port) = command::words(words.iter().map(undone));
        service.command = Some(because.says(line));
        service.port = port.map(|port| because.says(port));
        service.directory = directory.map(|folder| because.says(folder));
        environment(&mut service, launch.get("env"), &mut page);
        if let Some(said) = launch.get("envFile")
            && let Some(file) = path(Some(said), &mut page)
        {
            let because = page.because(said.line, "envFile");
            service.env_file.push(because.says(format!("{file}?")));
        }
        if let Some(task) = launch.get("preLaunchTask") {
            let what = format!("{name}: preLaunchTask = {}", task.shown());
            page.leave_out(
                task.line,
                what,
                "tasks are read from tasks.json, if they go on in the background",
            );
        }
        if service.port.is_some() {
            service.kind = Kind::Backend;
        }
        page.services.push(service);
    }
    page
}

fn python(launch: &Node, listing: &Listing, page: &mut SourceFile) -> Option<Vec<String>> {
    let chosen = launch.get("python").or_else(|| launch.get("pythonPath"));
    let python = match chosen {
        Some(node) => text(node, page)?,
        None => interpreter(listing).to_owned(),
    };
    let mut words = vec![python];
    match launch.get("module") {
        Some(module) => words.extend(["-m".to_owned(), text(module, page)?]),
        None => words.push(text(launch.get("program")?, page)?),
    }
    words.extend(texts(launch.get("args"), page)?);
    Some(words)
}

/// The environment that VS Code would choose.
fn interpreter(listing: &Listing) -> &'static str {
    let is_windows = listing.host.system == System::Windows;
    let there = |name: &str| listing.has_folder(name);
    match (is_windows, there(".venv"), there("venv")) {
        (false, true, _) => ".venv/bin/python",
        (false, false, true) => "venv/bin/python",
        (true, true, _) => ".venv/Scripts/python.exe",
        (true, false, true) => "venv/Scripts/python.exe",
        (true, ..) => "python",
        (false, ..) => "python3",
    }
}

fn node(launch: &Node, page: &mut SourceFile) -> Option<Vec<String>> {
    if let Some(line) = launch.get("command") {
        return shell_words::split(&text(line, page)?).ok();
    }
    let executable = launch.get("runtimeExecutable");
    let mut words = vec![match executable {
        Some(node) => text(node, page)?,
        None => "node".to_owned(),
    }];
    words.extend(texts(launch.get("runtimeArgs"), page)?);
    match launch.get("program") {
        Some(program) => words.push(text(program, page)?),
        None if executable.is_none() => return None,
        None => {}
    }
    words.extend(texts(launch.get("args"), page)?);
    Some(words)
}

fn program(launch: &Node, before: &[&str], page: &mut SourceFile) -> Option<Vec<String>> {
    let mut words: Vec<String> = before.iter().map(|&word| word.to_owned()).collect();
    words.push(text(launch.get("program")?, page)?);
    words.extend(texts(launch.get("args"), page)?);
    Some(words)
}
