//! Who needs whom.

use std::collections::HashMap;

use crate::stack::{Need, Service, ServiceName};

/// The needs among a list of services, by their place in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    places: HashMap<ServiceName, usize>,
    needs: Vec<Vec<(usize, Need)>>,
    dependents: Vec<Vec<usize>>,
}

impl Order {
    /// A need that is not in the list (the stack file's new version no longer has it) is left out.
    pub(super) fn of<'a>(services: impl Iterator<Item = &'a Service> + Clone) -> Self {
        let places: HashMap<ServiceName, usize> = services
            .clone()
            .enumerate()
            .map(|(place, service)| (service.name.clone(), place))
            .collect();
        let needs: Vec<Vec<(usize, Need)>> = services
            .map(|service| {
                let needs = service.needs.iter();
                needs
                    .filter_map(|(name, need)| Some((*places.get(name)?, *need)))
                    .collect()
            })
            .collect();
        let mut dependents = vec![Vec::new(); needs.len()];
        for (dependent, its_needs) in needs.iter().enumerate() {
            for &(need, _) in its_needs {
                dependents[need].push(dependent);
            }
        }
        Self {
            places,
            needs,
            dependents,
        }
    }

    /// The place of the service of this name.
    pub(super) fn place(&self, name: &ServiceName) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// What this one needs directly.
    pub(super) fn needs(&self, place: usize) -> &[(usize, Need)] {
        &self.needs[place]
    }

    /// Who needs this one directly.
    pub(super) fn dependents(&self, place: usize) -> &[usize] {
        &self.dependents[place]
    }

    /// These, and all that they need.
    pub(super) fn with_needs(&self, start: impl IntoIterator<Item = usize>) -> Vec<usize> {
        self.reachable(start, |place| {
            self.needs[place].iter().map(|(need, _)| *need).collect()
        })
    }

    /// These, and all that need them.
    pub(super) fn with_dependents(&self, start: impl IntoIterator<Item = usize>) -> Vec<usize> {
        self.reachable(start, |place| self.dependents[place].clone())
    }

    fn reachable(
        &self,
        start: impl IntoIterator<Item = usize>,
        next: impl Fn(usize) -> Vec<usize>,
    ) -> Vec<usize> {
        let mut seen = vec![false; self.needs.len()];
        let mut found = Vec::new();
        let mut open: Vec<usize> = start.into_iter().collect();
        while let Some(place) = open.pop() {
            if !std::mem::replace(&mut seen[place], true) {
                found.push(place);
                open.extend(next(place));
            }
        }
        found
    }
}
