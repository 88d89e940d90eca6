//! Classifies errors.

use crate::{
    diagnose::evidence::log::{Ecosystem, LogAdvice, LogErrorKind},
    knowledge::{self, About, Found},
    stack::Port,
};

/// Classifies an error by its message and returns the known advice. Returns [`LogErrorKind::Other`]
/// if nothing more specific matches.
pub(super) fn kind(text: &str) -> (LogErrorKind, Option<Box<LogAdvice>>) {
    match knowledge::error(text) {
        None => (LogErrorKind::Other, None),
        Some((id, meaning, found)) => {
            let advice = knowledge::advice(id, &meaning, &found);
            (made(meaning.about, &found), advice)
        }
    }
}

fn made(about: About, found: &Found<'_>) -> LogErrorKind {
    let name = || found.group("name").unwrap_or_default().to_owned();
    let port = |group: &str| Port::new(found.group(group)?.parse().ok()?);
    match about {
        About::Moved => LogErrorKind::PortMoved {
            from: port("port"),
            to: port("to"),
        },
        About::InUse => LogErrorKind::AddressInUse { port: port("port") },
        About::Forbidden => LogErrorKind::AddressForbidden { port: port("port") },
        About::Module { ecosystem, own } => module(ecosystem, &name(), own),
        About::Program => LogErrorKind::ProgramMissing { name: name() },
        About::Script => LogErrorKind::ScriptMissing { name: name() },
        About::Table => LogErrorKind::TableMissing { name: name() },
        About::Variable => LogErrorKind::VariableMissing { name: name() },
        About::File => LogErrorKind::FileMissing { path: name() },
        About::Login => LogErrorKind::LoginRefused,
        About::Memory => LogErrorKind::OutOfMemory,
        About::Files => LogErrorKind::TooManyFiles,
        About::Disk => LogErrorKind::DiskFull,
        About::Unreachable => LogErrorKind::Unreachable,
        About::Syntax => LogErrorKind::Syntax,
        About::Known => LogErrorKind::Known,
    }
}

/// Returns the kind for a missing module. A path is a file of the project; of a package, only the
/// first part is its name.
fn module(ecosystem: Ecosystem, name: &str, own: bool) -> LogErrorKind {
    let is_path =
        name.starts_with(['.', '/', '~', '#']) || name.starts_with("@/") || name.contains('\\');
    let package = match ecosystem {
        _ if is_path => name,
        Ecosystem::Python => name.split('.').next().unwrap_or(name),
        Ecosystem::Node => {
            let slashes = usize::from(name.starts_with('@'));
            let end = name.match_indices('/').nth(slashes).map(|(at, _)| at);
            &name[..end.unwrap_or(name.len())]
        }
        Ecosystem::Other => name,
    };
    LogErrorKind::ModuleMissing {
        ecosystem,
        name: package.to_owned(),
        own: is_path || own,
    }
}
