//! The actions of tray and window.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{AppState, CallError, FileContent, files, replace};
use crate::{
    app::{settings::Settings, window::FileChange},
    control::{self, Control as _, Down, Outcome, Restart, Up},
    effects::{gather::Patience, log::ServiceLogs},
    env::Env,
    model::{finding::Finding, view::Light},
    stack::{ServiceName, Stack},
    stack_file,
    state::{
        consent::{Consents, withhold},
        profile,
    },
    supervisor::offline,
};

impl AppState {
    /// Starts services, or all of a stack. Returns when they are ready or one has failed.
    pub async fn start(&self, file: &Path, services: Vec<ServiceName>) -> Outcome {
        if let Err(why) = self.expect_known(file, &services) {
            return why.into();
        }
        let variables = self.0.settled_variables(file).await;
        // The daemon's error message would have less detail.
        if let Err(wrong) = files::stack(&self.0.home, file, variables.clone()).await {
            return wrong.into();
        }
        let up = Up {
            file: file.to_owned(),
            services,
            environment: variables,
        };
        self.0.daemon.up(up).await
    }

    /// Stops services, or all of a stack. Returns when they have verifiably exited.
    pub async fn stop(&self, file: &Path, services: Vec<ServiceName>) -> Outcome {
        if let Err(why) = self.expect_known(file, &services) {
            return why.into();
        }
        let down = Down {
            file: Some(file.to_owned()),
            services,
            kill: false,
        };
        self.0.daemon.down(down).await
    }

    /// Restarts services. Services that do not run are started.
    pub async fn restart(&self, file: &Path, services: Vec<ServiceName>) -> Outcome {
        if let Err(why) = self.expect_known(file, &services) {
            return why.into();
        }
        if self.0.daemon.snapshot().borrow().stack(file).is_none() {
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
    pub async fn doctor(&self, file: &Path) -> Result<Vec<Finding>, CallError> {
        self.expect_known(file, &[])?;
        let doctor = control::Doctor {
            file: file.to_owned(),
            within_ms: None,
        };
        let findings = if let Some(findings) = self.0.daemon.doctor(doctor).await {
            findings
        } else {
            let (stack, variables) = self.permitted(file).await?;
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

    /// Returns the stack of a file without the actions that need consent, and its variables.
    pub(super) async fn permitted(&self, file: &Path) -> Result<(Stack, Env), CallError> {
        let variables = self.0.settled_variables(file).await;
        let (text, mut stack) = files::stack(&self.0.home, file, variables.clone()).await?;
        if !Consents::of(&self.0.home).has(&self.0.home.stack_id(file), &text) {
            withhold(&mut stack);
        }
        Ok((stack, variables))
    }

    /// Returns a sentence about the actions that a diagnosis withholds, because the stack file was
    /// never started in this version.
    #[must_use]
    pub fn withheld(&self, file: &Path) -> Option<String> {
        let (text, mut stack) = {
            let state = self.0.state();
            let known = state.files.get(file)?;
            let FileContent::Valid(stack) = &known.content else {
                return None;
            };
            (known.text.clone().ok()?, Stack::clone(stack))
        };
        if Consents::of(&self.0.home).has(&self.0.home.stack_id(file), &text) {
            return None;
        }
        let withheld = withhold(&mut stack);
        let sentence = format!(
            "{} was not started yet in this version, so this was skipped: {}. Start it once, or run \
             `pilotlight doctor --yes` there.",
            file.display(),
            withheld.join("; ")
        );
        (!withheld.is_empty()).then_some(sentence)
    }

    /// Applies the changed file of a running stack. Running services stay up or restart. New
    /// services start too if all were running.
    pub async fn apply_change(&self, file: &Path) -> Outcome {
        let view = self.0.view.borrow().clone();
        let Some(stack) = view.stack(file) else {
            return CallError::UnknownStack.into();
        };
        let Some(new) = self.valid(file) else {
            return Outcome::Refused("the stack file is not valid".into());
        };
        let services = || stack.services.iter();
        let up = services().filter(|service| service.light != Light::Off);
        let mut up: Vec<ServiceName> = up.map(|service| service.name.clone()).collect();
        let idle = services().filter(|service| service.is_idle_task());
        if up.len() + idle.count() == stack.services.len() {
            return self.start(file, Vec::new()).await;
        }
        up.retain(|name| new.service(name).is_some());
        if up.is_empty() {
            return self.stop(file, Vec::new()).await;
        }
        self.start(file, up).await
    }

    /// Chooses a profile of a stack, for this and later starts. A stack that runs changes to it.
    pub async fn choose_profile(&self, file: &Path, profile: &str) -> Outcome {
        if let Err(why) = self.expect_known(file, &[]) {
            return why.into();
        }
        let id = self.0.home.stack_id(file);
        if let Err(error) = profile::choose(&self.0.home, &id, &[profile.to_owned()]) {
            return outcome(Err(error));
        }
        self.0.reload_file(file).await;
        if self.0.daemon.snapshot().borrow().has_alive(file) {
            return self.start(file, Vec::new()).await;
        }
        Outcome::Done
    }

    /// Adds a stack: its file, or a folder in or below its folder.
    pub fn add(&self, path: &Path) -> Result<PathBuf, CallError> {
        let file = stack_file::find(path)?;
        let is_known = {
            let state = self.0.state();
            state.choices.stacks.iter().any(|known| known.file == file)
        };
        if !is_known {
            self.0
                .learn(&file)
                .map_err(CallError::io("the settings cannot be written"))?;
            self.0.publish();
        }
        Ok(file)
    }

    /// Removes a stack, which must not be running. No file is deleted.
    #[must_use]
    pub fn remove(&self, file: &Path) -> Outcome {
        if let Err(why) = self.expect_known(file, &[]) {
            return why.into();
        }
        if self.0.daemon.snapshot().borrow().has_alive(file) {
            return Outcome::Refused("the stack is running; stop it first".into());
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

    /// Changes the settings.
    #[must_use]
    pub fn set_settings(&self, settings: Settings) -> Outcome {
        let written = {
            let mut state = self.0.state();
            state.choices.settings = settings.clone();
            self.0.store.write(&state.choices)
        };
        replace(&self.0.settings, settings);
        outcome(written)
    }

    /// Sets whether a stack starts when the app starts with the desktop.
    #[must_use]
    pub fn set_start_at_login(&self, file: &Path, on: bool) -> Outcome {
        let written = {
            let mut state = self.0.state();
            let mut stacks = state.choices.stacks.iter_mut();
            let Some(known) = stacks.find(|known| known.file == file) else {
                return CallError::UnknownStack.into();
            };
            known.start_at_login = on;
            self.0.store.write(&state.choices)
        };
        self.0.publish();
        outcome(written)
    }

    /// Returns the address of a link of a service, or of its port without a label. Only declared
    /// web pages are returned.
    #[must_use]
    pub fn link(&self, file: &Path, service: &ServiceName, label: Option<&str>) -> Option<String> {
        let view = self.0.view.borrow().clone();
        let stack = view.stack(file)?;
        let service = stack.services.iter().find(|known| known.name == *service)?;
        let address = match label {
            Some(label) => service.links.get(label)?.clone(),
            None => format!("http://localhost:{}", service.port?),
        };
        let parsed = url::Url::parse(&address).ok()?;
        matches!(parsed.scheme(), "http" | "https").then_some(address)
    }

    /// Returns the log of the latest run of a service, if it exists.
    #[must_use]
    pub fn log_file(&self, file: &Path, service: &ServiceName) -> Option<PathBuf> {
        self.expect_known(file, std::slice::from_ref(service))
            .ok()?;
        let id = self.0.home.stack_id(file);
        let logs = ServiceLogs::of(self.0.home.logs(), &id, service);
        let run = logs.latest_run().ok().flatten()?;
        Some(logs.run(run).log().to_owned())
    }

    /// Returns whether this is the file of a known stack.
    #[must_use]
    pub fn knows(&self, file: &Path) -> bool {
        self.0.state().files.contains_key(file)
    }

    /// Returns how the file of a stack differs from the applied one.
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
            message: format!("the settings cannot be written: {error}"),
            findings: Vec::new(),
        },
    }
}
