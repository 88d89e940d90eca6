//! What an error is about.

use std::sync::LazyLock;

use super::patterns::{Found, Patterns};
use crate::{
    model::evidence::log::{Ecosystem, LogErrorKind},
    stack::Port,
};

/// What a pattern tells, with what its groups `name`, `port` and `to` hold.
#[derive(Clone, Copy)]
enum Meaning {
    Moved,
    InUse,
    Forbidden,
    Module(Ecosystem),
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
}

/// The first that matches counts, so the more telling come first.
static PATTERNS: LazyLock<Patterns<Meaning>> = LazyLock::new(|| {
    use Ecosystem::{Node, Other, Python};
    use Meaning::{
        Disk, File, Files, Forbidden, InUse, Login, Memory, Module, Moved, Program, Script, Syntax,
        Table, Unreachable, Variable,
    };
    Patterns::new([
        // Vite, Next.js, Nuxt
        (
            r"[Pp]ort (?<port>\d+) is in use(?: by .*)?, (?:trying|using available port) (?:another one|port )?(?<to>\d+)?",
            Moved,
        ),
        (
            r"Unable to find an available port \(tried (?<port>\d+).*Using alternative port (?<to>\d+)",
            Moved,
        ),
        // A bind that was refused
        (
            r"(?:listen )?EACCES:? permission denied \S*?:(?<port>\d+)",
            Forbidden,
        ),
        (
            r"\[(?:Errno 13|WinError 10013|Errno 10013)\].*bind on address \('[^']*', (?<port>\d+)",
            Forbidden,
        ),
        (r"bind\(\) to \S*?:(?<port>\d+) failed \(13:", Forbidden),
        (
            r"listen tcp \S*?:(?<port>\d+): bind: permission denied",
            Forbidden,
        ),
        (r"EADDRINUSE.*?:(?<port>\d+)\s*$", InUse),
        (
            r"bind on address \('[^']*', (?<port>\d+).*(?:already in use|[Oo]nly one usage|Errno (?:98|48|10048))",
            InUse,
        ),
        (
            r"\[Errno (?:98|48|10048)\].*bind on address \('[^']*', (?<port>\d+)",
            InUse,
        ),
        (r"bind\(\) to \S*?:(?<port>\d+) failed \((?:98|48):", InUse),
        (
            r"(?:socket|listen\w*|bind\w*|address|tcp)\b[^\n]*?[:\]](?<port>\d+)\b[^\n]*(?i:address (?:is )?already in use)",
            InUse,
        ),
        (r"(?i:address already in use)[^\n]*?:(?<port>\d+)\b", InUse),
        (r"Connection in use: \('[^']*', (?<port>\d+)", InUse),
        (
            r"(?i)port:? ?(?<port>\d+) (?:is|was) (?:already )?(?:in use|allocated|occupied|taken)",
            InUse,
        ),
        (r"(?i)already running on port (?<port>\d+)", InUse),
        (
            r"(?i)address (?:is )?already in use|EADDRINUSE|AddrInUse|that port is already in use|\[(?:Errno|WinError) 10048\]|[Oo]nly one usage of each socket address",
            InUse,
        ),
        // What is not installed
        (
            r#"ModuleNotFoundError: No module named ['"]?(?<name>[\w.]+)"#,
            Module(Python),
        ),
        (
            r#"ImportError: No module named ['"]?(?<name>[\w.]+)"#,
            Module(Python),
        ),
        (
            r#"^(?:\S*/)?python[\d.]*(?:\.exe)?: No module named ['"]?(?<name>[\w.]+)"#,
            Module(Python),
        ),
        (
            r#"Could not import module ["'](?<name>[\w.]+)["']"#,
            Module(Python),
        ),
        (
            r#"Cannot find (?:module|package) ['"](?<name>[^'"]+)['"]"#,
            Module(Node),
        ),
        (
            r#"(?:Failed to resolve import|Could not resolve) ["'](?<name>[^"']+)["']"#,
            Module(Node),
        ),
        (
            r"Module not found: (?:Error: )?Can't resolve '(?<name>[^']+)'",
            Module(Node),
        ),
        (
            r"^\s+(?<name>@?[\w.-]+(?:/[\w.-]+)*) \(imported by [^)]+\)",
            Module(Node),
        ),
        (r"cannot load such file -- (?<name>[\w./-]+)", Module(Other)),
        (
            r"no required module provides package (?<name>\S+?)[;:]",
            Module(Other),
        ),
        (
            r"Could not find or load main class (?<name>\S+)",
            Module(Other),
        ),
        (r#"(?i)missing script: ["']?(?<name>[\w:.-]+)"#, Script),
        (
            r"^(?:\S*/)?(?:ba|da|z|a)?sh: (?:line )?(?:\d+: )?(?<name>[^\s:]+): (?:command )?not found",
            Program,
        ),
        (r"^zsh:(?:\d+:)? command not found: (?<name>\S+)", Program),
        (
            r"^'?(?<name>[\w.@-]+)'? is not recognized as an internal or external command",
            Program,
        ),
        (r"spawn (?<name>\S+) ENOENT", Program),
        // Databases
        (r"no such table: (?<name>[\w.]+)", Table),
        (r#"relation "(?<name>[^"]+)" does not exist"#, Table),
        (r"Table '(?<name>[^']+)' doesn't exist", Table),
        (r"[Tt]he table `(?<name>[^`]+)` does not exist", Table),
        (r"Invalid object name '(?<name>[^']+)'", Table),
        (
            r#"password authentication failed|no password supplied|role "[^"]+" does not exist|Access denied for user|WRONGPASS|NOAUTH|invalid username-password pair|ACCESS_REFUSED|Authentication failed\.|SCRAM authentication|Authentication required"#,
            Login,
        ),
        // Settings
        (
            r"[Ee]nvironment variable (?:not found: |is (?:not set|missing): )?[`'\x22]?(?<name>[A-Z][A-Z0-9_]{2,})",
            Variable,
        ),
        (
            r"(?<name>[A-Z][A-Z0-9_]{2,})[`'\x22]? (?:environment variable|env(?:ironment)? var)",
            Variable,
        ),
        (
            r"(?i:missing|required|set)[^\n]{0,40}\benv(?:ironment)?(?: var(?:iable)?s?)?:? [`'\x22]?(?<name>[A-Z][A-Z0-9_]{2,})",
            Variable,
        ),
        (
            r"^(?<name>[A-Z][A-Z0-9_]{2,})[`'\x22]? (?:is|was) (?:not set|not defined|missing|required)\b",
            Variable,
        ),
        // The machine
        (
            r"heap out of memory|^MemoryError|java\.lang\.OutOfMemoryError|runtime: out of memory|[Cc]annot allocate memory|memory allocation of \d+ bytes failed|^std::bad_alloc|what\(\):\s+std::bad_alloc|numpy.*_ArrayMemoryError",
            Memory,
        ),
        (
            r"EMFILE|ENFILE|[Tt]oo many open files|limit for number of file watchers",
            Files,
        ),
        (r"ENOSPC|[Nn]o space left on device|disk is full", Disk),
        (
            r#"FileNotFoundError: \[Errno 2\] No such file or directory: ['"](?<name>[^'"]+)"#,
            File,
        ),
        (
            r#"ENOENT:? no such file or directory, \w+ ['"](?<name>[^'"]+)"#,
            File,
        ),
        (
            r"ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|(?i:connection (?:was )?refused|actively refused|connect call failed|name or service not known|no route to host|could not translate host name|no such host|temporary failure in name resolution|could not be established\. Broker|all connection attempts failed|ServerSelectionTimeout)|Error -?\d+ connecting to|UnknownHostException",
            Unreachable,
        ),
        (
            r"^(?:\s*\|?\s*)?(?:SyntaxError|IndentationError|TabError)\b|error: could not compile|Transform failed with \d+ error|^error TS\d+:|: error TS\d+:|Unexpected token|PARSE_ERROR",
            Syntax,
        ),
    ])
});

/// What these words are about. [`LogErrorKind::Other`] if nothing in them says more.
pub(super) fn kind(text: &str) -> LogErrorKind {
    let found = PATTERNS.matches(text).next();
    found.map_or(LogErrorKind::Other, |(captures, meaning)| {
        made(*meaning, &captures)
    })
}

fn made(meaning: Meaning, captures: &Found<'_>) -> LogErrorKind {
    let name = || {
        let name = captures.group("name").unwrap_or_default();
        name.to_owned()
    };
    let port = |group: &str| {
        let number = captures.group(group)?.parse().ok()?;
        Port::new(number)
    };
    match meaning {
        Meaning::Moved => LogErrorKind::PortMoved {
            from: port("port"),
            to: port("to"),
        },
        Meaning::InUse => LogErrorKind::AddressInUse { port: port("port") },
        Meaning::Forbidden => LogErrorKind::AddressForbidden { port: port("port") },
        Meaning::Module(ecosystem) => module(ecosystem, &name(), captures),
        Meaning::Program => LogErrorKind::ProgramMissing { name: name() },
        Meaning::Script => LogErrorKind::ScriptMissing { name: name() },
        Meaning::Table => LogErrorKind::TableMissing { name: name() },
        Meaning::Variable => LogErrorKind::VariableMissing { name: name() },
        Meaning::File => LogErrorKind::FileMissing { path: name() },
        Meaning::Login => LogErrorKind::LoginRefused,
        Meaning::Memory => LogErrorKind::OutOfMemory,
        Meaning::Files => LogErrorKind::TooManyFiles,
        Meaning::Disk => LogErrorKind::DiskFull,
        Meaning::Unreachable => LogErrorKind::Unreachable,
        Meaning::Syntax => LogErrorKind::Syntax,
    }
}

/// A path is a file of the project; of a package only its own name is installed.
fn module(ecosystem: Ecosystem, name: &str, captures: &Found<'_>) -> LogErrorKind {
    let is_path =
        name.starts_with(['.', '/', '~', '#']) || name.starts_with("@/") || name.contains('\\');
    let named_by_server = captures.whole().starts_with("Could not import module");
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
        own: is_path || named_by_server,
    }
}
