//! Lines of shells, batch files and PowerShell, and recipes of make, just, Task and mise.
//!
//! Deliberately lenient: a line is only searched for known programs, never run.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    identity::{base_name, is_known},
    source_file::resolve,
    tree::{Node, toml, yaml},
};
use crate::detect::{Listing, has_word, is_in, join, pattern};

/// A command in a line, and its working folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) folder: String,
    pub(super) words: Vec<String>,
    /// The variables set for it.
    pub(super) env: Vec<(String, String)>,
}

/// A word, or the end of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A word in quotes.
    Quoted(String),
    End,
    Background,
    Open,
    Close,
}

/// Returns the commands in a line that start a known program. `here` is the folder of this line, and afterwards the
/// folder of the next line.
pub(super) fn commands(line: &str, here: &mut String) -> Vec<Command> {
    let line = line.trim();
    let lower = line.to_ascii_lowercase();
    if ["#", "//", "::", "rem ", "echo ", "@echo", "write-host"]
        .iter()
        .any(|start| lower.starts_with(start))
    {
        return Vec::new();
    }
    // PowerShell reads what the program prints: `$names = @(& $python -m shop.names)`
    let is_read = lower.starts_with('$')
        && lower
            .split_once('=')
            .is_some_and(|(name, _)| !name.trim().contains(' '));
    if is_read && !lower.contains("start-process") {
        return Vec::new();
    }
    let line = ["$ ", "> ", "PS> ", "@", "- "]
        .iter()
        .find_map(|prompt| line.strip_prefix(prompt))
        .unwrap_or(line)
        .replace("$(MAKE)", "make");
    let mut found = Vec::new();
    let before = here.clone();
    let mut outer = Vec::new();
    let mut words: Vec<Token> = Vec::new();
    for token in tokens(&line).into_iter().chain([Token::End]) {
        match token {
            Token::Word(_) | Token::Quoted(_) => words.push(token),
            Token::Open => outer.push(here.clone()),
            Token::End | Token::Background | Token::Close => {
                let moved = finish(&words, here, &mut found);
                if token == Token::Background && !moved {
                    here.clone_from(&before);
                }
                words.clear();
                if token == Token::Close
                    && let Some(folder) = outer.pop()
                {
                    *here = folder;
                }
            }
        }
    }
    found
}

/// Adds one command. Returns whether it only changes the folder.
fn finish(tokens: &[Token], here: &mut String, found: &mut Vec<Command>) -> bool {
    let text = |token: &Token| match token {
        Token::Word(text) | Token::Quoted(text) => text.clone(),
        _ => String::new(),
    };
    let words: Vec<String> = tokens.iter().map(text).collect();
    let Some(first) = words.first() else {
        return false;
    };
    let first = first.to_ascii_lowercase();
    if has_word("cd chdir pushd set-location sl", &first) {
        let to = words[1..]
            .iter()
            .find(|it| !it.eq_ignore_ascii_case("/d") && !it.starts_with('-'));
        if let Some(to) = to {
            *here = moved(here, to);
        }
        return true;
    }
    let mut env = Vec::new();
    let mut folder = here.clone();
    let mut is_launched = false;
    let runs_several = words.iter().any(|word| word == "concurrently");
    let mut rest = tokens.iter().enumerate();
    while let Some((at, token)) = rest.next() {
        let word = text(token);
        let lower = word.to_ascii_lowercase();
        if matches!(token, Token::Quoted(_)) && word.contains(' ') && !runs_several {
            // A command line in quotes: `cmd /k "cd backend && python main.py"`.
            let inner = commands(&word, &mut folder.clone());
            if !inner.is_empty() {
                found.extend(inner);
                return false;
            }
        } else if lower == "-workingdirectory" || (is_launched && lower == "/d") {
            if let Some((_, to)) = rest.next() {
                folder = moved(here, &text(to));
            }
        } else if is_known(&word) || is_python(&word) {
            let name = if is_python(&word) && !is_known(&word) {
                "python".to_owned()
            } else {
                word
            };
            let mut words = vec![name];
            words.extend(arguments(&tokens[at + 1..], runs_several, &mut folder));
            found.push(Command { folder, words, env });
            return false;
        } else if is_in("launchers", &lower) {
            is_launched = true;
        } else if let Some((name, value)) = word.split_once('=')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            env.push((name.to_owned(), value.to_owned()));
        } else if !(is_launched || word.starts_with('-')) {
            return false;
        }
    }
    false
}

/// `"$PYTHON"`, `%PYTHON%`, `${VENV_PYTHON}`
fn is_python(word: &str) -> bool {
    word.contains(['$', '%']) && word.to_ascii_uppercase().contains("PYTHON")
}

/// Returns the arguments of a program.
fn arguments(tokens: &[Token], runs_several: bool, folder: &mut String) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = tokens.iter();
    let mut is_list = false;
    while let Some(token) = rest.next() {
        match token {
            Token::Word(word) if word.starts_with(['>', '<']) || word.starts_with("2>") => break,
            Token::Word(word) if word.eq_ignore_ascii_case("-argumentlist") => is_list = true,
            Token::Word(word) if word.eq_ignore_ascii_case("-workingdirectory") => {
                if let Some(Token::Word(to) | Token::Quoted(to)) = rest.next() {
                    *folder = moved(folder, to);
                }
            }
            Token::Word(word)
                if has_word(
                    "-nonewwindow -passthru -windowstyle -noexit",
                    &word.to_ascii_lowercase(),
                ) => {}
            Token::Quoted(word) if is_list && !runs_several => {
                words.extend(word.split_whitespace().map(str::to_owned));
            }
            Token::Word(word) | Token::Quoted(word) => words.push(word.clone()),
            _ => {}
        }
    }
    words
}

/// The folders and texts that a start script gives names to.
#[derive(Default)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// Reads the assignment of a plain value: `$api = "services\api"`, `set API=services\api`, `API="services/api"`,
    /// `$api = Join-Path $PSScriptRoot "services\api"`.
    pub(super) fn read(&mut self, line: &str) {
        static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r#"^\s*(?:\$|(?i:set)\s+"?|export\s+|local\s+)?(\w+)\s*=\s*(?:\(?Join-Path\s+(\$\w+)\s+)?("[^"$()`]*"|'[^'()`]*'|"\$PSScriptRoot[^"$()`]*"|[\w./\\%~:-]+)[\s")]*$"#,
            )
        });
        let Some(found) = ASSIGNMENT.captures(line) else {
            return;
        };
        let value = found[3].trim_matches(['"', '\'']);
        let value = match found.get(2) {
            Some(folder) => format!("{}/{value}", folder.as_str()),
            None => value.to_owned(),
        };
        self.0.retain(|(name, _)| *name != found[1]);
        self.0.push((found[1].to_owned(), value));
        // `$api2` before `$api`
        self.0
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    }

    /// Returns a line with the values in place of their names.
    pub(super) fn fill(&self, line: &str) -> String {
        let is_set = line.trim_start().trim_start_matches('$');
        let mut filled = line.to_owned();
        for (name, value) in &self.0 {
            let is_own = is_set
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.trim_start().starts_with('='));
            if !is_own {
                for written in [
                    format!("${{{name}}}"),
                    format!("${name}"),
                    format!("%{name}%"),
                ] {
                    filled = filled.replace(&written, value);
                }
            }
        }
        filled
    }
}

/// Returns the folder after `cd`. A path that starts with a variable is relative to the script's folder.
fn moved(here: &str, to: &str) -> String {
    let to = to.replace('\\', "/");
    let mut rest = to.as_str();
    let mut from = here;
    for start in "%CD%|$PWD|$(pwd)".split('|') {
        if let Some(after) = rest.strip_prefix(start) {
            rest = after.trim_start_matches('/');
        }
    }
    for start in "$PSScriptRoot|%~dp0|$(dirname $0)".split('|') {
        if let Some(after) = rest.strip_prefix(start) {
            (rest, from) = (after.trim_start_matches('/'), "");
        }
    }
    if let Some((_, after)) = rest.strip_prefix('%').and_then(|rest| rest.split_once('%')) {
        (rest, from) = (after.trim_start_matches('/'), "");
    } else if rest.starts_with('$') {
        rest = rest.split_once('/').map_or("", |(_, after)| after);
        from = "";
    }
    if rest.starts_with(['/', '~']) {
        return here.to_owned();
    }
    resolve(from, rest).unwrap_or_default()
}

fn tokens(line: &str) -> Vec<Token> {
    /// A string, `$(dirname "$0")`, a redirection, the end of a command, blanks, or a character.
    static PIECE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?s)"(?:\\"|[^"])*"?|'[^']*'?|`[^`]*`?|\$\((?:[^()]|\([^()]*\))*\)?|>&|&>|&&|\|\||;;|\s+|."#,
        )
    });
    let mut tokens = Vec::new();
    let mut word = String::new();
    let (mut is_quoted, mut was_string) = (false, false);
    let pieces = PIECE.find_iter(line).map(|piece| piece.as_str());
    for piece in pieces.chain([" "]) {
        let end = match piece {
            "&" => Some(Token::Background),
            "&&" | "|" | "||" | ";" | ";;" => Some(Token::End),
            "(" if word.is_empty() => Some(Token::Open),
            ")" => Some(Token::Close),
            "#" if word.is_empty() => break,
            _ => None,
        };
        let is_string = piece.starts_with(['"', '\'', '`']);
        let is_blank = piece.starts_with(char::is_whitespace) || (piece == "," && was_string);
        if is_string {
            // Quotes within a word, as in `--x="a b"`, belong to it.
            is_quoted = word.is_empty();
            let (quote, inner) = piece.split_at(1);
            let inner = inner.strip_suffix(quote).unwrap_or(inner);
            word.push_str(&inner.replace("\\\"", "\""));
        } else if is_blank || end.is_some() {
            let text = std::mem::take(&mut word);
            if is_quoted {
                tokens.push(Token::Quoted(text));
            } else if !text.is_empty() {
                tokens.push(Token::Word(text));
            }
            is_quoted = false;
            tokens.extend(end);
        } else {
            word.push_str(piece);
        }
        was_string = is_string;
    }
    tokens
}

/// Returns the lines of a text with their numbers, and joins those that end in `\`, `^` or a backtick.
pub(crate) fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (at, line) in text.lines().enumerate() {
        let is_fence = line.trim_start().starts_with("```");
        // PowerShell's backtick follows a blank; after a word, it ends code in Markdown.
        let end = line.trim_end();
        let goes_on = !is_fence && (end.ends_with(['\\', '^']) || end.ends_with(" `"));
        let own = if goes_on {
            line.trim_end().trim_end_matches(['\\', '^', '`'])
        } else {
            line
        };
        match lines.last_mut().filter(|_| is_open && !is_fence) {
            Some((_, last)) if last.len() < 4096 => last.extend([" ", own.trim()]),
            _ => lines.push((at + 1, own.to_owned())),
        }
        is_open = goes_on;
    }
    lines
}

/// The recipe files of each task runner.
const RECIPES: [(&str, &[&str]); 4] = [
    ("make", &["Makefile", "makefile", "GNUmakefile"]),
    ("just", &["justfile", "Justfile", ".justfile"]),
    ("task", &["Taskfile.yml", "Taskfile.yaml", "taskfile.yml"]),
    ("mise", &["mise.toml", ".mise.toml"]),
];

/// A target of a recipe file.
pub(super) struct Target {
    pub(super) runner: &'static str,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) name: String,
    /// The targets that run first.
    needs: Vec<String>,
    lines: Vec<String>,
}

/// Returns the targets of the recipe files in a folder.
pub(super) fn targets(folder: &str, listing: &Listing) -> Vec<Target> {
    let mut found = Vec::new();
    for (runner, names) in RECIPES {
        let file = names
            .iter()
            .map(|name| join(folder, name))
            .find(|file| listing.text(file).is_some());
        let Some(file) = file else { continue };
        let text = listing.text(&file).unwrap_or_default();
        found.extend(match runner {
            "make" | "just" => rules(runner, &file, text),
            "task" => yaml(text).map_or_else(|_| Vec::new(), |tree| tasks(runner, &file, &tree)),
            _ => toml(text).map_or_else(|_| Vec::new(), |tree| tasks(runner, &file, &tree)),
        });
    }
    found
}

/// Parses the rules of make and just: a name, a colon, and indented lines.
fn rules(runner: &'static str, file: &str, text: &str) -> Vec<Target> {
    let mut found: Vec<Target> = Vec::new();
    for (number, line) in joined(text) {
        let is_inner = line.starts_with(['\t', ' ']);
        if is_inner {
            if let Some(target) = found.last_mut() {
                let line = line.trim().trim_start_matches(['@', '-']);
                target.lines.push(line.to_owned());
            }
            continue;
        }
        let Some((head, needs)) = line.split_once(':').filter(|(head, after)| {
            !after.starts_with('=') && !head.contains('=') && !head.starts_with(['#', '.', '['])
        }) else {
            continue;
        };
        let name = head
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_start_matches('@');
        found.push(Target {
            runner,
            file: file.to_owned(),
            line: number,
            name: name.to_owned(),
            needs: needs.split_whitespace().map(str::to_owned).collect(),
            lines: Vec::new(),
        });
    }
    found
}

/// Reads the tasks of Task and mise.
fn tasks(runner: &'static str, file: &str, tree: &Node) -> Vec<Target> {
    let tasks = tree.get("tasks").map_or(&[][..], Node::table);
    let found = tasks.iter().map(|(key, node)| {
        let commands = node
            .get("cmds")
            .or(node.get("run"))
            .or(node.get("cmd"))
            .unwrap_or(node);
        let folder = node.get("dir").and_then(Node::scalar);
        let text = |command: &Node| {
            let line = command.get("cmd").unwrap_or(command).scalar();
            // `task: other`
            line.or_else(|| Some(format!("{runner} {}", command.get("task")?.scalar()?)))
        };
        let lines = commands.one_or_more().iter().filter_map(text);
        let lines = lines.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        let needs = node
            .get("deps")
            .or(node.get("depends"))
            .map_or(&[][..], Node::one_or_more);
        Target {
            runner,
            file: file.to_owned(),
            line: key.line,
            name: key.name.clone(),
            needs: needs
                .iter()
                .filter_map(|it| it.get("task").unwrap_or(it).scalar())
                .collect(),
            lines: folder
                .map(|folder| format!("cd {folder}"))
                .into_iter()
                .chain(lines)
                .collect(),
        }
    });
    found.collect()
}

/// Returns the lines that a command like `make -C api dev` runs, each with its `cd`.
pub(super) fn recipe(words: &[String], folder: &str, listing: &Listing) -> Vec<String> {
    let runner = base_name(&words[0]);
    let mut here = folder.to_owned();
    let mut wanted = Vec::new();
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-C" | "--directory" | "-d" | "--dir" => {
                here = rest.next().map(|to| moved(&here, to)).unwrap_or_default();
            }
            "run" | "r" => {}
            option if option.starts_with('-') || option.contains('=') => {}
            target => wanted.push(target.to_owned()),
        }
    }
    let all: Vec<Target> = targets(&here, listing)
        .into_iter()
        .filter(|it| it.runner == runner)
        .collect();
    if wanted.is_empty() {
        wanted.extend(all.first().map(|target| target.name.clone()));
    }
    let prefix = match here.strip_prefix(folder).map(|rest| rest.trim_matches('/')) {
        Some("") | None => String::new(),
        Some(rest) => format!("cd {rest} && "),
    };
    let mut lines = Vec::new();
    for name in wanted {
        let Some(target) = all.iter().find(|target| target.name == name) else {
            continue;
        };
        lines.extend(
            target
                .needs
                .iter()
                .map(|need| format!("{prefix}{runner} {need}")),
        );
        if matches!(runner, "make" | "just") {
            lines.extend(target.lines.iter().map(|line| format!("{prefix}{line}")));
        } else {
            // A task of these runners is one script.
            lines.push(format!("{prefix}{}", target.lines.join("; ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        let mut here = String::new();
        let commands = commands(line, &mut here);
        let shown = commands
            .iter()
            .map(|it| format!("{}> {}", it.folder, it.words.join(" ")));
        shown.collect()
    }

    #[test]
    fn names_of_folders_in_start_scripts_are_followed() {
        let mut variables = Variables::default();
        for line in [
            r#"$backendPath = "services\api""#,
            r#"set "WEB=apps\web""#,
            r#"ADMIN_DIR="$PSScriptRoot/admin""#,
            r#"$panel = Join-Path $PSScriptRoot "panel""#,
            "$names = @(& python -m names)",
        ] {
            variables.read(line);
        }
        for (line, expected) in [
            ("Set-Location $backendPath", r"Set-Location services\api"),
            (r"cd /d %WEB%", r"cd /d apps\web"),
            ("cd ${ADMIN_DIR}", "cd $PSScriptRoot/admin"),
            ("cd $panel", "cd $PSScriptRoot/panel"),
            ("cd $names", "cd $names"),
        ] {
            assert_eq!(variables.fill(line), expected);
        }
    }

    #[test]
    fn commands_are_found_in_every_way_that_scripts_start_them() {
        for (line, expected) in [
            (
                "cd backend && uv run fastapi dev",
                "backend> uv run fastapi dev",
            ),
            ("(cd web && npm run dev) &", "web> npm run dev"),
            (
                r#"start "Backend" cmd /k "cd backend && venv\Scripts\activate && python main.py""#,
                "backend> python main.py",
            ),
            (
                r#"Start-Process powershell -ArgumentList "-NoExit", "-Command", "cd $PSScriptRoot\web; npm run dev""#,
                "web> npm run dev",
            ),
            (
                r#"Start-Process -FilePath "python" -ArgumentList "-m uvicorn main:app --port 8001" -WorkingDirectory "api""#,
                "api> python -m uvicorn main:app --port 8001",
            ),
            ("nohup node server.js > log 2>&1 &", "> node server.js"),
            (r#""$PYTHON" run.py"#, "> python run.py"),
            ("$ npm start", "> npm start"),
        ] {
            assert_eq!(shown(line), [expected], "{line}");
        }
        for line in [
            "pip install uvicorn",
            "echo npm run dev",
            "# npm run dev",
            "git clone x && cd y",
        ] {
            assert_eq!(shown(line), [""; 0], "{line}");
        }
    }
}
