//! Secrets in text that people get to see: command lines, log lines, evidence. What looks like one
//! is replaced by [`MASK`]; the words around it stay, so that the text still says what happened.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Regex, RegexBuilder};

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// What the name of a variable, a field or an option ends in if its value is a secret. `tokenizer`,
/// `max_tokens` and `author` are none.
const NAME: &str = r"(?i:[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|requirepass|masterauth|credentials?|[_-]pass|[_-]auth|(?:api|access|secret|private|signing|encryption|account)[_-]?key)|\bauth|\bauthorization|\bpass)";

/// The same in prose and YAML, where "pass: 12" and "unexpected token: x" are no secrets.
const NAME_IN_PROSE: &str = r"(?i:[\w.-]*(?:password|passwd|passphrase|[_-]secret|[_-]token|(?:api|access|secret|private)[_-]?key)|\bauthorization)";

/// A value: quoted, or up to what ends one in a shell, a query, JSON and a list.
const VALUE: &str = r#"(?u:"[^"]*"|'[^']*'|[^\s"'&;,)\]}]+)"#;

/// The patterns, each with the secret as the group `secret`.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let scheme = r"(?:(?i:bearer|basic|token|digest)\s+)?";
    [
        // scheme://user:password@host (RFC 3986, 3.2.1)
        r"\b[a-zA-Z][\w+.-]*://(?u:[^\s/?#@:]*):(?<secret>(?u:[^\s/?#]+))@".to_owned(),
        // The shapes of the keys of well-known makers, and JSON web tokens (RFC 7519)
        r"\b(?<secret>(?:sk|pk|rk)[-_][\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}\b|AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)".to_owned(),
        r"\b[Bb]earer\s+(?<secret>[\w.~+/=-]{8,})".to_owned(),
        format!(r"{NAME}=(?<secret>{VALUE})"),
        format!(r#"{NAME}["']\s*:\s*{scheme}(?<secret>{VALUE})"#),
        format!(r"{NAME_IN_PROSE}\s*:\s*{scheme}(?<secret>{VALUE})"),
        format!(r"(?:^|\s)--?{NAME}\s+(?<secret>{VALUE})"),
    ]
    .iter()
    .map(|pattern| compile(pattern))
    .collect()
});

/// The name of an option whose secret is the next word.
static OPTION: LazyLock<Regex> = LazyLock::new(|| compile(&format!("^--?{NAME}$")));

/// The names are ASCII, and values say themselves that they are not: the tables of all the world's
/// letters take tens of milliseconds to build, which whoever asks once would wait for.
#[cfg_attr(
    not(test),
    expect(
        clippy::expect_used,
        reason = "the patterns are constants, and showing a text unmasked is no way out"
    )
)]
fn compile(pattern: &str) -> Regex {
    let pattern = RegexBuilder::new(pattern).unicode(false).build();
    pattern.expect("a constant pattern")
}

/// The text with everything in it that looks like a secret replaced by [`MASK`]: the value of
/// `password=…`, `"token": "…"` or `--api-key …`, the password of an address, a bearer token, a key
/// of a well-known shape. Borrowed if there was nothing.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for pattern in &*PATTERNS {
        if let Some(replaced) = replace(pattern, &masked) {
            masked = Cow::Owned(replaced);
        }
    }
    masked
}

/// Replaces the group `secret` of every match. `None` if there is none.
fn replace(pattern: &Regex, text: &str) -> Option<String> {
    let mut replaced = String::new();
    let mut from = 0;
    for captures in pattern.captures_iter(text) {
        let Some(secret) = captures.name("secret") else {
            continue;
        };
        replaced.push_str(&text[from..secret.start()]);
        replaced.push_str(MASK);
        from = secret.end();
    }
    (from > 0).then(|| replaced + &text[from..])
}

/// A command as one line for people: its words masked as [`mask`] does, and the ways besides in
/// which well-known programs take a password. Words with spaces are quoted.
#[must_use]
pub fn command_line<Word: AsRef<str>>(words: &[Word]) -> String {
    let program = words.first().map_or("", |word| program_name(word.as_ref()));
    let mut line = String::new();
    let mut follows_option = None;
    for word in words.iter().map(AsRef::as_ref) {
        let shown = match follows_option.take() {
            Some(Next::Secret) => Cow::Borrowed(MASK),
            Some(Next::UserAndSecret) => match word.split_once(':') {
                Some((user, _)) => Cow::Owned(format!("{user}:{MASK}")),
                None => mask(word),
            },
            None => password_of(program, word).unwrap_or_else(|| mask(word)),
        };
        follows_option = next_of(program, word);
        if !line.is_empty() {
            line.push(' ');
        }
        if shown.is_empty() || shown.contains(char::is_whitespace) {
            line.push('\'');
            line.push_str(&shown);
            line.push('\'');
        } else {
            line.push_str(&shown);
        }
    }
    line
}

/// What the word after an option is.
enum Next {
    Secret,
    UserAndSecret,
}

fn next_of(program: &str, option: &str) -> Option<Next> {
    match (program, option) {
        ("redis-cli" | "valkey-cli", "-a") | ("sshpass", "-p") => Some(Next::Secret),
        (_, "-u" | "--user" | "--proxy-user") => Some(Next::UserAndSecret),
        _ => OPTION.is_match(option).then_some(Next::Secret),
    }
}

/// `mysql -pPASSWORD`
fn password_of(program: &str, word: &str) -> Option<Cow<'static, str>> {
    let is_password = word.len() > 2
        && word.starts_with("-p")
        && (program.starts_with("mysql") || program.starts_with("mariadb") || program == "sshpass");
    is_password.then(|| Cow::Owned(format!("-p{MASK}")))
}

fn program_name(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.strip_suffix(".exe").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_words_around_them_stay() {
        for (text, expected) in [
            ("password=hunter2 next", "password=*** next"),
            ("DB_PASSWORD='a b' x", "DB_PASSWORD=*** x"),
            ("AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"),
            ("accessToken=abc&page=2", "accessToken=***&page=2"),
            (
                "GET /cb?access_token=abc&x=1",
                "GET /cb?access_token=***&x=1",
            ),
            (r#"{"token": "a,b", "n": 1}"#, r#"{"token": ***, "n": 1}"#),
            (r#"{"api_key":"abc"}"#, r#"{"api_key":***}"#),
            ("password: hunter2", "password: ***"),
            ("Authorization: Bearer abcdef", "Authorization: Bearer ***"),
            ("authorization: Basic YTpi", "authorization: Basic ***"),
            ("sent bearer abcdefgh12", "sent bearer ***"),
            ("serve --token abc --port 1", "serve --token *** --port 1"),
            ("redis://:pa:ss@h:6379/0", "redis://:***@h:6379/0"),
            ("postgres://anna:p@ss@db/x", "postgres://anna:***@db/x"),
            ("key sk-proj-0123456789abcdef!", "key ***!"),
            ("ghp_0123456789012345678901", "***"),
            ("eyJhbGciOiJ.eyJzdWIiOiIx.abc-_d", "***"),
        ] {
            assert_eq!(mask(text), expected, "{text}");
        }
    }

    #[test]
    fn ordinary_text_is_left_as_it_is() {
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
        ] {
            assert!(
                matches!(mask(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn a_command_line_hides_what_an_option_takes() {
        for (words, expected) in [
            (
                &["node", "server.js", "--port", "8001"][..],
                "node server.js --port 8001",
            ),
            (&["x", "--token", "a b", "--v"], "x --token *** --v"),
            (
                &["x", "--db-password=a b", "y"],
                "x '--db-password=*** b' y",
            ),
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
