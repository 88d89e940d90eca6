//! Validates the keys of tasks, and hooks.

use crate::{
    stack::{Cron, Hook, HookEvent, Hooks, Schedule, ServiceName, Task},
    stack_file::{
        findings::{Read, all},
        forms::{CommandForm, HookForm, TextOr},
        near::shown,
        problem::ProblemKind,
        reader::At,
        tables::ServiceTable,
    },
};

use super::{Meaning, text::Scope};

impl Meaning<'_, '_> {
    pub(super) fn is_task(&self, name: &ServiceName) -> bool {
        let declared = self.services.get(name.as_str());
        declared.is_some_and(|declared| declared.task)
    }

    /// Validates the keys that only a task may have.
    pub(super) fn task(&mut self, name: &ServiceName, table: &ServiceTable) -> Read<Option<Task>> {
        let (inputs, every, cron) = (&table.inputs, &table.every, &table.cron);
        if !self.is_task(name) {
            let spans = [
                ("inputs", inputs.as_ref().map(|at| &at.span)),
                ("every", every.as_ref().map(|at| &at.span)),
                ("cron", cron.as_ref().map(|at| &at.span)),
            ];
            for (key, span) in spans {
                if let Some(span) = span {
                    let reason = "only a task has it: [task.NAME]";
                    let no_effect = ProblemKind::NoEffect { key, reason };
                    self.problems.add(span.clone(), no_effect);
                }
            }
            return Ok(None);
        }
        let inputs = inputs.as_ref().map_or(&[][..], |inputs| &inputs.value);
        let inputs = self.patterns(inputs);
        let schedule = match (every, cron) {
            (None, None) => None,
            (Some(every), None) => {
                let every = self.positive(Some(every), every.value.0)?;
                Some(Schedule::Every(every))
            }
            (None, Some(cron)) => Some(self.cron(cron)?),
            (Some(_), Some(cron)) => {
                let conflict = ProblemKind::Conflict {
                    first: "cron",
                    second: "every",
                };
                return Err(self.problems.add(cron.span.clone(), conflict));
            }
        };
        Ok(Some(Task {
            inputs: inputs?,
            schedule,
        }))
    }

    fn cron(&mut self, at: &At<String>) -> Read<Schedule> {
        let cron = Cron::parse(&at.value).map_err(|reason| {
            let value = shown(&at.value);
            let bad_cron = ProblemKind::BadCron { value, reason };
            self.problems.add(at.span.clone(), bad_cron)
        })?;
        Ok(Schedule::Cron(Box::new(cron)))
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

    /// Returns the address to open for `open {links.NAME}` and `open http://…`, or the command.
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
        let links = table.links.iter().flat_map(|links| &links.0);
        if let Some((_, link)) = links.clone().find(|(known, _)| known.value == label) {
            return self.link(link, scope).map(Hook::Open);
        }
        let labels = links.map(|(label, _)| label.value.as_str());
        let unknown = ProblemKind::UnknownPlaceholder {
            name: shown(&address[1..address.len() - 1]),
            suggestion: super::nearest(label, labels).map(|near| format!("links.{near}")),
        };
        Err(self.problems.add(command.span.clone(), unknown))
    }
}
