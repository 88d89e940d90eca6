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
        draft
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
