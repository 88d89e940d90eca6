//! The slots of checkouts, stored in a file of the home, so that a checkout gets the same ports
//! every time.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    fs::{
        home::Home,
        replace::{read_json, replace_json},
    },
    model::facts::StackId,
    stack::{Port, PortAssignment, Slot, Stack},
};

/// The number of slots above which those of deleted checkouts are removed when a daemon starts.
const MANY: usize = 200;

/// The slots of a home.
#[derive(Debug, Default)]
pub struct Slots {
    path: PathBuf,
    data: PathBuf,
    entries: BTreeMap<StackId, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// The stack file.
    #[serde(with = "crate::fs::native_text")]
    file: PathBuf,
    #[serde(flatten)]
    slot: Arc<Slot>,
}

impl Slots {
    /// Reads the slots of a home. If the file is unreadable, the checkouts get new slots.
    #[must_use]
    pub fn read(home: &Home) -> Self {
        let path = home.state().join("slots.json");
        let data = home.state().join("slots");
        let entries = read_json(&path).unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "the ports of checkouts are unknown");
            None
        });
        let mut entries: BTreeMap<StackId, Entry> = entries.unwrap_or_default();
        if entries.len() >= MANY {
            entries.retain(|_, entry| entry.file.exists());
        }
        Self {
            path,
            data,
            entries,
        }
    }

    /// Returns the slot of a stack.
    #[must_use]
    pub fn get(&self, id: &StackId) -> Option<Arc<Slot>> {
        let mut slot = Slot::clone(&self.entries.get(id)?.slot);
        slot.data = self.data.join(&id.0);
        Some(Arc::new(slot))
    }

    /// Returns whether a port belongs to the slot of another stack.
    #[must_use]
    pub fn has(&self, port: Port, except: &StackId) -> bool {
        let mut ports = self.others(except).flat_map(|slot| slot.ports.values());
        ports.any(|other| *other == port)
    }

    /// Returns whether the slot of another stack has this label.
    #[must_use]
    pub fn has_label(&self, label: &str, except: &StackId) -> bool {
        self.others(except).any(|slot| slot.label == label)
    }

    fn others(&self, except: &StackId) -> impl Iterator<Item = &Slot> {
        let others = self.entries.iter().filter(move |(id, _)| *id != except);
        others.map(|(_, entry)| &*entry.slot)
    }

    /// Records the slot of a stack, and stores it on disk.
    pub fn put(&mut self, id: &StackId, stack: &Stack, slot: Slot) {
        let file = stack.file.clone();
        let slot = Arc::new(slot);
        self.entries.insert(id.clone(), Entry { file, slot });
        if let Err(error) = replace_json(&self.path, &self.entries) {
            tracing::warn!(%error, "the ports of a checkout cannot be remembered");
        }
    }
}

/// Returns a stack with the stored ports of its checkout, as a daemon would start it.
#[must_use]
pub fn in_its_slot(home: &Home, stack: Stack) -> Stack {
    if stack.ports == PortAssignment::Fixed {
        return stack;
    }
    let slot = Slots::read(home).get(&home.stack_id(&stack.file));
    match slot {
        Some(slot) => stack.in_slot(&slot),
        None => stack,
    }
}
