//! The events of a stack, as they are recorded and shown. The JSON is a contract
//! (`pilotlight events --json`).

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    facts::Exit,
    finding::{Code, Finding},
};
use crate::{
    fs::redact::Redacted,
    stack::{Port, ServiceName},
};

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum EventKind {
    /// The process of a service was started on request.
    Started,
    /// The process was started again after a failure.
    Restarted,
    /// A daemon has found a service that an earlier one had started.
    Reconnected,
    /// The probes of a service pass.
    Ready,
    /// The probes of a service fail.
    Unhealthy,
    /// A process has exited without a request.
    Exited,
    /// A service has failed, and is not restarted.
    Failed,
    /// A service cannot be started: its port is taken, for example.
    Blocked,
    /// A service has completed with code 0.
    Completed,
    /// A service was stopped on request.
    Stopped,
    /// A process was stopped to free the port of a service.
    PortFreed,
    /// A changed stack file was applied.
    FileChanged,
    /// A diagnosis has a finding that it did not have before.
    Finding,
    /// A finding no longer holds.
    Resolved,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryEvent {
    /// When it happened.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The name of the stack, with its checkout.
    pub stack: String,
    /// The stack file.
    #[serde(with = "crate::fs::native_text")]
    #[schemars(with = "String")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// The service; `None` if it concerns the whole stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub service: Option<ServiceName>,
    /// The kind of an event.
    pub event: EventKind,
    /// The first process of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub pid: Option<u32>,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub port: Option<Port>,
    /// How the process exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub exit: Option<Exit>,
    /// The program that requested it, if it gave its name: a coding agent does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub by: Option<String>,
    /// The code of the finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "string"))]
    pub code: Option<Code>,
    /// The cause, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "string"))]
    pub message: Option<Redacted>,
}

impl HistoryEvent {
    /// Creates an event of a stack, to be completed.
    #[must_use]
    pub fn new(time: Timestamp, event: EventKind) -> Self {
        Self {
            time,
            stack: String::new(),
            file: PathBuf::new(),
            service: None,
            event,
            pid: None,
            port: None,
            exit: None,
            by: None,
            code: None,
            message: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because_of(mut self, finding: &Finding) -> Self {
        self.code = Some(finding.code);
        self.message = Some(finding.title.clone());
        self
    }

    /// Describes the event: `started (PID 4242, port 8001)`.
    #[must_use]
    pub fn words(&self) -> String {
        let by = self
            .by
            .as_ref()
            .map_or_else(String::new, |by| format!(" by {by}"));
        let message = self.message.as_ref().map_or("", |message| message);
        match self.event {
            EventKind::Started | EventKind::Restarted | EventKind::Reconnected => {
                let verb = match self.event {
                    EventKind::Started => "started",
                    EventKind::Restarted => "restarted",
                    _ => "still running, reconnected",
                };
                let pid = self.pid.map(|pid| format!("PID {pid}"));
                let port = self.port.map(|port| format!("port {port}"));
                let facts: Vec<String> = pid.into_iter().chain(port).collect();
                format!("{verb}{by} ({})", facts.join(", "))
            }
            EventKind::Ready => "ready".to_owned(),
            EventKind::Unhealthy => format!("unhealthy: {message}"),
            EventKind::Exited => self.exit.unwrap_or(Exit::Unknown).words(),
            EventKind::Failed => format!("failed: {message}"),
            EventKind::Blocked => format!("blocked: {message}"),
            EventKind::Completed => "completed".to_owned(),
            EventKind::Stopped => format!("stopped{by}"),
            EventKind::PortFreed => format!("port freed: {message}"),
            EventKind::FileChanged => "stack file changed".to_owned(),
            EventKind::Finding => format!("problem found: {message}"),
            EventKind::Resolved => format!("problem resolved: {message}"),
        }
    }
}
