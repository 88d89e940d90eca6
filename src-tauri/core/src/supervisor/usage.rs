//! What the services cost: measured when somebody wants to see it, never on a tick.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Supervisor, reply};
use crate::{
    clock,
    effects::process::{Census, Tree, usage},
    model::{
        facts::Mark,
        view::{Snapshot, StackView},
    },
};

/// Over less time than this a share of a core says nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// What was measured last, by run.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<HashMap<Mark, Sample>>>);

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    cpu_time: Duration,
}

/// What a run costs.
#[derive(Clone, Copy)]
struct Cost {
    memory_bytes: u64,
    cpu_percent: Option<f64>,
}

impl Supervisor {
    /// Answers with the snapshot of now, CPU and memory filled in.
    pub(super) fn measure(&mut self, answer: oneshot::Sender<Arc<Snapshot>>) {
        let snapshot = self.snapshot.borrow().clone();
        let trees = self.stacks.iter().map(|kept| {
            kept.trees()
                .map(|(service, tree)| (service.clone(), tree.clone()))
                .collect::<Vec<_>>()
        });
        let trees: Vec<Vec<_>> = trees.collect();
        let (meter, census) = (self.meter.clone(), self.tools.census.clone());
        self.tasks.spawn(async move {
            let all: Vec<Tree> = trees
                .iter()
                .flatten()
                .map(|(_, tree)| tree.clone())
                .collect();
            let costs = meter.measure(&all, &census).await;
            let mut filled = (*snapshot).clone();
            for (stack, trees) in filled.stacks.iter_mut().zip(&trees) {
                let stack: &mut StackView = Arc::make_mut(stack);
                for service in &mut stack.services {
                    let tree = trees.iter().find(|(name, _)| *name == service.name);
                    if let Some(cost) = tree.and_then(|(_, tree)| costs.get(tree.mark())) {
                        let service = Arc::make_mut(service);
                        service.memory_bytes = Some(cost.memory_bytes);
                        service.cpu_percent = cost.cpu_percent;
                    }
                }
            }
            reply(answer, Arc::new(filled));
        });
    }
}

impl Meter {
    async fn measure(&self, trees: &[Tree], census: &Census) -> HashMap<Mark, Cost> {
        let now = clock::now().instant;
        let fresh = |sample: &Sample| now.duration_since(sample.at) < SHORTEST;
        let known = |tree: &Tree| {
            self.samples()
                .get(tree.mark())
                .is_some_and(|sample| !fresh(sample))
        };
        if !trees.iter().all(known) {
            self.take(trees, census).await;
            tokio::time::sleep(SHORTEST).await;
        }
        self.take(trees, census).await
    }

    /// Measures now; the share of a core is since the last time.
    async fn take(&self, trees: &[Tree], census: &Census) -> HashMap<Mark, Cost> {
        let Ok(table) = census.take().await else {
            return HashMap::new();
        };
        let mut costs = HashMap::new();
        let mut samples = HashMap::new();
        for tree in trees {
            let Some(usage) = usage(&tree.members(&table)) else {
                continue;
            };
            let sample = Sample {
                at: clock::now().instant,
                cpu_time: usage.cpu_time,
            };
            let before = self.samples().get(tree.mark()).copied();
            let cpu_percent = before.map(|before| {
                let used = sample
                    .cpu_time
                    .saturating_sub(before.cpu_time)
                    .as_secs_f64();
                let time = sample
                    .at
                    .duration_since(before.at)
                    .as_secs_f64()
                    .max(f64::EPSILON);
                (used / time * 1000.0).round() / 10.0
            });
            costs.insert(
                tree.mark().clone(),
                Cost {
                    memory_bytes: usage.memory_bytes,
                    cpu_percent,
                },
            );
            samples.insert(tree.mark().clone(), sample);
        }
        *self.samples() = samples;
        costs
    }

    fn samples(&self) -> std::sync::MutexGuard<'_, HashMap<Mark, Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
