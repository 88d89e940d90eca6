//! Escapes braces in detected services. Detectors write text of the project through [`crate::draft::plain`]; a
//! brace that one forgot must not make an invalid stack file. Also removes references to an unknown port.

use super::Found;
use crate::draft::{Change, CheckAction, CommandLine, DraftService, Probe};

/// Escapes the braces that are no placeholders.
pub(super) fn escape(found: &mut Found) {
    service(&mut found.service);
    let choices = found
        .asks
        .iter_mut()
        .flat_map(|question| &mut question.choices);
    for change in choices.flat_map(|choice| &mut choice.changes) {
        match change {
            Change::Put(put) => service(put),
            Change::Command { command, .. } => line(&mut command.value),
            Change::Remove(_) | Change::Port { .. } => {}
        }
    }
}

fn service(service: &mut DraftService) {
    if service.port.is_none() {
        without_port(service);
    }
    if let Some(command) = &mut service.command {
        line(&mut command.value);
    }
    if let Some(directory) = &mut service.directory {
        path(&mut directory.value);
    }
    for (_, said) in service.env.iter_mut().chain(&mut service.links) {
        text(&mut said.value);
    }
    for said in service
        .env_file
        .iter_mut()
        .chain(&mut service.require.files)
    {
        path(&mut said.value);
    }
    for said in &mut service.require.commands {
        said.value.iter_mut().for_each(text);
    }
    let probes = service
        .ready
        .iter_mut()
        .flat_map(|ready| &mut ready.value.probes);
    probes.flat_map(texts_of_probe).for_each(text);
    let checks = service.checks.iter_mut();
    checks
        .flat_map(|check| texts_of_check(&mut check.value.action))
        .for_each(text);
}

/// The texts of a probe that may have placeholders: a regular expression has none.
fn texts_of_probe(probe: &mut Probe) -> Vec<&mut String> {
    match probe {
        Probe::Tcp(at) | Probe::Server(_, at) | Probe::Websocket(at) => vec![at],
        Probe::Http(request) => vec![&mut request.url],
        Probe::Command(words) => words.iter_mut().collect(),
        Probe::Log(_) | Probe::Process => Vec::new(),
    }
}

fn texts_of_check(action: &mut CheckAction) -> Vec<&mut String> {
    match action {
        CheckAction::Http(request) => vec![&mut request.url],
        CheckAction::Websocket(at) | CheckAction::Redis(at) => vec![at],
        CheckAction::Command(words) => words.iter_mut().collect(),
    }
}

/// Removes everything that needs the port of a service without one.
fn without_port(service: &mut DraftService) {
    let asks = |address: &str| address.starts_with('/') || address.contains("{port}");
    service
        .env
        .retain(|(_, said)| !said.value.contains("{port}"));
    service.links.retain(|(_, said)| !asks(&said.value));
    let checks = &mut service.checks;
    checks.retain_mut(|check| {
        !texts_of_check(&mut check.value.action)
            .iter()
            .any(|text| asks(text))
    });
    if let Some(ready) = &mut service.ready {
        let probes = &mut ready.value.probes;
        probes.retain_mut(|probe| !texts_of_probe(probe).iter().any(|text| asks(text)));
    }
    service.ready.take_if(|ready| ready.value.probes.is_empty());
}

fn line(command: &mut CommandLine) {
    match command {
        CommandLine::Words(words) => words.iter_mut().for_each(text),
        CommandLine::Shell(line) => text(line),
        CommandLine::Compose { .. } | CommandLine::Container(_) => {}
    }
}

fn text(text: &mut String) {
    *text = doubled(text, "{port}");
}

/// A path has no port.
fn path(path: &mut String) {
    *path = doubled(path, "{{");
}

/// Returns the text with every single brace doubled, except for `keeps`.
fn doubled(text: &str, keeps: &str) -> String {
    let mut fit = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        fit.push_str(before);
        let kept = ["{{", "}}", keeps]
            .into_iter()
            .find(|kept| from.starts_with(*kept));
        // `${port}` is a variable.
        let is_variable = before.ends_with('$') || (before.is_empty() && fit.ends_with('$'));
        if let Some(kept) = kept.filter(|kept| !(is_variable && kept.starts_with("{p"))) {
            fit.push_str(kept);
            rest = &from[kept.len()..];
        } else {
            fit.extend([&from[..1], &from[..1]]);
            rest = &from[1..];
        }
    }
    fit.push_str(rest);
    fit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_brace_that_means_nothing_is_doubled() {
        for (found, expected) in [
            ("--port {port}", "--port {port}"),
            ("a{b", "a{{b"),
            ("a{{b}}c", "a{{b}}c"),
            ("${PORT}", "${{PORT}}"),
            ("${port}", "${{port}}"),
            ("}{port}{", "}}{port}{{"),
        ] {
            assert_eq!(doubled(found, "{port}"), expected, "{found}");
        }
        assert_eq!(doubled("a/{port}", "{{"), "a/{{port}}");
    }
}
