//! A finding as a card: the cause, the fix, the affected services and the evidence.

use anstyle::Style;
use pilotlight::model::finding::Finding;

use super::Look;
use crate::paint::{BOLD, DIM, PLAIN, RED, paint, tame, width, wrap};

/// The limit of evidence in a card; `doctor` shows all.
const MOST_EVIDENCE: usize = 4;

/// Returns the lines of a card, wrapped at words to the width of the terminal.
pub(crate) fn card(finding: &Finding, look: Look) -> Vec<String> {
    let signs = look.signs;
    let bar = paint(RED, signs.bar());
    let mut lines = Vec::new();
    let mut add = |style: Style, mark: &str, text: &str| {
        let before = 3 + width(signs.bar()) + width(mark);
        let room = look
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(before));
        for (place, text) in wrap(&tame(text), room).iter().enumerate() {
            let mark = if place == 0 {
                mark.to_owned()
            } else {
                " ".repeat(width(mark))
            };
            lines.push(format!("  {bar} {mark}{}", paint(style, text)));
        }
    };
    add(BOLD, "", &finding.title);
    add(PLAIN, &format!("{} ", signs.arrow()), &finding.remedy.text);
    for symptom in &finding.symptoms {
        let check = symptom.check.as_ref();
        let check = check.map_or_else(String::new, |check| format!(" “{check}”"));
        let text = format!(
            "also affected: {}{check}: {}",
            symptom.service, symptom.text
        );
        add(PLAIN, "  ", &text);
    }
    for evidence in finding.evidence.iter().take(MOST_EVIDENCE) {
        add(DIM, "  ", evidence);
    }
    lines
}
