//! Scripts of a `package.json` that start several programs: `concurrently`, `npm-run-all`, `run-p`, `run-s`.

use super::{
    Tool, command,
    commands::is_other,
    source_file::SourceFile,
    tree::{Node, json},
};
use crate::{
    detect::{Listing, has_word, is_in, package_manager},
    draft::{CommandLine, DraftService, Kind},
};
use pilotlight::stack::Need;

/// The scripts that start a project, the most likely first.
const STARTS: [&str; 6] = ["dev", "start:dev", "develop", "start", "serve", "watch"];

/// Returns the services of the script that starts several programs.
pub(super) fn read(listing: &Listing, file: &str, text: &str) -> Option<SourceFile> {
    let mut source = SourceFile::new(Tool::Scripts, file);
    let tree = json(text).ok()?;
    let scripts = tree.get("scripts")?;
    let named = STARTS
        .iter()
        .filter_map(|name| Some((*name, scripts.get(name)?)));
    // `dev:all`, `concurrently:dev`
    let other = scripts
        .table()
        .iter()
        .map(|(key, script)| (key.name.as_str(), script));
    let other = other.filter(|(name, _)| {
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| has_word("dev develop", word)) && !is_other(name)
    });
    let package = Package {
        scripts,
        manager: package_manager(listing, source.folder()),
        folder: source.path(""),
    };
    let several = named.chain(other).filter_map(|(name, script)| {
        let steps = package.several(script.text()?, script.line, 0);
        (!steps.is_empty()).then_some((name, steps))
    });
    let several: Vec<_> = several.collect();
    // `concurrently` may run one program: in `dev`, what `dev:watch` builds.
    let at = several.iter().position(|(_, steps)| steps.len() > 1);
    let (name, steps) = several.into_iter().nth(at.unwrap_or_default())?;
    let before = scripts
        .table()
        .iter()
        .find(|(key, _)| key.name == format!("pre{name}"));
    package.add(steps, &mut source);
    if let Some((key, _)) = before {
        let what = format!("script `{}`", key.name);
        source.leave_out(
            key.line,
            what,
            "the package manager runs it first; a stack file does not",
        );
    }
    Some(source)
}

/// Returns the program that starts several others, and its arguments.
fn program(script: &str) -> Option<(String, Vec<String>)> {
    let is_shell = matches!(command::line(script, None).command, CommandLine::Shell(_));
    // Only a shell can run `concurrently 'a' && b`.
    if is_shell && script.contains("&&") && !script.contains(['"', '\'']) {
        return None;
    }
    let runners = "npx cross-env exec pnpm yarn bunx dlx env";
    let words = shell_words::split(script).ok()?.into_iter();
    let mut words = words.skip_while(|word| {
        has_word(runners, word) || (word.contains('=') && !word.starts_with('-'))
    });
    let first = words.next()?;
    let several = "concurrently npm-run-all npm-run-all2 run-p run-s run-z";
    has_word(several, &first).then(|| (first, words.collect()))
}

/// Returns the names and the commands in the arguments of concurrently.
pub(crate) fn concurrent(words: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut names, mut commands) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (word.as_str(), None),
        };
        if has_word("-n --names", option) {
            let value = value.or_else(|| words.next().map(String::as_str));
            let all = value.unwrap_or_default().split(',');
            names = all.map(|name| name.trim().to_owned()).collect();
        } else if value.is_none() && is_in("concurrently_options", option) {
            words.next();
        } else if !word.starts_with('-') {
            commands.push(word.clone());
        }
    }
    (names, commands)
}

/// Returns the script of `npm:script`.
pub(crate) fn short(command: &str) -> Option<&str> {
    let (manager, script) = command.split_once(':')?;
    has_word("npm pnpm yarn bun node deno", manager).then_some(script)
}

struct Package<'a> {
    scripts: &'a Node,
    manager: &'static str,
    folder: Option<String>,
}

/// One of several programs.
#[derive(Clone, Debug)]
struct Step {
    name: String,
    line: usize,
    command: String,
    /// The name of the script, if it is one.
    script: Option<String>,
    /// Whether it completes before the next one starts.
    is_first: bool,
}

impl Package<'_> {
    fn several(&self, script: &str, line: usize, depth: usize) -> Vec<Step> {
        let Some((program, words)) = program(script).filter(|_| depth < 4) else {
            return Vec::new();
        };
        if program == "concurrently" {
            self.concurrently(&words, line, depth)
        } else {
            self.run_all(&program, &words, depth)
        }
    }

    fn concurrently(&self, words: &[String], line: usize, depth: usize) -> Vec<Step> {
        let (names, commands) = concurrent(words);
        let mut steps = Vec::new();
        for command in commands {
            let name = names.get(steps.len()).cloned().filter(|it| !it.is_empty());
            if let Some(pattern) = short(&command) {
                steps.extend(self.matching(pattern, name.as_deref(), depth));
            } else {
                steps.push(Step {
                    name: name.unwrap_or_else(|| named(&command)),
                    line,
                    script: None,
                    command,
                    is_first: false,
                });
            }
        }
        steps
    }

    fn run_all(&self, program: &str, words: &[String], depth: usize) -> Vec<Step> {
        let mut parallel = program == "run-p";
        let mut steps = Vec::new();
        // In a sequence, all but the last complete.
        let mut close = |group: &mut Vec<Step>, parallel: bool, is_last: bool| {
            let last = group.len();
            for (at, step) in group.iter_mut().enumerate() {
                step.is_first = step.is_first || (!parallel && (at + 1 < last || !is_last));
            }
            steps.append(group);
        };
        let mut group: Vec<Step> = Vec::new();
        for word in words {
            match word.as_str() {
                "-p" | "--parallel" | "-s" | "--serial" | "--sequential" => {
                    close(&mut group, parallel, false);
                    parallel = word.contains('p');
                }
                "--" => break,
                _ if word.starts_with('-') => {}
                pattern => group.extend(self.matching(pattern, None, depth)),
            }
        }
        close(&mut group, parallel, true);
        steps
    }

    /// Returns the scripts that match a pattern: `*` is a part between colons, `**` any number of parts.
    fn matching(&self, pattern: &str, name: Option<&str>, depth: usize) -> Vec<Step> {
        let pattern = pattern.split_whitespace().next().unwrap_or_default();
        let pattern = regex::escape(pattern)
            .replace(r":\*\*", "(?::.*)?")
            .replace(r"\*\*", ".*")
            .replace(r"\*", "[^:]*");
        let mut steps = Vec::new();
        let Ok(pattern) = regex::Regex::new(&format!("^(?:{pattern})$")) else {
            return steps;
        };
        for (key, node) in self.scripts.table() {
            let Some(text) = node.text().filter(|_| pattern.is_match(&key.name)) else {
                continue;
            };
            let inner = self.several(text, node.line, depth + 1);
            if inner.is_empty() {
                let says_nothing = "build dev start watch serve";
                let mut parts = key.name.rsplit(':');
                let short = parts.find(|part| !has_word(says_nothing, part));
                let short = short.unwrap_or(&key.name);
                steps.push(Step {
                    name: name.unwrap_or(short).to_owned(),
                    line: key.line,
                    command: text.to_owned(),
                    script: Some(key.name.clone()),
                    is_first: false,
                });
            } else {
                steps.extend(inner);
            }
        }
        steps
    }

    fn add(&self, steps: Vec<Step>, source: &mut SourceFile) {
        let mut first: Vec<(String, usize)> = Vec::new();
        for step in steps {
            let because = match &step.script {
                Some(script) => source.because(step.line, format!("the script `{script}`")),
                None => source.because(step.line, "the script starts it"),
            };
            let mut read = command::line(&step.command, self.folder.as_deref());
            let kind = match (step.is_first, read.port) {
                (true, _) => Kind::Job,
                (false, Some(_)) => Kind::Backend,
                (false, None) => Kind::Worker,
            };
            let mut service = DraftService::new(&step.name, kind, because.clone());
            // The package manager runs a script, since the package contains its programs.
            if let Some(script) = &step.script {
                let command = CommandLine::words([self.manager, "run", script]);
                service.command = Some(because.says(command));
                service.directory = self.folder.clone().map(|folder| because.says(folder));
                service.port = read.port.map(|port| because.says(port));
            } else {
                read.command = self.with_programs(read.command);
                read.directory = read.directory.or_else(|| self.folder.clone());
                read.apply(&mut service, &because);
            }
            if step.is_first {
                first.push((step.name.clone(), step.line));
            } else {
                for (name, line) in &first {
                    let because = source.because(*line, "it comes first");
                    service.need(name, Need::Completed, &because);
                }
            }
            source.services.push(service);
        }
    }

    /// Adds the runner that finds a program of the package.
    fn with_programs(&self, command: CommandLine) -> CommandLine {
        let CommandLine::Words(words) = command else {
            return command;
        };
        let first = words.first().map_or("", |word| word.as_str());
        if is_in("installed_programs", first) || first.contains('/') {
            return CommandLine::Words(words);
        }
        let runner: &[&str] = match self.manager {
            "pnpm" => &["pnpm", "exec"],
            "yarn" => &["yarn"],
            "bun" => &["bunx"],
            _ => &["npx"],
        };
        let runner = runner.iter().map(|&word| word.to_owned());
        CommandLine::Words(runner.chain(words).collect())
    }
}

/// Returns a name for a command: its script, folder or program.
fn named(command: &str) -> String {
    let read = command::line(command, None);
    if let Some(folder) = read.directory {
        return folder.rsplit('/').next().unwrap_or(&folder).to_owned();
    }
    let words = shell_words::split(command).unwrap_or_default();
    let after = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).filter(|word| !word.starts_with('-'))
    };
    let options = "--prefix -C --cwd --filter -w --workspace workspace";
    let part = options.split(' ').find_map(after);
    let part = part.or_else(|| after("run")).or_else(|| words.first());
    let part = part.map_or(command, String::as_str);
    let part = part
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(part);
    part.rsplit(':').next().unwrap_or(part).to_owned()
}
