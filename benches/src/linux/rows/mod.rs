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
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its title in the table of other managers.
    pub(crate) what: &'static str,
    /// Measures Pilot Light and the baseline.
    pub(crate) ours: fn() -> Result<Vec<Figure>>,
    /// Measures another manager and returns its cell, if the row supports that.
    pub(crate) against: Option<fn(&dyn Manager) -> Result<String>>,
}

/// All rows, in the order of the table.
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

/// Returns the row with this name on the command line.
pub(crate) fn by_name(name: &str) -> std::result::Result<&'static Row, String> {
    let known = || ALL.map(|row| row.name).join(", ");
    ALL.iter()
        .find(|row| row.name == name)
        .ok_or_else(|| format!("the rows are {}", known()))
}
