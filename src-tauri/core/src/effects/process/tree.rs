//! The processes of one run of a service: its group, its descendants, and all processes with its
//! mark.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::{Arc, Mutex},
    time::Instant,
};

use super::{
    ProcessScan, ProcessTable, Row,
    known::{Program, Reach, Spare},
};
use crate::{
    host::clock,
    model::facts::{Exit, Mark, Process},
    platform::{
        Wanted,
        process::{self as platform, Handle},
    },
    stack::Signal,
    sync::lock,
};

/// One run of a service: its first process and all that descend from it. Clones refer to the same
/// tree.
///
/// Dropping it stops no process: an exiting daemon can leave its services running.
#[derive(Clone, Debug)]
pub struct Tree {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mark: Mark,
    first: Option<First>,
    /// Every process that was ever a member, with the time when it was found: a process that has
    /// overwritten its environment and lost its parent is still known. Only a scan that began later
    /// shows that one has exited.
    seen: Mutex<BTreeMap<Process, Instant>>,
    /// The programs that outlive it.
    spare: Mutex<Arc<Spare>>,
    /// The members with their own sessions that were seen since [`Tree::begin_stop`], by name.
    beside: Mutex<Option<BTreeMap<Process, String>>>,
}

/// The maximum number of other sessions that are examined: a user does not open more.
const SESSIONS: usize = 256;

/// The launched process, leader of its group.
#[derive(Debug)]
struct First {
    handle: Handle,
    is_child: bool,
    exit: Mutex<Option<Exit>>,
}

impl Tree {
    pub(super) fn of_child(mark: Mark, handle: Handle) -> Self {
        let first = handle.process();
        Self::new(mark, Some(First::new(handle, true)), [first])
    }

    /// Returns the tree of a process that another daemon started, or `None` if it has exited. Needs
    /// a tokio runtime.
    #[must_use]
    pub fn adopt(mark: Mark, first: Process) -> Option<Self> {
        let handle = Handle::pin(first).ok().flatten()?;
        Some(Self::new(mark, Some(First::new(handle, false)), [first]))
    }

    /// Returns the tree of a run whose first process has exited: all processes with its mark, and
    /// those of `members` that still run.
    #[must_use]
    pub fn remains(mark: Mark, members: impl IntoIterator<Item = Process>) -> Self {
        Self::new(mark, None, members)
    }

    fn new(mark: Mark, first: Option<First>, seen: impl IntoIterator<Item = Process>) -> Self {
        let now = clock::now().instant;
        let seen = seen.into_iter().map(|process| (process, now)).collect();
        Self {
            shared: Arc::new(Shared {
                mark,
                first,
                seen: Mutex::new(seen),
                spare: Mutex::default(),
                beside: Mutex::default(),
            }),
        }
    }

    /// Returns the mark of the run.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.shared.mark
    }

    /// Returns the first process, running or not; `None` for [`Tree::remains`].
    #[must_use]
    pub fn first(&self) -> Option<Process> {
        Some(self.handle()?.process())
    }

    /// Waits until the first process exits, as the operating system reports it. Any number of tasks
    /// may wait, before and after the exit. Cancel-safe.
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

    /// Returns how the first process exited, if known.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.shared.first.as_ref()?.collect()
    }

    /// Returns the processes of `table` that belong to the tree, ordered by PID. A process with
    /// another mark belongs to another service, with all its descendants. The current process
    /// belongs to none.
    #[must_use]
    pub fn members(&self, table: &ProcessScan) -> Vec<Process> {
        let mut outliving = BTreeSet::new();
        let mut owners = self.owned(table, &outliving);
        // The removed processes may have been the only link of others to the tree.
        while self.take_out(table, &owners, &mut outliving) {
            owners = self.owned(table, &outliving);
        }
        let rows = table.rows().iter().zip(&owners);
        let members: Vec<Process> = rows
            .filter_map(|(row, owner)| owner.map(|_| row.process))
            .collect();
        self.learn(&members, table.began());
        members
    }

    /// Returns the rows of `table` that belong to the tree, without those that outlive it.
    fn owned(&self, table: &ProcessScan, outliving: &BTreeSet<Process>) -> Vec<Option<usize>> {
        let group = self.living_group();
        let seen = self.seen();
        owners(
            table,
            outliving,
            |mark| (*mark == self.shared.mark).then_some(0),
            |row| (group == Some(row.group) || seen.contains_key(&row.process)).then_some(0),
        )
    }

    /// Adds the members that outlive the service to `outliving`: known programs that serve a user
    /// or several projects and have their own session, and programs that the stack file names.
    /// Returns whether there were any.
    fn take_out(
        &self,
        table: &ProcessScan,
        owners: &[Option<usize>],
        outliving: &mut BTreeSet<Process>,
    ) -> bool {
        let spare = Arc::clone(&lock(&self.shared.spare));
        let first = self.first();
        let rows = table.rows().iter().zip(owners);
        let members: Vec<&Row> = rows.filter_map(|(row, owner)| owner.map(|_| row)).collect();
        let begins_session = |row: &&&Row| {
            let process = row.process;
            Some(process) != first && platform::session(process.pid) == Some(process.pid)
        };
        let leaders = members.iter().filter(begins_session).take(SESSIONS + 1);
        let leaders: Vec<Process> = leaders.map(|row| row.process).collect();
        let mut beside = BTreeMap::new();
        let mut taken = Vec::new();
        for &leader in leaders.iter().filter(|_| leaders.len() <= SESSIONS) {
            let program = Program::of(leader.pid);
            if let Some(reach) = spare.reach(&program) {
                taken.push((leader, reach));
            } else {
                let name = program.name().unwrap_or("a process").to_owned();
                beside.insert(leader, name);
            }
        }
        if spare.has_names() {
            let group = first.map(|first| first.pid);
            let outside = members.iter().filter(|row| Some(row.group) != group);
            let named = outside.filter(|row| spare.names(&Program::of(row.process.pid)));
            taken.extend(named.map(|row| (row.process, Reach::WithAll)));
        }
        for &(process, reach) in &taken {
            match reach {
                Reach::Alone => drop(outliving.insert(process)),
                Reach::WithAll => outliving.extend(come_of(table, process)),
            }
        }
        // Removing one process may remove others too, so only the last pass shows which ones end.
        if taken.is_empty()
            && let Some(seen) = self.beside().as_mut()
        {
            seen.append(&mut beside);
        }
        !taken.is_empty()
    }

    /// Marks programs that outlive the service when the tree is ended.
    pub fn spare(&self, spare: Spare) {
        *lock(&self.shared.spare) = Arc::new(spare);
    }

    /// Starts recording the members with their own sessions, which end with the service.
    pub(super) fn begin_stop(&self) {
        *self.beside() = Some(BTreeMap::new());
    }

    /// Returns the names of the recorded members with their own sessions, without the survivors.
    pub(super) fn ended_beside(&self, survivors: &[Process]) -> Vec<String> {
        let beside = self.beside();
        let ended = beside.iter().flatten();
        let ended = ended.filter(|(process, _)| !survivors.contains(process));
        let names: BTreeSet<&String> = ended.map(|(_, name)| name).collect();
        names.into_iter().cloned().collect()
    }

    fn beside(&self) -> std::sync::MutexGuard<'_, Option<BTreeMap<Process, String>>> {
        lock(&self.shared.beside)
    }

    /// Returns the process group that the first process leads or led, while it has members.
    fn living_group(&self) -> Option<u32> {
        let handle = self.handle().filter(|handle| handle.group_lives());
        handle.map(|handle| handle.process().pid)
    }

    /// Stores `members`, and drops those that a scan begun at `began` did not list. Processes found
    /// after that, during the scan or while its result was pending, stay.
    fn learn(&self, members: &[Process], began: Instant) {
        let now = clock::now().instant;
        let mut seen = self.seen();
        seen.retain(|process, learned| *learned > began || members.binary_search(process).is_ok());
        for member in members {
            seen.entry(*member).or_insert(now);
        }
    }

    /// Returns the members that are alive now.
    pub async fn living_members(&self, processes: &ProcessTable) -> io::Result<Vec<Process>> {
        Ok(self.members(processes.scan_for_mark(self.mark()).await?.as_ref()))
    }

    /// Returns the processes of the tree that are alive after its first process has exited. Costs
    /// less than [`Tree::living_members`]: without a parent to link it, a process without a mark
    /// can only be a member by its group or because it is known. The descendants of survivors may
    /// be incomplete.
    pub async fn survivors(&self, processes: &ProcessTable) -> io::Result<Vec<Process>> {
        let group = self.living_group();
        let number = |pid, started| Process { pid, started };
        let is_known = |pid| {
            let seen = self.seen();
            let mut of_number = seen.range(number(pid, 0)..=number(pid, u64::MAX));
            of_number.next().is_some()
        };
        let wanted = Wanted {
            mark: self.mark(),
            may_be: &|pid, of_group| group == Some(of_group) || is_known(pid),
        };
        Ok(self.members(processes.scan_wanted(&wanted).await?.as_ref()))
    }

    /// Waits until all processes of the tree have exited, for a command that has moved to the
    /// background. Returns how its oldest member exited, if known.
    pub async fn followed(&self, processes: &ProcessTable) -> io::Result<Exit> {
        let mut exit = None;
        loop {
            let mut members = self.survivors(processes).await?;
            members.sort_unstable_by_key(|member| member.started);
            if members.is_empty() {
                return Ok(exit.unwrap_or(Exit::Unknown));
            }
            // Processes that a member starts meanwhile are found in the next round.
            for handle in pinned(&members)? {
                if exit.is_none() {
                    exit = Some(handle.exited_elsewhere().await);
                } else {
                    handle.gone().await;
                }
            }
        }
    }

    /// Adds the current descendants of the first process, before it exits and they lose their
    /// parent.
    pub(super) fn know_descendants(&self) {
        let Some(first) = self.handle().filter(|handle| !handle.is_gone()) else {
            return;
        };
        let descendants = platform::descendants(first.process().pid);
        // Checked last: the PID must have belonged to the first process all the time.
        if !first.is_gone() {
            let now = clock::now().instant;
            let descendants = descendants.into_iter().map(|process| (process, now));
            self.seen().extend(descendants);
        }
    }

    /// Returns the first process, if it is still running.
    #[must_use]
    pub fn survivor(&self) -> Option<Process> {
        let first = self.handle().filter(|first| !first.is_gone());
        first.map(Handle::process)
    }

    /// Signals the process group.
    ///
    /// # Errors
    ///
    /// The operating system refuses it.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let first = self.handle().filter(|first| !first.is_gone());
        first.map_or(Ok(()), |first| first.signal_group(signal).map(drop))
    }

    pub(super) fn handle(&self) -> Option<&Handle> {
        Some(&self.shared.first.as_ref()?.handle)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<Process, Instant>> {
        lock(&self.shared.seen)
    }
}

/// Returns the rows of `table` that belong to each of `trees`, as [`Tree::members`] does, in one walk
/// over the table.
pub(crate) fn members_of(trees: &[&Tree], table: &ProcessScan) -> Vec<Vec<Process>> {
    let mut marks: HashMap<&Mark, usize> = HashMap::new();
    let mut groups: HashMap<u32, usize> = HashMap::new();
    let mut seen: HashMap<Process, usize> = HashMap::new();
    for (position, tree) in trees.iter().enumerate() {
        marks.insert(tree.mark(), position);
        groups.extend(tree.living_group().map(|group| (group, position)));
        seen.extend(tree.seen().keys().map(|process| (*process, position)));
    }
    let owners = owners(
        table,
        &BTreeSet::new(),
        |mark| marks.get(mark).copied(),
        |row| {
            let by_group = groups.get(&row.group);
            by_group.or_else(|| seen.get(&row.process)).copied()
        },
    );
    let mut members = vec![Vec::new(); trees.len()];
    for (row, owner) in table.rows().iter().zip(&owners) {
        if let Some(owner) = owner {
            members[*owner].push(row.process);
        }
    }
    for (tree, members) in trees.iter().zip(&members) {
        tree.learn(members, table.began());
    }
    members
}

/// Returns the remaining processes of the runs with one of these marks, each with the mark of its
/// run. Programs that outlive their service are excluded, though they have the mark too.
#[must_use]
pub fn survivors_of_runs(
    table: &ProcessScan,
    is_wanted: impl Fn(&Mark) -> bool,
) -> Vec<(Process, Mark)> {
    let marks = table.marked().map(|(_, mark)| mark);
    let marks: BTreeSet<&Mark> = marks.filter(|mark| is_wanted(mark)).collect();
    let of_run = |mark: &Mark| {
        let members = Tree::remains(mark.clone(), []).members(table);
        let mark = mark.clone();
        members
            .into_iter()
            .map(move |member| (member, mark.clone()))
    };
    marks.into_iter().flat_map(of_run).collect()
}

/// Returns a process with all its descendants and the members of its session.
fn come_of(table: &ProcessScan, root: Process) -> BTreeSet<Process> {
    let rows = table.rows();
    let mut found = BTreeSet::from([root]);
    let mut grew = true;
    while grew {
        grew = false;
        for row in rows
            .iter()
            .filter(|row| row.process.pid != platform::own_pid())
        {
            let comes = !found.contains(&row.process)
                && (platform::session(row.process.pid) == Some(root.pid)
                    || table.position(row.parent).is_some_and(|parent| {
                        let parent = rows[parent].process;
                        found.contains(&parent) && parent.started <= row.process.started
                    }));
            if comes {
                found.insert(row.process);
                grew = true;
            }
        }
    }
    found
}

/// Returns the owner of each row of `table`: by its mark if it has one, else by other known facts, else
/// by its parent. A program that outlives its service has no owner, and does not pass one to its
/// children.
fn owners(
    table: &ProcessScan,
    outliving: &BTreeSet<Process>,
    by_mark: impl Fn(&Mark) -> Option<usize>,
    by_row: impl Fn(&Row) -> Option<usize>,
) -> Vec<Option<usize>> {
    let rows = table.rows();
    let own = platform::own_pid();
    let is_out = |row: &Row| row.process.pid == own || outliving.contains(&row.process);
    let may_inherit = |row: &Row| row.mark.is_none() && !is_out(row);
    let mut owners: Vec<Option<usize>> = rows
        .iter()
        .map(|row| match row.mark.as_deref() {
            _ if is_out(row) => None,
            Some(mark) => by_mark(mark),
            None => by_row(row),
        })
        .collect();
    // Children usually have the higher PID, so that one pass finds nearly all.
    let mut grew = true;
    while grew {
        grew = false;
        for (position, row) in rows.iter().enumerate() {
            if may_inherit(row)
                && owners[position].is_none()
                && let Some(parent) = table.position(row.parent)
                && owners[parent].is_some()
                // A PID that was reused during the scan is not a parent.
                && rows[parent].process.started <= row.process.started
            {
                owners[position] = owners[parent];
                grew = true;
            }
        }
    }
    owners
}

/// Calls `act` for each process that is still running, one at a time. Returns whether any was
/// reached.
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

/// The number of processes awaited at once: each needs a descriptor, which other tasks need too.
const WAITED_FOR: usize = 64;

/// Waits until all of `processes` have exited.
pub(super) async fn all_gone(processes: &[Process]) -> io::Result<()> {
    for some in processes.chunks(WAITED_FOR) {
        for handle in pinned(some)? {
            handle.gone().await;
        }
    }
    Ok(())
}

/// Returns handles of those of `processes` that are still running, in their order, and as many as
/// the system allows. Fails only if it allows none, since callers check again afterwards.
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
        lock(&self.exit)
    }

    /// Reaps the child once and stores its exit for all callers.
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
    fn a_tree_has_all_processes_with_its_mark_and_their_descendants() {
        let table = ProcessScan::new(vec![
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
        let table = ProcessScan::new(vec![
            row(10, 1, Some(mark(7))),
            row(11, 10, Some(mark(8))),
            row(12, 11, None),
        ]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [10]);
        assert_eq!(members(&Tree::remains(mark(8), []), &table), [11, 12]);
    }

    #[test]
    fn a_process_that_was_a_member_stays_one_without_mark_and_parent() {
        let tree = Tree::remains(mark(7), []);
        let before = vec![row(10, 1, Some(mark(7))), row(11, 10, None)];
        assert_eq!(members(&tree, &ProcessScan::new(before)), [10, 11]);
        let after = vec![row(11, 1, None), row(12, 11, None)];
        assert_eq!(members(&tree, &ProcessScan::new(after)), [11, 12]);
    }

    #[test]
    fn an_older_scan_drops_no_process_that_was_found_after_it_began() {
        let tree = Tree::remains(mark(7), []);
        let older = ProcessScan::new(vec![row(10, 1, Some(mark(7)))]);
        let newer = ProcessScan::new(vec![row(10, 1, Some(mark(7))), row(11, 10, None)]);
        assert_eq!(members(&tree, &newer), [10, 11]);
        assert_eq!(members(&tree, &older), [10]);
        // The process has lost its parent by now but is still known.
        let orphan = || vec![row(11, 1, None)];
        assert_eq!(members(&tree, &ProcessScan::new(orphan())), [11]);
        assert_eq!(members(&tree, &ProcessScan::new(Vec::new())), [0; 0]);
        assert_eq!(members(&tree, &ProcessScan::new(orphan())), [0; 0]);
    }

    #[test]
    fn all_trees_at_once_have_the_members_that_each_has_alone() {
        let table = ProcessScan::new(vec![
            row(9, 11, None),
            row(10, 1, Some(mark(7))),
            row(11, 10, None),
            row(12, 11, Some(mark(8))),
            row(13, 12, None),
            row(14, 1, None),
            row(15, 14, Some(mark(9))),
        ]);
        let seven = Tree::remains(mark(7), []);
        let eight = Tree::remains(mark(8), [row(14, 1, None).process]);
        let at_once = members_of(&[&seven, &eight], &table);
        assert_eq!(at_once, [seven.members(&table), eight.members(&table)]);
    }

    #[test]
    fn a_reused_pid_is_not_a_member() {
        let tree = Tree::remains(mark(7), []);
        let before = vec![row(10, 1, Some(mark(7)))];
        assert_eq!(members(&tree, &ProcessScan::new(before)), [10]);
        let mut stranger = row(10, 1, None);
        stranger.process.started += 1;
        let after = vec![stranger, row(11, 10, None)];
        assert_eq!(members(&tree, &ProcessScan::new(after)), [0; 0]);
    }

    #[test]
    fn a_process_younger_than_its_child_is_not_its_parent() {
        let mut parent = row(10, 1, Some(mark(7)));
        parent.process.started = 200;
        let table = ProcessScan::new(vec![parent, row(11, 10, None)]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [10]);
    }

    #[test]
    fn the_daemon_is_not_a_member_of_the_tree_that_started_it() {
        let own = platform::own_pid();
        let table = ProcessScan::new(vec![
            row(own, 1, Some(mark(7))),
            row(own + 1, own, None),
            row(own + 2, 1, Some(mark(7))),
        ]);
        assert_eq!(members(&Tree::remains(mark(7), []), &table), [own + 2]);
    }

    fn members(tree: &Tree, table: &ProcessScan) -> Vec<u32> {
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
            usage: None,
        }
    }
}
