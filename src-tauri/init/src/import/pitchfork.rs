//! `pitchfork.toml`

use std::collections::BTreeSet;

use super::{
    Tool, command,
    source_file::SourceFile,
    tree::{Node, toml},
    units,
};
use crate::draft::{DraftService, Http, Kind, Needed, Probe, Ready, Sourced, Stop, plain};
use pilotlight::stack::{Need, Restart};

const KNOWN: [&str; 17] = [
    "run",
    "depends",
    "retry",
    "ready_output",
    "ready_http",
    "ready_port",
    "ready_cmd",
    "dir",
    "env",
    "port",
    "expected_port",
    "stop_signal",
    "stop_timeout",
    "auto",
    "ready_delay",
    "namespace",
    "description",
];

pub(super) fn read(file: &str, text: &str) -> SourceFile {
    let mut page = SourceFile::new(Tool::Pitchfork, file);
    let tree = match toml(text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    let daemons = tree.get("daemons").map_or(&[][..], Node::table);
    let names: BTreeSet<&str> = daemons.iter().map(|(key, _)| &*key.name).collect();
    for (key, node) in daemons {
        let because = page.because(key.line, format!("the daemon `{}`", key.name));
        let mut service = DraftService::new(&key.name, Kind::Worker, because);
        // A daemon may be its command alone.
        let run = node.get("run").unwrap_or(node);
        let dir = node.get("dir").and_then(Node::text).unwrap_or("");
        let folder = page.path(dir);
        let at = page.because(run.line, "run");
        let read = if let Some(text) = run.text() {
            command::line(text, folder.as_deref())
        } else {
            let (command, port) = command::words(run.list().iter().filter_map(Node::scalar));
            command::Line {
                takes_port: false,
                command,
                directory: folder,
                env: Vec::new(),
                port,
            }
        };
        if read.command == crate::draft::CommandLine::Words(Vec::new()) {
            page.leave_out(
                key.line,
                format!("daemon `{}`", key.name),
                "it runs nothing",
            );
            continue;
        }
        service.command = Some(at.says(read.command));
        service.directory = read.directory.map(|folder| at.says(folder));
        service.env = read
            .env
            .into_iter()
            .map(|(name, value)| (name, at.says(plain(&value))))
            .collect();
        for (name, value) in node.get("env").map_or(&[][..], Node::table) {
            if let Some(text) = value.scalar() {
                let because = page.because(name.line, "env");
                service
                    .env
                    .push((name.name.clone(), because.says(plain(&text))));
            }
        }
        service.port = port(node, &page).or(read.port.map(|port| at.says(port)));
        ready(&mut service, node, &page);
        if service.port.is_some() {
            service.kind = Kind::Backend;
        }
        for need in node.get("depends").map_or(&[][..], Node::one_or_more) {
            let Some(name) = need
                .text()
                .map(|name| name.rsplit('/').next().unwrap_or(name))
            else {
                continue;
            };
            let because = page.because(need.line, "depends");
            if names.contains(name) {
                service.needs.push(because.says(Needed {
                    service: name.to_owned(),
                    until: Need::Ready,
                }));
            } else {
                let what = format!("{}: depends {name}", key.name);
                page.leave_out(need.line, what, "no daemon of this file has that name");
            }
        }
        restart(&mut service, node, &mut page);
        stop(&mut service, node, &page);
        if let Some(auto) = node.get("auto") {
            let what = format!("{}: auto = {}", key.name, auto.shown());
            page.leave_out(auto.line, what, "a stack is started and stopped by hand");
        }
        if let Some(delay) = node.get("ready_delay").filter(|_| service.ready.is_none()) {
            let what = format!("{}: ready_delay = {}", key.name, delay.shown());
            page.leave_out(
                delay.line,
                what,
                "that time has passed says nothing of a service",
            );
        }
        page.leave_out_others(&key.name, node, &KNOWN, "a stack file has no word for it");
        page.services.push(service);
    }
    page.leave_out_others(
        "pitchfork",
        &tree,
        &["daemons"],
        "a stack file has no word for it",
    );
    page
}

/// `port = 1`, `port = { expect = [1] }`, `expected_port = [1]`, `ready_port = 1`
fn port(node: &Node, page: &SourceFile) -> Option<Sourced<u16>> {
    ["port", "expected_port", "ready_port"]
        .iter()
        .find_map(|key| {
            let said = node.get(key)?;
            let value = said.get("expect").unwrap_or(said);
            let port = value.one_or_more().iter().find_map(Node::port)?;
            Some(page.because(said.line, *key).says(port))
        })
}

fn ready(service: &mut DraftService, node: &Node, page: &SourceFile) {
    let mut probes = Vec::new();
    let mut line = None;
    for key in ["ready_output", "ready_http", "ready_cmd", "ready_port"] {
        let Some(said) = node.get(key) else { continue };
        let text = said
            .get("url")
            .or(said.get("pattern"))
            .or(said.get("run"))
            .unwrap_or(said);
        let Some(text) = text.scalar() else { continue };
        line.get_or_insert(said.line);
        probes.push(match key {
            "ready_output" => Probe::Log(text),
            "ready_http" => Probe::Http(Http {
                url: super::own_address(&text, service.port.as_ref().map(|said| said.value)),
                ..Http::default()
            }),
            "ready_cmd" => Probe::Command(super::shell(&text)),
            _ => Probe::Tcp("localhost:{port}".to_owned()),
        });
    }
    // Where it listens is what a service with a port is asked anyway.
    if let [Probe::Tcp(_)] = probes[..] {
        return;
    }
    service.ready = line.map(|line| {
        page.because(line, "how it is told to be ready")
            .says(Ready {
                probes,
                ..Ready::default()
            })
    });
}

fn restart(service: &mut DraftService, node: &Node, page: &mut SourceFile) {
    let Some(retry) = node.get("retry") else {
        return;
    };
    let because = page.because(retry.line, format!("retry = {}", retry.shown()));
    match (retry.flag(), retry.number()) {
        (Some(true), _) => service.restart = Some(because.says(Restart::OnFailure)),
        (Some(false), _) | (_, Some(0)) => service.restart = Some(because.says(Restart::Never)),
        _ => {
            service.restart = Some(because.says(Restart::OnFailure));
            let what = format!("{}: retry = {}", service.name, retry.shown());
            page.leave_out(retry.line, what, "restarts have a limit of their own");
        }
    }
}

fn stop(service: &mut DraftService, node: &Node, page: &SourceFile) {
    let Some(said) = node.get("stop_signal").or(node.get("stop_timeout")) else {
        return;
    };
    let signal = node.get("stop_signal");
    let timeout = signal
        .and_then(|it| it.get("timeout"))
        .or(node.get("stop_timeout"));
    let name = signal.and_then(|it| it.get("signal").unwrap_or(it).scalar());
    service.stop = Some(
        page.because(said.line, "stop_signal").says(Stop {
            signal: name.and_then(|name| units::signal(&name)),
            command: None,
            timeout: timeout
                .and_then(Node::scalar)
                .and_then(|it| units::duration(&it)),
        }),
    );
}
