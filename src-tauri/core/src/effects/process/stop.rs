//! The stop ladder: ask, wait, kill, verify. It always ends.

use std::{collections::BTreeSet, ffi::OsString, io, path::Path, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    ProcessTable, Tree, kill, run_helper,
    tree::{all_gone, in_turn},
};
use crate::{
    model::facts::Stopped,
    platform::process as platform,
    stack::{Command, Signal},
};

/// How long those outside the group wait for their turn: their parent, which was asked with the
/// group, is the one that knows how to end them.
const PARENTS_TURN: Duration = Duration::from_millis(50);

/// How often somebody new may appear while the tree is asked to leave. A tree that goes on like
/// this does not mean to leave.
const NEWCOMERS: usize = 16;

/// The polite step of a stop.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// A signal to the whole tree. `Kill` skips the politeness.
    Signal(Signal),
    /// A command of the service's own, in its directory and environment. If it cannot be run or
    /// does not end with 0, the tree is sent SIGTERM.
    Command {
        /// Which.
        command: &'a Command<String>,
        /// The service's working directory.
        directory: &'a Path,
        /// The service's environment, complete.
        environment: &'a [(OsString, OsString)],
    },
}

/// Stops a tree: requests a graceful exit, kills the processes that are left after `patience` (or when
/// `kill_now` is cancelled), and verifies that none is left. Takes at most `patience` and 4 s.
///
/// Says nothing about the port ([`Stopped::port_held`]).
pub async fn stop(
    tree: &Tree,
    processes: &ProcessTable,
    ask: Ask<'_>,
    patience: Duration,
    kill_now: &CancellationToken,
) -> Stopped {
    // While the first process lives, so do the ties to those who share neither its group nor,
    // any more, its mark.
    tree.know_descendants();
    tree.begin_stop();
    let politely = async {
        matches!(
            timeout(patience, leave(tree, processes, ask, patience)).await,
            Ok(Ok(true))
        )
    };
    let has_left = tokio::select! {
        biased;
        () = kill_now.cancelled() => false,
        has_left = politely => has_left,
    };
    if !has_left {
        return kill(tree, processes).await;
    }
    Stopped {
        exit: tree.exit(),
        beside: tree.ended_beside(&[]),
        ..Stopped::default()
    }
}

/// Asks the tree to leave. Gives `true` once nobody is left, and `false` if it is of no use.
async fn leave(
    tree: &Tree,
    processes: &ProcessTable,
    ask: Ask<'_>,
    patience: Duration,
) -> io::Result<bool> {
    let mut signal = Signal::Terminate;
    let mut asked_at = None;
    match ask {
        Ask::Signal(Signal::Kill) => return Ok(false),
        Ask::Signal(polite) => {
            signal = polite;
            asked_at = ask_group(tree, signal);
        }
        Ask::Command {
            command,
            directory,
            environment,
        } => {
            let outcome = run_helper(command, directory, environment, patience).await;
            if !outcome.is_ok_and(|output| output.exit.is_success()) {
                asked_at = ask_group(tree, signal);
            }
        }
    }
    if let Some(first) = tree.handle() {
        if asked_at.is_some() {
            let _ = timeout(PARENTS_TURN, first.gone()).await;
        } else {
            first.gone().await;
        }
    }

    let mut asked = BTreeSet::new();
    for _ in 0..NEWCOMERS {
        let table = processes.take_for(tree.mark()).await?;
        let members = tree.members(&table);
        if members.is_empty() {
            return Ok(true);
        }
        if let (Some(asked_at), Some(group)) = (asked_at, tree.first()) {
            // Many programs take a second signal for impatience and leave things undone.
            let rows = table.rows().iter();
            let in_group = rows.filter(|row| row.group == group.pid);
            let had_it = in_group.filter(|row| row.process.started < asked_at);
            asked.extend(had_it.map(|row| row.process));
        }
        in_turn(
            members.iter().filter(|member| asked.insert(**member)),
            |member| member.signal(signal),
        );
        all_gone(&members).await?;
    }
    Ok(false)
}

/// Sends the signal to the whole group at once, and gives the moment at which it had not been
/// sent yet; `None` if there is no group to send it to.
fn ask_group(tree: &Tree, signal: Signal) -> Option<u64> {
    let now = platform::ticks_now();
    let reached = tree.handle()?.signal_group(signal);
    reached.is_ok_and(|reached| reached).then_some(now)
}
