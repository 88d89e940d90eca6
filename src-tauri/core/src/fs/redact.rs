//! Redacts secrets in command lines, log lines and evidence. Text that looks like a secret is
//! replaced by [`REDACTED`]; the surrounding words stay, so that the text remains useful.

mod keys;

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
    sync::{OnceLock, PoisonError, RwLock},
};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The replacement of a secret.
pub const REDACTED: &str = "***";

/// A kind of secret.
struct Rule {
    /// Lowercase literals of which every match contains at least one.
    keywords: &'static [&'static str],
    /// The pattern with the secret as the group `secret`.
    pattern: &'static str,
    /// Values that are not secrets, in lower case.
    except: &'static [&'static str],
}

// `tables/secrets.toml`
include!(concat!(env!("OUT_DIR"), "/secrets.rs"));

/// The compiled patterns of the rules, filled on first use.
static BUILT: [OnceLock<Regex>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];

/// A text without secrets, which are masked on creation.
#[derive(
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(from = "String")]
pub struct Redacted(String);

impl From<String> for Redacted {
    fn from(text: String) -> Self {
        match redact(&text) {
            Cow::Borrowed(_) => Self(text),
            Cow::Owned(masked) => Self(masked),
        }
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self(redact(text).into_owned())
    }
}

impl Deref for Redacted {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Redacted {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Redacted {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Redacted {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Returns the text with everything that looks like a secret replaced by [`REDACTED`]: the value of
/// `password=…`, `"token": "…"` or `--api-key …`, the password in an address, a bearer token, a
/// well-known kind of key, a private key. Borrowed if it contains no secret. Redacting twice
/// changes nothing more.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    if let Some(replaced) = without(text, keys::keys(text)) {
        masked = Cow::Owned(replaced);
    }
    let lowercase = masked.to_ascii_lowercase();
    for (rule, built) in RULES.iter().zip(&BUILT) {
        let mut keywords = rule.keywords.iter();
        if keywords.any(|keyword| lowercase.contains(keyword))
            && let Some(replaced) = without(&masked, rule.secrets(&masked, built))
        {
            masked = Cow::Owned(replaced);
        }
    }
    if let Some(replaced) = without(&masked, known_secrets(&masked)) {
        masked = Cow::Owned(replaced);
    }
    masked
}

/// Values that are secrets although they match no pattern, the longest first.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());
/// The minimum length of such a value. Shorter ones occur by chance.
const SHORTEST_SECRET: usize = 8;
/// The maximum number of such values.
const MOST_KNOWN: usize = 1024;

/// Masks these values in every text from now on. Words such as `production` and addresses without a
/// password are not secrets.
pub(crate) fn add_secrets(values: impl Iterator<Item = String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for value in values {
        let is_word = value.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let is_address = value.contains("://");
        if value.len() >= SHORTEST_SECRET && !is_word && !is_address && !known.contains(&value) {
            known.push(value);
        }
    }
    known.sort_by_key(|value| std::cmp::Reverse(value.len()));
    known.truncate(MOST_KNOWN);
}

/// Returns the positions of known secrets in a text, in order.
fn known_secrets(text: &str) -> Vec<(usize, usize)> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let found = known.iter().flat_map(|value| text.match_indices(&**value));
    let mut found: Vec<_> = found.map(|(at, value)| (at, at + value.len())).collect();
    found.sort_by_key(|&(from, to)| (from, std::cmp::Reverse(to)));
    let mut end = 0;
    found.retain(|&(from, to)| {
        let is_apart = from >= end;
        end = if is_apart { to } else { end };
        is_apart
    });
    found
}

/// Returns the text with these parts, which must be in order, replaced; `None` if there are none.
fn without(text: &str, secrets: Vec<(usize, usize)>) -> Option<String> {
    let mut replaced = String::new();
    let mut rest = 0;
    for (from, to) in secrets {
        replaced.push_str(&text[rest..from]);
        replaced.push_str(REDACTED);
        rest = to;
    }
    (rest > 0).then(|| replaced + &text[rest..])
}

impl Rule {
    fn secrets(&self, text: &str, built: &OnceLock<Regex>) -> Vec<(usize, usize)> {
        let pattern = built.get_or_init(|| build(self.pattern));
        let found = pattern.captures_iter(text);
        let found = found.filter_map(|captures| captures.name("secret"));
        let is_secret = |value: &str| {
            let value = value.trim_matches(['"', '\'']);
            let mut except = self.except.iter();
            !except.any(|except| value.eq_ignore_ascii_case(except))
        };
        found
            .filter(|secret| is_secret(secret.as_str()))
            .map(|secret| (secret.start(), secret.end()))
            .collect()
    }
}

/// Compiles a constant pattern. It matches ASCII unless it enables Unicode itself, whose tables
/// take tens of milliseconds to compile.
#[cfg_attr(
    not(test),
    expect(
        clippy::expect_used,
        reason = "the patterns are constants, and unmasked text must never be shown"
    )
)]
fn build(pattern: &str) -> Regex {
    let built = RegexBuilder::new(pattern).unicode(false).build();
    built.expect("a constant pattern")
}

/// Formats a command as one line for users, redacted as by [`redact`]. Words with spaces are
/// quoted.
#[must_use]
pub fn command_line<Word: AsRef<str>>(words: &[Word]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.as_ref();
        if word.is_empty() || word.contains(char::is_whitespace) {
            Cow::Owned(format!("'{word}'"))
        } else {
            Cow::Borrowed(word)
        }
    });
    let line = quoted.collect::<Vec<_>>().join(" ");
    redact(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_words_around_them_stay() {
        let table: toml::Table = include_str!("../../tables/secrets.toml").parse().unwrap();
        let rules = table["rule"].as_array().unwrap();
        assert_eq!(rules.len(), RULES.len());
        for (written, rule) in rules.iter().zip(RULES) {
            for example in written["examples"].as_array().unwrap() {
                let (text, left) = (example[0].as_str().unwrap(), example[1].as_str().unwrap());
                assert_eq!(redact(text), left, "{text}");
                assert_eq!(redact(left), left, "masked twice: {text}");
                let lowercase = text.to_lowercase();
                let mut keywords = rule.keywords.iter();
                assert!(
                    text == left || keywords.any(|keyword| lowercase.contains(keyword)),
                    "no keyword of the rule is in: {text}"
                );
            }
        }
        assert_eq!(redact("key sk-proj-0123456789abcdef!"), "key ***!");
    }

    #[test]
    fn masked_text_stays_masked_in_json() {
        let masked = Redacted::from("token=abc");
        assert_eq!(serde_json::to_string(&masked).unwrap(), "\"token=***\"");
        let read: Redacted = serde_json::from_str("\"password=abc\"").unwrap();
        assert_eq!(read, "password=***", "an older daemon may have sent it");
    }

    #[test]
    fn ordinary_text_stays_unchanged() {
        for text in [
            "",
            "SyntaxError: Unexpected token: foo",
            "tests pass: 12, fail: 0",
            "max_tokens=4096 tokenizer=gpt2",
            "author=anna monkey=1 keyboard: us",
            "http://localhost:8001/docs?page=2",
            "GET http://127.0.0.1:8001/v1/health 200 user@example.com",
            "the password is wrong",
            "2026-01-09T10:00:00Z INFO ready in 12:30",
            "waits for the signature of the contract",
            "no password set; see https://redis.io/auth",
        ] {
            assert!(
                matches!(redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn a_command_line_hides_the_values_of_options() {
        for (words, expected) in [
            (
                &["node", "server.js", "--port", "8001"][..],
                "node server.js --port 8001",
            ),
            (&["x", "--token", "a b", "--v"], "x --token *** --v"),
            (&["x", "--db-password=a b", "y"], "x '--db-password=***' y"),
            (
                &["redis-server", "--requirepass", "x"],
                "redis-server --requirepass ***",
            ),
            (
                &["/usr/bin/redis-cli", "-a", "x", "ping"],
                "/usr/bin/redis-cli -a *** ping",
            ),
            (&["mysql", "-uroot", "-ptop"], "mysql -uroot -p***"),
            (&["ssh", "-p", "22"], "ssh -p 22"),
            (
                &["curl", "-u", "anna:x", "http://h"],
                "curl -u anna:*** http://h",
            ),
            (&["sh", "-c", "echo hi"], "sh -c 'echo hi'"),
            (&["x", ""], "x ''"),
            (&[], ""),
        ] {
            assert_eq!(command_line(words), expected, "{words:?}");
        }
    }
}
