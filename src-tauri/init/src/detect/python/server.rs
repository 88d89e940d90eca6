//! Commands that run a Python server, in scripts, Makefiles, Dockerfiles and READMEs: the best hint of how the project's
//! developers start it.

use crate::{
    detect::{
        has_word, is_in,
        source::{has_extension, port_in},
    },
    import::{base_name, joined, value_of},
};

/// The programs that a command hands the application to; `python` is `python main.py` and `python -m package`.
const PROGRAMS: &str =
    "uvicorn hypercorn daphne granian gunicorn fastapi flask streamlit celery manage.py python";

/// A command that runs a server, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::detect) struct ServerCommand {
    /// One of [`PROGRAMS`].
    pub(in crate::detect) program: &'static str,
    /// What it runs: `package.main:app`, `app.py`.
    pub(in crate::detect) target: Option<String>,
    pub(in crate::detect) port: Option<u16>,
    /// The variable with the port, where the file does not set it.
    pub(in crate::detect) port_variable: Option<String>,
    /// It restarts when a file changes.
    pub(in crate::detect) reload: bool,
    /// The target is a function that makes the application.
    pub(in crate::detect) factory: bool,
    /// `cd DIRECTORY &&` before it, or `--app-dir`.
    pub(in crate::detect) directory: Option<String>,
    /// Of Celery: `worker`, `beat`, …
    pub(in crate::detect) part: Option<String>,
    /// The line of its file, from 1.
    pub(in crate::detect) line: usize,
}

/// The longest line, in bytes, that is read.
const LINE_LIMIT: usize = 4096;
/// The commands of one file that are read.
const COMMAND_LIMIT: usize = 64;

/// Finds the server commands of a file of any form. Reads each line by itself, continued lines as one.
pub(in crate::detect) fn commands_in(text: &str) -> Vec<ServerCommand> {
    let lines = joined(text).into_iter().filter(|(_, line)| {
        line.len() <= LINE_LIMIT && PROGRAMS.split(' ').any(|name| line.contains(name))
    });
    let found = lines.flat_map(|(number, line)| commands_of_line(&line, number));
    let found = found.map(|mut command| {
        let variable = command.port_variable.as_deref();
        if let Some(port) = variable.and_then(|name| set_in(text, name)) {
            (command.port, command.port_variable) = (Some(port), None);
        }
        command
    });
    found.take(COMMAND_LIMIT).collect()
}

fn commands_of_line(line: &str, number: usize) -> Vec<ServerCommand> {
    let mut directory = None;
    let words = tokens(line);
    let commands = words.split(|word| has_word("&& || ; | &", word));
    let found = commands.filter_map(|words| {
        if let [.., cd, to] = words
            && cd == "cd"
        {
            directory = Some(to.trim_end_matches('/').to_owned());
            return None;
        }
        let mut command = parse(words)?;
        command.line = number;
        command.directory = command.directory.or_else(|| directory.clone());
        Some(command)
    });
    found.collect()
}

/// Splits a line into words and the ends of commands, without the quotes, brackets and commas around them. A value within
/// a word keeps its own (`--bind=0.0.0.0:80`). Deliberately forgiving: the words are only matched, never run.
fn tokens(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for raw in line.split_whitespace() {
        let around = |c: char| matches!(c, '"' | '\'' | '`' | '[' | ']' | ',' | '(' | ')' | '\\');
        // `["uvicorn","app:app"]` without blanks is a list all the same.
        for part in raw.split(['"', ',']) {
            let mut part = part.trim_matches(around);
            let ended = part.ends_with(';');
            part = part.trim_end_matches(';').trim_start_matches('@');
            if !part.is_empty() {
                words.push(part.to_owned());
            }
            if ended {
                words.push(";".to_owned());
            }
        }
    }
    words
}

/// Parses the words of a command, if it runs a known server.
pub(in crate::detect) fn parse(words: &[String]) -> Option<ServerCommand> {
    let mut programs = words.iter().map(|word| program(word)).enumerate();
    let (at, program) = programs.find_map(|(at, program)| Some((at, program?)))?;
    // `pip install uvicorn`, `poetry add fastapi`: these mention a server and start none.
    let mut before = words[..at].iter();
    if before.any(|word| has_word("install add sync update remove which #", word)) {
        return None;
    }
    let rest = &words[at + 1..];
    let mut command = ServerCommand {
        program,
        ..ServerCommand::default()
    };
    match program {
        "python" => parse_python(rest, command),
        "celery" => {
            let mut parts = rest.iter();
            let part = parts.find(|word| has_word("worker beat flower", word))?;
            command.part = Some(part.clone());
            command.read_options(rest);
            Some(command)
        }
        "flask" => {
            command.read_options(rest);
            rest.iter().any(|word| word == "run").then_some(command)
        }
        "streamlit" | "fastapi" => {
            let (verb, rest) = rest.split_first()?;
            command.reload = verb == "dev";
            command.read_options(rest);
            has_word("run dev", verb).then_some(command)
        }
        "manage.py" => {
            let (verb, rest) = rest.split_first()?;
            command.target = Some(words[at].clone());
            command.port = rest.iter().find_map(|word| port_in(word));
            (verb == "runserver").then_some(command)
        }
        _ => {
            command.read_options(rest);
            command.target.is_some().then_some(command)
        }
    }
}

fn parse_python(rest: &[String], mut command: ServerCommand) -> Option<ServerCommand> {
    match rest {
        [option, name, ..] if option == "-m" => {
            if program(name).is_some() {
                return parse(&rest[1..]);
            }
            command.target = Some(format!("-m {name}"));
            (!has_word("pip venv pytest http.server", name)).then_some(command)
        }
        [file, ..] if file.ends_with("manage.py") => parse(rest),
        [file, ..] if has_extension(file, "py") => {
            command.read_options(&rest[1..]);
            command.target = Some(file.clone());
            Some(command)
        }
        _ => None,
    }
}

fn program(word: &str) -> Option<&'static str> {
    let name = match base_name(word) {
        "python3" | "py" => "python",
        name => name,
    };
    PROGRAMS.split(' ').find(|program| *program == name)
}

impl ServerCommand {
    fn read_options(&mut self, words: &[String]) {
        let has = |names: &str| words.iter().any(|word| has_word(names, word));
        let value = |names: &str| names.split(' ').find_map(|name| value_of(words, name));
        self.reload |= has("--reload --debug --autoreload");
        self.factory = has("--factory");
        self.directory = value("--app-dir --chdir");
        if let Some(port) = value("--port -p --server.port --bind -b") {
            self.port = port_in(&port);
            self.port_variable = variable_in(&port).filter(|_| self.port.is_none());
        }
        let mut rest = words.iter();
        let mut next = || loop {
            let word = rest.next()?;
            if is_in("server_options", word) {
                rest.next();
            } else if !word.starts_with('-') && is_target(word) {
                return Some(word.clone());
            }
        };
        self.target = value("--app -A").or_else(&mut next);
    }
}

fn is_target(word: &str) -> bool {
    let target = word.split_once(':').map_or(word, |(module, _)| module);
    word.contains(':') && !target.is_empty() && is_module(target) && !word.contains("//")
        || has_extension(word, "py")
}

fn is_module(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !part.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Returns `PORT` of `$PORT`, `${PORT}` and `$(PORT)`.
fn variable_in(word: &str) -> Option<String> {
    let (_, name) = word.split_once('$')?;
    let name = name.trim_start_matches(['{', '(']);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = &name[..end.unwrap_or(name.len())];
    (!name.is_empty()).then(|| name.to_owned())
}

/// Returns the port that a script or a Makefile gives to a variable: `PORT="${PORT:-8080}"`, `PORT ?= 8080`.
fn set_in(text: &str, name: &str) -> Option<u16> {
    text.lines().find_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let rest = line.strip_prefix(name)?.trim_start();
        port_in(rest.trim_start_matches(['?', ':']).strip_prefix('=')?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> ServerCommand {
        let mut commands = commands_in(text);
        assert_eq!(commands.len(), 1, "{commands:#?}");
        commands.remove(0)
    }

    #[test]
    fn a_uvicorn_command_says_target_port_and_reload() {
        let command = only("dev:\n\tuvicorn app.main:app --reload --host 0.0.0.0 --port 8010\n");
        assert_eq!(command.program, "uvicorn");
        assert_eq!(command.target.as_deref(), Some("app.main:app"));
        assert_eq!(command.port, Some(8010));
        assert!(command.reload);
        assert_eq!(command.line, 2);
    }

    #[test]
    fn a_list_of_a_dockerfile_is_a_command() {
        let command = only(
            r#"CMD ["gunicorn","-k","uvicorn.workers.UvicornWorker","-b","0.0.0.0:9000","shop.asgi:application"]"#,
        );
        assert_eq!(command.program, "gunicorn");
        assert_eq!(command.target.as_deref(), Some("shop.asgi:application"));
        assert_eq!(command.port, Some(9000));
    }

    #[test]
    fn a_script_in_json_names_its_folder() {
        let command =
            only(r#"    "backend": "cd backend && poetry run uvicorn main:app --port=8001","#);
        assert_eq!(command.directory.as_deref(), Some("backend"));
        assert_eq!(command.target.as_deref(), Some("main:app"));
        assert_eq!(command.port, Some(8001));
    }

    #[test]
    fn a_continued_line_is_one_command() {
        let command = only(
            "exec python -m uvicorn \\\n  --factory app.web:make \\\n  --port ${PORT:-8080}\n",
        );
        assert!(command.factory);
        assert_eq!(command.target.as_deref(), Some("app.web:make"));
        assert_eq!(command.port, Some(8080));
    }

    #[test]
    fn the_variable_of_a_script_is_looked_up_in_it() {
        let text = "PORT=\"${PORT:-8080}\"\nuvicorn open_webui.main:app --port $PORT --host 0.0.0.0 --reload\n";
        assert_eq!(only(text).port, Some(8080));
        let text = "PORT ?= 9000\nserve:\n\tuvicorn a:b --port $(PORT)\n";
        assert_eq!(only(text).port, Some(9000));
        let unknown = only("uvicorn a:b --port $PORT");
        assert_eq!(
            (unknown.port, unknown.port_variable.as_deref()),
            (None, Some("PORT"))
        );
    }

    #[test]
    fn celery_says_which_part() {
        let commands = commands_in(
            "worker: celery -A proj.tasks worker -l info\nbeat: celery --app=proj beat\n",
        );
        let parts: Vec<_> = commands
            .iter()
            .map(|c| (c.target.as_deref(), c.part.as_deref()))
            .collect();
        assert_eq!(
            parts,
            [
                (Some("proj.tasks"), Some("worker")),
                (Some("proj"), Some("beat"))
            ]
        );
    }

    #[test]
    fn an_installation_starts_nothing() {
        assert_eq!(
            commands_in(
                "pip install uvicorn fastapi\nuv add flask run\nFastAPI with uvicorn is nice\n"
            ),
            []
        );
    }

    #[test]
    fn django_and_flask_are_read() {
        let command = only("python manage.py runserver 0.0.0.0:8123");
        assert_eq!((command.program, command.port), ("manage.py", Some(8123)));
        let command = only("flask --app shop run --debug -p 5001");
        assert_eq!(command.target.as_deref(), Some("shop"));
        assert_eq!((command.port, command.reload), (Some(5001), true));
        let command = only("streamlit run ui/app.py --server.port 8600");
        assert_eq!(
            (command.target.as_deref(), command.port),
            (Some("ui/app.py"), Some(8600))
        );
    }
}
