//! What is done with stacks, and what is told of them.

use std::{collections::BTreeMap, path::PathBuf};

use pilotlight::{
    app::window::{LogUpdate, Preview, QuitChoice, ServiceDetails, Update},
    control::Outcome,
    model::finding::{Action, Finding},
    stack::ServiceName,
};
use tauri::{AppHandle, State, command, ipc::Channel};

use crate::{host::Host, page, quit};

/// Tells everything, then what is new, as long as the page is there.
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
    Ok(host.desk.start(&file, services).await)
}

#[command]
pub(crate) async fn stop(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
) -> Result<Outcome, ()> {
    Ok(host.desk.stop(&file, services).await)
}

#[command]
pub(crate) async fn restart(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
) -> Result<Outcome, ()> {
    Ok(host.desk.restart(&file, services).await)
}

#[command]
pub(crate) async fn doctor(host: State<'_, Host>, file: PathBuf) -> Result<Vec<Finding>, String> {
    let findings = host.desk.doctor(&file).await;
    if let Some(text) = host.desk.withheld(&file) {
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
    host.desk.preview(&file, &action)
}

#[command]
pub(crate) async fn carry_out(
    host: State<'_, Host>,
    file: PathBuf,
    action: Action,
) -> Result<Outcome, ()> {
    Ok(host.desk.carry_out(&file, &action).await)
}

#[command]
pub(crate) async fn apply_change(host: State<'_, Host>, file: PathBuf) -> Result<Outcome, ()> {
    Ok(host.desk.apply_change(&file).await)
}

/// Answers the number to end it by.
#[command]
pub(crate) async fn follow_log(
    host: State<'_, Host>,
    file: PathBuf,
    services: Vec<ServiceName>,
    lines: Channel<LogUpdate>,
) -> Result<u32, ()> {
    let desk = host.desk.clone();
    let follow = async move {
        desk.follow_log(&file, services, page::teller(lines)).await;
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
    host.desk.describe(&file, &service).await
}

#[command]
pub(crate) async fn probe_paths(
    host: State<'_, Host>,
    file: PathBuf,
) -> Result<BTreeMap<ServiceName, Vec<String>>, ()> {
    Ok(host.desk.probe_paths(&file))
}

#[command]
pub(crate) async fn answer_quit(app: AppHandle, choice: QuitChoice) -> Result<(), ()> {
    quit::answer(&app, choice);
    Ok(())
}
