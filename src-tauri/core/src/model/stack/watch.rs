//! Reacts to changes of watched files.

use std::sync::Arc;

use super::StackModel;
use crate::{
    diagnose::explain,
    model::{facts::Watched, finding::Finding, service::Step},
    stack::{Reaction, ServiceName},
};

impl StackModel {
    pub(super) fn watched(&mut self, name: &ServiceName, watched: Watched, step: &mut Step) {
        let Some(index) = self.order.place(name) else {
            return;
        };
        let service = &mut self.services[index];
        let (spec, is_wanted) = (service.spec.clone(), service.intent.wanted);
        let Some(watch) = spec.watch.as_ref().filter(|_| is_wanted) else {
            return;
        };
        let files = match watched {
            Watched::Changed(files) => files,
            Watched::Fault(fault) => {
                service.watch_finding = Some(Arc::new(explain::not_watched(&spec, &fault)));
                self.stale_findings = true;
                return;
            }
            Watched::Polls => {
                let note = "its files are polled, since their file system reports no changes";
                return self.change(index, |service| service.remark(note));
            }
        };
        match &watch.reaction {
            Reaction::Signal(signal) => service.signal(*signal, step),
            Reaction::Task(task) => {
                if let Some(task) = self.order.place(task) {
                    self.run_again(task, step);
                }
            }
            Reaction::Restart => {
                let files = service.loops.news(files);
                let Some(first) = files.first() else {
                    return;
                };
                if service.loops.close(&files, step.now.instant) {
                    let finding = explain::watch_loop(&spec, first);
                    service.watch_finding = Some(Arc::new(finding));
                    self.stale_findings = true;
                    return;
                }
                let cause = format!("restarted since {} has changed", first.display());
                if watch.cascade {
                    self.restart(std::slice::from_ref(name), step);
                } else {
                    self.change(index, |service| service.cycle_alone(step));
                }
                self.change(index, |service| service.cause = Some(cause));
            }
        }
    }

    /// Runs a task, or a service that completes, and its dependencies again.
    pub(super) fn run_again(&mut self, index: usize, step: &Step) {
        for need in self.order.with_needs([index]) {
            if need == index {
                self.change(need, |service| service.run_again(step));
            } else {
                self.change(need, |service| service.request(step));
            }
        }
    }

    /// Returns the findings of the diagnosis and those about watched files.
    #[must_use]
    pub fn findings(&self) -> Vec<Arc<Finding>> {
        let diagnosed = self.diagnosis.findings().iter().cloned();
        diagnosed.chain(self.watch_findings()).collect()
    }

    /// Returns the findings about watched files.
    pub fn watch_findings(&self) -> impl Iterator<Item = Arc<Finding>> {
        let services = self.services.iter();
        services.filter_map(|service| service.watch_finding.clone())
    }
}
