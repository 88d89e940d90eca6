//! The words that run a Python program in its environment: through the tool that manages it, or by its interpreter.

use crate::detect::{Listing, System, ancestors, join};

/// The tool that manages the packages of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PythonManager {
    Uv,
    Poetry,
    Pdm,
    Pipenv,
    Pixi,
    Hatch,
    Conda(String),
    /// The folder of a virtual environment, from the top of the listing.
    Venv(String),
    /// The interpreter of the computer.
    System,
}

/// A manager, and the file or folder that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PythonEnvironment {
    pub(super) manager: PythonManager,
    pub(super) because: Option<String>,
}

/// Returns the environment of a project: that of its folder, else of one above.
pub(super) fn environment(listing: &Listing, root: &str) -> PythonEnvironment {
    for folder in ancestors(root) {
        if let Some(found) = environment_in(listing, folder) {
            return found;
        }
    }
    PythonEnvironment {
        manager: PythonManager::System,
        because: None,
    }
}

fn environment_in(listing: &Listing, folder: &str) -> Option<PythonEnvironment> {
    let at = |name: &str| join(folder, name);
    let found = |manager: PythonManager, because: String| {
        Some(PythonEnvironment {
            manager,
            because: Some(because),
        })
    };
    let virtual_environment = [".venv", "venv", "env", ".env"]
        .into_iter()
        .map(at)
        // `.env` is most often a file; a folder of that name is an environment.
        .find(|path| listing.has_folder(path) && !listing.has(path));
    let project = at("pyproject.toml");
    let text = listing.text(&project).unwrap_or_default();
    let tools = [
        (PythonManager::Uv, "uv.lock", "[tool.uv", "uv"),
        (
            PythonManager::Poetry,
            "poetry.lock",
            "[tool.poetry",
            "poetry",
        ),
        (PythonManager::Pdm, "pdm.lock", "[tool.pdm", "pdm"),
        (PythonManager::Pixi, "pixi.lock", "[tool.pixi", "pixi"),
        (PythonManager::Pipenv, "Pipfile.lock", "\u{0}", "pipenv"),
        (PythonManager::Pipenv, "Pipfile", "\u{0}", "pipenv"),
        (PythonManager::Pixi, "pixi.toml", "\u{0}", "pixi"),
    ];
    for (manager, lock, table, program) in tools {
        let because = if listing.has(&at(lock)) {
            at(lock)
        } else if text
            .lines()
            .any(|line| line.trim_start().starts_with(table))
        {
            project.clone()
        } else {
            continue;
        };
        // Where its program is missing, the environment that it made is used directly.
        if !listing.host.has(program)
            && let Some(path) = virtual_environment
        {
            return found(PythonManager::Venv(path.clone()), path);
        }
        return found(manager, because);
    }
    if let Some(path) = virtual_environment {
        return found(PythonManager::Venv(path.clone()), path);
    }
    for name in ["environment.yml", "environment.yaml"] {
        if let Some(name_of) = listing.text(&at(name)).and_then(conda_name) {
            return found(PythonManager::Conda(name_of), at(name));
        }
    }
    text.contains("[tool.hatch.envs")
        .then(|| found(PythonManager::Hatch, project))
        .flatten()
}

/// Returns `shop` of `name: shop` in the file of a conda environment.
fn conda_name(text: &str) -> Option<String> {
    let name = text.lines().find_map(|line| line.strip_prefix("name:"))?;
    let name = name.split('#').next()?.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
}

impl PythonEnvironment {
    /// Returns the words that run a tool of the environment (`uvicorn`, `python`) from `directory`.
    pub(super) fn command(&self, system: System, directory: &str, tool: &str) -> Vec<String> {
        let through = |words: &[&str]| {
            let words = words.iter().chain([&tool]);
            words.map(|word| (*word).to_owned()).collect()
        };
        match &self.manager {
            PythonManager::Uv => through(&["uv", "run"]),
            PythonManager::Poetry => through(&["poetry", "run"]),
            PythonManager::Pdm => through(&["pdm", "run"]),
            PythonManager::Pipenv => through(&["pipenv", "run"]),
            PythonManager::Pixi => through(&["pixi", "run"]),
            PythonManager::Hatch => through(&["hatch", "run"]),
            // Without the option, conda holds all output back until the end.
            PythonManager::Conda(name) => {
                through(&["conda", "run", "--no-capture-output", "-n", name])
            }
            PythonManager::Venv(path) => module(interpreter(system, &from(directory, path)), tool),
            PythonManager::System => module(
                // Debian has no `python`; on Windows, `python3` may open the Microsoft Store.
                if system == System::Windows {
                    "python"
                } else {
                    "python3"
                }
                .to_owned(),
                tool,
            ),
        }
    }
}

/// Returns the words that run a tool as a module: the scripts of an environment that was moved name an interpreter that
/// is gone.
fn module(interpreter: String, tool: &str) -> Vec<String> {
    if tool == "python" {
        vec![interpreter]
    } else {
        vec![interpreter, "-m".to_owned(), tool.to_owned()]
    }
}

fn interpreter(system: System, path: &str) -> String {
    if system == System::Windows {
        format!("{}\\Scripts\\python.exe", path.replace('/', "\\"))
    } else {
        format!("{path}/bin/python")
    }
}

/// Returns the path `to` as seen from the folder `directory`; both are relative to the top.
pub(in crate::detect) fn from(directory: &str, to: &str) -> String {
    let mut up = String::new();
    for folder in ancestors(directory) {
        if folder.is_empty() {
            return format!("{up}{to}");
        }
        if let Some(rest) = to.strip_prefix(folder)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            let rest = rest.trim_start_matches('/');
            return format!("{up}{rest}").trim_end_matches('/').to_owned();
        }
        up.push_str("../");
    }
    to.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    fn listing(files: &[(&str, &str)], folders: &[&str], programs: &[&str]) -> Listing {
        let host = Host {
            programs: programs.iter().map(|name| (*name).to_owned()).collect(),
            ..Host::default()
        };
        let mut listing = Listing::new("shop", host);
        for (path, text) in files {
            listing.add(*path, Some(text));
        }
        for folder in folders {
            listing.add_folder(*folder);
        }
        listing
    }

    fn command(listing: &Listing, root: &str, system: System) -> String {
        environment(listing, root)
            .command(system, root, "uvicorn")
            .join(" ")
    }

    #[test]
    fn a_lock_file_says_the_tool() {
        for (file, expected) in [
            ("uv.lock", "uv run uvicorn"),
            ("poetry.lock", "poetry run uvicorn"),
            ("pdm.lock", "pdm run uvicorn"),
            ("Pipfile", "pipenv run uvicorn"),
            ("pixi.toml", "pixi run uvicorn"),
        ] {
            assert_eq!(
                command(&listing(&[(file, "")], &[], &[]), "", System::Linux),
                expected
            );
        }
        let conda = listing(&[("environment.yml", "name: shop # x\n")], &[], &[]);
        assert_eq!(
            command(&conda, "", System::Linux),
            "conda run --no-capture-output -n shop uvicorn"
        );
    }

    #[test]
    fn the_interpreter_of_an_environment_is_named_from_where_it_runs() {
        let listing = listing(&[("api/main.py", "")], &[".venv"], &[]);
        assert_eq!(
            command(&listing, "api", System::Linux),
            "../.venv/bin/python -m uvicorn"
        );
        assert_eq!(
            command(&listing, "api", System::Windows),
            "..\\.venv\\Scripts\\python.exe -m uvicorn"
        );
        assert_eq!(
            command(&listing, "", System::MacOs),
            ".venv/bin/python -m uvicorn"
        );
    }

    #[test]
    fn the_environment_of_a_tool_that_is_not_installed_is_run_directly() {
        let files = [("uv.lock", "")];
        let without = listing(&files, &[".venv"], &["python3"]);
        assert_eq!(
            command(&without, "", System::Linux),
            ".venv/bin/python -m uvicorn"
        );
        let with = listing(&files, &[".venv"], &["uv"]);
        assert_eq!(command(&with, "", System::Linux), "uv run uvicorn");
    }

    #[test]
    fn without_any_it_is_the_computer_s_own() {
        let listing = listing(&[("main.py", "")], &[], &[]);
        assert_eq!(command(&listing, "", System::Linux), "python3 -m uvicorn");
        assert_eq!(command(&listing, "", System::Windows), "python -m uvicorn");
    }

    #[test]
    fn a_path_is_taken_from_a_folder() {
        assert_eq!(from("a/b", "a/.venv"), "../.venv");
        assert_eq!(from("a", "a/.venv"), ".venv");
        assert_eq!(from("a", "ab/x"), "../ab/x");
        assert_eq!(from("", "x"), "x");
        assert_eq!(from("a/b/c", "d"), "../../../d");
    }
}
