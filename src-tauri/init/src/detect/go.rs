//! Go: the main packages of a module that serve, started by `go run`, or by air where the project
//! is set up for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::{Captures, Regex};

use super::{
    Finds, Found, Listing, ancestors, file_name, folder, join, line_at,
    port::Port,
    route,
    source::{Syntax, has_extension, pattern, port_in, without_comments},
    variables,
};
use crate::draft::{CommandLine, DraftService, Kind, Origin};

/// A module: its folder, and the code of its files.
struct Module<'a> {
    listing: &'a Listing,
    root: &'a str,
    codes: BTreeMap<&'a str, String>,
}

/// More programs than one module serves with: such a module is of examples.
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
            codes
                .entry(root)
                .or_default()
                .insert(path, without_comments(text, Syntax::SLASHES));
        }
    }
    for (root, codes) in codes {
        Module {
            listing,
            root,
            codes,
        }
        .find(finds);
    }
}

fn is_main(code: &str) -> bool {
    static MAIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^func main\(\)"));
    code.lines().any(|line| line.trim_end() == "package main") && MAIN.is_match(code)
}

/// A call by which a program serves, with the package that has it where the name alone is no proof.
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
        let own: Vec<&str> = programs
            .keys()
            .copied()
            .filter(|own| serving.contains(own))
            .take(AT_MOST)
            .collect();
        let chosen: Vec<&str> = if !own.is_empty() {
            own
        } else if !serving.is_empty() {
            // The serving is done by a package of the module: by the program that is called so.
            let usual = ["server", "api", "web", "app", "http", "serve"];
            let rank = |own: &&str| {
                let name = file_name(own);
                (
                    usual
                        .iter()
                        .position(|usual| *usual == name)
                        .unwrap_or(usual.len()),
                    own.len(),
                )
            };
            programs
                .keys()
                .copied()
                .min_by_key(rank)
                .into_iter()
                .collect()
        } else {
            Vec::new()
        };
        let health = self.health();
        for (own, main) in &programs {
            let is_worker =
                file_name(own).contains("worker") || file_name(own).contains("consumer");
            if chosen.contains(own) {
                let mut found = self.found(own, main, chosen.len() > 1, Kind::Backend);
                found.service.ready.clone_from(&health);
                finds.unsaid.extend(route::without_port(&found.service));
                finds.apps.push(found);
            } else if is_worker {
                finds.apps.push(self.found(own, main, true, Kind::Worker));
            }
        }
    }

    fn found(&self, own: &str, main: &str, several: bool, kind: Kind) -> Found {
        let line = self
            .codes
            .get(main)
            .and_then(|code| Some(line_at(code, code.find("func main()")?)));
        let framework = self.framework();
        let because = Origin::line(main, line, "a program of Go that serves");
        let because = if kind == Kind::Worker {
            Origin {
                text: "a program of Go that works in the background".to_owned(),
                ..because
            }
        } else {
            because
        };
        let within = own
            .strip_prefix(self.root)
            .unwrap_or(own)
            .trim_start_matches('/');
        let target = if within.is_empty() {
            ".".to_owned()
        } else {
            format!("./{within}")
        };
        let air = self.air(within).filter(|_| kind == Kind::Backend);
        let (mut words, reason) = if let Some(because) = air {
            (vec!["air".to_owned()], because)
        } else {
            let manifest = Origin::file(join(self.root, "go.mod"), "a module of Go");
            (vec!["go".to_owned(), "run".to_owned(), target], manifest)
        };
        let name = match (several, file_name(own), file_name(self.root)) {
            (true, name, _) | (_, name, "") if !matches!(name, "" | "cmd" | "main" | "src") => {
                name.to_owned()
            }
            (_, _, "") => if kind == Kind::Worker {
                "worker"
            } else {
                "backend"
            }
            .to_owned(),
            (_, _, name) => name.to_owned(),
        };
        let mut service = DraftService::new(name, kind, because);
        let mut reads_port = false;
        if kind == Kind::Backend
            && let Some(port) = self.port(own)
        {
            if let Some(option) = &port.option
                && words[0] == "go"
            {
                words.extend([option.clone(), "{port}".to_owned()]);
            }
            reads_port = port.settle(&mut service);
        }
        service.directory = (!self.root.is_empty()).then(|| reason.says(self.root.to_owned()));
        service.command = Some(reason.says(CommandLine::Words(words)));
        service.start_timeout =
            Some(Origin::known("the first start compiles").says("5m".to_owned()));
        let manifest = self
            .listing
            .text(&join(self.root, "go.mod"))
            .unwrap_or_default();
        if !manifest.contains("godotenv") && !manifest.contains("viper") {
            service
                .env_file
                .extend(variables::file_for(self.listing, &[self.root]));
        }
        Found {
            service,
            root: self.root.to_owned(),
            framework: Some(framework),
            reads_port,
            asks: Vec::new(),
        }
    }

    fn framework(&self) -> &'static str {
        let manifest = self
            .listing
            .text(&join(self.root, "go.mod"))
            .unwrap_or_default();
        [
            ("gin-gonic/gin", "gin"),
            ("labstack/echo", "echo"),
            ("gofiber/fiber", "fiber"),
            ("go-chi/chi", "chi"),
        ]
        .into_iter()
        .find_map(|(path, name)| manifest.contains(path).then_some(name))
        .unwrap_or("go")
    }

    /// The settings of air, if they build this program and air is there, or nothing is known of it.
    fn air(&self, within: &str) -> Option<Origin> {
        let path = join(self.root, ".air.toml");
        let text = self.listing.text(&path)?;
        let builds = text
            .lines()
            .find(|line| line.trim_start().starts_with("cmd"));
        let names = |line: &str| {
            let target = line
                .rsplit(char::is_whitespace)
                .find(|word| word.starts_with('.'));
            let target = target.map(|word| word.trim_matches(['"', '\'', '.', '/']).to_owned());
            target.is_none_or(|target| target == within)
        };
        let fits = builds.is_none_or(names);
        let line = builds.and_then(|line| super::line_with(text, line));
        (fits && self.listing.host.has("air"))
            .then(|| Origin::line(path, line, "the project is run by air"))
    }

    /// The codes of the program itself first, then those of the rest of the module.
    fn ordered<'s>(&'s self, own: &'s str) -> impl Iterator<Item = (&'s str, &'s str)> + 's {
        let all = move |inside: bool| {
            let fits = move |path: &&&str| (folder(path) == own) == inside;
            self.codes
                .iter()
                .filter(move |(path, _)| fits(path))
                .map(|(path, code)| (*path, code.as_str()))
        };
        all(true).chain(all(false))
    }

    fn port(&self, own: &str) -> Option<Port> {
        let find = |read: fn(&str, &str) -> Option<Port>| {
            self.ordered(own).find_map(|(path, code)| read(path, code))
        };
        let port = find(flag)
            .or_else(|| find(variable))
            .or_else(|| find(defaulted))
            .or_else(|| find(written))
            .or_else(|| find(of_framework))?;
        let set = port.variable.as_ref().and_then(|name| {
            [self.root, ""]
                .into_iter()
                .find_map(|folder| variables::in_force(self.listing, folder, name))
        });
        let Some(set) = set else {
            return Some(port);
        };
        match set.value.trim_start_matches(':').parse() {
            Ok(number) if number != 0 => Some(Port {
                number,
                because: Origin::line(set.file, set.line, "the port is set there"),
                ..port
            }),
            _ => Some(port),
        }
    }

    fn health(&self) -> Option<crate::draft::Sourced<crate::draft::Ready>> {
        static ROUTE: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"\.(?:GET|Get|HandleFunc|Handle|Any|All)\(\s*"(?:GET )?(/[^"]*)""#)
        });
        static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"\.(?:Group|Route|PathPrefix|Mount|StripPrefix)\(\s*"([^"]*)""#)
        });
        let sources = self.codes.iter().map(|(path, code)| (*path, code.as_str()));
        route::health(sources, &ROUTE, Some(&PREFIX))
    }
}

fn port_of(file: &str, code: &str, found: &Captures, why: &str) -> Option<Port> {
    let number = found.iter().skip(1).flatten().last()?;
    Some(Port {
        number: number.as_str().parse().ok().filter(|port| *port != 0)?,
        variable: None,
        option: None,
        because: Origin::line(file, line_at(code, number.start()), why),
    })
}

fn written(file: &str, code: &str) -> Option<Port> {
    static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r#"(?:ListenAndServe(?:TLS)?\(|\bAddr:|\.Run\(|\.Start\(|\.Listen\(|\bnet\.Listen\(\s*"tcp[46]?",)\s*"[^":\n]*:(\d{2,5})""#,
            r#"|\b(?:[Pp]ort|addr|Addr|listenAddr)\s*:?=\s*"?(?:[\w.]*:)?(\d{3,5})"?"#,
        ))
    });
    port_of(file, code, &WRITTEN.captures(code)?, "it listens there")
}

/// `flag.String("port", "8080", …)`, `flag.IntVar(&port, "port", 8080, …)`
fn flag(file: &str, code: &str) -> Option<Port> {
    static FLAG: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"\bflag\.(?:String|Int|Uint)(?:Var)?\((?:&[\w.]+,\s*)?"(\w*port)",\s*"?:?(\d{2,5})"?"#,
        )
    });
    let found = FLAG.captures(code)?;
    let option = format!("-{}", found.get(1)?.as_str());
    let port = port_of(file, code, &found, "the port is an option there")?;
    Some(Port {
        option: Some(option),
        ..port
    })
}

/// `Flags().IntP("port", "p", 8081, …)` of cobra, `&cli.IntFlag{Name: "port", Value: 8081}`, and viper's
/// `SetDefault("server.port", 8081)`. Which command takes the option is not known here.
fn defaulted(file: &str, code: &str) -> Option<Port> {
    static DEFAULT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r#"\.(?:String|Int|Uint)\w*\((?:&[\w.]+,\s*)?"[\w-]*(?:port|addr|listen)"\s*,\s*(?:"\w?"\s*,\s*)?"?(?:[\w.]*:)?(\d{2,5})\b"#,
            r#"|Name:\s*"[\w-]*port"[^}]{0,200}?\bValue:\s*"?:?(\d{2,5})\b"#,
            r#"|SetDefault\(\s*"[\w.]*port"\s*,\s*"?:?(\d{2,5})\b"#,
        ))
    });
    port_of(
        file,
        code,
        &DEFAULT.captures(code)?,
        "the port is an option there",
    )
}

/// `os.Getenv("PORT")` and what stands in for it, or a field with `env:"PORT"` and a default.
fn variable(file: &str, code: &str) -> Option<Port> {
    static FIELD: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"`[^`\n]*(?:env|envconfig):"(\w*PORT)[^"]*"[^`\n]*(?:envDefault|default|env-default):"(\d{2,5})"|`[^`\n]*(?:envDefault|default|env-default):"(\d{2,5})"[^`\n]*(?:env|envconfig):"(\w*PORT)"#,
        )
    });
    static QUOTED: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"=\s*"?:?(\d{3,5})"?\b|"localhost:(\d{3,5})""#));
    static READ: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#"(?i:getenv|lookupenv|get_?env\w*|envor\w*)\(\s*"(\w*PORT)"\s*(,[^)\n]*)?\)"#)
    });
    if let Some(found) = FIELD.captures(code) {
        let groups = (found.get(1), found.get(2), found.get(3), found.get(4));
        let ((Some(name), Some(number), ..) | (_, _, Some(number), Some(name))) = groups else {
            return None;
        };
        return Some(Port {
            number: number.as_str().parse().ok().filter(|port| *port != 0)?,
            variable: Some(name.as_str().to_owned()),
            option: None,
            because: Origin::line(
                file,
                line_at(code, number.start()),
                "the port is read there",
            ),
        });
    }
    READ.captures_iter(code).take(16).find_map(|found| {
        let (whole, name) = (found.get(0)?, found.get(1)?);
        let given = found.get(2).and_then(|given| port_in(given.as_str()));
        // `if port == "" { port = "8080" }` on the lines that follow.
        let following = || {
            let mut end = code.len().min(whole.end() + 200);
            while !code.is_char_boundary(end) {
                end -= 1;
            }
            let after = &code[whole.end()..end];
            let found = QUOTED.captures(after)?;
            found.iter().skip(1).flatten().next()?.as_str().parse().ok()
        };
        Some(Port {
            number: given.or_else(following)?,
            variable: Some(name.as_str().to_owned()),
            option: None,
            because: Origin::line(file, line_at(code, name.start()), "the port is read there"),
        })
    })
}

/// Gin without an argument: `PORT`, or 8080.
fn of_framework(file: &str, code: &str) -> Option<Port> {
    static RUN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\w+\.Run\(\)"));
    let run = RUN.find(code).filter(|_| code.contains("gin-gonic/gin"))?;
    Some(Port {
        number: 8080,
        variable: Some("PORT".to_owned()),
        option: None,
        because: Origin::line(file, line_at(code, run.start()), "Gin's usual port"),
    })
}
