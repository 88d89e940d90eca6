//! The processes of a project that run now, as the services of a file: each with the command that a user types, and
//! the ports, connections and variables that it really has.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use pilotlight::{
    effects::port::{RunningProcess, connections},
    fs::redact::redact,
    stack::Need,
};

use super::{
    SourceFile, Tool, command,
    commands::{begins, wished_name},
    identity::{self, Program, base_name},
};
use crate::{
    detect::{Listing, has_word, is_in, pattern, stores, variables_of},
    draft::{DraftService, Kind, LeftOut, Origin, plain, service_name},
};

/// The running processes by PID.
type Processes = BTreeMap<u32, RunningProcess>;

/// The maximum number of generations that are followed.
const GENERATIONS: usize = 64;

/// Ports of debuggers, which are not the port of a service.
pub(crate) const DEBUGGERS: [u16; 3] = [5678, 9229, 9230];

/// Returns the services of the project in `root` that run now. `variables` is the environment of this process.
pub(crate) fn read(
    processes: &Processes,
    root: &Path,
    listing: &Listing,
    variables: &BTreeMap<String, String>,
) -> SourceFile {
    let mut project = Project {
        processes,
        root,
        listing,
        variables,
        callers: BTreeSet::new(),
        leaders: BTreeSet::new(),
        services: Vec::new(),
        names: BTreeSet::new(),
        file: SourceFile::new(Tool::Running, "running processes"),
    };
    project.callers = project.lineage(std::process::id()).collect();
    project.leaders = project.leaders();
    for leader in project.leaders.clone() {
        project.service(leader);
    }
    project.needs();
    project.file
}

struct Project<'a> {
    processes: &'a Processes,
    root: &'a Path,
    listing: &'a Listing,
    variables: &'a BTreeMap<String, String>,
    /// This process and its ancestors.
    callers: BTreeSet<u32>,
    /// The first process of each service.
    leaders: BTreeSet<u32>,
    /// The services with the PID of their first process.
    services: Vec<(u32, DraftService)>,
    names: BTreeSet<String>,
    file: SourceFile,
}

impl Project<'_> {
    /// Returns a process and its ancestors.
    fn lineage(&self, pid: u32) -> impl Iterator<Item = u32> {
        let parent = |pid: &u32| self.processes.get(pid)?.parent;
        std::iter::successors(Some(pid), parent).take(GENERATIONS)
    }

    /// Returns whether a process or one of its ancestors works in the project.
    fn is_inside(&self, pid: u32) -> bool {
        self.lineage(pid).any(|pid| {
            let Some(process) = self.processes.get(&pid) else {
                return false;
            };
            let places = [&process.directory, &process.program];
            let mut places = places.into_iter().flatten();
            !process.is_tool && places.any(|place| place.starts_with(self.root))
        })
    }

    /// Returns the first process of each service: it works, and none of its ancestors does.
    fn leaders(&self) -> BTreeSet<u32> {
        let works: BTreeSet<u32> = self
            .processes
            .iter()
            .filter(|(pid, process)| {
                let is_own = !self.callers.contains(pid) && !process.is_tool;
                is_own && self.is_inside(**pid) && self.works(process)
            })
            .map(|(pid, _)| *pid)
            .collect();
        let leads = |pid: &&u32| !self.lineage(**pid).skip(1).any(|it| works.contains(&it));
        works.iter().filter(leads).copied().collect()
    }

    /// Returns whether a process listens, or is a worker of the project.
    fn works(&self, process: &RunningProcess) -> bool {
        let is_worker = |program: &Program| {
            program.kind == Kind::Worker
                || (program.entry.is_some() && has_word("node go", &program.class))
        };
        let is_shell = Shell::of(process).is_some();
        let programs = self.programs(process);
        let is_worker = !is_shell
            && matches!(&programs[..], [only] if begins(only, self.listing) && is_worker(only));
        is_worker || !process.listens.is_empty()
    }

    fn programs(&self, process: &RunningProcess) -> Vec<Program> {
        identity::of_words(&typed(process), &self.folder(process), self.listing, 0)
    }

    /// Returns the working folder of a process, relative to the project if it is inside.
    fn folder(&self, process: &RunningProcess) -> String {
        let folder = process.directory.as_deref().unwrap_or(self.root);
        let folder = folder.strip_prefix(self.root).unwrap_or(folder);
        folder.to_string_lossy().replace('\\', "/")
    }

    /// Returns the process that a user has started: the highest ancestor of a leader that starts only this service.
    fn started(&self, leader: u32) -> u32 {
        let is_shared = |pid: u32| {
            let mut others = self.leaders.iter().filter(|other| **other != leader);
            others.any(|other| self.lineage(*other).any(|it| it == pid))
        };
        let mut started = leader;
        for pid in self.lineage(leader).skip(1) {
            let Some(process) = self.processes.get(&pid) else {
                break;
            };
            let shell = Shell::of(process);
            let is_outside = process.is_tool || self.callers.contains(&pid) || !self.is_inside(pid);
            if is_outside || shell == Some(Shell::Interactive) || is_shared(pid) {
                break;
            }
            // A runner starts its commands with `sh -c`. The title of pnpm has no script.
            let is_title = matches!(&typed(process)[..], [only] if is_in("managers", only));
            if !is_title && shell != Some(Shell::Line) {
                started = pid;
            }
        }
        started
    }

    fn service(&mut self, leader: u32) {
        let members = self.members(leader);
        let started = self.started(leader);
        let mut process = self.processes[&started].clone();
        // npm runs a script in the folder of its package, whatever folder npm was started in.
        if is_npm_title(&process) {
            process
                .directory
                .clone_from(&self.processes[&leader].directory);
        }
        let process = &process;
        let because = Origin::known(format!("runs now as PID {started}"));
        let words = self.relative(&typed(process), process);
        let programs = self.programs(process);
        let mut program = match &programs[..] {
            [only] => only.clone(),
            _ => Program {
                folder: self.folder(process),
                ..Program::default()
            },
        };
        let listens = members.iter().flat_map(|pid| &self.processes[pid].listens);
        let listens: BTreeSet<u16> = listens.copied().collect();
        let (command, named) = command::words(&words);
        let own = self.processes[&leader].listens.iter().chain(&listens);
        let own = own.copied().filter(|port| !DEBUGGERS.contains(port));
        let usual = [named, program.said_port, program.port].into_iter();
        let mut ports = usual.flatten().chain(own);
        let port = ports.find(|port| listens.contains(port));
        if port.is_none() {
            program.kind = Kind::Worker;
        }
        let name = match program.class.strip_prefix("store-") {
            Some(store) => store.to_owned(),
            None if program.class.is_empty() && program.folder.is_empty() => {
                // A script of a shell, or the program.
                let word = words.get(usize::from(Shell::of(process).is_some()));
                let file = base_name(word.map_or("", String::as_str));
                file.split('.').next().unwrap_or(file).to_owned()
            }
            None => wished_name(&program),
        };
        let name = service_name(&name, &mut self.names);
        let what = format!("`{name}` (PID {started})");
        let is_title = process.argv.len() == 1 && process.argv[0].contains(": ");
        if is_title || words.is_empty() {
            self.unsaid(what, "the system does not tell its command line");
            return;
        }
        let mut service = DraftService::new(name, program.kind, because.clone());
        service.command = Some(because.says(command));
        let line = shell_words::join(&words);
        let masked = redact(&line);
        if masked != line {
            let words = shell_words::split(&masked).unwrap_or_default();
            service.command = Some(because.says(command::words(&words).0));
            let why = "its command line contains a secret, which is not written";
            self.unsaid(what, why);
        }
        let folder = self.folder(process);
        service.runs_in(&plain(&folder), &because);
        service.port = port.map(|port| because.says(port));
        self.environment(&mut service, process);
        if process.environment.is_empty() {
            let what = format!("the environment of `{}`", service.name);
            self.unsaid(what, "the system does not tell it");
        }
        self.services.push((leader, service));
    }

    /// Returns the processes of a service.
    fn members(&self, leader: u32) -> BTreeSet<u32> {
        let all = self.processes.keys().copied();
        all.filter(|pid| self.lineage(*pid).any(|it| it == leader))
            .collect()
    }

    /// Adds the variables that differ from this environment and from the files of the project.
    fn environment(&self, service: &mut DraftService, process: &RunningProcess) {
        let set = variables_of(self.listing, service.folder());
        let because = service.because.clone();
        for (name, value) in &process.environment {
            let is_own = is_in("own_variables", name) || name.starts_with("npm_");
            let is_known = self.variables.get(name) == Some(value) || set.get(name) == Some(value);
            if is_own || is_known || name.starts_with("PILOTLIGHT_") {
                continue;
            }
            let assignment = format!("{name}={value}");
            if redact(&assignment) == assignment {
                service.env.push((name.clone(), because.says(plain(value))));
            } else {
                service.require.env.push(because.says(name.clone()));
            }
        }
    }

    /// Adds dependencies by the connections that the services have to one another and to stores.
    fn needs(&mut self) {
        let mut services = std::mem::take(&mut self.services);
        let ports = services
            .iter()
            .filter_map(|(_, service)| Some((service.port.as_ref()?.value, service.name.clone())));
        let mut names: BTreeMap<u16, String> = ports.collect();
        let because = Origin::known("a connection to it is open");
        for (leader, service) in &mut services {
            let own = service.port.as_ref().map(|said| said.value);
            let ports = match connections(&self.members(*leader)) {
                Ok(ports) => ports,
                Err(error) => {
                    let what = format!("the connections of `{}`", service.name);
                    let why = match error.kind() {
                        io::ErrorKind::Unsupported => "this system does not tell them".to_owned(),
                        _ => error.to_string(),
                    };
                    self.unsaid(what, &why);
                    continue;
                }
            };
            for port in ports.into_iter().filter(|port| Some(*port) != own) {
                let name = match names.get(&port) {
                    Some(name) => name.clone(),
                    None => match self.outside(port, &service.name) {
                        Some(name) => names.entry(port).or_insert(name).clone(),
                        None => continue,
                    },
                };
                service.need(&name, Need::Ready, &because);
            }
        }
        for (_, service) in &mut services {
            for (_, said) in &mut service.env {
                for (port, name) in names.iter().filter(|(_, name)| **name != service.name) {
                    let address = pattern(&format!(r"(localhost|127\.0\.0\.1):{port}\b"));
                    let with_name = format!("${{1}}:{{{name}.port}}");
                    said.value = address.replace_all(&said.value, with_name).into_owned();
                }
            }
        }
        self.file
            .services
            .extend(services.into_iter().map(|(_, service)| service));
    }

    /// Adds the store outside of the project that listens on a port, and returns its name.
    fn outside(&mut self, port: u16, client: &str) -> Option<String> {
        let program = self.listing.host.listening.get(&port)?;
        let Some(store) = stores::of_listener(port, program.as_deref()) else {
            let what = format!("port {port}, to which `{client}` is connected");
            self.unsaid(what, "its program is not part of the project");
            return None;
        };
        let name = service_name(&store.name, &mut self.names);
        let because = Origin::known("it runs outside of the project");
        let mut external = DraftService::new(&name, Kind::Store, because.clone());
        external.port = Some(because.says(port));
        external.external = Some(because);
        self.file.services.push(external);
        Some(name)
    }

    fn unsaid(&mut self, what: String, why: &str) {
        let because = Origin::default();
        let left_out = LeftOut::new(what, &because, why);
        self.file.unsaid.push(left_out);
    }

    /// Returns the words with paths in the project relative to the folder of the process.
    fn relative(&self, words: &[String], process: &RunningProcess) -> Vec<String> {
        let here = process.directory.as_deref().unwrap_or(self.root);
        let words = words.iter().enumerate().map(|(at, word)| {
            let path = Path::new(word);
            match path.strip_prefix(here) {
                Ok(short) if !short.as_os_str().is_empty() => {
                    short.to_string_lossy().replace('\\', "/")
                }
                _ if at == 0 && path.is_absolute() && !path.starts_with(self.root) => {
                    base_name(word).to_owned()
                }
                _ => word.clone(),
            }
        });
        words.collect()
    }
}

/// What a shell runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shell {
    /// What a user types.
    Interactive,
    /// The line of `sh -c`.
    Line,
    /// The file of `sh dev.sh`.
    Script,
}

impl Shell {
    fn of(process: &RunningProcess) -> Option<Self> {
        let [program, rest @ ..] = &process.argv[..] else {
            return None;
        };
        let is_shell = is_in("shells", base_name(program).trim_start_matches('-'));
        is_shell.then(|| match rest.first().map(String::as_str) {
            Some("-c" | "/c" | "/C") => Self::Line,
            // `/d` and `/k` are options of cmd.
            Some(word) if !word.starts_with('-') && (word.len() > 2 || !word.starts_with('/')) => {
                Self::Script
            }
            _ => Self::Interactive,
        })
    }
}

/// Returns the words that a user types for a process: without the interpreter of a script, and without a title.
fn typed(process: &RunningProcess) -> Vec<String> {
    let argv = &process.argv;
    let words: Vec<String> = match &argv[..] {
        // npm and Redis replace their command line by a title.
        [title] if title.contains(' ') && !title.contains(": ") => {
            let mut words: Vec<String> = title.split_whitespace().map(str::to_owned).collect();
            let option = words.iter().position(|word| word.starts_with('-'));
            if let Some(option) = option.filter(|_| is_npm_title(process)) {
                words.insert(option, "--".to_owned());
            }
            words
        }
        _ => argv.clone(),
    };
    let [first, second, rest @ ..] = &words[..] else {
        return words;
    };
    if let Some((_, port)) = second.rsplit_once(':').filter(|_| words.len() < 4)
        && has_word("redis-server valkey-server", base_name(first))
    {
        let words = [base_name(first), "--port", port];
        return words.map(str::to_owned).to_vec();
    }
    if !is_in(
        "interpreters",
        base_name(first).trim_end_matches(|it: char| it.is_ascii_digit() || it == '.'),
    ) {
        return words;
    }
    let path = second.replace('\\', "/");
    let script = base_name(&path);
    let stem = script
        .split('.')
        .next()
        .unwrap_or(script)
        .trim_end_matches("-cli");
    let start = if is_in("managers", stem) || stem == "npx" {
        vec![stem.to_owned()]
    } else if path.contains("/node_modules/.bin/") {
        vec!["npx".to_owned(), stem.to_owned()]
    } else if (path.contains("/bin/") || path.contains("/Scripts/")) && !script.contains('.') {
        vec![second.clone()]
    } else {
        return words;
    };
    [start, rest.to_vec()].concat()
}

/// Returns whether the command line of a process is a title of npm, which has the script and its arguments but no
/// options of npm.
fn is_npm_title(process: &RunningProcess) -> bool {
    matches!(&process.argv[..], [title] if title.starts_with("npm "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(argv: &[&str]) -> RunningProcess {
        RunningProcess {
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            ..RunningProcess::default()
        }
    }

    #[test]
    fn a_command_line_becomes_what_a_user_types() {
        for (argv, expected) in [
            (&["npm run dev --port 81"][..], "npm run dev -- --port 81"),
            (&["node", "/usr/bin/npm", "run", "dev"], "npm run dev"),
            (
                &[
                    r"C:\nodejs\node.exe",
                    r"C:\nodejs\npm\bin\npm-cli.js",
                    "start",
                ],
                "npm start",
            ),
            (
                &["node", "/x/node_modules/.bin/vite", "--host"],
                "npx vite --host",
            ),
            (
                &["/x/.venv/bin/python3.12", "/x/.venv/bin/uvicorn", "a:b"],
                "/x/.venv/bin/uvicorn a:b",
            ),
            (&["python3", "-m", "http.server"], "python3 -m http.server"),
            (&["redis-server 127.0.0.1:6380"], "redis-server --port 6380"),
            (
                &["redis-server", "--port", "6380"],
                "redis-server --port 6380",
            ),
            (&["node", "server.js"], "node server.js"),
        ] {
            assert_eq!(typed(&process(argv)).join(" "), expected, "{argv:?}");
        }
    }

    #[test]
    fn only_shells_that_run_a_line_or_a_script_are_runners() {
        let is = |argv: &[&str]| Shell::of(&process(argv));
        assert!(is(&["-zsh"]) == Some(Shell::Interactive));
        assert!(is(&["/bin/bash", "--init-file", "x"]) == Some(Shell::Interactive));
        assert!(is(&["sh", "-c", "vite"]) == Some(Shell::Line));
        assert!(is(&[r"C:\Windows\System32\cmd.exe", "/c", "vite"]) == Some(Shell::Line));
        assert!(is(&["bash", "./dev.sh"]) == Some(Shell::Script));
        assert!(is(&["node", "-c"]).is_none());
    }

    #[test]
    fn a_secret_in_a_command_line_is_masked() {
        let root = Path::new("/p");
        let mut process = process(&["node", "server.js", "--password", "hunter22x"]);
        process.directory = Some(root.to_owned());
        process.listens.insert(4100);
        process.environment = BTreeMap::from([("API_KEY".to_owned(), "hunter22x".to_owned())]);
        let listing = Listing::new("p", crate::detect::Host::default());
        let processes = Processes::from([(4_000_000, process)]);
        let file = read(&processes, root, &listing, &BTreeMap::new());
        let shown = format!("{file:?}");
        assert!(
            shown.contains("server.js") && shown.contains("API_KEY"),
            "{shown}"
        );
        assert!(!shown.contains("hunter22x"), "{shown}");
    }
}
