//! The words that run a Python program in its environment: through the tool that manages it, or by its interpreter.

use crate::detect::{Listing, System, ancestors, is_in, join};

/// The way to run a program of the project's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PythonManager {
    /// The words before it, with blanks between them: `uv run`.
    Tool(String),
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

/// The programs that manage environments, the file and the table of `pyproject.toml` by which each is known.
const TOOLS: [(&str, &str, &str); 8] = [
    ("uv", "uv.lock", "[tool.uv"),
    ("poetry", "poetry.lock", "[tool.poetry"),
    ("pdm", "pdm.lock", "[tool.pdm"),
    ("pixi", "pixi.lock", "[tool.pixi"),
    ("pipenv", "Pipfile.lock", "[tool.pipenv"),
    ("pipenv", "Pipfile", "[tool.pipenv"),
    ("pixi", "pixi.toml", "[tool.pixi"),
    ("hatch", "hatch.toml", "[tool.hatch.envs"),
];

/// Returns the environment of a project: that of its folder, else of one above.
pub(super) fn environment(listing: &Listing, root: &str) -> PythonEnvironment {
    let found = ancestors(root).find_map(|folder| environment_in(listing, folder));
    let (manager, because) = found.unzip();
    PythonEnvironment {
        manager: manager.unwrap_or(PythonManager::System),
        because,
    }
}

fn environment_in(listing: &Listing, folder: &str) -> Option<(PythonManager, String)> {
    let at = |name: &str| join(folder, name);
    // `.env` is most often a file; a folder of that name is an environment.
    let is_environment = |path: &String| listing.has_folder(path) && !listing.has(path);
    let folders = [".venv", "venv", "env", ".env"].map(at);
    let venv = folders.into_iter().find(is_environment);
    let venv = venv.map(|path| (PythonManager::Venv(path.clone()), path));
    let project = at("pyproject.toml");
    let text = listing.text(&project).unwrap_or_default();
    let has_table = |table: &str| {
        text.lines()
            .any(|line| line.trim_start().starts_with(table))
    };
    let named = TOOLS.iter().find_map(|(program, lock, table)| {
        let lock = Some(at(lock)).filter(|lock| listing.has(lock));
        let because = lock.or_else(|| has_table(table).then(|| project.clone()))?;
        Some((*program, because))
    });
    match (named, venv) {
        // Where its program is missing, the environment that it made is used directly.
        (Some((program, because)), venv)
            if venv.is_none() || (program != "hatch" && listing.host.has(program)) =>
        {
            Some((PythonManager::Tool(format!("{program} run")), because))
        }
        (_, Some(venv)) => Some(venv),
        _ => ["environment.yml", "environment.yaml"]
            .into_iter()
            .find_map(|name| {
                let name_of = conda_name(listing.text(&at(name))?)?;
                // Without the option, conda holds all output back until the end.
                let words = format!("conda run --no-capture-output -n {name_of}");
                Some((PythonManager::Tool(words), at(name)))
            }),
    }
}

/// Returns `shop` of `name: shop` in the file of a conda environment.
fn conda_name(text: &str) -> Option<String> {
    let name = text.lines().find_map(|line| line.strip_prefix("name:"))?;
    let name = name.split('#').next()?.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
}

/// Returns the words that run a program of a project's environment from a folder, if it needs others there than in a shell.
pub(crate) fn in_environment(
    listing: &Listing,
    folder: &str,
    program: &str,
) -> Option<Vec<String>> {
    if !is_in("python_modules", program) && !is_in("python_scripts", program) {
        return None;
    }
    let environment = environment(listing, folder);
    if environment.manager != PythonManager::System {
        let tool = if program == "python3" {
            "python"
        } else {
            program
        };
        return Some(environment.command(listing.host.system, folder, tool));
    }
    let other = match program {
        "python" => "python3",
        "python3" => "python",
        _ => return None,
    };
    let is_other = !listing.host.has(program) && listing.host.has(other);
    is_other.then(|| vec![other.to_owned()])
}

impl PythonEnvironment {
    /// Returns the words that run a tool of the environment (`uvicorn`, `python`) from `directory`.
    pub(super) fn command(&self, system: System, directory: &str, tool: &str) -> Vec<String> {
        let is_windows = system == System::Windows;
        let interpreter = match &self.manager {
            PythonManager::Venv(path) if is_in("python_scripts", tool) => {
                let path = from(directory, path);
                return vec![if is_windows {
                    format!("{}\\Scripts\\{tool}.exe", path.replace('/', "\\"))
                } else {
                    format!("{path}/bin/{tool}")
                }];
            }
            PythonManager::Tool(words) => {
                let words = words.split(' ').chain([tool]);
                return words.map(str::to_owned).collect();
            }
            PythonManager::Venv(path) if is_windows => {
                let path = from(directory, path).replace('/', "\\");
                format!("{path}\\Scripts\\python.exe")
            }
            PythonManager::Venv(path) => format!("{}/bin/python", from(directory, path)),
            // Debian has no `python`; on Windows, `python3` may open the Microsoft Store.
            PythonManager::System if is_windows => "python".to_owned(),
            PythonManager::System => "python3".to_owned(),
        };
        // The scripts of an environment that was moved name an interpreter that is gone, so a tool runs as a module.
        let module = (tool != "python").then_some(["-m", tool]);
        let module = module.into_iter().flatten().map(str::to_owned);
        std::iter::once(interpreter).chain(module).collect()
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
