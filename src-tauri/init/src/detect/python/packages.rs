//! The packages that a Python project names: in requirements files, `pyproject.toml`, a Pipfile, a
//! conda environment, `setup.cfg` and `setup.py`.

use std::collections::{BTreeMap, HashMap};

use toml::{Table, Value};

use crate::{
    detect::{Listing, file_name, folder, join, line_at, source::has_extension},
    draft::{LeftOut, Origin},
};

/// The names of packages, in lower case with `-`, and the file and line of each.
pub(in crate::detect) type Packages = BTreeMap<String, (String, Option<usize>)>;

/// The files that make a folder a Python project.
const MANIFESTS: &str = "pyproject.toml Pipfile setup.py setup.cfg environment.yml environment.yaml manage.py requirements.txt";

/// Whether the folder is a Python project by the files in it.
pub(in crate::detect) fn is_project(listing: &Listing, root: &str) -> bool {
    let mut names = MANIFESTS.split(' ');
    names.any(|name| listing.has(&join(root, name))) || requirements(listing, root).next().is_some()
}

/// Returns the packages of the project in a folder. Adds a note to `unsaid` for a file that cannot be read.
pub(in crate::detect) fn packages(
    listing: &Listing,
    root: &str,
    unsaid: &mut Vec<LeftOut>,
) -> Packages {
    let mut packages = Packages::new();
    for path in requirements(listing, root) {
        if let Some(text) = listing.text(path) {
            for (index, line) in text.lines().enumerate() {
                note(&mut packages, line, path, Some(index + 1));
            }
        }
    }
    for name in ["pyproject.toml", "Pipfile"] {
        let path = join(root, name);
        let Some(text) = listing.text(&path) else {
            continue;
        };
        match toml::from_str::<Table>(text) {
            Ok(table) => in_toml(table, &path, text, &mut packages),
            Err(error) => {
                let line = error.span().map(|span| line_at(text, span.start));
                let why = "it is not valid TOML, so the packages that it names are unknown";
                unsaid.push(LeftOut::new(name, &Origin::line(path, line, ""), why));
            }
        }
    }
    for name in "environment.yml environment.yaml setup.cfg setup.py".split(' ') {
        let path = join(root, name);
        if let Some(text) = listing.text(&path) {
            in_lines(text, &path, &mut packages);
        }
    }
    packages
}

fn requirements<'a>(listing: &'a Listing, root: &str) -> impl Iterator<Item = &'a str> {
    let own = root.to_owned();
    let folder_of_them = join(root, "requirements");
    listing.under(root).filter(move |path| {
        let name = file_name(path);
        let text = has_extension(name, "txt") || has_extension(name, "in");
        let at = folder(path);
        text && ((at == own && name.starts_with("requirements")) || at == folder_of_them)
    })
}

/// Lists of requirements, and tables with a package at each key; `*` is any key.
const LISTS: &str = "project.dependencies tool.uv.dev-dependencies project.optional-dependencies.* dependency-groups.* \
    tool.pdm.dev-dependencies.*";
const TABLES: &str = "tool.poetry.dependencies tool.poetry.dev-dependencies tool.pixi.dependencies tool.pixi.pypi-dependencies \
    packages tool.poetry.group.*.dependencies";

fn in_toml(table: Table, path: &str, text: &str, packages: &mut Packages) {
    let root = Value::Table(table);
    let lines = lines_by_text(text);
    let line_of = |text: &str| lines.get(text).copied();
    let lists = LISTS.split(' ').flat_map(|path| values(&root, path));
    let requirements = lists.filter_map(Value::as_array).flatten();
    for requirement in requirements.filter_map(Value::as_str) {
        note(packages, requirement, path, line_of(requirement));
    }
    let tables = TABLES.split(' ').flat_map(|path| values(&root, path));
    for (name, value) in tables.filter_map(Value::as_table).flatten() {
        let extras = value.get("extras").and_then(Value::as_array);
        let extras = extras.into_iter().flatten().filter_map(Value::as_str);
        let extras = extras.collect::<Vec<_>>().join(",");
        note(packages, &format!("{name}[{extras}]"), path, line_of(name));
    }
}

/// Returns the values at a path of keys.
fn values<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let below = |value: &'a Value, key: &str| match value {
        Value::Table(table) if key == "*" => table.values().collect(),
        value => value.get(key).into_iter().collect::<Vec<_>>(),
    };
    path.split('.').fold(vec![root], |values, key| {
        let values = values.into_iter();
        values.flat_map(|value| below(value, key)).collect()
    })
}

/// Returns the first line of each key and quoted text. A search through the file for each would take the square of its
/// length.
fn lines_by_text(text: &str) -> HashMap<&str, usize> {
    let mut lines = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        for part in line.split(['"', '\'', '=']) {
            lines.entry(part.trim()).or_insert(index + 1);
        }
        for part in line.split(['"', '\'']) {
            lines.entry(part).or_insert(index + 1);
        }
    }
    lines
}

/// Notes what may be a requirement on each line: `- redis=5`, `'celery[redis]>=5',`.
fn in_lines(text: &str, path: &str, packages: &mut Packages) {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches("- ");
        for part in line.split([',', '"', '\'']) {
            let part = part.trim();
            let name = part.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
            let after = name.and_then(|end| part[end..].chars().next());
            let plain = after.is_none_or(|after| "=<>~![; ".contains(after));
            if plain && !part.is_empty() {
                note(packages, part, path, Some(index + 1));
            }
        }
    }
}

/// Notes a requirement (PEP 508) and its extras, each as a package: `celery[redis]` needs Redis.
fn note(packages: &mut Packages, requirement: &str, path: &str, line: Option<usize>) {
    let requirement = requirement.split('#').next().unwrap_or_default().trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = requirement
        .find(|c| !is_name(c))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    if name.is_empty()
        || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || rest.starts_with(':')
    {
        return;
    }
    let place = (path.to_owned(), line);
    let package = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let extras = rest
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let extras = extras
        .map_or("", |(extras, _)| extras)
        .split(',')
        .map(str::trim);
    for extra in extras.filter(|extra| !extra.is_empty()) {
        let package = format!("{package}[{}]", extra.to_ascii_lowercase());
        packages.entry(package).or_insert_with(|| place.clone());
    }
    packages.entry(package).or_insert(place);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    fn found(files: &[(&str, &str)]) -> (Vec<String>, Vec<LeftOut>) {
        let mut listing = Listing::new("shop", Host::default());
        for (path, text) in files {
            listing.add(*path, Some(text));
        }
        let mut unsaid = Vec::new();
        let packages = packages(&listing, "", &mut unsaid);
        let shown = packages
            .iter()
            .map(|(name, (file, line))| format!("{name} {file}:{}", line.unwrap_or(0)))
            .collect();
        (shown, unsaid)
    }

    #[test]
    fn requirements_are_read_with_their_extras() {
        let (packages, _) = found(&[
            (
                "requirements.txt",
                "# x\nFastAPI==0.1 # web\n-r other.txt\ncelery[redis,msgpack]>=5; python_version > '3'\n",
            ),
            ("requirements/dev.txt", "psycopg2_binary\n"),
        ]);
        assert_eq!(
            packages,
            [
                "celery requirements.txt:4",
                "celery[msgpack] requirements.txt:4",
                "celery[redis] requirements.txt:4",
                "fastapi requirements.txt:2",
                "psycopg2-binary requirements/dev.txt:1",
            ]
        );
    }

    #[test]
    fn a_pyproject_is_read_in_each_of_its_dialects() {
        let (packages, unsaid) = found(&[(
            "pyproject.toml",
            "[project]\ndependencies = [\n  \"redis>=5\",\n]\n[dependency-groups]\ndev = [\"motor\"]\n\
             [tool.poetry.dependencies]\npython = \"^3\"\nasyncpg = { version = \"1\", extras = [\"x\"] }\n",
        )]);
        assert_eq!(
            packages,
            [
                "asyncpg pyproject.toml:9",
                "asyncpg[x] pyproject.toml:9",
                "motor pyproject.toml:6",
                "python pyproject.toml:8",
                "redis pyproject.toml:3",
            ]
        );
        assert_eq!(unsaid, []);
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_line() {
        let (packages, unsaid) = found(&[(
            "pyproject.toml",
            "[project]\ndependencies = [\"redis\"\n[x\n",
        )]);
        assert!(packages.is_empty());
        assert_eq!(unsaid.len(), 1);
        assert!(unsaid[0].line.is_some_and(|line| line >= 2));
    }

    #[test]
    fn a_conda_environment_and_a_setup_script_are_read_by_line() {
        let (packages, _) = found(&[
            (
                "environment.yml",
                "name: x\ndependencies:\n  - pymongo=4\n  - pip:\n      - aiokafka==1\n",
            ),
            (
                "setup.py",
                "setup(install_requires=['nats-py>=2', \"pika\"])\n",
            ),
        ]);
        for name in [
            "pymongo environment.yml:3",
            "aiokafka environment.yml:5",
            "nats-py setup.py:1",
            "pika setup.py:1",
        ] {
            assert!(
                packages.iter().any(|package| package == name),
                "{name} in {packages:?}"
            );
        }
    }
}
