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
                draft.change(change);
            }
        }
        draft.questions.clear();
        draft.sort();
        draft
    }

    /// Applies the defaults, and makes the changes of the other choices relative to them. Before, the draft contains
    /// everything that any choice keeps.
    #[must_use]
    pub(crate) fn settled(mut self) -> Self {
        self.sort();
        for number in 0..self.questions.len() {
            let default = self.questions[number].default;
            let after = |choice: usize| {
                let mut draft = self.clone();
                let choice = self.questions[number].choices.get(choice);
                for change in choice.iter().flat_map(|choice| &choice.changes) {
                    draft.change(change);
                }
                draft.services
            };
            let base = after(default);
            if base == self.services {
                continue;
            }
            let choices = self.questions[number].choices.len();
            let changes: Vec<Vec<Change>> = (0..choices)
                .map(|choice| difference(&base, &after(choice)))
                .collect();
            self.services = base;
            let choices = self.questions[number].choices.iter_mut();
            for (choice, changes) in choices.zip(changes) {
                choice.changes = changes;
            }
        }
        self
    }

    /// Sorts by kind, and keeps the order within a kind.
    fn sort(&mut self) {
        self.services.sort_by_key(|service| service.kind);
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

    fn change(&mut self, change: &Change) {
        match change {
            Change::Put(service) => match self.service_mut(&service.name) {
                Some(place) => *place = (**service).clone(),
                None => self.services.push((**service).clone()),
            },
            Change::Remove(name) => self.remove(name),
            Change::Command { service, command } => {
                if let Some(service) = self.service_mut(service) {
                    service.command = Some(command.clone());
                }
            }
            Change::Port { service, port } => {
                if let Some(service) = self.service_mut(service) {
                    service.port = Some(port.clone());
                }
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
            service
                .checks
                .retain(|said| !said.value.origin.as_deref().is_some_and(refers));
        }
    }
}

/// Returns the changes from one list of services to the other.
fn difference(from: &[DraftService], to: &[DraftService]) -> Vec<Change> {
    let of = |services: &[DraftService], name: &str| {
        services
            .iter()
            .find(|service| service.name == name)
            .cloned()
    };
    let gone = from
        .iter()
        .filter(|service| of(to, &service.name).is_none());
    let gone = gone.map(|service| Change::Remove(service.name.clone()));
    let new = to
        .iter()
        .filter(|service| of(from, &service.name).as_ref() != Some(service));
    let new = new.map(|service| Change::Put(Box::new(service.clone())));
    gone.chain(new).collect()
}
