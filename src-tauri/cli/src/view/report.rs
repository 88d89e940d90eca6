//! The output of `pilotlight doctor`: each finding with its evidence, symptoms and remedy, then the tree of
//! services.

use std::fmt::Write as _;

use jiff::Timestamp;
use pilotlight::{
    model::{
        finding::{Code, Finding},
        view::{Light, ServiceView, StackView},
    },
    stack::ServiceName,
};

use super::{Look, table::heading, words};
use crate::{
    paint::{AMBER, BOLD, DIM, GREEN, PLAIN, RED, light, paint, tame, width},
    time,
};

/// Returns the findings, and the services with their lights.
pub(crate) fn report(
    findings: &[Finding],
    stack: &StackView,
    took: &str,
    now: Timestamp,
    look: Look,
) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in findings {
        lines.extend(told(finding, now, look));
        lines.push(String::new());
    }
    lines.push(heading(stack));
    lines.extend(tree(findings, stack, look));
    lines.push(String::new());
    lines.push(verdict(findings, stack, took));
    lines
}

fn verdict(findings: &[Finding], stack: &StackView, took: &str) -> String {
    let said = match findings {
        [] if stack.is_dark() => paint(GREEN, "No problems found. Ready to start."),
        [] if is_underway(stack) => paint(AMBER, "No problems found so far."),
        [] => paint(GREEN, "No problems found."),
        [_] => paint(RED, "1 problem found."),
        several => paint(RED, &format!("{} problems found.", several.len())),
    };
    format!("{said} {}", paint(DIM, &format!("(checked in {took})")))
}

/// Returns whether a service is on its way up or down, so that the next moment may show more.
fn is_underway(stack: &StackView) -> bool {
    let mut services = stack.services.iter();
    services.any(|service| matches!(service.light, Light::Amber | Light::Red))
}

fn told(finding: &Finding, now: Timestamp, look: Look) -> Vec<String> {
    let signs = look.signs;
    let cross = paint(RED, signs.light(Light::Red));
    let mut lines = Vec::new();
    wrap(
        &mut lines,
        &format!("{cross} "),
        2,
        BOLD,
        &finding.title,
        look,
    );
    let mut where_it_is = format!("{} {} {}", finding.service, signs.dot(), name(finding.code));
    if let Some(since) = finding.since {
        let age = time::age(time::since(since, now));
        let _ = write!(where_it_is, " {} {age} ago", signs.dot());
    }
    lines.push(format!("  {}", paint(DIM, &where_it_is)));
    for evidence in &finding.evidence {
        wrap(&mut lines, "    ", 4, PLAIN, evidence, look);
    }
    if !finding.symptoms.is_empty() {
        lines.push(format!("  {}", paint(DIM, "Also causes:")));
        for symptom in &finding.symptoms {
            let place = match &symptom.check {
                Some(check) => format!("{}, {check}", symptom.service),
                None => symptom.service.to_string(),
            };
            let text = format!("{place}: {}", symptom.text);
            wrap(&mut lines, "    ", 4, PLAIN, &text, look);
        }
    }
    let arrow = format!("  {} ", signs.arrow());
    let indent = width(&arrow);
    wrap(&mut lines, &arrow, indent, BOLD, &finding.remedy.text, look);
    if finding.remedy.action.is_some() {
        let hint = "Run `pilotlight doctor --fix` to apply this fix.";
        lines.push(format!("{:indent$}{}", "", paint(DIM, hint)));
    }
    lines
}

/// The code as the contract writes it.
fn name(code: Code) -> String {
    let written = serde_json::to_value(code).ok();
    let name = written.as_ref().and_then(serde_json::Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// Adds a text, wrapped between words to the width of the terminal. Without a terminal it stays on one
/// line.
fn wrap(
    lines: &mut Vec<String>,
    first: &str,
    indent: usize,
    style: anstyle::Style,
    text: &str,
    look: Look,
) {
    let room = look
        .width
        .map_or(usize::MAX, |columns| columns.saturating_sub(indent).max(20));
    let mut before = first.to_owned();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in tame(paragraph).split(' ') {
            if !line.is_empty() && width(&line) + 1 + width(word) > room {
                lines.push(format!("{before}{}", paint(style, &line)));
                before = " ".repeat(indent);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(format!("{before}{}", paint(style, &line)));
        before = " ".repeat(indent);
    }
}

/// Returns the services without dependents, each with its dependencies below.
fn tree(findings: &[Finding], stack: &StackView, look: Look) -> Vec<String> {
    let is_needed = |name: &ServiceName| {
        let mut services = stack.services.iter();
        services.any(|other| other.needs.contains(name))
    };
    let mut branch = Branch {
        findings,
        stack,
        look,
        shown: Vec::new(),
        lines: Vec::new(),
    };
    for service in &stack.services {
        if !is_needed(&service.name) {
            branch.grow(service, "  ", "  ");
        }
    }
    branch.lines
}

struct Branch<'a> {
    findings: &'a [Finding],
    stack: &'a StackView,
    look: Look,
    shown: Vec<&'a ServiceName>,
    lines: Vec<String>,
}

impl<'a> Branch<'a> {
    fn grow(&mut self, service: &'a ServiceView, first: &str, rest: &str) {
        let line = self.line(service);
        self.lines.push(format!("{}{line}", paint(DIM, first)));
        // The dependencies of a shared dependency are shown once.
        if self.shown.contains(&&service.name) {
            return;
        }
        self.shown.push(&service.name);
        let needs = service.needs.iter();
        let needs: Vec<&'a ServiceView> = needs
            .filter_map(|need| {
                let mut services = self.stack.services.iter();
                services.find(|other| other.name == *need)
            })
            .map(|service| &**service)
            .collect();
        for (place, need) in needs.iter().enumerate() {
            let (corner, along) = self.look.signs.branch(place + 1 == needs.len());
            self.grow(need, &format!("{rest}{corner}"), &format!("{rest}{along}"));
        }
    }

    fn line(&self, service: &ServiceView) -> String {
        let signs = self.look.signs;
        let style = light(service.light);
        let sign = paint(style, signs.light(service.light));
        let name = paint(BOLD, service.name.as_str());
        let state = paint(words::style(service), &service.state());
        let port = service
            .port
            .map_or_else(String::new, |port| format!(" :{port}"));
        let role = self.part(&service.name);
        format!("{sign} {name}{} {state}{role}", paint(DIM, &port))
    }

    /// Returns its part in the findings.
    fn part(&self, name: &ServiceName) -> String {
        let arrow = self.look.signs.arrow();
        if let Some(own) = self
            .findings
            .iter()
            .find(|finding| finding.service == *name)
        {
            return format!(
                "  {}",
                paint(RED, &format!("{arrow} {}", self::name(own.code)))
            );
        }
        let explains = |finding: &&Finding| {
            let mut symptoms = finding.symptoms.iter();
            symptoms.any(|symptom| symptom.service == *name)
        };
        match self.findings.iter().find(explains) {
            Some(cause) => {
                let text = format!("{arrow} because of {}", cause.service);
                format!("  {}", paint(DIM, &text))
            }
            None => String::new(),
        }
    }
}
