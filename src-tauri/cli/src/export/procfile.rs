//! A Procfile: a line of shell for each service.

use pilotlight::stack::EnvFile;

use super::plan::{Part, Plan, command, spell};

pub(super) fn text(plan: &mut Plan<'_>) -> String {
    let parts = std::mem::take(&mut plan.parts);
    parts.iter().filter_map(|part| line(plan, part)).collect()
}

fn line(plan: &mut Plan<'_>, part: &Part<'_>) -> Option<String> {
    let service = part.service;
    if service.task.is_some() {
        plan.note(service, "is left out: a Procfile has no tasks");
        return None;
    }
    let (env, words) = command(plan, part);
    let env = if env.is_empty() {
        String::new()
    } else {
        format!("env {} ", quoted(&env))
    };
    let directory = Plan::relative(&service.directory, plan.stack.directory());
    let enter = match directory.as_str() {
        "." => String::new(),
        directory => format!("cd {} && ", shell_words::quote(directory)),
    };
    let files: String = service.env_files.iter().map(read).collect();
    let line = format!(
        "{}: {enter}{files}exec {env}{}",
        service.name,
        quoted(&words)
    );
    if line.contains('\n') {
        plan.note(service, "is left out: its command has several lines");
        return None;
    }
    Some(format!("{line}\n"))
}

/// Returns the shell commands that read a file of variables.
fn read(file: &EnvFile) -> String {
    let path = file.path.to_string_lossy();
    let path = shell_words::quote(&path);
    let test = if file.optional {
        format!("[ ! -e {path} ] || ")
    } else {
        String::new()
    };
    format!("set -a && {{ {test}. {path}; }} && set +a && ")
}

fn quoted(words: &[String]) -> String {
    let literal = |part: &str| match part {
        "" => String::new(),
        part => shell_words::quote(part).into_owned(),
    };
    let words = words.iter().map(|word| match word.as_str() {
        "" => "''".to_owned(),
        word => spell(word, literal, |name| format!("\"${{{name}}}\"")),
    });
    words.collect::<Vec<_>>().join(" ")
}
