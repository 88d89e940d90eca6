//! Projects of Node: what the scripts of each `package.json` run, and on which port.

mod nx;
mod package;
mod port;
mod script;
mod source;
mod tool;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    package::{Manager, Package, manager},
    script::{Does, Script},
    source::Sources,
    tool::Tool,
};
use super::{
    Finds, Found,
    listing::{Listing, file_name, folder, join},
    variables::{self, Variable},
};
use crate::draft::{
    Because, Change, Choice, CommandLine, DraftService, Kind, Question, Said, Unsaid, plain,
};
use crate::mask::mask;

/// Scripts that start something, the likeliest first.
const SCRIPTS: [&str; 6] = ["dev", "start:dev", "develop", "serve", "start", "watch"];

/// A script that could start a package.
struct Candidate {
    script: String,
    does: Does,
}

/// What is looked at by all packages.
struct Project<'a> {
    listing: &'a Listing,
    packages: BTreeMap<&'a str, Package<'a>>,
    sources: Sources<'a>,
}

pub(super) fn find(listing: &Listing, finds: &mut Finds) {
    let packages = Package::all(listing, finds);
    let project = Project {
        listing,
        sources: Sources::new(listing, &packages),
        packages,
    };
    let mut found = Vec::new();
    for package in project.packages.values() {
        project.package(package, &mut found, finds);
    }
    nx::find(listing, &project.packages, &mut found);
    // Examples and the like count where there is nothing else.
    let is_all_aside = found.iter().all(|found| is_aside(&found.root));
    for found in found {
        if is_all_aside || !is_aside(&found.root) {
            finds.apps.push(found);
        } else {
            finds.unsaid.push(Unsaid {
                what: format!("`{}`", found.root),
                file: found.service.because.file,
                line: found.service.because.line,
                why: "an example or a test, by its folder".to_owned(),
            });
        }
    }
}

/// Whether a folder holds what a project shows or tests, and not what it runs.
fn is_aside(folder: &str) -> bool {
    const ASIDE: [&str; 16] = [
        "__tests__",
        "boilerplate",
        "boilerplates",
        "cypress",
        "demo",
        "demos",
        "e2e",
        "example",
        "examples",
        "fixtures",
        "playground",
        "playgrounds",
        "template",
        "templates",
        "test",
        "tests",
    ];
    folder
        .split('/')
        .any(|part| ASIDE.contains(&part) || part.ends_with("-e2e"))
}

impl Project<'_> {
    fn package(&self, package: &Package<'_>, found: &mut Vec<Found>, finds: &mut Finds) {
        let mut candidates: Vec<Candidate> = SCRIPTS
            .iter()
            .filter(|name| package.scripts.contains_key(**name))
            .map(|name| Candidate {
                script: (*name).to_owned(),
                does: script::read(&package.scripts, name),
            })
            .collect();
        if candidates.is_empty() {
            self.parts_of_dev(package, found);
            return;
        }
        // What only builds starts nothing; `start` may, beside it.
        let builds = |candidate: &Candidate| match &candidate.does {
            Does::Runs(script) => script.words.is_empty() || tool::only_builds(&script.words),
            Does::Others | Does::Several(_) => false,
        };
        let first = package.script_says(&candidates[0].script, "");
        candidates.retain(|candidate| !builds(candidate) && candidate.script != "watch");
        prefer_start(&mut candidates);
        let Some(best) = candidates.first() else {
            finds.unsaid.push(Unsaid {
                what: format!("the package `{}`", display(package.folder)),
                file: first.file,
                line: first.line,
                why: "its scripts build, and start nothing".to_owned(),
            });
            return;
        };
        match &best.does {
            // The packages that it starts are found by themselves.
            Does::Others => {}
            Does::Several(commands) => self.several(package, &best.script, commands, found),
            Does::Runs(script) => {
                let Some(mut service) = self.service(package, &best.script, script, None) else {
                    return;
                };
                if let [first, other, ..] = &candidates[..]
                    && let Does::Runs(other_script) = &other.does
                    && are_alike(first, other, script, other_script)
                {
                    self.ask_script(package, &mut service, other, other_script);
                }
                found.push(service);
            }
        }
    }

    /// `dev:web` and `dev:api`, with no `dev` that starts both.
    fn parts_of_dev(&self, package: &Package<'_>, found: &mut Vec<Found>) {
        for name in package.scripts.keys() {
            let Some(part) = name.strip_prefix("dev:").or(name.strip_prefix("start:")) else {
                continue;
            };
            if let Does::Runs(script) = script::read(&package.scripts, name)
                && !tool::only_builds(&script.words)
                && (tool::of(&script.words).is_some() || tool::runs_source(&script.words))
            {
                found.extend(self.service(package, name, &script, Some(part)));
            }
        }
    }

    /// What one script starts at the same time.
    fn several(
        &self,
        package: &Package<'_>,
        starter: &str,
        commands: &[String],
        found: &mut Vec<Found>,
    ) {
        for command in commands {
            if let Some(name) = command.strip_prefix("npm run ")
                && package.scripts.contains_key(name)
            {
                let Does::Runs(script) = script::read(&package.scripts, name) else {
                    continue;
                };
                let part = name.rsplit(':').next().unwrap_or(name);
                let part = if SCRIPTS.contains(&part) {
                    name.split(':').next().unwrap_or(part)
                } else {
                    part
                };
                found.extend(self.service(package, name, &script, Some(part)));
                continue;
            }
            // A command of its own: what it starts elsewhere is found there.
            let alone = BTreeMap::from([(starter.to_owned(), command.clone())]);
            let Does::Runs(script) = script::read(&alone, starter) else {
                continue;
            };
            found.extend(self.direct(package, starter, &script));
        }
    }

    /// A command that stands in a script beside others.
    fn direct(&self, package: &Package<'_>, starter: &str, script: &Script) -> Option<Found> {
        let first = script::program(script.words.first()?).to_owned();
        let mut found = self.service(package, starter, script, Some(&first))?;
        let (manager, _, _) = manager(self.listing, &self.packages, package.folder);
        let is_installed = matches!(
            first.as_str(),
            "node" | "npm" | "pnpm" | "yarn" | "bun" | "deno"
        );
        let mut words: Vec<String> = if is_installed {
            vec![first.clone()]
        } else {
            manager.exec(&first)
        };
        words.extend(script.words[1..].iter().map(|word| plain(word)));
        let tool = tool::of(&script.words);
        if let Some(tool) = tool
            && !tool::names_port(&script.words, tool.options)
        {
            words.extend(tool.arguments.iter().map(|word| (*word).to_owned()));
        }
        let because = package.script_says(starter, format!("`{starter}` runs {first}"));
        found.service.name = match found.service.kind {
            Kind::Frontend => "web".to_owned(),
            Kind::Backend => "server".to_owned(),
            _ => first,
        };
        for (name, value) in &script.variables {
            let said = Said::new(plain(value), because.clone());
            found.service.env.push((name.clone(), said));
        }
        found.service.command = Some(Said::new(CommandLine::Words(words), because.clone()));
        found.service.because = because;
        Some(found)
    }

    /// The service that a script is. None if it is nothing that stays.
    fn service(
        &self,
        package: &Package<'_>,
        name: &str,
        script: &Script,
        part: Option<&str>,
    ) -> Option<Found> {
        let tool = tool::of(&script.words);
        let variables = variables::of_folder(self.listing, package.folder);
        let server = source::framework(package);
        let runs_source = tool::runs_source(&script.words);
        let is_command_line = package.string("bin").is_some() && server.is_none();
        if tool.is_none() && runs_source && is_command_line {
            return None;
        }
        let mut found = Found {
            root: package.folder.to_owned(),
            framework: tool.map(|tool| tool.framework).or(server),
            ..Found::default()
        };
        let (manager, _, other) = manager(self.listing, &self.packages, package.folder);
        let runs = shown(&script.words, tool);
        let because = package.script_says(name, format!("`{name}` runs {runs}"));
        let service = &mut found.service;
        service.because = because.clone();
        if !package.folder.is_empty() {
            service.directory = Some(Said::new(plain(package.folder), because.clone()));
        }
        let arguments = tool.map(|tool| arguments(tool, script)).unwrap_or_default();
        let command = manager.run(name, &arguments);
        service.command = Some(Said::new(CommandLine::Words(command), because));
        self.port(package, name, script, tool, &variables, &mut found);
        let has_port = found.service.port.is_some();
        let service = &mut found.service;
        service.kind = match tool {
            Some(tool) if tool.is_frontend => Kind::Frontend,
            None if !has_port && server.is_none() => Kind::Worker,
            _ => Kind::Backend,
        };
        service.name = wished_name(package, service.kind, part);
        if service.kind != Kind::Frontend {
            self.env_file(package, script, manager, service);
        }
        if let Some((other, why)) = other {
            let choice = other.run(name, &arguments);
            found
                .asks
                .push(ask_manager(&found.service, manager, other, &why, choice));
        }
        Some(found)
    }

    /// Where it listens, and whether it can be told to listen somewhere else.
    fn port(
        &self,
        package: &Package<'_>,
        name: &str,
        script: &Script,
        tool: Option<&Tool>,
        variables: &BTreeMap<String, Variable>,
        found: &mut Found,
    ) {
        let options = tool.map_or(&["--port", "-p"][..], |tool| tool.options);
        if let Some(port) = tool::port_in(&script.words, options) {
            found.service.port = Some(Said::new(port, package.script_says(name, "")));
            return;
        }
        let given = script
            .variables
            .iter()
            .rev()
            .find(|(name, _)| name == "PORT");
        if let Some(port) = given.and_then(|(_, value)| value.parse().ok()) {
            found.service.port = Some(Said::new(port, package.script_says(name, "")));
            return;
        }
        let names_port = tool::names_port(&script.words, options);
        found.reads_port = tool.is_some_and(|tool| tool.reads_port) || names_port;
        if let Some(tool) = tool.filter(|tool| tool.is_frontend) {
            let settings = port::in_settings(self.listing, package.folder, tool.framework);
            let reads_file = matches!(tool.framework, "react-scripts" | "nuxt");
            let in_file = variables.get("PORT").filter(|_| reads_file || names_port);
            let usual = || {
                let text = format!("the usual port of {}", tool.framework);
                Said::new(tool.port, Because::known(text))
            };
            let port = in_file.and_then(number).or(settings);
            found.service.port = Some(port.unwrap_or_else(usual));
            return;
        }
        let entries = source::entries(package, script);
        let in_source = port::in_sources(self.sources.of(package.folder, &entries));
        let Some(source) = in_source else {
            if let Some(tool) = tool {
                let because = Because::known(format!("the usual port of {}", tool.framework));
                let in_file = variables.get("PORT").filter(|_| tool.reads_port);
                let port = in_file.and_then(number);
                found.service.port = Some(port.unwrap_or_else(|| Said::new(tool.port, because)));
            }
            return;
        };
        let variable = source.variable.as_deref();
        let in_file = variable
            .and_then(|name| variables.get(name))
            .and_then(number);
        let usual = || {
            // With nothing else said, one that is usual; what it is told in `$PORT` counts.
            let because = Because::known("no port is said; `$PORT` says this one");
            (variable == Some("PORT")).then(|| Said::new(3000, because))
        };
        found.reads_port |= variable == Some("PORT");
        found.service.port = in_file.or(source.number).or_else(usual);
        if let Some(name) = variable.filter(|name| *name != "PORT")
            && let Some(port) = &found.service.port
        {
            let said = Said::new("{port}".to_owned(), port.because.clone());
            found.service.env.push((name.to_owned(), said));
        }
    }

    /// Node reads no `.env` by itself; many projects have a library that does.
    fn env_file(
        &self,
        package: &Package<'_>,
        script: &Script,
        manager: Manager,
        service: &mut DraftService,
    ) {
        const LOADERS: [&str; 8] = [
            "dotenv",
            "dotenv-cli",
            "dotenv-flow",
            "dotenv-safe",
            "@dotenvx/dotenvx",
            "@nestjs/config",
            "env-cmd",
            "@fastify/env",
        ];
        let file = join(package.folder, ".env");
        let by_option = script
            .words
            .iter()
            .any(|word| word.starts_with("--env-file"));
        let by_bun =
            manager == Manager::Bun || script.words.first().is_some_and(|word| word == "bun");
        let is_loaded = by_option || by_bun || LOADERS.iter().any(|name| package.has(name));
        let framework_loads = ["@strapi/strapi", "@adonisjs/core", "next", "nuxt"];
        let is_loaded = is_loaded || framework_loads.iter().any(|name| package.has(name));
        if self.listing.has(&file) && !is_loaded {
            let because = Because::file(file.clone(), "nothing else loads it");
            service.env_file.push(Said::new(plain(&file), because));
        }
    }

    fn ask_script(
        &self,
        package: &Package<'_>,
        found: &mut Found,
        other: &Candidate,
        script: &Script,
    ) {
        let Some(alternative) = self.service(package, &other.script, script, None) else {
            return;
        };
        let name = found.service.name.clone();
        let mut changes = Vec::new();
        if let Some(command) = alternative.service.command {
            changes.push(Change::Command {
                service: name.clone(),
                command,
            });
        }
        if let Some(port) = alternative.service.port {
            changes.push(Change::Port {
                service: name.clone(),
                port,
            });
        }
        let label = |because: &Because| because.text.clone();
        found.asks.push(Question {
            id: format!("script:{}", display(package.folder)),
            text: format!("Which script starts {name}?"),
            choices: vec![
                Choice {
                    label: label(&found.service.because),
                    likelihood: 50,
                    changes: Vec::new(),
                },
                Choice {
                    label: label(&alternative.service.because),
                    likelihood: 50,
                    changes,
                },
            ],
            default: 0,
        });
    }
}

/// The words that give a tool its port, if they reach it.
fn arguments(tool: &Tool, script: &Script) -> Vec<String> {
    if !script.takes_arguments {
        return Vec::new();
    }
    let has_port = tool::names_port(&script.words, tool.options);
    let has = |word: &str| script.words.iter().any(|it| it == word);
    let words = tool.arguments.iter().filter(|word| {
        let gives_port = **word != "--strictPort";
        !(gives_port && has_port || has(word))
    });
    words.map(|word| (*word).to_owned()).collect()
}

/// Two scripts of which neither is for development by its name, and that do the same kind of thing.
fn are_alike(first: &Candidate, other: &Candidate, one: &Script, two: &Script) -> bool {
    let plain = ["serve", "start"];
    plain.contains(&first.script.as_str())
        && plain.contains(&other.script.as_str())
        && one.words != two.words
        && tool::of(&one.words).is_some() == tool::of(&two.words).is_some()
}

/// A server of the project's own is started by `start` rather than by `serve`.
fn prefer_start(candidates: &mut [Candidate]) {
    let is_own = |candidate: &Candidate| matches!(&candidate.does, Does::Runs(script) if tool::of(&script.words).is_none());
    if let [first, second, ..] = candidates
        && first.script == "serve"
        && is_own(first)
        && is_own(second)
    {
        std::mem::swap(first, second);
    }
}

fn ask_manager(
    service: &DraftService,
    manager: Manager,
    other: Manager,
    why: &Because,
    command: Vec<String>,
) -> Question {
    let place = why.file.as_deref().map_or("", folder);
    let command = Said::new(CommandLine::Words(command), service.because.clone());
    Question {
        id: format!("manager:{}", display(place)),
        text: "Two lock files: which package manager runs the scripts?".to_owned(),
        choices: vec![
            Choice {
                label: manager.name().to_owned(),
                likelihood: 50,
                changes: Vec::new(),
            },
            Choice {
                label: other.name().to_owned(),
                likelihood: 50,
                changes: vec![Change::Command {
                    service: service.name.clone(),
                    command,
                }],
            },
        ],
        default: 0,
    }
}

/// What a person would call it: the folder, or, at the top, what it is.
fn wished_name(package: &Package<'_>, kind: Kind, part: Option<&str>) -> String {
    if let Some(part) = part {
        return part.to_owned();
    }
    let own = file_name(package.folder);
    let says_nothing = ["", "src", "app", "packages", "apps"].contains(&own);
    match kind {
        _ if !says_nothing => own.to_owned(),
        _ if !package.folder.is_empty() => package.short_name().unwrap_or(own).to_owned(),
        Kind::Frontend => "web".to_owned(),
        Kind::Backend => "server".to_owned(),
        _ => package.short_name().unwrap_or("app").to_owned(),
    }
}

fn number(variable: &Variable) -> Option<Said<u16>> {
    let port = variable.value.parse().ok().filter(|port| *port > 0)?;
    let because = Because::line(
        &variable.file,
        variable.line,
        format!("`{}`", variable.name),
    );
    Some(Said::new(port, because))
}

/// What runs, in a few words.
fn shown(words: &[String], tool: Option<&Tool>) -> String {
    const WIDEST: usize = 40;
    if let Some(tool) = tool {
        let program = script::program(&words[0]);
        return match tool.framework {
            "react-scripts" => "Create React App".to_owned(),
            "@angular/cli" => "Angular".to_owned(),
            _ => program.to_owned(),
        };
    }
    let line = mask(&words.join(" ")).into_owned();
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A folder as it is shown: `.` is the top.
fn display(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}

/// The folders of packages, for what has to know them.
fn folders<'a>(packages: &BTreeMap<&'a str, Package<'a>>) -> BTreeSet<&'a str> {
    packages.keys().copied().collect()
}
