//! What in a project asks for a store. A dependency alone asks for nothing; a setting in force or a
//! connection in the source does.

use std::sync::LazyLock;

use regex::Regex;

use super::table::{self, Store};
use crate::{
    detect::{
        address::{Address, is_here, is_name},
        listing::{Listing, file_name, folder, line_at},
        source::{has_extension, pattern},
        variables::Variable,
    },
    draft::Origin,
};

/// How strongly something asks for a store, the most last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// A library that talks to it, or an address that is used only if something else is set: no need.
    Optional,
    /// A call that connects to it.
    Connects,
    /// A word of the settings: `provider = "postgresql"`
    Named,
    /// An address in settings or source.
    Source,
    /// A variable of an example, where no file of variables exists.
    Example,
    /// A variable that is set.
    Set,
}

/// Something that asks for a store.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// None asks for no SQL store: the database is a file.
    pub(super) store: Option<&'static Store>,
    pub(super) weight: Weight,
    pub(super) because: Origin,
    /// Where it is, if that is said.
    pub(super) address: Option<Address>,
    /// The variable that says so.
    pub(super) variable: Option<String>,
}

impl Evidence {
    /// The name of its store; empty for a file.
    pub(super) fn name(&self) -> &'static str {
        self.store.map_or("", |store| &store.name)
    }
}

/// An address of a store, anywhere in a text.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\b(?:jdbc:)?(?:rediss?|valkey|postgres(?:ql)?(?:\+\w+)?|mysql2?(?:\+\w+)?|mariadb(?:\+\w+)?|mongodb|amqps?|pyamqp|nats)://[^\s"'`<>]*"#,
    )
});

/// A word that every kind of evidence has.
static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"redis|Redis|valkey|postgres|Postgres|postgis|mysql|MySQL|MySql|MyXQL|mysql|sqlite|SQLite|Sqlite",
        r#"|mariadb|mongo|Mongo|amqp|nats://|jdbc:|InMemoryDatabase|libsql|turso|trilogy|:11434|:9200"#,
        r#"|pika|['"]pg['"]|pgx|psycopg|Pg|bull"#,
    ))
});

/// The address of a database that is a file.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"["'`](?:jdbc:)?sqlite(?:\+\w+)?:|\bjdbc:(?:h2|sqlite|hsqldb):|\bUseSqlite\(|\bUseInMemoryDatabase\("#,
    )
});

/// Words of settings that name a database.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)(?:django\.(?:contrib\.gis\.)?db\.backends\.(postgresql|postgis|mysql|sqlite3)",
        r#"|\bprovider\s*=\s*["'](postgresql|mysql|sqlite|mongodb)["']"#,
        r#"|\bdialect\s*[:=]\s*["'](postgresql|postgres|mysql|sqlite|turso)["']"#,
        r#"|\badapter:\s*["']?(postgresql|mysql2|sqlite3|trilogy|Ecto\.Adapters\.(?:Postgres|MyXQL|SQLite3))\b"#,
        r#"|\bclient\s*:\s*["'](pg|mysql2?|better-sqlite3|sqlite3)["']"#,
        r#"|\b(?:\w+_)?(?:driver|engine|db_?type)["']?\s*[,:=]+\s*["'](sqlite3?|libsql)["']"#,
        r#"|\btype\s*:\s*["'](postgres|mysql|mariadb|sqlite|better-sqlite3|mongodb)["'])"#,
    ))
});

/// A line that only says which kind of section it begins.
static SECTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^(?:production|prod|staging|test|ci)\s*:"));

/// Settings that choose among the stores of which Laravel lists the address of each.
const CHOICES: [&str; 8] = [
    "BROADCAST_CONNECTION",
    "BROADCAST_DRIVER",
    "CACHE_DRIVER",
    "CACHE_STORE",
    "QUEUE_CONNECTION",
    "QUEUE_DRIVER",
    "SCOUT_DRIVER",
    "SESSION_DRIVER",
];

/// What the variables of an app ask for.
pub(super) fn in_variables<'v>(variables: impl Iterator<Item = &'v Variable>) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let variables: Vec<&Variable> = variables.collect();
    let mut choices = variables
        .iter()
        .filter(|it| CHOICES.contains(&it.name.as_str()))
        .peekable();
    let is_chosen: Option<Vec<&str>> = choices
        .peek()
        .is_some()
        .then(|| choices.map(|it| it.value.as_str()).collect());
    for variable in &variables {
        let weight = if variable.is_set {
            Weight::Set
        } else {
            Weight::Example
        };
        let because = Origin::line(
            &variable.file,
            variable.line,
            format!("`{}`", variable.name),
        );
        let ask = |store, address| Evidence {
            store,
            weight,
            because: because.clone(),
            address,
            variable: Some(variable.name.clone()),
        };
        if is_file_database(&variable.name, &variable.value) {
            evidence.push(ask(None, None));
            continue;
        }
        if matches!(
            variable.name.as_str(),
            "DB_CONNECTION" | "DB_ENGINE" | "DB_TYPE" | "DB_DRIVER" | "DATABASE_DRIVER"
        ) {
            if let Some(database) = named(&variable.value) {
                evidence.push(ask(database.store(), parts_of_address(&variables)));
            }
            continue;
        }
        let address = Address::parse(&variable.value).filter(|it| it.port.is_none_or(is_usable));
        let by_scheme = address
            .as_ref()
            .and_then(|address| table::of_scheme(&address.scheme));
        if by_scheme.is_some() {
            evidence.push(ask(by_scheme, address));
            continue;
        }
        let by_port = || {
            let is_host = matches!(variable.name.as_str(), "DB_HOST" | "DATABASE_HOST");
            let port = beside(&variables, &variable.name, &["PORT"]).filter(|_| is_host)?;
            let port: u16 = port.parse().ok()?;
            let is_chosen = variables.iter().any(|it| it.name == "DB_CONNECTION");
            table::all()
                .iter()
                .find(|store| store.port == port && !is_chosen)
        };
        let Some(store) = table::of_variable(&variable.name).or_else(by_port) else {
            continue;
        };
        // One of many, and chosen by another setting.
        let chosen = is_chosen.as_ref().is_none_or(|chosen| {
            !matches!(
                store.name.as_str(),
                "redis" | "memcached" | "minio" | "elasticsearch"
            ) || chosen.contains(&store.name.as_str())
        });
        let is_provider = store.name == "ollama" && !variable.is_set;
        if !chosen || is_provider {
            continue;
        }
        let is_http = |address: &Address| matches!(address.scheme.as_str(), "" | "http" | "https");
        let names_host = ["HOST", "SERVER", "HOSTNAME", "ADDR"]
            .iter()
            .any(|end| variable.name.ends_with(end));
        if let Some(address) = address.filter(is_http) {
            evidence.push(ask(Some(store), Some(address)));
        } else if names_host && (is_here(&variable.value) || is_name(&variable.value)) {
            let value = |ends: &[&str]| beside(&variables, &variable.name, ends);
            let address = Address {
                host: variable.value.to_ascii_lowercase(),
                port: value(&["PORT"]).and_then(|port| port.parse().ok()),
                user: value(&["USER", "USERNAME"]).filter(|text| is_name(text)),
                has_password: value(&["PASSWORD", "PASS"]).is_some_and(|it| !it.is_empty()),
                path: value(&["DB", "DATABASE", "NAME", "DBNAME"]).filter(|text| is_name(text)),
                ..Address::default()
            };
            evidence.push(ask(Some(store), Some(address)));
        }
    }
    evidence
}

/// A port on which a store of a developer listens.
fn is_usable(port: u16) -> bool {
    port >= 1024
}

/// `REDIS_PORT` beside `REDIS_HOST`
fn beside(variables: &[&Variable], host: &str, ends: &[&str]) -> Option<String> {
    let (start, _) = host.rsplit_once('_')?;
    ends.iter().find_map(|end| {
        let name = format!("{start}_{end}");
        let variable = variables.iter().find(|variable| variable.name == name)?;
        Some(variable.value.clone())
    })
}

/// `DB_HOST`, `DB_PORT`, `DB_DATABASE` and `DB_USERNAME`
fn parts_of_address(variables: &[&Variable]) -> Option<Address> {
    let value = |ends: &[&str]| beside(variables, "DB_HOST", ends);
    Some(Address {
        host: value(&["HOST"])?.to_ascii_lowercase(),
        port: value(&["PORT"]).and_then(|port| port.parse().ok()),
        user: value(&["USERNAME", "USER"]).filter(|text| is_name(text)),
        has_password: value(&["PASSWORD", "PASS"]).is_some_and(|it| !it.is_empty()),
        path: value(&["DATABASE", "NAME"]).filter(|text| is_name(text)),
        ..Address::default()
    })
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
        "sqlite" | "sqlite3" | "better-sqlite3" | "turso" | "libsql" => {
            return Some(Database::File);
        }
        "postgresql" | "postgres" | "pgsql" | "pg" | "postgis" => "postgres",
        "mysql" | "mysql2" | "mariadb" | "trilogy" | "myxql" => "mysql",
        "mongodb" => "mongodb",
        _ => return None,
    };
    table::of_scheme(scheme).map(Database::Store)
}

/// What a text of an app asks for: a manifest, settings, source.
pub(super) fn in_text(listing: &Listing, path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    let name = file_name(path);
    if is_manifest(name) {
        in_manifest(path, text, evidence);
        return;
    }
    // A compose file by another name.
    let is_compose = is_yaml(name) && text.lines().any(|line| line.trim_end() == "services:");
    if is_compose || is_read_elsewhere(name) || is_inactive_profile(listing, path) {
        return;
    }
    in_settings(path, text, evidence);
    // Most sources name no store, and the patterns below are slow.
    if !MENTION.is_match(text) {
        return;
    }
    let text = in_force(name, text);
    let mut add = |store, weight, at: usize, why: String, address| {
        evidence.push(Evidence {
            store,
            weight,
            because: Origin::line(path, line_at(text, at), why),
            address,
            variable: None,
        });
    };
    for found in ADDRESS.find_iter(text) {
        let (at, value) = (found.start(), found.as_str());
        if !is_value(text, at, found.end()) || is_aside_line(text, at) {
            continue;
        }
        let scheme = value.trim_start_matches("jdbc:").split([':', '+']).next();
        let store = scheme.and_then(table::of_scheme);
        let why = format!("an address of {}", scheme.unwrap_or_default());
        match Address::parse(value) {
            Some(address)
                if (address.is_here() || address.is_container())
                    && address.port.is_none_or(is_usable) =>
            {
                add(store, Weight::Source, at, why, Some(address));
            }
            // Its parts are filled in: `f"postgresql://{USER}@{HOST}/shop"`.
            None if value.contains(['{', '$']) => add(store, Weight::Named, at, why, None),
            Some(_) | None => {}
        }
    }
    let files = FILE.find_iter(text);
    if let Some(found) = files
        .into_iter()
        .find(|it| !is_aside_line(text, it.start()))
    {
        let why = "an address of a file".to_owned();
        add(None, Weight::Source, found.start(), why, None);
    }
    for (place, name) in [(":11434", "ollama"), (":9200", "elasticsearch")] {
        if let Some(at) = text.find(place).filter(|at| !is_aside_line(text, *at)) {
            let before = &text[..at];
            if before.ends_with("localhost") || before.ends_with("127.0.0.1") {
                let why = format!("uses localhost{place} if it is set up");
                add(table::of_scheme(name), Weight::Optional, at, why, None);
            }
        }
    }
    for found in NAMED.captures_iter(text) {
        let Some(word) = found.iter().skip(1).flatten().next() else {
            continue;
        };
        if let Some(database) = named(word.as_str()).filter(|_| !is_aside_line(text, word.start()))
        {
            let why = format!("`{}`", word.as_str());
            add(database.store(), Weight::Named, word.start(), why, None);
        }
    }
    for store in table::all() {
        for call in &store.connects {
            // `new Queue( @ bull` is one only where the text names the library.
            let (call, library) = call.split_once(" @ ").unwrap_or((call, ""));
            if !text.contains(library) {
                continue;
            }
            if let Some(at) = text.find(call).filter(|at| connects(text, *at)) {
                let why = format!("connects by `{}`", call.trim_end_matches('('));
                add(Some(store), Weight::Connects, at, why, None);
                break;
            }
        }
    }
}

fn is_yaml(name: &str) -> bool {
    has_extension(name, "yml") || has_extension(name, "yaml")
}

/// The part of a text that holds while one develops: no tests in it, no settings of other environments.
/// Lines keep their numbers.
fn in_force<'t>(name: &str, text: &'t str) -> &'t str {
    if has_extension(name, "rs") {
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        return &text[..end];
    }
    if is_yaml(name) {
        // Rails lists development first. Of several documents, the first is for every profile.
        let section = SECTION.find(text).map(|found| found.start());
        let document = text
            .match_indices("\n---")
            .map(|(at, _)| at)
            .find(|at| *at > 0);
        let end = [section, document].into_iter().flatten().min();
        return &text[..end.unwrap_or(text.len())];
    }
    text
}

/// Whether what stands between these places is a value of its own, and no part of a sentence.
fn is_value(text: &str, start: usize, end: usize) -> bool {
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..start];
    let before = before.strip_suffix("jdbc:").unwrap_or(before);
    match before.chars().next_back() {
        Some('"' | '\'' | '`') => {
            let after = text[end..].chars().next();
            after.is_none_or(|after| matches!(after, '"' | '\'' | '`' | '\n'))
        }
        None | Some('=' | ':' | '-') => true,
        Some(blank) if blank.is_whitespace() => before.trim_end().ends_with([':', '=', '-']),
        Some(_) => false,
    }
}

/// Whether a connection is made as the program starts: no `? :`, no `if`, and not in a comment.
fn connects(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = &text[start..at];
    let is_part_of_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let is_nested = before.starts_with("        ") || before.starts_with("\t\t");
    !is_part_of_word
        && !is_nested
        && !before.contains(['?', '#'])
        && !before.contains("if ")
        && !is_aside_line(text, at)
}

/// Whether a place is in a comment, or in a line that prints or raises something.
fn is_aside_line(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..at].trim_start();
    let is_comment = ["#", "//", "*", "/*", "--", ";", "<!--"]
        .iter()
        .any(|mark| line.starts_with(mark));
    is_comment
        || [
            "print", "console.", "log.", "logger.", "warn", "raise ", "throw ", "panic!", "help=",
        ]
        .iter()
        .any(|mark| line.contains(mark))
        || line.contains(" // ")
        || line.contains(" # ")
}

/// Variables, compose files and Procfiles are read by their own rules; prose and locks say nothing.
fn is_read_elsewhere(name: &str) -> bool {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    name.starts_with(".env")
        || name == "env.example"
        || name.starts_with("docker-compose")
        || name.starts_with("compose.")
        || name.starts_with("Procfile")
        || name.starts_with("Dockerfile")
        || ending == "lock"
        || stem.ends_with("-lock")
        || matches!(ending, "md" | "rst" | "sh" | "ps1" | "bat")
}

/// Whether this is a profile of Spring that no setting makes active.
fn is_inactive_profile(listing: &Listing, path: &str) -> bool {
    let name = file_name(path);
    let Some(profile) = name
        .strip_prefix("application-")
        .and_then(|rest| rest.rsplit_once('.'))
        .map(|(profile, _)| profile)
    else {
        return false;
    };
    let names_it = |ending: &str| {
        let main = crate::detect::join(folder(path), &format!("application.{ending}"));
        let text = listing.text(&main).unwrap_or_default();
        text.lines().any(|line| {
            let line = line.trim_start();
            line.contains("active") && !line.starts_with('#') && line.contains(profile)
        })
    };
    !["properties", "yml", "yaml"]
        .iter()
        .any(|end| names_it(end))
}

/// What a project says that it is made of.
fn is_manifest(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "package.json",
        "pyproject.toml",
        "Pipfile",
        "setup.py",
        "setup.cfg",
        "Cargo.toml",
        "go.mod",
        "pom.xml",
        "Gemfile",
        "composer.json",
        "mix.exs",
        "environment.yml",
        "environment.yaml",
        "libs.versions.toml",
    ];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    NAMES.contains(&name)
        || name.starts_with("build.gradle")
        || (name.starts_with("requirements") && (ending == "txt" || ending == "in"))
        || matches!(ending, "csproj" | "fsproj" | "vbproj")
}

/// The packages in a manifest that talk to a store.
fn in_manifest(path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    /// What lines begin with that name no dependency.
    const OTHERS: [&str; 7] = [
        "#",
        "//",
        "keywords",
        "description",
        "<!--",
        "exclude",
        "name",
    ];
    let name = file_name(path);
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start().trim_start_matches('"');
        if OTHERS.iter().any(|start| trimmed.starts_with(start)) || trimmed.contains("// indirect")
        {
            continue;
        }
        let (store, package) = if name == "go.mod" {
            let module = trimmed.trim_start_matches("require ");
            (table::of_module(trimmed), module.split_whitespace().next())
        } else {
            let found = packages(trimmed).find_map(|package| {
                let short = package.rsplit('/').next().unwrap_or(package);
                let store = table::of_client(package).or_else(|| table::of_client(short))?;
                Some((store, package))
            });
            (found.map(|found| found.0), found.map(|found| found.1))
        };
        if store.is_some() {
            let why = format!("depends on `{}`", package.unwrap_or_default());
            evidence.push(Evidence {
                store,
                weight: Weight::Optional,
                because: Origin::line(path, number + 1, why),
                address: None,
                variable: None,
            });
        }
    }
}

/// The names of packages in a line of a manifest: a word of its own with what may follow a name.
fn packages(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.@/-".contains(c);
    let words = line
        .split(move |c: char| !is_part(c))
        .filter(|word| !word.is_empty());
    words.filter(move |word| {
        let end = word.as_ptr().addr() - line.as_ptr().addr() + word.len();
        let next = line[end..].trim_start().chars().next();
        next.is_none_or(|next| "=<>~!;\"',:)[]}".contains(next))
    })
}

/// The connection strings of .NET, which have a form of their own.
fn in_settings(path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    if !file_name(path).starts_with("appsettings") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_ascii_lowercase();
        let has_host = [
            "host=localhost",
            "server=localhost",
            "host=127.0.0.1",
            "server=127.0.0.1",
        ]
        .iter()
        .any(|part| lower.contains(part));
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
        let users = ["username=", "user id=", "uid="].iter();
        evidence.push(Evidence {
            store: table::of_scheme(word),
            weight: Weight::Source,
            because: Origin::line(path, number + 1, "a connection string"),
            address: Some(Address {
                host: "localhost".to_owned(),
                port,
                user: users
                    .filter_map(|key| value(key))
                    .find(|text| is_name(text)),
                has_password: lower.contains("password=") || lower.contains("pwd="),
                path: value("database=").filter(|text| is_name(text)),
                ..Address::default()
            }),
            variable: None,
        });
    }
}
