//! A process that the kernel killed since memory ran out.

/// Who was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OomKill {
    /// The process.
    pub(crate) pid: u32,
    /// What the kernel says of it.
    pub(crate) line: String,
}
