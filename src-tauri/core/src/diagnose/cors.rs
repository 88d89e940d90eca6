//! Wrong CORS settings, and the line to add.

use super::{
    check::{Failed, relative},
    holder::Candidate,
    probe::shown_body,
};
use crate::{
    diagnose::evidence::check::{CheckNote, CorsFault, CorsRule, Stage},
    model::finding::{Code, Described as _},
};

/// The words for the CORS settings of a framework.
struct Framework {
    /// The instruction, with the line to add.
    told: &'static str,
    origin: &'static str,
    credentials: &'static str,
    method: &'static str,
    header: &'static str,
    /// The separator of two values of a list.
    between: &'static str,
}

const STARLETTE: Framework = Framework {
    told: "add to the CORSMiddleware of {service}: `{line}`",
    origin: "allow_origins=[\"{value}\"]",
    credentials: "allow_credentials = True, allow_origins=[\"{value}\"]",
    method: "allow_methods=[\"{value}\"]",
    header: "allow_headers=[\"{value}\"]",
    between: "\", \"",
};

const EXPRESS: Framework = Framework {
    told: "add to `cors({…})` of {service}: `{line}`",
    origin: "origin: \"{value}\"",
    credentials: "credentials: true, origin: \"{value}\"",
    method: "methods: [\"{value}\"]",
    header: "allowedHeaders: [\"{value}\"]",
    between: "\", \"",
};

const UNKNOWN: Framework = Framework {
    told: "make {service} answer with `{line}`",
    origin: "Access-Control-Allow-Origin: {value}",
    credentials: "Access-Control-Allow-Credentials: true` and `Access-Control-Allow-Origin: {value}",
    method: "Access-Control-Allow-Methods: {value}",
    header: "Access-Control-Allow-Headers: {value}",
    between: ", ",
};

/// Returns the candidate for a wrong setting; `None` if the preflight got an error of the server.
pub(super) fn candidate(failed: Failed<'_>, fault: &CorsFault) -> Option<Candidate> {
    let check = failed.check;
    let origin = check.origin.as_deref().unwrap_or("the page");
    let what = relative(&check.target);
    let (code, title, remedy) = setting(failed, fault, origin, &what)?;
    let same_as = match code {
        Code::AuthRequired => "login".to_owned(),
        Code::CorsRedirect => what.clone(),
        _ => origin.to_owned(),
    };
    let came = match &fault.came {
        Some(line) => format!("received: `{line}`"),
        None => format!("no Access-Control header in the answer to {}", fault.stage),
    };
    let expected = fault.right.as_ref();
    let expected = expected.map(|line| format!("expected: `{line}`"));
    let candidate = failed
        .candidate(code, title)
        .same_as(same_as)
        .evidence([format!("{} ({}): {fault}; {came}", fault.url, fault.status)])
        .evidence(expected)
        .evidence(notes(failed))
        .evidence(shown_body(&fault.body).filter(|_| fault.status >= 400))
        .evidence([failed.command(fault.stage)])
        .remedy(remedy);
    Some(candidate)
}

/// Returns the wrong setting, and the line to add.
fn setting(
    failed: Failed<'_>,
    fault: &CorsFault,
    origin: &str,
    what: &str,
) -> Option<(Code, String, String)> {
    let name = &failed.answerer.spec.name;
    Some(match &fault.rule {
        CorsRule::Missing => (
            Code::CorsMissing,
            format!("{name} sends no CORS headers, so {origin} cannot read {what}"),
            allow(failed, |it| it.origin, origin),
        ),
        CorsRule::Origin { allowed } => {
            let instead = allowed.as_ref();
            let instead = instead.map_or_else(String::new, |allowed| format!(", only {allowed}"));
            (
                Code::CorsOrigin,
                format!("{name}'s CORS settings do not allow the origin {origin}{instead}"),
                allow(failed, |it| it.origin, origin),
            )
        }
        CorsRule::Credentials { wildcard } => (
            Code::CorsCredentials,
            if *wildcard {
                format!(
                    "{name}'s CORS settings allow every origin (`*`), which browsers ignore for \
                     requests with credentials (cookies)"
                )
            } else {
                format!("{name}'s CORS settings do not allow credentials (cookies)")
            },
            allow(failed, |it| it.credentials, origin),
        ),
        CorsRule::Method { method } => (
            Code::CorsMethod,
            format!("{name}'s CORS settings do not allow the method {method}"),
            allow(failed, |it| it.method, method),
        ),
        CorsRule::Header { names } => (
            Code::CorsHeader,
            format!(
                "{name}'s CORS settings do not allow the request header {}",
                names.join(", ")
            ),
            allow(failed, |it| it.header, &names.join(", ")),
        ),
        CorsRule::Redirect { location } => (
            Code::CorsRedirect,
            if fault.stage == Stage::Preflight {
                format!(
                    "{name} answers the preflight of {what} with a redirect to {location}, which no \
                     browser follows"
                )
            } else {
                format!("{name} redirects {what} to {location}, which violates CORS")
            },
            format!("request {location} directly; check the trailing slash and http vs. https"),
        ),
        CorsRule::Status => match fault.status {
            401 | 403 => (
                Code::AuthRequired,
                format!(
                    "{name} answers the preflight of {what} with {}: a browser sends no \
                     credentials with it",
                    fault.status
                ),
                "let OPTIONS through unauthenticated: put the CORS middleware before the auth middleware"
                    .to_owned(),
            ),
            404 | 405 | 501 => (
                Code::CorsMissing,
                format!(
                    "nothing in {name} answers the preflight of {what}: OPTIONS gets {}",
                    fault.status
                ),
                allow(failed, |it| it.origin, origin),
            ),
            _ => return None,
        },
    })
}

fn notes(failed: Failed<'_>) -> Vec<String> {
    let notes = failed.check.notes.iter();
    notes
        .filter_map(|note| match note {
            CheckNote::OtherName { allowed } => Some(format!(
                "{allowed} is allowed; to a browser, that is another origin"
            )),
            CheckNote::PreflightPasses => Some("the preflight passes".to_owned()),
            CheckNote::Redirected { location } => Some(format!("it was redirected to {location}")),
            CheckNote::CookieWithheld { .. }
            | CheckNote::AskedDirectly(_)
            | CheckNote::NoVary
            | CheckNote::NoPreflight
            | CheckNote::UnnamedToken
            | CheckNote::Unsettled => None,
        })
        .collect()
}

/// Returns the setting to add, as the framework writes it.
fn allow(failed: Failed<'_>, setting: fn(&Framework) -> &'static str, value: &str) -> String {
    let framework = framework(failed);
    let value = value.replace(", ", framework.between);
    let line = setting(framework).replace("{value}", &value);
    let told = framework.told.replace("{line}", &line);
    told.replace("{service}", failed.answerer.spec.name.as_str())
}

/// Returns the framework of the server, by its headers and the files in its folder.
fn framework(failed: Failed<'_>) -> &'static Framework {
    let exchanges = failed.check.exchanges.iter();
    let mut headers = exchanges.flat_map(|exchange| &exchange.headers);
    let is_python = headers.any(|(name, value)| {
        name == "server" && ["uvicorn", "hypercorn", "granian"].contains(&value.as_str())
    });
    let mut manifests = failed.answerer.is.project.manifests.iter();
    if is_python {
        &STARLETTE
    } else if manifests.any(|path| path.ends_with("package.json")) {
        &EXPRESS
    } else {
        &UNKNOWN
    }
}
