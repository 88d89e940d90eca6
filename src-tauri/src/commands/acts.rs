//! Commands that act on stacks or observe them.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use pilotlight::{
    app::window::{CheckResult, LogUpdate, Preview, QuitChoice, ServiceDetails, Update},
    control::Outcome,
    model::{
        finding::{Action, Finding},
        history::HistoryEvent,
    },
    stack::ServiceName,
};
use tauri::{AppHandle, State, async_runtime, command, ipc::Channel};

use crate::{host::Host, page, quit};

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

#[command]
pub(crate) async fn start(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
) -> Result<Outcome, ()> {
    Ok(host.state.start(&file, services).await)
}

#[command]
pub(crate) async fn stop(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
) -> Result<Outcome, ()> {
    Ok(host.state.stop(&file, services).await)
}

#[command]
pub(crate) async fn restart(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
) -> Result<Outcome, ()> {
    Ok(host.state.restart(&file, services).await)
}

#[command]
pub(crate) async fn doctor(host: State<'_, Host>, file: PathBuf) -> Result<Vec<Finding>, String> {
    let findings = host.state.doctor(&file).await;
    if let Some(text) = host.state.withheld(&file) {
        host.page.tell(Update::Remark { text });
    }
    findings
}

#[command]
pub(crate) async fn preview_remedy(
    host: State<'_, Host>,
    file: PathBuf,
    action: Action,
) -> Result<Preview, String> {
    host.state.preview(&file, &action)
}

#[command]
pub(crate) async fn carry_out(
    host: State<'_, Host>,
    file: PathBuf,
    action: Action,
) -> Result<Outcome, ()> {
    Ok(host.state.carry_out(&file, &action).await)
}

#[command]
pub(crate) async fn apply_change(host: State<'_, Host>, file: PathBuf) -> Result<Outcome, ()> {
    Ok(host.state.apply_change(&file).await)
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
    let follow = async move {
        state.follow_log(&file, services, page::teller(lines)).await;
    };
    Ok(host.page.follow_log(follow))
}

#[command]
pub(crate) async fn unfollow_log(host: State<'_, Host>, id: u32) -> Result<(), ()> {
    host.page.unfollow_log(id);
    Ok(())
}

#[command]
pub(crate) async fn describe(
    host: State<'_, Host>,
    file: PathBuf,
    service: ServiceName,
) -> Result<ServiceDetails, String> {
    host.state.describe(&file, &service).await
}

#[command]
pub(crate) async fn run_checks(
    host: State<'_, Host>,
    file: PathBuf,
    service: ServiceName,
) -> Result<Vec<CheckResult>, String> {
    host.state.run_checks(&file, &service).await
}

#[command]
pub(crate) async fn reveal(
    host: State<'_, Host>,
    file: PathBuf,
    service: ServiceName,
    variable: String,
) -> Result<String, String> {
    host.state.reveal(&file, &service, &variable).await
}

#[command]
pub(crate) async fn events(
    host: State<'_, Host>,
    file: PathBuf,
    since: Timestamp,
) -> Result<Vec<HistoryEvent>, String> {
    let state = host.state.clone();
    let read = async_runtime::spawn_blocking(move || state.events(&file, since));
    let read = read.await.map_err(|error| error.to_string())?;
    read.map_err(|error| format!("the events cannot be read: {error}"))
}

#[command]
pub(crate) async fn probe_paths(
    host: State<'_, Host>,
    file: PathBuf,
) -> Result<BTreeMap<ServiceName, Vec<String>>, ()> {
    Ok(host.state.probe_paths(&file))
}

#[command]
pub(crate) async fn answer_quit(app: AppHandle, choice: QuitChoice) -> Result<(), ()> {
    quit::answer(&app, choice);
    Ok(())
}
