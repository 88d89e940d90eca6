//! Elixir: Phoenix, alone or in an umbrella.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    Finds, Found, Listing, file_name, folder, join, line_at,
    source::{Syntax, pattern, port_in, without_comments},
};
use crate::draft::{CommandLine, DraftService, Kind, Origin, Sourced};

/// Finds the applications. The members of an umbrella are served by it.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let umbrellas: Vec<&str> = listing
        .named("mix.exs")
        .filter(|path| {
            listing
                .text(path)
                .is_some_and(|text| text.contains("apps_path:"))
        })
        .map(folder)
        .collect();
    let mut done: Vec<&str> = Vec::new();
    for path in listing.named("mix.exs") {
        let Some(text) = listing.text(path) else {
            continue;
        };
        let Some(line) = phoenix(text) else { continue };
        let above = umbrellas
            .iter()
            .find(|root| root.is_empty() || folder(path).starts_with(&format!("{root}/")));
        let root = above.copied().unwrap_or(folder(path));
        if !done.contains(&root) {
            done.push(root);
            finds.apps.push(found(
                listing,
                root,
                &Origin::line(path, line, "an application of Phoenix"),
            ));
        }
    }
}

/// The line that asks for Phoenix itself.
fn phoenix(text: &str) -> Option<usize> {
    static PHOENIX: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{\s*:phoenix\s*,"));
    let code = without_comments(text, Syntax::HASH);
    PHOENIX
        .find(&code)
        .map(|found| line_at(&code, found.start()))
}

fn found(listing: &Listing, root: &str, because: &Origin) -> Found {
    let name = match file_name(root) {
        "" => "app",
        name => name,
    };
    let mut service = DraftService::new(name, Kind::Backend, because.clone());
    service.command = Some(because.says(CommandLine::words(["mix", "phx.server"])));
    service.directory = (!root.is_empty()).then(|| because.says(root.to_owned()));
    let (port, reads_port) = port(listing, root);
    service.port = Some(port);
    service.start_timeout = Some(Origin::known("the first start compiles").says("5m".to_owned()));
    Found {
        service,
        root: root.to_owned(),
        framework: Some("phoenix"),
        reads_port,
        ..Found::default()
    }
}

/// The port of the endpoint while developing, and whether `$PORT` goes before it.
fn port(listing: &Listing, root: &str) -> (Sourced<u16>, bool) {
    static PORT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bport:\s*([^\n]*)"));
    for name in ["config/dev.exs", "config/runtime.exs", "config/config.exs"] {
        let path = join(root, name);
        let Some(text) = listing.text(&path) else {
            continue;
        };
        let code = without_comments(text, Syntax::HASH);
        // What production alone does is in a block of its own.
        let code = code
            .split("config_env() == :prod")
            .next()
            .unwrap_or_default();
        for found in PORT.captures_iter(code).take(16) {
            let Some(said) = found.get(1) else { continue };
            let before = &code[..found.get(0).map_or(0, |whole| whole.start())];
            let block = before.rsplit("config ").next().unwrap_or_default();
            // A database and a mailer have ports too.
            if !block.contains("Endpoint") {
                continue;
            }
            let told = said.as_str();
            let Some(number) = port_in(told).or_else(|| default_of(code, told)) else {
                continue;
            };
            let because = Origin::line(&path, line_at(code, said.start()), "the port is set there");
            return (
                because.says(number),
                code.contains("\"PORT\"") && !told.starts_with(|c: char| c.is_ascii_digit()),
            );
        }
    }
    (Origin::known("Phoenix' usual port").says(4000), false)
}

/// `port = String.to_integer(System.get_env("PORT") || "4000")`
fn default_of(code: &str, name: &str) -> Option<u16> {
    let name = name.trim_end_matches([']', ',', ' ']);
    let value = code.lines().find_map(|line| {
        line.trim_start()
            .strip_prefix(name)?
            .trim_start()
            .strip_prefix('=')
    })?;
    port_in(value)
}
