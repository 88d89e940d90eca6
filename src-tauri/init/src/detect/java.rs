//! Java and Kotlin: Spring Boot, Quarkus, Micronaut and Ktor, started by Maven or Gradle through
//! the wrapper that the project brings.

mod settings;

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use self::settings::Settings;
use super::{
    Finds, Found, Listing, System, ancestors, file_name, folder, join, line_with,
    python::from,
    route,
    source::{
        Syntax, arguments, has_extension, keyword, pattern, without_comments, without_xml_comments,
    },
};
use crate::draft::{CommandLine, DraftService, Kind, Origin};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framework {
    Spring,
    Quarkus,
    Micronaut,
    Ktor,
}

/// What tells one framework from the others, and how it is asked for things.
struct Ways {
    name: &'static str,
    title: &'static str,
    /// The goal of Maven, the task of Gradle.
    maven: &'static str,
    gradle: &'static str,
    /// The setting of its port, and the variable that goes before it.
    port: &'static str,
    variable: Option<&'static str>,
}

impl Framework {
    const fn ways(self) -> Ways {
        match self {
            Self::Spring => Ways {
                name: "spring-boot",
                title: "Spring Boot",
                maven: "spring-boot:run",
                gradle: "bootRun",
                port: "server.port",
                variable: Some("SERVER_PORT"),
            },
            Self::Quarkus => Ways {
                name: "quarkus",
                title: "Quarkus",
                maven: "quarkus:dev",
                gradle: "quarkusDev",
                port: "quarkus.http.port",
                variable: Some("QUARKUS_HTTP_PORT"),
            },
            Self::Micronaut => Ways {
                name: "micronaut",
                title: "Micronaut",
                maven: "mn:run",
                gradle: "run",
                port: "micronaut.server.port",
                variable: Some("MICRONAUT_SERVER_PORT"),
            },
            Self::Ktor => Ways {
                name: "ktor",
                title: "Ktor",
                maven: "exec:java",
                gradle: "run",
                port: "ktor.deployment.port",
                variable: None,
            },
        }
    }
}

/// A module: a folder with a build file of its own.
struct Module<'a> {
    listing: &'a Listing,
    root: &'a str,
    build: String,
    is_maven: bool,
    /// The build file without its comments.
    declared: String,
    settings: Settings,
}

/// Finds the applications.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let mut roots: BTreeMap<&str, (String, bool)> = BTreeMap::new();
    for (name, is_maven) in [
        ("build.gradle", false),
        ("build.gradle.kts", false),
        ("pom.xml", true),
    ] {
        for path in listing.named(name) {
            roots.insert(folder(path), (path.to_owned(), is_maven));
        }
    }
    let mut mains: BTreeMap<&str, (String, usize)> = BTreeMap::new();
    for (path, text) in listing.texts() {
        let is_source = has_extension(path, "java") || has_extension(path, "kt");
        let Some(main) = is_source.then(|| main_of(text)).flatten() else {
            continue;
        };
        if let Some(root) = ancestors(folder(path)).find(|folder| roots.contains_key(folder)) {
            mains.entry(root).or_insert((path.to_owned(), main));
        }
    }
    for (root, (build, is_maven)) in &roots {
        let text = listing.text(build).unwrap_or_default();
        let declared = if *is_maven {
            without_xml_comments(text)
        } else {
            without_comments(text, Syntax::SLASHES)
        };
        let module = Module {
            listing,
            root,
            build: build.clone(),
            is_maven: *is_maven,
            settings: Settings::read(listing, root),
            declared,
        };
        if let Some(found) = module.found(mains.get(root)) {
            finds.apps.push(found);
        }
    }
}

/// The line that makes a class the application.
fn main_of(text: &str) -> Option<usize> {
    static MAIN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"@SpringBootApplication|\bMicronaut\.(?:run|build)\(|\bembeddedServer\(|\bEngineMain\b|@QuarkusMain",
        )
    });
    if ![
        "Spring",
        "icronaut",
        "embeddedServer",
        "EngineMain",
        "Quarkus",
    ]
    .iter()
    .any(|word| text.contains(word))
    {
        return None;
    }
    let code = without_comments(text, Syntax::SLASHES);
    MAIN.find(&code)
        .map(|found| super::line_at(&code, found.start()))
}

impl Module<'_> {
    fn framework(&self, has_main: bool) -> Option<Framework> {
        let names = |text: &str| self.declared.contains(text);
        // A parent only passes versions on.
        let is_parent = self.is_maven && self.declared.contains("<packaging>pom</packaging>");
        if is_parent {
            None
        } else if names("io.quarkus")
            && (!self.settings.is_empty()
                || names("quarkus-maven-plugin")
                || names("id(\"io.quarkus\")")
                || names("id 'io.quarkus'"))
        {
            Some(Framework::Quarkus)
        } else if names("io.micronaut") && has_main {
            Some(Framework::Micronaut)
        } else if names("io.ktor") && has_main {
            Some(Framework::Ktor)
        } else if has_main {
            Some(Framework::Spring)
        } else {
            None
        }
    }

    fn found(&self, main: Option<&(String, usize)>) -> Option<Found> {
        let framework = self.framework(main.is_some())?;
        let ways = framework.ways();
        let because = match main {
            Some((file, line)) => {
                Origin::line(file, *line, format!("a {} application", ways.title))
            }
            None => Origin::line(
                &self.build,
                line_with(&self.declared, ways.name),
                format!("a {} application", ways.title),
            ),
        };
        let (words, directory) = self.command(&ways);
        let name = match file_name(self.root) {
            "" => "backend".to_owned(),
            name => name.to_owned(),
        };
        let mut service = DraftService::new(name, Kind::Backend, because);
        let reason = Origin::file(&self.build, "says how it is built");
        service.command = Some(reason.says(CommandLine::Words(words)));
        service.directory = (!directory.is_empty()).then(|| reason.says(directory.to_owned()));
        let (port, because, reads_port) = self.port(framework, &ways, main);
        service.port = Some(because.says(port));
        if let Some(variable) = ways.variable {
            let because = Origin::known(format!("tells {} its port", ways.title));
            service
                .env
                .push((variable.to_owned(), because.says("{port}".to_owned())));
        }
        service.start_timeout =
            Some(Origin::known("the first start downloads and compiles").says("10m".to_owned()));
        service.ready = self.health(framework);
        Some(Found {
            service,
            root: self.root.to_owned(),
            framework: Some(ways.name),
            reads_port,
            asks: Vec::new(),
        })
    }

    /// The words, and the folder in which they run.
    fn command(&self, ways: &Ways) -> (Vec<String>, &str) {
        let windows = self.listing.host.system == System::Windows;
        let (script, windows_script, program) = if self.is_maven {
            ("mvnw", "mvnw.cmd", "mvn")
        } else {
            ("gradlew", "gradlew.bat", "gradle")
        };
        let wrapper = ancestors(self.root).find(|folder| self.listing.has(&join(folder, script)));
        // Gradle's tasks belong to the whole build, which stands where its settings are.
        let top = ancestors(self.root)
            .find(|folder| {
                !self.is_maven
                    && ["settings.gradle", "settings.gradle.kts"]
                        .iter()
                        .any(|name| self.listing.has(&join(folder, name)))
            })
            .unwrap_or(self.root);
        let run = match wrapper {
            None => program.to_owned(),
            Some(at) => {
                let script = join(at, if windows { windows_script } else { script });
                let path = from(top, &script);
                let path = if path.starts_with('.') {
                    path
                } else {
                    format!("./{path}")
                };
                if windows {
                    path.replace('/', "\\")
                } else {
                    path
                }
            }
        };
        let task = if self.is_maven {
            ways.maven.to_owned()
        } else {
            let within = self
                .root
                .strip_prefix(top)
                .unwrap_or(self.root)
                .trim_matches('/');
            if within.is_empty() {
                ways.gradle.to_owned()
            } else {
                format!(":{}:{}", within.replace('/', ":"), ways.gradle)
            }
        };
        let mut words = vec![run, task];
        if !self.is_maven {
            // Else a bar is drawn into the log.
            words.push("--console=plain".to_owned());
        }
        (words, top)
    }

    fn port(
        &self,
        framework: Framework,
        ways: &Ways,
        main: Option<&(String, usize)>,
    ) -> (u16, Origin, bool) {
        if let Some(set) = self.settings.get(ways.port)
            && let Some(number) = super::source::port_in(&set.value)
        {
            let reads_port = ways.variable.is_none() && set.value.contains("PORT");
            return (
                number,
                Origin::line(&set.file, set.line, "the port is set there"),
                reads_port,
            );
        }
        if framework == Framework::Ktor
            && let Some((file, _)) = main
        {
            let code =
                without_comments(self.listing.text(file).unwrap_or_default(), Syntax::SLASHES);
            let call = code
                .find("embeddedServer(")
                .map(|at| at + "embeddedServer".len());
            let said = call.and_then(|open| keyword(arguments(&code, open), "port"));
            if let Some(number) = said.and_then(super::source::port_in) {
                let line = line_with(&code, "embeddedServer(");
                let reads_port = said.is_some_and(|said| said.contains("\"PORT\""));
                return (
                    number,
                    Origin::line(file, line, "it listens there"),
                    reads_port,
                );
            }
        }
        (
            8080,
            Origin::known(format!("{}'s usual port", ways.title)),
            false,
        )
    }

    fn health(&self, framework: Framework) -> Option<crate::draft::Sourced<crate::draft::Ready>> {
        let declares = |name: &str| {
            self.declared.contains(name).then(|| {
                Origin::line(
                    &self.build,
                    line_with(&self.declared, name),
                    format!("`{name}` has a health page"),
                )
            })
        };
        let setting = |name: &str| {
            self.settings
                .get(name)
                .map(|set| set.value.trim_end_matches('/').to_owned())
        };
        let (path, because) = match framework {
            Framework::Spring => {
                let because = declares("spring-boot-starter-actuator")?;
                // On a port of its own, the page is not asked at the service's.
                if setting("management.server.port").is_some() {
                    return None;
                }
                let context = setting("server.servlet.context-path")
                    .or_else(|| setting("spring.webflux.base-path"))
                    .unwrap_or_default();
                let base =
                    setting("management.endpoints.web.base-path").unwrap_or("/actuator".to_owned());
                (format!("{context}{base}/health"), because)
            }
            Framework::Quarkus => {
                let because = declares("quarkus-smallrye-health")?;
                let root = setting("quarkus.http.root-path").unwrap_or_default();
                (format!("{root}/q/health"), because)
            }
            Framework::Micronaut => ("/health".to_owned(), declares("micronaut-management")?),
            Framework::Ktor => return None,
        };
        // What is filled in while it starts is not known here.
        (path.starts_with('/') && !path.contains(['$', '@']))
            .then(|| because.says(route::page(&path)))
    }
}
