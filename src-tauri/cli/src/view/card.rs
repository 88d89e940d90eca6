//! A finding, as a person reads it.

use pilotlight::model::finding::Finding;

use super::Look;
use crate::paint::{BOLD, DIM, PLAIN, RED, cut, paint, tame, width};

/// More evidence than this is left to `doctor`.
const MOST_EVIDENCE: usize = 4;

/// What is wrong, how one knows, what else it explains, and what to do.
pub(crate) fn card(finding: &Finding, look: Look) -> Vec<String> {
    let signs = look.signs;
    let mut lines = Vec::new();
    let mut line = |style, indent: &str, text: &str| {
        let text = tame(text);
        let before = 4 + width(signs.bar()) - 1 + indent.len();
        let room = look
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(before));
        let text = cut(&text, room, signs);
        let bar = paint(RED, signs.bar());
        lines.push(format!("  {bar} {indent}{}", paint(style, &text)));
    };
    line(BOLD, "", &finding.title);
    for evidence in finding.evidence.iter().take(MOST_EVIDENCE) {
        line(DIM, "  ", evidence);
    }
    for symptom in &finding.symptoms {
        line(
            PLAIN,
            "  ",
            &format!("so {}: {}", symptom.service, symptom.text),
        );
    }
    line(
        PLAIN,
        "",
        &format!("{} {}", signs.arrow(), finding.remedy.text),
    );
    lines
}
