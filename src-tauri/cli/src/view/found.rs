//! The services found in a project, and why.

use pilotlight_init::{
    draft::{CommandLine, Draft, DraftService, LeftOut, Origin},
    project::Looked,
};

use super::Look;
use crate::paint::{BOLD, DIM, cut, pad, paint, tame};

/// The number of left out settings that are shown. The stack file names all of them.
const UNSAID_AT_MOST: usize = 12;

/// Returns the services with their origins, the decisions, and the left out settings.
pub(crate) fn found(looked: &Looked, look: Look) -> Vec<String> {
    let draft = &looked.combined.draft;
    let files = match looked.files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    let mut lines = vec![format!(
        "{}  {}",
        paint(BOLD, &tame(&draft.name)),
        paint(DIM, &format!("found in {files}{}", by(looked)))
    )];
    lines.extend(services(draft, look));
    if !looked.combined.decided.is_empty() {
        lines.push(String::new());
    }
    for decided in &looked.combined.decided {
        lines.push(format!("{} {}", look.signs.dot(), tame(decided)));
    }
    lines.extend(unsaid(&draft.unsaid, look));
    lines
}

/// Names the files of other tools that were read.
fn by(looked: &Looked) -> String {
    let read = looked.combined.read.iter();
    let read: Vec<&str> = read.map(|(_, file, _)| file.as_str()).collect();
    if read.is_empty() {
        String::new()
    } else {
        format!(", {} among them", read.join(", "))
    }
}

fn services(draft: &Draft, look: Look) -> Vec<String> {
    let longest = draft
        .services
        .iter()
        .map(|service| service.name.len())
        .max();
    let longest = longest.unwrap_or(0);
    let indent = longest + 12;
    let mut lines = Vec::new();
    for service in &draft.services {
        let port = service.port.as_ref();
        let port = port.map_or_else(String::new, |port| format!(":{}", port.value));
        let what = fitting(&what(service), indent, look);
        lines.push(format!(
            "  {}  {port:6}  {what}",
            pad(BOLD, &service.name, longest)
        ));
        for because in reasons(service) {
            let because = fitting(&told(because), indent, look);
            lines.push(format!("{:indent$}{}", "", paint(DIM, &because)));
        }
        if !service.needs.is_empty() {
            let needs = service.needs.iter();
            let needs: Vec<&str> = needs.map(|need| need.value.service.as_str()).collect();
            let needs = format!("needs {}", needs.join(", "));
            lines.push(format!("{:indent$}{}", "", paint(DIM, &needs)));
        }
    }
    lines
}

fn fitting(text: &str, indent: usize, look: Look) -> String {
    let text = tame(text);
    match look.width {
        Some(width) => cut(&text, width.saturating_sub(indent).max(20), look.signs),
        None => text,
    }
}

fn what(service: &DraftService) -> String {
    let command = match service.command.as_ref().map(|said| &said.value) {
        None => return "external: watched, never started".to_owned(),
        Some(CommandLine::Shell(line)) => vec![line.clone()],
        Some(CommandLine::Words(words)) => words.clone(),
        Some(other) => return other.shown(),
    };
    let line = pilotlight::fs::redact::command_line(&command);
    match &service.directory {
        Some(folder) => format!("{line}  (in {})", folder.value),
        None => line,
    }
}

/// Returns the origins of a service, its command and its port, each once.
fn reasons(service: &DraftService) -> Vec<&Origin> {
    let mut reasons = vec![&service.because];
    let command = service.command.as_ref().map(|said| &said.because);
    let port = service.port.as_ref().map(|said| &said.because);
    for reason in command
        .into_iter()
        .chain(service.external.as_ref())
        .chain(port)
    {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.retain(|because| !because.text.is_empty() || because.file.is_some());
    reasons
}

fn told(because: &Origin) -> String {
    let Some(file) = &because.file else {
        return because.text.clone();
    };
    match because.line {
        Some(line) => format!("{file}:{line}  {}", because.text),
        None => format!("{file}  {}", because.text),
    }
}

fn unsaid(unsaid: &[LeftOut], look: Look) -> Vec<String> {
    if unsaid.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        paint(DIM, "found, and not in the stack file:"),
    ];
    for unsaid in unsaid.iter().take(UNSAID_AT_MOST) {
        let place = match (&unsaid.file, unsaid.line) {
            (Some(file), Some(line)) => format!("{file}:{line}  "),
            (Some(file), None) if *file != unsaid.what => format!("{file}  "),
            _ => String::new(),
        };
        let line = format!("{place}{}: {}", unsaid.what, unsaid.why);
        lines.push(format!("  {}", paint(DIM, &fitting(&line, 2, look))));
    }
    let more = unsaid.len().saturating_sub(UNSAID_AT_MOST);
    if more > 0 {
        let more = format!("  {more} more, which the stack file names at its end");
        lines.push(paint(DIM, &more));
    }
    lines
}
