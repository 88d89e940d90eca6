/// The identity of a file, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    /// Its volume.
    pub(crate) device: u64,
    /// Its number on that volume. Reused only when the file is deleted and no process has it open.
    pub(crate) number: u64,
}
