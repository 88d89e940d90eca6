//! The last step of the stop ladder, for which nobody is asked.

use std::{collections::BTreeSet, io, time::Duration};

use tokio::time::timeout;

use super::{
    Census, Tree,
    tree::{in_turn, pinned},
};
use crate::{
    model::facts::{Process, Stopped},
    platform::process::Handle,
    stack::Signal,
};

/// How long it may take until what is left is called left.
const KILLING: Duration = Duration::from_secs(2);

/// How often a tree is looked through for somebody who still runs, before all are killed.
const FREEZES: usize = 8;

/// Kills a whole tree at once, and verifies that nobody is left. Takes at most 2 s.
///
/// Says nothing about the port ([`Stopped::port_held`]).
pub async fn kill(tree: &Tree, census: &Census) -> Stopped {
    let mut killed = false;
    let mut left = Vec::new();
    let killing = kill_all(tree, census, &mut killed);
    if !matches!(timeout(KILLING, killing).await, Ok(Ok(()))) {
        left = remaining(tree, census).await;
    }
    Stopped {
        exit: tree.exit(),
        killed,
        left,
        port_held: false,
    }
}

/// Kills everybody, until nobody is left.
async fn kill_all(tree: &Tree, census: &Census, killed: &mut bool) -> io::Result<()> {
    loop {
        // Nobody can start somebody new, nor lose a child from sight, while all stand still.
        if let Some(first) = tree.handle() {
            let _ = first.freeze_group();
        }
        let mut frozen = BTreeSet::new();
        for _ in 0..FREEZES {
            let members = match tree.left(census).await {
                Ok(members) => members,
                Err(error) => {
                    kill_group(tree, killed);
                    return Err(error);
                }
            };
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
        kill_group(tree, killed);
        *killed |= in_turn(&frozen, |member| member.signal(Signal::Kill));
        let frozen: Vec<Process> = frozen.into_iter().collect();
        for member in pinned(&frozen)? {
            member.gone().await;
        }
    }
}

fn kill_group(tree: &Tree, killed: &mut bool) {
    if let Some(first) = tree.handle() {
        *killed |= first
            .signal_group(Signal::Kill)
            .is_ok_and(|reached| reached);
    }
}

/// Who is still there after all; the first process at least, where nobody can be listed.
async fn remaining(tree: &Tree, census: &Census) -> Vec<Process> {
    if let Ok(members) = tree.left(census).await {
        return members;
    }
    let first = tree.handle().filter(|first| !first.is_gone());
    first.map(Handle::process).into_iter().collect()
}
