//! Error codes of binding and connecting on Unix.

use std::io;

use rustix::io::Errno;

use crate::platform::types::Refusal;

/// Returns whether this error of a non-blocking `connect` means that the connection is in progress.
pub(crate) fn is_connecting(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ADDRINUSE => Self::InUse(error.into()),
            Errno::ACCESS | Errno::PERM => Self::Excluded(error.into()),
            Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => Self::Absent,
            _ => Self::Other(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_kernel_are_distinguished() {
        assert!(matches!(Errno::ACCESS.into(), Refusal::Excluded(_)));
        assert!(matches!(Errno::AFNOSUPPORT.into(), Refusal::Absent));
        assert!(matches!(Errno::MFILE.into(), Refusal::Other(_)));
    }
}
