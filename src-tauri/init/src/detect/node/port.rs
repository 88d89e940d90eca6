//! Where settings and source say that something listens.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    detect::listing::{Listing, join, line_at},
    draft::{Origin, Sourced},
};

/// A port in the source of a server.
#[derive(Clone, Debug)]
pub(super) struct SourcePort {
    /// The number, if there is one: the default beside the variable, or the only one.
    pub(super) number: Option<Sourced<u16>>,
    /// The variable that can give another.
    pub(super) variable: Option<String>,
}

#[expect(
    clippy::expect_used,
    reason = "the pattern is right, as the tests show"
)]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a right pattern")
}

/// `process.env.PORT || 3000` and its kin; without a default too.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:process|Bun|import\.meta)\.env(?:\.|\[['"])([A-Z0-9_]*PORT)\b(?:['"]\])?(?:[ )!]|as string|,\s*10)*(?:(?:\|\||\?\?)\s*(?:Number\()?['"]?(\d{2,5})\b)?"#,
    )
});
/// `config.get('PORT', 3000)`, `get<number>('PORT') ?? 3000`
static GETTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\.(?:get|getOrThrow|number|asPortNumber)(?:<\w+>)?\(\s*['"]([A-Z0-9_]*PORT)['"]\s*(?:\)\s*(?:\|\||\?\?)\s*|,\s*)?['"]?(\d{2,5})?"#,
    )
});
/// `PORT: z.coerce.number().default(3000)`, `PORT: num({ default: 3000 })`
static SCHEMA: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b([A-Z0-9_]*PORT)\b['\x22]?\s*:\s*[\w.()\s{:]*?\bdefault\b\s*[:(]\s*['\x22]?(\d{2,5})\b",
    )
});
/// `app.listen(3000`, `listen({ port: 3000`
static LISTEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\.listen\(\s*(?:\{[^}]*?\bport\s*:\s*)?(\d{2,5})\b"));
/// `serve({ fetch: app.fetch, port: 8787 })`
static SERVE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)\bserve\(\s*\{[^}]{0,300}?\bport\s*:\s*(\d{2,5})\b"));
/// `const PORT = 3000`, beside a `listen`
static CONSTANT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:const|let|var)\s+(?:\w+_)?port\s*(?::\s*number\s*)?=\s*['\x22]?(\d{2,5})\b")
});
/// `env.port ?? 8005`, `const { PORT = 3000 } = process.env`
static DEFAULTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\b(?:env|config|settings|options|opts)\.(?:port|PORT)\s*\)?\s*(?:\|\||\?\?)\s*['"]?(\d{2,5})\b|\bPORT\s*=\s*['"]?(\d{2,5})\b[^}]*\}\s*=\s*process\.env"#,
    )
});
/// Bun's `export default { port: 3000, fetch: app.fetch }`
static EXPORTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)\bexport\s+default\s*\{[^}]{0,300}?\bport\s*:\s*(\d{2,5})\b"));
/// Whether something listens here at all.
static LISTENS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\.listen\(|\bserve\(|\.listen\b\s*\(?|\bexport\s+default\s*\{"));
/// `port: 3000`
static PORT_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\bport['\x22]?\s*:\s*(?:[\w.()\[\]'\x22]+\s*(?:\|\||\?\?)\s*)?['\x22]?(\d{2,5})\b")
});

/// Where the source of a server listens. `sources` with the likeliest first: what is listened on is
/// taken from the first that says it.
pub(super) fn in_sources<'a>(
    sources: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<SourcePort> {
    let mut only_variable = None;
    for (file, text) in sources {
        let Some(found) = in_source(file, text) else {
            continue;
        };
        if found.number.is_some() {
            return Some(found);
        }
        only_variable.get_or_insert(found);
    }
    only_variable
}

fn in_source(file: &str, text: &str) -> Option<SourcePort> {
    // Cheap, and most sources say neither.
    if !text.contains("PORT") && !text.contains("port") && !text.contains("listen(") {
        return None;
    }
    let said = |at: usize, number: &str| {
        let number: u16 = number.parse().ok().filter(|port| *port > 0)?;
        let because = Origin::line(file, line_at(text, at), "");
        Some(Sourced::new(number, because))
    };
    for with_variable in [&*VARIABLE, &*GETTER, &*SCHEMA] {
        for found in with_variable.captures_iter(text) {
            let name = &found[1];
            let at = found.get(0).map_or(0, |all| all.start());
            if is_of_another(name) || is_comment(text, at) {
                continue;
            }
            let number = found
                .get(2)
                .and_then(|number| said(number.start(), number.as_str()));
            return Some(SourcePort {
                number,
                variable: Some(name.to_owned()),
            });
        }
    }
    if !LISTENS.is_match(text) {
        return None;
    }
    let fixed = [&*LISTEN, &*SERVE, &*EXPORTED, &*DEFAULTED, &*CONSTANT];
    let number = fixed.iter().find_map(|pattern| {
        let mut numbers = pattern
            .captures_iter(text)
            .filter_map(|found| found.get(1).or_else(|| found.get(2)));
        let number = numbers.find(|number| !is_comment(text, number.start()))?;
        said(number.start(), number.as_str())
    })?;
    Some(SourcePort {
        number: Some(number),
        variable: None,
    })
}

fn is_comment(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].trim_start();
    line.starts_with("//") || line.starts_with('*') || line.starts_with("/*")
}

/// `REDIS_PORT` is where another listens.
fn is_of_another(variable: &str) -> bool {
    const OWN: [&str; 9] = [
        "PORT",
        "APP_PORT",
        "API_PORT",
        "SERVER_PORT",
        "HTTP_PORT",
        "BACKEND_PORT",
        "WEB_PORT",
        "LISTEN_PORT",
        "SERVICE_PORT",
    ];
    !OWN.contains(&variable)
}

/// A port in the settings of a frontend's tool.
pub(in crate::detect) fn in_settings(
    listing: &Listing,
    folder: &str,
    framework: &str,
) -> Option<Sourced<u16>> {
    let (names, table): (&[&str], &str) = match framework {
        "vite" | "remix" | "react-router" | "vitepress" => (&["vite.config"], "server"),
        "astro" => (&["astro.config"], "server"),
        "nuxt" => (&["nuxt.config"], "devServer"),
        "@vue/cli-service" => (&["vue.config"], "devServer"),
        "webpack" => (
            &["webpack.config", "webpack.dev", "webpack.config.dev"],
            "devServer",
        ),
        "rspack" => (&["rspack.config"], "devServer"),
        "rsbuild" => (&["rsbuild.config"], "server"),
        "@angular/cli" => return in_angular(listing, folder),
        _ => return None,
    };
    let files = names.iter().flat_map(|name| {
        ENDINGS
            .iter()
            .map(move |end| join(folder, &format!("{name}.{end}")))
    });
    for file in files {
        let Some(text) = listing.text(&file) else {
            continue;
        };
        let Some(start) = table_start(text, table) else {
            continue;
        };
        let body = inside(&text[start..]);
        if let Some(port) = by_name(&file, text, &body) {
            return Some(port);
        }
        if let Some(found) = PORT_KEY.captures(&body)
            && let Some(number) = found.get(1)
            && let Ok(port) = number.as_str().parse()
        {
            let line = line_at(text, start + number.start());
            return Some(Sourced::new(
                port,
                Origin::line(file, line, format!("`{table}.port`")),
            ));
        }
    }
    None
}

/// `server: { port }` and `port: devPort`, with a constant of the file that has the number.
fn by_name(file: &str, text: &str, body: &str) -> Option<Sourced<u16>> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(port)\s*(?:[,}\n]|$)|\bport\s*:\s*(?:Number\(|parseInt\()?([A-Za-z_]\w*)\s*[,)}\n]",
        )
    });
    let found = NAME.captures(body)?;
    let name = found.get(1).or_else(|| found.get(2))?.as_str();
    let value = pattern(&format!(
        r"\b(?:const|let|var)\s+{name}\b[^=\n]*=[^\n;]*?\b(\d{{4,5}})\b"
    ));
    let number = value.captures(text)?.get(1)?;
    let port = number.as_str().parse().ok()?;
    let because = Origin::line(
        file,
        line_at(text, number.start()),
        "the port of the server",
    );
    Some(Sourced::new(port, because))
}

const ENDINGS: [&str; 7] = ["ts", "js", "mjs", "mts", "cjs", "cts", "json"];

/// The byte after the brace of `server: {`.
fn table_start(text: &str, table: &str) -> Option<usize> {
    let mut places = text.match_indices(table);
    places.find_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let after = &text[at + table.len()..];
        let brace = after.find('{')?;
        let between = after[..brace].trim();
        matches!(between, ":" | "=").then_some(at + table.len() + brace + 1)
    })
}

/// The text up to the brace that ends the table, with the tables in it turned into blanks.
fn inside(text: &str) -> String {
    let mut depth = 1_usize;
    let mut body = String::new();
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 {
            body.push(character);
        } else {
            // As many bytes, so that places stay.
            body.extend(std::iter::repeat_n(' ', character.len_utf8()));
        }
    }
    body
}

fn in_angular(listing: &Listing, folder: &str) -> Option<Sourced<u16>> {
    let file = join(folder, "angular.json");
    let text = listing.text(&file)?;
    let serve = text.find("\"serve\"")?;
    let number = PORT_KEY.captures(&text[serve..])?.get(1)?;
    let port = number.as_str().parse().ok()?;
    let line = line_at(text, serve + number.start());
    Some(Sourced::new(
        port,
        Origin::line(file, line, "`serve.options.port`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    fn port(text: &str) -> (Option<u16>, Option<String>) {
        match in_source("a.js", text) {
            None => (None, None),
            Some(found) => (found.number.map(|said| said.value), found.variable),
        }
    }

    #[test]
    fn a_server_says_where_it_listens() {
        let own = || Some("PORT".to_owned());
        for (text, number, variable) in [
            ("app.listen(4000, () => {})", Some(4000), None),
            ("app.listen(process.env.PORT || 4000)", Some(4000), own()),
            (
                "const port = Number(process.env.PORT) || 4000; app.listen(port)",
                Some(4000),
                own(),
            ),
            (
                "const port = parseInt(process.env.PORT ?? '4000', 10)",
                Some(4000),
                own(),
            ),
            (
                "const port = process.env['PORT'] || 4000",
                Some(4000),
                own(),
            ),
            (
                "await app.listen({ host: '0.0.0.0', port: 4000 })",
                Some(4000),
                None,
            ),
            ("const PORT = 4000;\napp.listen(PORT)", Some(4000), None),
            (
                "await app.listen(config.get<number>('PORT') ?? 4000)",
                Some(4000),
                own(),
            ),
            ("serve({ fetch: app.fetch, port: 8787 })", Some(8787), None),
            ("PORT: z.coerce.number().default(4000)", Some(4000), own()),
            ("app.listen(process.env.PORT)", None, own()),
            (
                "new Redis({ port: process.env.REDIS_PORT || 6379 })",
                None,
                None,
            ),
            ("// app.listen(1)\napp.listen(4000)", Some(4000), None),
            ("const support = 12", None, None),
        ] {
            assert_eq!(port(text), (number, variable), "{text}");
        }
    }

    #[test]
    fn the_port_of_vite_is_not_that_of_its_proxy() {
        let mut listing = Listing::new("x", Host::default());
        let text = "export default defineConfig({\n  preview: { port: 1 },\n  server: {\n    hmr: { port: 2 },\n    proxy: { '/api': 'http://localhost:8000' },\n    port: 3001,\n  },\n})";
        listing.add("web/vite.config.ts", Some(text));
        let found = in_settings(&listing, "web", "vite").unwrap();
        assert_eq!((found.value, found.because.line), (3001, Some(6)));
        assert!(in_settings(&listing, "", "vite").is_none());
    }
}
