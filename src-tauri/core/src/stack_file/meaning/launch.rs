//! Validates how a service is started and stopped.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{
    stack::{Command, EnvFile, Require, Signal, Stop, StopMethod, Template},
    stack_file::{
        findings::{Read, all},
        forms::{CommandForm, TextOr},
        problem::ProblemKind,
        reader::{At, Named, choose},
        tables::{RequireTable, ServiceTable, StopTable},
        units::Time,
    },
};

use super::{Meaning, container::items, entries, text::Scope};

const STOP_TIMEOUT: Duration = Duration::from_secs(5);

impl Meaning<'_, '_> {
    pub(super) fn what_runs(
        &mut self,
        name: &At<String>,
        table: &ServiceTable,
        scope: Scope<'_>,
    ) -> Read<Command> {
        match &table.command {
            None => self.wrong(name, ProblemKind::MissingKey { key: "command" }),
            Some(command) if table.shell == Some(true) => self.shell_line(command, scope),
            Some(command) => self.command(command, scope),
        }
    }

    fn shell_line(&mut self, command: &At<CommandForm>, scope: Scope<'_>) -> Read<Command> {
        let problem = match &command.value {
            TextOr::Text(line) if !line.value.trim().is_empty() => {
                return self.template(line, scope).map(Command::Shell);
            }
            TextOr::Text(_) => ProblemKind::Empty("a command"),
            TextOr::Full(_) => ProblemKind::WrongType {
                expected: "a string, as `shell = true` is set",
                found: "a list",
            },
        };
        self.wrong(command, problem)
    }

    pub(super) fn variables(
        &mut self,
        env: Option<&Named<At<String>>>,
        scope: Scope<'_>,
    ) -> Read<BTreeMap<String, Template>> {
        all(entries(env).map(|(name, text)| {
            let name = self.variable_name(name);
            let text = self.template(text, scope);
            Ok((name?, text?))
        }))
    }

    /// Validates the name of an environment variable.
    pub(super) fn variable_name(&mut self, name: &At<String>) -> Read<String> {
        if !name.value.is_empty() && !name.value.contains(['=', '\0']) {
            return Ok(name.value.clone());
        }
        let rule = "such a name is not empty and has no `=`";
        self.bad_name(name, "the name of an environment variable", rule)
    }

    pub(super) fn env_files(
        &mut self,
        files: Option<&TextOr<Vec<At<String>>>>,
    ) -> Read<Vec<EnvFile>> {
        all(items(files).iter().map(|file| {
            let optional = file.value.strip_suffix('?');
            let text = At::new(
                optional.unwrap_or(&file.value).to_owned(),
                file.span.clone(),
            );
            Ok(EnvFile {
                path: self.path(&text, "a file")?,
                optional: optional.is_some(),
            })
        }))
    }

    pub(super) fn require(
        &mut self,
        table: Option<&RequireTable>,
        scope: Scope<'_>,
    ) -> Read<Require> {
        let Some(table) = table else {
            return Ok(Require::default());
        };
        let files = table.files.iter().flatten();
        let files = all(files.map(|file| self.path(file, "a file")));
        let env = table.env.iter().flatten();
        let env = all(env.map(|name| self.variable_name(name)));
        let commands = table.commands.iter().flatten();
        let commands = all(commands.map(|command| self.command(command, scope)));
        Ok(Require {
            files: files?,
            env: env?,
            commands: commands?,
        })
    }

    pub(super) fn stop(
        &mut self,
        stop: Option<&TextOr<StopTable>>,
        scope: Scope<'_>,
    ) -> Read<Stop> {
        let (graceful, timeout) = match stop {
            None => (StopMethod::Signal(Signal::default()), None),
            Some(TextOr::Text(word)) => match choose(&word.value) {
                Ok(signal) => (StopMethod::Signal(signal), None),
                Err(unknown) => return self.wrong(word, unknown),
            },
            Some(TextOr::Full(table)) => (self.stop_method(table, scope)?, table.timeout),
        };
        Ok(Stop {
            graceful,
            timeout: timeout.map_or(STOP_TIMEOUT, |Time(timeout)| timeout),
        })
    }

    fn stop_method(&mut self, table: &StopTable, scope: Scope<'_>) -> Read<StopMethod> {
        self.exclusive(table, "command", "signal")?;
        match &table.command {
            Some(command) => self.command(command, scope).map(StopMethod::Command),
            None => Ok(StopMethod::Signal(table.signal.unwrap_or_default())),
        }
    }

    /// Makes a path absolute, relative to the folder of its file.
    pub(super) fn path(&mut self, text: &At<String>, what: &'static str) -> Read<PathBuf> {
        let path = self.plain_not_empty(text, what)?;
        Ok(self.folder_of(text).join(path))
    }
}
