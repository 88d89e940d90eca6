//! Go: the main packages of a module that serve, started by `go run`, or by air where the project is set up for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use super::{
    Finds, Found, Listing, ancestors, file_name, folder, frameworks, has_word,
    health::without_port,
    join, line_at, line_with, port, rank_in,
    source::{Syntax, has_extension, pattern, without_comments},
    variables,
};
use crate::draft::{Kind, Origin};

/// A module: its folder, its manifest, and the code of its files.
struct Module<'a> {
    listing: &'a Listing,
    root: &'a str,
    manifest: &'a str,
    codes: BTreeMap<&'a str, String>,
}

/// The programs of one module that become services. A module with more has examples.
const AT_MOST: usize = 12;

/// Finds the programs that serve.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    let roots: Vec<&str> = listing.named("go.mod").map(folder).collect();
    let mut codes: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (path, text) in listing
        .texts()
        .filter(|(path, _)| has_extension(path, "go"))
    {
        if let Some(root) = ancestors(folder(path)).find(|folder| roots.contains(folder)) {
            let code = without_comments(text, Syntax::Slashes);
            codes.entry(root).or_default().insert(path, code);
        }
    }
    for (root, codes) in codes {
        let manifest = listing.text(&join(root, "go.mod")).unwrap_or_default();
        Module {
            listing,
            root,
            manifest,
            codes,
        }
        .find(finds);
    }
}

fn is_main(code: &str) -> bool {
    static MAIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^func main\(\)"));
    code.lines().any(|line| line.trim_end() == "package main") && MAIN.is_match(code)
}

/// Whether code serves: a call that does, or a call of a framework that has a common name.
fn serves(code: &str) -> bool {
    static SERVES: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\bListenAndServe(?:TLS)?\(|\bhttp\.Server\{|\bhttp\.Serve\(|\bnet\.Listen\(|\bfasthttp\.|\bgrpc\.NewServer\(",
        )
    });
    static FRAMEWORK: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"gin-gonic/gin|labstack/echo|gofiber/fiber|go-chi/chi|gorilla/mux|beego|gobuffalo/buffalo",
        )
    });
    static RUNS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\.(?:Run|Start|Listen)\("));
    SERVES.is_match(code) || (FRAMEWORK.is_match(code) && RUNS.is_match(code))
}

impl Module<'_> {
    fn find(&self, finds: &mut Finds) {
        let mut programs: BTreeMap<&str, &str> = BTreeMap::new();
        let mut serving: BTreeSet<&str> = BTreeSet::new();
        for (path, code) in &self.codes {
            if is_main(code) {
                programs.insert(folder(path), path);
            }
            if serves(code) {
                serving.insert(folder(path));
            }
        }
        let own = programs.keys().copied().filter(|own| serving.contains(own));
        let mut chosen: Vec<&str> = own.take(AT_MOST).collect();
        if chosen.is_empty() && !serving.is_empty() {
            // A package of the module serves: the program with the most usual name uses it.
            let usual = "server api web app http serve";
            let rank = |own: &&str| (rank_in(usual, file_name(own)), own.len());
            chosen.extend(programs.keys().copied().min_by_key(rank));
        }
        for (own, main) in &programs {
            let name = file_name(own);
            let is_worker = name.contains("worker") || name.contains("consumer");
            if chosen.contains(own) {
                let found = self.found(own, main, chosen.len() > 1, Kind::Backend);
                finds.unsaid.extend(without_port(&found.service));
                finds.apps.push(found);
            } else if is_worker {
                finds.apps.push(self.found(own, main, true, Kind::Worker));
            }
        }
    }

    fn found(&self, own: &str, main: &str, several: bool, kind: Kind) -> Found {
        let is_server = kind == Kind::Backend;
        let code = self.codes.get(main).map_or("", String::as_str);
        let line = code.find("func main()").map(|at| line_at(code, at));
        let because = Origin::line(
            main,
            line,
            if is_server {
                "a Go server"
            } else {
                "a Go worker"
            },
        );
        let name = match (several, file_name(own), file_name(self.root)) {
            (true, name, _) | (_, name, "") if !matches!(name, "" | "cmd" | "main" | "src") => name,
            (_, _, "") if is_server => "backend",
            (_, _, "") => "worker",
            (_, _, name) => name,
        };
        let mut found = Found::new(name, kind, self.root, because);
        let within = own
            .strip_prefix(self.root)
            .unwrap_or(own)
            .trim_start_matches('/');
        let air = self.air(within).filter(|_| is_server);
        let mut words = match (&air, within) {
            (Some(_), _) => vec!["air".to_owned()],
            (None, "") => ["go", "run", "."].map(str::to_owned).to_vec(),
            (None, _) => vec!["go".to_owned(), "run".to_owned(), format!("./{within}")],
        };
        if let Some(port) = self.port(own).filter(|_| is_server) {
            if let Some(option) = port.option.clone().filter(|_| air.is_none()) {
                words.extend([option, "{port}".to_owned()]);
            }
            found.reads_port = port.settle(&mut found.service);
        }
        let manifest = || Origin::file(join(self.root, "go.mod"), "a Go module");
        found.runs(&air.unwrap_or_else(manifest), self.root, words);
        found.compiles(Some("5m"));
        if !self.manifest.contains("godotenv") && !self.manifest.contains("viper") {
            found
                .service
                .env_file
                .extend(variables::file_for(self.listing, &[self.root]));
        }
        found
    }

    /// Returns the reason that air runs this program: its settings build it, or name no program.
    fn air(&self, within: &str) -> Option<Origin> {
        let path = join(self.root, ".air.toml");
        let text = self.listing.text(&path)?;
        let builds = text
            .lines()
            .find(|line| line.trim_start().starts_with("cmd"));
        let target = builds.and_then(|line| {
            let mut words = line.rsplit(char::is_whitespace);
            words.find(|word| word.starts_with('.'))
        });
        let fits = target.is_none_or(|target| target.trim_matches(['"', '\'', '.', '/']) == within);
        let line = builds.and_then(|line| line_with(text, line));
        (fits && self.listing.host.has("air"))
            .then(|| Origin::line(path, line, "air runs the project"))
    }

    /// Returns the port that the files of the program name, else the rest of the module.
    fn port(&self, own: &str) -> Option<port::Port> {
        let language = frameworks::language("go");
        let port = port::in_codes(language, &self.codes, |path| folder(path) == own);
        let port = port.or_else(|| self.port_in_settings())?;
        Some(port.in_force(self.listing, &[self.root, ""]))
    }

    /// Returns the port in the settings of the server: `http: { port: 8000 }` in `config/config.yml`.
    fn port_in_settings(&self) -> Option<port::Port> {
        static SETTING: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r#"(?mx)^(?:
                (?:http|server|app|api|web|rest)\w*:[\x20\t]*\n (?:[\x20\t]+[^\n]*\n){0,12}? [\x20\t]+\w*(?:port|addr|address):
                | \[(?:http|server|app|api|web|rest)\w*\][\x20\t]*\n (?:[^\[\n][^\n]*\n){0,12}? [\x20\t]*\w*(?:port|addr|address)[\x20\t]*=
                | (?:http_?|server_?|app_?)?(?:port|addr|address)[\x20\t]*[:=]
                )[\x20\t]*["']?(?:[\w.]*:)?(\d{2,5})\b"#,
            )
        });
        let readers = ["viper", "yaml", "toml", "koanf", "cleanenv"];
        if !readers.iter().any(|reader| self.manifest.contains(reader)) {
            return None;
        }
        let mut files: Vec<&str> = self.listing.under(self.root).collect();
        files.retain(|path| {
            let within = folder(path)[self.root.len()..].trim_start_matches('/');
            let mut ends = ["yml", "yaml", "toml"].iter();
            has_word("config configs conf etc", within) && ends.any(|end| has_extension(path, end))
                || within.is_empty() && file_name(path).starts_with("config.")
        });
        files.sort_by_key(|path| path.contains("example"));
        files.into_iter().find_map(|file| {
            let text = self.listing.text(file)?;
            let number = SETTING.captures(text)?.get(1)?;
            let line = line_at(text, number.start());
            let because = Origin::line(file, line, "the setting of the server");
            Some(port::Port::new(number.as_str().parse().ok()?, because))
        })
    }
}
