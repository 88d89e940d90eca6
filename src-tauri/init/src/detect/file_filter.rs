//! The choice of the files to read. The listing has all names of a project, and the texts of files that may matter.

use super::{
    aside::is_aside,
    listing::{file_name, is_in},
};

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Its name is enough.
    Name,
    /// Its text describes the project.
    Text,
    /// Source, whose text may matter. At most [`SOURCES_AT_MOST`] are read, those that are not deep first.
    Source,
}

/// The number of sources that are read.
pub const SOURCES_AT_MOST: usize = 2_000;

/// The largest files that are read, in bytes; larger ones are generated.
const LARGEST_TEXT: u64 = 1 << 20;
const LARGEST_SOURCE: u64 = 256 << 10;

/// Whether the contents of a folder with this name are skipped.
#[must_use]
pub fn skips_folder(name: &str) -> bool {
    is_in("folders_skipped", name)
}

/// What to do with a file of this path and size in bytes.
#[must_use]
pub fn is_of_interest(path: &str, size: u64) -> Interest {
    let name = file_name(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let mut starts = [".env", "requirements", "Procfile", "Dockerfile"].iter();
    let is_named = is_in("named_files", name)
        || starts.any(|start| name.starts_with(start))
        || is_config(name);
    let is_named = is_named || is_instruction(path);
    let interest = if is_named {
        Interest::Text
    } else if is_in("source_endings", extension) {
        Interest::Source
    } else if is_in("settings_endings", extension) {
        // Settings deep in a project are data more often than not.
        let is_deep = path.matches('/').count() > 4;
        if is_deep {
            Interest::Source
        } else {
            Interest::Text
        }
    } else {
        return Interest::Name;
    };
    let is_source = !is_named && is_in("source_endings", extension);
    let largest = if is_source {
        LARGEST_SOURCE
    } else {
        LARGEST_TEXT
    };
    if size > largest || is_in("lock_files", name) || is_aside(path) {
        return Interest::Name;
    }
    interest
}

/// Whether a file has instructions for developers.
pub(crate) fn is_instruction(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let Some(stem) = name
        .strip_suffix(".md")
        .or_else(|| name.strip_suffix(".rst"))
    else {
        return false;
    };
    let words = "readme contributing development developing getting-started getting_started quickstart quick-start \
        quick_start local running hacking setup install agents claude";
    path.matches('/').count() <= 2 && words.split(' ').any(|word| stem.contains(word))
}

/// `vite.config.ts`, `ecosystem.config.js`: code that is settings.
fn is_config(name: &str) -> bool {
    name.contains(".config.") || name == "package.json" || name == "pyproject.toml"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_where_it_may_say_something() {
        for (path, size, expected) in [
            ("package.json", 900, Interest::Text),
            ("package.json", 50_000_000, Interest::Name),
            ("package-lock.json", 900, Interest::Name),
            ("apps/web/vite.config.ts", 900, Interest::Text),
            (".env.local", 10, Interest::Text),
            ("src/main.py", 900, Interest::Source),
            ("src/main.test.ts", 900, Interest::Name),
            ("src/bundle.js", 900_000, Interest::Name),
            ("logo.png", 900, Interest::Name),
            ("requirements-dev.txt", 900, Interest::Text),
            ("docs/development.md", 900, Interest::Text),
            ("AGENTS.md", 900, Interest::Text),
            ("docs/history.md", 900, Interest::Name),
        ] {
            assert_eq!(is_of_interest(path, size), expected, "{path}");
        }
    }
}
