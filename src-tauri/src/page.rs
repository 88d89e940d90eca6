//! Sends updates to the page in the window, while there is one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use pilotlight::{
    app::window::{LogUpdate, Platform, Update},
    sync::lock,
};
use tauri::{AppHandle, Manager as _, async_runtime, ipc::Channel};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::{host::Host, usage};

/// The minimum interval of snapshots: a page draws no faster.
const FRAME: Duration = Duration::from_millis(16);

/// The page. There is at most one, since there is one window.
#[derive(Default)]
pub(crate) struct Page(Mutex<State>);

#[derive(Default)]
struct State {
    /// Receives additional updates for the page.
    news: Option<mpsc::UnboundedSender<Update>>,
    /// Updates that wait for a page.
    waiting: Vec<Update>,
    /// The tasks that send updates and measure usage.
    tasks: Vec<AbortOnDropHandle<()>>,
    logs: HashMap<u32, AbortOnDropHandle<()>>,
    last_log: u32,
}

impl Page {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// Sends an update to the page, or to the next one if there is none.
    pub(crate) fn tell(&self, update: Update) {
        let mut state = self.state();
        let untold = match &state.news {
            Some(news) => news.send(update).err().map(|untold| untold.0),
            None => Some(update),
        };
        state.waiting.extend(untold);
    }

    /// Starts to send the complete state and all updates to a new page.
    pub(crate) fn open(&self, app: &AppHandle, page: Channel<Update>) {
        let (news, incoming) = mpsc::unbounded_channel();
        let mut state = self.state();
        for update in std::mem::take(&mut state.waiting) {
            // The receiver still exists.
            let _ = news.send(update);
        }
        // A reloaded page follows no log any more.
        state.logs.clear();
        let measuring = spawn(usage::measure(app.clone(), news.clone()));
        let telling = spawn(tell(app.clone(), page, incoming));
        state.tasks = vec![measuring, telling];
        state.news = Some(news);
    }

    /// Stops all tasks of a closed page.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.news = None;
        state.tasks.clear();
        state.logs.clear();
    }

    /// Follows a log for the page, and returns the number of the task.
    pub(crate) fn follow_log(&self, follow: impl Future<Output = ()> + Send + 'static) -> u32 {
        let mut state = self.state();
        state.last_log += 1;
        let number = state.last_log;
        state.logs.retain(|_, task| !task.is_finished());
        state.logs.insert(number, spawn(follow));
        number
    }

    pub(crate) fn unfollow_log(&self, number: u32) {
        self.state().logs.remove(&number);
    }
}

/// Returns a function that sends log updates to a page, and returns `false` once the page is
/// closed.
pub(crate) fn teller(lines: Channel<LogUpdate>) -> impl FnMut(LogUpdate) -> bool + Send {
    move |update| lines.send(update).is_ok()
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    let async_runtime::JoinHandle::Tokio(handle) = async_runtime::spawn(task);
    AbortOnDropHandle::new(handle)
}

async fn tell(app: AppHandle, page: Channel<Update>, mut news: mpsc::UnboundedReceiver<Update>) {
    let host = app.state::<Host>();
    let state = host.state.clone();
    let mut view = state.view();
    let mut stacks = state.stacks();
    let mut settings = state.settings();
    let mut tray = host.tray.subscribe();
    let whole = Update::Whole {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: Platform::here(),
        snapshot: view.borrow_and_update().clone(),
        stacks: stacks.borrow_and_update().to_vec(),
        settings: settings.borrow_and_update().clone(),
        usage: host.usage.history(),
        tray: tray.borrow_and_update().unwrap_or(true),
    };
    let mut next = Some(whole);
    loop {
        let update = if let Some(update) = next.take() {
            update
        } else {
            // Each arm is cancel-safe: it marks only what it returns as seen.
            tokio::select! {
                Ok(()) = view.changed() => {
                    let snapshot = view.borrow_and_update().clone();
                    Update::Snapshot { snapshot }
                }
                Ok(()) = stacks.changed() => {
                    let stacks = stacks.borrow_and_update().to_vec();
                    Update::Stacks { stacks }
                }
                Ok(()) = settings.changed() => {
                    let settings = settings.borrow_and_update().clone();
                    Update::Settings { settings }
                }
                Ok(()) = tray.changed() => {
                    let tray = tray.borrow_and_update().unwrap_or(true);
                    Update::Tray { tray }
                }
                Some(update) = news.recv() => update,
                else => return,
            }
        };
        let pause = matches!(update, Update::Snapshot { .. });
        if page.send(update).is_err() {
            return;
        }
        if pause {
            tokio::time::sleep(FRAME).await;
        }
    }
}
