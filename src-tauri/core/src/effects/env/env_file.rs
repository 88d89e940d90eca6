//! The syntax of an `env_file`: the common subset of the dotenv libraries of Node, Python and Ruby.
//!
//! - A line is `NAME=value`, blank, or a comment from `#`. `export` may precede the name, and
//!   blanks may surround the `=`. A name has letters, digits, `_`, `.` and `-`, and no digit first.
//! - A bare value ends with its line or before a `#` that follows a blank. Surrounding blanks are
//!   removed.
//! - A quoted value may span several lines. In `'…'` and `` `…` `` every character is literal. In
//!   `"…"`, `\n`, `\r` and `\t` have their usual meaning, `\"`, `\\` and `\$` are the character
//!   itself, and any other backslash is literal.
//! - In a bare and in a `"…"` value, `${NAME}` is the variable as set so far: by an earlier line or
//!   file, else by the caller's environment; empty if it is not set. `${NAME:-text}` is `text` if
//!   it is missing or empty, `${NAME-text}` if it is missing. A `$` without a brace is literal, as
//!   in passwords.
//! - Lines end with LF or CRLF, the text is UTF-8, and a byte order mark is skipped. The last of
//!   several lines for one name wins.

use std::{ffi::OsStr, ffi::OsString, path::Path, str::Chars};

use crate::{env::Env, model::facts::LaunchFault};

/// Adds the variables of the file to `variables`, which it can refer to.
pub(super) fn apply(text: &[u8], path: &Path, variables: &mut Env) -> Result<(), LaunchFault> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let parsed = match str::from_utf8(text) {
        Ok(text) => File { text, at: 0 }.read(variables),
        Err(error) => Err(Fault {
            at: error.valid_up_to(),
            message: "is not UTF-8".to_owned(),
        }),
    };
    parsed.map_err(|fault| LaunchFault::EnvFileInvalid {
        path: path.to_owned(),
        line: Some(text[..fault.at].split(|byte| *byte == b'\n').count()),
        message: fault.message,
    })
}

/// A syntax error and its byte offset.
struct Fault {
    at: usize,
    message: String,
}

/// A parser at position `at` of a file.
struct File<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> File<'a> {
    fn read(mut self, variables: &mut Env) -> Result<(), Fault> {
        loop {
            self.skip(char::is_whitespace);
            match self.rest().chars().next() {
                None => return Ok(()),
                Some('#') => self.skip(|c| c != '\n'),
                Some(_) => {
                    let name = self.name()?.to_owned();
                    let value = self.value(variables)?;
                    variables.set(&name, value);
                }
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, along: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(along).len();
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault {
            at: self.at,
            message: message.into(),
        })
    }

    /// Parses the name and the `=`.
    fn name(&mut self) -> Result<&'a str, Fault> {
        if let Some(rest) = self.rest().strip_prefix("export")
            && rest.starts_with(is_blank)
        {
            self.at += "export".len();
            self.skip(is_blank);
        }
        let start = self.at;
        self.skip(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let name = &self.text[start..self.at];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return self.fault("is not of the form NAME=value");
        }
        self.skip(is_blank);
        if !self.rest().starts_with('=') {
            return self.fault(format!("has no `=` after `{name}`"));
        }
        self.at += 1;
        self.skip(is_blank);
        Ok(name)
    }

    fn value(&mut self, variables: &Env) -> Result<OsString, Fault> {
        match self.rest().chars().next() {
            Some(quote @ ('\'' | '`')) => Ok(self.quoted(quote)?.into()),
            Some('"') => {
                let raw = self.quoted('"')?;
                Ok(fill(raw, true, variables))
            }
            _ => Ok(fill(self.bare(), false, variables)),
        }
    }

    /// Parses a quoted value. Only a comment may follow on the line.
    fn quoted(&mut self, quote: char) -> Result<&'a str, Fault> {
        let inside = &self.rest()[1..];
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == quote && !escaped;
            escaped = quote == '"' && c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return self.fault(format!("has an unclosed {quote}"));
        };
        self.at += end + 2;
        self.skip(is_blank);
        if !self.rest().is_empty() && !self.rest().starts_with(['#', '\n', '\r']) {
            return self.fault(format!("has text after the closing {quote}"));
        }
        self.skip(|c| c != '\n');
        Ok(&inside[..end])
    }

    fn bare(&mut self) -> &'a str {
        let start = self.at;
        self.skip(|c| c != '\n');
        let line = &self.text[start..self.at];
        // The blanks after `=` are already skipped: a `#` at the start follows one, or the `=`
        // itself.
        let comment = line
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| line[..*at].chars().next_back().is_none_or(is_blank));
        line[..comment.unwrap_or(line.len())].trim()
    }
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Replaces references and, in a quoted value, escapes.
fn fill(raw: &str, escapes: bool, variables: &Env) -> OsString {
    let mut value = OsString::new();
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if escapes => push_escaped(&mut rest, &mut value),
            '$' => match reference(rest.as_str()) {
                Some((reference, after)) => {
                    value.push(resolve(reference, variables));
                    rest = after.chars();
                }
                None => value.push("$"),
            },
            // A line end within quotes is one character on every platform.
            '\r' if rest.as_str().starts_with('\n') => {}
            c => value.push(c.encode_utf8(&mut [0; 4])),
        }
    }
    value
}

fn push_escaped(rest: &mut Chars<'_>, value: &mut OsString) {
    let mut after = rest.clone();
    let meant = match after.next() {
        Some('n') => "\n",
        Some('r') => "\r",
        Some('t') => "\t",
        Some('"') => "\"",
        Some('\\') => "\\",
        Some('$') => "$",
        _ => {
            value.push("\\");
            return;
        }
    };
    value.push(meant);
    *rest = after;
}

/// Returns the content of the braces and the rest.
fn reference(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('{')?.split_once('}')
}

fn resolve<'a>(reference: &'a str, variables: &'a Env) -> &'a OsStr {
    let find = |name: &str| variables.get(name);
    let end = reference.find([':', '-']).unwrap_or(reference.len());
    let (name, rest) = reference.split_at(end);
    let found = find(name);
    if let Some(otherwise) = rest.strip_prefix(":-") {
        found
            .filter(|value| !value.is_empty())
            .unwrap_or(OsStr::new(otherwise))
    } else if let Some(otherwise) = rest.strip_prefix('-') {
        found.unwrap_or(OsStr::new(otherwise))
    } else {
        find(reference).unwrap_or_default()
    }
}
