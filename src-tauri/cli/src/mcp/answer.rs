//! The answers of tools: small JSON documents, and texts.

use std::path::Path;

use pilotlight::{
    fs::redact::redact,
    model::{
        finding::Finding,
        view::{ServiceView, StackView},
    },
};
use serde_json::{Value, json};

use crate::{failure::Failure, json::is_obeyed, time, view::failures, waiting::is_ready};

/// The maximum size of an answer in bytes.
pub(super) const LIMIT: usize = 15 * 1024;

/// The answer of a tool.
pub(super) enum Answer {
    Data(Value),
    Text(String),
}

/// Returns the state of a stack.
pub(super) fn stack(view: &StackView) -> Value {
    let mut document = json!({
        "stack": view.name,
        "file": view.file.to_string_lossy(),
        "state": view.summary(),
        "services": view.services.iter().map(|it| service(it)).collect::<Vec<_>>(),
    });
    if let Some(by) = view.started_by.as_ref().filter(|_| !view.is_dark()) {
        document["started_by"] = json!(by.client);
    }
    if let Some(checkout) = &view.checkout {
        document["checkout"] = json!(checkout);
    }
    document
}

/// Returns the state of a service. Fields without information are left out.
fn service(view: &ServiceView) -> Value {
    let mut document = json!({
        "name": view.name,
        "state": view.state(),
        "ready": is_ready(view),
    });
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            document[name] = value;
        }
    };
    add("port", json!(view.port));
    add("pid", json!(view.pid));
    add("reason", json!(view.reason()));
    add("note", json!(view.note.as_deref().map(redact)));
    let up = view.started.filter(|_| view.pid.is_some());
    add(
        "up_seconds",
        json!(up.map(|it| time::since(it, time::now()).as_secs())),
    );
    add(
        "restarts",
        json!(Some(view.restarts).filter(|count| *count > 0)),
    );
    add(
        "links",
        json!(Some(&view.links).filter(|links| !links.is_empty())),
    );
    document
}

/// Returns findings with their ids.
pub(super) fn findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Value> {
    let findings: Vec<&Finding> = findings.into_iter().collect();
    let one = |(place, finding): (usize, &&Finding)| {
        json!({
            "id": id(&findings, place),
            "cause": finding.title,
            "service": finding.service,
            "evidence": finding.evidence,
            "affected": finding.symptoms.iter().map(|symptom| {
                json!({"service": symptom.service, "check": symptom.check, "text": symptom.text})
            }).collect::<Vec<_>>(),
            "remedy": finding.remedy.text,
            "fixable": finding.remedy.action.is_some(),
        })
    };
    findings.iter().enumerate().map(one).collect()
}

/// Returns the id of a finding: its code and service, and a number if others have the same.
pub(super) fn id(findings: &[&Finding], place: usize) -> String {
    let name = |finding: &Finding| {
        let code = serde_json::to_value(finding.code).unwrap_or_default();
        format!("{}:{}", code.as_str().unwrap_or_default(), finding.service)
    };
    let own = name(findings[place]);
    match findings[..place]
        .iter()
        .filter(|other| name(other) == own)
        .count()
    {
        0 => own,
        before => format!("{own}#{}", before + 1),
    }
}

/// Returns the root causes in the view of a stack, or its failures while no root cause is known.
pub(super) fn known(view: &StackView) -> Vec<Finding> {
    match &*view.findings {
        [] => failures(view),
        causes => causes.iter().map(|cause| Finding::clone(cause)).collect(),
    }
}

/// Returns a failure as a sentence with the next step.
pub(super) fn explained(failure: &Failure) -> String {
    let mut lines = vec![failure.to_string()];
    if let Failure::StackFile(report) = failure {
        lines.extend(report.problems().iter().map(|problem| {
            let line = problem.place().map_or(0, |place| place.line);
            let file = problem.file();
            let file = Path::new(file).file_name().unwrap_or_default();
            let file = file.to_string_lossy();
            format!("{file}, line {line}: {problem}; {}", problem.suggestion())
        }));
    }
    if let Failure::UnknownService(unknown) = failure {
        lines.push(unknown.help());
    }
    let text = lines
        .join("\n")
        .replace(|c: char| c != '\n' && is_obeyed(c), "\u{fffd}");
    cut(&redact(&text), LIMIT)
}

/// Returns the beginning of a text, with a note if there is more.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    format!("{}… [{} bytes more]", &text[..end], text.len() - end)
}

/// Returns a document that is not larger than [`LIMIT`]. The longest texts and lists are cut and marked.
pub(super) fn capped(document: &Value) -> Value {
    let steps = [
        (4000, 400),
        (1000, 100),
        (400, 40),
        (200, 16),
        (120, 8),
        (60, 3),
    ];
    let mut shorter = document.clone();
    for (text, items) in steps {
        if shorter.to_string().len() <= LIMIT {
            break;
        }
        shorter = document.clone();
        shorten(&mut shorter, text, items);
    }
    shorter
}

/// Cuts long texts and lists.
pub(super) fn shorten(value: &mut Value, longest: usize, most: usize) {
    match value {
        Value::String(text) => *text = cut(text, longest),
        Value::Array(all) => {
            let more = all.len().saturating_sub(most);
            all.truncate(most);
            for one in &mut *all {
                shorten(one, longest, most);
            }
            if more > 0 {
                all.push(json!(format!("… {more} more")));
            }
        }
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|one| shorten(one, longest, most)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut_and_marked() {
        let long = json!({"services": vec![json!({"name": "ä".repeat(300)}); 1000], "ok": true});
        let shown = capped(&long);
        assert!(shown.to_string().len() <= LIMIT);
        assert_eq!(shown["ok"], true);
        let services = shown["services"].as_array().unwrap();
        let more = services.last().unwrap().as_str().unwrap();
        assert_eq!(more, format!("… {} more", 1001 - services.len()));
        let short = json!({"services": ["a"]});
        assert_eq!(capped(&short), short);
    }
}
