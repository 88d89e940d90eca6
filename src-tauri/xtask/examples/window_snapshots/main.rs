//! Prints the snapshots that the window's tests show, as `cargo xtask generate` writes them: what the
//! model and the diagnosis really make of days like these, under the names of the days.

mod days;
mod evidence;
mod stage;

use std::{collections::BTreeMap, sync::Arc};

use pilotlight::model::view::{Snapshot, StackView};

fn main() -> serde_json::Result<()> {
    let snapshots: BTreeMap<&str, Snapshot> = days::ALL
        .iter()
        .map(|(name, day)| (*name, snapshot(day())))
        .collect();
    println!("{}", serde_json::to_string_pretty(&snapshots)?);
    Ok(())
}

fn snapshot(stacks: Vec<Arc<StackView>>) -> Snapshot {
    Snapshot { stacks }
}
