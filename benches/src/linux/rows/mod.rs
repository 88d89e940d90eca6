//! The rows of the table, one to a file.

mod app;
mod chain;
mod cold;
mod down;
mod flood;
mod hundred;
mod left_behind;
mod port_holder;
mod project;
mod restart;
mod status;
mod ten_thousand;
mod thousand;
mod watching;

use super::{Result, managers::Manager, report::Figure};

/// Something to measure.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// On the command line.
    pub(crate) name: &'static str,
    /// In the table of other managers.
    pub(crate) what: &'static str,
    /// Pilot Light, beside what costs least.
    pub(crate) ours: fn() -> Result<Vec<Figure>>,
    /// The same by another manager, where it can do it: a cell of the other table.
    pub(crate) against: Option<fn(&dyn Manager) -> Result<String>>,
}

/// All of them, in the order of the table.
pub(crate) static ALL: [Row; 14] = [
    cold::ROW,
    chain::ROW,
    hundred::ROW,
    restart::ROW,
    down::ROW,
    status::ROW,
    flood::ROW,
    watching::ROW,
    left_behind::ROW,
    thousand::ROW,
    ten_thousand::ROW,
    port_holder::ROW,
    project::ROW,
    app::ROW,
];

/// A row, as named on the command line.
pub(crate) fn by_name(name: &str) -> std::result::Result<&'static Row, String> {
    let known = || ALL.map(|row| row.name).join(", ");
    ALL.iter()
        .find(|row| row.name == name)
        .ok_or_else(|| format!("known are {}", known()))
}
