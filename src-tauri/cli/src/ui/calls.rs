//! The calls of the page: those of the window (`src-tauri/src/commands`), without what needs a desktop.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pilotlight::{
    app::{AppState, settings::Settings, window::Update},
    host::logging,
    model::finding::Action,
    stack::ServiceName,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::connection::{Page, result};

/// A call, and the number that its answer repeats.
#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) call: Call,
}

#[derive(Deserialize)]
#[serde(tag = "call", content = "given", rename_all = "snake_case")]
pub(super) enum Call {
    Subscribe {},
    Start {
        file: PathBuf,
        services: Vec<ServiceName>,
    },
    Stop {
        file: PathBuf,
        services: Vec<ServiceName>,
    },
    Restart {
        file: PathBuf,
        services: Vec<ServiceName>,
    },
    Doctor {
        file: PathBuf,
    },
    PreviewRemedy {
        file: PathBuf,
        action: Action,
    },
    CarryOut {
        file: PathBuf,
        action: Action,
    },
    ApplyChange {
        file: PathBuf,
    },
    FollowLog {
        file: PathBuf,
        services: Vec<ServiceName>,
    },
    UnfollowLog {
        id: u64,
    },
    Describe {
        file: PathBuf,
        service: ServiceName,
    },
    RunChecks {
        file: PathBuf,
        service: ServiceName,
    },
    Reveal {
        file: PathBuf,
        service: ServiceName,
        variable: String,
    },
    Events {
        file: PathBuf,
        since: Timestamp,
    },
    ProbePaths {
        file: PathBuf,
    },
    RemoveStack {
        file: PathBuf,
    },
    SetSettings {
        settings: Settings,
    },
    OpenLink {
        file: PathBuf,
        service: ServiceName,
        label: Option<String>,
    },
    OpenLogFile {
        file: PathBuf,
        service: ServiceName,
    },
    OpenOwnLog {},
    OpenStackFile {
        file: PathBuf,
    },
    OpenFolder {
        file: PathBuf,
        service: ServiceName,
    },
}

impl Call {
    /// Carries out the call with this number.
    pub(super) async fn carry_out(self, page: &Page, id: u64) -> Result<Value, String> {
        let state = &page.state;
        match self {
            Self::Subscribe {} => {
                subscribe(page, id);
                Ok(Value::Null)
            }
            Self::Start { file, services } => result(state.start(&file, services).await),
            Self::Stop { file, services } => result(state.stop(&file, services).await),
            Self::Restart { file, services } => result(state.restart(&file, services).await),
            Self::Doctor { file } => doctor(page, &file).await,
            Self::PreviewRemedy { file, action } => result(state.preview(&file, &action)?),
            Self::CarryOut { file, action } => result(state.carry_out(&file, &action).await),
            Self::ApplyChange { file } => result(state.apply_change(&file).await),
            Self::FollowLog { file, services } => {
                let (state, tell) = (state.clone(), page.channel(id));
                let follow = async move { state.follow_log(&file, services, tell).await };
                page.spawn(id, follow);
                result(id)
            }
            // Done as soon as it was read.
            Self::UnfollowLog { .. } => Ok(Value::Null),
            Self::Describe { file, service } => result(state.describe(&file, &service).await?),
            Self::RunChecks { file, service } => result(state.run_checks(&file, &service).await?),
            Self::Reveal {
                file,
                service,
                variable,
            } => result(state.reveal(&file, &service, &variable).await?),
            Self::Events { file, since } => {
                let state = state.clone();
                let read = tokio::task::spawn_blocking(move || state.events(&file, since));
                let read = read.await.map_err(|error| error.to_string())?;
                result(read.map_err(|error| format!("the events cannot be read: {error}"))?)
            }
            Self::ProbePaths { file } => result(state.probe_paths(&file)),
            Self::RemoveStack { file } => result(state.remove(&file)),
            Self::SetSettings { settings } => result(state.set_settings(Settings {
                start_at_login: state.settings().borrow().start_at_login,
                ..settings
            })),
            // The page opens the address.
            Self::OpenLink {
                file,
                service,
                label,
            } => {
                let address = state.link(&file, &service, label.as_deref());
                result(address.ok_or_else(|| format!("{service} has no such page"))?)
            }
            Self::OpenLogFile { file, service } => {
                let log = state.log_file(&file, &service);
                Err(elsewhere(&log.ok_or("this service has no log yet")?))
            }
            Self::OpenOwnLog {} => Err(elsewhere(&own_log(state)?)),
            Self::OpenStackFile { file } if state.knows(&file) => Err(elsewhere(&file)),
            Self::OpenStackFile { .. } => Err("that stack is not known".to_owned()),
            Self::OpenFolder { file, service } => {
                let folder = state.folder(&file, &service);
                Err(elsewhere(&folder.ok_or("that service is not known")?))
            }
        }
    }
}

/// Sends the complete state and all updates until the page is closed.
fn subscribe(page: &Page, id: u64) {
    let (news, incoming) = mpsc::unbounded_channel();
    let (state, mut send) = (page.state.clone(), page.channel(id));
    page.spawn(id, async move {
        let measured = state.measure(|update: Update| news.send(update).is_ok());
        let told = state.feed(watch::channel(Some(true)).1, incoming, &mut send);
        tokio::join!(measured, told);
    });
}

async fn doctor(page: &Page, file: &Path) -> Result<Value, String> {
    let findings = page.state.doctor(file).await?;
    if let Some(text) = page.state.withheld(file) {
        page.send(&serde_json::json!({ "remark": text }));
    }
    result(findings)
}

fn own_log(state: &AppState) -> Result<PathBuf, String> {
    let log = logging::latest(state.home().state(), "keeper");
    let log = log.map_err(|error| format!("the log was not found: {error}"))?;
    log.ok_or_else(|| "no log found".to_owned())
}

/// The answer where the window opens another program: the browser may be on another computer.
fn elsewhere(path: &Path) -> String {
    format!("A browser cannot open this. It is at {}", path.display())
}
