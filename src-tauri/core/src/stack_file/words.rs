//! Splits a command line into arguments. Nothing is interpreted: no variables, patterns or
//! comments.

/// Splits at white space. `'…'` and `"…"` keep it. A backslash escapes a space, a quote or a
/// backslash, and is literal before anything else, as in `C:\tools`. Returns `None` for an unclosed
/// quote.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (mark, Some(open)) if mark == open => quote = None,
            ('\\', Some('"') | None) => {
                let escaped = characters.next_if(|next| match quote {
                    Some(_) => matches!(next, '"' | '\\'),
                    None => matches!(next, '\'' | '"' | '\\') || next.is_whitespace(),
                });
                word.get_or_insert_default().push(escaped.unwrap_or('\\'));
            }
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap()
    }

    #[test]
    fn words_are_separated_by_white_space() {
        assert_eq!(words("  npm  run\tdev\n"), ["npm", "run", "dev"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn quotes_and_backslashes_keep_white_space() {
        assert_eq!(
            words(r#"a 'b c' "d 'e'" f\ g"#),
            ["a", "b c", "d 'e'", "f g"]
        );
        assert_eq!(
            words(r#"python -c 'import x' "" a"b"c"#),
            ["python", "-c", "import x", "", "abc"]
        );
        assert_eq!(words(r#""a \"b\" \\ \n""#), [r#"a "b" \ \n"#]);
    }

    #[test]
    fn nothing_else_is_interpreted() {
        assert_eq!(
            words(r"C:\tools\run.exe #1 $HOME *.txt ; a|b"),
            [r"C:\tools\run.exe", "#1", "$HOME", "*.txt", ";", "a|b"]
        );
    }

    #[test]
    fn a_quote_must_be_closed() {
        assert_eq!(split("it's"), None);
        assert_eq!(split(r#"a "b\""#), None);
    }
}
