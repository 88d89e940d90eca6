//! Evidence from the folder of a service: facts for fixes, and the requirements of a start.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use super::{points, proxies};
use crate::{
    diagnose::evidence::{PointsAt, ProjectEvidence},
    effects::process::{argv, find_program},
    env::Env,
    fs::project_file::Reader,
    model::{facts::LaunchFault, stack::PortTable},
    platform::file::open_without_waiting,
    stack::{Service, Stack},
};

/// The files that list the packages of a project.
const MANIFESTS: [&str; 15] = [
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "package.json",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "requirements.txt",
    "pyproject.toml",
    "bun.lockb",
    "npm-shrinkwrap.json",
    "Gemfile",
    "composer.json",
    "mix.exs",
];

/// The usual names of virtual environments.
const VENVS: [&str; 3] = [".venv", "venv", "env"];

/// The folders that a search in the project skips.
const PASSED_OVER: [&str; 6] = [
    "node_modules",
    "site-packages",
    "__pycache__",
    "target",
    "dist",
    "build",
];

/// The maximum depth of such a search, and the maximum number of folders.
const DEEP: usize = 4;
const FOLDERS: usize = 2000;

/// The extensions of example files.
const EXAMPLES: [&str; 3] = ["example", "sample", "template"];

/// The inputs for reading the folder of a service, owned so that another thread can use them.
pub(super) struct Look {
    pub(super) stack: Arc<Stack>,
    pub(super) stack_text: Option<Arc<str>>,
    pub(super) spec: Arc<Service>,
    pub(super) ports: Arc<PortTable>,
    /// The base environment of the service.
    pub(super) variables: Env,
    /// Its complete environment.
    pub(super) environment: Env,
    /// When it started, if it is running.
    pub(super) started: Option<SystemTime>,
}

/// The evidence from the folder.
#[derive(Default)]
pub(super) struct Found {
    pub(super) points_at: Vec<PointsAt>,
    pub(super) project: ProjectEvidence,
    /// The folder does not exist.
    pub(super) has_no_folder: bool,
    /// Why there is no program to run.
    pub(super) no_program: Option<LaunchFault>,
}

/// Reads the folder of a service. Blocking.
pub(super) fn look(it: &Look, reader: &Reader) -> Found {
    let spec = &it.spec;
    let command = spec.command.as_ref();
    let command = command.map(|command| argv(&command.render(&spec.name, &*it.ports)));
    let program = command.map(|argv| find_program(&argv, &spec.directory, &it.environment));
    let passes_on = proxies::look(it, reader);
    let mut points_at = points::look(it, reader);
    points_at.extend(passes_on.iter().map(proxies::points_at));
    Found {
        points_at,
        project: ProjectEvidence {
            proxy: points::proxy(&it.environment),
            passes_on,
            ..project(
                it,
                program.as_ref().and_then(|program| program.as_deref().ok()),
            )
        },
        has_no_folder: !spec.directory.is_dir(),
        no_program: program.and_then(Result::err),
    }
}

fn project(it: &Look, program: Option<&Path>) -> ProjectEvidence {
    let spec = &it.spec;
    let top = it.stack.directory();
    let mut folders: Vec<&Path> = spec
        .directory
        .ancestors()
        .take_while(|folder| folder.starts_with(top))
        .collect();
    if folders.is_empty() {
        folders.push(&spec.directory);
    }
    let mut venvs = folders
        .iter()
        .flat_map(|folder| VENVS.map(|name| folder.join(name)));
    let all = folders
        .iter()
        .flat_map(|folder| MANIFESTS.iter().map(move |name| folder.join(name)));
    let missing = spec.env_files.iter().filter(|file| !file.path.exists());
    ProjectEvidence {
        manifests: all.filter(|path| path.is_file()).collect(),
        env_examples: missing
            .filter_map(|file| Some((file.path.clone(), example(&file.path)?)))
            .collect(),
        python: program.and_then(python),
        venv: venvs.find_map(|venv| python_of(&venv)),
        ..ProjectEvidence::default()
    }
}

/// Returns the Python of a virtual environment.
fn python_of(venv: &Path) -> Option<PathBuf> {
    venv.join("pyvenv.cfg").is_file().then_some(())?;
    let beside = ["bin/python", "Scripts/python.exe"].map(|name| venv.join(name));
    beside.into_iter().find(|python| python.is_file())
}

/// Returns whether the environment of this Python has a module.
pub(super) fn has_module(python: &Path, module: &str) -> bool {
    let Some(venv) = python.parent().and_then(Path::parent) else {
        return false;
    };
    let of_unix = fs::read_dir(venv.join("lib")).into_iter().flatten();
    let of_unix = of_unix.filter_map(|entry| Some(entry.ok()?.path().join("site-packages")));
    let mut folders = of_unix.chain([venv.join("Lib/site-packages")]);
    folders.any(|folder| is_module(&folder, module))
}

/// Returns whether a folder has this Python module or package.
fn is_module(folder: &Path, module: &str) -> bool {
    folder.join(module).is_dir() || folder.join(format!("{module}.py")).is_file()
}

/// Returns the folders below `top` that have one of these files, the nearest first.
pub(super) fn folders_with(top: &Path, files: &[String]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut level = vec![top.to_owned()];
    let mut read = 0;
    for _ in 0..=DEEP {
        let mut below = Vec::new();
        for folder in &level {
            read += 1;
            if read > FOLDERS {
                return found;
            }
            if folder != top && files.iter().any(|file| folder.join(file).is_file()) {
                found.push(folder.clone());
            }
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                is_folder
                    && !name.starts_with('.')
                    && !PASSED_OVER.contains(&&*name)
                    && !VENVS.contains(&&*name)
            });
            below.extend(folders.map(|entry| entry.path()));
        }
        below.sort_unstable();
        level = below;
    }
    found
}

/// Returns the existing example of a missing file: `.env.example` for `.env` and for `.env.local`.
fn example(missing: &Path) -> Option<PathBuf> {
    let name = missing.file_name()?.to_str()?;
    let names = [name, ".env"].into_iter();
    let mut examples = names
        .flat_map(|name| EXAMPLES.iter().map(move |end| format!("{name}.{end}")))
        .map(|name| missing.with_file_name(name));
    examples.find(|path| path.is_file())
}

/// Returns the Python that a command starts: the program itself, the one beside it in its virtual
/// environment, or the one that its script names.
fn python(program: &Path) -> Option<PathBuf> {
    if is_python(program) {
        return Some(program.to_owned());
    }
    let folder = program.parent()?;
    if folder.parent()?.join("pyvenv.cfg").is_file() {
        let beside = ["python", "python.exe"].map(|name| folder.join(name));
        return beside.into_iter().find(|python| python.is_file());
    }
    let mut line = Vec::new();
    let (script, _) = open_without_waiting(program).ok()?;
    let script = BufReader::new(script);
    script.take(256).read_until(b'\n', &mut line).ok()?;
    let line = String::from_utf8_lossy(&line);
    let interpreter = line.strip_prefix("#!")?.split_whitespace().next()?;
    let interpreter = PathBuf::from(interpreter);
    is_python(&interpreter).then_some(interpreter)
}

fn is_python(program: &Path) -> bool {
    let name = program.file_stem().and_then(OsStr::to_str);
    name.is_some_and(|name| {
        let rest = name.strip_prefix("python");
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_is_known_by_its_name() {
        for (path, expected) in [
            ("/usr/bin/python3", true),
            ("/x/.venv/bin/python3.12", true),
            ("/x/python", true),
            ("/x/uvicorn", false),
            ("/x/python-config", false),
        ] {
            assert_eq!(is_python(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn an_example_is_found_beside_the_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join(".env.local");
        assert_eq!(example(&missing), None);
        let of_env = folder.path().join(".env.sample");
        fs::write(&of_env, "").unwrap();
        assert_eq!(example(&missing), Some(of_env));
        let own = folder.path().join(".env.local.example");
        fs::write(&own, "").unwrap();
        assert_eq!(example(&missing), Some(own));
    }
}
