//! The machine on which the figures were measured.

use std::fs;

use super::{Result, managers::Manager, stage::Stage};

/// Returns processor, cores, memory and kernel on one line.
pub(crate) fn description() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after_colon = |line: &str| {
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
    };
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(after_colon)
        .unwrap_or_else(|| "an unnamed processor".into());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo")
        .lines()
        .next()
        .and_then(after_colon)
        .and_then(|memory| memory.split(' ').next()?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
        / 1024;
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{model}, {cores} cores, {memory} GiB, Linux {}",
        kernel.trim()
    )
}

/// Returns the load average of the last minute.
pub(crate) fn load() -> String {
    let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split(' ').next().unwrap_or("?").to_owned()
}

/// Returns the name and version of a manager, or that it is not installed.
pub(crate) fn version(manager: &dyn Manager) -> String {
    let printed = || -> Result<String> {
        let stage = Stage::new()?;
        let output = manager.version(&stage)?.output()?;
        Ok(String::from_utf8(output.stdout)?)
    };
    if manager.program().is_none() {
        return format!("{} (not installed)", manager.name());
    }
    let printed = printed().unwrap_or_default();
    let is_number = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    let number = printed.split_whitespace().rfind(is_number);
    format!("{} {}", manager.name(), number.unwrap_or("?"))
}
