//! Compares the versions of runtimes that a project requires with the installed ones.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{RunContext, follow_up::FILES, subject::Scene};
use crate::{
    diagnose::evidence::VersionEvidence,
    effects::{env, process::run_helper},
    env::Env,
    fs::project_file::{Reader, apart},
    stack::Command,
};

/// The time limit for `node --version` and similar commands.
const LIMIT: Duration = Duration::from_secs(1);

/// A runtime, and the files that name its version.
struct Runtime {
    name: &'static str,
    program: &'static str,
    /// Files that contain nothing but the version.
    files: &'static [&'static str],
    /// Its name in `.tool-versions`.
    tool: &'static str,
}

const RUNTIMES: [Runtime; 3] = [
    Runtime {
        name: "Node.js",
        program: "node",
        files: &[".nvmrc", ".node-version"],
        tool: "nodejs",
    },
    Runtime {
        name: "Python",
        program: "python3",
        files: &[".python-version"],
        tool: "python",
    },
    Runtime {
        name: "Ruby",
        program: "ruby",
        files: &[".ruby-version"],
        tool: "ruby",
    },
];

/// Returns the runtimes whose version differs from the one that the project requires. `python` is
/// the one that the command starts.
pub(super) async fn mismatches(
    scene: &Scene,
    run: &RunContext,
    python: Option<&Path>,
) -> Vec<VersionEvidence> {
    let folder = &run.spec.directory;
    let asked = asked_for(folder, scene.stack.directory()).await;
    if asked.is_empty() {
        return Vec::new();
    }
    let environment = env::environment(&run.spec, &scene.variables, &*scene.ports, LIMIT, None);
    let Ok(environment) = environment.await else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (runtime, wanted) in asked {
        let program = match (runtime.program, python) {
            ("python3", Some(python)) => python.display().to_string(),
            (program, _) => program.to_owned(),
        };
        let Some(runs) = version_of(&program, folder, &environment).await else {
            continue;
        };
        if wanted.iter().any(|(wanted, _)| !allows(wanted, &runs)) {
            found.push(VersionEvidence {
                runtime: runtime.name,
                runs,
                wanted: wanted[0].0.clone(),
                files: wanted.into_iter().map(|(_, file)| file).collect(),
            });
        }
    }
    found
}

/// Returns the runtimes whose version the files of a project specify, with the requirements.
async fn asked_for(folder: &Path, top: &Path) -> Vec<(&'static Runtime, Vec<(String, PathBuf)>)> {
    let (folder, top) = (folder.to_owned(), top.to_owned());
    let reading = apart(FILES, move |reader| {
        let runtimes = RUNTIMES.iter();
        let wanted = runtimes.map(|runtime| (runtime, wanted(runtime, &folder, &top, reader)));
        wanted.filter(|(_, wanted)| !wanted.is_empty()).collect()
    });
    reading.await.unwrap_or_default()
}

async fn version_of(program: &str, folder: &Path, environment: &Env) -> Option<String> {
    let command = Command::Argv(vec![program.to_owned(), "--version".to_owned()]);
    let asked = run_helper(&command, folder, environment, LIMIT).await;
    version_in(&asked.ok()?.text)
}

/// Returns the first version in a text: `20.11.1` of `v20.11.1`.
fn version_in(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut parts = text.split(|c| !is_part(c));
    let found =
        parts.find(|part| part.contains('.') && part.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(found.trim_end_matches('.').to_owned())
}

/// Returns the requirements in the files of a project, the nearest folder first.
fn wanted(runtime: &Runtime, folder: &Path, top: &Path, reader: &Reader) -> Vec<(String, PathBuf)> {
    let folders = folder
        .ancestors()
        .take_while(|folder| folder.starts_with(top));
    let folders = folders.chain((!folder.starts_with(top)).then_some(folder));
    for folder in folders {
        let mut found = Vec::new();
        let text = |name: &str| {
            let path = folder.join(name);
            Some((reader.text(&path).ok()?, path))
        };
        for name in runtime.files {
            if let Some((text, path)) = text(name) {
                let line = text.lines().next().unwrap_or_default().trim();
                found.push((line.to_owned(), path));
            }
        }
        if let Some((text, path)) = text(".tool-versions") {
            let mut lines = text.lines().map(str::split_whitespace);
            let line = lines.find_map(|mut words| (words.next()? == runtime.tool).then_some(words));
            let version = line.and_then(|mut words| words.next());
            found.extend(version.map(|version| (version.to_owned(), path)));
        }
        if runtime.tool == "nodejs"
            && let Some((text, path)) = text("package.json")
        {
            let json: Option<Value> = serde_json::from_str(&text).ok();
            let engines = json.as_ref().and_then(|json| json.pointer("/engines/node"));
            let engines = engines.and_then(Value::as_str);
            found.extend(engines.map(|wanted| (wanted.to_owned(), path)));
        }
        if runtime.tool == "python"
            && let Some((text, path)) = text("pyproject.toml")
        {
            let table: Option<toml::Table> = text.parse().ok();
            let project = table.as_ref().and_then(|table| table.get("project"));
            let wanted = project.and_then(|project| project.get("requires-python")?.as_str());
            found.extend(wanted.map(|wanted| (wanted.to_owned(), path)));
        }
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Returns whether a requirement allows a version. An unknown form (`lts/*`) allows any.
fn allows(wanted: &str, runs: &str) -> bool {
    let runs = numbers(runs);
    wanted.split("||").any(|alternative| {
        let alternative = alternative.replace(',', " ");
        // `>= 20` is also valid with a space.
        let mut joined = alternative.trim().to_owned();
        for operator in ["=", "<", ">", "^", "~"] {
            joined = joined.replace(&format!("{operator} "), operator);
        }
        joined.split_whitespace().all(|part| fits(part, &runs))
    })
}

fn fits(part: &str, runs: &[u32]) -> bool {
    let version = part.trim_start_matches(|c: char| !c.is_ascii_digit());
    let operator = part[..part.len() - version.len()].trim_end_matches('v');
    let wanted = numbers(version);
    if wanted.is_empty() || runs.is_empty() {
        return true;
    }
    let prefix = |length: usize| {
        let length = length.min(wanted.len());
        runs.get(..length)
            .is_none_or(|runs| runs == &wanted[..length])
    };
    match operator {
        ">=" => runs >= wanted.as_slice(),
        ">" => runs > wanted.as_slice(),
        "<=" => runs <= wanted.as_slice() || prefix(wanted.len()),
        "<" => runs < wanted.as_slice(),
        "^" => runs >= wanted.as_slice() && prefix(1),
        "~" => runs >= wanted.as_slice() && prefix(2),
        "~=" => runs >= wanted.as_slice() && prefix(wanted.len().saturating_sub(1).max(1)),
        "" | "=" | "==" => prefix(wanted.len()),
        _ => true,
    }
}

/// Returns the leading numbers of a version: `20`, `11` of `20.11.x`.
fn numbers(version: &str) -> Vec<u32> {
    let parts = version.split('.').map_while(|part| {
        let end = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        part[..end].parse().ok()
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_read_as_its_package_manager_reads_it() {
        for (wanted, runs, fits) in [
            ("22", "20.11.1", false),
            ("v20", "20.11.1", true),
            ("20.x", "20.11.1", true),
            (">=22.9", "22.12.0", true),
            (">= 22.9", "20.19.4", false),
            ("^18.0.0 || >=20", "19.1.0", false),
            ("^18.0.0 || >=20", "20.1.0", true),
            (">=3.11,<4", "3.10.2", false),
            (">=3.11,<4", "3.12.1", true),
            ("~=3.11", "3.13.0", true),
            ("~3.3.0", "3.4.1", false),
            ("lts/*", "20.11.1", true),
        ] {
            assert_eq!(allows(wanted, runs), fits, "{wanted} and {runs}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_without_a_writer_delays_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        #[expect(
            clippy::disallowed_methods,
            reason = "the command creates a pipe and is not a service"
        )]
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(".nvmrc"))
            .status();
        assert!(made.unwrap().success());
        std::fs::write(
            folder.join("package.json"),
            r#"{"engines":{"node":">=22"}}"#,
        )
        .unwrap();
        let asked = asked_for(folder, folder).await;
        let [(runtime, wanted)] = &asked[..] else {
            panic!("{} runtimes", asked.len());
        };
        assert_eq!(runtime.name, "Node.js");
        assert_eq!(*wanted, [(">=22".to_owned(), folder.join("package.json"))]);
    }

    #[test]
    fn the_version_is_found_in_the_output_of_a_runtime() {
        for (text, version) in [
            ("v20.11.1\n", "20.11.1"),
            ("Python 3.11.2", "3.11.2"),
            ("ruby 3.1.2p20 (2022-04-12)", "3.1.2"),
        ] {
            assert_eq!(version_in(text).as_deref(), Some(version));
        }
    }
}
