//! Where a Rust program listens, as its source and settings say.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use crate::{
    detect::{Listing, join, line_at, line_with, port::Port, source::pattern, variables},
    draft::Origin,
};

static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#""(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::1?\]):(\d{2,5})""#,
        r"|\(?\[?\s*(?:127,\s*0,\s*0,\s*1|0,\s*0,\s*0,\s*0|0,\s*0,\s*0,\s*0,\s*0,\s*0,\s*0,\s*[01])\s*\]?\)?\s*,\s*(\d{2,5})\b",
        r#"|\bbind\(\s*\(\s*"[^"]+"\s*,\s*(\d{2,5})\b"#,
        r"|Ipv[46]Addr::(?:LOCALHOST|UNSPECIFIED)\)?\s*,\s*(\d{2,5})\b",
        r"|\.run\(\(\[[\d, ]+\],\s*(\d{2,5})\)",
    ))
});
/// `env::var("PORT").unwrap_or_else(|_| "8080".into())`
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\bvar(?:_os)?\(\s*"(\w*PORT\w*)"\s*\)([^;]{0,240})"#));
/// `#[arg(long, env = "PORT", default_value_t = 3000)] port: u16`
static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"#\[(?:arg|clap)\(([^\]]*)default_value(?:_t)?\s*=\s*"?(\d{2,5})"?([^\]]*)\)\]\s*(?:pub\s+)?(\w*port)\s*:"#,
    )
});

pub(super) fn find(
    listing: &Listing,
    root: &str,
    framework: &str,
    file: &str,
    code: &str,
    codes: &BTreeMap<String, String>,
) -> Option<Port> {
    if framework == "rocket" {
        return Some(rocket(listing, root));
    }
    // The program's own file first, then the rest of the package.
    let own = std::iter::once((file, code));
    let rest = codes
        .iter()
        .map(|(path, code)| (path.as_str(), code.as_str()));
    let sources: Vec<(&str, &str)> = own.chain(rest.filter(|(path, _)| *path != file)).collect();
    let found = in_sources(&sources, argument)
        .or_else(|| in_sources(&sources, variable))
        .or_else(|| in_sources(&sources, written));
    let found = found.map(|port| set_in_file(listing, root, port));
    found.or_else(|| {
        let (_, usual) = super::FRAMEWORKS
            .iter()
            .find(|(name, _)| *name == framework)?;
        Some(Port {
            number: (*usual)?,
            variable: None,
            option: None,
            because: Origin::known("its framework's usual port"),
        })
    })
}

fn in_sources(sources: &[(&str, &str)], find: fn(&str, &str) -> Option<Port>) -> Option<Port> {
    sources.iter().find_map(|(file, code)| find(file, code))
}

fn argument(file: &str, code: &str) -> Option<Port> {
    let found = ARGUMENT.captures(code)?;
    let (before, number, after, name) =
        (found.get(1)?, found.get(2)?, found.get(3)?, found.get(4)?);
    let attributes = format!("{} {}", before.as_str(), after.as_str());
    let variable = attributes.split_once("env").and_then(|(_, rest)| {
        let rest = rest
            .trim_start()
            .strip_prefix('=')?
            .trim_start()
            .strip_prefix('"')?;
        Some(rest.split('"').next()?.to_owned())
    });
    let option = attributes
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word == "long")
        .then(|| format!("--{}", name.as_str().replace('_', "-")));
    Some(Port {
        number: number.as_str().parse().ok().filter(|port| *port != 0)?,
        variable: if option.is_some() { None } else { variable },
        option,
        because: Origin::line(file, line_at(code, number.start()), "the port is set there"),
    })
}

fn variable(file: &str, code: &str) -> Option<Port> {
    VARIABLE.captures_iter(code).take(16).find_map(|found| {
        let name = found.get(1)?;
        Some(Port {
            number: crate::detect::source::port_in(found.get(2)?.as_str())?,
            variable: Some(name.as_str().to_owned()),
            option: None,
            because: Origin::line(file, line_at(code, name.start()), "the port is read there"),
        })
    })
}

fn written(file: &str, code: &str) -> Option<Port> {
    let found = WRITTEN.captures(code)?;
    let number = found.iter().skip(1).flatten().next()?;
    Some(Port {
        number: number.as_str().parse().ok().filter(|port| *port != 0)?,
        variable: None,
        option: None,
        because: Origin::line(file, line_at(code, number.start()), "it listens there"),
    })
}

/// The number that the project's `.env` gives to the variable.
fn set_in_file(listing: &Listing, root: &str, port: Port) -> Port {
    let Some(name) = &port.variable else {
        return port;
    };
    let set = [root, ""]
        .into_iter()
        .find_map(|folder| variables::in_force(listing, folder, name));
    match set.map(|set| (set.value.parse::<u16>(), set)) {
        Some((Ok(number), set)) if number != 0 => Port {
            number,
            because: Origin::line(set.file, set.line, "the port is set there"),
            ..port
        },
        _ => port,
    }
}

/// `Rocket.toml`, or 8000; the variable `ROCKET_PORT` goes before both.
fn rocket(listing: &Listing, root: &str) -> Port {
    let path = join(root, "Rocket.toml");
    let told = listing.text(&path).and_then(|text| {
        let table: toml::Table = toml::from_str(text).ok()?;
        let port = ["debug", "default"]
            .iter()
            .find_map(|profile| table.get(*profile)?.get("port"));
        let number = u16::try_from(port?.as_integer()?)
            .ok()
            .filter(|port| *port != 0)?;
        Some((
            number,
            Origin::line(&path, line_with(text, "port"), "the port is set there"),
        ))
    });
    let (number, because) = told.unwrap_or((8000, Origin::known("Rocket's usual port")));
    Port {
        number,
        variable: Some("ROCKET_PORT".to_owned()),
        option: None,
        because,
    }
}
