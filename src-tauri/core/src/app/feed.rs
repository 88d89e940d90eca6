//! The updates of a page: the complete state, then every change. Window and browser get the same.

use std::{collections::VecDeque, path::Path, sync::Mutex, time::Duration};

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};

use super::AppState;
use crate::{
    app::window::{Platform, Update, UsageSample},
    stack::ServiceName,
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

/// One sample in so many is kept for an hour.
const THIN: usize = 6;

/// The number of those in an hour.
const KEPT_THIN: usize = 120;

/// The usage in the last five minutes, and a part of it in the last hour.
#[derive(Default)]
pub(super) struct History(Mutex<Samples>);

#[derive(Default)]
struct Samples {
    recent: VecDeque<UsageSample>,
    thin: VecDeque<UsageSample>,
    /// The number of samples since the last thin one.
    since: usize,
}

impl History {
    fn recent(&self) -> Vec<UsageSample> {
        let samples = &lock(&self.0).recent;
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
        if samples.since == 0 {
            push(&mut samples.thin, sample.clone(), KEPT_THIN);
        }
        samples.since = (samples.since + 1) % THIN;
        push(&mut samples.recent, sample, KEPT);
    }

    /// Returns the samples of the last hour, with one service each.
    fn of_service(&self, file: &Path, name: &ServiceName) -> Vec<UsageSample> {
        let samples = lock(&self.0);
        let all = samples.thin.iter();
        let all = all.map(|sample| UsageSample {
            at: sample.at,
            services: {
                let services = sample.services.iter();
                let own = services.filter(|usage| usage.file == file && usage.service == *name);
                own.cloned().collect()
            },
        });
        all.collect()
    }
}

/// Adds a sample, in place of the oldest if there are as many as are kept.
fn push(samples: &mut VecDeque<UsageSample>, sample: UsageSample, kept: usize) {
    if samples.len() == kept {
        samples.pop_front();
    }
    samples.push_back(sample);
}

impl AppState {
    /// Returns a part of the usage of a service in the last hour, as far as a page was open.
    #[must_use]
    pub fn usage_of(&self, file: &Path, service: &ServiceName) -> Vec<UsageSample> {
        self.0.history.of_service(file, service)
    }

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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::app::window::ServiceUsage;

    #[test]
    fn an_hour_of_usage_is_kept_thinly_and_five_minutes_in_full() {
        let history = History::default();
        let file = Path::new("/srv/nexus/pilotlight.toml");
        for second in (0..4000).step_by(5) {
            let usage = |name: &str| ServiceUsage {
                file: file.to_owned(),
                service: name.into(),
                cpu_percent: Some(1.0),
                memory_bytes: None,
                latency_ms: None,
            };
            history.add(UsageSample {
                at: Timestamp::from_second(second).unwrap(),
                services: vec![usage("api"), usage("web")],
            });
        }
        assert_eq!(history.recent().len(), KEPT);
        let hour = history.of_service(file, &"api".into());
        assert_eq!(hour.len(), KEPT_THIN);
        let spans = hour
            .windows(2)
            .map(|pair| pair[1].at.duration_since(pair[0].at));
        assert!(spans.into_iter().all(|span| span.as_secs() == 30));
        assert!(hour.iter().all(|sample| sample.services.len() == 1));
    }
}
