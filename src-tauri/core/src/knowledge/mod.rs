//! What is known of the words in which programs fail: `knowledge/*.toml`, one file for an ecosystem,
//! made into tables at build time (`build.rs`). An entry names literals of which one must occur. One pass
//! over a line finds the entries whose literals it has, and a pattern is compiled when it is first needed:
//! most never are.

mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub(crate) use self::table::Found;
use self::table::{Entry, Known, Literal, Table};
use crate::model::evidence::log::{Ecosystem, LogAdvice};

include!(concat!(env!("OUT_DIR"), "/knowledge.rs"));

/// What an error means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meaning {
    pub(crate) about: About,
    pub(crate) advice: Option<Advice>,
}

/// What an error is about, with what the groups `name`, `port` and `to` of its pattern hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About {
    Moved,
    InUse,
    Forbidden,
    Module {
        ecosystem: Ecosystem,
        /// It is always a file of the project itself.
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
    /// What the advice says.
    Known,
}

/// What to say of an error: templates, in which `{group}` is what a group of the pattern holds, and
/// `{service}` the name of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advice {
    /// What is wrong, where that says more than the line itself.
    pub(crate) title: Option<&'static str>,
    /// What to do.
    pub(crate) remedy: &'static str,
    /// The error may be gone when the service is started again.
    pub(crate) restart_helps: bool,
    /// Another service may be behind it.
    pub(crate) of_another: bool,
}

/// What a line says went wrong: the entry, its meaning, and what its groups hold.
pub(crate) fn error(text: &str) -> Option<(&'static str, Meaning, Found<'_>)> {
    static ALL: LazyLock<Known<Meaning>> = LazyLock::new(|| Known::new(&ERRORS));
    let (entry, found) = ALL.matches(text).next()?;
    Some((entry.id, entry.meaning, found))
}

/// What is known to help, with what the groups hold; `None` if that is nothing.
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
    }))
}

/// The addresses that a line says cannot be reached: groups `host` and `port`, and the port where the
/// words leave it out.
pub(crate) fn addresses(text: &str) -> impl Iterator<Item = (Found<'_>, Option<u16>)> {
    static ALL: LazyLock<Known<Option<u16>>> = LazyLock::new(|| Known::new(&ADDRESSES));
    ALL.matches(text)
        .map(|(entry, found)| (found, entry.meaning))
}

/// Whether a line only follows from an error: the heading of what is said next, what launchers and
/// servers say when what they run has ended.
pub(crate) fn is_aftermath(text: &str) -> bool {
    static ALL: LazyLock<Known<()>> = LazyLock::new(|| Known::new(&AFTERMATH));
    ALL.matches(text).next().is_some()
}
