//! The figures, as tables that read well in a terminal and in a README.

use std::{fmt::Write as _, time::Duration};

use super::{machine, managers::Manager, rows::Row};

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) ours: String,
    /// The baseline, with its name.
    pub(crate) other: String,
    /// Ours divided by the baseline.
    pub(crate) ratio: Option<f64>,
    /// The target; `None` if the figure is only informative.
    pub(crate) target: Option<Target>,
}

/// The target of a figure, and whether the figure meets it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) text: String,
    pub(crate) met: bool,
}

impl Target {
    pub(crate) fn below(value: f64, limit: f64, unit: &str) -> Self {
        Self {
            text: format!("< {limit}{unit}"),
            met: value < limit,
        }
    }

    /// Like [`Self::below`], for a time.
    pub(crate) fn below_ms(value: Duration, limit: f64) -> Self {
        Self::below(value.as_secs_f64() * 1000.0, limit, " ms")
    }

    pub(crate) fn at_most(value: f64, limit: f64, unit: &str) -> Self {
        Self {
            text: format!("≤ {limit:.1}{unit}"),
            met: value <= limit,
        }
    }

    pub(crate) fn at_least(value: f64, limit: f64, unit: &str) -> Self {
        Self {
            text: format!("≥ {limit}{unit}"),
            met: value >= limit,
        }
    }
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Something could not be measured.
    Failed,
}

/// All figures of one run.
pub(crate) struct Report<'a> {
    others: &'a [&'static dyn Manager],
    figures: Vec<Figure>,
    /// The cells of other managers, for each row that supports them.
    beside: Vec<(&'static str, Vec<String>)>,
    failures: Vec<String>,
    load_before: String,
}

impl<'a> Report<'a> {
    pub(crate) fn new(others: &'a [&'static dyn Manager]) -> Self {
        Self {
            others,
            figures: Vec::new(),
            beside: Vec::new(),
            failures: Vec::new(),
            load_before: machine::load(),
        }
    }

    /// Measures a row. If that fails, the report says so and the other rows continue.
    pub(crate) fn measure(&mut self, row: &'static Row) {
        eprintln!("  {} …", row.name);
        match (row.ours)() {
            Ok(figures) => self.figures.extend(figures),
            Err(error) => self.failures.push(format!("{}: {error}", row.name)),
        }
        let Some(against) = row.against else { return };
        let mut cells = Vec::new();
        for manager in self.others {
            eprintln!("  {} by {} …", row.name, manager.name());
            cells.push(match manager.program() {
                None => "not installed".into(),
                Some(_) => against(*manager).unwrap_or_else(|error| {
                    self.failures
                        .push(format!("{} by {}: {error}", row.name, manager.name()));
                    "failed".into()
                }),
            });
        }
        self.beside.push((row.what, cells));
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let missed = |figure: &Figure| figure.target.as_ref().is_some_and(|target| !target.met);
        if !self.failures.is_empty() {
            Verdict::Failed
        } else if self.figures.iter().any(missed) {
            Verdict::Missed
        } else {
            Verdict::Met
        }
    }

    /// Returns the tables in Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "On {}; load {} before and {} after.\n\n",
            machine::description(),
            self.load_before,
            machine::load()
        );
        let head = ["what", "Pilot Light", "baseline", "ratio", "target", ""];
        let rows = self.figures.iter().map(Figure::cells);
        table(&mut text, &head.map(str::to_owned), rows);
        if !self.others.is_empty() && !self.beside.is_empty() {
            text.push('\n');
            let mut head = vec!["the same by".to_owned()];
            head.extend(self.others.iter().map(|other| machine::version(*other)));
            let rows = self.beside.iter().map(|(what, cells)| {
                std::iter::once((*what).to_owned())
                    .chain(cells.iter().cloned())
                    .collect()
            });
            table(&mut text, &head, rows);
        }
        for failure in &self.failures {
            let _ = write!(text, "\nNot measured: {failure}\n");
        }
        text
    }
}

impl Figure {
    fn cells(&self) -> Vec<String> {
        let ratio = self.ratio.map(|ratio| format!("{ratio:.2} ×"));
        let asked = self.target.as_ref().map(|target| target.text.clone());
        let mark = match &self.target {
            None => "",
            Some(Target { met: true, .. }) => "✓",
            Some(Target { met: false, .. }) => "✗",
        };
        vec![
            self.what.clone(),
            self.ours.clone(),
            self.other.clone(),
            ratio.unwrap_or_default(),
            asked.unwrap_or_default(),
            mark.to_owned(),
        ]
    }
}

/// Appends a Markdown table whose columns are aligned as plain text too.
fn table(text: &mut String, head: &[String], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    for (number, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(text, "| {cell:<width$} ", width = width(column));
        }
        text.push_str("|\n");
        if number == 0 {
            for column in 0..row.len() {
                let _ = write!(text, "| {} ", "-".repeat(width(column).max(3)));
            }
            text.push_str("|\n");
        }
    }
}
