//! What the page in the window is told, as long as there is one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pilotlight::app::window::{LogUpdate, Platform, Update};
use tauri::{AppHandle, Manager as _, async_runtime, ipc::Channel};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::{host::Host, usage};

/// A page draws no faster than that, so it is not told faster.
const FRAME: Duration = Duration::from_millis(16);

/// See the module. There is one window, so there is one page at most.
#[derive(Default)]
pub(crate) struct Page(Mutex<State>);

#[derive(Default)]
struct State {
    /// Where news go that are no part of what the page is told anyway.
    news: Option<mpsc::UnboundedSender<Update>>,
    /// What is to be told once there is a page.
    waiting: Vec<Update>,
    /// What tells the page, and measures for it.
    tasks: Vec<AbortOnDropHandle<()>>,
    logs: HashMap<u32, AbortOnDropHandle<()>>,
    last_log: u32,
}

impl Page {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the page, or the next one if there is none.
    pub(crate) fn tell(&self, update: Update) {
        let mut state = self.state();
        let untold = match &state.news {
            Some(news) => news.send(update).err().map(|untold| untold.0),
            None => Some(update),
        };
        state.waiting.extend(untold);
    }

    /// A page is there: it is told everything, and what is new from now on.
    pub(crate) fn open(&self, app: &AppHandle, page: Channel<Update>) {
        let (news, incoming) = mpsc::unbounded_channel();
        let mut state = self.state();
        for update in std::mem::take(&mut state.waiting) {
            // The receiver is in the next line.
            let _ = news.send(update);
        }
        // A page that was loaded again follows no log any more.
        state.logs.clear();
        let measuring = spawn(usage::measure(app.clone(), news.clone()));
        let telling = spawn(tell(app.clone(), page, incoming));
        state.tasks = vec![measuring, telling];
        state.news = Some(news);
    }

    /// The page is gone.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.news = None;
        state.tasks.clear();
        state.logs.clear();
    }

    /// Follows a log for the page, under the number that this answers.
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

/// Tells a page of a log, as long as it is there.
pub(crate) fn teller(lines: Channel<LogUpdate>) -> impl FnMut(LogUpdate) -> bool + Send {
    move |update| lines.send(update).is_ok()
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    let async_runtime::JoinHandle::Tokio(handle) = async_runtime::spawn(task);
    AbortOnDropHandle::new(handle)
}

async fn tell(app: AppHandle, page: Channel<Update>, mut news: mpsc::UnboundedReceiver<Update>) {
    let host = app.state::<Host>();
    let desk = host.desk.clone();
    let mut view = desk.view();
    let mut stacks = desk.stacks();
    let mut settings = desk.settings();
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
            // Each arm is cancel-safe: it marks as seen what it returns, and nothing else.
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
