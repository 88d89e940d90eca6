//! The proxies of development servers (Vite, Next.js, webpack, Create React App), found in their
//! configuration.

use std::{path::Path, sync::LazyLock};

use regex::bytes::{Regex, RegexBuilder};
use url::Url;

use super::project::Look;
use crate::{
    diagnose::evidence::{PassesOn, Place, PointsAt},
    fs::project_file::Reader,
};

const FILES: [&str; 15] = [
    "vite.config.ts",
    "vite.config.js",
    "vite.config.mts",
    "vite.config.mjs",
    "next.config.ts",
    "next.config.js",
    "next.config.mjs",
    "nuxt.config.ts",
    "vue.config.js",
    "webpack.config.js",
    "src/setupProxy.js",
    "proxy.conf.json",
    "proxy.conf.js",
    "src/proxy.conf.json",
    "package.json",
];

/// `'/api': 'http://…'`, `'/api': { target: 'http://…' }`, `use('/api', createProxyMiddleware({ target: …`,
/// `source: '/api/:path*', destination: 'http://…'`, and the `proxy` of package.json.
#[expect(clippy::expect_used, reason = "a test compiles it")]
static RULES: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?x)
        (?: ["'`]\^?(?<path>/[\w/-]*)[^"'`\n]*["'`]
            \s*[:,]\s* (?:\w+\(\s*)? (?:\{[^{}]*?\btarget["']?\s*:\s*)?
          | \bsource\s*:\s*["'`](?<source>/[\w/-]*)[^"'`\n]*["'`]\s*,[^{}]*?\bdestination\s*:\s*
          | "proxy"\s*:\s* )
        ["'`](?<url>(?:http|ws)s?://[^"'`\s]+)["'`]"#;
    let built = RegexBuilder::new(pattern).unicode(false).build();
    built.expect("the pattern is a constant")
});

/// Returns the proxies, the longest path first. Blocking.
pub(super) fn look(it: &Look, reader: &Reader) -> Vec<PassesOn> {
    let folder = &it.spec.directory;
    let texts = FILES.iter().filter_map(|name| {
        let file = folder.join(name);
        Some((reader.text(&file).ok()?, file))
    });
    let mut all: Vec<PassesOn> = texts
        .flat_map(|(text, file)| of_text(&text, &file))
        .collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.path.len()));
    all
}

fn of_text(text: &str, file: &Path) -> Vec<PassesOn> {
    let found = RULES.captures_iter(text.as_bytes());
    let rules = found.filter_map(|found| {
        let group = |name| text.get(found.name(name)?.range());
        let begins = found.get(0)?.start();
        let before = &text[text[..begins].rfind('\n').map_or(0, |at| at + 1)..begins];
        if before.trim_start().starts_with("//") {
            return None;
        }
        let url = Url::parse(group("url")?).ok()?;
        let path = group("path").or_else(|| group("source")).unwrap_or("/");
        Some(PassesOn {
            path: path.trim_end_matches('/').to_owned(),
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default()?,
            scheme: url.scheme().to_owned(),
            place: Place {
                file: file.to_owned(),
                line: text[..begins].matches('\n').count() + 1,
            },
        })
    });
    rules.collect()
}

/// Returns the target of a proxy in the same form as the address in a variable.
pub(super) fn points_at(it: &PassesOn) -> PointsAt {
    PointsAt {
        variable: format!("the proxy for {}", it.shown_path()),
        service: None,
        scheme: Some("proxy".to_owned()),
        place: Some(it.place.clone()),
        target: Some((it.host.clone(), it.port)),
        changed_since_start: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_found_in_the_configurations_of_common_tools() {
        for (text, expected) in [
            (
                "proxy: { '/api': 'http://localhost:8000' }",
                ("/api", "localhost", 8000),
            ),
            (
                "proxy: {\n  // '/old': 'http://localhost:1',\n  '/api': {\n    target: 'http://127.0.0.1:8001',\n    ws: true,\n  },\n}",
                ("/api", "127.0.0.1", 8001),
            ),
            (
                "'^/ws/.*': { changeOrigin: true, target: \"ws://[::1]:8002\" }",
                ("/ws", "::1", 8002),
            ),
            (
                "{ source: '/api/:path*', destination: 'http://localhost:8003/:path*' }",
                ("/api", "localhost", 8003),
            ),
            (
                "app.use('/auth', createProxyMiddleware({ target: 'http://localhost:8004' }));",
                ("/auth", "localhost", 8004),
            ),
            (
                "{ \"name\": \"web\", \"proxy\": \"http://localhost:8005\" }",
                ("", "localhost", 8005),
            ),
        ] {
            let found = of_text(text, Path::new("vite.config.ts"));
            let found: Vec<_> = found
                .iter()
                .map(|it| (it.path.as_str(), it.host.as_str(), it.port))
                .collect();
            assert_eq!(found, [expected], "{text}");
        }
        assert_eq!(of_text("server: { port: 5173 }", Path::new("x")), []);
    }
}
