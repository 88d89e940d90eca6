//! Validates the keys of tasks and hooks.

use crate::{
    stack::{Cron, Hook, HookEvent, Hooks, Schedule, ServiceName, Task},
    stack_file::{
        findings::{Read, all},
        forms::{CommandForm, HookForm, TextOr},
        near::shown,
        problem::ProblemKind,
        reader::At,
        tables::{NOT_IN_TASK, ServiceTable},
    },
};

use super::{Meaning, entries, text::Scope};

impl Meaning<'_, '_> {
    pub(super) fn is_task(&self, name: &ServiceName) -> bool {
        let declared = self.services.get(name.as_str());
        declared.is_some_and(|declared| declared.task)
    }

    /// Validates the keys that only a task may have, and those that only a service may have.
    pub(super) fn task(&mut self, name: &ServiceName, table: &ServiceTable) -> Read<Option<Task>> {
        if !self.is_task(name) {
            let reason = "only a task has it: [task.NAME]";
            self.without_effect(table, &["inputs", "every", "cron"], reason);
            return Ok(None);
        }
        let reason = "a task runs to its end and serves nothing";
        self.without_effect(table, &NOT_IN_TASK, reason);
        let inputs = self.patterns(table.inputs.as_deref().unwrap_or_default());
        self.exclusive(table, "cron", "every")?;
        let every = self.maybe(table.every.as_ref(), Self::positive)?;
        let cron = self.maybe(table.cron.as_ref(), Self::cron)?;
        Ok(Some(Task {
            inputs: inputs?,
            schedule: every.map(Schedule::Every).or(cron),
        }))
    }

    fn cron(&mut self, at: &At<String>) -> Read<Schedule> {
        match Cron::parse(&at.value) {
            Ok(cron) => Ok(Schedule::Cron(Box::new(cron))),
            Err(reason) => {
                let value = shown(&at.value);
                self.wrong(at, ProblemKind::BadCron { value, reason })
            }
        }
    }

    pub(super) fn hooks(&mut self, table: &ServiceTable, scope: Scope<'_>) -> Read<Hooks> {
        let Some(on) = &table.on else {
            return Ok(Hooks::new());
        };
        let hooks = [
            (HookEvent::Ready, &on.ready),
            (HookEvent::Failed, &on.failed),
            (HookEvent::Stopped, &on.stopped),
            (HookEvent::Recovered, &on.recovered),
        ];
        let hooks = hooks.into_iter().filter_map(|(event, form)| match form {
            Some(HookForm::Command(command)) => Some((event, command)),
            Some(HookForm::Table(hook)) => Some((event, &hook.command)),
            None => None,
        });
        all(hooks.map(|(event, command)| Ok((event, self.hook(command, table, scope)?))))
    }

    /// Returns the address to open for `open {links.NAME}` and `open http://…`, or else the
    /// command.
    fn hook(
        &mut self,
        command: &At<CommandForm>,
        table: &ServiceTable,
        scope: Scope<'_>,
    ) -> Read<Hook> {
        let words: Vec<&str> = match &command.value {
            TextOr::Text(line) => line.value.split_whitespace().collect(),
            TextOr::Full(words) => words.iter().map(|word| word.value.as_str()).collect(),
        };
        let ["open", address] = words[..] else {
            return self.command(command, scope).map(Hook::Run);
        };
        let label = address.strip_prefix("{links.");
        let Some(label) = label.and_then(|label| label.strip_suffix('}')) else {
            let address = At::new(address.to_owned(), command.span.clone());
            return self.link(&address, scope).map(Hook::Open);
        };
        let links = || entries(table.links.as_ref());
        if let Some((_, link)) = links().find(|(known, _)| known.value == label) {
            return self.link(link, scope).map(Hook::Open);
        }
        let labels = links().map(|(label, _)| label.value.as_str());
        let unknown = ProblemKind::UnknownPlaceholder {
            name: shown(&address[1..address.len() - 1]),
            suggestion: super::nearest(label, labels).map(|near| format!("links.{near}")),
        };
        self.wrong(command, unknown)
    }
}
