//! `pilotlight export`: the stack as other tools run it.
//!
//! A format is a function from the [`Plan`] to the text of its files. What a format cannot express becomes
//! a note, which stands in the file as a comment and on the standard error.

mod compose;
mod kubernetes;
mod plan;
mod procfile;
mod systemd;
mod yaml;

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use pilotlight::{
    env::Env,
    fs::redact,
    stack::Stack,
    stack_file::{self, Report},
};
use regex::Regex;

use crate::{
    args::{Export, Format},
    context::{Context, expect_declared, whole},
    failure::{Ending, Failure},
    paint::{self, tame},
};
use plan::{Plan, mark};

/// A file of the export.
struct File {
    name: String,
    text: String,
}

pub(crate) fn run(context: &Context, asked: &Export) -> Result<Ending, Failure> {
    let file = context.find()?;
    let stack = stack(&file, &whole(&file)?)?;
    expect_declared(&asked.services, &stack)?;
    let mut plan = Plan::new(&stack, asked.format, &asked.services);
    let file = |name: &str, text| {
        vec![File {
            name: name.to_owned(),
            text,
        }]
    };
    let files = match asked.format {
        Format::Compose => file("compose.pilotlight.yaml", compose::text(&mut plan)),
        Format::Systemd => systemd::units(&mut plan),
        Format::Procfile => file("Procfile", procfile::text(&mut plan)),
        Format::Kubernetes => file("kubernetes.yaml", kubernetes::text(&mut plan)),
    };
    let notes = plan.notes();
    let comments = notes.iter().map(|note| format!("# {note}\n"));
    let comments: String = comments.collect();
    if let Some(folder) = &asked.output {
        for (index, File { name, text }) in files.iter().enumerate() {
            let comments = if index == 0 { &comments } else { "" };
            let path = folder.join(name);
            write(&path, &format!("{comments}{text}"))?;
            writeln!(paint::err(), "wrote {}", path.display())?;
        }
    } else {
        let mut out = io::stdout().lock();
        write!(out, "{comments}")?;
        for File { name, text } in &files {
            if files.len() > 1 {
                writeln!(out, "\n# {name}")?;
            }
            write!(out, "{text}")?;
        }
    }
    if asked.output.is_some() || !io::stdout().is_terminal() {
        for note in &notes {
            writeln!(paint::err(), "{}", tame(note))?;
        }
    }
    Ok(Ending::Done)
}

/// Reads a stack with the names of variables in place of their values, which may be secrets. Where a name
/// is not valid, as in the address of a probe, the value stays, unless its name is that of a secret.
fn stack(file: &Path, text: &str) -> Result<Stack, Report> {
    let real = Env::of_this_process();
    let named = |keeps: &dyn Fn(&str) -> bool| {
        let mut variables = real.clone();
        for name in used(text).into_iter().filter(|name| !keeps(name)) {
            variables.set(&name, mark(&name));
        }
        stack_file::parse(file, text.as_bytes(), &variables)
    };
    let is_harmless = |name: &str| {
        let assigned = format!("{name}=0123456789abcdef");
        real.get(name).is_some() && redact::redact(&assigned) == assigned
    };
    named(&|_| false).or_else(|_| named(&is_harmless))
}

/// Returns the names of the variables in a stack file.
fn used(text: &str) -> Vec<String> {
    let variable = Regex::new(r"\$\{([A-Za-z_][A-Za-z0-9_]*)").ok();
    let found = variable.iter().flat_map(|it| it.captures_iter(text));
    found.map(|found| found[1].to_owned()).collect()
}

/// Writes a new file, and its folder.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())
    };
    written().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Refused(format!("{} exists; it is not overwritten", path.display()))
        }
        _ => Failure::System("write the export", error),
    })
}
