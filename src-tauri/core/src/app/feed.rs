//! The updates of a page: the complete state, then every change. Window and browser get the same.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};

use super::AppState;
use crate::{
    app::window::{Platform, Update, UsageSample},
    sync::lock,
};

/// The minimum interval of snapshots: a page draws no faster.
const FRAME: Duration = Duration::from_millis(16);

/// The interval of measurements.
const EVERY: Duration = Duration::from_secs(5);

/// The number of samples in five minutes.
const KEPT: usize = 60;

/// The maximum age of a shown sample.
const AGE: SignedDuration = SignedDuration::from_mins(5);

/// The usage in the last five minutes.
#[derive(Default)]
pub(super) struct History(Mutex<VecDeque<UsageSample>>);

impl History {
    fn recent(&self) -> Vec<UsageSample> {
        let samples = lock(&self.0);
        let Some(newest) = samples.back().map(|sample| sample.at) else {
            return Vec::new();
        };
        let recent = samples
            .iter()
            .filter(|sample| newest.duration_since(sample.at) < AGE);
        recent.cloned().collect()
    }

    fn add(&self, sample: UsageSample) {
        let mut samples = lock(&self.0);
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

impl AppState {
    /// Sends the complete state, then every change and everything in `news`, until `send` returns
    /// `false`. `tray` says whether the desktop has a tray; `None` until that is known.
    pub async fn feed(
        &self,
        mut tray: watch::Receiver<Option<bool>>,
        mut news: mpsc::UnboundedReceiver<Update>,
        mut send: impl FnMut(Update) -> bool + Send,
    ) {
        let mut view = self.view();
        let mut stacks = self.stacks();
        let mut settings = self.settings();
        let whole = Update::Whole {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: Platform::here(),
            snapshot: view.borrow_and_update().clone(),
            stacks: stacks.borrow_and_update().to_vec(),
            settings: settings.borrow_and_update().clone(),
            usage: self.0.history.recent(),
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
            if !send(update) {
                return;
            }
            if pause {
                tokio::time::sleep(FRAME).await;
            }
        }
    }

    /// Measures the usage of services while they run, and sends it until `send` returns `false`.
    pub async fn measure(&self, mut send: impl FnMut(Update) -> bool + Send) {
        let mut view = self.view();
        loop {
            let Some(sample) = self.usage().await else {
                // Nothing runs: waits for a change.
                if view.changed().await.is_err() {
                    return;
                }
                continue;
            };
            self.0.history.add(sample.clone());
            if !send(Update::Usage { sample }) {
                return;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
