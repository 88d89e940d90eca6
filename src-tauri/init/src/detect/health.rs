//! The page of a server that says whether it is well. Only one that surely is where it seems to be:
//! a wrong one would keep the service from ever being ready.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    app::App,
    listing::{file_name, line_at},
};
use crate::draft::{Origin, Sourced};

#[expect(
    clippy::expect_used,
    reason = "the pattern is right, as the tests show"
)]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a right pattern")
}

/// What such a page is called.
const PAGE: &str = r"/?(?:api/)?(?:v\d/)?(?:_?health(?:z|check|-check|_check)?|livez|readyz|alive|ping|up)(?:/(?:live|ready|liveness|readiness))?";

static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"@(?:app|application|api|server)\.(?:get|route|api_route)\(\s*["']({PAGE}/?)["']"#
    ))
});
static DJANGO: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"\bpath\(\s*["']({PAGE}/?)["']"#)));
static NODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"\b(?:app|server|fastify)\.(?:get|all|use|route)\(\s*["'`]({PAGE})/?["'`]"#
    ))
});
static NEST: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"@Controller\(\s*["'`]({PAGE})["'`]"#)));
static NEST_PREFIX: LazyLock<Regex> = LazyLock::new(|| pattern(r"setGlobalPrefix\(([^)]*)\)"));
static RUST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"\.route\(\s*"({PAGE})"\s*,|#\[get\("({PAGE})"\)\]"#
    ))
});
static GO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"\b(?:http|mux|r|router|e|app|engine|srv|server|g)\.(?:HandleFunc|Handle|GET|Get)\(\s*"(?:GET )?({PAGE})""#
    ))
});
static SPRING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"@GetMapping\(\s*(?:value\s*=\s*|path\s*=\s*)?"({PAGE})""#
    ))
});
static DOTNET: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"\bapp\.Map(?:HealthChecks|Get)\(\s*"({PAGE})""#)));
static RAILS: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"(?m)^\s{{0,2}}get\s+["']({PAGE})["']"#)));
static LARAVEL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bhealth:\s*'(/[\w/-]+)'"));

/// The health page of an app, and where it is written.
pub(super) fn page(app: &App<'_>) -> Option<Sourced<String>> {
    let mut found: Vec<(u8, Sourced<String>)> = Vec::new();
    for (path, text) in &app.texts {
        if let Some((at, page)) = in_text(app, path, text) {
            let page = if page.starts_with('/') {
                page
            } else {
                format!("/{page}")
            };
            let because = Origin::line(*path, line_at(text, at), "its health page");
            found.push((rank(&page), Sourced::new(page, because)));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    let written = found.into_iter().next().map(|(_, said)| said);
    written.or_else(|| by_actuator(app))
}

/// `health` says more than `ping`.
fn rank(page: &str) -> u8 {
    u8::from(!page.contains("health"))
}

fn in_text(app: &App<'_>, path: &str, text: &str) -> Option<(usize, String)> {
    let name = file_name(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let first = |pattern: &Regex| {
        let found = pattern.captures_iter(text).find(|found| {
            let at = found.get(0).map_or(0, |all| all.start());
            !is_comment(text, at)
        })?;
        let group = found.iter().skip(1).flatten().next()?;
        Some((group.start(), group.as_str().to_owned()))
    };
    match ending {
        "py" if name == "urls.py" => {
            // The urls of the project itself, not those of an app under a prefix.
            let is_top = text.contains("admin.site.urls")
                || app.texts.iter().any(|(other, _)| {
                    super::listing::folder(other) == super::listing::folder(path)
                        && file_name(other) == "settings.py"
                });
            first(&DJANGO).filter(|_| is_top)
        }
        "py" => first(&PYTHON),
        "js" | "ts" | "mjs" | "mts" | "cjs" | "cts" if app.framework == Some("@nestjs/core") => {
            let (at, page) = first(&NEST)?;
            let prefix = app
                .texts
                .iter()
                .find_map(|(_, text)| NEST_PREFIX.captures(text));
            match prefix {
                None => Some((at, page)),
                Some(prefix) => {
                    // With more than the prefix, some pages are without it.
                    let prefix = prefix[1].trim().trim_matches(['\'', '"', '`']);
                    let fits = |c: char| c.is_ascii_alphanumeric() || "/-_".contains(c);
                    let is_plain = !prefix.is_empty() && prefix.chars().all(fits);
                    let prefix = prefix.trim_matches('/');
                    let page = page.trim_start_matches('/');
                    is_plain.then(|| (at, format!("/{prefix}/{page}")))
                }
            }
        }
        "js" | "ts" | "mjs" | "mts" | "cjs" | "cts" => {
            let is_whole = ["listen(", "express()", "serve("]
                .iter()
                .any(|part| text.contains(part));
            first(&NODE).filter(|_| is_whole)
        }
        "rs" => {
            let is_whole = ["serve(", "HttpServer::new", "bind("]
                .iter()
                .any(|part| text.contains(part));
            let is_nested =
                text.contains(".nest(") || text.contains("scope(") || text.contains(".mount(");
            first(&RUST).filter(|_| is_whole && !is_nested)
        }
        "go" => {
            let starts = ["ListenAndServe", ".Run(", ".Start(", ".Listen("];
            first(&GO).filter(|_| starts.iter().any(|part| text.contains(part)))
        }
        "java" | "kt" => first(&SPRING).filter(|_| !text.contains("@RequestMapping(")),
        "cs" => first(&DOTNET),
        "rb" if name == "routes.rb" => first(&RAILS),
        "php" if path.ends_with("bootstrap/app.php") => first(&LARAVEL),
        _ => None,
    }
}

/// Spring Boot's own page, if nothing moves or locks it.
fn by_actuator(app: &App<'_>) -> Option<Sourced<String>> {
    let is_manifest = |name: &str| name == "pom.xml" || name.starts_with("build.gradle");
    let moved = [
        "base-path",
        "base_path",
        "context-path",
        "management.server.port",
        "spring-boot-starter-security",
    ];
    let mut found = None;
    for (path, text) in &app.texts {
        let name = file_name(path);
        if (is_manifest(name) || name.starts_with("application"))
            && moved.iter().any(|part| text.contains(part))
        {
            return None;
        }
        if is_manifest(name)
            && let Some(at) = text.find("spring-boot-starter-actuator")
        {
            let because = Origin::line(*path, line_at(text, at), "Spring Boot Actuator");
            found = Some(Sourced::new("/actuator/health".to_owned(), because));
        }
    }
    found
}

fn is_comment(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].trim_start();
    line.starts_with('#') && !line.starts_with("#[")
        || line.starts_with("//")
        || line.starts_with('*')
}
