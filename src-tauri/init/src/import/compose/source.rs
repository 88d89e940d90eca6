//! A service that is built of the project's own source: its command runs in the folder of that source.

use super::{
    Project,
    container::variables,
    env_files,
    health::{self, Inside},
    hosts::From,
    ports::ports,
    words,
};
use crate::{
    detect::join,
    draft::{CommandLine, DraftService, Kind, plain},
    import::{
        command,
        page::Page,
        tree::{Node, Value, json},
    },
};

pub(super) fn fill(
    service: &mut DraftService,
    node: &Node,
    project: &Project<'_>,
    page: &mut Page,
) {
    let Some(build) = node.get("build") else {
        return;
    };
    let context = build.get("context").unwrap_or(build);
    let context = context.text().unwrap_or(".");
    if context.contains("://") || context.starts_with("git@") {
        page.leave_out(
            build.line,
            format!("service `{}`", service.name),
            "its source is somewhere else",
        );
        return;
    }
    let because = page.because(build.line, "build");
    let directory = page.path(context);
    let image = image(build, directory.as_deref(), project);
    service.directory = directory.clone().map(|folder| because.says(folder));
    variables(service, node, project, page, From::Source);
    service.env_file.extend(env_files(node, page));

    let known = &project.known;
    let entry = node.get("entrypoint");
    let (command, because) = match (node.get("command"), entry) {
        (None, None) => (image.words(), because),
        (command, entry) => {
            let line = command.or(entry).map_or(build.line, |node| node.line);
            let mut all = entry.map_or_else(Vec::new, |node| words(node, known));
            all.extend(command.map_or_else(Vec::new, |node| words(node, known)));
            (all, page.because(line, "command"))
        }
    };
    let own = |word: &str| {
        let Some(folder) = &image.folder else {
            return word.to_owned();
        };
        let word = word.strip_prefix(&format!("{folder}/")).unwrap_or(word);
        word.to_owned()
    };
    let (line, mut named) = run(command.iter().map(|word| own(word)).collect());
    let mut takes_port = line.as_ref().is_some_and(|line| line.contains("{port}"));
    service.command = line.map(|line| because.says(line));
    if service.command.is_none() {
        let folder = directory.unwrap_or_default();
        page.built.push((service.name.clone(), folder));
    }
    // `PORT` is what Pilot Light hands on as well.
    if let Some(at) = service.env.iter().position(|(name, _)| name == "PORT")
        && let Ok(port) = service.env[at].1.value.parse()
    {
        named = Some(port);
        takes_port = true;
        service.env.remove(at);
    }
    let published = ports(node, known);
    let main = published.iter().find(|port| port.is_one());
    let exposed = node
        .get("expose")
        .and_then(|it| it.list().iter().find_map(Node::port));
    service.port = match (main, named) {
        (Some(port), _) => {
            // Without the network of a container, it listens where it is told to, or where it
            // always does.
            let inside = port.inside.filter(|_| !takes_port).or(port.outside);
            inside.map(|it| page.because(port.line, "ports").says(it))
        }
        (None, Some(port)) => Some(because.says(port)),
        (None, None) => exposed.map(|port| page.because(node.line, "expose").says(port)),
    };
    service.kind = if service.port.is_some() {
        Kind::Backend
    } else {
        Kind::Worker
    };
    for port in published.iter().skip_while(|port| !port.is_one()).skip(1) {
        let what = format!("{}: ports = {}", service.name, port.argument);
        page.leave_out(
            port.line,
            what,
            "a service has one port; it listens on this one all the same",
        );
    }
    service.ready = health::ready(service, node, &Inside::Here, project, page);
    volumes(service, node, page);
}

/// The words of a command, or the line that they hand to a shell.
fn run(words: Vec<String>) -> (Option<CommandLine>, Option<u16>) {
    if let [shell, option, line] = &words[..]
        && ["sh", "bash", "/bin/sh", "/bin/bash"].contains(&shell.as_str())
        && ["-c", "-lc"].contains(&option.as_str())
    {
        let read = command::line(&line.replace("{{", "{").replace("}}", "}"), None);
        return (Some(read.command), read.port);
    }
    if words.is_empty() {
        return (None, None);
    }
    // They are as a stack file has them already.
    let words = words
        .into_iter()
        .map(|word| word.replace("{{", "{").replace("}}", "}"));
    let (line, port) = command::words(words);
    (Some(line), port)
}

fn volumes(service: &DraftService, node: &Node, page: &mut Page) {
    for item in node.get("volumes").map_or(&[][..], Node::list) {
        let source = match item.text() {
            Some(text) => text.split_once(':').map(|(source, _)| source.to_owned()),
            None => item.get("source").and_then(Node::scalar),
        };
        let Some(source) = source else {
            continue;
        };
        let is_own = source.starts_with('.')
            && page.path(&source).is_none_or(|path| {
                path == service.folder()
                    || path.starts_with(&format!("{}/", service.folder()))
                    || service.folder().is_empty()
            });
        if !is_own {
            let what = format!("{}: volumes = {}", service.name, item.shown());
            page.leave_out(
                item.line,
                what,
                "it runs from its source, and sees the files of this computer",
            );
        }
    }
}

/// What a Dockerfile says of its image.
#[derive(Default)]
struct Image {
    folder: Option<String>,
    entry: Vec<String>,
    command: Vec<String>,
}

impl Image {
    fn words(&self) -> Vec<String> {
        self.entry.iter().chain(&self.command).cloned().collect()
    }
}

fn image(build: &Node, context: Option<&str>, project: &Project<'_>) -> Image {
    let name = build.get("dockerfile").and_then(Node::text);
    let target = build.get("target").and_then(Node::text);
    let path = join(context.unwrap_or(""), name.unwrap_or("Dockerfile"));
    let path = crate::import::page::resolve("", &path).unwrap_or_default();
    let text = project.listing.text(&path).unwrap_or_default();
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut image = Image::default();
    let mut is_done = false;
    for row in text.lines().map(str::trim) {
        let (word, rest) = row.split_once(char::is_whitespace).unwrap_or((row, ""));
        match word.to_ascii_uppercase().as_str() {
            "FROM" => {
                if is_done {
                    break;
                }
                image = Image {
                    folder: image.folder,
                    ..Image::default()
                };
                let stage = rest
                    .rsplit_once(char::is_whitespace)
                    .map(|(_, stage)| stage);
                is_done = target.is_some() && stage == target;
            }
            "WORKDIR" => image.folder = Some(rest.trim_end_matches('/').to_owned()),
            "ENTRYPOINT" => image.entry = form(rest),
            "CMD" => image.command = form(rest),
            _ => {}
        }
    }
    image
}

/// The list form, or the form that goes to a shell.
fn form(text: &str) -> Vec<String> {
    if text.starts_with('[')
        && let Ok(node) = json(text)
        && let Value::List(items) = &node.value
    {
        let words = items.iter().filter_map(Node::scalar);
        return words.map(|word| plain(&word)).collect();
    }
    vec!["sh".to_owned(), "-c".to_owned(), plain(text)]
}
