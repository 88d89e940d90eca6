//! The current state, built from the lines of the journal.

use std::{collections::BTreeMap, io};

use super::{
    RecordedRun, RememberedStack,
    line::{Damage, Entry},
    texts::Texts,
};
use crate::{
    model::facts::{RunId, StackId},
    stack::ServiceName,
};

/// The recorded state.
#[derive(Debug, Default)]
pub(super) struct JournalState {
    stacks: Vec<StackEntry>,
    running: BTreeMap<(StackId, ServiceName, RunId), (Option<String>, RecordedRun)>,
}

#[derive(Debug)]
struct StackEntry {
    stack: RememberedStack,
    /// Whether a copy of its file is on disk.
    is_kept: bool,
}

impl JournalState {
    pub(super) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Started { boot, running } => {
                let key = (running.stack.clone(), running.service.clone(), running.run);
                self.running.insert(key, (boot, running));
            }
            Entry::Ended {
                stack,
                service,
                run,
            } => {
                self.running.remove(&(stack, service, run));
            }
            Entry::Stack { id, file, mode } => {
                let stack = RememberedStack {
                    id,
                    file,
                    mode,
                    text: None,
                };
                let mut stacks = self.stacks.iter_mut();
                let known = stacks.find(|known| known.stack.id == stack.id);
                let entry = StackEntry {
                    stack,
                    is_kept: true,
                };
                match known {
                    Some(known) => *known = entry,
                    None => self.stacks.push(entry),
                }
            }
            Entry::Forgotten { id } => self.stacks.retain(|known| known.stack.id != id),
        }
    }

    /// Returns the stacks, with the copies of their files.
    pub(super) fn stacks(&mut self, copies: &Texts) -> Vec<RememberedStack> {
        let remembered = |StackEntry { stack, .. }: &mut StackEntry| {
            stack.text = copies.read(&stack.id);
            stack.clone()
        };
        self.stacks.iter_mut().map(remembered).collect()
    }

    pub(super) fn stack_ids(&self) -> Vec<StackId> {
        let stacks = self.stacks.iter();
        stacks.map(|known| known.stack.id.clone()).collect()
    }

    pub(super) fn running(&self) -> Vec<RecordedRun> {
        let running = self.running.values();
        running.map(|(_, running)| running.clone()).collect()
    }

    /// Removes and returns the runs of other boots.
    pub(super) fn drop_other_boots(&mut self, boot: Option<&str>) -> Vec<RecordedRun> {
        self.running
            .extract_if(.., |_, (written, _)| written.as_deref() != boot)
            .map(|(_, (_, running))| running)
            .collect()
    }

    /// Records the text of a stack's file, and whether a copy of it is kept.
    pub(super) fn note_text(&mut self, id: &StackId, text: &str, is_kept: bool) {
        let mut stacks = self.stacks.iter_mut();
        if let Some(known) = stacks.find(|known| known.stack.id == *id) {
            known.stack.text = Some(text.to_owned());
            known.is_kept = is_kept;
        }
    }

    /// Records that the copy is no longer kept.
    pub(super) fn owe_copies(&mut self) {
        for stack in &mut self.stacks {
            stack.is_kept = false;
        }
    }

    /// Stores the copies that could not be stored before.
    pub(super) fn keep_owed(&mut self, copies: &Texts) -> io::Result<()> {
        for StackEntry { stack, is_kept } in &mut self.stacks {
            if !*is_kept && let Some(text) = &stack.text {
                copies.write(&stack.id, text)?;
                *is_kept = true;
            }
        }
        Ok(())
    }

    /// Applies the valid lines. Returns the damage of the first invalid one.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<Damage> {
        let mut damage = None;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let entry = line
                .strip_suffix(b"\n")
                .ok_or(Damage::Garbled)
                .and_then(Entry::from_line);
            match entry {
                Ok(entry) => self.apply(entry),
                Err(wrong) => damage = damage.or(Some(wrong)),
            }
        }
        damage
    }

    /// Returns a journal with only the current state.
    pub(super) fn to_lines(&self) -> io::Result<String> {
        let stacks = self.stacks.iter().map(|known| known.stack.clone());
        let stacks = stacks.map(|stack| Entry::Stack {
            id: stack.id,
            file: stack.file,
            mode: stack.mode,
        });
        let running = self.running.values().cloned();
        let running = running.map(|(boot, running)| Entry::Started { boot, running });
        stacks
            .chain(running)
            .map(|entry| entry.to_line().map_err(io::Error::from))
            .collect()
    }
}
