//! Prints the snapshots that the window's tests show, as `cargo xtask generate` writes them: what the
//! model and the diagnosis really make of days like these, under the names of the days.

mod days;
mod evidence;
mod stage;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use pilotlight::model::view::{Snapshot, StackView};
use serde_json::json;

fn main() -> serde_json::Result<()> {
    let snapshots: BTreeMap<&str, _> = days::ALL
        .iter()
        .map(|(name, day)| (*name, written(day())))
        .collect();
    println!("{}", serde_json::to_string_pretty(&snapshots)?);
    Ok(())
}

/// The stacks as they are at the end of a day, and when that is.
struct Evening {
    stacks: Vec<Arc<StackView>>,
    at: SystemTime,
}

fn written(Evening { stacks, at }: Evening) -> serde_json::Value {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    json!({ "at": since.unwrap_or_default().as_secs_f64() * 1000.0, "snapshot": Snapshot { stacks } })
}
