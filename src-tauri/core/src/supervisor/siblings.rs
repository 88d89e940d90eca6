//! Stacks of several checkouts of one repository: assigns the declared ports to one of them, and
//! other ports to the rest.

use std::{collections::BTreeSet, sync::Arc};

use super::{Supervisor, call};
use crate::{
    effects::port::is_free,
    fs::{checkout::Checkout, fingerprint::fingerprint},
    model::facts::StackId,
    stack::{Mode, Port, PortAssignment, Slot, Stack, label},
};

impl Supervisor {
    /// Returns a stack with the ports that it should use: those of its slot, if it has one. A stack
    /// that is not running gets a slot if a running service of a sibling uses one of its declared
    /// ports.
    pub(super) fn in_its_slot(
        &mut self,
        id: &StackId,
        stack: Arc<Stack>,
        checkout: Option<&Checkout>,
    ) -> Arc<Stack> {
        let known = self.slots.get(id);
        let beside = || self.sibling_with_ports(id, &stack, checkout);
        let is_alive = self
            .index_of(id)
            .is_some_and(|index| self.stacks[index].model.is_alive());
        let beside = match (stack.ports, &known) {
            (PortAssignment::Fixed, _) => return stack,
            (_, Some(_)) => None,
            (PortAssignment::Own, None) => beside(),
            (PortAssignment::Auto, None) if is_alive || stack.mode == Mode::Production => {
                return stack;
            }
            (PortAssignment::Auto, None) => match beside() {
                None => return stack,
                beside => beside,
            },
        };
        let services = stack.movable();
        let reserved = self.ports_of_others(id);
        let is_free =
            |port| !reserved.contains(&port) && !self.slots.has(port, id) && is_free(port);
        let slot = if let Some(known) = known {
            let mut slot = Slot::clone(&known);
            slot.extend(&services, is_free).then_some(slot)
        } else {
            let seed = fingerprint(&[stack.file.as_os_str().as_encoded_bytes()]);
            let Some(ports) = Slot::choose(&services, seed, is_free) else {
                return stack;
            };
            let folder = stack.directory().file_name().unwrap_or_default();
            let folder = folder.to_string_lossy();
            let name = checkout.map_or(&*folder, |checkout| &checkout.name);
            let mut label = label(name);
            if self.slots.has_label(&label, id)
                && let Some(first) = ports.values().min()
            {
                label = format!("{label}-{first}");
            }
            Some(Slot {
                ports,
                label,
                beside,
                ..Slot::default()
            })
        };
        if let Some(slot) = slot {
            tracing::info!(%id, ports = ?slot.ports, "the checkout has ports of its own");
            self.slots.put(id, &stack, slot);
        }
        let slot = self.slots.get(id);
        slot.map_or(stack.clone(), |slot| Arc::new(stack.in_slot(&slot)))
    }

    /// Returns the name of a sibling with a running service on a port that this stack declares.
    fn sibling_with_ports(
        &self,
        id: &StackId,
        stack: &Stack,
        checkout: Option<&Checkout>,
    ) -> Option<String> {
        let declared = stack.services.iter();
        let declared = declared.filter(|service| !service.is_external());
        let declared: BTreeSet<Port> = declared.filter_map(|service| service.port).collect();
        let siblings = self.stacks.iter().filter(|other| {
            let pair = other.checkout.as_ref().zip(checkout);
            other.id != *id && pair.is_some_and(|(other, own)| own.is_sibling_of(other))
        });
        let mut busy = siblings.filter(|other| {
            let mut alive = other.model.services().iter();
            alive.any(|service| {
                !service.spec().is_external()
                    && service.is_alive()
                    && service.port().is_some_and(|port| declared.contains(&port))
            })
        });
        let busy = busy.next()?.checkout.as_ref()?;
        Some(busy.name.clone())
    }

    /// Returns the declared and current ports of all other stacks.
    fn ports_of_others(&self, id: &StackId) -> BTreeSet<Port> {
        let others = self.stacks.iter().filter(|other| other.id != *id);
        let services = others.flat_map(|other| other.model.services());
        services
            .flat_map(|service| [service.spec().port, service.port()])
            .flatten()
            .collect()
    }

    /// Shows the branch of each stack that has a slot or a sibling.
    pub(super) fn show_checkouts(&mut self) {
        for index in 0..self.stacks.len() {
            let own = &self.stacks[index];
            let checkout = own.checkout.as_ref();
            let has_sibling = self.stacks.iter().any(|other| {
                let pair = other.checkout.as_ref().zip(checkout);
                other.id != own.id && pair.is_some_and(|(other, own)| own.is_sibling_of(other))
            });
            let slot = own.model.stack().slot.as_ref();
            let name = checkout.map(|checkout| checkout.name.clone());
            let name = name.or_else(|| Some(slot?.label.clone()));
            let name = name.filter(|_| has_sibling || slot.is_some());
            self.stacks[index].model.show_checkout(name);
        }
    }

    /// Looks up the checkout of a stack again, since its branch may have changed.
    pub(super) fn look_up_checkout(&self, index: usize) {
        let stack = &self.stacks[index];
        let (id, file) = (stack.id.clone(), stack.model.stack().file.clone());
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            if let Ok(Some(checkout)) = tools.loader.checkout(&file).await {
                let show = move |supervisor: &mut Self| supervisor.checked_out(&id, checkout);
                call(&tools.reports, show).await;
            }
        });
    }

    /// Looks up the checkouts that are shown.
    pub(super) fn look_up_shown_checkouts(&self) {
        for (index, stack) in self.stacks.iter().enumerate() {
            if stack.model.shows_checkout() {
                self.look_up_checkout(index);
            }
        }
    }

    fn checked_out(&mut self, id: &StackId, checkout: Checkout) {
        if let Some(index) = self.index_of(id) {
            self.stacks[index].checkout = Some(checkout);
            self.show_checkouts();
        }
    }
}
