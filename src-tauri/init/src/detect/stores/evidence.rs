//! Evidence that a project needs a store: a setting in force or a connection in the source. A dependency alone is none.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use super::table::{self, PATTERNS, Store};
use crate::{
    detect::{
        address::{Address, is_here, is_name},
        has_word, is_in,
        listing::{Listing, file_name, folder, line_at},
        source::{has_extension, is_comment, pattern},
        variables::Variable,
    },
    draft::Origin,
};

/// The strength of evidence, the strongest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// A library that talks to it, or an address that is used only if something else is set: no need for it.
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

/// Evidence for a store.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// None for a database in a file.
    pub(super) store: Option<&'static Store>,
    pub(super) weight: Weight,
    pub(super) because: Origin,
    /// The address, if the evidence has one.
    pub(super) address: Option<Address>,
    /// The variable that has it.
    pub(super) variable: Option<String>,
}

impl Evidence {
    pub(super) fn new(store: Option<&'static Store>, weight: Weight, because: Origin) -> Self {
        Self {
            store,
            weight,
            because,
            address: None,
            variable: None,
        }
    }

    /// Whether it makes the store a need.
    pub(super) fn is_needed(&self) -> bool {
        self.weight > Weight::Optional
    }

    /// Whether it is about a database with SQL: a store or a file.
    pub(super) fn is_sql(&self) -> bool {
        self.store.is_none_or(|store| store.is_sql)
    }

    /// Returns the name of its store; empty for a file.
    pub(super) fn name(&self) -> &'static str {
        self.store.map_or("", |store| &store.name)
    }
}

/// Returns what the variables of an app ask for.
pub(super) fn in_variables<'v>(variables: impl Iterator<Item = &'v Variable>) -> Vec<Evidence> {
    let all: Vec<&Variable> = variables.collect();
    let choices = all.iter().filter(|it| is_in("choice_variables", &it.name));
    let chosen: Vec<&str> = choices.map(|it| it.value.as_str()).collect();
    all.iter()
        .filter_map(|variable| of_variable(variable, &all, &chosen))
        .collect()
}

fn of_variable(variable: &Variable, all: &[&Variable], chosen: &[&str]) -> Option<Evidence> {
    let (name, value) = (variable.name.as_str(), variable.value.as_str());
    let asks = |store, address| {
        let because = Origin::line(&variable.file, variable.line, format!("`{name}`"));
        Some(Evidence {
            store,
            weight: if variable.is_set {
                Weight::Set
            } else {
                Weight::Example
            },
            because,
            address,
            variable: Some(name.to_owned()),
        })
    };
    let is_about_database = name.contains("DATABASE") || name.starts_with("DB_");
    if is_about_database && (value.starts_with("sqlite") || value.starts_with("file:")) {
        return asks(None, None);
    }
    if has_word(
        "DB_CONNECTION DB_ENGINE DB_TYPE DB_DRIVER DATABASE_DRIVER",
        name,
    ) {
        let host = all.iter().find(|it| it.name == "DB_HOST");
        return asks(
            table::of_name(named(value)?),
            host.map(|host| address_of_parts(all, host)),
        );
    }
    let address = Address::parse(value).filter(|it| it.port.is_none_or(is_usable));
    let by_scheme = address.as_ref().and_then(|it| table::of_scheme(&it.scheme));
    if by_scheme.is_some() {
        return asks(by_scheme, address);
    }
    let by_port = || {
        let is_host = has_word("DB_HOST DATABASE_HOST", name)
            && !all.iter().any(|it| it.name == "DB_CONNECTION");
        let port: u16 = beside(all, name, "PORT")
            .filter(|_| is_host)?
            .parse()
            .ok()?;
        table::all().iter().find(|store| store.port == port)
    };
    let store = table::of_variable(name).or_else(by_port)?;
    // One of several, among which another setting chooses.
    let is_choice =
        !chosen.is_empty() && has_word("redis memcached minio elasticsearch", &store.name);
    let is_provider = store.name == "ollama" && !variable.is_set;
    if is_provider || (is_choice && !chosen.contains(&store.name.as_str())) {
        return None;
    }
    if let Some(address) =
        address.filter(|it| has_word("http https", &it.scheme) || it.scheme.is_empty())
    {
        return asks(Some(store), Some(address));
    }
    let mut ends = ["HOST", "SERVER", "HOSTNAME", "ADDR"].iter();
    let is_host = ends.any(|end| name.ends_with(end)) && (is_here(value) || is_name(value));
    is_host.then(|| asks(Some(store), Some(address_of_parts(all, variable))))?
}

/// Whether a developer's store can listen on a port.
fn is_usable(port: u16) -> bool {
    port >= 1024
}

/// Returns the value of `REDIS_PORT` beside `REDIS_HOST`.
fn beside<'v>(all: &[&'v Variable], host: &str, ends: &str) -> Option<&'v str> {
    let (start, _) = host.rsplit_once('_')?;
    ends.split(' ').find_map(|end| {
        let is_end = |rest: &str| rest.strip_prefix('_') == Some(end);
        let is_own = |it: &&&Variable| it.name.strip_prefix(start).is_some_and(is_end);
        Some(all.iter().find(is_own)?.value.as_str())
    })
}

/// Returns the address whose parts are in variables: `DB_HOST`, `DB_PORT`, `DB_DATABASE` and `DB_USERNAME`.
fn address_of_parts(all: &[&Variable], host: &Variable) -> Address {
    let value = |ends| beside(all, &host.name, ends);
    let name = |ends| value(ends).filter(|text| is_name(text)).map(str::to_owned);
    Address {
        host: host.value.to_ascii_lowercase(),
        port: value("PORT").and_then(|port| port.parse().ok()),
        user: name("USER USERNAME"),
        has_password: value("PASSWORD PASS").is_some_and(|it| !it.is_empty()),
        path: name("DB DATABASE NAME DBNAME"),
        ..Address::default()
    }
}

/// Returns the name of the store that a word of the settings means; the empty name is a database in a file.
fn named(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let name = word.rsplit('.').next().unwrap_or(&word);
    if has_word("sqlite sqlite3 better-sqlite3 turso libsql", name) {
        return Some("");
    }
    let store = table::all()
        .iter()
        .find(|store| has_word(&store.names, name))?;
    Some(&store.name)
}

/// Adds what a text of an app asks for: a manifest, settings or source.
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
    if name.starts_with("appsettings") {
        evidence.extend(connection_strings(path, text));
        evidence.extend(redis_of_settings(path, text));
    }
    // Most sources name no store, and the patterns below are slow.
    if !PATTERNS.mention.is_match(text) {
        return;
    }
    let text = in_force(name, text);
    let says = |store, weight, at: usize, why: &str| {
        let because = Origin::line(path, line_at(text, at), why);
        (!is_aside_line(text, at)).then(|| Evidence::new(store, weight, because))
    };
    for found in PATTERNS
        .address
        .find_iter(text)
        .filter(|it| is_value(text, it.start(), it.end()))
    {
        let (at, value) = (found.start(), found.as_str());
        let scheme = value
            .trim_start_matches("jdbc:")
            .split([':', '+'])
            .next()
            .unwrap_or_default();
        let (store, why) = (table::of_scheme(scheme), format!("an address of {scheme}"));
        match Address::parse(value) {
            Some(address) if address.is_nearby() && address.port.is_none_or(is_usable) => {
                evidence.extend(says(store, Weight::Source, at, &why).map(|found| Evidence {
                    address: Some(address),
                    ..found
                }));
            }
            // Its parts are filled in: `f"postgresql://{USER}@{HOST}/shop"`.
            None if value.contains(['{', '$']) => {
                evidence.extend(says(store, Weight::Named, at, &why));
            }
            Some(_) | None => {}
        }
    }
    for found in PATTERNS.file.find_iter(text) {
        evidence.extend(says(
            None,
            Weight::Source,
            found.start(),
            "an address of a file",
        ));
    }
    for (place, name) in [(":11434", "ollama"), (":9200", "elasticsearch")] {
        let here = ["localhost", "127.0.0.1"].map(|host| format!("{host}{place}"));
        if let Some(at) = here.iter().find_map(|here| text.find(here)) {
            let why = format!("uses localhost{place} if it is set up");
            evidence.extend(says(table::of_scheme(name), Weight::Optional, at, &why));
        }
    }
    for found in PATTERNS.named.captures_iter(text) {
        if let Some(word) = found.iter().skip(1).flatten().next()
            && let Some(name) = named(word.as_str())
        {
            let why = format!("`{}`", word.as_str());
            let store = table::of_name(name);
            evidence.extend(says(store, Weight::Named, word.start(), &why));
        }
    }
    let is_python = has_extension(name, "py");
    for store in table::all() {
        let call = store.connects.iter().find_map(|call| {
            // `new Queue( @ bull` counts only where the text names the library.
            let (call, library) = call.split_once(" @ ").unwrap_or((call, ""));
            let at = text
                .find(call)
                .filter(|at| text.contains(library) && connects(text, *at))?;
            Some((call, at))
        });
        if let Some((call, at)) = call {
            let why = format!("connects by `{}`", call.trim_end_matches('('));
            // Its caller has the address or has none, or the library is loaded only then.
            let is_optional = PATTERNS.given.is_match(&text[at + call.len()..])
                || (is_python && is_lazy(text, call));
            let weight = if is_optional {
                Weight::Optional
            } else {
                Weight::Connects
            };
            evidence.extend(says(Some(store), weight, at, &why));
        }
    }
}

fn is_yaml(name: &str) -> bool {
    has_extension(name, "yml") || has_extension(name, "yaml")
}

/// Returns the part of a text that holds during development: without tests and settings of other environments. Lines keep
/// their numbers.
fn in_force<'t>(name: &str, text: &'t str) -> &'t str {
    if has_extension(name, "rs") {
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        return &text[..end];
    }
    if is_yaml(name) {
        // Rails lists development first. Of several documents, the first is for every profile.
        let section = PATTERNS.section.find(text).map(|found| found.start());
        let document = text
            .match_indices("\n---")
            .map(|(at, _)| at)
            .find(|at| *at > 0);
        let end = [section, document].into_iter().flatten().min();
        return &text[..end.unwrap_or(text.len())];
    }
    text
}

/// Whether the text between these places is a value of its own rather than part of a sentence.
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

/// Whether the program connects when it starts: no `? :`, no `if`, and not in a comment.
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

/// Whether a function imports the library of a call, and the file does not.
fn is_lazy(text: &str, call: &str) -> bool {
    let library = call.split('.').next().unwrap_or_default();
    let import = format!("import {library}");
    let mut lines = text
        .lines()
        .filter(|line| line.trim_start().starts_with(&import));
    lines.next().is_some_and(|line| line.starts_with(' '))
        && lines.all(|line| line.starts_with(' '))
}

/// Whether a place is in a comment, or in a line that prints or raises something.
fn is_aside_line(text: &str, at: usize) -> bool {
    const MARKS: [&str; 12] = [
        "print", "console.", "log.", "logger.", "warn", "raise ", "throw ", "panic!", "help=",
        " // ", " # ", "<!--",
    ];
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..at].trim_start();
    is_comment(text, at)
        || ["#", "--", ";"].iter().any(|mark| line.starts_with(mark))
        || MARKS.iter().any(|mark| line.contains(mark))
}

/// Whether other code reads the file (variables, compose files, Procfiles), or it is prose or a lock file.
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

/// Whether this is a Spring profile that no setting makes active.
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

fn is_manifest(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    is_in("package_files", name)
        || name.starts_with("build.gradle")
        || (name.starts_with("requirements") && has_word("txt in", ending))
        || has_word("csproj fsproj vbproj", ending)
}

/// Adds the packages in a manifest that talk to a store.
fn in_manifest(path: &str, text: &str, evidence: &mut Vec<Evidence>) {
    /// The beginnings of lines that name no dependency.
    const OTHERS: &str = "# // keywords description <!-- exclude name";
    let is_go = file_name(path) == "go.mod";
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start().trim_start_matches('"');
        if OTHERS.split(' ').any(|start| line.starts_with(start)) || line.contains("// indirect") {
            continue;
        }
        let found = if is_go {
            let module = line
                .trim_start_matches("require ")
                .split_whitespace()
                .next();
            table::of_module(line).zip(module)
        } else {
            packages(line).find_map(|package| {
                let short = package.rsplit('/').next().unwrap_or(package);
                let store = table::of_client(package).or_else(|| table::of_client(short))?;
                Some((store, package))
            })
        };
        if let Some((store, package)) = found {
            let because = Origin::line(path, number + 1, format!("depends on `{package}`"));
            evidence.push(Evidence::new(Some(store), Weight::Optional, because));
        }
    }
}

/// Returns the names of packages in a line of a manifest: words followed by a character that may follow a name.
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

/// Returns the stores of the connection strings of .NET: `Host=localhost;Port=5432;Database=shop;Username=app`.
fn connection_strings(path: &str, text: &str) -> impl Iterator<Item = Evidence> {
    let lines = text.lines().enumerate();
    lines.filter_map(move |(number, line)| {
        let fields: BTreeMap<String, &str> = line
            .split([';', '"'])
            .filter_map(|field| field.split_once('='))
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim()))
            .collect();
        let value = |keys: &str| keys.split(',').find_map(|key| fields.get(key).copied());
        let name = |keys: &str| value(keys).filter(|text| is_name(text)).map(str::to_owned);
        let host = value("host,server").and_then(|host| host.split(',').next());
        let port: Option<u16> = value("port").and_then(|port| port.parse().ok());
        let store = match host? {
            // MySQL's own port, and its word for the user.
            "localhost" | "127.0.0.1"
                if value("host").is_some()
                    || (port.is_some_and(|port| port != 3306) && value("uid").is_none()) =>
            {
                "postgres"
            }
            // Without these it is SQL Server, which is not among the stores.
            "localhost" | "127.0.0.1" if port == Some(3306) || value("uid").is_some() => "mysql",
            _ => return None,
        };
        let because = Origin::line(path, number + 1, "a connection string");
        let address = Address {
            host: "localhost".to_owned(),
            port,
            user: name("username,user id,uid"),
            has_password: value("password,pwd").is_some(),
            path: name("database"),
            ..Address::default()
        };
        Some(Evidence {
            address: Some(address),
            ..Evidence::new(table::of_name(store), Weight::Source, because)
        })
    })
}

/// Returns the address of Redis in the settings of a .NET project: `"Redis": "localhost:6379"`
fn redis_of_settings(path: &str, text: &str) -> Option<Evidence> {
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#""\w*(?i:redis)\w*"\s*:\s*"(localhost|127\.0\.0\.1)(?::(\d+))?[,"]"#)
    });
    let found = ADDRESS.captures(text)?;
    let at = found.get(0).map_or(0, |all| all.start());
    let because = Origin::line(path, line_at(text, at), "a connection string");
    let address = Address {
        host: "localhost".to_owned(),
        port: found.get(2).and_then(|port| port.as_str().parse().ok()),
        ..Address::default()
    };
    Some(Evidence {
        address: Some(address),
        ..Evidence::new(table::of_name("redis"), Weight::Source, because)
    })
}
