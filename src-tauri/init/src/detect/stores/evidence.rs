//! What in a project says that it needs a store.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    manifest::{in_manifest, is_manifest},
    table::{self, Store},
};
use crate::{
    detect::{
        address::{Address, is_here},
        listing::{file_name, line_at},
        variables::Variable,
    },
    draft::Because,
};

/// How much something says, the most last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// A library that talks to it.
    Client,
    /// A word of the settings: `provider = "postgresql"`
    Named,
    /// An address that the source falls back to.
    Source,
    /// A variable of an example.
    Example,
    /// A variable that is set.
    Set,
}

/// Something that says that a store is needed.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// None says that none is needed for SQL: it is a file.
    pub(super) store: Option<&'static Store>,
    pub(super) weight: Weight,
    pub(super) because: Because,
    /// Where it is, if that is said.
    pub(super) address: Option<Address>,
}

#[expect(
    clippy::expect_used,
    reason = "the pattern is right, as the tests show"
)]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a right pattern")
}

/// An address of a store, anywhere in a text.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\b(?:jdbc:)?(?:rediss?|postgres(?:ql)?(?:\+\w+)?|mysql2?(?:\+\w+)?|mariadb(?:\+\w+)?|mongodb|amqps?|pyamqp|nats)://[^\s"'`<>]+"#,
    )
});

/// The address of a database that is a file.
static FILE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"["'`]sqlite(?:\+\w+)?://"#));

/// Words of settings that name a database.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:django\.db\.backends\.(postgresql|mysql|sqlite3)|\bprovider\s*=\s*["'](postgresql|mysql|sqlite|mongodb)["']|\bdialect\s*[:=]\s*["'](postgresql|postgres|mysql|sqlite|turso)["']|\badapter:\s*["']?(postgresql|mysql2|sqlite3|trilogy)\b|\btype\s*:\s*["'](postgres|mysql|mariadb|sqlite|better-sqlite3|mongodb)["'])"#,
    )
});

/// What the variables of an app say.
pub(super) fn in_variables<'v>(variables: impl Iterator<Item = &'v Variable>) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let variables: Vec<&Variable> = variables.collect();
    for variable in &variables {
        let weight = if variable.is_set {
            Weight::Set
        } else {
            Weight::Example
        };
        let because = Because::line(
            &variable.file,
            variable.line,
            format!("`{}`", variable.name),
        );
        let say = |store, address| Evidence {
            store,
            weight,
            because: because.clone(),
            address,
        };
        if is_file_database(&variable.name, &variable.value) {
            evidence.push(say(None, None));
            continue;
        }
        if variable.name == "DB_CONNECTION"
            || variable.name == "DB_ENGINE"
            || variable.name == "DB_TYPE"
        {
            if let Some(named) = named(&variable.value) {
                let address = laravel_address(&variables);
                evidence.push(say(named.store(), address));
            }
            continue;
        }
        let address = Address::parse(&variable.value);
        let by_scheme = address
            .as_ref()
            .and_then(|address| table::of_scheme(&address.scheme));
        if by_scheme.is_some() {
            evidence.push(say(by_scheme, address));
            continue;
        }
        let Some(store) = table::of_variable(&variable.name) else {
            continue;
        };
        let is_http = |address: &Address| matches!(address.scheme.as_str(), "" | "http" | "https");
        if let Some(address) = address.filter(is_http) {
            evidence.push(say(Some(store), Some(address)));
        } else if variable.name.ends_with("HOST") && is_host(&variable.value) {
            let port = port_beside(&variables, &variable.name);
            let address = Address {
                host: variable.value.to_ascii_lowercase(),
                port,
                ..Address::default()
            };
            evidence.push(say(Some(store), Some(address)));
        }
    }
    evidence
}

/// `REDIS_PORT` beside `REDIS_HOST`
fn port_beside(variables: &[&Variable], host: &str) -> Option<u16> {
    let name = format!("{}PORT", host.strip_suffix("HOST")?);
    let variable = variables.iter().find(|variable| variable.name == name)?;
    variable.value.parse().ok().filter(|port| *port > 0)
}

/// `DB_HOST`, `DB_PORT`, `DB_DATABASE` and `DB_USERNAME`
fn laravel_address(variables: &[&Variable]) -> Option<Address> {
    let value = |names: &[&str]| {
        let mut found = variables
            .iter()
            .filter(|it| names.contains(&it.name.as_str()));
        found.next().map(|variable| variable.value.clone())
    };
    let is_name = |text: &String| crate::detect::address::is_name(text);
    Some(Address {
        host: value(&["DB_HOST"])?.to_ascii_lowercase(),
        port: value(&["DB_PORT"]).and_then(|port| port.parse().ok()),
        user: value(&["DB_USERNAME", "DB_USER"]).filter(is_name),
        has_password: value(&["DB_PASSWORD", "DB_PASS"]).is_some_and(|it| !it.is_empty()),
        path: value(&["DB_DATABASE", "DB_NAME"]).filter(is_name),
        ..Address::default()
    })
}

fn is_host(value: &str) -> bool {
    is_here(value) || crate::detect::address::is_name(value)
}

/// Whether a variable says that the database is a file.
fn is_file_database(name: &str, value: &str) -> bool {
    let is_about = name.contains("DATABASE") || name.starts_with("DB_");
    is_about && (value.starts_with("sqlite") || value.starts_with("file:"))
}

/// What keeps the data of a project.
enum Database {
    File,
    Store(&'static Store),
}

impl Database {
    fn store(&self) -> Option<&'static Store> {
        match self {
            Self::File => None,
            Self::Store(store) => Some(store),
        }
    }
}

/// What a word of the settings names.
fn named(word: &str) -> Option<Database> {
    let word = word.to_ascii_lowercase();
    let name = word.rsplit('.').next().unwrap_or(&word);
    let scheme = match name {
        "sqlite" | "sqlite3" | "better-sqlite3" | "turso" => return Some(Database::File),
        "postgresql" | "postgres" | "pgsql" | "pg" => "postgres",
        "mysql" | "mysql2" | "mariadb" | "trilogy" => "mysql",
        "mongodb" => "mongodb",
        _ => return None,
    };
    table::of_scheme(scheme).map(Database::Store)
}

/// What a text of an app says: a manifest, settings, source.
pub(super) fn in_text(path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    let name = file_name(path);
    if is_manifest(name) {
        in_manifest(path, text, evidence);
        return;
    }
    // Variables are read by their own rules, compose files by who knows them.
    if name.starts_with(".env") || name == "env.example" || is_compose(name) || is_lock(name) {
        return;
    }
    for found in ADDRESS.find_iter(text) {
        let Some(address) = Address::parse(found.as_str()) else {
            continue;
        };
        let store = table::of_scheme(&address.scheme);
        if store.is_none()
            || !(address.is_here() || address.is_container())
            || is_comment(text, found.start())
        {
            continue;
        }
        let line = line_at(text, found.start());
        evidence.push(Evidence {
            store,
            weight: Weight::Source,
            because: Because::line(path, line, format!("an address of {}", address.scheme)),
            address: Some(address),
        });
    }
    if let Some(found) = FILE
        .find_iter(text)
        .find(|found| !is_comment(text, found.start()))
    {
        let line = line_at(text, found.start());
        evidence.push(Evidence {
            store: None,
            weight: Weight::Source,
            because: Because::line(path, line, "an address of a file"),
            address: None,
        });
    }
    for (place, name) in [(":11434", "ollama"), (":9200", "elasticsearch")] {
        let found = text.find(place).filter(|at| {
            let before = &text[..*at];
            let is_here = before.ends_with("localhost") || before.ends_with("127.0.0.1");
            is_here && !is_comment(text, *at)
        });
        if let Some(at) = found {
            evidence.push(Evidence {
                store: table::of_scheme(name),
                weight: Weight::Source,
                because: Because::line(path, line_at(text, at), format!("asks localhost{place}")),
                address: None,
            });
        }
    }
    for found in NAMED.captures_iter(text) {
        let Some(word) = found.iter().skip(1).flatten().next() else {
            continue;
        };
        if is_comment(text, word.start()) {
            continue;
        }
        if let Some(database) = named(word.as_str()) {
            let line = line_at(text, word.start());
            evidence.push(Evidence {
                store: database.store(),
                weight: Weight::Named,
                because: Because::line(path, line, format!("`{}`", word.as_str())),
                address: None,
            });
        }
    }
}

fn is_comment(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..at].trim_start();
    ["#", "//", "*", "/*", "--", ";"]
        .iter()
        .any(|mark| line.starts_with(mark))
}

fn is_lock(name: &str) -> bool {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    ending == "lock" || stem.ends_with("-lock")
}

fn is_compose(name: &str) -> bool {
    name.starts_with("docker-compose")
        || name.starts_with("compose.")
        || name.starts_with("Procfile")
}

/// The connection strings of .NET, which have a form of their own.
pub(super) fn in_settings(path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    let name = file_name(path);
    if !name.starts_with("appsettings") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_ascii_lowercase();
        let has_host = lower.contains("host=localhost")
            || lower.contains("server=localhost")
            || lower.contains("host=127.0.0.1")
            || lower.contains("server=127.0.0.1");
        if !has_host {
            continue;
        }
        let value = |key: &str| {
            let at = lower.find(key)? + key.len();
            let rest = &line[at..];
            let end = rest.find([';', '"', ',']).unwrap_or(rest.len());
            Some(rest[..end].trim().to_owned())
        };
        let port = value("port=").and_then(|port| port.parse().ok());
        let word = if lower.contains("host=") || port == Some(5432) {
            "postgres"
        } else {
            "mysql"
        };
        if word == "mysql" && port != Some(3306) && !lower.contains("uid=") {
            // SQL Server, which is not among the stores.
            continue;
        }
        let fits = |text: &String| crate::detect::address::is_name(text);
        evidence.push(Evidence {
            store: table::of_scheme(word),
            weight: Weight::Source,
            because: Because::line(path, number + 1, "a connection string"),
            address: Some(Address {
                host: "localhost".to_owned(),
                port,
                user: value("username=")
                    .or_else(|| value("user id="))
                    .or_else(|| value("uid="))
                    .filter(fits),
                has_password: lower.contains("password=") || lower.contains("pwd="),
                path: value("database=").filter(fits),
                ..Address::default()
            }),
        });
    }
}
