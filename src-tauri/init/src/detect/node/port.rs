//! The ports that the source of a server and the settings of a frontend's tool name.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    detect::{
        frameworks,
        listing::{Listing, join, line_at},
        port::{self, Port},
        source::pattern,
    },
    draft::{Origin, Sourced},
};

/// `port: 3000`
static PORT_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\bport['\x22]?\s*:\s*(?:[\w.()\[\]'\x22]+\s*(?:\|\||\?\?)\s*)?['\x22]?(\d{2,5})\b")
});

/// Returns the port that the sources of a server name, the likeliest first: the first file with a number decides, else
/// the first that reads a variable.
pub(super) fn in_sources<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Port> {
    let mut only_variable = None;
    for (file, text) in sources {
        if let Some(found) = in_source(file, text) {
            if found.number.is_some() {
                return Some(found);
            }
            only_variable.get_or_insert(found);
        }
    }
    only_variable
}

fn in_source(file: &str, text: &str) -> Option<Port> {
    // Cheap, and most sources have none.
    let may_say = ["PORT", "port", "listen("]
        .iter()
        .any(|word| text.contains(word));
    may_say.then(|| port::in_sources(frameworks::language("javascript"), &[(file, text)]))?
}

/// Returns the port in the settings of a frontend's tool.
pub(crate) fn in_settings(
    listing: &Listing,
    folder: &str,
    framework: &str,
) -> Option<Sourced<u16>> {
    if framework == "@angular/cli" {
        return in_angular(listing, folder);
    }
    let mut tools = frameworks::TABLE
        .tool
        .iter()
        .filter(|tool| tool.framework == framework);
    let tool = tools.find(|tool| tool.config.is_some())?;
    let names = tool.config.as_deref()?.split(' ');
    let files = names.flat_map(|name| ENDINGS.map(|end| join(folder, &format!("{name}.{end}"))));
    files.into_iter().find_map(|file| {
        let text = listing.text(&file)?;
        let start = table_start(text, &tool.table)?;
        let body = inside(&text[start..]);
        by_name(&file, text, &body).or_else(|| {
            let number = PORT_KEY.captures(&body)?.get(1)?;
            let line = line_at(text, start + number.start());
            let because = Origin::line(file, line, format!("`{}.port`", tool.table));
            Some(because.says(number.as_str().parse().ok()?))
        })
    })
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
    let because = Origin::line(
        file,
        line_at(text, number.start()),
        "the port of the server",
    );
    Some(because.says(number.as_str().parse().ok()?))
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
            // As many bytes, so that places stay the same.
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
    let line = line_at(text, serve + number.start());
    Some(Origin::line(file, line, "`serve.options.port`").says(number.as_str().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    fn port(text: &str) -> (Option<u16>, Option<String>) {
        match in_source("a.js", text) {
            None => (None, None),
            Some(found) => (found.number, found.variable),
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
