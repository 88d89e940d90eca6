//! Runs the rounds and reports the results.

use std::{
    collections::BTreeMap, process::ExitCode, sync::atomic::Ordering, thread, time::Instant,
};

use crate::{
    faults::Fault,
    options::Options,
    round::{self, INTERRUPTED, Record},
};

/// Plays rounds until the time is over. Fails if something was violated.
pub(crate) fn run(options: &Options) -> ExitCode {
    stop_at_ctrl_c();
    let begun = Instant::now();
    let numbers = match options.round {
        Some(round) => round..=round,
        None => 1..=u32::MAX,
    };
    let mut rounds = 0_u32;
    let mut lines = 0;
    let mut faults: BTreeMap<Fault, u32> = BTreeMap::new();
    let mut bad = Vec::new();
    for number in numbers {
        let late = rounds > 0 && begun.elapsed() > options.time;
        if late || INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
        let record = round::play(options.seed, number).unwrap_or_else(|error| Record {
            faults: Vec::new(),
            lines: 0,
            violations: vec![format!("the round could not run: {error}")],
            folder: None,
        });
        rounds += 1;
        lines += record.lines;
        for fault in &record.faults {
            *faults.entry(*fault).or_default() += 1;
        }
        tell(number, &record);
        if !record.violations.is_empty() {
            bad.push((number, record.violations.len()));
        }
    }

    let seed = options.seed;
    let seconds = begun.elapsed().as_secs();
    println!("chaos: seed {seed}, {rounds} rounds in {seconds} s, {lines} lines counted");
    for (fault, count) in &faults {
        println!("  {count:5} {}", fault.name());
    }
    let violations: usize = bad.iter().map(|(_, count)| count).sum();
    println!("chaos: {violations} violations");
    for (number, _) in &bad {
        println!("  repeat with `cargo xtask chaos --seed {seed} --round {number}`");
    }
    if bad.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tell(number: u32, record: &Record) {
    let faults: Vec<_> = record.faults.iter().map(|fault| fault.name()).collect();
    let verdict = match record.violations.len() {
        0 => "ok".to_owned(),
        count => format!("{count} VIOLATIONS"),
    };
    println!("round {number}: {verdict}: {}", faults.join(" "));
    for violation in &record.violations {
        println!("  - {}", violation.trim_end().replace('\n', "\n    "));
    }
    if let Some(folder) = &record.folder {
        println!("  all files are in {}", folder.display());
    }
}

/// Stops after the current round on Ctrl-C. A second one kills this program.
fn stop_at_ctrl_c() {
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if INTERRUPTED.swap(true, Ordering::Relaxed) {
                    std::process::abort();
                }
            }
        });
    });
}
