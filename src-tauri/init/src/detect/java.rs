//! Java and Kotlin: Spring Boot, Quarkus, Micronaut and Ktor, started by Maven or Gradle through the wrapper that the
//! project brings.

mod settings;

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use self::settings::Settings;
use super::{
    Finds, Found, Listing, System, ancestors, folder,
    frameworks::{self, Framework},
    health, join, line_at, line_with, named, port,
    python::from,
    source::{Syntax, has_extension, pattern, port_in, without_comments},
};
use crate::draft::{Kind, Origin, Ready, Sourced};

/// A module: a folder with a build file of its own.
struct Module<'a> {
    listing: &'a Listing,
    root: &'a str,
    build: &'a str,
    is_maven: bool,
    /// The build file without its comments.
    declared: String,
    settings: Settings,
    /// The file of the class that is the application, and the line.
    main: Option<(&'a str, usize)>,
}

/// Finds the applications.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let mut builds: BTreeMap<&str, &str> = BTreeMap::new();
    for name in ["build.gradle", "build.gradle.kts", "pom.xml"] {
        builds.extend(listing.named(name).map(|path| (folder(path), path)));
    }
    let mut mains: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (path, text) in listing.texts() {
        let is_source = has_extension(path, "java") || has_extension(path, "kt");
        let Some(main) = is_source.then(|| main_of(text)).flatten() else {
            continue;
        };
        if let Some(root) = ancestors(folder(path)).find(|folder| builds.contains_key(folder)) {
            mains.entry(root).or_insert((path, main));
        }
    }
    for (root, build) in builds {
        let text = listing.text(build).unwrap_or_default();
        let is_maven = build.ends_with("pom.xml");
        let module = Module {
            listing,
            root,
            build,
            is_maven,
            declared: if is_maven {
                without_comments(text, Syntax::Xml)
            } else {
                without_comments(text, Syntax::Slashes)
            },
            settings: Settings::read(listing, root),
            main: mains.get(root).copied(),
        };
        finds
            .apps
            .extend(module.framework().map(|framework| module.found(framework)));
    }
}

/// Returns the line that makes a class the application.
fn main_of(text: &str) -> Option<usize> {
    static MAIN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"@SpringBootApplication|\bMicronaut\.(?:run|build)\(|\bembeddedServer\(|\bEngineMain\b|@QuarkusMain",
        )
    });
    MAIN.find(text)?;
    let code = without_comments(text, Syntax::Slashes);
    MAIN.find(&code).map(|found| line_at(&code, found.start()))
}

impl Module<'_> {
    fn declares(&self, text: &str) -> bool {
        self.declared.contains(text)
    }

    fn framework(&self) -> Option<&'static Framework> {
        // A parent only passes versions on.
        if self.is_maven && self.declares("<packaging>pom</packaging>") {
            return None;
        }
        let is_quarkus = || {
            let marks = r#"quarkus-maven-plugin|id("io.quarkus")|id 'io.quarkus'"#;
            !self.settings.is_empty() || marks.split('|').any(|mark| self.declares(mark))
        };
        let mut named = frameworks::of_language("java").filter(|row| {
            let is_ready = if row.name == "quarkus" {
                is_quarkus()
            } else {
                self.main.is_some()
            };
            !row.dependency.is_empty() && self.declares(&row.dependency) && is_ready
        });
        let spring = || {
            frameworks::of_language("java")
                .find(|row| row.dependency.is_empty() && self.main.is_some())
        };
        named.next().or_else(spring)
    }

    fn found(&self, framework: &'static Framework) -> Found {
        let text = format!("a {} application", framework.title);
        let because = match self.main {
            Some((file, line)) => Origin::line(file, line, text),
            None => Origin::line(self.build, line_with(&self.declared, &framework.name), text),
        };
        let name = named(self.root, "backend");
        let mut found = Found::new(name, Kind::Backend, self.root, because);
        let (words, directory) = self.command(framework);
        let by_build = Origin::file(self.build, "the build file");
        found.runs(&by_build, directory, words);
        let in_setting = self.settings.get(&framework.setting).and_then(|set| {
            let because = Origin::line(&set.file, set.line, "sets the port");
            let mut port = port::Port::new(port_in(&set.value)?, because);
            port.variable = set.value.contains("PORT").then(|| "PORT".to_owned());
            Some(port)
        });
        let in_main = || {
            let (file, _) = self.main?;
            let code = without_comments(self.listing.text(file)?, Syntax::Slashes);
            port::in_sources(frameworks::language("java"), &[(file, &code)])
        };
        let usual = || framework.port(self.listing, self.root);
        if let Some(mut port) = in_setting.or_else(in_main).or_else(usual) {
            // The variable of the framework takes precedence over its setting.
            port.variable = framework.variable.clone().or(port.variable);
            found.reads_port = port.settle(&mut found.service);
        }
        found.compiles(Some("10m"));
        found.service.ready = self.health(framework);
        found
    }

    /// Returns the words, and the folder in which they run.
    fn command(&self, framework: &Framework) -> (Vec<String>, &str) {
        let (script, end, program) = if self.is_maven {
            ("mvnw", ".cmd", "mvn")
        } else {
            ("gradlew", ".bat", "gradle")
        };
        let above_with =
            |name: &str| ancestors(self.root).find(|folder| self.listing.has(&join(folder, name)));
        // Gradle's tasks belong to the whole build, which is where its settings are.
        let settings = ["settings.gradle", "settings.gradle.kts"].map(above_with);
        let top = settings
            .into_iter()
            .flatten()
            .max_by_key(|folder| folder.len());
        let top = top.filter(|_| !self.is_maven).unwrap_or(self.root);
        let run = match above_with(script).map(|at| from(top, &join(at, script))) {
            None => program.to_owned(),
            Some(path) => {
                let here = if path.starts_with('.') { "" } else { "./" };
                let path = format!("{here}{path}");
                match self.listing.host.system {
                    System::Windows => path.replace('/', "\\") + end,
                    _ => path,
                }
            }
        };
        if self.is_maven {
            return (vec![run, framework.maven.clone()], top);
        }
        let within = self.root.strip_prefix(top).unwrap_or(self.root);
        let task = match within.trim_matches('/').replace('/', ":").as_str() {
            "" => framework.gradle.clone(),
            within => format!(":{within}:{}", framework.gradle),
        };
        // Without the option, Gradle draws a bar into the log.
        (vec![run, task, "--console=plain".to_owned()], top)
    }

    /// Returns the health page that a dependency adds.
    fn health(&self, framework: &Framework) -> Option<Sourced<Ready>> {
        let health = framework.health.as_ref()?;
        let setting = |name: &str| Some(self.settings.get(name)?.value.trim_end_matches('/'));
        // On a port of its own, the page does not answer at the service's.
        if !self.declares(&health.dependency) || setting(&health.unless).is_some() {
            return None;
        }
        let before = health.before.iter().find_map(|name| setting(name));
        let base = setting(&health.base_setting).unwrap_or(&health.base);
        let path = format!("{}{base}{}", before.unwrap_or_default(), health.page);
        let line = line_with(&self.declared, &health.dependency);
        let text = format!("`{}` has a health page", health.dependency);
        let because = Origin::line(self.build, line, text);
        // The value of a placeholder is not known here.
        (path.starts_with('/') && !path.contains(['$', '@']))
            .then(|| because.says(health::ready(&path)))
    }
}
