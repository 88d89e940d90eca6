//! .NET: web and worker projects, started by `dotnet run` with the launch profile that needs no certificate.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde::Deserialize;

use super::{
    Finds, Found, Listing, file_name, folder, frameworks, join, line_with, port, port_of,
    source::{Syntax, has_extension, pattern, without_comments},
};
use crate::{
    draft::{Kind, LeftOut, Origin, plain},
    import::resolve,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Web,
    Worker,
    /// Of Aspire: starts the other projects.
    Host,
}

/// The keys of `launchSettings.json` that matter here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LaunchSettings {
    profiles: BTreeMap<String, Profile>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Profile {
    command_name: String,
    application_url: String,
    launch_url: String,
}

impl Profile {
    /// Returns the port of the first address with this scheme.
    fn port(&self, scheme: &str) -> Option<u16> {
        let mut addresses = self.application_url.split(';');
        let rest = addresses.find_map(|address| address.trim().strip_prefix(scheme))?;
        port_of(rest.split('/').next()?.rsplit(':').next()?)
    }

    /// Returns the port of the first address, one without TLS first.
    fn any_port(&self) -> Option<u16> {
        self.port("http://").or_else(|| self.port("https://"))
    }
}

/// Finds the projects that run.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let is_project = |path: &str| {
        ["csproj", "fsproj", "vbproj"]
            .iter()
            .any(|end| has_extension(path, end))
    };
    let projects = listing.texts().filter(|(path, _)| is_project(path));
    let projects = projects.filter_map(|(path, text)| Some((path, role(text)?)));
    let projects: Vec<(&str, Role)> = projects.collect();
    // The host gives its projects their addresses and starts the stores that they need.
    let has_host = projects.iter().any(|(_, role)| *role == Role::Host);
    let watched = watched(listing);
    for (path, _) in projects.iter().filter(|(_, role)| *role == Role::Host) {
        let why = "the Aspire host starts it";
        let folders = frontends(listing, folder(path)).into_iter();
        let folders = folders.map(|folder| (folder, why.to_owned()));
        finds.started.extend(folders);
    }
    for (path, role) in projects {
        if has_host && role != Role::Host {
            let what = format!("the project {}", stem(path));
            finds.leave_out(what, &Origin::file(path, ""), "the Aspire host starts it");
        } else {
            let found = found(listing, path, role, watched.as_ref(), &mut finds.unsaid);
            finds.apps.push(found);
        }
    }
}

/// Returns the folders of the JavaScript applications that a host starts:
/// `AddViteApp("web", "../web")`.
fn frontends(listing: &Listing, root: &str) -> Vec<String> {
    static ADDS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"\.Add\w*App\([^;]*?"(\.{1,2}[\\/][^"]+)""#));
    let sources = listing.under(root).filter(|path| has_extension(path, "cs"));
    let texts = sources.filter_map(|path| listing.text(path));
    let folders = texts.flat_map(|text| {
        let added = ADDS.captures_iter(text);
        added.filter_map(|found| resolve(root, &found[1]))
    });
    folders.collect()
}

fn role(text: &str) -> Option<Role> {
    let text = without_comments(text, Syntax::Xml);
    let marks = [
        ("Aspire.AppHost.Sdk", Role::Host),
        ("Aspire.Hosting.AppHost", Role::Host),
        ("<IsAspireHost>true", Role::Host),
        ("Microsoft.NET.Sdk.Web\"", Role::Web),
        ("Microsoft.NET.Sdk.Worker\"", Role::Worker),
    ];
    marks
        .into_iter()
        .find_map(|(mark, role)| text.contains(mark).then_some(role))
}

/// Returns `Shop.Api` of `src/Shop.Api/Shop.Api.csproj`.
fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn found(
    listing: &Listing,
    path: &str,
    role: Role,
    watched: Option<&Origin>,
    unsaid: &mut Vec<LeftOut>,
) -> Found {
    let root = folder(path);
    let (kind, text) = match role {
        Role::Web => (Kind::Backend, "a .NET web project"),
        Role::Worker => (Kind::Worker, "a .NET worker"),
        Role::Host => (
            Kind::Backend,
            "an Aspire host, which starts the projects and their stores",
        ),
    };
    let because = Origin::file(path, text);
    let name = stem(path)
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let mut found = Found::new(name, kind, root, because.clone());
    let file = join(root, "Properties/launchSettings.json");
    let profile = profile(listing, &file, unsaid);
    let mut words = vec!["dotnet".to_owned()];
    if watched.is_some() {
        words.extend(["watch", "--non-interactive"].map(str::to_owned));
    }
    words.push("run".to_owned());
    if let Some((name, _, _)) = &profile {
        words.extend(["--launch-profile".to_owned(), name.clone()]);
    }
    let told = profile.as_ref().and_then(|(_, profile, line)| {
        let text = match role {
            Role::Host => "the address of its dashboard",
            _ => "sets the address",
        };
        Some(Origin::line(&file, *line, text).says(profile.any_port()?))
    });
    if role == Role::Host {
        found.service.port = told;
    } else if role == Role::Web {
        // A port in the source takes precedence over the profile and over `--urls`.
        let fixed = port_in_source(listing, root);
        if fixed.is_none() {
            let addresses = profile
                .as_ref()
                .map(|(_, profile, _)| &profile.application_url);
            let is_secure = addresses.is_some_and(|it| !it.contains("http://") && told.is_some());
            let scheme = if is_secure { "https" } else { "http" };
            let urls = format!("{scheme}://localhost:{{port}}");
            words.extend(["--", "--urls", &urls].map(str::to_owned));
        }
        let usual = || Origin::known("ASP.NET's usual port").says(5000);
        found.service.port = Some(fixed.or(told).unwrap_or_else(usual));
        if let Some((_, profile, line)) = profile {
            let page = profile.launch_url.trim_matches('/');
            if !profile.launch_url.is_empty() && !page.contains("://") {
                let address = Origin::line(&file, line, "the page that it opens");
                let address = address.says(plain(&format!("/{page}")));
                found.service.links.push((page.to_owned(), address));
            }
        }
    }
    found.runs(watched.unwrap_or(&because), root, words);
    found.compiles(Some("5m"));
    found
}

/// Returns the first profile that starts the project at an address without TLS, else the first with an address, else the
/// first, with its name and its line.
fn profile(
    listing: &Listing,
    file: &str,
    unsaid: &mut Vec<LeftOut>,
) -> Option<(String, Profile, Option<usize>)> {
    let text = listing.text(file)?;
    // Visual Studio reads it with comments.
    let settings: LaunchSettings =
        match serde_json::from_str(&without_comments(text, Syntax::Slashes)) {
            Ok(settings) => settings,
            Err(error) => {
                let place = Origin::line(file, error.line(), "");
                let why = "it is not valid, so its profiles are unknown";
                unsaid.push(LeftOut::new("launchSettings.json", &place, why));
                return None;
            }
        };
    let mut profiles: Vec<(String, Profile)> = settings.profiles.into_iter().collect();
    profiles.retain(|(_, profile)| profile.command_name == "Project");
    profiles.sort_by_key(|(name, it)| (name != "http", it.any_port().is_none()));
    let (name, profile) = profiles.into_iter().next()?;
    let line =
        line_with(text, &profile.application_url).filter(|_| !profile.application_url.is_empty());
    Some((name, profile, line))
}

/// Returns the port that the source of a project sets by itself.
fn port_in_source(listing: &Listing, root: &str) -> Option<crate::draft::Sourced<u16>> {
    let language = frameworks::language("csharp");
    let mut files = listing.under(root).filter(|path| language.has(path));
    files.find_map(|path| {
        let code = without_comments(listing.text(path)?, language.comments);
        let port = port::in_sources(language, &[(path, &code)])?;
        Some(port.because.says(port.number?))
    })
}

/// Returns the line by which the project itself starts its servers with `dotnet watch`.
fn watched(listing: &Listing) -> Option<Origin> {
    listing.texts().find_map(|(path, text)| {
        let name = file_name(path);
        let is_script = matches!(
            name,
            "Makefile" | "justfile" | "package.json" | "Taskfile.yml"
        );
        let line =
            line_with(text, "dotnet watch").filter(|_| is_script || has_extension(name, "sh"))?;
        Some(Origin::line(path, line, "`dotnet watch` runs the project"))
    })
}
