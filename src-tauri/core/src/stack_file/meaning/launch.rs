//! Validates how a service is started and stopped.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{
    stack::{Command, EnvFile, Require, Signal, Stop, StopMethod, Template},
    stack_file::{
        findings::{Read, all},
        forms::{CommandForm, TextOr},
        near::shown,
        problem::ProblemKind,
        reader::{At, Named, choose},
        tables::{RequireTable, ServiceTable, StopTable},
        units::Time,
    },
};

use super::{Meaning, container::items, service::given, text::Scope};

const STOP_TIMEOUT: Duration = Duration::from_secs(5);

impl Meaning<'_, '_> {
    pub(super) fn what_runs(
        &mut self,
        name: &At<String>,
        table: &ServiceTable,
        scope: Scope<'_>,
    ) -> Read<Command> {
        let Some(command) = &table.command else {
            let missing = ProblemKind::MissingKey { key: "command" };
            return Err(self.problems.add(name.span.clone(), missing));
        };
        if given(table.shell.as_ref()) {
            self.shell_line(command, scope)
        } else {
            self.command(command, scope)
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
        Err(self.problems.add(command.span.clone(), problem))
    }

    pub(super) fn working_directory(
        &mut self,
        name: &At<String>,
        directory: Option<&At<String>>,
    ) -> Read<PathBuf> {
        match directory {
            Some(directory) => self.path(directory, "a folder"),
            None => Ok(self.folder_of(name).to_owned()),
        }
    }

    pub(super) fn variables(
        &mut self,
        env: Option<&Named<At<String>>>,
        scope: Scope<'_>,
    ) -> Read<BTreeMap<String, Template>> {
        let env = env.iter().flat_map(|env| &env.0);
        all(env.map(|(name, text)| {
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
        let bad_name = ProblemKind::BadName {
            value: shown(&name.value),
            what: "the name of an environment variable",
            rule: "such a name is not empty and has no `=`",
        };
        Err(self.problems.add(name.span.clone(), bad_name))
    }

    pub(super) fn env_files(
        &mut self,
        files: Option<&TextOr<Vec<At<String>>>>,
    ) -> Read<Vec<EnvFile>> {
        all(items(files).iter().map(|file| self.env_file(file)))
    }

    fn env_file(&mut self, file: &At<String>) -> Read<EnvFile> {
        let (text, optional) = match file.value.strip_suffix('?') {
            Some(text) => (text, true),
            None => (file.value.as_str(), false),
        };
        let path = self.path(&At::new(text.to_owned(), file.span.clone()), "a file")?;
        Ok(EnvFile { path, optional })
    }

    pub(super) fn require(
        &mut self,
        table: Option<&At<RequireTable>>,
        scope: Scope<'_>,
    ) -> Read<Require> {
        let Some(At { value: table, .. }) = table else {
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
        stop: Option<&At<TextOr<StopTable>>>,
        scope: Scope<'_>,
    ) -> Read<Stop> {
        let (graceful, timeout) = match stop.map(|stop| &stop.value) {
            None => (StopMethod::Signal(Signal::default()), None),
            Some(TextOr::Text(word)) => {
                let signal = choose(&word.value)
                    .map_err(|unknown| self.problems.add(word.span.clone(), unknown))?;
                (StopMethod::Signal(signal), None)
            }
            Some(TextOr::Full(table)) => (self.stop_method(table, scope)?, table.timeout),
        };
        Ok(Stop {
            graceful,
            timeout: timeout.map_or(STOP_TIMEOUT, |Time(timeout)| timeout),
        })
    }

    fn stop_method(&mut self, table: &StopTable, scope: Scope<'_>) -> Read<StopMethod> {
        match (&table.signal, &table.command) {
            (Some(signal), Some(command)) => {
                let conflict = ProblemKind::Conflict {
                    first: "command",
                    second: "signal",
                };
                let others = vec![(signal.span.clone(), "the other".to_owned())];
                let place = command.span.clone();
                Err(self.problems.add_with(place, conflict, others))
            }
            (None, Some(command)) => self.command(command, scope).map(StopMethod::Command),
            (signal, None) => Ok(StopMethod::Signal(given(signal.as_ref()))),
        }
    }

    /// Makes a path absolute, relative to the folder of its file.
    pub(super) fn path(&mut self, text: &At<String>, what: &'static str) -> Read<PathBuf> {
        let path = self.plain_not_empty(text, what)?;
        Ok(self.folder_of(text).join(path))
    }
}
