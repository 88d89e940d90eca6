//! Commands that act on stacks or observe them.

use std::path::PathBuf;

use pilotlight::{
    app::{
        CallError,
        calls::Call,
        window::{LogUpdate, QuitChoice, Update},
    },
    stack::ServiceName,
};
use serde_json::Value;
use tauri::{AppHandle, State, command, ipc::Channel};

use crate::{host::Host, quit};

/// Sends the complete state and all updates, while the page exists.
#[command]
pub(crate) async fn subscribe(
    app: AppHandle,
    host: State<'_, Host>,
    updates: Channel<Update>,
) -> Result<(), ()> {
    host.page.open(&app, updates);
    Ok(())
}

/// Answers a call that every host of the page answers alike.
#[command]
pub(crate) async fn call(host: State<'_, Host>, call: Call) -> Result<Value, CallError> {
    let remark = |text| host.page.tell(Update::Remark { text });
    host.state.call(call, remark).await
}

/// Returns the number for `unfollow_log`.
#[command]
pub(crate) async fn follow_log(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
    lines: Channel<LogUpdate>,
) -> Result<u32, ()> {
    let state = host.state.clone();
    // A closed page gets no more lines.
    let send = move |update| lines.send(update).is_ok();
    let follow = async move { state.follow_log(&file, services, send).await };
    Ok(host.page.follow_log(follow))
}

#[command]
pub(crate) async fn unfollow_log(host: State<'_, Host>, id: u32) -> Result<(), ()> {
    host.page.unfollow_log(id);
    Ok(())
}

#[command]
pub(crate) async fn answer_quit(app: AppHandle, choice: QuitChoice) -> Result<(), ()> {
    quit::answer(&app, choice);
    Ok(())
}
