//! Checks that the logs contain every line that the counter wrote.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use crate::stage::Stage;

/// The result of the line check.
pub(crate) struct Lines {
    /// The number of lines that were certainly written.
    pub(crate) written: u64,
    /// The lines that are missing in the logs.
    pub(crate) lost: Vec<String>,
}

/// Compares the records of the counters with the output of `pilotlight logs`.
pub(crate) fn compare(stage: &Stage) -> io::Result<Lines> {
    // Read first, so that lines written meanwhile do not count.
    let mut written = BTreeMap::new();
    for entry in fs::read_dir(stage.counted())? {
        let entry = entry?;
        let pid = entry.file_name().to_string_lossy().into_owned();
        // A counter that was killed before its first line has an empty record.
        if let Ok(last) = fs::read_to_string(entry.path())?.parse::<u64>() {
            written.insert(pid, last);
        }
    }
    let logs = stage.run(&["logs", "counter", "--all-runs"])?;
    let mut found: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for line in logs.output.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let [.., "count", pid, number] = words[..]
            && let Ok(number) = number.parse()
        {
            found.entry(pid).or_default().insert(number);
        }
    }
    let mut lines = Lines {
        written: 0,
        lost: Vec::new(),
    };
    for (pid, last) in written {
        lines.written += last + 1;
        let found = found.remove(pid.as_str()).unwrap_or_default();
        let lost: Vec<_> = (0..=last)
            .filter(|number| !found.contains(number))
            .collect();
        if let Some(first) = lost.first() {
            let (lost, of) = (lost.len(), last + 1);
            lines.lost.push(format!(
                "{lost} of {of} lines of process {pid} are lost, the first of them number {first}\n{}",
                logs.errors
            ));
        }
    }
    Ok(lines)
}
