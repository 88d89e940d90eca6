//! The calls of the page: those of the window (`src-tauri/src/commands.rs`), without those that need a
//! desktop.

use std::path::PathBuf;

use pilotlight::{
    app::{
        CallError,
        calls::{self, Opened, Opening},
        settings::Settings,
        window::Update,
    },
    stack::ServiceName,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::connection::Page;

/// A call, and the number that its answer repeats.
#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) call: Call,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Call {
    OnStack(calls::Call),
    Open(Opening),
    Own(Own),
}

/// The calls that this host answers itself.
#[derive(Deserialize)]
#[serde(tag = "call", content = "given", rename_all = "snake_case")]
pub(super) enum Own {
    Subscribe {},
    FollowLog {
        file: PathBuf,
        services: Vec<ServiceName>,
    },
    UnfollowLog {
        id: u64,
    },
    SetSettings {
        settings: Settings,
    },
}

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("A browser cannot open this. It is at {}", .0.display())]
    NotInABrowser(PathBuf),
}

impl Call {
    /// Carries out the call with this number.
    pub(super) async fn carry_out(self, page: &Page, id: u64) -> Result<Value, Refusal> {
        let state = &page.state;
        match self {
            Self::OnStack(call) => {
                let remark = |text| {
                    page.send(&json!({ "remark": text }));
                };
                Ok(state.call(call, remark).await?)
            }
            Self::Open(opening) => match state.opened(&opening, "keeper")? {
                // The page opens it.
                Opened::Page(address) => Ok(address.into()),
                // The window would open another program, but the browser may be on another computer.
                Opened::File(path) => Err(Refusal::NotInABrowser(path)),
            },
            Self::Own(Own::Subscribe {}) => {
                subscribe(page, id);
                Ok(Value::Null)
            }
            Self::Own(Own::FollowLog { file, services }) => {
                let (state, tell) = (state.clone(), page.channel(id));
                let follow = async move { state.follow_log(&file, services, tell).await };
                page.spawn(id, follow);
                Ok(id.into())
            }
            // Done as soon as it was read.
            Self::Own(Own::UnfollowLog { .. }) => Ok(Value::Null),
            Self::Own(Own::SetSettings { settings }) => {
                let settings = Settings {
                    start_at_login: state.settings().borrow().start_at_login,
                    ..settings
                };
                Ok(json!(state.set_settings(settings)))
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
