//! Prints the snapshots for the tests of the window, for `cargo xtask generate`: the real output of the model
//! and the diagnosis for these days, and the core's words for them.

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

/// The stacks at the end of a day, and the time.
struct Evening {
    stacks: Vec<Arc<StackView>>,
    at: SystemTime,
}

fn written(Evening { stacks, at }: Evening) -> serde_json::Value {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let words = stacks.iter().map(|stack| {
        let services = stack.services.iter();
        let services: BTreeMap<_, _> = services
            .map(|service| (service.name.clone(), (service.state(), service.reason())))
            .collect();
        json!({ "summary": stack.summary(), "services": services })
    });
    let words: Vec<_> = words.collect();
    json!({
        "at": since.unwrap_or_default().as_secs_f64() * 1000.0,
        "words": words,
        "snapshot": Snapshot { stacks },
    })
}
