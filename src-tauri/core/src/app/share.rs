//! A report of a stack for a teammate: Markdown, without secrets.

use std::{fmt::Write as _, io, path::Path};

use regex::Regex;

use super::{AppState, CallError, details::redacted_value};
use crate::{
    effects::log::{Query, Reader, Runs, ServiceLogs, without_colours},
    fs::{
        project_file::{TIME_LIMIT, apart},
        redact::{REDACTED, redact},
    },
    host::clock,
    model::{
        finding::Finding,
        view::{ServiceView, StackView},
    },
    stack::Stack,
};

/// The number of lines from the end of a log.
const LINES: usize = 30;

/// Longer than any fence in a log or a stack file is likely to be.
const FENCE: &str = "`````";

impl AppState {
    /// Returns a report of a stack for a teammate, as Markdown: its findings, its services, the last log
    /// lines of those with a problem (of all, if none has one) and its stack file. Secrets are masked.
    ///
    /// # Errors
    ///
    /// The stack is unknown, or its logs take too long to read.
    pub async fn share(&self, file: &Path) -> Result<String, CallError> {
        let view = self.0.view.borrow().stack(file).cloned();
        let view = view.ok_or(CallError::UnknownStack)?;
        let text = {
            let state = self.0.state();
            let known = state.files.get(file).ok_or(CallError::UnknownStack)?;
            known.text.clone().unwrap_or_default()
        };
        let id = self.0.home.stack_id(file);
        let has_problems = view.services.iter().any(|service| service.has_problem());
        let services = view.services.iter();
        let shown = services.filter(|service| !has_problems || service.has_problem());
        let logs: Vec<_> = shown
            .map(|service| {
                let logs = ServiceLogs::of(self.0.home.logs(), &id, &service.name);
                (service.name.clone(), logs)
            })
            .collect();
        let ends = apart(TIME_LIMIT, move |_| {
            // A service without a log has no lines.
            let ends = logs.into_iter();
            let ends = ends.map(|(name, logs)| (name, end(&logs).unwrap_or_default()));
            ends.collect::<Vec<_>>()
        });
        let ends = ends
            .await
            .map_err(CallError::io("the logs cannot be read"))?;
        let mut report = heading(&view);
        for finding in &view.findings {
            report += &of_finding(finding);
        }
        report += &table(&view);
        for (name, lines) in ends {
            report += &block(&format!("The last lines of {name}"), "text", &lines);
        }
        // Without the stack, it is not known which of its texts are values of variables.
        if let Some(stack) = self.valid(file) {
            report += &block("The stack file", "toml", &text);
            report = masked(report, &stack);
        }
        Ok(redact(&report).into_owned())
    }
}

/// Returns the report without the values of variables that look like secrets.
fn masked(report: String, stack: &Stack) -> String {
    let variables = stack.services.iter().flat_map(|service| &service.env);
    variables.fold(report, |report, (name, value)| {
        let value = value.to_string();
        if redacted_value(name, &value) == value {
            return report;
        }
        let name = regex::escape(name);
        let assigned = format!(r#"({name}"?\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*')"#);
        let report = match Regex::new(&assigned) {
            Ok(assigned) => assigned
                .replace_all(&report, format!("${{1}}\"{REDACTED}\""))
                .into_owned(),
            Err(_) => report,
        };
        // A shorter one may be a part of any word.
        if value.len() < 8 {
            return report;
        }
        report.replace(&value, REDACTED)
    })
}

/// Returns the last lines of the latest run.
fn end(logs: &ServiceLogs) -> io::Result<String> {
    let query = Query {
        runs: Runs::Latest,
        tail: Some(LINES),
        shortened: true,
        ..Query::default()
    };
    let mut text = String::new();
    for line in Reader::open(logs, query)? {
        text += &without_colours(&line?.text);
        text.push('\n');
    }
    Ok(text)
}

fn heading(stack: &StackView) -> String {
    format!(
        "# {}\n\nPilot Light {} on {}, {}\n",
        stack.title(),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        clock::timestamp(),
    )
}

fn of_finding(finding: &Finding) -> String {
    let mut text = format!("\n## {}\n\nFix: {}\n", finding.title, finding.remedy.text);
    for symptom in &finding.symptoms {
        let check = symptom.check.as_ref();
        let check = check.map_or_else(String::new, |check| format!(", “{check}”"));
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nAlso affected: {}{check}: {}\n",
            symptom.service, symptom.text
        );
    }
    text.push('\n');
    for evidence in &finding.evidence {
        let _ = writeln!(text, "- {evidence}");
    }
    text
}

fn table(stack: &StackView) -> String {
    let row = |service: &ServiceView| {
        let reason = service.reason();
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        let port = service
            .port
            .map_or_else(String::new, |port| port.to_string());
        format!(
            "| {} | {}{reason} | {port} |\n",
            service.name,
            service.state()
        )
    };
    let rows: String = stack.services.iter().map(|service| row(service)).collect();
    format!("\n## Services\n\n| service | state | port |\n| --- | --- | --- |\n{rows}")
}

fn block(title: &str, kind: &str, text: &str) -> String {
    format!(
        "\n## {title}\n\n{FENCE}{kind}\n{}\n{FENCE}\n",
        text.trim_end()
    )
}
