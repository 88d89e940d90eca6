//! .NET: web and worker projects, started by `dotnet run` with the launch profile that needs no
//! certificate.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{
    Finds, Found, Listing, file_name, folder, join, line_at, line_with, route,
    source::{Syntax, has_extension, pattern, without_comments, without_xml_comments},
};
use crate::draft::{CommandLine, DraftService, Kind, LeftOut, Origin};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Web,
    Worker,
    /// Of Aspire: starts the other projects.
    Host,
}

struct Project<'a> {
    path: &'a str,
    role: Role,
}

/// What a profile of `launchSettings.json` says.
struct Profile {
    name: String,
    port: Option<u16>,
    /// Whether its only address is one of HTTPS.
    is_secure: bool,
    line: Option<usize>,
    page: Option<String>,
}

/// Finds the projects that run.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let mut projects: Vec<Project> = Vec::new();
    for (path, text) in listing.texts() {
        let is_project =
            path.ends_with(".csproj") || path.ends_with(".fsproj") || path.ends_with(".vbproj");
        if is_project && let Some(role) = role(text) {
            projects.push(Project { path, role });
        }
    }
    // The host gives its projects their addresses and starts the stores that they need.
    let host = projects.iter().any(|project| project.role == Role::Host);
    let watched = watched(listing);
    for project in &projects {
        if host && project.role != Role::Host {
            finds.unsaid.push(LeftOut {
                what: format!("the project {}", stem(project.path)),
                file: Some(project.path.to_owned()),
                line: None,
                why: "the Aspire host starts it".to_owned(),
            });
        } else {
            let found = found(listing, project, watched.clone(), &mut finds.unsaid);
            finds.apps.push(found);
        }
    }
}

fn role(text: &str) -> Option<Role> {
    let text = without_xml_comments(text);
    if text.contains("Aspire.AppHost.Sdk")
        || text.contains("Aspire.Hosting.AppHost")
        || text.contains("<IsAspireHost>true")
    {
        Some(Role::Host)
    } else if text.contains("Microsoft.NET.Sdk.Web\"") {
        Some(Role::Web)
    } else if text.contains("Microsoft.NET.Sdk.Worker\"") {
        Some(Role::Worker)
    } else {
        None
    }
}

/// `Shop.Api` of `src/Shop.Api/Shop.Api.csproj`
fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn found(
    listing: &Listing,
    project: &Project,
    watched: Option<Origin>,
    unsaid: &mut Vec<LeftOut>,
) -> Found {
    let root = folder(project.path);
    let because = Origin::file(
        project.path,
        match project.role {
            Role::Web => "a web project of .NET",
            Role::Worker => "a worker of .NET",
            Role::Host => "an Aspire host, which starts the projects and their stores",
        },
    );
    let kind = if project.role == Role::Worker {
        Kind::Worker
    } else {
        Kind::Backend
    };
    let last = stem(project.path).rsplit('.').next().unwrap_or_default();
    let mut service = DraftService::new(last.to_ascii_lowercase(), kind, because.clone());
    let codes = codes(listing, root);
    let (settings, profile) = profile(listing, root, unsaid);
    let mut words = vec!["dotnet".to_owned()];
    let mut reason = because.clone();
    if let Some(because) = watched {
        words.extend(["watch", "--non-interactive"].map(str::to_owned));
        reason = because;
    }
    words.push("run".to_owned());
    if let Some(profile) = &profile {
        words.extend(["--launch-profile".to_owned(), profile.name.clone()]);
    }
    if project.role == Role::Web {
        let fixed = fixed_port(&codes);
        let told = profile.as_ref().and_then(|profile| {
            let because = Origin::line(&settings, profile.line, "the address is set there");
            Some(because.says(profile.port?))
        });
        if fixed.is_none() {
            // It goes before the address of the profile, so another port can be given.
            let is_secure = profile
                .as_ref()
                .is_some_and(|it| it.is_secure && it.port.is_some());
            let scheme = if is_secure { "https" } else { "http" };
            words.extend(["--", "--urls"].map(str::to_owned));
            words.push(format!("{scheme}://localhost:{{port}}"));
        }
        let usual = || Origin::known("ASP.NET's usual port").says(5000);
        service.port = Some(fixed.or(told).unwrap_or_else(usual));
        service.ready = health(&codes);
        if let Some(page) = profile.as_ref().and_then(|profile| profile.page.as_ref()) {
            let because = Origin::line(
                &settings,
                profile.as_ref().and_then(|profile| profile.line),
                "the page that it opens",
            );
            service.links.push((
                page.clone(),
                because.says(crate::draft::plain(&format!("/{page}"))),
            ));
        }
    } else if let Some(profile) = profile.as_ref().filter(|_| project.role == Role::Host)
        && let Some(port) = profile.port
    {
        service.port =
            Some(Origin::line(&settings, profile.line, "the address of its dashboard").says(port));
    }
    service.directory = (!root.is_empty()).then(|| because.says(root.to_owned()));
    service.command = Some(reason.says(CommandLine::Words(words)));
    service.start_timeout =
        Some(Origin::known("the first start restores and compiles").says("5m".to_owned()));
    Found {
        service,
        root: root.to_owned(),
        framework: Some("aspnet"),
        ..Found::default()
    }
}

fn codes(listing: &Listing, root: &str) -> Vec<(String, String)> {
    let own = listing
        .under(root)
        .filter(|path| has_extension(path, "cs") || has_extension(path, "fs"));
    own.filter_map(|path| {
        Some((
            path.to_owned(),
            without_comments(listing.text(path)?, Syntax::SLASHES),
        ))
    })
    .collect()
}

/// The first profile that starts the project at an address without TLS, else the first that starts it.
fn profile(listing: &Listing, root: &str, unsaid: &mut Vec<LeftOut>) -> (String, Option<Profile>) {
    let file = join(root, "Properties/launchSettings.json");
    let Some(text) = listing.text(&file) else {
        return (file, None);
    };
    // Visual Studio reads it with comments.
    let code = without_comments(text, Syntax::SLASHES);
    let value: Value = match serde_json::from_str(&code) {
        Ok(value) => value,
        Err(error) => {
            unsaid.push(LeftOut {
                what: "launchSettings.json".to_owned(),
                file: Some(file.clone()),
                line: Some(error.line()),
                why: "it is not valid JSON, so its profiles are not known".to_owned(),
            });
            return (file, None);
        }
    };
    let profiles = value.get("profiles").and_then(Value::as_object);
    let mut read: Vec<Profile> = Vec::new();
    for (name, profile) in profiles.into_iter().flatten() {
        if profile.get("commandName").and_then(Value::as_str) != Some("Project") {
            continue;
        }
        let addresses = profile
            .get("applicationUrl")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let address = |scheme: &str| {
            let mut addresses = addresses.split(';');
            addresses.find_map(|address| address.trim().strip_prefix(scheme))
        };
        let plain = address("http://");
        let is_secure = plain.is_none();
        let port = plain
            .or_else(|| address("https://"))
            .and_then(|rest| rest.split('/').next()?.rsplit(':').next()?.parse().ok());
        let page = profile.get("launchUrl").and_then(Value::as_str);
        read.push(Profile {
            name: name.clone(),
            port: port.filter(|port| *port != 0),
            is_secure,
            line: line_with(text, addresses).filter(|_| !addresses.is_empty()),
            page: page
                .filter(|page| !page.contains("://") && !page.is_empty())
                .map(|page| page.trim_matches('/').to_owned()),
        });
    }
    let only_plain = |profile: &Profile| profile.name == "http";
    let at = read
        .iter()
        .position(only_plain)
        .or_else(|| read.iter().position(|profile| profile.port.is_some()))
        .unwrap_or(0);
    let chosen = (at < read.len()).then(|| read.swap_remove(at));
    (file, chosen)
}

/// An address that the source insists on.
fn fixed_port(codes: &[(String, String)]) -> Option<crate::draft::Sourced<u16>> {
    static FIXED: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?:\.Run\(|UseUrls\(|Urls\.Add\()\s*"http://[^":/]+:(\d{2,5})|\bListen(?:AnyIP|Localhost)\(\s*(\d{2,5})"#,
        )
    });
    codes.iter().find_map(|(file, code)| {
        let found = FIXED.captures(code)?;
        let number = found.iter().skip(1).flatten().next()?;
        let port = number.as_str().parse().ok().filter(|port| *port != 0)?;
        Some(Origin::line(file, line_at(code, number.start()), "it listens there").says(port))
    })
}

fn health(codes: &[(String, String)]) -> Option<crate::draft::Sourced<crate::draft::Ready>> {
    static CHECKS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"\bMapHealthChecks\(\s*"([^"]+)""#));
    static ROUTE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\bMapGet\(\s*"([^"]+)""#));
    static PREFIX: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"\b(?:MapGroup|UsePathBase)\(\s*"([^"]*)""#));
    let mapped = codes.iter().find_map(|(file, code)| {
        let path = CHECKS.captures(code)?.get(1)?;
        let because = Origin::line(file, line_at(code, path.start()), "its health page");
        let slash = if path.as_str().starts_with('/') {
            ""
        } else {
            "/"
        };
        Some(because.says(route::page(&format!("{slash}{}", path.as_str()))))
    });
    let sources = codes
        .iter()
        .map(|(path, code)| (path.as_str(), code.as_str()));
    mapped.or_else(|| route::health(sources, &ROUTE, Some(&PREFIX)))
}

/// Where the project itself starts its servers with `dotnet watch`.
fn watched(listing: &Listing) -> Option<Origin> {
    listing.texts().find_map(|(path, text)| {
        let name = file_name(path);
        let scripts = matches!(
            name,
            "Makefile" | "justfile" | "package.json" | "Taskfile.yml"
        ) || has_extension(name, "sh");
        let line = line_with(text, "dotnet watch").filter(|_| scripts)?;
        Some(Origin::line(
            path,
            line,
            "the project is run by dotnet watch",
        ))
    })
}
