//! The variables that a command prints, such as those of a secret manager.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::OnceCell;

use super::{env_file, require::outcome};
use crate::{
    effects::process::{KEPT, run_for_output},
    env::Env,
    fs::redact,
    model::facts::LaunchFault,
    stack::{Ports, Service},
};

/// The time limit of the command. A secret manager may prompt the user first.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The output of a service's `env_command`, once it has run. Kept in memory only, and masked in every
/// text that is redacted. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct CommandOutput(Arc<OnceCell<Output>>);

/// The output of a command. `Debug` redacts it.
struct Output(Vec<u8>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(redact::REDACTED)
    }
}

impl CommandOutput {
    /// Adds the variables. Runs the command first if it has not run yet.
    pub(super) async fn apply(
        &self,
        service: &Service,
        ports: &impl Ports,
        variables: &mut Env,
    ) -> Result<(), LaunchFault> {
        let Some(command) = &service.env_command else {
            return Ok(());
        };
        let command = command.render(&service.name, ports);
        let missing = |detail: String| LaunchFault::RequirementMissing {
            what: format!("the output of `{command}`"),
            detail: Some(detail),
        };
        let running = self.0.get_or_try_init(|| async {
            let ran = run_for_output(&command, &service.directory, variables, TIME_LIMIT);
            let (printed, text) = match ran.await {
                Ok((printed, text)) => (Ok(printed), text),
                Err(fault) => (Err(fault), Vec::new()),
            };
            if let Some(detail) = outcome(printed, TIME_LIMIT)? {
                return Err(missing(detail));
            }
            if text.len() > KEPT {
                return Err(missing(format!("it printed more than {} KiB", KEPT / 1024)));
            }
            Ok(Output(text))
        });
        let Output(text) = running.await?;
        let before = variables.clone();
        let parsed = env_file::apply(text, Path::new("env_command"), variables);
        parsed.map_err(|fault| match fault {
            LaunchFault::EnvFileInvalid { line, message, .. } => missing(match line {
                Some(line) => format!("line {line} {message}"),
                None => message,
            }),
            fault => fault,
        })?;
        let added = variables
            .iter()
            .filter(|(name, value)| before.get(&name.to_string_lossy()) != Some(*value));
        redact::add_secrets(added.map(|(_, value)| value.to_string_lossy().into_owned()));
        Ok(())
    }
}
