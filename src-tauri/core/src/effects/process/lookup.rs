//! Finds the program of a command, and similar names if it does not exist.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    env::Env,
    model::facts::LaunchFault,
    platform::process::{self as platform, Runnable},
};

/// Folders in which a project keeps programs that are not on PATH.
const PROJECT_FOLDERS: [&str; 6] = [
    ".",
    "node_modules/.bin",
    ".venv/bin",
    "venv/bin",
    ".venv/Scripts",
    "venv/Scripts",
];

/// The number of similar names to suggest.
const NEAR: usize = 3;

/// Returns the path of the program that `word` names, for a process in `directory` with
/// `environment` (`execvp(3)`): relative to the directory if it has a slash, otherwise the first
/// executable on PATH.
pub(super) fn program(
    word: &OsStr,
    directory: &Path,
    environment: &Env,
) -> Result<PathBuf, LaunchFault> {
    let folders: Vec<PathBuf> = if platform::is_place(word) {
        vec![directory.to_owned()]
    } else {
        let path = environment
            .get("PATH")
            .unwrap_or(platform::DEFAULT_PATH.as_ref());
        // An empty entry means the working directory, and relative entries are relative to it.
        env::split_paths(path)
            .map(|folder| directory.join(folder))
            .collect()
    };
    let mut blocked = None;
    if !word.is_empty() {
        for folder in &folders {
            match platform::runnable(&folder.join(word)) {
                Runnable::Yes(path) => return Ok(path),
                Runnable::No(path) => {
                    blocked.get_or_insert(path);
                }
                Runnable::Missing => {}
            }
        }
    }
    Err(match blocked {
        Some(path) => LaunchFault::NotExecutable { path },
        None => LaunchFault::CommandNotFound {
            program: word.to_string_lossy().into_owned(),
            near: near(word, directory, &folders),
        },
    })
}

/// Returns suggestions for `word`: the same program in a folder of the project, then programs with
/// a similar name.
fn near(word: &OsStr, directory: &Path, folders: &[PathBuf]) -> Vec<String> {
    let place = Path::new(word);
    let (Some(name), parent) = (place.file_name(), place.parent()) else {
        return Vec::new();
    };
    let mut near: Vec<String> = PROJECT_FOLDERS
        .iter()
        .map(|folder| format!("{folder}/{}", name.display()))
        .filter(|path| Path::new(path) != place)
        .filter(|path| matches!(platform::runnable(&directory.join(path)), Runnable::Yes(_)))
        .collect();

    let name = name.to_string_lossy();
    let parent = parent.unwrap_or(Path::new(""));
    let mut alike: Vec<(usize, String)> = folders
        .iter()
        .filter_map(|folder| folder.join(parent).read_dir().ok())
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let file = entry.file_name();
            let other = platform::called(&file).to_string_lossy();
            let distance = distance(platform::called((*name).as_ref()).to_str()?, &other)?;
            matches!(platform::runnable(&entry.path()), Runnable::Yes(_)).then(|| {
                (
                    distance,
                    parent.join(&*other).to_string_lossy().into_owned(),
                )
            })
        })
        .collect();
    alike.sort();
    alike.dedup();
    near.extend(alike.into_iter().map(|(_, name)| name));
    near.truncate(NEAR);
    near
}

/// Returns the edit distance of two names, if it is small for their length.
fn distance(wanted: &str, other: &str) -> Option<usize> {
    let allowed = (wanted.chars().count() / 3).clamp(1, 3);
    if wanted.len().abs_diff(other.len()) > 4 * allowed {
        return None;
    }
    let distance = strsim::damerau_levenshtein(wanted, other);
    (distance <= allowed).then_some(distance)
}
