//! Differences between two snapshots, for a client that has the earlier one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    finding::Finding,
    view::{Light, ServiceView, Snapshot, StackView},
};

/// The differences: one entry for each stack of the later snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes(Vec<StackChange>);

/// A stack of the later snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StackChange {
    /// The unchanged stack at this index of the earlier snapshot.
    Same(usize),
    /// The stack at this index of the earlier snapshot, with these fields replaced.
    Parts {
        place: usize,
        light: Light,
        services: Vec<(usize, Arc<ServiceView>)>,
        /// All findings, if they differ.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        findings: Option<Vec<Arc<Finding>>>,
    },
    /// A new stack.
    Whole(Arc<StackView>),
}

impl Changes {
    /// Returns the changes that turn `earlier` into `later`.
    #[must_use]
    pub fn between(earlier: &Snapshot, later: &Snapshot) -> Self {
        let stacks = later.stacks.iter().enumerate();
        let changes = stacks.map(|(place, stack)| {
            let is_it = |place: &usize| {
                let known = earlier.stacks.get(*place);
                known.is_some_and(|known| known.file == stack.file)
            };
            let known = Some(place).filter(is_it);
            let known = known.or_else(|| (0..earlier.stacks.len()).find(is_it));
            known.map_or_else(
                || StackChange::Whole(stack.clone()),
                |place| StackChange::between(place, &earlier.stacks[place], stack),
            )
        });
        Self(changes.collect())
    }

    /// Returns the later snapshot, or `None` if these changes do not apply to `earlier`.
    #[must_use]
    pub fn apply(self, earlier: &Snapshot) -> Option<Snapshot> {
        let stacks = self.0.into_iter().map(|change| match change {
            StackChange::Same(place) => earlier.stacks.get(place).cloned(),
            StackChange::Whole(stack) => Some(stack),
            StackChange::Parts {
                place,
                light,
                services,
                findings,
            } => {
                let mut stack = StackView::clone(earlier.stacks.get(place)?);
                stack.light = light;
                for (place, service) in services {
                    *stack.services.get_mut(place)? = service;
                }
                if let Some(findings) = findings {
                    stack.findings = findings;
                }
                Some(Arc::new(stack))
            }
        });
        let stacks = stacks.collect::<Option<Vec<_>>>()?;
        Some(Snapshot { stacks })
    }
}

impl StackChange {
    fn between(place: usize, earlier: &Arc<StackView>, later: &Arc<StackView>) -> Self {
        if Arc::ptr_eq(earlier, later) {
            return Self::Same(place);
        }
        let pairs = || earlier.services.iter().zip(&later.services);
        let same_services = earlier.services.len() == later.services.len()
            && pairs().all(|(old, new)| Arc::ptr_eq(old, new) || old.name == new.name);
        let same_head = earlier.name == later.name
            && earlier.mode == later.mode
            && earlier.started_by == later.started_by
            && earlier.checkout == later.checkout;
        if !same_services || !same_head {
            return Self::Whole(later.clone());
        }
        let differ = pairs().enumerate().filter(|(_, (old, new))| old != new);
        Self::Parts {
            place,
            light: later.light,
            services: differ
                .map(|(place, (_, new))| (place, new.clone()))
                .collect(),
            findings: (earlier.findings != later.findings).then(|| later.findings.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::clock,
        model::{
            facts::RunId,
            stack::{Event, StackModel},
            view::StartedBy,
        },
        stack_file,
    };

    fn model(file: &str, text: &str) -> StackModel {
        let stack = stack_file::parse(file.as_ref(), text.as_bytes(), &crate::env::Env::new());
        let stack = Arc::new(stack.expect("a valid stack file"));
        StackModel::new(stack, |_| RunId(0), 1, clock::now())
    }

    const TWO: &str =
        "[service.a]\ncommand = \"true\"\n[service.b]\ncommand = \"true\"\nneeds = [\"a\"]\n";

    fn snapshot(models: &mut [&mut StackModel]) -> Snapshot {
        let stacks = models.iter_mut().map(|model| model.view());
        Snapshot {
            stacks: stacks.collect(),
        }
    }

    fn assert_applies(earlier: &Snapshot, later: &Snapshot) -> String {
        let json = serde_json::to_string(&Changes::between(earlier, later)).unwrap();
        let read: Changes = serde_json::from_str(&json).unwrap();
        assert_eq!(read.apply(earlier).as_ref(), Some(later));
        json
    }

    #[test]
    fn changes_contain_only_the_differences() {
        let (mut one, mut other) = (
            model("/a/pilotlight.toml", TWO),
            model("/b/pilotlight.toml", TWO),
        );
        let before = snapshot(&mut [&mut one, &mut other]);
        one.step(clock::now(), Event::Up(vec!["a".into()]));
        let after = snapshot(&mut [&mut one, &mut other]);
        let json = assert_applies(&before, &after);
        assert!(
            json.contains(r#""name":"a""#) && !json.contains(r#""name":"b""#),
            "{json}"
        );
        assert!(json.contains(r#"{"same":1}"#), "{json}");
    }

    #[test]
    fn the_program_that_started_a_stack_is_included() {
        let mut one = model("/a/pilotlight.toml", TWO);
        let before = snapshot(&mut [&mut one]);
        one.show_started_by(Some(StartedBy {
            client: "Claude Code".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
        }));
        let after = snapshot(&mut [&mut one]);
        let json = assert_applies(&before, &after);
        assert!(json.contains(r#""client":"Claude Code""#), "{json}");
    }

    #[test]
    fn added_removed_and_reordered_stacks_are_included() {
        let (mut one, mut other) = (
            model("/a/pilotlight.toml", TWO),
            model("/b/pilotlight.toml", TWO),
        );
        let empty = Snapshot::default();
        let both = snapshot(&mut [&mut one, &mut other]);
        let turned = snapshot(&mut [&mut other, &mut one]);
        for (earlier, later) in [(&empty, &both), (&both, &turned), (&turned, &empty)] {
            assert_applies(earlier, later);
        }
    }

    #[test]
    fn changes_of_another_snapshot_are_rejected() {
        let mut one = model("/a/pilotlight.toml", TWO);
        let full = snapshot(&mut [&mut one]);
        let changes = Changes::between(&full, &full);
        assert_eq!(changes.apply(&Snapshot::default()), None);
    }
}
