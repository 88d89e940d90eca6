//! What lies in the folder of a service that a remedy can use.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use super::Case;
use crate::{
    effects::process::{find_program, words},
    model::evidence::ProjectEvidence,
    stack::Service,
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

pub(super) fn look(
    case: &Case,
    spec: &Service,
    environment: &[(OsString, OsString)],
) -> ProjectEvidence {
    let top = case.stack.directory();
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
        python: python(case, spec, environment),
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
fn python(case: &Case, spec: &Service, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let command = spec.command.as_ref()?.render(&spec.name, &*case.ports);
    let program = find_program(&words(&command), &spec.directory, environment).ok()?;
    if is_python(&program) {
        return Some(program);
    }
    let folder = program.parent()?;
    if folder.parent()?.join("pyvenv.cfg").is_file() {
        let beside = ["python", "python.exe"].map(|name| folder.join(name));
        return beside.into_iter().find(|python| python.is_file());
    }
    let mut line = Vec::new();
    let script = BufReader::new(File::open(&program).ok()?);
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
