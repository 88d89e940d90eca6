//! `process-compose.yaml`

use std::collections::BTreeSet;

use super::{
    Tool,
    command::{self, Line},
    source_file::{SourceFile, env_file},
    text::{Known, Text, is_unset},
    tree::{Node, yaml},
    units,
};
use crate::{
    detect::{Listing, join},
    draft::{DraftService, Http, Kind, Needed, Origin, Probe, Ready, Sourced, Stop, plain},
};
use pilotlight::stack::{Need, Restart};

const NO_WORD: &str = "a stack file has no word for it";

const KNOWN: [&str; 20] = [
    "availability",
    "command",
    "depends_on",
    "description",
    "disabled",
    "entrypoint",
    "environment",
    "env_file",
    "is_daemon",
    "is_foreground",
    "is_tty",
    "liveness_probe",
    "log_configuration",
    "namespace",
    "readiness_probe",
    "ready_log_line",
    "shutdown",
    "working_dir",
    "disable_ansi_colors",
    "log_location",
];

pub(super) fn read(listing: &Listing, file: &str, text: &str) -> SourceFile {
    let mut page = SourceFile::new(Tool::ProcessCompose, file);
    let tree = match yaml(text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    let dot_env = join(page.folder(), ".env");
    let known = env_file(listing, &dot_env);
    let shared = environment(&tree, &known, &page);
    let processes = tree.get("processes").map_or(&[][..], Node::table);
    let is_off = |node: &Node| node.get("disabled").and_then(Node::flag) == Some(true);
    let names: BTreeSet<&str> = processes
        .iter()
        .filter(|(_, node)| !is_off(node))
        .map(|(key, _)| &*key.name)
        .collect();
    let jobs = jobs(processes);
    for (key, node) in processes {
        if is_off(node) {
            let what = format!("process `{}`", key.name);
            page.leave_out(key.line, what, "it is disabled there");
            continue;
        }
        let because = page.because(key.line, format!("the process `{}`", key.name));
        let mut service = DraftService::new(&key.name, Kind::Worker, because.clone());
        let Some(read) = run(node, &page) else {
            page.leave_out(
                key.line,
                format!("process `{}`", key.name),
                "it has no command",
            );
            continue;
        };
        let at = node
            .get("command")
            .or(node.get("entrypoint"))
            .map_or(key.line, |node| node.line);
        let said = page.because(at, "command");
        service.command = Some(said.says(read.command));
        service.directory = read.directory.map(|folder| said.says(folder));
        service.port = read.port.map(|port| said.says(port));
        for (name, value) in read.env {
            service.env.push((name, said.says(plain(&value))));
        }
        for (name, value) in shared
            .iter()
            .cloned()
            .chain(environment(node, &known, &page))
        {
            if is_unset(&value.value) {
                continue;
            }
            service.env.retain(|(other, _)| *other != name);
            if name == "PORT"
                && let Some(port) = super::pm2::number(&value.value)
            {
                service.port.get_or_insert(value.because.says(port));
            } else {
                service.env.push((name, value));
            }
        }
        for path in node.get("env_file").map_or(&[][..], Node::one_or_more) {
            if let Some(path) = path.text().and_then(|path| page.path(path)) {
                service
                    .env_file
                    .push(page.because(at, "env_file").says(path));
            }
        }
        if listing.has(&dot_env) {
            let because = Origin::file(&dot_env, "process-compose reads it");
            service.env_file.push(because.says(format!("{dot_env}?")));
        }
        probes(&mut service, node, &mut page);
        availability(&mut service, node, &mut page);
        shutdown(&mut service, node, &mut page);
        if service.port.is_some() {
            service.kind = Kind::Backend;
        }
        if jobs.contains(&key.name) {
            service.kind = Kind::Job;
            service.restart = None;
        }
        needs(&mut service, node, &names, &mut page);
        page.leave_out_others(&key.name, node, &KNOWN, NO_WORD);
        page.services.push(service);
    }
    page.leave_out_others(
        "process-compose",
        &tree,
        &[
            "version",
            "environment",
            "processes",
            "log_level",
            "log_location",
            "is_strict",
        ],
        NO_WORD,
    );
    page
}

fn run(node: &Node, page: &SourceFile) -> Option<Line> {
    let folder = match node.get("working_dir").and_then(Node::scalar) {
        Some(path) => page.path(&Text::interpolated(&path).likely()),
        None => page.path(""),
    };
    if let Some(entrypoint) = node.get("entrypoint") {
        let words = entrypoint.list().iter().filter_map(Node::scalar);
        let (command, port) = command::words(words);
        return Some(Line {
            takes_port: port.is_some(),
            command,
            directory: folder,
            env: Vec::new(),
            port,
        });
    }
    let text = node.get("command")?.scalar()?;
    (!text.trim().is_empty()).then(|| command::line(&text, folder.as_deref()))
}

/// A table, or a list of `NAME=VALUE`.
fn environment(node: &Node, known: &Known, page: &SourceFile) -> Vec<(String, Sourced<String>)> {
    let Some(environment) = node.get("environment") else {
        return Vec::new();
    };
    let pairs = environment.list().iter().filter_map(|item| {
        let text = item.scalar()?;
        let (name, value) = text.split_once('=')?;
        Some((item.line, name.to_owned(), value.to_owned()))
    });
    let table = environment
        .table()
        .iter()
        .filter_map(|(key, value)| Some((key.line, key.name.clone(), value.scalar()?)));
    let said = |(line, name, value): (usize, String, String)| {
        let value = Text::interpolated(&value).knowing(known).in_stack_file();
        (name, page.because(line, "environment").says(value))
    };
    pairs.chain(table).map(said).collect()
}

fn jobs(processes: &[(super::tree::Key, Node)]) -> BTreeSet<String> {
    let entries = processes
        .iter()
        .filter_map(|(_, node)| node.get("depends_on"))
        .flat_map(Node::table);
    let waits = entries.filter(|(_, how)| {
        let condition = how.get("condition").and_then(Node::text);
        condition.is_some_and(|it| it.starts_with("process_completed"))
    });
    waits.map(|(key, _)| key.name.clone()).collect()
}

fn needs(service: &mut DraftService, node: &Node, names: &BTreeSet<&str>, page: &mut SourceFile) {
    for (key, how) in node.get("depends_on").map_or(&[][..], Node::table) {
        let condition = how.get("condition").and_then(Node::text).unwrap_or("");
        let until = match condition {
            "process_completed" | "process_completed_successfully" => Need::Completed,
            "process_healthy" | "process_log_ready" => Need::Ready,
            _ => Need::Started,
        };
        let what = format!("{}: depends_on {} ({condition})", service.name, key.name);
        if !names.contains(&*key.name) {
            page.leave_out(key.line, what, "that process is not started");
            continue;
        }
        if condition == "process_completed" {
            page.leave_out(key.line, what, "a stack waits for an end with code 0");
        }
        let because = page.because(key.line, "depends_on");
        service.needs.push(because.says(Needed {
            service: key.name.clone(),
            until,
        }));
    }
}

fn probes(service: &mut DraftService, node: &Node, page: &mut SourceFile) {
    let mut ready = Ready::default();
    let mut line = None;
    if let Some(log) = node.get("ready_log_line")
        && let Some(text) = log.text()
    {
        line = Some(log.line);
        ready.probes.push(Probe::Log(regex::escape(text)));
    }
    let readiness = node.get("readiness_probe");
    let liveness = node.get("liveness_probe");
    if let Some(probe) = readiness.or(liveness) {
        line = Some(probe.line);
        ready.probes.extend(asked(service, probe, page));
        let seconds = |key: &str| {
            let number = probe.get(key)?.number().filter(|it| *it > 0)?;
            units::duration(&number.to_string())
        };
        ready.every = seconds("period_seconds");
        ready.timeout = seconds("timeout_seconds");
        ready.failures = probe
            .get("failure_threshold")
            .and_then(Node::number)
            .and_then(|it| u32::try_from(it).ok())
            .filter(|it| *it > 0);
        page.leave_out_others(
            &service.name.clone(),
            probe,
            &[
                "http_get",
                "exec",
                "period_seconds",
                "timeout_seconds",
                "failure_threshold",
                "initial_delay_seconds",
            ],
            "one success makes a service ready, and it is asked from its start",
        );
    }
    if let (Some(_), Some(liveness)) = (readiness, liveness) {
        page.leave_out(
            liveness.line,
            format!("{}: liveness_probe", service.name),
            "a service has one set of probes: those of its readiness go on while it runs",
        );
    }
    if let Some(line) = line.filter(|_| !ready.probes.is_empty()) {
        let because = page.because(line, "how it is told to be ready");
        service.ready = Some(because.says(ready));
    }
}

fn asked(service: &mut DraftService, probe: &Node, page: &mut SourceFile) -> Option<Probe> {
    if let Some(exec) = probe.get("exec") {
        let text = exec.get("command")?.scalar()?;
        if let Some(folder) = exec.get("working_dir") {
            let what = format!("{}: working_dir of its probe", service.name);
            page.leave_out(
                folder.line,
                what,
                "a probe runs in the folder of its service",
            );
        }
        return Some(Probe::Command(super::shell(&text)));
    }
    let http = probe.get("http_get")?;
    let text = |key: &str| http.get(key).and_then(Node::scalar);
    let host = text("host").unwrap_or_else(|| "localhost".to_owned());
    let scheme = text("scheme").unwrap_or_else(|| "http".to_owned());
    let path = text("path").unwrap_or_else(|| "/".to_owned());
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = format!("{slash}{}", plain(&path));
    let port = http.get("port").and_then(Node::port);
    let is_here = ["localhost", "127.0.0.1", "0.0.0.0"].contains(&host.as_str());
    if let Some(port) = port
        && is_here
        && service.port.is_none()
    {
        // What it is asked at is where it listens.
        let line = http.get("port").map_or(http.line, |node| node.line);
        service.port = Some(page.because(line, "the port of its probe").says(port));
    }
    let own = service.port.as_ref().map(|said| said.value);
    let url = match (scheme.as_str(), port) {
        ("http", Some(port)) if is_here && own == Some(port) => path,
        (_, Some(port)) => format!("{scheme}://{host}:{port}{path}"),
        (_, None) => format!("{scheme}://{host}{path}"),
    };
    let headers = http.get("headers").map_or(&[][..], Node::table).iter();
    let headers =
        headers.filter_map(|(key, value)| Some((key.name.clone(), plain(&value.scalar()?))));
    let status = http.get("status_code").and_then(Node::number);
    Some(Probe::Http(Http {
        url,
        headers: headers.collect(),
        status: status
            .and_then(|it| u16::try_from(it).ok())
            .into_iter()
            .collect(),
        ..Http::default()
    }))
}

fn availability(service: &mut DraftService, node: &Node, page: &mut SourceFile) {
    let Some(availability) = node.get("availability") else {
        return;
    };
    if let Some(restart) = availability.get("restart") {
        let policy = restart.scalar().unwrap_or_default();
        let because = page.because(restart.line, format!("restart: {policy}"));
        service.restart = match policy.as_str() {
            "always" => Some(because.says(Restart::Always)),
            "on_failure" => Some(because.says(Restart::OnFailure)),
            "no" | "false" => Some(because.says(Restart::Never)),
            _ => {
                let what = format!("{}: restart = {policy}", service.name);
                page.leave_out(
                    restart.line,
                    what,
                    "a service that ends does not end its stack",
                );
                Some(because.says(Restart::Never))
            }
        };
    }
    page.leave_out_others(
        &service.name.clone(),
        availability,
        &["restart"],
        "restarts have a growing pause and a limit of their own",
    );
}

fn shutdown(service: &mut DraftService, node: &Node, page: &mut SourceFile) {
    let Some(shutdown) = node.get("shutdown") else {
        return;
    };
    let seconds = shutdown.get("timeout_seconds").and_then(Node::number);
    let signal = shutdown.get("signal").and_then(Node::scalar);
    let command = shutdown.get("command").and_then(Node::scalar);
    let because = page.because(shutdown.line, "shutdown");
    service.stop = Some(
        because.says(Stop {
            signal: signal
                .and_then(|it| units::signal(&it))
                .filter(|_| command.is_none()),
            command: command.map(|text| super::shell(&text)),
            timeout: seconds.and_then(|it| units::duration(&it.to_string())),
        }),
    );
    page.leave_out_others(
        &service.name.clone(),
        shutdown,
        &["command", "timeout_seconds", "signal"],
        "a stop always ends the whole tree of a service",
    );
}
