//! Known programs that a user works with or that serve several projects. They are not ended
//! automatically.

use std::{ffi::OsStr, path::Path};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::{
    model::facts::ProgramKind,
    stack::{Ports, Service},
};

use ProgramKind::{Agent, Browser, ContainerTool, Database, Editor, Multiplexer, Ssh, Terminal};

/// Names of programs, in lower case, without `.exe` and version.
const NAMES: &[(ProgramKind, &[&str])] = &[
    (
        Editor,
        &[
            "android studio",
            "antigravity",
            "atom",
            "clion",
            "code",
            "code helper",
            "code-insiders",
            "code-oss",
            "code-server",
            "codium",
            "cursor",
            "cursor helper",
            "datagrip",
            "devenv",
            "eclipse",
            "emacs",
            "emacs-gtk",
            "emacs-nox",
            "emacs-pgtk",
            "emacsclient",
            "fleet",
            "gedit",
            "gnome-builder",
            "gnome-text-editor",
            "goland",
            "gvim",
            "helix",
            "hx",
            "idea",
            "jetbrains-gateway",
            "kakoune",
            "kate",
            "kdevelop",
            "lapce",
            "nano",
            "neovide",
            "nvim",
            "phpstorm",
            "pycharm",
            "qtcreator",
            "rider",
            "rubymine",
            "rustrover",
            "sublime_text",
            "textmate",
            "vi",
            "vim",
            "vim.basic",
            "vim.gtk3",
            "vim.nox",
            "vim.tiny",
            "vscodium",
            "webstorm",
            "windsurf",
            "xcode",
            "zed",
            "zed-editor",
            "zeditor",
        ],
    ),
    (
        Browser,
        &[
            "brave",
            "brave browser",
            "brave-browser",
            "chrome",
            "chrome_crashpad_handler",
            "chromium",
            "chromium-browser",
            "epiphany",
            "falkon",
            "firefox",
            "firefox-bin",
            "firefox-esr",
            "floorp",
            "geckomain",
            "google chrome",
            "google chrome helper",
            "google-chrome",
            "google-chrome-stable",
            "konqueror",
            "librewolf",
            "microsoft edge",
            "microsoft-edge",
            "msedge",
            "opera",
            "qutebrowser",
            "safari",
            "thorium",
            "tor-browser",
            "vivaldi",
            "vivaldi-bin",
            "waterfox",
            "zen-bin",
            "zen-browser",
        ],
    ),
    (
        Terminal,
        &[
            "alacritty",
            "cmux",
            "contour",
            "foot",
            "footclient",
            "ghostty",
            "gnome-console",
            "gnome-terminal",
            "gnome-terminal-",
            "gnome-terminal-server",
            "guake",
            "iterm2",
            "kgx",
            "kitty",
            "konsole",
            "lxterminal",
            "mate-terminal",
            "ptyxis",
            "ptyxis-agent",
            "qterminal",
            "rxvt",
            "tabby",
            "terminal",
            "terminator",
            "terminology",
            "tilda",
            "tilix",
            "urxvt",
            "urxvtd",
            "warp",
            "warp-terminal",
            "wezterm",
            "wezterm-gui",
            "wezterm-mux-server",
            "windowsterminal",
            "xfce4-terminal",
            "xterm",
            "yakuake",
        ],
    ),
    (
        Multiplexer,
        &[
            "abduco", "byobu", "dtach", "dvtm", "screen", "shpool", "tmate", "tmux", "zellij",
        ],
    ),
    (
        Ssh,
        &[
            "autossh",
            "dropbear",
            "etterminal",
            "mosh-client",
            "mosh-server",
            "ssh",
            "sshd",
            "sshuttle",
        ],
    ),
    (
        Database,
        &[
            "arangod",
            "beam.smp",
            "clickhouse",
            "clickhouse-server",
            "cockroach",
            "consul",
            "couchdb",
            "dragonfly",
            "etcd",
            "influxd",
            "keydb-server",
            "mariadbd",
            "memcached",
            "mongod",
            "mongos",
            "mysqld",
            "mysqld_safe",
            "nats-server",
            "neo4j",
            "postgres",
            "postmaster",
            "qdrant",
            "rabbitmq-server",
            "redis-sentinel",
            "redis-server",
            "sqlservr",
            "surreal",
            "tidb-server",
            "tikv-server",
            "valkey-server",
            "weaviate",
        ],
    ),
    (
        ContainerTool,
        &[
            "buildkitd",
            "colima",
            "conmon",
            "containerd",
            "crio",
            "ctr",
            "docker",
            "docker-compose",
            "k3s",
            "kind",
            "kubectl",
            "kubefwd",
            "kubelet",
            "lima",
            "minikube",
            "nerdctl",
            "oc",
            "podman",
            "skaffold",
            "telepresence",
            "tilt",
        ],
    ),
    (
        Agent,
        &[
            "adb",
            "bazel",
            "buck2",
            "buck2d",
            "catatonit",
            "dbus-daemon",
            "dbus-launch",
            "dirmngr",
            "fsnotifier",
            "gpg-agent",
            "ibus-daemon",
            "keyboxd",
            "sccache",
            "scdaemon",
            "ssh-agent",
            "vbcscompiler",
            "watchman",
        ],
    ),
];

/// Command line fragments of programs that run under the name of an interpreter.
const LINES: &[(ProgramKind, &[&str])] = &[
    (
        Editor,
        &[
            ".cursor-server/",
            ".vscode-server/",
            ".windsurf-server/",
            "/android-studio/",
            "/visual studio code.app/",
            "com.intellij.idea.main",
            "org.eclipse.equinox.launcher",
        ],
    ),
    (
        Database,
        &[
            "kafka.kafka",
            "org.apache.cassandra",
            "org.apache.zookeeper",
            "org.elasticsearch",
            "org.neo4j",
            "org.opensearch",
        ],
    ),
    (
        Agent,
        &[
            "gradledaemon",
            "god daemon",
            "kotlincompiledaemon",
            "mvnd.daemon",
            "org.mvndaemon",
        ],
    ),
];

/// Arguments by which a program controls a browser for itself.
const AUTOMATED: &[&str] = &[
    "--enable-automation",
    "--headless",
    "--remote-debugging-pipe",
    "-headless",
];

/// A program as the operating system reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// All its names: on disk, in `argv[0]`, and set by the process itself.
    pub(crate) names: Vec<String>,
    /// Its command line. May contain secrets: never shown.
    pub(crate) argv: Vec<String>,
}

impl From<&sysinfo::Process> for Program {
    fn from(process: &sysinfo::Process) -> Self {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let file_name = |path: &OsStr| Some(text(Path::new(path).file_name()?));
        // The name on disk comes first: a thread can change the process name.
        let on_disk = process.exe().and_then(|path| file_name(path.as_os_str()));
        let on_disk = on_disk.map(|name| name.trim_end_matches(" (deleted)").to_owned());
        let called = process.cmd().first().and_then(|word| file_name(word));
        let names = on_disk
            .into_iter()
            .chain([text(process.name())])
            .chain(called);
        Self {
            names: names.filter(|name| !name.is_empty()).collect(),
            argv: process.cmd().iter().map(|word| text(word)).collect(),
        }
    }
}

impl Program {
    /// Returns the program of a process; empty if the operating system does not report it.
    pub(crate) fn of(pid: u32) -> Self {
        let pid = Pid::from_u32(pid);
        let details = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_cmd(UpdateKind::Always)
            .with_exe(UpdateKind::Always);
        let Ok(mut system) = System::new() else {
            return Self::default();
        };
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, details);
        system.process(pid).map(Self::from).unwrap_or_default()
    }

    /// Returns the kind of program, if a user works with it or several projects share it.
    pub(crate) fn kind(&self) -> Option<ProgramKind> {
        let names: Vec<String> = self.names.iter().map(|name| plain(name)).collect();
        let by_name = NAMES.iter().find(|(_, known)| {
            let mut names = names.iter();
            names.any(|name| known.contains(&name.as_str()))
        });
        let line = self.argv.join(" ").to_lowercase();
        let by_line = || {
            let mut lines = LINES.iter();
            lines.find(|(_, parts)| parts.iter().any(|part| line.contains(part)))
        };
        by_name.or_else(by_line).map(|(kind, _)| *kind)
    }

    /// Returns the name of the program on disk.
    pub(super) fn name(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }

    /// Returns whether it outlives the service that started it, if it has a session of its own.
    pub(crate) fn outlives(&self) -> bool {
        match self.kind() {
            Some(Editor | Terminal | Multiplexer | Agent) => true,
            Some(Browser) => !self.argv.iter().any(|word| {
                let mut automated = AUTOMATED.iter();
                automated.any(|option| {
                    word.strip_prefix(option)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
                })
            }),
            // A service may use its own instance of these.
            Some(Ssh | Database | ContainerTool) | None => false,
        }
    }

    /// Returns whether this is one of its names.
    pub(crate) fn is_called(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| plain(name) == plain(wanted))
    }
}

/// The programs that outlive a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spare {
    /// Programs that the stack file names (`keep`).
    keep: Vec<String>,
    /// Programs that the command of the service names: they are the service itself.
    own: Vec<String>,
}

/// The part of a process tree that outlives a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The process alone: its children work for the callers that requested them.
    Alone,
    /// The process with all its descendants.
    WithAll,
}

impl Spare {
    /// Returns the programs that outlive this service.
    #[must_use]
    pub fn of(service: &Service, ports: &impl Ports) -> Self {
        let command = service.command.as_ref();
        let line = command.map(|command| command.render(&service.name, ports).to_string());
        let line = line.unwrap_or_default();
        let argv = line.split(|c: char| c.is_whitespace() || "'\"`;|&()<>$".contains(c));
        let names = argv.filter_map(|word| Path::new(word).file_name()?.to_str());
        Self {
            keep: service.keep.clone(),
            own: names.map(str::to_owned).collect(),
        }
    }

    /// Returns whether the stack file names any program.
    pub(super) fn has_names(&self) -> bool {
        !self.keep.is_empty()
    }

    /// Returns whether the stack file names this program.
    pub(super) fn names(&self, program: &Program) -> bool {
        self.keep.iter().any(|name| program.is_called(name))
    }

    /// Returns the part of a program with a session of its own that outlives the service.
    pub(super) fn reach(&self, program: &Program) -> Option<Reach> {
        if self.names(program) {
            return Some(Reach::WithAll);
        }
        let is_service = self.own.iter().any(|name| program.is_called(name));
        if is_service || !program.outlives() {
            return None;
        }
        Some(match program.kind() {
            Some(Agent) => Reach::Alone,
            _ => Reach::WithAll,
        })
    }
}

/// Normalizes a name as in [`NAMES`]: `Emacs-29.1` is `emacs`, `idea64.exe` is `idea`, `tmux: server`
/// is `tmux`, `bazel(shop)` is `bazel`, `.kitty-wrapped` is `kitty`.
fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.split([':', '(']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let wrapped = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix("-wrapped"));
    let name = wrapped.unwrap_or(name);
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let bare = bare.trim_end_matches(['-', '_']);
    let is_version = !bare.is_empty() && bare.len() < name.len();
    let is_known = NAMES.iter().any(|(_, known)| known.contains(&name));
    if is_version && !is_known { bare } else { name }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, line: &str) -> Program {
        Program {
            names: vec![name.to_owned()],
            argv: line.split(' ').map(str::to_owned).collect(),
        }
    }

    #[test]
    fn programs_of_a_person_are_known_and_servers_of_a_project_are_not() {
        for (name, line, expected) in [
            ("code", "/usr/share/code/code", Some(Editor)),
            ("idea64.exe", "idea64.exe", Some(Editor)),
            ("java", "java -cp x com.intellij.idea.Main", Some(Editor)),
            ("emacs-29.1", "emacs --daemon", Some(Editor)),
            (
                "node",
                "/home/a/.vscode-server/bin/1/node out/server-main.js",
                Some(Editor),
            ),
            ("Google Chrome", "Google Chrome", Some(Browser)),
            ("firefox-esr", "firefox-esr", Some(Browser)),
            ("gnome-terminal-server", "", Some(Terminal)),
            (".kitty-wrapped", "kitty", Some(Terminal)),
            ("tmux: server", "tmux", Some(Multiplexer)),
            ("SCREEN", "SCREEN -S work", Some(Multiplexer)),
            ("ssh", "ssh -N -L 5432:db:5432 host", Some(Ssh)),
            ("postgres", "postgres -D data", Some(Database)),
            ("mysqld-8.0", "mysqld", Some(Database)),
            ("redis-server", "redis-server *:6379", Some(Database)),
            (
                "java",
                "java -Xmx1G kafka.Kafka server.properties",
                Some(Database),
            ),
            (
                "kubectl",
                "kubectl port-forward svc/api 8001",
                Some(ContainerTool),
            ),
            ("podman", "podman run api", Some(ContainerTool)),
            ("docker", "docker compose up", Some(ContainerTool)),
            ("adb", "adb -L tcp:5037 fork-server server", Some(Agent)),
            (
                "java",
                "java org.gradle.launcher.daemon.bootstrap.GradleDaemon 8.5",
                Some(Agent),
            ),
            ("watchman", "watchman --foreground", Some(Agent)),
            ("gpg-agent", "gpg-agent --daemon", Some(Agent)),
            ("node", "node server.js", None),
            ("python3.12", "python3 -m http.server", None),
            ("java", "java -jar app.jar", None),
            ("codegen", "codegen --watch", None),
            ("postgrest", "postgrest api.conf", None),
            ("vite", "vite", None),
            ("sleep", "sleep 1000", None),
        ] {
            assert_eq!(program(name, line).kind(), expected, "{name} {line}");
        }
    }

    #[test]
    fn what_serves_a_person_outlives_a_service_and_what_serves_the_service_does_not() {
        for (name, line, expected) in [
            ("chrome", "chrome http://localhost:5173", true),
            (
                "chrome",
                "chrome --headless=new --remote-debugging-port=0",
                false,
            ),
            ("tmux: server", "tmux new -d", true),
            ("code", "code .", true),
            ("gpg-agent", "gpg-agent --daemon", true),
            ("redis-server", "redis-server --daemonize yes", false),
            ("ssh", "ssh -f -N host", false),
            ("esbuild", "esbuild --service", false),
        ] {
            assert_eq!(program(name, line).outlives(), expected, "{name} {line}");
        }
    }

    #[test]
    fn a_name_is_matched_without_its_version() {
        assert!(program("adb.exe", "").is_called("adb"));
        assert!(program("python3.12", "").is_called("python3"));
        assert!(!program("adb-sync", "").is_called("adb"));
    }
}
