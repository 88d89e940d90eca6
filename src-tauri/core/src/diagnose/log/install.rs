//! What is not installed, and the command that installs it.

use std::path::Path;

use super::super::{
    commands,
    facts::Seen,
    holder::{Candidate, Level},
};
use crate::{
    diagnose::evidence::log::Ecosystem,
    model::finding::{Action, Code},
};

/// Modules whose package has another name.
const PYTHON_PACKAGES: [(&str, &str); 22] = [
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("Crypto", "pycryptodome"),
    ("cv2", "opencv-python"),
    ("dateutil", "python-dateutil"),
    ("docx", "python-docx"),
    ("dotenv", "python-dotenv"),
    ("fitz", "PyMuPDF"),
    ("git", "GitPython"),
    ("jose", "python-jose"),
    ("jwt", "PyJWT"),
    ("magic", "python-magic"),
    ("multipart", "python-multipart"),
    ("MySQLdb", "mysqlclient"),
    ("OpenSSL", "pyOpenSSL"),
    ("PIL", "pillow"),
    ("psycopg2", "psycopg2-binary"),
    ("serial", "pyserial"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("yaml", "PyYAML"),
    ("zmq", "pyzmq"),
];

/// An installation: a command, where it runs, and the file that it goes by.
struct Installation<'a> {
    command: Vec<String>,
    directory: &'a Path,
    goes_by: Option<&'a Path>,
}

/// A module or a package that is not installed.
pub(super) fn module(seen: Seen<'_>, ecosystem: Ecosystem, module: &str) -> Candidate {
    let name = &seen.spec.name;
    let (what, check, installation) = match ecosystem {
        Ecosystem::Python => (
            "Python module",
            format!("`{} -c 'import {module}'`", python(seen)),
            Some(for_python(seen, module)),
        ),
        Ecosystem::Node => (
            "Node package",
            format!("`npm ls {module}`"),
            Some(for_node(seen, module)),
        ),
        Ecosystem::Other => ("module", commands::logs(name), None),
    };
    let candidate = Candidate::new(
        name,
        Code::ModuleMissing,
        Level::Start,
        format!("{name} cannot start: the {what} `{module}` is not installed"),
    )
    .evidence([format!(
        "checked with {check} in {}",
        seen.spec.directory.display()
    )]);
    match installation {
        Some(installation) => remedy(seen, candidate, installation, module),
        None => candidate.remedy(format!("install `{module}`"), None),
    }
}

/// A program that a shell or `npm run` did not find. Beside a `package.json`, it is one of a package
/// that is not installed.
pub(super) fn program(seen: Seen<'_>, program: &str) -> Candidate {
    let name = &seen.spec.name;
    let in_node = manifest(seen, &["package.json"]).is_some();
    if in_node && !matches!(program, "node" | "npm" | "npx" | "pnpm" | "yarn" | "bun") {
        let candidate = Candidate::new(
            name,
            Code::ModuleMissing,
            Level::Start,
            format!("{name} cannot start: `{program}` of its Node packages is not installed"),
        )
        .evidence([format!(
            "checked with {} in {}",
            commands::lists(Path::new("node_modules/.bin").join(program).as_path()),
            seen.spec.directory.display()
        )]);
        return remedy(seen, candidate, for_node(seen, program), program);
    }
    Candidate::new(
        name,
        Code::CommandNotFound,
        Level::Start,
        format!("{name} cannot start: there is no program `{program}`"),
    )
    .evidence([format!("{} finds nothing", commands::which(program))])
    .remedy(format!("install `{program}`, or correct `command`"), None)
}

fn remedy(
    seen: Seen<'_>,
    candidate: Candidate,
    installation: Installation<'_>,
    module: &str,
) -> Candidate {
    let words: Vec<String> = installation
        .command
        .iter()
        .map(|word| commands::quoted(word))
        .collect();
    let line = words.join(" ");
    let place = installation.directory.display();
    let goes_by = installation.goes_by.and_then(Path::file_name);
    let text = match goes_by {
        Some(file) => format!(
            "install what {} asks for: `{line}` in {place}; if `{module}` is not in there, add it",
            file.display()
        ),
        None => format!("install it: `{line}` in {place}"),
    };
    candidate.remedy(
        text,
        Some(Action::Install {
            service: seen.spec.name.clone(),
            command: installation.command,
            directory: installation.directory.to_owned(),
        }),
    )
}

fn for_node<'a>(seen: Seen<'a>, package: &str) -> Installation<'a> {
    let by_file: [(&[&str], &[&str]); 5] = [
        (
            &["package-lock.json", "npm-shrinkwrap.json"],
            &["npm", "ci"],
        ),
        (
            &["pnpm-lock.yaml"],
            &["pnpm", "install", "--frozen-lockfile"],
        ),
        (&["yarn.lock"], &["yarn", "install"]),
        (
            &["bun.lock", "bun.lockb"],
            &["bun", "install", "--frozen-lockfile"],
        ),
        (&["package.json"], &["npm", "install"]),
    ];
    for (files, command) in by_file {
        if let Some(installation) = by_manifest(seen, files, command) {
            return installation;
        }
    }
    by_name(seen, &["npm", "install"], package)
}

fn for_python<'a>(seen: Seen<'a>, module: &str) -> Installation<'a> {
    let python = python(seen);
    let by_file: [(&str, &[&str]); 5] = [
        ("uv.lock", &["uv", "sync"]),
        ("poetry.lock", &["poetry", "install"]),
        ("Pipfile.lock", &["pipenv", "sync"]),
        (
            "requirements.txt",
            &[&python, "-m", "pip", "install", "-r", "requirements.txt"],
        ),
        (
            "pyproject.toml",
            &[&python, "-m", "pip", "install", "-e", "."],
        ),
    ];
    for (file, command) in by_file {
        if let Some(installation) = by_manifest(seen, &[file], command) {
            return installation;
        }
    }
    let renamed = PYTHON_PACKAGES.iter().find(|(known, _)| *known == module);
    let package = renamed.map_or(module, |(_, package)| package);
    by_name(seen, &[&python, "-m", "pip", "install"], package)
}

fn by_manifest<'a>(seen: Seen<'a>, files: &[&str], command: &[&str]) -> Option<Installation<'a>> {
    let file = manifest(seen, files)?;
    Some(Installation {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        directory: file.parent()?,
        goes_by: Some(file),
    })
}

fn by_name<'a>(seen: Seen<'a>, command: &[&str], package: &str) -> Installation<'a> {
    let mut command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    command.push(package.to_owned());
    Installation {
        command,
        directory: &seen.spec.directory,
        goes_by: None,
    }
}

fn manifest<'a>(seen: Seen<'a>, names: &[&str]) -> Option<&'a Path> {
    let mut manifests = seen.is.project.manifests.iter();
    manifests
        .find(|path| names.iter().any(|name| path.ends_with(name)))
        .map(AsRef::as_ref)
}

fn python(seen: Seen<'_>) -> String {
    let python = seen.is.project.python.as_ref();
    python.map_or_else(|| "python3".to_owned(), |path| path.display().to_string())
}
