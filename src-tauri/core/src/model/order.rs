//! The dependency graph of services.

use std::collections::HashMap;

use crate::stack::{Need, Service, ServiceName};

/// The dependencies of a list of services, by index.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    places: HashMap<ServiceName, usize>,
    needs: Vec<Vec<(usize, Need)>>,
    dependents: Vec<Vec<usize>>,
}

impl Order {
    /// Builds the graph. Dependencies that are not in the list (removed from the stack file) are
    /// ignored.
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

    /// Returns the index of the service with this name.
    pub(super) fn place(&self, name: &ServiceName) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Returns the direct dependencies of a service.
    pub(super) fn needs(&self, place: usize) -> &[(usize, Need)] {
        &self.needs[place]
    }

    /// Returns the direct dependents of a service.
    pub(super) fn dependents(&self, place: usize) -> &[usize] {
        &self.dependents[place]
    }

    /// Returns these services with all their dependencies.
    pub(super) fn with_needs(&self, start: impl IntoIterator<Item = usize>) -> Vec<usize> {
        self.reachable(start, |place| {
            self.needs[place].iter().map(|(need, _)| *need).collect()
        })
    }

    /// Returns these services with all their dependents.
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
