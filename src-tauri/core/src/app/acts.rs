//! What tray and window may ask for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{AppState, Says, environment, files};
use crate::{
    app::{settings::Settings, window::FileChange},
    control::{self, Control as _, Down, Outcome, Restart, Up},
    effects::{gather::Patience, log::ServiceLogs},
    model::{finding::Finding, view::Light},
    stack::{ServiceName, Stack},
    stack_file,
    state::consent::{Consents, withhold},
    supervisor::offline,
};

impl AppState {
    /// Starts services, all if there are none; answers when they are ready or one has failed.
    pub async fn start(&self, file: &Path, services: Vec<ServiceName>) -> Outcome {
        if let Err(why) = self.expect_known(file, &services) {
            return Outcome::Refused(why);
        }
        let variables = self.0.settled_variables(file).await;
        // The daemon would say only that it is wrong.
        if let Err(wrong) = files::stack(file, variables.clone()).await {
            return Outcome::Refused(wrong);
        }
        let up = Up {
            file: file.to_owned(),
            services,
            environment: environment(&variables),
        };
        self.0.daemon.up(up).await
    }

    /// Stops services, all if there are none; answers when they are verified gone.
    pub async fn stop(&self, file: &Path, services: Vec<ServiceName>) -> Outcome {
        if let Err(why) = self.expect_known(file, &services) {
            return Outcome::Refused(why);
        }
        let down = Down {
            file: Some(file.to_owned()),
            services,
            kill: false,
        };
        self.0.daemon.down(down).await
    }

    /// Stops services and starts them; what is not up is started.
    pub async fn restart(&self, file: &Path, services: Vec<ServiceName>) -> Outcome {
        if let Err(why) = self.expect_known(file, &services) {
            return Outcome::Refused(why);
        }
        let kept = self.0.daemon.snapshot();
        let is_kept = kept.borrow().stacks.iter().any(|stack| stack.file == file);
        if !is_kept {
            return self.start(file, services).await;
        }
        let restart = Restart {
            file: file.to_owned(),
            services,
        };
        self.0.daemon.restart(restart).await
    }

    /// Returns the findings for a stack, root causes first, or the reason why there are none. Actions
    /// of a stack file that was never started are [withheld](Self::withheld).
    pub async fn doctor(&self, file: &Path) -> Result<Vec<Finding>, String> {
        self.expect_known(file, &[])?;
        let doctor = control::Doctor {
            file: file.to_owned(),
            within_ms: None,
        };
        let findings = if let Some(findings) = self.0.daemon.doctor(doctor).await {
            findings
        } else {
            let variables = self.0.settled_variables(file).await;
            let (text, mut stack) = files::stack(file, variables.clone()).await?;
            if !Consents::of(&self.0.home).has(&self.0.home.stack_id(file), &text) {
                withhold(&mut stack);
            }
            offline::findings(
                &self.0.home,
                Arc::new(stack),
                variables,
                self.running(),
                Patience::Own,
            )
            .await
        };
        let mut state = self.0.state();
        state.doctored.insert(file.to_owned(), findings.clone());
        Ok(findings)
    }

    /// Returns a sentence about the actions that a diagnosis withholds, because the stack file was
    /// never started in this version.
    #[must_use]
    pub fn withheld(&self, file: &Path) -> Option<String> {
        let (text, mut stack) = {
            let state = self.0.state();
            let known = state.files.get(file)?;
            let Says::Valid(stack) = &known.says else {
                return None;
            };
            (known.text.clone().ok()?, Stack::clone(stack))
        };
        if Consents::of(&self.0.home).has(&self.0.home.stack_id(file), &text) {
            return None;
        }
        let withheld = withhold(&mut stack);
        let sentence = format!(
            "{} was not started yet as it is now, so this was not done: {}. Start it once, or run \
             `pilotlight doctor --yes` there.",
            file.display(),
            withheld.join("; ")
        );
        (!withheld.is_empty()).then_some(sentence)
    }

    /// Takes over what the file of a running stack says now. What was up stays or comes up; what is
    /// new is started with it if all was up.
    pub async fn apply_change(&self, file: &Path) -> Outcome {
        let view = self.0.view.borrow().clone();
        let Some(stack) = view.stacks.iter().find(|stack| stack.file == file) else {
            return Outcome::Refused("that stack is not known".into());
        };
        let says = self.0.state().files.get(file).map(|file| file.says.clone());
        let new = match says {
            Some(Says::Valid(new)) => new,
            Some(Says::Wrong(_)) | None => {
                return Outcome::Refused("the stack file is not valid".into());
            }
        };
        let up = stack
            .services
            .iter()
            .filter(|service| service.light != Light::Off);
        let up: Vec<ServiceName> = up.map(|service| service.name.clone()).collect();
        if up.len() == stack.services.len() {
            return self.start(file, Vec::new()).await;
        }
        let remaining: Vec<_> = up
            .into_iter()
            .filter(|name| new.service(name).is_some())
            .collect();
        if remaining.is_empty() {
            return self.stop(file, Vec::new()).await;
        }
        self.start(file, remaining).await
    }

    /// Knows a stack from now on: a stack file, or a folder in or above which one is.
    pub fn add(&self, path: &Path) -> Result<PathBuf, String> {
        let file = stack_file::find(path).map_err(|not_found| not_found.to_string())?;
        let is_known = {
            let state = self.0.state();
            state.choices.stacks.iter().any(|known| known.file == file)
        };
        if !is_known {
            self.0
                .learn(&file)
                .map_err(|error| format!("failed to write the settings: {error}"))?;
            self.0.publish();
        }
        Ok(file)
    }

    /// Forgets a stack. Nothing of it may run, and nothing is deleted.
    #[must_use]
    pub fn remove(&self, file: &Path) -> Outcome {
        if let Err(why) = self.expect_known(file, &[]) {
            return Outcome::Refused(why);
        }
        let runs = {
            let snapshot = self.0.daemon.snapshot();
            let snapshot = snapshot.borrow();
            let mut stacks = snapshot.stacks.iter();
            stacks.any(|stack| stack.file == file && !stack.is_dark())
        };
        if runs {
            return Outcome::Refused("it still runs: stop it first".into());
        }
        let written = {
            let mut state = self.0.state();
            state.choices.stacks.retain(|known| known.file != file);
            state.files.remove(file);
            self.0.store.write(&state.choices)
        };
        self.0.publish();
        outcome(written)
    }

    /// Chooses something else.
    #[must_use]
    pub fn set_settings(&self, settings: Settings) -> Outcome {
        let written = {
            let mut state = self.0.state();
            state.choices.settings = settings.clone();
            self.0.store.write(&state.choices)
        };
        self.0.settings.send_if_modified(|old| {
            let differs = *old != settings;
            *old = settings;
            differs
        });
        outcome(written)
    }

    /// Chooses whether a stack is started when the app starts with the desktop.
    #[must_use]
    pub fn set_start_at_login(&self, file: &Path, on: bool) -> Outcome {
        let written = {
            let mut state = self.0.state();
            let mut stacks = state.choices.stacks.iter_mut();
            let Some(known) = stacks.find(|known| known.file == file) else {
                return Outcome::Refused("that stack is not known".into());
            };
            known.start_at_login = on;
            self.0.store.write(&state.choices)
        };
        self.0.publish();
        outcome(written)
    }

    /// The address of a link of a service, of its port where no label is given. Only what is
    /// declared, and only pages.
    #[must_use]
    pub fn link(&self, file: &Path, service: &ServiceName, label: Option<&str>) -> Option<String> {
        let view = self.0.view.borrow().clone();
        let stack = view.stacks.iter().find(|stack| stack.file == file)?;
        let service = stack.services.iter().find(|known| known.name == *service)?;
        let address = match label {
            Some(label) => service.links.get(label)?.clone(),
            None => format!("http://localhost:{}", service.port?),
        };
        let parsed = url::Url::parse(&address).ok()?;
        matches!(parsed.scheme(), "http" | "https").then_some(address)
    }

    /// The log of the latest run of a service, if it has left one.
    #[must_use]
    pub fn log_file(&self, file: &Path, service: &ServiceName) -> Option<PathBuf> {
        self.expect_known(file, std::slice::from_ref(service))
            .ok()?;
        let id = self.0.home.stack_id(file);
        let logs = ServiceLogs::of(self.0.home.logs(), &id, service);
        let run = logs.latest_run().ok().flatten()?;
        Some(logs.run(run).log().to_owned())
    }

    /// Whether this is the file of a known stack.
    #[must_use]
    pub fn knows(&self, file: &Path) -> bool {
        self.0.state().files.contains_key(file)
    }

    /// What has become of the file of a stack.
    #[must_use]
    pub fn change(&self, file: &Path) -> Option<FileChange> {
        let stacks = self.0.stacks.borrow().clone();
        let known = stacks.iter().find(|known| known.file == file)?;
        known.change.clone()
    }
}

pub(super) fn lines(report: &stack_file::Report) -> String {
    report.lines().collect::<Vec<_>>().join("\n")
}

fn outcome(written: std::io::Result<()>) -> Outcome {
    match written {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed {
            message: format!("failed to write the settings: {error}"),
            findings: Vec::new(),
        },
    }
}
