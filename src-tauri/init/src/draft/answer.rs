//! Applies answers to the questions of a draft.

use std::collections::BTreeMap;

use super::{Change, Draft, DraftService};

impl Draft {
    /// Returns the draft with these answers: the number of the choice by the question's `id`. A question without an
    /// answer keeps its default; unknown answers are ignored. Call it on the original draft, so that an answer can
    /// be changed.
    #[must_use]
    pub fn answered(&self, answers: &BTreeMap<String, usize>) -> Self {
        let mut draft = self.clone();
        for question in &self.questions {
            let choice = answers.get(&question.id).unwrap_or(&question.default);
            let Some(choice) = question.choices.get(*choice) else {
                continue;
            };
            for change in &choice.changes {
                draft.change(change.clone());
            }
        }
        draft.questions.clear();
        draft
    }

    /// Returns the service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&DraftService> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Returns the service of this name.
    pub fn service_mut(&mut self, name: &str) -> Option<&mut DraftService> {
        let mut services = self.services.iter_mut();
        services.find(|service| service.name == name)
    }

    fn change(&mut self, mut change: Change) {
        let Some(place) = self.service_mut(&change.service_mut().clone()) else {
            return;
        };
        match change {
            Change::Put(service) => {
                let old = std::mem::replace(place, *service);
                // What connects it with other services was found later.
                (place.needs, place.env_points_at) = (old.needs, old.env_points_at);
            }
            Change::Start { command, port, .. } => {
                place.command = command.map(|it| *it).or(place.command.take());
                place.port = port.or(place.port.take());
            }
        }
    }

    /// Removes a service and all references to it: dependencies, variables, checks from its page.
    pub fn remove(&mut self, name: &str) {
        self.services.retain(|service| service.name != name);
        let port = format!("{{{name}.port}}");
        let refers = |text: &str| text.contains(&port);
        for service in &mut self.services {
            service.needs.retain(|need| need.value.service != name);
            service.env_points_at.retain(|(_, at)| at.value != name);
            service.env.retain(|(_, said)| !refers(&said.value));
            service.links.retain(|(_, said)| !refers(&said.value));
            service.checks.retain(|said| !refers(&said.value.origin));
        }
    }
}
