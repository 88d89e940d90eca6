//! Evidence from the folder of a service: facts for remedies, and the requirements of a start.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use super::points;
use crate::{
    diagnose::evidence::{PointsAt, ProjectEvidence},
    effects::{
        env::Base,
        process::{find_program, words},
    },
    fs::project_file::Reader,
    model::{facts::LaunchFault, stack::PortTable},
    platform::file::open_without_waiting,
    stack::{Service, Stack},
};

/// What says which packages a project has.
const MANIFESTS: [&str; 10] = [
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
];

/// What the example of a file ends in.
const EXAMPLES: [&str; 3] = ["example", "sample", "template"];

/// The inputs for reading the folder of a service, owned so that another thread can use them.
pub(super) struct Look {
    pub(super) stack: Arc<Stack>,
    pub(super) stack_text: Option<Arc<str>>,
    pub(super) spec: Arc<Service>,
    pub(super) ports: Arc<PortTable>,
    /// The base of its variables.
    pub(super) variables: Arc<Base>,
    /// All of its variables.
    pub(super) environment: Arc<[(OsString, OsString)]>,
    /// When it started, while it runs.
    pub(super) started: Option<SystemTime>,
}

/// The evidence from the folder.
#[derive(Default)]
pub(super) struct Found {
    pub(super) points_at: Vec<PointsAt>,
    pub(super) project: ProjectEvidence,
    /// The folder does not exist.
    pub(super) has_no_folder: bool,
    /// The reason why there is no program to run.
    pub(super) no_program: Option<LaunchFault>,
}

/// Reads the folder of a service. Blocks.
pub(super) fn look(it: &Look, reader: &Reader) -> Found {
    let spec = &it.spec;
    let command = spec.command.as_ref();
    let command = command.map(|command| words(&command.render(&spec.name, &*it.ports)));
    let program = command.map(|words| find_program(&words, &spec.directory, &it.environment));
    Found {
        points_at: points::look(it, reader),
        project: project(
            it,
            program.as_ref().and_then(|program| program.as_deref().ok()),
        ),
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
    }
}

/// `.env.example` for `.env`; `.env.local` has that of `.env` too.
fn example(missing: &Path) -> Option<PathBuf> {
    let name = missing.file_name()?.to_str()?;
    let names = [name, ".env"].into_iter();
    let mut examples = names
        .flat_map(|name| EXAMPLES.iter().map(move |end| format!("{name}.{end}")))
        .map(|name| missing.with_file_name(name));
    examples.find(|path| path.is_file())
}

/// The Python that a command starts: itself, the one beside it in its virtual environment, or the one
/// that its script names.
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
    fn an_example_lies_beside_the_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join(".env.local");
        assert_eq!(example(&missing), None);
        let of_env = folder.path().join(".env.sample");
        std::fs::write(&of_env, "").unwrap();
        assert_eq!(example(&missing), Some(of_env));
        let own = folder.path().join(".env.local.example");
        std::fs::write(&own, "").unwrap();
        assert_eq!(example(&missing), Some(own));
    }
}
