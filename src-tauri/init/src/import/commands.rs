//! Commands from recipes, start scripts, composer scripts, and the shell blocks of instructions. Each program is a
//! service unless another source has it.

use super::{
    Tool,
    identity::{self, Program},
    lines,
    source_file::SourceFile,
};
use crate::{
    detect::{Listing, file_name, folder, has_word, is_in, is_instruction, join},
    draft::{DraftService, Kind, Origin, plain},
};

/// The maximum number of instruction files.
const MOST_FILES: usize = 24;

pub(super) fn is_other(name: &str) -> bool {
    words_of(name).any(|word| is_in("not_development", &word) || is_in("steps", &word))
}

/// Whether a heading is that of a section about something else than development.
fn is_other_section(heading: &str) -> bool {
    words_of(heading).any(|word| is_in("not_development", &word) && !is_in("steps", &word))
}

fn words_of(name: &str) -> impl Iterator<Item = String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.map(str::to_ascii_lowercase)
}

fn starts(name: &str) -> bool {
    !is_other(name) && words_of(name).any(|word| is_in("starts", &word))
}

/// Returns the files with such commands, those made for development first.
pub(super) fn read(listing: &Listing) -> Vec<SourceFile> {
    let mut files = composer(listing);
    files.extend(recipes(listing));
    files.extend(scripts(listing));
    files.extend(instructions(listing));
    files.retain(|file| !file.services.is_empty());
    files
}

/// The `dev` script of composer.json.
fn composer(listing: &Listing) -> Vec<SourceFile> {
    let files = listing.named("composer.json").filter_map(|path| {
        let text = listing.text(path)?;
        let mut file = SourceFile::new(Tool::Composer, path);
        let words = ["composer", "run", "dev"].map(str::to_owned);
        let line = crate::detect::line_with(text, "\"dev\"").unwrap_or(1);
        let because = file.because(line, "the script `dev`");
        let found = identity::of_words(&words, folder(path), listing, 0);
        // A script that starts one program adds nothing to that program.
        if found.len() > 1 {
            add(&mut file, found, &[], &because, None);
        }
        Some(file)
    });
    files.collect()
}

/// Returns the targets that start programs.
fn recipes(listing: &Listing) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> = Vec::new();
    for target in lines::targets("", listing) {
        if !starts(&target.name) {
            continue;
        }
        if files.last().is_none_or(|file| file.file != target.file) {
            files.push(SourceFile::new(Tool::Recipes, &target.file));
        }
        let Some(file) = files.last_mut() else {
            continue;
        };
        let verb = (target.runner == "mise").then_some("run");
        let words = [Some(target.runner), verb, Some(&target.name)];
        let words: Vec<String> = words.into_iter().flatten().map(str::to_owned).collect();
        let found = identity::of_words(&words, "", listing, 0);
        let because = file.because(target.line, format!("the target `{}`", target.name));
        let name = part(&target.name);
        add(file, found, &[], &because, name.as_deref());
    }
    files
}

/// `backend` of `dev-backend`
fn part(name: &str) -> Option<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let starts = "dev develop run start serve launch up";
    let mut words = words.filter(|word| !word.is_empty() && !has_word(starts, word));
    words.next().map(str::to_owned)
}

/// `start_all.ps1`, `start.bat`, `dev.sh`
fn scripts(listing: &Listing) -> Vec<SourceFile> {
    let paths = listing.paths().filter(|path| {
        let (stem, end) = file_name(path)
            .rsplit_once('.')
            .unwrap_or((file_name(path), ""));
        let at = folder(path);
        matches!(end, "sh" | "bash" | "ps1" | "bat" | "cmd")
            && (["", "scripts", "script", "bin", "tools", "dev"].contains(&at) || !at.contains('/'))
            && starts(stem)
    });
    let files = paths.filter_map(|path| {
        let mut file = SourceFile::new(Tool::StartScript, path);
        // A script in a folder of scripts usually runs in the project's folder.
        let is_aside = ["scripts", "script", "bin", "tools"].contains(&folder(path));
        let mut here = if is_aside {
            String::new()
        } else {
            folder(path).to_owned()
        };
        let mut variables = lines::Variables::default();
        for (number, line) in lines::joined(listing.text(path)?) {
            let line = variables.fill(&line);
            variables.read(&line);
            let commands = lines::commands(&line, &mut here).into_iter();
            let exists = |command: &lines::Command| {
                command.folder.is_empty() || listing.has_folder(&command.folder)
            };
            for command in commands.filter(exists) {
                let found = identity::of_words(&command.words, &command.folder, listing, 0);
                let found = found.into_iter().filter(|it| begins(it, listing)).collect();
                let because = file.because(number, "the script starts it");
                add(&mut file, found, &command.env, &because, None);
            }
        }
        Some(file)
    });
    files.collect()
}

/// Returns whether the entry file of a program exists in the project.
pub(super) fn begins(program: &Program, listing: &Listing) -> bool {
    // The entries of a Rust program and of a Celery worker are names.
    let is_name = has_word("rust celery-worker", &program.class);
    let Some(entry) = program.entry.as_ref().filter(|_| !is_name) else {
        return true;
    };
    let endings = ".py .js .ts .mjs .cjs .mts .tsx .go .rb /__init__.py /__main__.py /main.go /index.js /index.ts";
    let mut endings = endings.split(' ');
    listing.has(entry)
        || endings.any(|end| listing.has(&format!("{entry}{end}")))
        || listing.has_folder(entry)
}

/// Returns the shell blocks of README, CONTRIBUTING and other instructions for developers.
fn instructions(listing: &Listing) -> Vec<SourceFile> {
    let mut paths: Vec<&str> = listing
        .paths()
        .filter(|path| is_instruction(path))
        .collect();
    paths.sort_by_key(|path| (path.matches('/').count(), *path));
    let files = paths.into_iter().take(MOST_FILES).filter_map(|path| {
        let mut file = SourceFile::new(Tool::Instructions, path);
        in_blocks(&mut file, listing, listing.text(path)?);
        Some(file)
    });
    files.collect()
}

fn in_blocks(file: &mut SourceFile, listing: &Listing, text: &str) {
    // Those in `docs` are about the project.
    let is_of_docs = file.file.starts_with("docs/");
    let at = if is_of_docs { "" } else { folder(&file.file) }.to_owned();
    let mut here = at.clone();
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut block: Option<bool> = None;
    for (number, line) in lines::joined(text) {
        let trimmed = line.trim();
        let fence = ["```", "~~~"]
            .iter()
            .find_map(|fence| trimmed.strip_prefix(fence));
        if let Some(language) = fence {
            block = match block {
                Some(_) => None,
                None => Some(is_shell(language)),
            };
            continue;
        }
        match block {
            Some(true) if !headings.iter().any(|(_, text)| is_other_section(text)) => {
                in_line(file, listing, &line, number, &at, &mut here);
            }
            Some(_) => {}
            None => {
                let depth = trimmed.bytes().take_while(|byte| *byte == b'#').count();
                if depth > 0 {
                    headings.retain(|(other, _)| *other < depth);
                    headings.push((depth, trimmed.to_owned()));
                }
                // A new terminal starts in the project's folder.
                if depth > 0 || trimmed.to_ascii_lowercase().contains("terminal") {
                    here.clone_from(&at);
                }
            }
        }
    }
}

fn is_shell(language: &str) -> bool {
    let language = language.split(|c: char| !c.is_ascii_alphanumeric()).next();
    let language = language.unwrap_or_default().to_ascii_lowercase();
    let shells = "sh bash shell console zsh fish powershell ps1 pwsh bat cmd batch terminal text";
    language.is_empty() || has_word(shells, &language)
}

fn in_line(
    file: &mut SourceFile,
    listing: &Listing,
    line: &str,
    number: usize,
    at: &str,
    here: &mut String,
) {
    // `# Terminal 2` starts in the project's folder as well.
    if line.trim_start().starts_with('#') && line.to_ascii_lowercase().contains("terminal") {
        at.clone_into(here);
        return;
    }
    let before = here.clone();
    let commands = lines::commands(line, here);
    if !here.is_empty() && !listing.has_folder(here) {
        // The folder of the clone, or a folder relative to the project.
        let name = here.rsplit('/').next().unwrap_or_default();
        let from_project = join(at, name);
        *here = if listing.has_folder(&from_project) {
            from_project
        } else {
            before
        };
    }
    for command in commands {
        // `pnpm db:seed` exits by itself.
        let mut names = command
            .words
            .iter()
            .take(4)
            .filter(|word| !word.contains(['/', '.']));
        let is_help = |word: &String| has_word("--help --version", word);
        if names.any(|word| is_other(word)) || command.words.iter().any(is_help) {
            continue;
        }
        let mut folder = if command.folder.is_empty() || listing.has_folder(&command.folder) {
            command.folder
        } else {
            here.clone()
        };
        // Instructions for Django often leave out the folder.
        let manage = command
            .words
            .iter()
            .find(|word| word.ends_with("manage.py"));
        if manage.is_some_and(|file| !listing.has(&join(&folder, file.trim_start_matches("./")))) {
            let mut files = listing.named("manage.py");
            if let (Some(only), None) = (files.next(), files.next()) {
                crate::detect::folder(only).clone_into(&mut folder);
            }
        }
        let found = identity::of_words(&command.words, &folder, listing, 0);
        let is_own = |program: &Program| {
            let mut parts = program
                .entry
                .iter()
                .flat_map(|entry| entry.split(['/', '-', '_']));
            // Instructions describe every command of a project; the ones that run beside the server are started with it.
            let is_command =
                program.class.starts_with("django-") && program.class != "django-worker";
            begins(program, listing)
                && !program.is_production
                && program.kind != Kind::Store
                && (!is_command || line.contains("runserver"))
                // Servers in Rust are found in the source; other programs are tools.
                && program.class != "rust"
                && !parts.any(|part| has_word("migrate migrations seed seeder cli test", part))
                && (program.class != "python" || stays(program, listing))
        };
        let found = found.into_iter().filter(is_own).collect();
        let because = file.because(number, "the instructions start it");
        add(file, found, &command.env, &because, None);
    }
}

/// Returns whether a Python program keeps running: it loops, polls or serves.
fn stays(program: &Program, listing: &Listing) -> bool {
    let text = program
        .entry
        .as_ref()
        .and_then(|entry| listing.text(&format!("{entry}.py")));
    text.is_some_and(|text| identity::has_any("stays", text))
}

/// Adds a service for each new program.
fn add(
    file: &mut SourceFile,
    programs: Vec<Program>,
    env: &[(String, String)],
    because: &Origin,
    name: Option<&str>,
) {
    let name = name.filter(|_| programs.len() == 1);
    for program in programs {
        let same = |other: &Program| {
            let (one, other) = (std::slice::from_ref(other), std::slice::from_ref(&program));
            identity::same(one, other).is_some()
        };
        if program.class.starts_with("store-") || file.programs.iter().any(same) {
            continue;
        }
        let wish = name.map_or_else(|| wished_name(&program), str::to_owned);
        let mut service = DraftService::new(wish, program.kind, because.clone());
        program.start(&mut service, because);
        for (name, value) in env {
            match value.parse() {
                Ok(port) if name == "PORT" => service.port = Some(because.says(port)),
                _ => service.env.push((name.clone(), because.says(plain(value)))),
            }
        }
        file.programs.push(program);
        file.services.push(service);
    }
}

/// Returns a name for a program: its folder, its role or its file.
pub(super) fn wished_name(program: &Program) -> String {
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let stem = program.entry.as_deref().map(last).unwrap_or_default();
    if let Some(name) = &program.service {
        // `worker-mail` of a Celery worker for one queue.
        let is_part = !stem.is_empty() && !stem.contains(',');
        return if is_part {
            format!("{name}-{stem}")
        } else {
            name.clone()
        };
    }
    let says_nothing = "run main app index server start wsgi asgi __main__";
    if program.kind == Kind::Worker && !stem.is_empty() && !has_word(says_nothing, &stem) {
        return stem;
    }
    match (last(&program.folder).as_str(), program.kind) {
        ("" | "src" | "app", Kind::Frontend) => "web".to_owned(),
        ("" | "src" | "app", Kind::Worker) => "worker".to_owned(),
        ("" | "src" | "app", _) => "backend".to_owned(),
        (name, _) => name.to_owned(),
    }
}
