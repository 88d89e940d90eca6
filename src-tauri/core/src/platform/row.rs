use std::sync::Arc;

use crate::model::facts::{Mark, Process};

/// One process of a table of all processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub process: Process,
    /// The number of its parent.
    pub parent: u32,
    /// The number of its process group; 0 where there are none.
    pub group: u32,
    /// The mark that it carries, or was seen to carry before.
    pub mark: Option<Arc<Mark>>,
}
