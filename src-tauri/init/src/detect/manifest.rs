//! Projects that one manifest describes: Ruby, PHP and Elixir. The rows of `frameworks.toml` say how each framework is
//! recognised and started.

use std::collections::BTreeSet;

use super::{
    Finds, Found, System, ancestors, file_name, folder,
    frameworks::{self, Framework, Start, Worker},
    health::log,
    join, line_at, line_with, named,
    source::{Syntax, pattern, without_comments},
    variables,
};
use crate::{
    detect::Listing,
    draft::{Kind, Origin, Probe},
};

/// A manifest, and the folder that runs what it names.
struct Manifest<'a> {
    listing: &'a Listing,
    path: &'a str,
    root: &'a str,
    /// Its text without comments.
    code: String,
}

/// Finds the applications and their workers.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    for name in ["Gemfile", "composer.json", "mix.exs"] {
        let mut done = BTreeSet::new();
        for path in listing.named(name) {
            let Some(text) = listing.text(path) else {
                continue;
            };
            if name == "composer.json"
                && let Err(error) = serde_json::from_str::<serde_json::Value>(text)
            {
                let place = Origin::line(path, error.line(), "");
                let why = "it is not valid JSON, so its dependencies are unknown";
                finds.leave_out(name, &place, why);
                continue;
            }
            let code = if name == "composer.json" {
                text.to_owned()
            } else {
                without_comments(text, Syntax::Hash)
            };
            let mut manifest = Manifest {
                listing,
                path,
                root: folder(path),
                code,
            };
            let mut rows = frameworks::TABLE
                .framework
                .iter()
                .filter(|row| row.manifest == name);
            if let Some((row, because)) = rows.find_map(|row| Some((row, manifest.is(row)?))) {
                manifest.root = manifest.top(row);
                if done.insert(manifest.root) {
                    manifest.find(row, because, finds);
                }
            }
        }
    }
}

impl<'a> Manifest<'a> {
    fn has(&self, file: &str) -> bool {
        file.is_empty() || self.listing.has(&join(self.root, file))
    }

    /// Returns the line that names a dependency.
    fn line_of(&self, dependency: &str) -> Option<usize> {
        let name = regex::escape(dependency);
        let written = pattern(&match file_name(self.path) {
            "Gemfile" => format!(r#"(?m)^\s*gem[ (]*["']{name}["']"#),
            "mix.exs" => format!(r"\{{\s*:{name}\s*,"),
            _ => format!(r#""{name}"\s*:"#),
        });
        let found = written.find(&self.code)?;
        Some(line_at(&self.code, found.end() - 1))
    }

    /// Returns why the project is made with a framework, if it is.
    fn is(&self, row: &Framework) -> Option<Origin> {
        if !self.has(&row.file) {
            return None;
        }
        let text = format!("a {} application", row.title);
        if row.dependency.is_empty() {
            return Some(Origin::file(join(self.root, &row.file), text));
        }
        Some(Origin::line(
            self.path,
            self.line_of(&row.dependency)?,
            text,
        ))
    }

    /// Returns the outermost folder whose manifest runs this one, else its own.
    fn top(&self, row: &Framework) -> &'a str {
        let runs = |at: &&str| {
            let text = self.listing.text(&join(at, &row.manifest));
            !row.top.is_empty() && text.is_some_and(|text| text.contains(&row.top))
        };
        ancestors(self.root)
            .filter(runs)
            .last()
            .unwrap_or(self.root)
    }

    fn find(&self, row: &'static Framework, because: Origin, finds: &mut Finds) {
        let name = named(self.root, &row.service);
        let mut found = Found::new(name, Kind::Backend, self.root, because);
        let fits = |start: &&Start| {
            let has_dependency =
                start.dependency.is_empty() || self.line_of(&start.dependency).is_some();
            has_dependency && self.has(&start.file)
        };
        if let Some(start) = row.commands.iter().find(fits) {
            found.runs_words(self.words(&start.words));
        }
        if let Some(port) = row.port(self.listing, self.root) {
            found.reads_port = port.settle(&mut found.service);
        }
        found.compiles(row.compiles.as_deref());
        finds.apps.push(found);
        if let Some(starts) = &row.starts
            && let Some(text) = self.listing.text(&join(self.root, &starts.file))
            && text.contains(&starts.text)
        {
            let why = format!("{} starts it", row.title);
            finds.started.insert(join(self.root, &starts.folder), why);
        }
        let mut tasks: Vec<&str> = Vec::new();
        for worker in &row.worker {
            if !tasks.contains(&worker.task.as_str())
                && let Some(because) = self.runs(worker)
            {
                tasks.push(&worker.task);
                finds.apps.push(self.worker(worker, &because));
            }
        }
    }

    /// Returns the words of a command. Windows does not read the first line of a script.
    fn words(&self, words: &str) -> Vec<String> {
        let is_script = words.starts_with("bin/") && self.listing.host.system == System::Windows;
        let ruby = is_script.then_some("ruby");
        ruby.into_iter()
            .chain(words.split(' '))
            .map(str::to_owned)
            .collect()
    }

    /// Returns why a worker belongs to the stack, if it does.
    fn runs(&self, worker: &Worker) -> Option<Origin> {
        let text = format!("{} runs beside it", worker.title);
        let mut because = Origin::file(self.path, text.as_str());
        if !worker.dependency.is_empty() {
            because.line = Some(self.line_of(&worker.dependency)?);
        }
        if let Some(set) = &worker.in_file {
            let file = join(self.root, &set.file);
            let line = line_with(self.listing.text(&file)?, &set.text)?;
            because = Origin::line(file, line, text.as_str());
        }
        if !worker.setting.is_empty() {
            let set = variables::of_folder(self.listing, self.root).remove(&worker.setting)?;
            if worker.off.contains(&set.value) {
                return None;
            }
            because = Origin::line(set.file, set.line, text);
        }
        let is_used = worker.uses.as_ref().is_none_or(|uses| {
            let mut words = uses.words.split(' ');
            self.listing.has_folder(&join(self.root, &uses.folder))
                || words.any(|word| self.code.contains(word))
        });
        (is_used && self.has(&worker.file)).then_some(because)
    }

    fn worker(&self, worker: &Worker, because: &Origin) -> Found {
        let name = match file_name(self.root) {
            "" | "backend" | "api" => worker.name.clone(),
            folder => format!("{folder}-{}", worker.name),
        };
        let kind = if worker.port.is_some() {
            Kind::Backend
        } else {
            Kind::Worker
        };
        let mut found = Found::new(name, kind, self.root, because.clone());
        found.runs_words(self.words(&worker.words));
        if let Some(usual) = worker.port {
            let set = frameworks::set_port(self.listing, &[self.root], &worker.port_variables);
            let usual = || Origin::known(format!("{}'s usual port", worker.title)).says(usual);
            found.service.port = Some(set.filter(|port| port.value >= 1024).unwrap_or_else(usual));
            // Its pages are not those of the application, so that the application's health page is not asked.
            let probe = Probe::Tcp("localhost:{port}".to_owned());
            found.service.ready = Some(because.says(probe.into()));
        }
        let says = |line: &String| {
            Origin::known(format!("{} prints it when it is ready", worker.title)).says(log(line))
        };
        found.service.ready = found
            .service
            .ready
            .or_else(|| worker.log.as_ref().map(says));
        found
    }
}
