//! The processes of one run of a service: its group, its descendants, and whoever carries its mark.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Census, ProcessTable};
use crate::{
    model::facts::{Exit, Mark, Process},
    platform::process::{self as platform, Handle},
};

/// One run of a service: its first process and whatever came of it. Clones are the same tree.
///
/// Dropping it ends nobody: a keeper that leaves its services running just goes.
#[derive(Clone, Debug)]
pub struct Tree {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mark: Mark,
    first: Option<First>,
    /// Once a member, always a member: who has overwritten its environment and lost its parent is
    /// still known.
    seen: Mutex<BTreeSet<Process>>,
}

/// The process that was launched; leader of its group.
#[derive(Debug)]
struct First {
    handle: Handle,
    is_child: bool,
    exit: Mutex<Option<Exit>>,
}

impl Tree {
    pub(super) fn of_child(mark: Mark, handle: Handle) -> Self {
        let seen = BTreeSet::from([handle.process()]);
        Self::new(mark, Some(First::new(handle, true)), seen)
    }

    /// The tree of a first process that another keeper started, or `None` when that process is
    /// gone by now. Needs a tokio runtime.
    #[must_use]
    pub fn adopt(mark: Mark, first: Process) -> Option<Self> {
        let handle = Handle::pin(first).ok().flatten()?;
        let first = BTreeSet::from([first]);
        Some(Self::new(mark, Some(First::new(handle, false)), first))
    }

    /// What is left of a run whose first process is gone: whoever carries its mark, and those of
    /// `members` that still run.
    #[must_use]
    pub fn remains(mark: Mark, members: impl IntoIterator<Item = Process>) -> Self {
        Self::new(mark, None, members.into_iter().collect())
    }

    fn new(mark: Mark, first: Option<First>, seen: BTreeSet<Process>) -> Self {
        Self {
            shared: Arc::new(Shared {
                mark,
                first,
                seen: Mutex::new(seen),
            }),
        }
    }

    /// The mark of the run.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.shared.mark
    }

    /// The first process, whether it still runs or not; `None` for [`Tree::remains`].
    #[must_use]
    pub fn first(&self) -> Option<Process> {
        Some(self.handle()?.process())
    }

    /// Waits for the end of the first process, as the operating system reports it. Any number of
    /// tasks may wait, before and after the end; a wait may be dropped.
    pub async fn exited(&self) -> Exit {
        let Some(first) = &self.shared.first else {
            return Exit::Unknown;
        };
        if first.is_child {
            return first.handle.exited(|| first.collect()).await;
        }
        let exit = first.handle.exited_elsewhere().await;
        *first.exit() = Some(exit);
        exit
    }

    /// How the first process ended, where that has been seen.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.shared.first.as_ref()?.collect()
    }

    /// Who of `table` belongs to the tree, by number. Whoever carries another mark is another
    /// service's, with all that came of it, and this process belongs to nobody.
    #[must_use]
    pub fn members(&self, table: &ProcessTable) -> Vec<Process> {
        let rows = table.rows();
        let own = platform::own_pid();
        let group = self.handle().filter(|handle| handle.group_lives());
        let group = group.map(|handle| handle.process().pid);
        let mut seen = self.seen();

        let mut is_member = vec![false; rows.len()];
        let mut may_be = vec![false; rows.len()];
        for (position, row) in rows.iter().enumerate() {
            let mark = row.mark.as_deref();
            may_be[position] =
                row.process.pid != own && mark.is_none_or(|mark| *mark == self.shared.mark);
            is_member[position] = may_be[position]
                && (mark.is_some() || group == Some(row.group) || seen.contains(&row.process));
        }
        // Children mostly have the higher number, so that one round finds nearly all.
        let mut grew = true;
        while grew {
            grew = false;
            for (position, row) in rows.iter().enumerate() {
                if may_be[position]
                    && !is_member[position]
                    && let Some(parent) = table.position(row.parent)
                    && is_member[parent]
                    // A number that was given anew while the table was made is no parent.
                    && rows[parent].process.started <= row.process.started
                {
                    is_member[position] = true;
                    grew = true;
                }
            }
        }
        let members = rows.iter().zip(&is_member);
        let members = members.filter_map(|(row, is_member)| is_member.then_some(row.process));
        let members: Vec<Process> = members.collect();
        *seen = members.iter().copied().collect();
        members
    }

    /// Who of the tree lives now.
    pub async fn left(&self, census: &Census) -> io::Result<Vec<Process>> {
        Ok(self.members(census.take_for(self.mark()).await?.as_ref()))
    }

    /// Waits until nobody of the tree lives any more, as for a command that has put itself into
    /// the background. Gives how its eldest member ended, where the operating system tells.
    pub async fn followed(&self, census: &Census) -> io::Result<Exit> {
        let mut exit = None;
        loop {
            let mut members = self.left(census).await?;
            members.sort_unstable_by_key(|member| member.started);
            if members.is_empty() {
                return Ok(exit.unwrap_or(Exit::Unknown));
            }
            // Whoever a member starts meanwhile is found in the next round.
            for handle in pinned(&members)? {
                if exit.is_none() {
                    exit = Some(handle.exited_elsewhere().await);
                } else {
                    handle.gone().await;
                }
            }
        }
    }

    /// Makes members of all who descend from the first process now, before it goes and they
    /// lose their parent.
    pub(super) fn know_descendants(&self) {
        let Some(first) = self.handle().filter(|handle| !handle.is_gone()) else {
            return;
        };
        let descendants = platform::descendants(first.process().pid);
        // Asked last: the number was the first process's all the time.
        if !first.is_gone() {
            self.seen().extend(descendants);
        }
    }

    pub(super) fn handle(&self) -> Option<&Handle> {
        Some(&self.shared.first.as_ref()?.handle)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeSet<Process>> {
        self.shared
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something to each process that still runs, one at a time. Whether it reached any.
pub(super) fn in_turn<'a>(
    processes: impl IntoIterator<Item = &'a Process>,
    act: impl Fn(&Handle) -> io::Result<bool>,
) -> bool {
    let mut reached = false;
    for process in processes {
        if let Ok(Some(handle)) = Handle::pin(*process) {
            reached |= act(&handle).unwrap_or(false);
        }
    }
    reached
}

/// Handles of those of `processes` that still run, in their order. As many as the system allows:
/// an error only if it allows none, since whoever waits for some looks again afterwards.
pub(super) fn pinned(processes: &[Process]) -> io::Result<Vec<Handle>> {
    let mut handles = Vec::new();
    for process in processes {
        match Handle::pin(*process) {
            Ok(handle) => handles.extend(handle),
            Err(error) if handles.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(handles)
}

impl First {
    fn new(handle: Handle, is_child: bool) -> Self {
        Self {
            handle,
            is_child,
            exit: Mutex::new(None),
        }
    }

    fn exit(&self) -> std::sync::MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exit of a child is taken from the kernel once, and kept for all who ask.
    fn collect(&self) -> Option<Exit> {
        let mut exit = self.exit();
        if exit.is_none() && self.is_child {
            *exit = self.handle.reap();
        }
        *exit
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if self.is_child && self.collect().is_none() {
            platform::abandon(&self.handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::facts::{RunId, StackId},
        platform::Row,
    };

    #[test]
    fn a_tree_is_whoever_carries_its_mark_and_all_that_came_of_them() {
        let table = ProcessTable::new(vec![
            row(1, 0, None),
            row(10, 1, Some(mark(7))),
            row(11, 10, None),
            row(9, 11, None),
            row(20, 1, None),
            row(21, 20, None),
        ]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [9, 10, 11]);
    }

    #[test]
    fn another_run_is_another_tree_even_below_this_one() {
        let table = ProcessTable::new(vec![
            row(10, 1, Some(mark(7))),
            row(11, 10, Some(mark(8))),
            row(12, 11, None),
        ]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [10]);
        assert_eq!(members(&Tree::remains(mark(8), []), &table), [11, 12]);
    }

    #[test]
    fn who_was_a_member_once_stays_one_without_mark_and_parent() {
        let tree = Tree::remains(mark(7), []);
        let before = vec![row(10, 1, Some(mark(7))), row(11, 10, None)];
        assert_eq!(members(&tree, &ProcessTable::new(before)), [10, 11]);
        let after = vec![row(11, 1, None), row(12, 11, None)];
        assert_eq!(members(&tree, &ProcessTable::new(after)), [11, 12]);
    }

    #[test]
    fn a_number_that_was_given_anew_makes_no_member() {
        let tree = Tree::remains(mark(7), []);
        let before = vec![row(10, 1, Some(mark(7)))];
        assert_eq!(members(&tree, &ProcessTable::new(before)), [10]);
        let mut stranger = row(10, 1, None);
        stranger.process.started += 1;
        let after = vec![stranger, row(11, 10, None)];
        assert_eq!(members(&tree, &ProcessTable::new(after)), [0; 0]);
    }

    #[test]
    fn a_parent_that_is_younger_than_its_child_is_none() {
        let mut parent = row(10, 1, Some(mark(7)));
        parent.process.started = 200;
        let table = ProcessTable::new(vec![parent, row(11, 10, None)]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [10]);
    }

    #[test]
    fn the_keeper_is_no_member_of_what_it_was_started_by() {
        let own = platform::own_pid();
        let table = ProcessTable::new(vec![
            row(own, 1, Some(mark(7))),
            row(own + 1, own, None),
            row(own + 2, 1, Some(mark(7))),
        ]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [own + 2]);
    }

    fn members(tree: &Tree, table: &ProcessTable) -> Vec<u32> {
        let members = tree.members(table).into_iter();
        members.map(|member| member.pid).collect()
    }

    fn mark(run: u64) -> Mark {
        Mark {
            stack: StackId("stack".to_owned()),
            service: "service".into(),
            run: RunId(run),
        }
    }

    fn row(pid: u32, parent: u32, mark: Option<Mark>) -> Row {
        Row {
            process: Process { pid, started: 100 },
            parent,
            group: pid,
            mark: mark.map(Arc::new),
        }
    }
}
