//! What the services cost, measured while somebody looks.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use pilotlight::app::window::{Update, UsageSample};
use tauri::{AppHandle, Manager as _};
use tokio::sync::mpsc;

use crate::host::Host;

/// Between two measurements.
const EVERY: Duration = Duration::from_secs(5);

/// So many make the last five minutes.
const KEPT: usize = 60;

/// How far back a sample is worth being shown.
const AGE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// The samples of the last five minutes.
#[derive(Default)]
pub(crate) struct Usage(Mutex<VecDeque<UsageSample>>);

impl Usage {
    pub(crate) fn history(&self) -> Vec<UsageSample> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(newest) = samples.back().map(|sample| sample.at) else {
            return Vec::new();
        };
        let recent = samples
            .iter()
            .filter(|sample| newest.duration_since(sample.at) < AGE);
        recent.cloned().collect()
    }

    fn add(&self, sample: UsageSample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

/// Measures while something runs, until nobody listens.
pub(crate) async fn measure(app: AppHandle, news: mpsc::UnboundedSender<Update>) {
    let host = app.state::<Host>();
    let mut view = host.desk.view();
    while !news.is_closed() {
        let Some(sample) = host.desk.usage().await else {
            // Nothing runs: there is nothing to measure before something changes.
            if view.changed().await.is_err() {
                return;
            }
            continue;
        };
        host.usage.add(sample.clone());
        if news.send(Update::Usage { sample }).is_err() {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}
