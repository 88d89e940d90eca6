//! The watched files: the user's patterns, without the files that `.gitignore` and convention
//! exclude.

use std::{
    collections::hash_map::DefaultHasher,
    ffi::OsStr,
    fs::{self, File},
    hash::{Hash, Hasher as _},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use ignore::{DirEntry, WalkBuilder};

/// Folders that are never watched: they belong to tools, and some contain very many files.
const LEFT_OUT: [&str; 21] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    "node_modules",
    "target",
    ".venv",
    "venv",
    "__pycache__",
    ".tox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".cache",
    ".gradle",
    ".terraform",
    ".direnv",
];

/// Larger files are compared by size and time instead of content.
const READ_AT_MOST: u64 = 16 << 20;

/// The watched files of a service, or the inputs of a task.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    wanted: Vec<Pattern>,
    unwanted: Vec<Pattern>,
}

/// A pattern: the folder that it names literally, and the rest.
#[derive(Clone, Debug)]
struct Pattern {
    root: PathBuf,
    /// `None` for a file, or for all contents of a folder.
    rest: Option<GlobMatcher>,
    /// The maximum depth of its files in folders; `None` for any.
    depth: Option<usize>,
}

impl Pattern {
    fn new(directory: &Path, text: &str) -> Self {
        let is_literal = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']);
        let parts: Vec<&str> = text.split('/').collect();
        let literal = parts.iter().take_while(|part| is_literal(part)).count();
        let mut root = directory.to_owned();
        for component in Path::new(&parts[..literal].join("/")).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => drop(root.pop()),
                component => root.push(component),
            }
        }
        let rest = parts[literal..].join("/");
        let glob = GlobBuilder::new(&rest).literal_separator(true).build();
        let rest = glob.ok().filter(|_| !rest.is_empty());
        let is_deep = parts[literal..].contains(&"**");
        Self {
            root: fs::canonicalize(&root).unwrap_or(root),
            depth: (rest.is_some() && !is_deep).then_some(parts.len() - literal),
            rest: rest.map(|glob| glob.compile_matcher()),
        }
    }

    fn matches(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.root) else {
            return false;
        };
        let mut parts = below.components();
        !parts.any(|part| is_left_out(part.as_os_str()))
            && self.rest.as_ref().is_none_or(|rest| rest.is_match(below))
    }

    /// Returns whether it names one file.
    fn is_file(&self) -> bool {
        self.rest.is_none() && !self.root.is_dir()
    }
}

fn is_left_out(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| LEFT_OUT.contains(&name))
}

/// An entry of a walk.
pub(super) enum Entry {
    Folder(PathBuf),
    File(PathBuf),
}

impl Files {
    /// Compiles patterns, which are relative to `directory` and already validated. Looks up their
    /// folders. An unwanted pattern without a `/` applies in every folder.
    pub(crate) fn new(directory: &Path, wanted: &[String], unwanted: &[String]) -> Self {
        let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        let pattern = |text: &String| Pattern::new(&directory, text);
        let anywhere = |text: &String| {
            if text.contains('/') {
                Pattern::new(&directory, text)
            } else {
                Pattern::new(&directory, &format!("**/{text}"))
            }
        };
        Self {
            wanted: wanted.iter().map(pattern).collect(),
            unwanted: unwanted.iter().map(anywhere).collect(),
            directory,
        }
    }

    /// Returns whether a file matches the patterns. `.gitignore` may still exclude it.
    pub(super) fn fit(&self, path: &Path) -> bool {
        self.wanted.iter().any(|pattern| pattern.matches(path)) && !self.is_unwanted(path)
    }

    fn is_unwanted(&self, path: &Path) -> bool {
        self.unwanted.iter().any(|pattern| pattern.matches(path))
    }

    /// Returns whether a pattern names exactly this file; `.gitignore` then does not exclude it.
    pub(super) fn name(&self, path: &Path) -> bool {
        let mut named = self.wanted.iter().filter(|pattern| pattern.is_file());
        named.any(|pattern| pattern.root == path)
    }

    /// Returns whether a new folder may contain matching files.
    pub(super) fn reach(&self, folder: &Path) -> bool {
        let reaches = |pattern: &Pattern| {
            folder.starts_with(&pattern.root) || pattern.root.starts_with(folder)
        };
        folder.file_name().is_some_and(|name| !is_left_out(name))
            && self.wanted.iter().any(reaches)
            && !self.is_unwanted(folder)
    }

    /// Returns a path as the user would write it.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.directory)
            .unwrap_or(path)
            .to_owned()
    }

    /// Returns the first folder of the patterns that does not exist.
    pub(super) fn missing_folder(&self) -> Option<PathBuf> {
        let folders = self
            .wanted
            .iter()
            .filter_map(|pattern| match &pattern.rest {
                Some(_) => Some(pattern.root.as_path()),
                None => pattern.root.parent(),
            });
        let mut missing = folders.filter(|folder| !folder.is_dir());
        missing.next().map(|folder| self.shown(folder))
    }

    /// Returns the folders at which the patterns begin, and whether their subfolders are included.
    pub(super) fn roots(&self) -> Vec<(PathBuf, bool)> {
        let roots = self.wanted.iter().map(|pattern| {
            if pattern.is_file() {
                (pattern.root.parent().unwrap_or(&pattern.root), false)
            } else {
                (pattern.root.as_path(), pattern.depth != Some(1))
            }
        });
        roots.map(|(root, deep)| (root.to_owned(), deep)).collect()
    }

    /// Walks through all folders of the patterns.
    pub(super) fn walk_all(&self, visit: &mut dyn FnMut(Entry)) {
        for pattern in &self.wanted {
            if pattern.is_file() {
                if let Some(folder) = pattern.root.parent() {
                    visit(Entry::Folder(folder.to_owned()));
                }
                visit(Entry::File(pattern.root.clone()));
            } else {
                self.walk(&pattern.root, pattern.depth, visit);
            }
        }
    }

    /// Walks through a folder and visits its folders and matching files. Unreadable parts are
    /// skipped.
    pub(super) fn walk(&self, folder: &Path, depth: Option<usize>, visit: &mut dyn FnMut(Entry)) {
        let unwanted = self.unwanted.clone();
        let enters = move |entry: &DirEntry| {
            let leave = entry.depth() > 0
                && (is_left_out(entry.file_name())
                    || unwanted.iter().any(|pattern| pattern.matches(entry.path())));
            !leave
        };
        let entries = WalkBuilder::new(folder)
            .hidden(false)
            .ignore(false)
            .require_git(false)
            .max_depth(depth)
            .filter_entry(enters)
            .build();
        for entry in entries.flatten() {
            let kind = entry.file_type();
            if kind.is_some_and(|kind| kind.is_dir()) {
                // Its own files are beyond the depth.
                if depth.is_none_or(|depth| entry.depth() < depth) {
                    visit(Entry::Folder(entry.into_path()));
                }
            } else if self.fit(entry.path()) {
                visit(Entry::File(entry.into_path()));
            }
        }
    }

    /// Returns a fingerprint of the content of all files.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut all = Vec::new();
        self.walk_all(&mut |entry| {
            if let Entry::File(file) = entry
                && let Some(content) = fingerprint(&file)
            {
                all.push((self.shown(&file), content));
            }
        });
        all.sort_unstable();
        all.dedup();
        hash_of(&all)
    }
}

pub(crate) fn hash_of(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns a fingerprint of the content of a file; `None` if it is not a file or cannot be read.
pub(super) fn fingerprint(path: &Path) -> Option<u64> {
    let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    if about.len() > READ_AT_MOST {
        return Some(hash_of(&(about.len(), about.modified().ok())));
    }
    let read = || -> io::Result<u64> {
        let mut content = Vec::new();
        File::open(path)?
            .take(READ_AT_MOST)
            .read_to_end(&mut content)?;
        Ok(hash_of(&content))
    };
    read().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, wanted: &[&str], unwanted: &[&str]) -> Vec<String> {
        let texts = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        let files = Files::new(folder, &texts(wanted), &texts(unwanted));
        let mut found = Vec::new();
        files.walk_all(&mut |entry| {
            if let Entry::File(file) = entry {
                let shown = files.shown(&file).display().to_string();
                found.push(shown.replace('\\', "/"));
            }
        });
        found.sort();
        found
    }

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "main.py",
            "setup.toml",
            ".env",
            "src/app.py",
            "src/deep/er.py",
            "src/deep/note.md",
            "src/generated/api.py",
            "src/__pycache__/app.py",
            "node_modules/left/index.py",
            "out/built.py",
        ] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, file.to_str().unwrap()).unwrap();
        }
        fs::write(folder.path().join(".gitignore"), "out/\n.env\n").unwrap();
        folder
    }

    #[test]
    fn patterns_begin_at_the_folder_of_the_service() {
        let project = project();
        let folder = project.path();
        let all = [
            "main.py",
            "src/app.py",
            "src/deep/er.py",
            "src/generated/api.py",
        ];
        assert_eq!(files(folder, &["**/*.py"], &[]), all);
        assert_eq!(files(folder, &["*.py"], &[]), ["main.py"]);
        assert_eq!(files(folder, &["src/*.py"], &[]), ["src/app.py"]);
        assert_eq!(
            files(folder, &["setup.toml", "src/deep"], &[]),
            ["setup.toml", "src/deep/er.py", "src/deep/note.md"]
        );
        assert_eq!(
            files(&folder.join("src"), &["../{main,other}.py"], &[]).len(),
            1
        );
    }

    #[test]
    fn files_ignored_by_git_or_the_user_are_excluded_unless_named() {
        let project = project();
        let folder = project.path();
        assert_eq!(files(folder, &["**/*.py"], &["generated"]).len(), 3);
        assert_eq!(files(folder, &["**/*.py"], &["src/**"]), ["main.py"]);
        assert_eq!(
            files(folder, &["**"], &["*.py", "*.md"]),
            [".gitignore", "setup.toml"]
        );
        assert_eq!(files(folder, &[".env"], &[]), [".env"]);
    }

    #[test]
    fn a_fingerprint_changes_with_the_content_and_not_with_the_time() {
        let project = project();
        let patterns = ["src/**/*.py".to_owned()];
        let files = Files::new(project.path(), &patterns, &[]);
        let before = files.fingerprint();
        let app = project.path().join("src/app.py");
        let text = fs::read_to_string(&app).unwrap();
        fs::write(&app, &text).unwrap();
        assert_eq!(files.fingerprint(), before);
        fs::write(&app, text + "#").unwrap();
        assert_ne!(files.fingerprint(), before);
    }
}
