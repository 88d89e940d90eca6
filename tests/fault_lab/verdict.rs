//! Compares the result of doctor with the expected findings.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, Expected};

/// The output of `doctor --json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    healthy: bool,
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Finding {
    code: String,
    service: String,
    title: String,
    #[serde(default, rename = "since")]
    _since: Option<String>,
    evidence: Vec<String>,
    symptoms: Vec<Symptom>,
    remedy: Remedy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Symptom {
    service: String,
    check: Option<String>,
    code: String,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remedy {
    text: String,
    action: Option<Value>,
}

/// The result of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The findings are as expected.
    Right,
    /// The root cause comes first, and its symptoms, evidence or remedy are not all as expected.
    Partly,
    /// The root cause has another code or service, or does not come first.
    Wrong,
    /// Doctor found nothing although something is broken.
    Silent,
    /// Doctor reported an additional finding.
    FalseAlarm,
    /// The case itself could not run.
    Broken,
}

impl Verdict {
    pub(crate) const ALL: [Self; 6] = [
        Self::Right,
        Self::Partly,
        Self::Wrong,
        Self::Silent,
        Self::FalseAlarm,
        Self::Broken,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Partly => "partly",
            Self::Wrong => "wrong",
            Self::Silent => "silent",
            Self::FalseAlarm => "false alarm",
            Self::Broken => "broken",
        }
    }
}

/// One row of the table.
pub(crate) struct Outcome {
    pub(crate) case: String,
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) verdict: Verdict,
    /// The time that doctor took.
    pub(crate) took: Duration,
    /// The time limit of doctor.
    pub(crate) limit: Duration,
    /// Details for people.
    pub(crate) details: String,
}

/// Compares the report of doctor with the expected findings.
pub(crate) fn judge(case: &Case, exit: Option<i32>, text: &str, took: Duration) -> Outcome {
    let outcome = |got: String, verdict, details: String| Outcome {
        case: case.name.clone(),
        expected: names(case.expect.iter().map(|it| (&it.service, &it.code))),
        got,
        verdict,
        took,
        limit: limit(case),
        details,
    };
    let report: Report = match serde_json::from_str(text) {
        Ok(report) => report,
        Err(error) => {
            let details = format!("{error}; exit status {exit:?}\n{text}");
            return outcome("no report".into(), Verdict::Broken, details);
        }
    };
    let got = names(report.findings.iter().map(|it| (&it.service, &it.code)));
    let mut faults = faults(case, &report);
    let promised = i32::from(!report.findings.is_empty());
    if exit != Some(promised) || report.healthy != report.findings.is_empty() {
        faults.push(format!(
            "exit status {exit:?} and healthy = {} with {} findings",
            report.healthy,
            report.findings.len()
        ));
    }
    for secret in case.secrets.iter().filter(|secret| text.contains(*secret)) {
        faults.push(format!("the report contains the secret {secret:?}"));
    }
    let verdict = verdict(case, &report, faults.is_empty());
    let details = if verdict == Verdict::Right {
        String::new()
    } else {
        format!("{}\n{text}", faults.join("\n"))
    };
    outcome(got, verdict, details)
}

/// Returns the time limit of doctor. A fault that is a hang takes as long as its time limits.
pub(crate) fn limit(case: &Case) -> Duration {
    Duration::from_millis(if case.hangs { 15_000 } else { 1500 })
}

fn verdict(case: &Case, report: &Report, faultless: bool) -> Verdict {
    let is_first = |expected: &Expected| {
        let first = report.findings.first();
        first.is_some_and(|first| first.code == expected.code && first.service == expected.service)
    };
    match case.expect.first() {
        _ if faultless => Verdict::Right,
        None => Verdict::FalseAlarm,
        Some(_) if report.findings.is_empty() => Verdict::Silent,
        Some(first) if !is_first(first) => Verdict::Wrong,
        Some(_) if report.findings.len() > case.expect.len() => Verdict::FalseAlarm,
        Some(_) => Verdict::Partly,
    }
}

/// Returns all differences from the expected findings.
fn faults(case: &Case, report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    let mut left: Vec<&Finding> = report.findings.iter().collect();
    for (place, expected) in case.expect.iter().enumerate() {
        let found = left
            .iter()
            .position(|it| it.code == expected.code && it.service == expected.service);
        let Some(found) = found else {
            faults.push(format!("no {} of {}", expected.code, expected.service));
            continue;
        };
        if place == 0 && found != 0 {
            faults.push(format!("{} is not named first", expected.code));
        }
        faults.extend(faults_of(left.remove(found), expected));
    }
    for finding in left {
        faults.push(format!("{} of {} is none", finding.code, finding.service));
    }
    faults
}

/// Returns the differences within an expected finding.
fn faults_of(finding: &Finding, expected: &Expected) -> Vec<String> {
    let mut faults = Vec::new();
    let told = [&finding.title, &finding.remedy.text];
    if told.iter().any(|text| text.is_empty()) || finding.evidence.is_empty() {
        faults.push(format!("no title, evidence or remedy: {finding:?}"));
    }
    let symptoms = finding.symptoms.iter();
    let all: Vec<&String> = told
        .into_iter()
        .chain(&finding.evidence)
        .chain(symptoms.map(|symptom| &symptom.text))
        .collect();
    for text in &expected.says {
        if !all.iter().any(|told| told.contains(text)) {
            faults.push(format!("{} does not contain {text:?}", finding.code));
        }
    }
    let action = finding.remedy.action.as_ref();
    let action = action.and_then(|action| action["kind"].as_str());
    if expected.action.is_some() && action != expected.action.as_deref() {
        faults.push(format!("the action is {action:?}"));
    }
    // Several checks may show the same symptom. Others are unexpected.
    let shown = |symptom: &Symptom| {
        let short = format!("{} {}", symptom.service, symptom.code);
        let check = symptom.check.as_deref().unwrap_or_default();
        (short.clone(), format!("{short}: {check}"))
    };
    let shown: BTreeSet<(String, String)> = finding.symptoms.iter().map(shown).collect();
    for symptom in &expected.symptoms {
        let it_is = |(short, long): &(String, String)| symptom == short || symptom == long;
        if !shown.iter().any(it_is) {
            faults.push(format!("{} does not explain {symptom:?}", finding.code));
        }
    }
    // The hanging checks of a hanging service are only an echo.
    let echo = format!("{} {}", finding.service, finding.code);
    for (short, long) in shown.iter().filter(|(short, _)| *short != echo) {
        if !expected.symptoms.contains(short) && !expected.symptoms.contains(long) {
            faults.push(format!("{long:?} is no symptom of {}", finding.code));
        }
    }
    faults
}

fn names<'a>(findings: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let findings: Vec<String> = findings
        .map(|(service, code)| format!("{service} {code}"))
        .collect();
    if findings.is_empty() {
        "nothing".into()
    } else {
        findings.join(", ")
    }
}
