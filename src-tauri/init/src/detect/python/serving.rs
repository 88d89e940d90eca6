//! The calls that serve a Python application, and their ports.

use std::sync::LazyLock;

use regex::Regex;

use super::framework::Framework;
use crate::detect::{
    line_at,
    source::{arguments, keyword, literal, pattern, port_in, split_arguments},
};

static RUN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(uvicorn\.run|hypercorn\.run|web\.run_app|ui\.run|\w+\.launch|\w+\.run|\w+\.run_server|\w+\.add_insecure_port)\(",
    )
});
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?:environ(?:\.get\(|\[)|getenv\(|\benv(?:\.int)?\(|config\()[ \t\n]*["'](\w+)["']"#)
});

/// The port of an application in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourcePort {
    pub(super) number: u16,
    /// The environment variable that changes it.
    pub(super) variable: Option<String>,
    pub(super) line: usize,
}

/// Returns the port of the first call that serves such an application.
pub(super) fn run_port(code: &str, framework: Framework) -> Option<SourcePort> {
    runs(code)
        .into_iter()
        .find(|run| run.serves(framework))?
        .port
}

/// A call that serves.
#[derive(Debug)]
pub(super) struct Run {
    function: String,
    /// The first argument, or the object whose method is called.
    pub(super) target: Option<String>,
    pub(super) port: Option<SourcePort>,
    pub(super) port_name: Option<String>,
    pub(super) reload: bool,
}

impl Run {
    pub(super) fn serves(&self, framework: Framework) -> bool {
        match self.function.as_str() {
            "uvicorn.run" | "hypercorn.run" => {
                framework.is_asgi() || framework == Framework::Script
            }
            "web.run_app" => framework == Framework::Aiohttp,
            "ui.run" => framework == Framework::Nicegui,
            function if function.ends_with(".launch") => framework == Framework::Gradio,
            function if function.ends_with(".add_insecure_port") => framework == Framework::Grpc,
            _ => matches!(
                framework,
                Framework::Flask | Framework::Dash | Framework::Quart
            ),
        }
    }
}

pub(super) fn runs(code: &str) -> Vec<Run> {
    RUN.captures_iter(code)
        .take(16)
        .filter_map(|found| {
            let whole = found.get(0)?;
            let function = found.get(1)?.as_str();
            if function == "asyncio.run" || function == "subprocess.run" {
                return None;
            }
            let inside = arguments(code, whole.end() - 1);
            let first = split_arguments(inside).first().copied();
            let target = match function.split_once('.') {
                Some(("uvicorn" | "hypercorn", _)) => first.map(|first| {
                    let named = literal(first).unwrap_or(first);
                    named.rsplit(':').next().unwrap_or(named).to_owned()
                }),
                Some((object, "run" | "run_server")) => Some(object.to_owned()),
                _ => None,
            };
            let said = keyword(inside, "port")
                .or_else(|| keyword(inside, "server_port"))
                .or_else(|| function.ends_with("insecure_port").then_some(inside));
            let port = said.and_then(|said| port_of(code, said, line_at(code, whole.start())));
            let port_name = said.map(last_name).filter(|_| port.is_none());
            Some(Run {
                function: function.to_owned(),
                target,
                port,
                port_name: port_name.map(str::to_owned),
                reload: ["reload", "debug"]
                    .iter()
                    .any(|name| keyword(inside, name) == Some("True")),
            })
        })
        .collect()
}

/// Returns the port of an expression: a literal, the default of a variable, or a name with a value in the same file.
fn port_of(code: &str, expression: &str, line: usize) -> Option<SourcePort> {
    let variable = |text: &str| Some(VARIABLE.captures(text)?.get(1)?.as_str().to_owned());
    if let Some(number) = port_in(expression) {
        let variable = variable(expression);
        return Some(SourcePort {
            number,
            variable,
            line,
        });
    }
    let name = last_name(expression);
    let (value, line) = assigned(code, name)?;
    let number = port_in(value)?;
    let variable = variable(value).or_else(|| {
        // A field of pydantic's settings is filled from the variable with its name.
        (expression.contains("settings") || expression.contains("config"))
            .then(|| name.to_ascii_uppercase())
    });
    Some(SourcePort {
        number,
        variable,
        line,
    })
}

/// Returns `PORT` of `int(settings.PORT)`.
fn last_name(expression: &str) -> &str {
    let last = expression.rsplit(['.', '(']).next().unwrap_or(expression);
    last.trim_end_matches(')').trim()
}

/// Returns the value of a name, and the line: `PORT: int = 8000`.
pub(super) fn assigned<'a>(code: &'a str, name: &str) -> Option<(&'a str, usize)> {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    code.lines().enumerate().find_map(|(index, line)| {
        let rest = line.trim_start().strip_prefix(name)?.trim_start();
        let value = match rest.strip_prefix(':') {
            Some(typed) => typed.split_once('=')?.1,
            None => rest
                .strip_prefix('=')
                .filter(|value| !value.starts_with('='))?,
        };
        Some((value.trim(), index + 1))
    })
}
