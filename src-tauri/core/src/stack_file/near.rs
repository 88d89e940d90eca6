//! Suggests known words for unknown ones and shortens words for messages.

/// The maximum length of a word with suggestions. Longer words are not typing mistakes and are slow
/// to compare.
const LONGEST: usize = 64;
const MOST_CANDIDATES: usize = 2_000;

/// Returns the most similar candidate, if any is similar enough.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if word.len() > LONGEST {
        return None;
    }
    let simple = plain(word);
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (closeness(&simple, &plain(candidate)), candidate))
        .filter(|(closeness, _)| *closeness > 0.6)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Returns the similarity from 0 to 1. A common prefix or suffix counts even for short words.
fn closeness(word: &str, candidate: &str) -> f64 {
    if word == candidate {
        return 1.0;
    }
    let (short, long) = if word.len() < candidate.len() {
        (word, candidate)
    } else {
        (candidate, word)
    };
    if short.len() >= 3 && (long.starts_with(short) || long.ends_with(short)) {
        return 0.9;
    }
    let slips = (candidate.chars().count() / 3).max(1);
    if strsim::damerau_levenshtein(word, candidate) > slips {
        return 0.0;
    }
    strsim::jaro_winkler(word, candidate)
}

/// Normalizes case, `-` and `_`, which are often confused.
fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Returns a word for a message: short, and without terminal sequences.
pub(super) fn shown(word: &str) -> String {
    const SHOWN: usize = 60;
    let mut text = String::new();
    for character in word.chars().take(SHOWN) {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    if word.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_intended_one() {
        let keys = [
            "env",
            "env_points_at",
            "env_file",
            "needs",
            "port",
            "port_conflict",
            "log",
        ];
        for (written, meant) in [
            ("need", "needs"),
            ("Env", "env"),
            ("env-file", "env_file"),
            ("envfile", "env_file"),
            ("prot", "port"),
            ("portconflict", "port_conflict"),
            ("logs", "log"),
        ] {
            assert_eq!(nearest(written, keys).as_deref(), Some(meant), "{written}");
        }
        assert_eq!(nearest("volumes", keys), None);
        assert_eq!(nearest(&"p".repeat(1_000_000), keys), None);
    }

    #[test]
    fn a_terminal_never_gets_a_control_character() {
        assert_eq!(shown("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 61);
    }
}
