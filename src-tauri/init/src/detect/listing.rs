//! The files of a project and the facts about the computer. Detection reads only these, so that tests need no disk.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use super::aside::is_aside;
use crate::import::table;

/// The operating system, where commands differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum System {
    /// Linux and similar systems.
    #[default]
    Linux,
    /// macOS
    MacOs,
    /// Windows
    Windows,
}

/// The computer on which the stack runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The operating system.
    pub system: System,
    /// The programs of [`super::PROGRAMS`] that are installed, without `.exe`. A container engine is among them only if it
    /// answers.
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
    /// The texts of the files that were read.
    texts: BTreeMap<String, Arc<str>>,
    /// The paths of the manifests, by name.
    by_name: BTreeMap<String, BTreeSet<String>>,
    folders: BTreeSet<String>,
}

impl Host {
    /// Whether this program can be started.
    #[must_use]
    pub fn has(&self, program: &str) -> bool {
        self.programs.contains(program)
    }

    /// Returns the container engine that answers.
    #[must_use]
    pub fn engine(&self) -> Option<&'static str> {
        ["docker", "podman"]
            .into_iter()
            .find(|engine| self.has(engine))
    }
}

impl Listing {
    /// Returns the listing of an empty folder with this name.
    #[must_use]
    pub fn new(name: impl Into<String>, host: Host) -> Self {
        Self {
            name: name.into(),
            host,
            ..Self::default()
        }
    }

    /// Adds a file, with its text if it was read and is evidence of what a developer runs. Removes a byte order mark.
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
        let name = file_name(&path);
        if is_in("manifests", name) {
            let known = self.by_name.entry(name.to_owned()).or_default();
            known.insert(path.clone());
        }
        self.files.insert(path);
    }

    /// Adds a folder whose contents are skipped, such as `node_modules`.
    pub fn add_folder(&mut self, path: impl Into<String>) {
        self.folders.insert(path.into());
    }

    /// Whether this file exists.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Whether this folder exists, skipped or not.
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        self.folders.contains(path) || self.under(path).next().is_some()
    }

    /// Returns the text of a file, if it was read.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(|text| &**text)
    }

    /// Returns the paths of all files, in the order of their bytes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Returns the files that were read, and their texts.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter();
        texts.map(|(path, text)| (path.as_str(), &**text))
    }

    /// Returns the paths of the files in a folder and below it; `""` is the whole project.
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

    /// Returns the paths of the manifests with this name, in all folders.
    pub fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let paths = self.by_name.get(name);
        paths.into_iter().flatten().map(String::as_str)
    }
}

/// Whether a list of `words.toml` has this word.
pub(crate) fn is_in(list: &str, word: &str) -> bool {
    static LISTS: LazyLock<HashMap<String, HashSet<String>>> = LazyLock::new(|| {
        let lists: HashMap<String, String> = table(include_str!("../words.toml"));
        let words = |list: String| list.split_whitespace().map(str::to_owned).collect();
        let lists = lists.into_iter();
        lists.map(|(name, list)| (name, words(list))).collect()
    });
    LISTS[list].contains(word)
}

/// Whether a list of words, with blanks between them, has this one.
pub(crate) fn has_word(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split(' ').any(|own| own == word)
}

/// Returns the place of a word in a list; their number if it has none.
pub(crate) fn rank_in(list: &str, word: &str) -> usize {
    list.split(' ').take_while(|own| *own != word).count()
}

/// Returns `b.json` of `a/b.json`.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Returns the folder of a path: `a` of `a/b.json`, `""` of `b.json`.
#[must_use]
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the path in a folder; `""` is the top.
#[must_use]
pub fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    }
}

/// Returns a folder and those above it, the nearest first, `""` last.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(path);
    std::iter::from_fn(move || {
        let this = next?;
        next = (!this.is_empty()).then(|| folder(this));
        Some(this)
    })
}

/// Returns the line, from 1, of the byte `at` of a text.
#[must_use]
pub fn line_at(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// Returns the first line, from 1, that contains `part`.
#[must_use]
pub fn line_with(text: &str, part: &str) -> Option<usize> {
    text.find(part).map(|at| line_at(text, at))
}
