/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    /// The volume that it is on.
    pub(crate) device: u64,
    /// Its number there. Given anew only when the file is deleted and nothing has it open.
    pub(crate) number: u64,
}
