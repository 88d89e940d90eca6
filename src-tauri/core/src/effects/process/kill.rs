//! The last step of a stop, without a grace period.

use std::{collections::BTreeSet, io, time::Duration};

use tokio::time::{Instant, timeout, timeout_at};

use super::{
    ProcessTable, Tree,
    tree::{all_gone, in_turn},
};
use crate::{
    model::facts::{Process, Stopped},
    platform::process::Handle,
    stack::Signal,
};

/// The time limit for an orderly kill: stop all processes, then kill them.
const KILLING: Duration = Duration::from_secs(2);

/// The additional time in which a tree that survives [`KILLING`] is killed without being stopped first.
const INSISTING: Duration = Duration::from_secs(2);

/// The pause after a kill before the next scan, in [`INSISTING`].
const GOING: Duration = Duration::from_millis(100);

/// How often a tree is searched for running processes before all are killed.
const FREEZES: usize = 8;

/// Kills a whole tree and verifies that no process is left. Takes at most 4 s.
///
/// Does not check the port ([`Stopped::port_held`]).
pub async fn kill(tree: &Tree, processes: &ProcessTable) -> Stopped {
    let mut kill = Kill {
        tree,
        processes,
        known: BTreeSet::new(),
        killed: false,
    };
    let survivors = match timeout(KILLING, kill.in_order()).await {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(_)) | Err(_) => kill.at_any_rate().await,
    };
    Stopped {
        exit: tree.exit(),
        killed: kill.killed,
        beside: tree.ended_beside(&survivors),
        survivors,
        ..Stopped::default()
    }
}

/// A kill in progress.
struct Kill<'a> {
    tree: &'a Tree,
    processes: &'a ProcessTable,
    /// Every process of the tree seen so far. Each of them may be stopped (SIGSTOP).
    known: BTreeSet<Process>,
    /// Whether a signal reached a process.
    killed: bool,
}

impl Kill<'_> {
    /// Stops all processes, then kills them, until none is left. If it is dropped early, the stopped
    /// processes stay stopped.
    async fn in_order(&mut self) -> io::Result<()> {
        loop {
            // A stopped process cannot start another one or lose a child.
            if let Some(first) = self.tree.handle() {
                let _ = first.freeze_group();
            }
            let mut frozen = BTreeSet::new();
            for _ in 0..FREEZES {
                let members = self.tree.living_members(self.processes).await?;
                self.known.extend(&members);
                let newcomers: Vec<Process> = members
                    .into_iter()
                    .filter(|member| frozen.insert(*member))
                    .collect();
                if newcomers.is_empty() {
                    break;
                }
                in_turn(&newcomers, Handle::freeze);
            }
            if frozen.is_empty() {
                return Ok(());
            }
            self.kill_known();
            all_gone(&frozen.into_iter().collect::<Vec<_>>()).await?;
        }
    }

    /// Kills every known process and scans again, until none is left or the time is up. Returns the
    /// survivors.
    async fn at_any_rate(&mut self) -> Vec<Process> {
        let deadline = Instant::now() + INSISTING;
        loop {
            self.kill_known();
            let look = timeout_at(deadline, self.tree.living_members(self.processes)).await;
            let Ok(Ok(survivors)) = look else {
                return self.known_left();
            };
            self.known.extend(&survivors);
            self.killed |= in_turn(&survivors, |member| member.signal(Signal::Kill));
            if survivors.is_empty() || Instant::now() >= deadline {
                return survivors;
            }
            let _ = timeout(GOING, all_gone(&survivors)).await;
        }
    }

    fn kill_known(&mut self) {
        if let Some(first) = self.tree.handle() {
            let reached = first.signal_group(Signal::Kill);
            self.killed |= reached.is_ok_and(|reached| reached);
        }
        self.killed |= in_turn(&self.known, |member| member.signal(Signal::Kill));
    }

    /// Returns the known processes that are still running, for when the tree cannot be read.
    fn known_left(&self) -> Vec<Process> {
        let runs = |process: &&Process| {
            let handle = Handle::pin(**process).ok().flatten();
            handle.is_some_and(|handle| !handle.is_gone())
        };
        let first = self.tree.first();
        let known = self.known.iter().chain(&first).collect::<BTreeSet<_>>();
        known.into_iter().filter(runs).copied().collect()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{
        effects::process::{Launch, argv, launch},
        env::Env,
        model::facts::{Exit, Mark, RunId, StackId},
        stack::Command,
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[expect(
        clippy::await_holding_lock,
        reason = "no scan may succeed until the kill is over"
    )]
    async fn a_kill_that_runs_out_of_time_leaves_no_process_stopped() {
        let mark = Mark {
            stack: StackId("kill".to_owned()),
            service: "service".into(),
            run: RunId(1),
        };
        let sleeping = Command::Shell("sleep 1000 & exec sleep 1000".to_owned());
        let tree = launch(Launch {
            argv: argv(&sleeping),
            directory: "/".into(),
            environment: Env::of_this_process(),
            mark,
            output: tempfile::tempfile().expect("a file"),
            errors: None,
            input: None,
            colors: false,
            terminal: None,
        });
        let tree = tree.await.expect("a shell");
        let processes = ProcessTable::from_now();
        let held = processes.hold();
        let stopped = kill(&tree, &processes).await;
        assert!(stopped.killed);
        assert_eq!(tree.exited().await, Exit::Signal(9));
        drop(held);
        assert_eq!(tree.living_members(&processes).await.expect("a look"), []);
    }
}
