//! Stops a tree: signal, wait, kill, verify. It always ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    ProcessTable, Tree, kill, run_helper,
    tree::{all_gone, in_turn},
};
use crate::{
    env::Env,
    model::facts::{Mark, Process, Stopped},
    platform::process as platform,
    stack::{Command, Signal},
};

/// The delay before processes outside the group are signalled: their parent, which was signalled
/// with the group, knows how to stop them.
const PARENTS_TURN: Duration = Duration::from_millis(50);

/// The number of times that new processes may appear during a graceful stop. A tree that keeps
/// starting more does not exit.
const NEWCOMERS: usize = 16;

/// The grace period of the remaining processes of a run.
const GRACE: Duration = Duration::from_secs(5);

/// The graceful step of a stop.
#[derive(Clone, Copy, Debug)]
pub enum StopRequest<'a> {
    /// A signal to the whole tree. `Kill` skips the graceful step.
    Signal(Signal),
    /// A command of the service, in its directory and environment. If it cannot be run or fails,
    /// SIGTERM is sent to the tree.
    Command {
        /// The command.
        command: &'a Command<String>,
        /// The service's working directory.
        directory: &'a Path,
        /// The service's environment, complete.
        environment: &'a Env,
    },
}

/// Stops a tree: requests a graceful exit, kills the processes that are left after `grace` (or when
/// `kill_now` is cancelled), and verifies that none is left. Takes at most `grace` and 4 s.
///
/// Does not check the port ([`Stopped::port_held`]).
pub async fn stop(
    tree: &Tree,
    processes: &ProcessTable,
    request: StopRequest<'_>,
    grace: Duration,
    kill_now: &CancellationToken,
) -> Stopped {
    // Descendants that have left the group and lost the mark can be found only while the first
    // process is running.
    tree.know_descendants();
    tree.begin_stop();
    let graceful = async {
        matches!(
            timeout(grace, exit_gracefully(tree, processes, request, grace)).await,
            Ok(Ok(true))
        )
    };
    let has_exited = tokio::select! {
        biased;
        () = kill_now.cancelled() => false,
        has_exited = graceful => has_exited,
    };
    if !has_exited {
        return kill(tree, processes).await;
    }
    Stopped {
        exit: tree.exit(),
        beside: tree.ended_beside(&[]),
        ..Stopped::default()
    }
}

/// Stops the remaining processes of runs, each run with its whole tree: SIGTERM, a grace period of five
/// seconds, SIGKILL. `kill_now` skips the first two. Returns the survivors.
pub async fn stop_remains(
    running: impl IntoIterator<Item = (Process, Mark)>,
    processes: &ProcessTable,
    kill_now: &CancellationToken,
) -> Vec<(Process, Mark)> {
    let mut runs: BTreeMap<Mark, Vec<Process>> = BTreeMap::new();
    for (process, mark) in running {
        runs.entry(mark).or_default().push(process);
    }
    let mut stops = JoinSet::new();
    for (mark, members) in runs {
        let (processes, kill_now) = (processes.clone(), kill_now.clone());
        stops.spawn(async move {
            let tree = Tree::remains(mark.clone(), members);
            let request = StopRequest::Signal(Signal::Terminate);
            let stopped = stop(&tree, &processes, request, GRACE, &kill_now).await;
            let survivors = stopped.survivors.into_iter();
            survivors.map(move |survivor| (survivor, mark.clone()))
        });
    }
    let mut survivors = Vec::new();
    while let Some(stopped) = stops.join_next().await {
        survivors.extend(stopped.into_iter().flatten());
    }
    survivors
}

/// Requests a graceful exit. Returns `true` once no process is left, and `false` if that failed.
async fn exit_gracefully(
    tree: &Tree,
    processes: &ProcessTable,
    request: StopRequest<'_>,
    grace: Duration,
) -> io::Result<bool> {
    let mut signal = Signal::Terminate;
    let mut signalled_at = None;
    match request {
        StopRequest::Signal(Signal::Kill) => return Ok(false),
        StopRequest::Signal(graceful) => {
            signal = graceful;
            signalled_at = signal_group(tree, signal);
        }
        StopRequest::Command {
            command,
            directory,
            environment,
        } => {
            let outcome = run_helper(command, directory, environment, grace).await;
            if !outcome.is_ok_and(|output| output.exit.is_success()) {
                signalled_at = signal_group(tree, signal);
            }
        }
    }
    if let Some(first) = tree.handle() {
        if signalled_at.is_some() {
            let _ = timeout(PARENTS_TURN, first.gone()).await;
        } else {
            first.gone().await;
        }
    }

    let mut signalled = BTreeSet::new();
    for _ in 0..NEWCOMERS {
        let table = processes.scan_for_mark(tree.mark()).await?;
        let members = tree.members(&table);
        if members.is_empty() {
            return Ok(true);
        }
        if let (Some(signalled_at), Some(group)) = (signalled_at, tree.first()) {
            // Many programs take a second signal as a request to exit at once and leave work
            // undone.
            let rows = table.rows().iter();
            let in_group = rows.filter(|row| row.group == group.pid);
            let before = in_group.filter(|row| row.process.started < signalled_at);
            signalled.extend(before.map(|row| row.process));
        }
        in_turn(
            members.iter().filter(|member| signalled.insert(**member)),
            |member| member.signal(signal),
        );
        all_gone(&members).await?;
    }
    Ok(false)
}

/// Sends the signal to the whole group, and returns a time just before that; `None` if there is no
/// group.
fn signal_group(tree: &Tree, signal: Signal) -> Option<u64> {
    let now = platform::ticks_now();
    let reached = tree.handle()?.signal_group(signal);
    reached.is_ok_and(|reached| reached).then_some(now)
}
