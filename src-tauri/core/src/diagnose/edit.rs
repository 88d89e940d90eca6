//! Changes lines of the stack file in a form that can be shown first. Everything else stays
//! unchanged. If the text has an unusual form, there is no change rather than a wrong one.

use super::well_known;
use crate::{
    fs::redact::redact,
    model::finding::LineChange,
    stack::{Port, ServiceName},
};

/// Consecutive lines of a text: a TOML table with its header.
struct Table<'a> {
    /// The line of its header, from 1.
    header: usize,
    /// The lines after its header, up to the next one.
    body: Vec<&'a str>,
}

/// Returns the change of the port of a service to this value: `port = 5173`.
pub(super) fn set_port(text: &str, service: &ServiceName, port: Port) -> Option<Vec<LineChange>> {
    let table = Table::of(text, service)?;
    let (line, old) = table.key("port")?;
    let (before, comment) = match old.split_once('#') {
        Some((before, comment)) => (before, Some(comment)),
        None => (old, None),
    };
    let (key, value) = before.split_once('=')?;
    let number = value.trim();
    number.parse::<u16>().ok()?;
    let mut new = format!("{key}={}", value.replacen(number, &port.to_string(), 1));
    if let Some(comment) = comment {
        new.push('#');
        new.push_str(comment);
    }
    Some(vec![LineChange {
        line,
        old: vec![old.to_owned()],
        new: vec![new],
    }])
}

/// Returns the change of the port of a service, with the reason as a comment.
#[must_use]
pub fn declare_port(
    text: &str,
    service: &ServiceName,
    port: Port,
    because: &str,
) -> Option<Vec<LineChange>> {
    let table = Table::of(text, service)?;
    let line = format!("port = {port}  # {because}");
    Some(vec![table.set("port", line)])
}

/// Returns the change of the port in an address on one line: `API = "http://localhost:8000"`. A
/// line with a secret is not changed, since it would be shown.
pub(super) fn replace_port(
    text: &str,
    line: usize,
    wrong: u16,
    right: Port,
) -> Option<Vec<LineChange>> {
    let old = text.lines().nth(line.checked_sub(1)?)?;
    let wrong = format!(":{wrong}");
    let (before, after) = old.split_once(&wrong)?;
    let ends = !after.starts_with(|next: char| next.is_ascii_digit());
    if !ends || after.contains(&wrong) || redact(old) != old {
        return None;
    }
    Some(vec![LineChange {
        line,
        old: vec![old.to_owned()],
        new: vec![format!("{before}:{right}{after}")],
    }])
}

/// Returns the addition of a service with these lines before its dependent, which gets it in its
/// `needs`.
#[must_use]
pub fn add_service(
    text: &str,
    dependent: &ServiceName,
    needed: &str,
    lines: &[String],
) -> Option<Vec<LineChange>> {
    if Table::of(text, &ServiceName::new(needed)).is_some() {
        return None;
    }
    let table = Table::of(text, dependent)?;
    let mut new = lines.to_vec();
    new.push(String::new());
    let service = LineChange {
        line: table.header,
        old: Vec::new(),
        new,
    };
    Some([vec![service], add_needs(text, dependent, &[needed])?].concat())
}

/// Returns the addition of these services to the dependencies of a service.
#[must_use]
pub fn add_needs(
    text: &str,
    dependent: &ServiceName,
    services: &[&str],
) -> Option<Vec<LineChange>> {
    let table = Table::of(text, dependent)?;
    let old = table.key("needs").map_or("needs = []", |(_, old)| old);
    let with = |line: String, service: &&str| with_need(&line, service);
    let line = services.iter().try_fold(old.to_owned(), with)?;
    Some(vec![table.set("needs", line)])
}

/// Returns the name of the server that usually uses a port, and its lines for [`add_service`].
#[must_use]
pub fn usual_server(port: u16) -> Option<(&'static str, Vec<String>)> {
    let known = well_known::of(port)?;
    Some((known.service, known.lines()))
}

/// Adds a service to `needs = ["redis"]` or `needs = "redis"`; a table of needs is not changed.
fn with_need(line: &str, service: &str) -> Option<String> {
    let (key, rest) = line.split_once('=')?;
    let (value, comment) = match rest.split_once('#') {
        Some((value, comment)) => (value.trim(), format!("  #{comment}")),
        None => (rest.trim(), String::new()),
    };
    let inner = match value.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.trim().trim_end_matches(',').trim(),
        None if value.starts_with('"') && value.ends_with('"') && value.len() > 1 => value,
        None => return None,
    };
    let before = if inner.is_empty() { "" } else { ", " };
    Some(format!("{key}= [{inner}{before}\"{service}\"]{comment}"))
}

impl<'a> Table<'a> {
    /// Finds the table `[service.name]`, in the usual notations.
    fn of(text: &'a str, service: &ServiceName) -> Option<Self> {
        let headers = [
            format!("[service.{service}]"),
            format!("[service.\"{service}\"]"),
        ];
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| {
            let line = line.split('#').next().unwrap_or("");
            let line: String = line.split_whitespace().collect();
            headers.contains(&line)
        })?;
        // The content of a multi-line string may look like tables and keys.
        if text.contains("\"\"\"") || text.contains("'''") {
            return None;
        }
        let body = lines[at + 1..]
            .iter()
            .copied()
            .take_while(|line| !line.trim_start().starts_with('['))
            .collect();
        Some(Self {
            header: at + 1,
            body,
        })
    }

    /// Returns the line of a key, its number first.
    fn key(&self, key: &str) -> Option<(usize, &'a str)> {
        let at = self.body.iter().position(|line| {
            let name = line.split('=').next().unwrap_or("");
            line.contains('=') && name.trim() == key
        })?;
        Some((self.header + 1 + at, self.body[at]))
    }

    /// Returns the change of the line of a key, or its addition below the command.
    fn set(&self, key: &str, new: String) -> LineChange {
        let is_whole = |(_, line): &(usize, &str)| toml::from_str::<toml::Table>(line).is_ok();
        let (line, old) = match self.key(key) {
            Some((line, old)) => (line, vec![old.to_owned()]),
            None => match self.key("command").filter(is_whole) {
                Some((line, _)) => (line + 1, Vec::new()),
                None => (self.header + 1, Vec::new()),
            },
        };
        LineChange {
            line,
            old,
            new: vec![new],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"x\"\n\n[service.redis]\ncommand = \"redis-server\"\n\n[ service.web ]  # the page\ncommand = \"vite\"\nport =  5173   # as in the docs\nneeds = [\"redis\"]\n\n[service.web.env]\nport = 1\n";

    #[test]
    fn a_port_is_changed_and_the_rest_of_its_line_stays() {
        let port = Port::new(5174).unwrap();
        assert_eq!(
            set_port(TEXT, &"web".into(), port),
            Some(vec![LineChange {
                line: 8,
                old: vec!["port =  5173   # as in the docs".into()],
                new: vec!["port =  5174   # as in the docs".into()],
            }])
        );
        assert_eq!(set_port(TEXT, &"redis".into(), port), None);
        assert_eq!(set_port(TEXT, &"nobody".into(), port), None);
    }

    #[test]
    fn a_service_comes_before_the_one_that_needs_it() {
        let lines = ["[service.db]".to_owned(), "port = 1".to_owned()];
        let changes = add_service(TEXT, &"web".into(), "db", &lines).unwrap();
        assert_eq!(changes[0].line, 6);
        assert_eq!(changes[0].new, ["[service.db]", "port = 1", ""]);
        assert_eq!(changes[1].new, ["needs = [\"redis\", \"db\"]"]);
        assert_eq!(add_service(TEXT, &"web".into(), "redis", &lines), None);
        let changes = add_service(TEXT, &"redis".into(), "db", &lines).unwrap();
        assert_eq!((changes[1].line, &changes[1].old), (5, &Vec::new()));
    }

    #[test]
    fn a_port_is_declared_with_its_reason_also_where_none_was() {
        let port = Port::new(8081).unwrap();
        for (service, line, old) in [
            ("web", 8, vec!["port =  5173   # as in the docs".to_owned()]),
            ("redis", 5, Vec::new()),
        ] {
            let new = vec!["port = 8081  # it listens there".to_owned()];
            assert_eq!(
                declare_port(TEXT, &service.into(), port, "it listens there"),
                Some(vec![LineChange { line, old, new }])
            );
        }
    }

    #[test]
    fn needs_in_every_simple_notation_can_be_extended() {
        for (old, new) in [
            ("needs = []", Some("needs = [\"db\"]")),
            ("needs = \"a\"", Some("needs = [\"a\", \"db\"]")),
            ("needs=[\"a\",]", Some("needs= [\"a\", \"db\"]")),
            (
                "needs = [\"a\"]  # compose.yml:3",
                Some("needs = [\"a\", \"db\"]  # compose.yml:3"),
            ),
            ("needs = { a = \"ready\" }", None),
            ("needs = [", None),
        ] {
            assert_eq!(with_need(old, "db").as_deref(), new, "{old}");
        }
    }
}
