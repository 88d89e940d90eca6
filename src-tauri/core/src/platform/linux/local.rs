//! Private files, and the identity of the current boot.

use std::fs;

pub(crate) use crate::platform::unix::local::{
    connect, dial, engine_addresses, id_at, id_of, is_file_address, listen, make_private, peer,
    private_file, private_folder, remnant, second_lock, socket_address,
};

/// Returns an identifier of the current boot of the machine, if the system reports one. Source:
/// proc(5), `/proc/sys/kernel/random/boot_id`.
pub(crate) fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}
