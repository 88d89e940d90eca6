//! CPU and memory usage of services, measured on request, never periodically.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use tokio::{sync::oneshot, task::JoinSet};

use super::{Supervisor, reply, running_stack::RunningStack};
use crate::{
    effects::{
        container::Contained,
        process::{ProcessTable, Tree, Usage, members_of, usage},
    },
    host::clock,
    model::{
        facts::{Mark, StackId, TimePoint},
        view::{ServiceView, Snapshot, StackView},
    },
    stack::ServiceName,
    sync::lock,
};

/// The shortest interval over which a CPU share is meaningful.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// The time limit for the measurement.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// The latest measurements by run.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<HashMap<Mark, Measured>>>);

/// The two latest samples of a run that are at least [`MIN_INTERVAL`] apart.
#[derive(Clone, Copy)]
struct Measured {
    before: Option<Sample>,
    latest: Sample,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    cpu_time: Duration,
}

impl Supervisor {
    /// Answers with the current snapshot, CPU and memory filled in.
    pub(super) fn measure(&mut self, answer: oneshot::Sender<Arc<Snapshot>>) {
        self.show_latencies();
        self.look_up_shown_checkouts();
        let snapshot = self.snapshot.borrow().clone();
        let trees = self.stacks.iter().map(|running_stack| {
            running_stack
                .trees()
                .map(|(service, tree)| (service.clone(), tree.clone()))
                .collect()
        });
        let trees: Vec<HashMap<ServiceName, Tree>> = trees.collect();
        let containers = self.stacks.iter().flat_map(RunningStack::containers);
        let containers: Vec<(Mark, Contained)> = containers.collect();
        let ids = self
            .stacks
            .iter()
            .map(|running_stack| running_stack.id.clone());
        let ids: Vec<StackId> = ids.collect();
        let (meter, processes) = (self.meter.clone(), self.tools.processes.clone());
        self.tasks.spawn(async move {
            // Omitted if the machine is too busy to measure (for example during a fork bomb).
            let measured = tokio::time::timeout(TIME_LIMIT, costs(&trees, &processes));
            let (measured, contained) = tokio::join!(measured, costs_of_containers(containers));
            let mut costs = measured.unwrap_or_default();
            costs.extend(contained);
            let now = clock::now();
            let mut filled = (*snapshot).clone();
            let mut measured = HashMap::new();
            for (stack, id) in filled.stacks.iter_mut().zip(&ids) {
                let stack: &mut StackView = Arc::make_mut(stack);
                for service in &mut stack.services {
                    let is_of = |mark: &&Mark| mark.stack == *id && mark.service == service.name;
                    let mark = costs.keys().find(is_of).cloned();
                    let Some((mark, usage)) = mark.and_then(|mark| costs.remove_entry(&mark))
                    else {
                        continue;
                    };
                    let service = Arc::make_mut(service);
                    let sample = Sample {
                        at: now.instant,
                        cpu_time: usage.cpu_time,
                    };
                    let (base, latest) = meter.base(&mark, sample);
                    service.memory_bytes = Some(usage.memory_bytes);
                    service.cpu_percent = match base {
                        Some(base) => sample.share_since(base),
                        None => share(usage.cpu_time, age(service, now)),
                    };
                    measured.insert(mark, latest);
                }
            }
            *meter.measured() = measured;
            reply(answer, Arc::new(filled));
        });
    }
}

/// Returns the usage of each run that could be measured.
async fn costs(
    trees: &[HashMap<ServiceName, Tree>],
    processes: &ProcessTable,
) -> HashMap<Mark, Usage> {
    let Ok(table) = processes.scan().await else {
        return HashMap::new();
    };
    let trees: Vec<&Tree> = trees.iter().flat_map(HashMap::values).collect();
    let members = members_of(&trees, &table);
    let costs = trees.iter().zip(members);
    costs
        .filter_map(|(tree, members)| Some((tree.mark().clone(), usage(&table, &members)?)))
        .collect()
}

/// Returns the usage of each container whose engine responds in time.
async fn costs_of_containers(containers: Vec<(Mark, Contained)>) -> HashMap<Mark, Usage> {
    let mut measuring = JoinSet::new();
    for (mark, contained) in containers {
        measuring.spawn(async move {
            let usage = contained.engine.usage(&contained.info.id);
            let usage = tokio::time::timeout(TIME_LIMIT, usage).await.ok()?.ok()?;
            Some((mark, usage))
        });
    }
    measuring.join_all().await.into_iter().flatten().collect()
}

/// Returns the duration of the current run; zero if the wall clock was set back.
fn age(service: &ServiceView, now: TimePoint) -> Duration {
    let started = service.started.map(SystemTime::from);
    let age = started.and_then(|started| now.wall.duration_since(started).ok());
    age.unwrap_or_default()
}

/// Returns the share of a core in percent; `None` if the interval is too short.
fn share(cpu_time: Duration, time: Duration) -> Option<f64> {
    let share = cpu_time.as_secs_f64() / time.as_secs_f64();
    (time >= MIN_INTERVAL).then(|| (share * 1000.0).round() / 10.0)
}

impl Sample {
    fn share_since(self, before: Self) -> Option<f64> {
        share(
            self.cpu_time.saturating_sub(before.cpu_time),
            self.at.duration_since(before.at),
        )
    }
}

impl Meter {
    /// Returns the sample from which the share of a core is counted (`None`: the start of the run),
    /// and the samples to keep for the next measurement.
    fn base(&self, mark: &Mark, sample: Sample) -> (Option<Sample>, Measured) {
        match self.measured().get(mark).copied() {
            None => (
                None,
                Measured {
                    before: None,
                    latest: sample,
                },
            ),
            Some(known) if sample.at.duration_since(known.latest.at) < MIN_INTERVAL => {
                (known.before, known)
            }
            Some(known) => (
                Some(known.latest),
                Measured {
                    before: Some(known.latest),
                    latest: sample,
                },
            ),
        }
    }

    fn measured(&self) -> std::sync::MutexGuard<'_, HashMap<Mark, Measured>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{RunId, StackId};

    #[test]
    fn an_immediate_second_measurement_uses_the_same_base() {
        let mark = Mark {
            stack: StackId("stack".to_owned()),
            service: "service".into(),
            run: RunId(1),
        };
        let start = clock::now().instant;
        let sample = |at: u64, cpu_time: u64| Sample {
            at: start + Duration::from_millis(at),
            cpu_time: Duration::from_millis(cpu_time),
        };
        let meter = Meter::default();
        let look = |sample: Sample| {
            let (base, measured) = meter.base(&mark, sample);
            meter.measured().insert(mark.clone(), measured);
            base.map(|base| sample.share_since(base))
        };
        assert_eq!(look(sample(0, 50)), None);
        assert_eq!(look(sample(50, 50)), None);
        assert_eq!(look(sample(200, 70)), Some(Some(10.0)));
        assert_eq!(look(sample(250, 95)), Some(Some(18.0)));
        assert_eq!(look(sample(400, 170)), Some(Some(50.0)));
    }

    #[test]
    fn a_new_run_has_no_cpu_share() {
        let burned = Duration::from_millis(20);
        assert_eq!(share(burned, Duration::from_millis(10)), None);
        assert_eq!(share(burned, Duration::ZERO), None);
        assert_eq!(share(burned, Duration::from_millis(200)), Some(10.0));
    }
}
