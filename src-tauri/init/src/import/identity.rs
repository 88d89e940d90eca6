//! Follows package scripts, make targets and runners to the program that a command starts, so that two pieces of
//! evidence about one program become one service.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::{lines, scripts, source_file::resolve};
use crate::{
    detect::{Listing, folder as folder_of, has_word, is_in, join, package_name, tool_of},
    draft::{DraftService, Kind, Origin, plain, unescaped},
};

/// A long-running program, as a command starts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    /// Its kind, independent of the server that runs it: `python-web`, `vite`.
    pub(super) class: String,
    /// The name of its service, independent of its file.
    pub(super) service: Option<String>,
    pub(super) kind: Kind,
    /// Its working folder; `""` is the project.
    pub(super) folder: String,
    /// Its entry file, relative to the project and without extension.
    pub(super) entry: Option<String>,
    /// Whether the command is for production.
    pub(super) is_production: bool,
    /// Its default port.
    pub(super) port: Option<u16>,
    /// The port in its arguments.
    pub(super) said_port: Option<u16>,
    /// The command that starts only this program, and the folder to run it in.
    pub(super) words: Vec<String>,
    pub(super) directory: String,
}

impl Program {
    /// Has a service start this program: its command, its port and its folder.
    pub(super) fn start(&self, service: &mut DraftService, because: &Origin) {
        let (command, port) = super::command::words(&self.words);
        service.command = Some(because.says(command));
        service.port = port.map(|port| because.says(port));
        service.runs_in(&plain(&self.directory), because);
    }
}

/// The proof that two services run the same program. Only this module creates one, and parts of a service are
/// given to another only with one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Same(());

/// A row of `programs.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Known {
    names: Vec<String>,
    verbs: Option<Vec<String>>,
    class: String,
    service: Option<String>,
    kind: Kind,
    entry: bool,
    /// The options that name the entry.
    option: Vec<String>,
    /// Whether it is nothing without a file.
    needs_entry: bool,
    production: bool,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    words: BTreeMap<String, String>,
    runners: BTreeMap<String, String>,
    program: Vec<Known>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| super::table(include_str!("programs.toml")));

/// The maximum depth of scripts that call scripts.
const DEEPEST: usize = 6;

/// Returns whether a text contains a word of a list of `programs.toml`. A no-break space in the list matches a
/// space.
pub(super) fn has_any(list: &str, text: &str) -> bool {
    let mut words = TABLES.words[list].split(' ');
    words.any(|word| text.contains(&word.replace('\u{a0}', " ")))
}

/// Returns the name of a program without its path and extension.
pub(crate) fn base_name(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    [".exe", ".cmd", ".bat"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

/// Returns whether a word is a known program or runner.
pub(super) fn is_known(word: &str) -> bool {
    let name = base_name(word);
    let is_tool = |verb: &str| tool_of(&[name.to_owned(), verb.to_owned()]).is_some();
    let mut programs = TABLES.program.iter();
    is_in("managers", name)
        || is_in("task_runners", name)
        || TABLES.runners.contains_key(name)
        || name == "concurrently"
        || programs.any(|it| it.names.iter().any(|own| own == name))
        || ["dev", "start", "serve"].iter().any(|verb| is_tool(verb))
}

/// Returns the programs that a service starts.
pub(super) fn of_service(service: &DraftService, listing: &Listing) -> Vec<Program> {
    of_line(&unescaped(&service.shown()), service.folder(), listing, 0)
}

/// Returns the programs that a line for a shell starts in a folder.
pub(super) fn of_line(line: &str, folder: &str, listing: &Listing, depth: usize) -> Vec<Program> {
    let mut here = folder.to_owned();
    let commands = lines::commands(line, &mut here);
    let programs = commands
        .iter()
        .flat_map(|command| of_words(&command.words, &command.folder, listing, depth));
    programs.collect()
}

/// Returns the programs that a command starts; several if it runs a script that starts several.
pub(super) fn of_words(
    typed: &[String],
    folder: &str,
    listing: &Listing,
    depth: usize,
) -> Vec<Program> {
    let mut programs = followed(typed, folder, listing, depth);
    if let [only] = &mut programs[..] {
        only.words = typed.to_vec();
        folder.clone_into(&mut only.directory);
    }
    programs
}

fn followed(typed: &[String], folder: &str, listing: &Listing, depth: usize) -> Vec<Program> {
    let words = unwrapped(typed);
    let Some(first) = words.first() else {
        return Vec::new();
    };
    if depth > DEEPEST {
        return Vec::new();
    }
    let name = base_name(first);
    let of_lines = |lines: Vec<String>| {
        let programs = lines
            .iter()
            .flat_map(|line| of_line(line, folder, listing, depth + 1));
        programs.collect()
    };
    if name == "concurrently" {
        let (_, commands) = scripts::concurrent(&words[1..]);
        let lines = commands
            .into_iter()
            .map(|command| match scripts::short(&command) {
                Some(script) => format!("npm run {script}"),
                None => command,
            });
        return of_lines(lines.collect());
    }
    if is_in("managers", name)
        && let Some(found) = of_script(words, folder, listing, depth)
    {
        return found;
    }
    if is_in("task_runners", name) {
        return of_lines(lines::recipe(words, folder, listing));
    }
    known(words, folder, listing).into_iter().collect()
}

/// Strips runners, wrappers and assignments from a command.
pub(crate) fn unwrapped(words: &[String]) -> &[String] {
    let mut rest = words;
    while let [first, after @ ..] = rest {
        let name = base_name(first);
        let second = after.first().map_or("", String::as_str);
        let is_assignment = first
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && !name.contains(['-', '/', '.', '@']));
        let verbs = TABLES.runners.get(name).filter(|_| second != "-S");
        if verbs.is_some_and(|verbs| has_word(verbs, second)) {
            rest = without_options(&after[1..]);
        } else if is_in("managers", name)
            && (second == "concurrently" || TABLES.runners.get(second).is_some_and(|it| it == "-"))
        {
            // `yarn dotenv -- next dev`
            rest = after;
        } else if is_assignment || verbs.is_some_and(|verbs| verbs == "-") {
            rest = without_options(after);
        } else if matches!(name, "python" | "python3" | "py") && second == "-m" {
            rest = &after[1..];
            // A module of the project is not a program of its own.
            if rest.first().is_some_and(|module| !is_known(module)) {
                return &words[words.len() - rest.len() - 2..];
            }
        } else if matches!(name, "python" | "python3" | "py" | "ruby")
            && (second.ends_with("manage.py") || second.starts_with("bin/"))
        {
            rest = after;
        } else {
            break;
        }
    }
    rest
}

/// Strips the options of a runner.
fn without_options(words: &[String]) -> &[String] {
    if let Some(end) = words.iter().position(|word| word == "--")
        && words[..end].iter().all(|word| !is_known(word))
    {
        return &words[end + 1..];
    }
    let mut rest = words;
    while let [first, after @ ..] = rest {
        if !first.starts_with('-') {
            break;
        }
        let takes_value = is_in("runner_options", first);
        rest = if takes_value {
            after.get(1..).unwrap_or(&[])
        } else {
            after
        };
    }
    rest
}

/// Returns the programs that a package script starts.
fn of_script(
    words: &[String],
    folder: &str,
    listing: &Listing,
    depth: usize,
) -> Option<Vec<Program>> {
    let manager = base_name(&words[0]);
    let (folder, script) = script_of(words, folder, listing)?;
    // A step of another script: `yarn build && node dist/index.js`, `yarn install-local-ssl`.
    let first = script.split(['-', ':']).next().unwrap_or_default();
    if depth > 0 && has_word("build clean generate install lint migrate test", first) {
        return Some(Vec::new());
    }
    let manifest = if manager == "composer" {
        "composer.json"
    } else {
        "package.json"
    };
    let text = listing.text(&join(&folder, manifest))?;
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let found = json.get("scripts")?.get(&script)?;
    let lines: Vec<&str> = match found {
        serde_json::Value::String(line) => vec![line],
        serde_json::Value::Array(lines) => lines.iter().filter_map(|it| it.as_str()).collect(),
        _ => return None,
    };
    let programs = lines
        .iter()
        .flat_map(|line| of_line(line, &folder, listing, depth + 1));
    Some(programs.collect())
}

/// Returns the folder of the package and the name of the script that a command runs.
pub(super) fn script_of(
    words: &[String],
    folder: &str,
    listing: &Listing,
) -> Option<(String, String)> {
    let mut folder = folder.to_owned();
    let mut script = None;
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        match option {
            "--prefix" | "-C" | "--dir" | "--cwd" | "--working-dir" | "-d" => {
                let to = value.or_else(|| rest.next().cloned())?;
                folder = resolve(&folder, &to).unwrap_or_default();
            }
            "--filter" | "-F" | "-w" | "--workspace" | "workspace" => {
                let package = value.or_else(|| rest.next().cloned())?;
                folder = package_folder(&package, listing)?;
            }
            "--" => break,
            "run" | "run-script" | "exec" | "--if-present" | "--silent" | "-s" => {}
            _ if word.starts_with('-') => {}
            _ => {
                script.get_or_insert_with(|| word.clone());
            }
        }
    }
    Some((folder, script?))
}

/// Returns the folder of a package, by its name or path.
fn package_folder(package: &str, listing: &Listing) -> Option<String> {
    let package = package.trim_matches(['.', '{', '}', '/']);
    let quoted = format!("\"{package}\"");
    let mut files = listing.named("package.json");
    files.find_map(|file| {
        let folder = crate::detect::folder(file);
        let text = listing.text(file)?;
        let is_named = || text.contains(&quoted) && package_name(text).as_deref() == Some(package);
        let fits = folder == package || is_named();
        fits.then(|| folder.to_owned())
    })
}

/// Returns the program that a command starts, by the table.
fn known(words: &[String], folder: &str, listing: &Listing) -> Option<Program> {
    let name = base_name(&words[0]);
    let program = |class: &str, kind, entry, is_production, port| Program {
        class: class.to_owned(),
        service: None,
        kind,
        folder: folder.to_owned(),
        entry,
        is_production,
        port,
        said_port: super::command::words(words).1,
        words: words.to_vec(),
        directory: folder.to_owned(),
    };
    if let Some(tool) = tool_of(words) {
        let class = tool.framework.as_str();
        // `vite preview` and `next start` serve a build.
        let verb = words.get(1).map_or("", String::as_str);
        let is_built = has_word("preview start", verb) && has_word("vite next nuxt astro", class);
        // Nest applications are Node programs, whichever command serves them.
        let class = match class {
            "@nestjs/core" => "node",
            class => class,
        };
        return Some(program(class, tool.kind, None, is_built, Some(tool.port)));
    }
    let is_alone = words[1..].iter().all(|word| word.starts_with('-'));
    let has_verb = |verbs: &Vec<String>| {
        let is_end = |word: &String, verb: &String| {
            !verb.is_empty() && !is_alone && word.ends_with(&format!(":{verb}"))
        };
        let mut rest = words[1..].iter();
        (is_alone && verbs.iter().any(String::is_empty))
            || rest.any(|word| verbs.iter().any(|verb| verb == word || is_end(word, verb)))
    };
    let mut rows = TABLES.program.iter();
    let row = rows.find(|row| {
        row.names.iter().any(|own| own == name) && row.verbs.as_ref().is_none_or(has_verb)
    });
    let Some(row) = row else {
        // A management command of Django that keeps running.
        let verb = words.get(1).filter(|_| name == "manage.py")?;
        let end = format!("/management/commands/{verb}.py");
        let file = listing.under(folder).find(|path| path.ends_with(&end))?;
        let stays = has_any("stays", listing.text(file)?);
        return stays.then(|| Program {
            service: Some(verb.clone()),
            ..program(&format!("django-{verb}"), Kind::Worker, None, false, None)
        });
    };
    let option = row.option.iter().find_map(|name| value_of(words, name));
    let file = option.or_else(|| row.entry.then(|| entry(words)).flatten());
    if (row.needs_entry && file.is_none()) || is_for_others(&row.class, words, folder, listing) {
        return None;
    }
    let (mut class, mut kind) = (row.class.as_str(), row.kind);
    let mut entry = file.as_deref().map(|file| from_project(folder, file));
    let mut is_production = row.production;
    match class {
        // A package of Go is a folder: `go run main.go` is `go run .`.
        "go" => {
            if let Some(file) = file.as_deref().filter(|file| has_source_ending(file)) {
                entry = Some(from_project(folder, &join(folder_of(file), ".")));
            }
        }
        // So is a project of .NET, wherever the command runs.
        "dotnet" => {
            let folder = dotnet_folder(file.as_deref(), folder);
            return listing.has_folder(&folder).then(|| Program {
                folder,
                ..program(class, kind, None, is_production, row.port)
            });
        }
        "python" => {
            let path = file
                .as_deref()
                .map(|file| resolve(folder, file).unwrap_or_default());
            let text = path.and_then(|path| listing.text(&path));
            let text = text.unwrap_or_default();
            match crate::detect::uvicorn_module(text) {
                Some(module) => {
                    class = "python-web";
                    entry = Some(from_project(folder, &module));
                }
                None if has_any("serves", text) => class = "python-web",
                None => kind = Kind::Worker,
            }
        }
        "node" => {
            let mut folders = file.iter().flat_map(|file| file.split('/'));
            is_production = folders.any(|folder| is_in("built", folder));
        }
        _ => {}
    }
    let marks = "production prod --prod --production";
    is_production |= words.iter().any(|word| has_word(marks, word));
    // Django has one application, whichever module serves it.
    if class == "python-web" && listing.has(&join(folder, "manage.py")) {
        entry = None;
    }
    Some(Program {
        service: row.service.clone(),
        ..program(class, kind, entry, is_production, row.port)
    })
}

/// Returns whether a command starts a mobile application, or shows a folder without a page of its own: documentation, or
/// a build.
fn is_for_others(class: &str, words: &[String], folder: &str, listing: &Listing) -> bool {
    let has_end = |word: &String| {
        let mut ends = ["-android", "-ios", "-maccatalyst"].iter();
        ends.any(|end| word.ends_with(end))
    };
    match class {
        "dotnet" => words.iter().any(has_end),
        "page" => !listing.has(&join(folder, "index.html")),
        _ => false,
    }
}

/// Returns the folder of a project of .NET, which an option names by its folder or its file.
fn dotnet_folder(project: Option<&str>, folder: &str) -> String {
    let project = project.map_or(".", |project| {
        if project.ends_with("proj") {
            folder_of(project)
        } else {
            project
        }
    });
    resolve(folder, project).unwrap_or_default()
}

/// Returns the value of an option: `--project src/Api`, `--project=src/Api`.
pub(crate) fn value_of(words: &[String], option: &str) -> Option<String> {
    let own = words.iter().take_while(|word| *word != "--");
    let mut own = own.skip_while(|word| word.split('=').next() != Some(option));
    match own.next()?.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => own.next().cloned(),
    }
}

/// Returns the file, module or package in the arguments.
fn entry(words: &[String]) -> Option<String> {
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-m" => return rest.next().cloned(),
            option if is_in("options", option) && !rest.as_slice().is_empty() => {
                let next = rest.as_slice().first().map_or("", String::as_str);
                let may_be_alone = matches!(option, "--watch" | "--inspect");
                if !(may_be_alone && has_source_ending(next)) {
                    rest.next();
                }
            }
            "run" | "dev" | "watch" | "serve" => {}
            option if option.starts_with('-') => {}
            word if word.contains('=') => {}
            word => return Some(word.to_owned()),
        }
    }
    None
}

/// Normalizes an entry for comparison: relative to the project, a module as a path, the source of built files, no
/// extension.
fn from_project(folder: &str, entry: &str) -> String {
    let (path, is_module) = match entry.split_once(':') {
        Some((module, _)) => (module, true),
        None => (
            entry,
            !entry.contains(['/', '\\']) && !has_source_ending(entry),
        ),
    };
    let path = if is_module {
        path.replace('.', "/")
    } else {
        path.replace('\\', "/")
    };
    let path = path.trim_start_matches("./");
    let path = match path.split_once('/') {
        Some((folder, rest)) if is_in("built", folder) => format!("src/{rest}"),
        _ => path.to_owned(),
    };
    let path = resolve(folder, &path).unwrap_or_default();
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    match path[name_at..].rfind('.') {
        Some(dot) if dot > 0 => path[..name_at + dot].to_owned(),
        _ => path,
    }
}

fn has_source_ending(file: &str) -> bool {
    file.rsplit_once('.')
        .is_some_and(|(_, end)| is_in("sources", end))
}

/// Returns the proof that two commands start the same program: one kind of program with one entry, or in one folder
/// if a command names no entry.
pub(super) fn same(one: &[Program], other: &[Program]) -> Option<Same> {
    // A command that starts several programs is none of them.
    let ([one], [other]) = (one, other) else {
        return None;
    };
    let is_place = match (&one.entry, &other.entry) {
        (Some(entry), Some(of_other)) => entry == of_other,
        // `fastapi dev` and `flask run` also find the application in a subfolder.
        (Some(_), None) if one.class.starts_with("python-") => {
            is_within(&one.folder, &other.folder)
        }
        (None, Some(_)) if one.class.starts_with("python-") => {
            is_within(&other.folder, &one.folder)
        }
        _ => one.folder == other.folder,
    };
    (one.class == other.class && is_place).then_some(Same(()))
}

fn is_within(inner: &str, outer: &str) -> bool {
    outer.is_empty() || inner == outer || inner.starts_with(&format!("{outer}/"))
}

/// Returns the proof that two services listen on the same port, and both or neither are stores.
pub(super) fn same_port(one: &DraftService, other: &DraftService) -> Option<Same> {
    let port = |service: &DraftService| service.port.as_ref().map(|said| said.value);
    let is_store = |service: &DraftService| service.kind == Kind::Store;
    let is_one = port(one).is_some() && port(one) == port(other);
    (is_one && is_store(one) == is_store(other)).then_some(Same(()))
}

/// Returns the proof that two services are stores of the same kind.
pub(super) fn same_store(one: &DraftService, other: &DraftService) -> Option<Same> {
    let shown = |service: &DraftService| {
        let parts = [&service.name, &service.because.text, &service.shown()];
        parts.map(|part| part.to_lowercase()).join(" ")
    };
    let program = |service: &DraftService| {
        let command = service.shown();
        let first = base_name(command.split_whitespace().next()?);
        let mut rows = TABLES.program.iter();
        let row = rows.find(|row| row.names.iter().any(|name| name == first))?;
        Some(row.kind)
    };
    let (shown_one, shown_other) = (shown(one), shown(other));
    let mut kinds = TABLES.words["stores"].split(' ');
    let kind = kinds.find(|kind| shown_other.contains(kind))?;
    let is_store = one.kind == Kind::Store || program(one) == Some(Kind::Store);
    (is_store && other.kind == Kind::Store && shown_one.contains(kind)).then_some(Same(()))
}

/// Returns the proof that a service runs in this folder.
pub(super) fn same_folder(one: &DraftService, folder: &str) -> Option<Same> {
    (one.folder() == folder).then_some(Same(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    fn listing() -> Listing {
        let mut listing = Listing::new("x", Host::default());
        for (path, text) in [
            (
                "package.json",
                r#"{"scripts":{"dev":"npm run web","web":"vite --port 3000"}}"#,
            ),
            (
                "apps/api/package.json",
                r#"{"name":"api","scripts":{"dev":"tsx watch src/index.ts"}}"#,
            ),
            ("Makefile", "up: deps\n\tcd api && npx tsx src/app.ts\n"),
            (
                "run.py",
                "import uvicorn\nuvicorn.run('app.main:app', port=1)\n",
            ),
        ] {
            listing.add(path, Some(text));
        }
        listing
    }

    fn shown(line: &str) -> String {
        let programs = of_line(line, "", &listing(), 0);
        let shown = programs.iter().map(|it| {
            format!(
                "{} {}:{}",
                it.class,
                it.folder,
                it.entry.as_deref().unwrap_or("-")
            )
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn commands_are_followed_to_the_program_that_stays() {
        for (line, expected) in [
            ("npm run dev", "vite :-"),
            ("pnpm --filter api dev", "node apps/api:apps/api/src/index"),
            (
                "cd apps/api && node dist/index.js",
                "node apps/api:apps/api/src/index",
            ),
            ("make up", "node api:api/src/app"),
            (
                "uv run uvicorn app.main:app --reload",
                "python-web :app/main",
            ),
            (
                ".venv/bin/python -m uvicorn app.main:app",
                "python-web :app/main",
            ),
            ("python run.py", "python-web :app/main"),
            ("bundle exec puma -C config/puma.rb", "ruby-web :-"),
            ("bin/rails server -p 3000", "ruby-web :-"),
            ("celery -A shop worker", "celery-worker :-"),
            ("php artisan serve", "php-web :-"),
            ("npm test", ""),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn a_worker_and_its_clock_are_two_programs() {
        let programs = |line: &str| of_line(line, "", &listing(), 0);
        assert!(
            same(
                &programs("celery -A a worker"),
                &programs("celery -A a beat")
            )
            .is_none()
        );
        assert!(
            same(
                &programs("python run.py"),
                &programs("uvicorn app.main:app")
            )
            .is_some()
        );
    }
}
