//! Health pages, by the routes that source names. Only a page whose whole path is certain: a wrong one would keep a
//! healthy service from becoming ready.

use super::{
    app::App,
    frameworks::{self, Language, Pattern},
    listing::line_at,
    python::health_rank,
    source::{is_comment, pattern, without_comments},
};
use crate::draft::{LeftOut, Origin, Probe, Ready, Sourced, plain};

/// Returns the surest health page among the texts of an app.
pub(super) fn page(app: &App<'_>) -> Option<Sourced<Ready>> {
    let pages = frameworks::TABLE.language.iter().filter_map(|language| {
        let own = app.texts.iter().filter(|(path, text)| {
            let may_say =
                language.name != "javascript" || text.contains("health") || text.contains("ping");
            language.has(path) && may_say
        });
        let files: Vec<(&str, String)> = own
            .map(|(path, text)| (*path, without_comments(text, language.comments)))
            .collect();
        let is_uncertain = |word: &String| {
            app.texts
                .iter()
                .any(|(_, text)| text.contains(word.as_str()))
        };
        if files.is_empty() || language.unless.iter().any(is_uncertain) {
            return None;
        }
        if app.framework == Some("@nestjs/core") && language.name == "javascript" {
            return of_nest(app, &files);
        }
        in_files(language, &files)
    });
    let best = pages.min_by_key(|(rank, _)| *rank);
    best.map(|(_, page)| page)
}

type Page = (u8, Sourced<Ready>);

fn in_files(language: &'static Language, files: &[(&str, String)]) -> Option<Page> {
    let paths = |pattern: &'static Pattern| {
        files.iter().flat_map(move |(file, code)| {
            let found = pattern.captures_iter(code).take(256);
            found.filter_map(move |found| {
                let path = found.get(1)?;
                let is_whole = !path.as_str().contains(['{', ':', '*', '<', '$', ' ']);
                (is_whole && !is_comment(code, path.start())).then_some((*file, code, path))
            })
        })
    };
    let said = |file: &str, code: &str, path: regex::Match| {
        let because = Origin::line(file, line_at(code, path.start()), "its health page");
        because.says(ready(&format!(
            "/{}",
            path.as_str().trim_start_matches('/')
        )))
    };
    // What a framework itself calls a health page.
    if let Some((file, code, path)) = language.health.iter().flat_map(paths).next() {
        return Some((0, said(file, code, path)));
    }
    let has_prefix = |code: &str| {
        language.prefix.iter().any(|prefix| {
            let mut prefixes = prefix.captures_iter(code).filter_map(|found| found.get(1));
            prefixes.any(|found| !matches!(found.as_str(), "" | "/"))
        })
    };
    let nowhere = language.prefix.is_some() && !files.iter().any(|(_, code)| has_prefix(code));
    let is_certain = |code: &str| {
        nowhere || (language.serves.iter().any(|word| code.contains(word)) && !has_prefix(code))
    };
    let routes = language
        .route
        .iter()
        .flat_map(paths)
        .filter_map(|(file, code, path)| {
            let rank = health_rank(path.as_str()).filter(|_| is_certain(code))?;
            Some((rank, said(file, code, path)))
        });
    routes.min_by_key(|(rank, _)| *rank)
}

/// A controller of Nest, with the prefix that the application gives to all of them.
fn of_nest(app: &App<'_>, files: &[(&str, String)]) -> Option<Page> {
    let controller = pattern(r#"@Controller\(\s*["'`]([\w/-]+)["'`]"#);
    let found = files.iter().find_map(|(file, code)| {
        let mut found = controller
            .captures_iter(code)
            .filter_map(|found| found.get(1));
        let page = found.find(|page| health_rank(page.as_str()).is_some())?;
        Some((
            page.as_str(),
            Origin::line(*file, line_at(code, page.start()), "its health page"),
        ))
    });
    let (page, because) = found?;
    let set = pattern(r"setGlobalPrefix\(([^)]*)\)");
    let prefix = app.texts.iter().find_map(|(_, text)| set.captures(text));
    let prefix = prefix.map_or(String::new(), |found| found[1].trim().to_owned());
    // With more arguments than the prefix, some pages are without it; a name has an unknown value.
    let prefix = prefix.trim_matches(['\'', '"', '`']).trim_matches('/');
    let is_plain = prefix
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/-_".contains(c));
    let path = format!("/{prefix}/{}", page.trim_matches('/')).replace("//", "/");
    is_plain.then(|| (0, because.says(ready(&path))))
}

/// Returns the readiness of a service that is ready when this page answers.
pub(super) fn ready(path: &str) -> Ready {
    Probe::page(plain(path)).into()
}

/// Returns the readiness of a service that is ready when a line of its output matches.
pub(super) fn log(pattern: &str) -> Ready {
    Probe::Log(pattern.to_owned()).into()
}

/// Returns the note that a server's port was not found.
pub(super) fn without_port(service: &crate::draft::DraftService) -> Option<LeftOut> {
    service.port.is_none().then(|| {
        let what = format!("the port of `{}`", service.name);
        let why =
            "the source does not name it; without it, the service counts as ready when it runs";
        LeftOut::new(what, &service.because, why)
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        detect::{Host, Listing, look},
        draft::Probe,
    };

    /// Returns the page by which the only service of a project becomes ready.
    fn page_of(files: &[(&str, &str)]) -> Option<String> {
        let mut listing = Listing::new("x", Host::default());
        for (path, text) in files {
            listing.add(*path, Some(text));
        }
        let draft = look(&listing);
        assert_eq!(draft.services.len(), 1);
        match &draft.services[0].ready.as_ref()?.value.probes[..] {
            [Probe::Http(page)] => Some(page.url.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_prefix_elsewhere_leaves_the_routes_of_the_server_itself() {
        let main = "package main\nfunc main() {\n\tmux.HandleFunc(\"/healthz\", ok)\n\thttp.ListenAndServe(\":8080\", mux)\n}\n";
        let other = "package api\nfunc routes(r Router) { r.Group(\"/api\").GET(\"/ping\", x) }\n";
        let files = [
            ("go.mod", "module x\n"),
            ("main.go", main),
            ("api/a.go", other),
        ];
        assert_eq!(page_of(&files).as_deref(), Some("/healthz"));
        let moved = main.replace("mux.Handle", "r.Group(\"/api\").Handle");
        assert_eq!(
            page_of(&[("go.mod", "module x\n"), ("main.go", &moved)]),
            None
        );
    }

    #[test]
    fn a_page_of_spring_that_a_setting_moves_is_not_certain() {
        let build = "plugins { id 'org.springframework.boot' }\n";
        let main = "@SpringBootApplication\npublic class App {}\n";
        let page = "@RestController\npublic class H { @GetMapping(\"/health\") String h() {} }\n";
        let settings = "server.servlet.context-path=/shop\n";
        let mut files = vec![
            ("build.gradle", build),
            ("src/main/java/App.java", main),
            ("src/main/java/H.java", page),
        ];
        assert_eq!(page_of(&files).as_deref(), Some("/health"));
        files.push(("src/main/resources/application.properties", settings));
        assert_eq!(page_of(&files), None);
    }
}
