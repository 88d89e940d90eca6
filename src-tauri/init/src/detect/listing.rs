//! What a project looks like: its files, and the computer it stands on. Detection works on this
//! alone, so it is tested without a disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::aside::is_aside;

/// The operating system, as far as commands differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum System {
    /// Linux, and whatever is like it.
    #[default]
    Linux,
    /// macOS
    MacOs,
    /// Windows
    Windows,
}

/// The computer on which the stack will run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its system.
    pub system: System,
    /// The names of programs that can be started, without `.exe`: of those that [`super::PROGRAMS`]
    /// asks for. A container engine is among them only if it would answer.
    pub programs: BTreeSet<String>,
    /// The TCP ports in use, and the name of the listening program if it is known.
    pub listening: BTreeMap<u16, Option<String>>,
    /// The names of the environment variables that are set and not empty.
    pub variables: BTreeSet<String>,
}

/// The files of a folder, by their paths in it: relative, with forward slashes.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The name of the folder.
    pub name: String,
    /// The computer.
    pub host: Host,
    files: BTreeSet<String>,
    /// Of the files that were read: few beside those of which only the name counts.
    texts: BTreeMap<String, Arc<str>>,
    /// The paths by the names at their ends, since detectors ask for names again and again.
    by_name: BTreeMap<String, BTreeSet<String>>,
    folders: BTreeSet<String>,
}

impl Host {
    /// Whether this program can be started.
    #[must_use]
    pub fn has(&self, program: &str) -> bool {
        self.programs.contains(program)
    }

    /// The container engine that is there.
    #[must_use]
    pub fn engine(&self) -> Option<&'static str> {
        ["docker", "podman", "nerdctl"]
            .into_iter()
            .find(|engine| self.has(engine))
    }
}

impl Listing {
    /// An empty folder of this name.
    #[must_use]
    pub fn new(name: impl Into<String>, host: Host) -> Self {
        Self {
            name: name.into(),
            host,
            ..Self::default()
        }
    }

    /// Adds a file, with its text if that was read and is evidence of what a developer runs. Leaves out a
    /// byte order mark.
    pub fn add(&mut self, path: impl Into<String>, text: Option<&str>) {
        let path = path.into();
        match text.filter(|_| !is_aside(&path)) {
            Some(text) => {
                let text = Arc::from(text.strip_prefix('\u{feff}').unwrap_or(text));
                self.texts.insert(path.clone(), text);
            }
            None => {
                self.texts.remove(&path);
            }
        }
        let named = self.by_name.entry(file_name(&path).to_owned());
        named.or_default().insert(path.clone());
        self.files.insert(path);
    }

    /// Adds a folder that was not looked into, such as `node_modules`.
    pub fn add_folder(&mut self, path: impl Into<String>) {
        self.folders.insert(path.into());
    }

    /// Whether this file is there.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Whether this folder is there, looked into or not.
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        self.folders.contains(path) || self.under(path).next().is_some()
    }

    /// The text of a file, if it was read.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(|text| &**text)
    }

    /// The paths of all files, in the order of their bytes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files that were read, and their text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter();
        texts.map(|(path, text)| (path.as_str(), &**text))
    }

    /// The paths of the files in a folder and below it; `""` is the whole.
    pub fn under<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let start = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let files = self.files.range(start.clone()..);
        files
            .map(String::as_str)
            .take_while(move |path| path.starts_with(&start))
    }

    /// The paths of the files with this name, wherever they are.
    pub fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let paths = self.by_name.get(name);
        paths.into_iter().flatten().map(String::as_str)
    }
}

/// Whether a list of words, with blanks between them, has this one.
pub(crate) fn has_word(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split(' ').any(|own| own == word)
}

/// `b.json` of `a/b.json`
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The folder of a path: `a` of `a/b.json`, `""` of `b.json`.
#[must_use]
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path in a folder; `""` is the top.
#[must_use]
pub fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    }
}

/// A folder and those that it is in, the nearest first, `""` last.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(path);
    std::iter::from_fn(move || {
        let this = next?;
        next = (!this.is_empty()).then(|| folder(this));
        Some(this)
    })
}

/// The line, from 1, in which the byte `at` of a text stands.
#[must_use]
pub fn line_at(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// The first line, from 1, in which `part` stands.
#[must_use]
pub fn line_with(text: &str, part: &str) -> Option<usize> {
    text.find(part).map(|at| line_at(text, at))
}
