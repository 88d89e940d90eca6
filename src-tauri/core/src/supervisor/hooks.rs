//! Runs the hooks of services.

use std::{fs::File, io, time::Duration};

use super::{Supervisor, task::RunTask};
use crate::{
    effects::process::{opener, run_helper_with},
    fs::{project_file::TIME_LIMIT, redact::redact},
    model::service::ServiceState,
    stack::{Command, Hook, HookEvent},
};

/// The time limit of a hook.
const LIMIT: Duration = Duration::from_secs(30);

impl Supervisor {
    /// Runs the hook of a service for an event. Its failure is only logged.
    pub(super) fn run_hook(&self, index: usize, run_task: RunTask, event: HookEvent) {
        let Some(hook) = run_task.service.hooks.get(&event) else {
            return;
        };
        let name = run_task.service.name.clone();
        let command = match hook {
            Hook::Open(address) => {
                let address = address.render(&name, &*run_task.ports);
                let words = opener().iter().map(|word| (*word).to_owned());
                Command::Argv(words.chain([address]).collect())
            }
            Hook::Run(command) => command.render(&name, &*run_task.ports),
        };
        let service = self.stacks[index].model.service(&name);
        let finding = service.and_then(ServiceState::reason);
        let file = run_task.logs().folder().join("finding.json");
        let input = move || -> io::Result<File> {
            serde_json::to_writer(File::create(&file)?, &finding)?;
            File::open(&file)
        };
        self.tasks.spawn(async move {
            let context = run_task.context(true, TIME_LIMIT).await;
            let input = tokio::task::spawn_blocking(input).await;
            let input = input.ok().and_then(Result::ok);
            let (directory, environment) = (&context.directory, &context.environment);
            let ran = run_helper_with(&command, directory, environment, input, LIMIT);
            match ran.await {
                Ok(output) if output.exit.is_success() => {}
                Ok(output) => {
                    let said = redact(output.last_line().unwrap_or_default());
                    tracing::warn!(service = %name, ?event, exit = %output.exit, %said, "a hook failed");
                }
                Err(fault) => tracing::warn!(service = %name, ?event, ?fault, "a hook did not run"),
            }
        });
    }
}
