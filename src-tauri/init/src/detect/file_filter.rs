//! Which files are worth reading. Names are looked at for all of a project, texts only for those
//! that may say something.

use std::{collections::HashSet, sync::LazyLock};

use super::{
    aside::is_aside,
    listing::{file_name, has_word},
};

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Its name is enough.
    Name,
    /// Its text says what the project is.
    Text,
    /// Source: its text may say something. Read those that are not deep first, and
    /// [`SOURCES_AT_MOST`] of them.
    Source,
}

/// So many sources are read.
pub const SOURCES_AT_MOST: usize = 2_000;

/// Larger files are generated.
const LARGEST_TEXT: u64 = 1 << 20;
const LARGEST_SOURCE: u64 = 256 << 10;

/// Folders that hold no source of the project. They are noted ([`super::Listing::add_folder`]) and
/// not looked into.
static SKIPPED: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    ".angular .astro .bundle .cache .direnv .eggs .elixir_ls .git .gradle .hg .idea .mypy_cache .next .nox \
    .nuxt .nx .output .parcel-cache .pnpm-store .pytest_cache .ruff_cache .svelte-kit .svn .terraform .tox \
    .turbo .venv .vercel .vite .yarn __pycache__ _build bower_components coverage deps dist env node_modules \
    obj target vendor venv"
        .split(' ')
        .collect()
});

/// Source of the languages that detection reads.
const SOURCES: [&str; 30] = [
    "astro", "cjs", "cs", "ex", "exs", "fs", "go", "groovy", "java", "js", "jsx", "kt", "kts",
    "mjs", "mts", "cts", "php", "ps1", "py", "rb", "rs", "sh", "svelte", "ts", "tsx", "vue", "bat",
    "cmd", "prisma", "bash",
];

/// Settings that say something, by how their names end.
const SETTINGS: [&str; 12] = [
    ".toml",
    ".yaml",
    ".yml",
    ".json",
    ".jsonc",
    ".json5",
    ".cfg",
    ".ini",
    ".conf",
    ".properties",
    ".xml",
    ".gradle",
];

/// Names that say something and do not end as settings do.
const NAMED: &str = ".flaskenv CONTRIBUTING.md Caddyfile Dockerfile Gemfile Justfile Makefile Pipfile Procfile Procfile.dev \
    README.md README.rst Rakefile artisan config.ru go.mod go.work justfile manage.py mix.lock mvnw";

/// Large, and only their presence counts.
const LOCKS: [&str; 6] = [
    "bun.lock",
    "composer.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
];

/// Whether a folder of this name is looked into.
#[must_use]
pub fn skips_folder(name: &str) -> bool {
    SKIPPED.contains(name)
}

/// What to do with a file of this path and size in bytes.
#[must_use]
pub fn is_of_interest(path: &str, size: u64) -> Interest {
    let name = file_name(path);
    if size > LARGEST_TEXT || LOCKS.contains(&name) || is_aside(path) {
        return Interest::Name;
    }
    let starts = |start: &str| name.starts_with(start);
    if has_word(NAMED, name)
        || starts(".env")
        || starts("requirements")
        || starts("Procfile")
        || starts("Dockerfile")
        || is_config(name)
    {
        return Interest::Text;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if SOURCES.contains(&extension) {
        return if size > LARGEST_SOURCE {
            Interest::Name
        } else {
            Interest::Source
        };
    }
    let is_project = matches!(extension, "csproj" | "fsproj" | "vbproj" | "sln" | "tmp");
    if is_project || SETTINGS.iter().any(|end| name.ends_with(end)) {
        return if is_settings_place(path) {
            Interest::Text
        } else {
            Interest::Source
        };
    }
    Interest::Name
}

/// `vite.config.ts`, `ecosystem.config.js`: code that is settings.
fn is_config(name: &str) -> bool {
    name.contains(".config.") || name == "package.json" || name == "pyproject.toml"
}

/// Settings deep in a project are data more often than not.
fn is_settings_place(path: &str) -> bool {
    path.matches('/').count() <= 4
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
        ] {
            assert_eq!(is_of_interest(path, size), expected, "{path}");
        }
    }
}
