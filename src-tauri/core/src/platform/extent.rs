use std::time::SystemTime;

/// How far a file has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes, those let go included.
    pub(crate) size: u64,
    /// When the last of them was written. On Linux exact to a tick of the kernel (4 ms). An
    /// operating system that notes this late for files which are open answers with the present
    /// time when the size has grown since.
    pub(crate) modified: SystemTime,
}
