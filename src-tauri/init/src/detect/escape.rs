//! Escapes braces in detected services. Detectors write text of the project through [`crate::draft::plain`]; a
//! brace that one forgot must not make an invalid stack file. Also removes references to an unknown port.

use super::Found;
use crate::draft::{Change, DraftService};

/// Escapes the braces that are no placeholders.
pub(super) fn escape(found: &mut Found) {
    service(&mut found.service);
    let asks = found.asks.iter_mut();
    let choices = asks.flat_map(|question| &mut question.choices);
    for change in choices.flat_map(|choice| &mut choice.changes) {
        match change {
            Change::Put(put) => service(put),
            Change::Start { command, .. } => {
                let words = command.iter_mut().flat_map(|said| said.value.texts_mut());
                words.for_each(text);
            }
        }
    }
}

fn service(service: &mut DraftService) {
    if service.port.is_none() {
        service.forget_port();
    }
    service.texts_mut().for_each(text);
    // A path has no port.
    for said in service.directory.iter_mut().chain(&mut service.env_file) {
        said.value = doubled(&said.value, "{{");
    }
}

fn text(text: &mut String) {
    *text = doubled(text, "{port}");
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
