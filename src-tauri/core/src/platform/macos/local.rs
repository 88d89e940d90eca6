//! Private files, and the identity of the current boot.

use std::ptr;

pub(crate) use crate::platform::unix::local::{
    connect, dial, engine_addresses, id_at, id_of, is_file_address, listen, make_private, peer,
    private_file, private_folder, remnant, second_lock, socket_address,
};

/// Returns an identifier of the current boot of the machine, if the system reports one. Source:
/// `sysctl(3)`, `kern.bootsessionuuid`.
pub(crate) fn boot_id() -> Option<String> {
    let mut text = [0_u8; 64];
    let mut length = text.len();
    // SAFETY: the name ends with a zero, and at most `length` bytes are written to `text`.
    let outcome = unsafe {
        libc::sysctlbyname(
            c"kern.bootsessionuuid".as_ptr(),
            text.as_mut_ptr().cast(),
            &raw mut length,
            ptr::null_mut(),
            0,
        )
    };
    if outcome != 0 {
        return None;
    }
    let text = std::ffi::CStr::from_bytes_until_nul(&text).ok()?;
    Some(text.to_str().ok()?.to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_identifier_does_not_change() {
        let first = boot_id().unwrap();
        assert_eq!(boot_id().unwrap(), first);
    }
}
