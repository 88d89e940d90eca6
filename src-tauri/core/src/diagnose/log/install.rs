//! Missing modules and programs: the command that installs them, or the environment or folder that
//! contains them.

use std::path::Path;

use super::{
    super::{
        commands,
        facts::{Facts, Seen},
        holder::{Candidate, Level},
    },
    others::command,
};
use crate::{
    diagnose::evidence::log::Ecosystem,
    model::finding::{Action, Code, Described as _},
};

/// A command that installs the packages listed in a file.
struct Installer {
    files: &'static [&'static str],
    command: &'static [&'static str],
}

// `tables/packages.toml`
include!(concat!(env!("OUT_DIR"), "/packages.rs"));

/// An installation: a command, its working directory, and the file with the packages.
struct Installation<'a> {
    command: Vec<String>,
    directory: &'a Path,
    goes_by: Option<&'a Path>,
}

/// Returns the candidate for a module that cannot be imported: it is not installed, or (`own`) is a
/// file of the project.
pub(super) fn module(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    ecosystem: Ecosystem,
    module: &str,
    own: bool,
) -> Candidate {
    let name = &seen.spec.name;
    if own || is_application(seen, module) || has_own(seen, ecosystem) {
        return own_module(facts, seen, module);
    }
    if let Some(candidate) = other_environment(seen, ecosystem, module) {
        return candidate;
    }
    let (what, check, installation) = match ecosystem {
        Ecosystem::Python => (
            "Python module",
            format!("`{} -c 'import {module}'`", python(seen)),
            for_python(seen, module),
        ),
        Ecosystem::Node => (
            "Node package",
            format!("`npm ls {module}`"),
            Some(for_node(seen, module)),
        ),
        Ecosystem::Other => ("module", commands::logs(name), None),
    };
    let candidate = not_installed(seen, &format!("{what} `{module}`"), &check);
    match installation {
        Some(installation) => remedy(seen, candidate, installation, module),
        None if ecosystem == Ecosystem::Python => candidate.remedy(format!(
            "install the package of `{module}` into the Python environment that {name} uses"
        )),
        None => candidate.remedy(format!("install `{module}`")),
    }
}

fn not_installed(seen: Seen<'_>, what: &str, check: &str) -> Candidate {
    let name = &seen.spec.name;
    let folder = seen.spec.directory.display();
    Candidate::new(name, Code::ModuleMissing, Level::Start)
        .title(format!("{name} cannot start: the {what} is not installed"))
        .evidence([format!("checked with {check} in {folder}")])
}

/// Returns whether a module is the application that the command names: `wsgi` of `wsgi:app`. A
/// package with that name must not be installed.
fn is_application(seen: Seen<'_>, module: &str) -> bool {
    let command = command(seen);
    let mut words = command.split_whitespace();
    words.any(|word| {
        let (path, _) = word.split_once(':').unwrap_or(("", ""));
        path == module || path.split('.').next() == Some(module) && !path.contains('/')
    })
}

/// Returns whether another folder of the project contains the module, and no package of that name
/// is known.
fn has_own(seen: Seen<'_>, ecosystem: Ecosystem) -> bool {
    ecosystem == Ecosystem::Python
        && !seen.is.project.elsewhere.is_empty()
        && !seen.is.project.venv_has_module
}

fn own_module(facts: &Facts<'_>, seen: Seen<'_>, module: &str) -> Candidate {
    let name = &seen.spec.name;
    let folder = &seen.spec.directory;
    let candidate = Candidate::new(name, Code::ModuleMissing, Level::Start)
        .title(format!(
            "{name} cannot start: the project's own module `{module}` is not in {}",
            folder.display()
        ))
        .evidence([format!(
            "checked with {}",
            commands::lists(&folder.join(format!("{module}.py")))
        )]);
    match seen.is.project.elsewhere.first() {
        Some(elsewhere) => started_elsewhere(facts, seen, elsewhere, candidate),
        None => candidate.remedy(format!(
            "fix the name `{module}`, or `directory`, the folder in which it is searched"
        )),
    }
}

/// Suggests starting the service in the folder that contains its file.
pub(super) fn started_elsewhere(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    folder: &Path,
    candidate: Candidate,
) -> Candidate {
    let top = facts.evidence.stack.directory();
    let written = folder.strip_prefix(top).unwrap_or(folder);
    let others = seen.is.project.elsewhere.iter().skip(1);
    let others = others.map(|other| format!("so has {}", other.display()));
    candidate
        .evidence([format!("{} has it", folder.display())])
        .evidence(others)
        .remedy(format!(
            "start {} in the folder that has it: `directory = \"{}\"`",
            seen.spec.name,
            written.display()
        ))
}

/// Returns the candidate for a command that uses another Python environment than the project's.
fn other_environment(seen: Seen<'_>, ecosystem: Ecosystem, module: &str) -> Option<Candidate> {
    let project = &seen.is.project;
    let venv = project.venv.as_ref()?;
    let is_other = ecosystem == Ecosystem::Python && project.python.as_ref() != Some(venv);
    if !is_other || !project.venv_has_module {
        return None;
    }
    let name = &seen.spec.name;
    let folder = venv.parent()?;
    let command = command(seen);
    let program = command.split_whitespace().next().unwrap_or_default();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
    Some(
        Candidate::new(name, Code::ModuleMissing, Level::Start)
            .title(format!(
                "{name} runs in another Python environment than {}, which has `{module}`",
                folder.parent()?.display()
            ))
            .evidence([
                format!(
                    "{} starts, which has no `{module}`: {}",
                    python(seen),
                    commands::which(program)
                ),
                format!("`{} -c 'import {module}'` succeeds", venv.display()),
            ])
            .remedy(format!(
                "start {name} with the project's environment: `{}` in `command`",
                folder.join(program).display()
            )),
    )
}

/// Returns the candidate for a program that a shell or `npm run` did not find. In a folder with a
/// `package.json`, it belongs to a package that is not installed.
pub(in super::super) fn program(seen: Seen<'_>, program: &str) -> Candidate {
    let name = &seen.spec.name;
    let program = match program.rsplit_once(".bin/") {
        Some((_, bare)) => bare,
        None => program,
    };
    let in_node = manifest(seen, &["package.json"]).is_some();
    if in_node && !matches!(program, "node" | "npm" | "npx" | "pnpm" | "yarn" | "bun") {
        let check = commands::lists(&Path::new("node_modules/.bin").join(program));
        let candidate = not_installed(seen, &format!("Node package of `{program}`"), &check);
        return remedy(seen, candidate, for_node(seen, program), program);
    }
    Candidate::new(name, Code::CommandNotFound, Level::Start)
        .title(format!(
            "{name} cannot start: command not found: `{program}`"
        ))
        .evidence([format!("{} finds nothing", commands::which(program))])
        .remedy(format!("install `{program}`, or fix `command`"))
}

fn remedy(
    seen: Seen<'_>,
    candidate: Candidate,
    installation: Installation<'_>,
    module: &str,
) -> Candidate {
    let words = installation.command.iter();
    let line = words
        .map(|word| commands::quoted(word))
        .collect::<Vec<_>>()
        .join(" ");
    let place = installation.directory.display();
    let goes_by = installation.goes_by.and_then(Path::file_name);
    let text = match goes_by {
        Some(file) => format!(
            "install what {} asks for: `{line}` in {place}; if `{module}` is not in there, add it",
            file.display()
        ),
        None => format!("install it: `{line}` in {place}"),
    };
    candidate.remedy(text).action(Action::Install {
        service: seen.spec.name.clone(),
        command: installation.command,
        directory: installation.directory.to_owned(),
    })
}

fn for_node<'a>(seen: Seen<'a>, package: &str) -> Installation<'a> {
    let installation = by_manifest(seen, NODE, None);
    installation.unwrap_or_else(|| by_name(seen, &["npm", "install"], package))
}

/// Returns `None` if the Python that the service uses is not known: no other one is changed.
fn for_python<'a>(seen: Seen<'a>, module: &str) -> Option<Installation<'a>> {
    let project = &seen.is.project;
    let python = project.venv.as_ref().or(project.python.as_ref());
    let python = python.map(|path| path.display().to_string());
    let renamed = PYTHON_PACKAGES.iter().find(|(known, _)| *known == module);
    let package = renamed.map_or(module, |(_, package)| package);
    let installation = by_manifest(seen, PYTHON, python.as_deref());
    installation.or_else(|| {
        let pip = [python.as_deref()?, "-m", "pip", "install"];
        Some(by_name(seen, &pip, package))
    })
}

fn by_manifest<'a>(
    seen: Seen<'a>,
    installers: &[Installer],
    python: Option<&str>,
) -> Option<Installation<'a>> {
    installers.iter().find_map(|installer| {
        let file = manifest(seen, installer.files)?;
        let words = installer.command.iter().map(|word| match *word {
            "{python}" => python.map(str::to_owned),
            word => Some(word.to_owned()),
        });
        Some(Installation {
            command: words.collect::<Option<Vec<String>>>()?,
            directory: file.parent()?,
            goes_by: Some(file),
        })
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
