use std::{io, net::SocketAddr};

use sysinfo::Uid;

use crate::model::facts::Process;

/// Why an address cannot be bound.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A socket stands in the way: a listener, or one of which only the kernel knows.
    InUse(io::Error),
    /// The operating system keeps the port back, or asks for privileges.
    Excluded(io::Error),
    /// This machine has no such address, or not the whole address family.
    Absent,
    /// Anything else: out of descriptors, say.
    Other(io::Error),
}

/// A socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    /// Where; an IPv4 address that is written as an IPv6 one is given as the former.
    pub(crate) address: SocketAddr,
    /// Whether the present user opened it.
    pub(crate) own: bool,
    /// The user who opened it, where the operating system tells.
    pub(crate) user: Option<Uid>,
    /// Who holds it. Several processes do after a fork, none where the operating system does not
    /// tell: it is another user's, or the kernel's own.
    pub(crate) processes: Vec<Process>,
}

/// How many may be looked at to find all who hold a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// Only those who likely do, and then the relatives of whoever does: enough to say who it is.
    Family,
    /// Everyone, since a copy may have gone anywhere: a grandchild that left its family, say.
    Everyone,
}
