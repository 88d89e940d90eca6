//! The tables of `tables/*.toml`, each as the Rust code that a module includes.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Deserialize;

use crate::Made;

#[derive(Deserialize)]
struct Programs {
    container_proxies: Vec<String>,
    system: Vec<String>,
    interpreters: Vec<String>,
    automated: Vec<String>,
    kind: Vec<ProgramKind>,
}

#[derive(Deserialize)]
struct ProgramKind {
    kind: String,
    names: Vec<String>,
    #[serde(default)]
    lines: Vec<String>,
}

/// Compiles `programs.toml` for `effects/process/known.rs`.
pub(crate) fn programs(text: &str) -> Made<String> {
    let programs: Programs = toml::from_str(text)?;
    let mut code = String::new();
    for (name, list) in [
        ("CONTAINER_PROXIES", programs.container_proxies),
        ("SYSTEM_PROGRAMS", programs.system),
        ("INTERPRETERS", programs.interpreters),
        ("AUTOMATED", programs.automated),
    ] {
        writeln!(code, "pub(crate) static {name}: &[&str] = &{list:?};")?;
    }
    writeln!(code, "static KINDS: &[Known] = &[")?;
    for ProgramKind { kind, names, lines } in programs.kind {
        writeln!(
            code,
            "Known {{ kind: {kind}, names: &{names:?}, lines: &{lines:?} }},"
        )?;
    }
    Ok(code + "];")
}

#[derive(Deserialize)]
struct Ports {
    owner: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    port: u16,
    name: String,
    service: String,
    start: String,
    command: Option<String>,
    ready: Option<String>,
}

/// Compiles `ports.toml` for `diagnose/well_known.rs`.
pub(crate) fn ports(text: &str) -> Made<String> {
    let ports: Ports = toml::from_str(text)?;
    let mut code = "static ALL: &[WellKnown] = &[\n".to_owned();
    for owner in ports.owner {
        let Owner {
            port,
            name,
            service,
            start,
            command,
            ready,
        } = owner;
        writeln!(
            code,
            "WellKnown {{ port: {port}, name: {name:?}, service: {service:?}, start: {start:?}, \
             command: {command:?}, ready: {ready:?} }},"
        )?;
    }
    Ok(code + "];")
}

#[derive(Deserialize)]
struct PackageManagers {
    python_packages: BTreeMap<String, String>,
    node: Vec<Installer>,
    python: Vec<Installer>,
}

#[derive(Deserialize)]
struct Installer {
    files: Vec<String>,
    command: Vec<String>,
}

/// Compiles `packages.toml` for `diagnose/log/install.rs`.
pub(crate) fn packages(text: &str) -> Made<String> {
    let packages: PackageManagers = toml::from_str(text)?;
    let names = Vec::from_iter(packages.python_packages);
    let mut code = format!("static PYTHON_PACKAGES: &[(&str, &str)] = &{names:?};\n");
    for (name, installers) in [("NODE", packages.node), ("PYTHON", packages.python)] {
        writeln!(code, "static {name}: &[Installer] = &[")?;
        for Installer { files, command } in installers {
            writeln!(
                code,
                "Installer {{ files: &{files:?}, command: &{command:?} }},"
            )?;
        }
        writeln!(code, "];")?;
    }
    Ok(code)
}

#[derive(Deserialize)]
struct Secrets {
    lists: BTreeMap<String, Vec<String>>,
    pieces: BTreeMap<String, String>,
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    keywords: Words,
    pattern: String,
    #[serde(default)]
    except: Words,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    /// The name of a list in `lists`.
    Named(String),
    Own(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// Compiles `secrets.toml` for `fs/redact.rs`.
pub(crate) fn secrets(text: &str) -> Made<String> {
    let secrets: Secrets = toml::from_str(text)?;
    let list = |words| match words {
        Words::Own(words) => Ok(words),
        Words::Named(name) => {
            let list = secrets.lists.get(&name).cloned();
            list.ok_or_else(|| format!("`{name}` is no list"))
        }
    };
    let mut code = "const RULES: &[Rule] = &[\n".to_owned();
    for rule in secrets.rule {
        let (keywords, except) = (list(rule.keywords)?, list(rule.except)?);
        let pieces = secrets.pieces.iter();
        let pattern = pieces.fold(rule.pattern, |pattern, (name, piece)| {
            pattern.replace(&format!("{{{name}}}"), piece)
        });
        writeln!(
            code,
            "Rule {{ keywords: &{keywords:?}, pattern: {pattern:?}, except: &{except:?} }},"
        )?;
    }
    Ok(code + "];")
}
