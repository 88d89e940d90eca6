//! Parses a command line for a shell, and separates the parts that have keys of their own in a stack file: the
//! folder, the variables, the port.

use std::sync::LazyLock;

use regex::Regex;

use super::source_file::resolve;
use crate::{
    detect::{pattern, port_of},
    draft::{CommandLine, DraftService, Origin, plain},
};

/// The parts of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// In the notation of a stack file.
    pub(super) command: CommandLine,
    /// The folder after `cd`, relative to the project.
    pub(super) directory: Option<String>,
    /// The variables that it sets, not escaped.
    pub(super) env: Vec<(String, String)>,
    /// The port, which is `{port}` in the command.
    pub(super) port: Option<u16>,
    /// Whether it uses the variable `PORT`, which is `{port}` in the command.
    pub(super) takes_port: bool,
}

impl Line {
    /// Sets the command, the folder, the port and the variables of a service.
    pub(super) fn apply(self, service: &mut DraftService, because: &Origin) {
        service.command = Some(because.says(self.command));
        if service.directory.as_ref().map(|said| &said.value) != self.directory.as_ref() {
            service.directory = self.directory.map(|folder| because.says(folder));
        }
        if let Some(port) = self.port {
            service.port = Some(because.says(port));
        }
        for (name, value) in self.env {
            service.env.retain(|(other, _)| *other != name);
            service.env.push((name, because.says(plain(&value))));
        }
    }
}

/// Characters that only a shell can interpret.
const SHELL: [char; 18] = [
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '*', '?', '[', '#', '~', '!', '\n', '\\', '=',
];

/// Parses a line for a shell that runs in `folder`.
pub(super) fn line(text: &str, folder: Option<&str>) -> Line {
    let mut rest = text.trim();
    let mut directory = folder.map(str::to_owned);
    if let Some((folder, after)) = change_of_folder(rest) {
        directory = resolve(directory.as_deref().unwrap_or(""), folder);
        rest = after;
    }
    let mut env = Vec::new();
    loop {
        let after = rest.strip_prefix("exec ").or(rest.strip_prefix("env "));
        if let Some(after) = after {
            rest = after.trim_start();
        } else if let Some((name, value, after)) = assignment(rest) {
            env.push((name.to_owned(), value.to_owned()));
            rest = after;
        } else {
            break;
        }
    }
    let (rest, mut port) = with_port_variable(rest);
    let takes_port = rest.contains(PORT);
    if let Some(at) = env.iter().position(|(name, _)| name == "PORT") {
        // Every service gets its port in `PORT`.
        if let Ok(number) = env[at].1.parse() {
            port = Some(number);
            env.remove(at);
        }
    }
    let words = shell_words::split(&rest).ok();
    let is_plain = !rest.contains(|it| SHELL.contains(&it) && it != '=');
    let command = match words {
        Some(words) if is_plain && !words.is_empty() => {
            let (command, named) = self::words(&words);
            port = port.or(named);
            command
        }
        _ => CommandLine::Shell(plain(&rest).replace(PORT, "{port}")),
    };
    Line {
        command,
        directory,
        env,
        port,
        takes_port,
    }
}

/// A placeholder for the port until braces are escaped.
const PORT: &str = "\u{1}";

/// Replaces `$PORT`, `${PORT}` and `${PORT:-3000}` by a placeholder. Returns the default port, too.
fn with_port_variable(text: &str) -> (String, Option<u16>) {
    static VARIABLE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\$(?:PORT\b|\{PORT(?:[:-]+([^}]*))?\})"));
    let mut variables = VARIABLE.captures_iter(text);
    let port = variables.find_map(|found| found.get(1)?.as_str().parse().ok());
    (VARIABLE.replace_all(text, PORT).into_owned(), port)
}

/// `cd FOLDER && …`
fn change_of_folder(text: &str) -> Option<(&str, &str)> {
    let (folder, rest) = text.strip_prefix("cd ")?.split_once("&&")?;
    let folder = folder.trim().trim_matches(['"', '\'']);
    let is_path = !folder.is_empty() && !folder.contains(|it| SHELL.contains(&it) || it == ' ');
    (is_path && !folder.starts_with('-')).then(|| (folder, rest.trim_start()))
}

/// Splits off `NAME=VALUE` if the value needs no shell.
fn assignment(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|it: char| it.is_ascii_digit())
        && name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_');
    let (value, rest) = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split_once(quote)?,
        _ => rest.split_once(char::is_whitespace)?,
    };
    let is_plain = is_name && !value.contains(['$', '`', '\\', '"', '\'']);
    (is_plain && !rest.trim().is_empty()).then(|| (name, value, rest.trim_start()))
}

/// Options before a port, in any program.
const PORT_OPTIONS: [&str; 4] = ["--port", "--server.port", "--http-port", "--listen-port"];
/// Programs in which `-p` precedes a port.
const SHORT_PORT: &str = "rails puma next ng flask serve http-server redis-server thin hugo";
/// Options before an address that ends in a port.
const ADDRESS_OPTIONS: [&str; 5] = ["--bind", "-b", "--addrport", "--listen", "-S"];

/// Returns the command of a program with its arguments, with `{port}` in place of the port among them.
pub(super) fn words(words: &[String]) -> (CommandLine, Option<u16>) {
    let mut port = None;
    let names = |name: &str| words.iter().take(6).any(|word| word.ends_with(name));
    let short = SHORT_PORT.split(' ').any(names);
    let mut before = String::new();
    let mut written = Vec::with_capacity(words.len());
    for word in words {
        let whole = PORT_OPTIONS.contains(&&*before)
            || (before == "-p" && short)
            || before == "http.server";
        let address = ADDRESS_OPTIONS.contains(&&*before) || before == "runserver";
        let mut with_port = None;
        if port.is_none() {
            if whole || before == "runserver" {
                with_port = port_of(word).map(|port| ("", port));
            }
            if address && with_port.is_none() {
                with_port = ending_in_port(word);
            }
            if let Some((option, value)) = word.split_once('=')
                && (PORT_OPTIONS.contains(&option) || ADDRESS_OPTIONS.contains(&option))
            {
                let start = &word[..=option.len()];
                with_port = match port_of(value) {
                    Some(port) => Some((start, port)),
                    None => ending_in_port(word),
                };
            }
        }
        written.push(match with_port {
            Some((start, number)) => {
                port = Some(number);
                format!("{}{{port}}", plain(start))
            }
            None => plain(word).replace(PORT, "{port}"),
        });
        before.clone_from(word);
    }
    (CommandLine::Words(written), port)
}

/// Splits `0.0.0.0:8000`.
fn ending_in_port(text: &str) -> Option<(&str, u16)> {
    let at = text.rfind(':')? + 1;
    Some((&text[..at], port_of(&text[at..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> String {
        match line(text, None).command {
            CommandLine::Shell(line) => format!("$ {line}"),
            other => other.shown(),
        }
    }

    #[test]
    fn folder_and_variables_are_separated_from_a_line() {
        let read = line(
            "cd ../web && NODE_ENV=development exec npm run dev",
            Some("api"),
        );
        assert_eq!(read.directory.as_deref(), Some("web"));
        assert_eq!(read.env, [("NODE_ENV".into(), "development".into())]);
        assert_eq!(read.command, CommandLine::words(["npm", "run", "dev"]));
        assert_eq!(line("cd .. && x", Some("api")).directory, None);
    }

    #[test]
    fn a_port_is_found_where_a_program_takes_it() {
        for (text, expected, port) in [
            (
                "uvicorn main:app --port 8001 --reload",
                "uvicorn main:app --port {port} --reload",
                Some(8001),
            ),
            (
                "gunicorn -b 0.0.0.0:8002 app:app",
                "gunicorn -b 0.0.0.0:{port} app:app",
                Some(8002),
            ),
            (
                "gunicorn --bind=:8002 app:app",
                "gunicorn --bind=:{port} app:app",
                Some(8002),
            ),
            (
                "python manage.py runserver 0.0.0.0:8003",
                "python manage.py runserver 0.0.0.0:{port}",
                Some(8003),
            ),
            (
                "python -m http.server 8004",
                "python -m http.server {port}",
                Some(8004),
            ),
            (
                "bin/rails s -p ${PORT:-3000}",
                "bin/rails s -p {port}",
                Some(3000),
            ),
            ("bin/rails s -p 3001", "bin/rails s -p {port}", Some(3001)),
            ("vite --port=5173", "vite --port={port}", Some(5173)),
            ("PORT=3002 node server.js", "node server.js", Some(3002)),
            ("docker run -p 80:80 x", "docker run -p 80:80 x", None),
            (
                "celery -A app worker -c 4",
                "celery -A app worker -c 4",
                None,
            ),
        ] {
            assert_eq!(
                (command(text).as_str(), line(text, None).port),
                (expected, port),
                "{text}"
            );
        }
    }

    #[test]
    fn a_line_that_needs_a_shell_stays_a_line() {
        assert_eq!(command("a | b ${X} $PORT"), "$ a | b ${{X}} {port}");
        assert_eq!(command("echo 'a b' \"c\""), "echo a b c");
        assert_eq!(command("A=$B c"), "$ A=$B c");
        assert_eq!(command("echo 'open"), "$ echo 'open");
        assert_eq!(command("cmd --format={x}"), "cmd --format={{x}}");
    }
}
