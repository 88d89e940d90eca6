//! The watches on the files of services. Each exists as long as its service is wanted, even while
//! it is not running, so that a change restarts a failed service.

use std::path::PathBuf;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Supervisor, call};
use crate::{
    effects::watch::watch,
    model::{service::ServiceState, stack::Event},
    stack::Watch,
};

/// A watch on the files of a service. Dropping it stops it.
#[derive(Debug)]
pub(super) struct ActiveWatch {
    watch: Watch,
    directory: PathBuf,
    _over: DropGuard,
}

impl Supervisor {
    /// Watches the files of the wanted services of a stack, and only those.
    pub(super) fn update_watches(&mut self, index: usize) {
        let running_stack = &mut self.stacks[index];
        let services = running_stack.model.services().iter();
        let wanted = services.filter(|service| service.is_wanted());
        let wanted = wanted.map(ServiceState::spec);
        let wanted: Vec<_> = wanted
            .filter(|spec| spec.watch.is_some())
            .cloned()
            .collect();
        running_stack.watches.retain(|name, active| {
            let mut same = wanted.iter().filter(|spec| spec.name == *name);
            same.any(|spec| {
                spec.watch.as_ref() == Some(&active.watch) && spec.directory == active.directory
            })
        });
        for spec in wanted {
            let (name, directory) = (&spec.name, &spec.directory);
            let Some(files) = &spec.watch else { continue };
            if running_stack.watches.contains_key(name) {
                continue;
            }
            let over = CancellationToken::new();
            let active = ActiveWatch {
                watch: files.clone(),
                directory: directory.clone(),
                _over: over.clone().drop_guard(),
            };
            running_stack.watches.insert(name.clone(), active);
            let inbox = self.tools.reports.clone();
            let (stack, name) = (running_stack.id.clone(), name.clone());
            let report = async move |watched| {
                let (stack, event) = (stack.clone(), Event::Watched(name.clone(), watched));
                call(&inbox, move |supervisor| {
                    supervisor.step_stack(&stack, event);
                })
                .await;
            };
            let watching = watch(files.clone(), directory.clone(), report);
            self.tasks.spawn(over.run_until_cancelled_owned(watching));
        }
    }
}
