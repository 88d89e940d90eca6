//! What the answers of a person make of a draft.

use std::collections::BTreeMap;

use super::{Change, Draft, DraftService};

impl Draft {
    /// The draft with these answers, by the question's `id`: the number of the choice. A question
    /// without an answer keeps its default; an answer to what was not asked does nothing. Always
    /// made from the draft as it was found, so that an answer can be taken back.
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

    /// The draft with its defaults in it, and its questions such that the others change that. Made
    /// from one in which a default has changes too: it has in it what any answer may keep.
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

    /// Stores, jobs, backends, workers, frontends; among equals as they were found.
    fn sort(&mut self) {
        self.services.sort_by_key(|service| service.kind);
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&DraftService> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The service of this name, to be changed.
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

    /// Leaves a service out, and all that refers to it: a need, a variable, a check from its page.
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

/// What makes one list of services the other.
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
