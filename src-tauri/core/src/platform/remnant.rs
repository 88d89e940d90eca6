/// What is found at the address of the control socket before a daemon listens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    windows,
    expect(
        dead_code,
        reason = "a pipe ends with its listener, and nothing else can have its name"
    )
)]
pub(crate) enum Remnant {
    /// Nothing.
    Nothing,
    /// The socket of a daemon that is no more.
    Stale,
    /// Somebody answers.
    Answering,
    /// Something else than a socket.
    Stranger,
}
