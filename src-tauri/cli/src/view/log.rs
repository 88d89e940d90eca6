//! Log lines of several services, as `logs` and `up` print them.

use std::collections::BTreeMap;

use pilotlight::{
    effects::log::{Level, Line, without_ansi},
    model::view::StackView,
    stack::{ServiceName, Stack},
};

use super::frame::{Key, Logs};
use crate::paint::{self, DIM, pad, paint, tame, width};

/// Returns the name of a service before its line, in the colour of its place, padded to `column`.
pub(crate) fn origin(
    service: &ServiceName,
    place: Option<usize>,
    column: usize,
    coloured: bool,
) -> String {
    let style = |style| if coloured { style } else { paint::PLAIN };
    let colour = style(paint::name(place.unwrap_or(0)));
    pad(colour, &tame(service.as_str()), column) + &paint(style(DIM), " | ")
}

/// The log lines that wait to be printed above the picture of a stack.
#[derive(Default)]
pub(super) struct LogLines {
    /// The paths that the probes of each service request: these access log lines are left out.
    probes: BTreeMap<ServiceName, Vec<String>>,
    /// The incomplete line of each service: a prompt, a progress bar.
    open: Logs,
    lines: Vec<String>,
}

impl LogLines {
    pub(super) fn new(stack: &Stack) -> Self {
        let services = stack.services.iter();
        let probes = services.map(|service| (service.name.clone(), stack.probed_paths(service)));
        Self {
            probes: probes.collect(),
            ..Self::default()
        }
    }

    /// Adds a line, or a part of one, of a service of this stack.
    pub(super) fn add(&mut self, stack: &StackView, key: Key, line: Line) {
        let paths = self.probes.get(&key.1).map_or(&[][..], Vec::as_slice);
        if is_probe(paths, &line) {
            return;
        }
        let line = match self.open.remove(&key) {
            Some(begun) => Line {
                text: begun.text + &line.text,
                ..line
            },
            None => line,
        };
        if line.complete {
            self.push(stack, &key.1, &line);
        } else {
            self.open.insert(key, line);
        }
    }

    /// Adds the incomplete lines of this stack, as no more of them follows.
    pub(super) fn end(&mut self, stack: &StackView) {
        for (key, line) in std::mem::take(&mut self.open) {
            self.push(stack, &key.1, &line);
        }
    }

    fn push(&mut self, stack: &StackView, service: &ServiceName, line: &Line) {
        let mut names = stack.services.iter().map(|service| service.name.as_str());
        let origin = if names.len() == 1 {
            String::new()
        } else {
            let column = names.clone().map(width).max().unwrap_or(0);
            let place = names.position(|name| name == service.as_str());
            origin(service, place, column, true)
        };
        let remark = line.remark().unwrap_or_default();
        self.lines.push(origin + &line.text + &remark);
    }

    /// Returns the incomplete lines.
    pub(super) fn open(&self) -> &Logs {
        &self.open
    }

    /// Takes the lines that are complete.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

/// Returns whether a line is the access log of a successful probe of one of these paths.
fn is_probe(paths: &[String], line: &Line) -> bool {
    if paths.is_empty() || line.level().is_some_and(|level| level >= Level::Warn) {
        return false;
    }
    let text = without_ansi(&line.text);
    let mut requests = text.match_indices("GET ");
    requests.any(|(at, get)| {
        let target = &text[at + get.len()..];
        paths.iter().any(|path| {
            target
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '"', '\'']))
        }) && !target
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_error_status)
    })
}

fn is_error_status(word: &str) -> bool {
    word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use pilotlight::model::facts::RunId;

    use super::*;

    fn is_hidden(text: &str) -> bool {
        let line = Line {
            run: RunId(1),
            time: None,
            text: text.into(),
            continues: false,
            complete: true,
            left_out: 0,
        };
        is_probe(&["/v1/health".into()], &line)
    }

    #[test]
    fn an_access_log_line_of_a_probe_is_hidden_unless_the_request_failed() {
        let uvicorn =
            "\u{1b}[32mINFO\u{1b}[0m: 127.0.0.1:52144 - \"GET /v1/health HTTP/1.1\" 200 OK";
        assert!(is_hidden(uvicorn));
        assert!(is_hidden("GET /v1/health 200 1.2 ms"));
        assert!(!is_hidden(
            "\"GET /v1/health HTTP/1.1\" 503 Service Unavailable"
        ));
        assert!(!is_hidden("ERROR GET /v1/health 200"));
        assert!(!is_hidden("\"GET /v1/healthy HTTP/1.1\" 200 OK"));
        assert!(!is_hidden("\"POST /v1/health HTTP/1.1\" 200 OK"));
    }
}
