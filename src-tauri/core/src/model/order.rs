//! The dependency graph of services.

use std::collections::HashMap;

use crate::stack::{Need, Service, ServiceName};

/// The dependencies of a list of services, by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    places: HashMap<ServiceName, usize>,
    needs: Vec<Vec<(usize, Need)>>,
    dependents: Vec<Vec<usize>>,
    jobs: Vec<bool>,
}

impl Order {
    /// Builds the graph. Dependencies that are not in the list (removed from the stack file) are
    /// ignored.
    pub(crate) fn of<'a>(services: impl Iterator<Item = &'a Service> + Clone) -> Self {
        let names = services.clone().map(|service| service.name.clone());
        let places: HashMap<ServiceName, usize> = names.zip(0..).collect();
        let mut order = Self {
            needs: vec![Vec::new(); places.len()],
            dependents: vec![Vec::new(); places.len()],
            jobs: vec![false; places.len()],
            places,
        };
        for (place, service) in services.enumerate() {
            order.jobs[place] |= service.task.is_some();
            for (name, &how) in &service.needs {
                if let Some(need) = order.place(name) {
                    order.needs[place].push((need, how));
                    order.dependents[need].push(place);
                    order.jobs[need] |= how == Need::Completed;
                }
            }
        }
        order
    }

    /// Returns the index of the service with this name.
    pub(crate) fn place(&self, name: &ServiceName) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Returns the direct dependencies of a service.
    pub(crate) fn needs(&self, place: usize) -> &[(usize, Need)] {
        &self.needs[place]
    }

    /// Returns the direct dependents of a service.
    pub(crate) fn dependents(&self, place: usize) -> &[usize] {
        &self.dependents[place]
    }

    /// Returns whether a service is a task, or a dependent needs it completed.
    pub(crate) fn is_job(&self, place: usize) -> bool {
        self.jobs[place]
    }

    /// Returns these services with all their dependencies, the nearest first.
    pub(crate) fn with_needs(&self, start: impl IntoIterator<Item = usize>) -> Vec<usize> {
        self.reachable(start, |place| {
            self.needs[place].iter().map(|(need, _)| *need).collect()
        })
    }

    /// Returns these services with all their dependents, the nearest first.
    pub(crate) fn with_dependents(&self, start: impl IntoIterator<Item = usize>) -> Vec<usize> {
        self.reachable(start, |place| self.dependents[place].clone())
    }

    fn reachable(
        &self,
        start: impl IntoIterator<Item = usize>,
        next: impl Fn(usize) -> Vec<usize>,
    ) -> Vec<usize> {
        let mut seen = vec![false; self.needs.len()];
        let mut found = Vec::new();
        // The last services of a stack file tend to be ready last, and a goal searches from the
        // front for a pending service.
        let mut level: Vec<usize> = start.into_iter().collect();
        level.reverse();
        while !level.is_empty() {
            level.retain(|&place| !std::mem::replace(&mut seen[place], true));
            found.extend(&level);
            level = level.iter().flat_map(|&place| next(place)).collect();
        }
        found
    }
}
