//! Known error messages of programs: `knowledge/*.toml`, one file for each ecosystem, compiled into
//! tables at build time (`build/knowledge.rs`). An entry names literals, one of which must occur. A
//! single pass over a line finds the entries whose literals it contains. Patterns are compiled on
//! first use, which most never have.

mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use self::table::{Entry, Known, Literal, Table};
pub(crate) use self::table::{Found, compile};
use crate::diagnose::evidence::log::{Ecosystem, LogAdvice, Lookup};

include!(concat!(env!("OUT_DIR"), "/knowledge.rs"));

/// The meaning of an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meaning {
    pub(crate) about: About,
    pub(crate) advice: Option<Advice>,
}

/// The kind of error, with the values of the groups `name`, `port` and `to` of its pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About {
    Moved,
    InUse,
    Forbidden,
    Module {
        ecosystem: Ecosystem,
        /// The file is always one of the project itself.
        own: bool,
    },
    Program,
    Script,
    Table,
    Variable,
    File,
    Login,
    Memory,
    Files,
    Disk,
    Unreachable,
    Syntax,
    /// Only the advice is known.
    Known,
}

/// The texts for an error: templates in which `{group}` is replaced by a group of the pattern, and
/// `{service}` by the name of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advice {
    /// The cause, if it is more helpful than the line itself.
    pub(crate) title: Option<&'static str>,
    /// The advice.
    pub(crate) remedy: &'static str,
    /// Whether a restart may resolve the error.
    pub(crate) restart_helps: bool,
    /// Whether another service may be the cause.
    pub(crate) of_another: bool,
    /// Whether another program may resolve the error in the meantime: a migration, a build.
    pub(crate) passes: bool,
    /// The evidence to look up.
    pub(crate) lookup: Option<Lookup>,
}

/// An entry of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its unique name.
    pub id: &'static str,
    /// The ecosystem: the name of its file.
    pub file: &'static str,
    /// Its patterns and literals.
    pub says: Vec<&'static str>,
    /// The cause, if it is more helpful than the line.
    pub title: Option<&'static str>,
    /// The advice; `None` for a kind of error with its own texts in the diagnosis.
    pub remedy: Option<&'static str>,
}

/// Returns the known errors whose texts contain all of these words, in any case.
#[must_use]
pub fn search(words: &[String]) -> Vec<Listed> {
    let listed = ERRORS.entries.iter().enumerate().map(|(place, entry)| {
        let advice = entry.meaning.advice.as_ref();
        Listed {
            id: entry.id,
            file: entry.file,
            says: ERRORS.says(place),
            title: advice.and_then(|advice| advice.title),
            remedy: advice.map(|advice| advice.remedy),
        }
    });
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let has_all = |it: &Listed| {
        let texts = [it.id, it.file]
            .into_iter()
            .chain(it.title)
            .chain(it.remedy);
        let texts: Vec<&str> = texts.chain(it.says.iter().copied()).collect();
        let text = texts.join(" ").to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let mut found: Vec<Listed> = listed.filter(has_all).collect();
    found.sort_by_key(|it| (it.file, it.id));
    found
}

/// Returns the name and the ecosystem of the entry that matches a line.
#[must_use]
pub fn identify(text: &str) -> Option<(&'static str, &'static str)> {
    let (id, ..) = error(text)?;
    Some((id, file_of(id)?))
}

/// Returns the ecosystem of the entry of this name.
#[must_use]
pub fn file_of(id: &str) -> Option<&'static str> {
    let entry = ERRORS.entries.iter().find(|entry| entry.id == id)?;
    Some(entry.file)
}

/// Returns the error in a line: the entry, its meaning, and the values of its groups.
pub(crate) fn error(text: &str) -> Option<(&'static str, Meaning, Found<'_>)> {
    static ALL: LazyLock<Known<Meaning>> = LazyLock::new(|| Known::new(&ERRORS));
    let (entry, found) = ALL.matches(text).next()?;
    Some((entry.id, entry.meaning, found))
}

/// Returns whether a line reports an error that the next start would repeat: its cause is in the
/// files or the settings of the program.
pub(crate) fn comes_back(text: &str) -> bool {
    let Some((_, meaning, found)) = error(text) else {
        return false;
    };
    // Another service may create a file of the project.
    let is_file = |name: &str| name.starts_with(['.', '/']) || name.contains('\\');
    match (meaning.about, meaning.advice) {
        (About::Module { own, .. }, _) => !own && !found.group("name").is_some_and(is_file),
        (About::Program | About::Script | About::Variable | About::Syntax, _) => true,
        (About::Known, Some(advice)) => {
            let of_server = matches!(advice.lookup, Some(Lookup::Server | Lookup::Connections));
            !(advice.restart_helps || advice.of_another || advice.passes || of_server)
        }
        _ => false,
    }
}

/// Returns the known advice with the values of the groups filled in; `None` if there is none.
pub(crate) fn advice(
    id: &'static str,
    meaning: &Meaning,
    found: &Found<'_>,
) -> Option<Box<LogAdvice>> {
    let advice = meaning.advice?;
    Some(Box::new(LogAdvice {
        id,
        title: advice.title.and_then(|title| found.fill(title)),
        remedy: found.fill(advice.remedy)?,
        restart_helps: advice.restart_helps,
        of_another: advice.of_another,
        lookup: advice.lookup,
        command: None,
    }))
}

/// Returns the known advice on an error in a text.
pub(crate) fn known(text: &str) -> Option<Box<LogAdvice>> {
    let (id, meaning, found) = error(text)?;
    advice(id, &meaning, &found)
}

/// Returns the addresses that a line reports as unreachable: groups `host` and `port`, with a default
/// port if the message has none.
pub(crate) fn addresses(text: &str) -> impl Iterator<Item = (Found<'_>, Option<u16>)> {
    static ALL: LazyLock<Known<Option<u16>>> = LazyLock::new(|| Known::new(&ADDRESSES));
    ALL.matches(text)
        .map(|(entry, found)| (found, entry.meaning))
}

/// Returns the advice that a program prints in a line: group `command` or `text`.
pub(crate) fn hint(text: &str) -> Option<Found<'_>> {
    static ALL: LazyLock<Known<()>> = LazyLock::new(|| Known::new(&HINTS));
    ALL.matches(text).next().map(|(_, found)| found)
}

/// Returns the end of a program that a runner reports: group `name`, if it has one, and `code`.
pub(crate) fn ended(text: &str) -> Option<Found<'_>> {
    static ALL: LazyLock<Known<()>> = LazyLock::new(|| Known::new(&ENDED));
    ALL.matches(text).next().map(|(_, found)| found)
}

/// Returns whether a line is only a consequence of an error: a heading of the next lines, or the
/// message of a launcher or server whose program has exited.
pub(crate) fn is_aftermath(text: &str) -> bool {
    static ALL: LazyLock<Known<()>> = LazyLock::new(|| Known::new(&AFTERMATH));
    ALL.matches(text).next().is_some()
}
