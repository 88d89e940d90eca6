//! Logs for a model: one page of lines, with the secrets redacted.

use std::{collections::VecDeque, path::Path, time::SystemTime};

use pilotlight::{
    effects::log::{Level, Line, MergedLogs, Query, Runs, ServiceLogs, without_ansi},
    fs::{home::Home, redact::redact},
    model::facts::RunId,
    stack::ServiceName,
};
use regex::Regex;
use serde::Deserialize;

use super::answer::{LIMIT, cut};
use crate::{
    commands::logs::Wanted,
    failure::Failure,
    json::is_obeyed,
    time::{Since, timestamp},
};

/// The maximum number of bytes of a line.
const LONGEST: usize = 1500;

/// The arguments of the tool `logs`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) services: Vec<String>,
    lines: Option<usize>,
    grep: Option<String>,
    level: Option<Level>,
    #[serde(default)]
    problems_only: bool,
    run: Option<u64>,
    since: Option<String>,
    cursor: Option<String>,
    pub(super) stack: Option<String>,
}

impl Asked {
    /// Returns the arguments for the last lines of services.
    pub(super) fn last(services: Vec<String>, lines: usize, stack: Option<String>) -> Self {
        Self {
            services,
            lines: Some(lines),
            stack,
            ..Self::default()
        }
    }
}

/// Returns the newest matching lines before the cursor. The first line explains how to get more.
pub(super) fn page(
    home: &Home,
    file: &Path,
    services: &[ServiceName],
    asked: &Asked,
) -> Result<String, Failure> {
    let wrong = |error: String| Failure::Usage(error);
    let grep = asked.grep.as_deref().map(Regex::new).transpose();
    let since = asked.since.as_deref().map(str::parse::<Since>).transpose();
    let cursor = asked.cursor.as_deref().map(str::parse::<usize>).transpose();
    let query = Query {
        runs: asked.run.map_or(Runs::Latest, |run| Runs::One(RunId(run))),
        grep: grep.map_err(|error| wrong(error.to_string()))?,
        since: since.map_err(wrong)?.map(|since| since.0),
        ..Query::default()
    };
    let end = cursor.map_err(|_| wrong("a cursor comes from an earlier answer".to_owned()))?;
    let level = asked.level.max(asked.problems_only.then_some(Level::Warn));
    let most = asked.lines.unwrap_or(100).clamp(1, 1000);
    let (lines, count) = read(home, file, services, query, level, most, end)?;
    let several = services.len() > 1;
    let mut text = VecDeque::new();
    let mut size = 0;
    let mut newest: Option<SystemTime> = None;
    for (name, line) in lines.iter().rev() {
        newest = newest.max(line.time);
        let shown = shown(line);
        let shown = if several {
            format!("{name} | {shown}")
        } else {
            shown
        };
        size += shown.len() + 1;
        // The header needs some of the space.
        if size > LIMIT - 300 {
            break;
        }
        text.push_front(shown);
    }
    let first = end.unwrap_or(count).min(count) - text.len();
    let run = lines
        .back()
        .map_or_else(String::new, |(_, line)| format!(", run {}", line.run));
    let mut header = match text.len() {
        0 => vec!["no matching lines".to_owned()],
        length => {
            let lines = format!("lines {} to {} of {count}", first + 1, first + length);
            vec![if several { lines } else { lines + &run }]
        }
    };
    if first > 0 {
        header.push(format!("cursor \"{first}\" for the lines before"));
    }
    if let Some(newest) = newest.filter(|_| end.is_none()) {
        header.push(format!("since \"{}\" for later lines", timestamp(newest)));
    }
    text.push_front(format!("[{}]", header.join("; ")));
    Ok(Vec::from(text).join("\n"))
}

/// Returns the last lines of the latest run of a service.
pub(crate) fn tail(home: &Home, file: &Path, service: &ServiceName, most: usize) -> Vec<String> {
    let query = Query {
        runs: Runs::Latest,
        tail: Some(most),
        ..Query::default()
    };
    let service = std::slice::from_ref(service);
    let (lines, _) = read(home, file, service, query, None, most, None).unwrap_or_default();
    lines.iter().map(|(_, line)| shown(line)).collect()
}

/// Reads the last matching lines before `end`, and counts all of them.
fn read(
    home: &Home,
    file: &Path,
    services: &[ServiceName],
    mut query: Query,
    level: Option<Level>,
    most: usize,
    end: Option<usize>,
) -> Result<(VecDeque<(ServiceName, Line)>, usize), Failure> {
    query.shortened = true;
    let id = home.stack_id(file);
    let logs = services
        .iter()
        .map(|name| (name.clone(), ServiceLogs::of(home.logs(), &id, name)));
    let unreadable = Failure::log(home.logs().join(&id.0));
    let mut wanted = Wanted::new(level, None);
    let mut lines = VecDeque::new();
    let mut count = 0;
    for line in MergedLogs::open(logs, &query).map_err(&unreadable)? {
        let (service, line) = line.map_err(&unreadable)?;
        let Some(line) = wanted.take(service, line) else {
            continue;
        };
        if end.is_none_or(|end| count < end) {
            lines.push_back(line);
            if lines.len() > most {
                lines.pop_front();
            }
        }
        count += 1;
    }
    Ok((lines, count))
}

/// Returns a line without terminal sequences and secrets.
fn shown(line: &Line) -> String {
    let text = without_ansi(&line.text);
    let text = text.replace(|c: char| c != '\t' && is_obeyed(c), " ");
    let more = line.remark().unwrap_or_default();
    cut(&redact(&text), LONGEST) + &more
}
