//! Measures the usage of services while the window is open.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use pilotlight::{
    app::window::{Update, UsageSample},
    sync::lock,
};
use tauri::{AppHandle, Manager as _};
use tokio::sync::mpsc;

use crate::host::Host;

/// The interval of measurements.
const EVERY: Duration = Duration::from_secs(5);

/// The number of samples in five minutes.
const KEPT: usize = 60;

/// The maximum age of a shown sample.
const AGE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// The samples of the last five minutes.
#[derive(Default)]
pub(crate) struct Usage(Mutex<VecDeque<UsageSample>>);

impl Usage {
    pub(crate) fn history(&self) -> Vec<UsageSample> {
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

/// Measures while services run, until the page is closed.
pub(crate) async fn measure(app: AppHandle, news: mpsc::UnboundedSender<Update>) {
    let host = app.state::<Host>();
    let mut view = host.state.view();
    while !news.is_closed() {
        let Some(sample) = host.state.usage().await else {
            // Nothing runs: waits for a change.
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
