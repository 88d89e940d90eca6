//! The programs that listen on any port of this computer.

use std::collections::BTreeMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate};

use crate::platform::socket::all_listening;

/// Returns the listening ports, each with the name of the program if the system reports it.
#[must_use]
pub fn programs_by_port() -> BTreeMap<u16, Option<String>> {
    let sockets = all_listening().unwrap_or_default();
    let pids: Vec<Pid> = sockets
        .iter()
        .filter_map(|socket| socket.processes.first())
        .map(|process| Pid::from_u32(process.pid))
        .collect();
    let mut table = sysinfo::System::new().ok();
    if let Some(table) = &mut table {
        let what = ProcessRefreshKind::nothing();
        table.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, what);
    }
    let mut listening = BTreeMap::new();
    for socket in sockets {
        let process = socket.processes.first();
        let process =
            process.and_then(|process| table.as_ref()?.process(Pid::from_u32(process.pid)));
        let name = process.map(|process| {
            let name = process.name().to_string_lossy();
            name.trim_end_matches(".exe").to_owned()
        });
        let known = listening.entry(socket.address.port()).or_insert(None);
        if known.is_none() {
            *known = name;
        }
    }
    listening
}
