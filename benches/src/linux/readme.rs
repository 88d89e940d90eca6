//! Writes the figures of one run to the README.

use std::{fs, path::Path};

use super::Result;

const BEGIN: &str = "<!-- figures: `cargo xtask bench --write` puts them here -->\n";
const END: &str = "<!-- end of the figures -->\n";

/// Replaces the text between the marks.
pub(crate) fn write(file: &Path, figures: &str) -> Result {
    let text = fs::read_to_string(file)?;
    let marks = || format!("{} has no place for the figures", file.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    Ok(fs::write(
        file,
        format!("{before}{BEGIN}\n{figures}\n{END}{after}"),
    )?)
}
