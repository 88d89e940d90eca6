//! A compose healthcheck as what makes a service ready.

use super::{Project, ports::ports};
use crate::{
    draft::{DraftService, Http, Probe, Ready, Said, plain},
    import::{page::Page, tree::Node, units},
};

/// Where the command of a healthcheck runs.
pub(super) enum Inside<'a> {
    /// On this computer, beside the service.
    Here,
    /// In a container of this name.
    Container { engine: &'a str, name: &'a str },
}

impl Inside<'_> {
    /// The command that runs these words in it.
    pub(super) fn command(&self, words: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut command = match self {
            Self::Here => Vec::new(),
            Self::Container { engine, name } => {
                vec![(*engine).to_owned(), "exec".to_owned(), plain(name)]
            }
        };
        command.extend(words);
        command
    }
}

pub(super) fn ready(
    service: &DraftService,
    node: &Node,
    inside: &Inside<'_>,
    project: &Project<'_>,
    page: &mut Page,
) -> Option<Said<Ready>> {
    let check = node.get("healthcheck")?;
    if check.get("disable").and_then(Node::flag) == Some(true) {
        return None;
    }
    let asked = check.get("test")?;
    let words: Vec<String> = match asked.text() {
        Some(line) => vec!["CMD-SHELL".to_owned(), line.to_owned()],
        None => asked.list().iter().filter_map(Node::scalar).collect(),
    };
    let because = page.because(asked.line, "healthcheck");
    let probe = match words.split_first() {
        Some((first, rest)) if first == "CMD" => {
            let line = rest.join(" ");
            request(&line, service, node, project).unwrap_or_else(|| {
                Probe::Command(inside.command(rest.iter().map(|it| plain(&it.replace("$$", "$")))))
            })
        }
        Some((first, [line])) if first == "CMD-SHELL" => {
            let line = line.replace("$$", "$");
            request(&line, service, node, project).unwrap_or_else(|| {
                let shell = ["sh".to_owned(), "-c".to_owned(), plain(&line)];
                Probe::Command(inside.command(shell))
            })
        }
        _ => return None,
    };
    let time = |key: &str| {
        let text = check.get(key)?.scalar()?;
        units::duration(&text).filter(|it| units::seconds(it) > 0.0)
    };
    let failures = check.get("retries").and_then(Node::number);
    for key in ["start_interval"] {
        if let Some(node) = check.get(key) {
            let what = format!("{}: {key} = {}", service.name, node.shown());
            page.leave_out(
                node.line,
                what,
                "before it is ready, it is asked many times a second",
            );
        }
    }
    Some(
        because.says(Ready {
            probes: vec![probe],
            every: time("interval"),
            timeout: time("timeout"),
            failures: failures
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number > 0),
        }),
    )
}

/// Options of curl and wget that do not change what is asked.
const SIMPLE: [&str; 27] = [
    "-f",
    "-fs",
    "-sf",
    "-s",
    "-S",
    "-fsS",
    "-sS",
    "-q",
    "-qO-",
    "-O",
    "-o",
    "-",
    "/dev/null",
    "-I",
    "--fail",
    "--silent",
    "--show-error",
    "--spider",
    "--quiet",
    "--no-verbose",
    "-nv",
    "--tries=1",
    "-t",
    "1",
    "-L",
    "--head",
    "-k",
];

/// What a well-known client asks, as a probe of the same meaning.
fn request(
    line: &str,
    service: &DraftService,
    node: &Node,
    project: &Project<'_>,
) -> Option<Probe> {
    let line = line.split("||").next()?.trim();
    let words = shell_words::split(line).ok()?;
    let program = words.first()?.rsplit('/').next()?;
    let main = service.port.as_ref().map(|said| said.value);
    let outside = |inside: u16| -> Option<String> {
        let published = ports(node, &project.known);
        let port = published.iter().find(|port| port.inside == Some(inside));
        let outside = port.and_then(|port| port.outside);
        match (outside, main) {
            (Some(port), Some(main)) if port == main => Some("{port}".to_owned()),
            (None, Some(main)) if main == inside => Some("{port}".to_owned()),
            (Some(port), _) => Some(port.to_string()),
            // Nobody outside of the container sees it.
            (None, _) => None,
        }
    };
    match program {
        "curl" | "wget" => {
            let mut address = None;
            for word in &words[1..] {
                if !SIMPLE.contains(&word.as_str()) && address.replace(word).is_some() {
                    return None;
                }
            }
            let address = address?;
            let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
            let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
            let is_here =
                ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", &*service.name].contains(&name);
            if !is_here || path.contains('$') || scheme != "http" {
                return None;
            }
            let port = outside(port.parse().ok()?)?;
            let url = if port == "{port}" {
                plain(path)
            } else {
                format!("http://localhost:{port}{}", plain(path))
            };
            Some(Probe::Http(Http {
                url,
                ..Http::default()
            }))
        }
        "nc" => {
            let port = words.last()?.parse().ok()?;
            let port = outside(port)?;
            Some(Probe::Tcp(format!("localhost:{port}")))
        }
        "redis-cli" | "valkey-cli"
            if words
                .last()
                .is_some_and(|it| it.eq_ignore_ascii_case("ping")) =>
        {
            let mut asked = words[1..words.len() - 1].iter();
            let mut password = String::new();
            while let Some(word) = asked.next() {
                match word.as_str() {
                    "-h" | "-p" => drop(asked.next()),
                    "--raw" | "--no-auth-warning" => {}
                    "-a" | "--pass" => {
                        let given = asked.next().filter(|it| !it.contains('$'))?;
                        password = format!(":{}@", plain(given));
                    }
                    _ => return None,
                }
            }
            main?;
            Some(Probe::Redis(format!(
                "redis://{password}localhost:{{port}}/0"
            )))
        }
        _ => None,
    }
}
