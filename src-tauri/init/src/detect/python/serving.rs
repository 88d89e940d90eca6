//! The calls that serve a Python application, and their ports.

use std::sync::LazyLock;

use regex::Regex;

use super::framework::Framework;
use crate::{
    detect::{
        line_at,
        port::Port,
        source::{arguments, keyword, literal, pattern, port_in, split_arguments},
    },
    draft::Origin,
};

static RUN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(uvicorn\.run|hypercorn\.run|web\.run_app|ui\.run|\w+\.launch|\w+\.run|\w+\.run_server|\w+\.add_insecure_port)\(",
    )
});
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?:environ(?:\.get\(|\[)|getenv\(|\benv(?:\.int)?\(|config\()[ \t\n]*["'](\w+)["']"#)
});

/// Returns the port of the first call that serves such an application.
pub(super) fn run_port(file: &str, code: &str, framework: Framework) -> Option<Port> {
    let mut runs = runs(file, code).into_iter();
    runs.find(|run| run.serves(framework))?.port
}

/// A call that serves.
#[derive(Debug)]
pub(super) struct Run {
    function: String,
    /// The first argument, or the object whose method is called.
    pub(super) target: Option<String>,
    pub(super) port: Option<Port>,
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

pub(super) fn runs(file: &str, code: &str) -> Vec<Run> {
    RUN.captures_iter(code)
        .take(16)
        .filter_map(|found| {
            let (_, [function]) = found.extract();
            let whole = found.get_match();
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
            let line = line_at(code, whole.start());
            let port = said.and_then(|said| port_of(file, code, said, line));
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
fn port_of(file: &str, code: &str, expression: &str, line: usize) -> Option<Port> {
    let is_literal = port_in(expression).is_some();
    let name = last_name(expression);
    let (value, line) = if is_literal {
        (expression, line)
    } else {
        assigned(code, name)?
    };
    let mut port = Port::new(port_in(value)?, Origin::line(file, line, "sets the port"));
    // A field of pydantic's settings is filled from the variable with its name.
    let is_setting = expression.contains("settings") || expression.contains("config");
    let field = (is_setting && !is_literal).then(|| name.to_ascii_uppercase());
    let variable = VARIABLE.captures(value).map(|found| found[1].to_owned());
    port.variable = variable.or(field);
    Some(port)
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
