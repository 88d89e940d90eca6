//! Sends updates to the page in the window, while there is one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use pilotlight::{app::window::Update, sync::lock};
use tauri::{AppHandle, Manager as _, async_runtime, ipc::Channel};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::host::Host;

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
        let unsent = match &state.news {
            Some(news) => news.send(update).err().map(|unsent| unsent.0),
            None => Some(update),
        };
        state.waiting.extend(unsent);
    }

    /// Starts sending the complete state and all updates to a new page.
    pub(crate) fn open(&self, app: &AppHandle, page: Channel<Update>) {
        let (news, incoming) = mpsc::unbounded_channel();
        let mut state = self.state();
        for update in std::mem::take(&mut state.waiting) {
            // The receiver still exists.
            let _ = news.send(update);
        }
        // A reloaded page follows no log any more.
        state.logs.clear();
        let host = app.state::<Host>();
        let (measured, measurements) = (host.state.clone(), news.clone());
        let measuring = spawn(async move {
            let send = |update| measurements.send(update).is_ok();
            measured.measure(send).await;
        });
        let (told, tray) = (host.state.clone(), host.tray.subscribe());
        let telling = spawn(async move {
            let send = |update| page.send(update).is_ok();
            told.feed(tray, incoming, send).await;
        });
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

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    let async_runtime::JoinHandle::Tokio(handle) = async_runtime::spawn(task);
    AbortOnDropHandle::new(handle)
}
