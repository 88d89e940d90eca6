//! The calls of the page that every host answers alike: the window of the app, and `pilotlight ui`. As
//! JSON, a call is `{"call": "start", "given": {"file": …, "services": []}}`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AppState, CallError};
use crate::{example::Break, host::logging, model::finding::Action, stack::ServiceName};

/// A call that reads or changes stacks.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Call(OnStack);

#[derive(Debug, Deserialize)]
#[serde(tag = "call", content = "given", rename_all = "snake_case")]
enum OnStack {
    Start(Services),
    Stop(Services),
    Restart(Services),
    Doctor(Stack),
    PreviewRemedy(Remedy),
    CarryOut(Remedy),
    ApplyChange(Stack),
    Describe(Service),
    RunChecks(Service),
    Reveal {
        file: PathBuf,
        service: ServiceName,
        variable: String,
    },
    Events {
        file: PathBuf,
        since: Timestamp,
    },
    ProbePaths(Stack),
    Share(Stack),
    UsageOf(Service),
    RemoveStack(Stack),
    TryExample {},
    BreakExample {
        file: PathBuf,
        how: Break,
    },
    RepairExample(Stack),
}

/// A call that opens something outside of the page.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Opening(Place);

#[derive(Debug, Deserialize)]
#[serde(tag = "call", content = "given", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the names of the calls")]
enum Place {
    OpenLink {
        file: PathBuf,
        service: ServiceName,
        label: Option<String>,
    },
    OpenLogFile(Service),
    OpenOwnLog {},
    OpenStackFile(Stack),
    OpenFolder(Service),
}

/// What a host opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The address of a web page that the stack declares.
    Page(String),
    /// A file or a folder.
    File(PathBuf),
}

#[derive(Debug, Deserialize)]
struct Stack {
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Services {
    file: PathBuf,
    services: Vec<ServiceName>,
}

#[derive(Debug, Deserialize)]
struct Service {
    file: PathBuf,
    service: ServiceName,
}

#[derive(Debug, Deserialize)]
struct Remedy {
    file: PathBuf,
    action: Action,
}

impl AppState {
    /// Answers a call. Passes a sentence for the user to `remark`, if there is one.
    ///
    /// # Errors
    ///
    /// The call cannot be carried out at all.
    pub async fn call(&self, call: Call, remark: impl FnOnce(String)) -> Result<Value, CallError> {
        match call.0 {
            OnStack::Start(it) => json(self.start(&it.file, it.services).await),
            OnStack::Stop(it) => json(self.stop(&it.file, it.services).await),
            OnStack::Restart(it) => json(self.restart(&it.file, it.services).await),
            OnStack::Doctor(it) => {
                let findings = self.doctor(&it.file).await;
                if let Some(text) = self.withheld(&it.file) {
                    remark(text);
                }
                json(findings?)
            }
            OnStack::PreviewRemedy(it) => json(self.preview(&it.file, &it.action)?),
            OnStack::CarryOut(it) => json(self.carry_out(&it.file, &it.action).await),
            OnStack::ApplyChange(it) => json(self.apply_change(&it.file).await),
            OnStack::Describe(it) => json(self.describe(&it.file, &it.service).await?),
            OnStack::RunChecks(it) => json(self.run_checks(&it.file, &it.service).await?),
            OnStack::Reveal {
                file,
                service,
                variable,
            } => json(self.reveal(&file, &service, &variable).await?),
            OnStack::Events { file, since } => {
                let state = self.clone();
                let read = tokio::task::spawn_blocking(move || state.events(&file, since));
                let read = read.await.unwrap_or_else(|error| Err(error.into()));
                json(read.map_err(CallError::io("the events cannot be read"))?)
            }
            OnStack::ProbePaths(it) => json(self.probe_paths(&it.file)),
            OnStack::UsageOf(it) => json(self.usage_of(&it.file, &it.service)),
            OnStack::Share(it) => json(self.share(&it.file).await?),
            OnStack::RemoveStack(it) => json(self.remove(&it.file)),
            OnStack::TryExample {} => json(self.try_example()?),
            OnStack::BreakExample { file, how } => json(self.break_example(&file, how).await?),
            OnStack::RepairExample(it) => json(self.repair_example(&it.file).await?),
        }
    }

    /// Returns what a call opens. The log of the host itself has the name `own_log`.
    ///
    /// # Errors
    ///
    /// It does not exist, or the page may not open it.
    pub fn opened(&self, opening: &Opening, own_log: &str) -> Result<Opened, CallError> {
        let nothing = CallError::NothingToOpen;
        Ok(Opened::File(match &opening.0 {
            Place::OpenLink {
                file,
                service,
                label,
            } => {
                let address = self.link(file, service, label.as_deref());
                let address =
                    address.ok_or_else(|| nothing(format!("{service} has no such page")))?;
                return Ok(Opened::Page(address));
            }
            Place::OpenLogFile(it) => {
                let log = self.log_file(&it.file, &it.service);
                log.ok_or_else(|| nothing(format!("{} has not left a log yet", it.service)))?
            }
            Place::OpenOwnLog {} => {
                let log = logging::latest(self.0.home.state(), own_log);
                let log = log.map_err(CallError::io("the log was not found"))?;
                log.ok_or_else(|| nothing("no log found".to_owned()))?
            }
            Place::OpenStackFile(it) if self.knows(&it.file) => it.file.clone(),
            Place::OpenStackFile(_) => return Err(CallError::UnknownStack),
            Place::OpenFolder(it) => {
                let folder = self.folder(&it.file, &it.service);
                folder.ok_or_else(|| CallError::UnknownService(it.service.clone()))?
            }
        }))
    }
}

fn json(answer: impl Serialize) -> Result<Value, CallError> {
    serde_json::to_value(answer)
        .map_err(|error| CallError::io("the answer cannot be sent")(error.into()))
}
