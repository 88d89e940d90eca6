//! The programs that come from the system: found, installed with apt where that is the system's way, or
//! named with the command that installs them.

use std::{
    env, io,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::version::Version;
use crate::{
    error::{Error, Missing},
    step,
};

const PYTHON: Version = Version::new(3, 11);
const NODE: Version = Version::new(20, 19);

/// Sees to Redis, Python and Node, and returns the name of a Python that makes environments.
pub(super) fn ensure() -> Result<String, Error> {
    let wanted = wanted_from_apt();
    if !wanted.is_empty() && on_path("apt-get") {
        install(&wanted)?;
    }
    let mut missing = Vec::new();
    let python = python();
    if python.is_none() {
        missing.push(Missing {
            what: format!("Python {PYTHON} or newer, with its `venv` module"),
            remedy: how_to_get(
                "python3 python3-venv",
                "python",
                "winget install Python.Python.3.13",
            ),
        });
    }
    if !on_path("redis-server") {
        missing.push(Missing {
            what: "`redis-server`".to_owned(),
            remedy: how_to_get("redis-server", "redis", "scoop install redis"),
        });
    }
    let node = Version::of("node");
    if node.is_none_or(|found| found < NODE) || !on_path("npm") {
        missing.push(Missing {
            what: match node {
                Some(found) if found < NODE => format!("Node {NODE} or newer (found {found})"),
                _ => format!("Node {NODE} or newer, with npm"),
            },
            remedy: how_to_get("", "node", "winget install OpenJS.NodeJS.LTS"),
        });
    }
    match python {
        Some(python) if missing.is_empty() => Ok(python),
        _ => Err(Error::Missing(missing)),
    }
}

/// Sees to nginx, which the fault lab puts in front of a backend.
pub(super) fn ensure_nginx() -> Result<(), Error> {
    if nginx_is_there() {
        return Ok(());
    }
    if on_path("apt-get") {
        return install(&["nginx-light"]);
    }
    Err(Error::Missing(vec![Missing {
        what: "`nginx`".to_owned(),
        remedy: how_to_get("nginx-light", "nginx", "scoop install nginx"),
    }]))
}

/// Sees to `PostgreSQL`, which the tests of `init` start for a project of theirs.
pub(super) fn ensure_postgresql() -> Result<(), Error> {
    if postgresql_is_there() {
        return Ok(());
    }
    if on_path("apt-get") {
        return install(&["postgresql"]);
    }
    Err(Error::Missing(vec![Missing {
        what: "`postgres` and `initdb`".to_owned(),
        remedy: how_to_get("postgresql", "postgresql", "scoop install postgresql"),
    }]))
}

/// Debian puts its programs into a folder of their version, which is not on PATH.
fn postgresql_is_there() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    on_path("initdb")
        || versions
            .flatten()
            .any(|it| it.path().join("bin/initdb").exists())
}

/// What each part of a build for Windows is known by, and the package that has it.
const CROSS: [(&str, &str); 2] = [
    ("/usr/bin/x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
    ("/usr/lib/wine/wine64", "wine64"),
];

/// The files and packages of Debian's own compiler, which can use a standard library for another system without rustup. Debian keeps
/// this one up to date for its browsers.
const CROSS_COMPILER: [(&str, &str); 4] = [
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/bin/clippy-driver", "rust-web-clippy"),
    (
        "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
        "rust-web-src",
    ),
];

/// Sees to what builds for Windows on Linux, and to the commands of `also`.
pub(super) fn ensure_cross(compiler: bool, also: &[(&str, &str)]) -> Result<(), Error> {
    if compiler {
        ensure_cross_compiler("x86_64-pc-windows-gnu", "Windows")?;
    }
    let parts = CROSS.iter().filter(|(file, _)| !Path::new(file).exists());
    let also = also.iter().filter(|(command, _)| !on_path(command));
    let wanted: Vec<_> = parts.chain(also).map(|(_, package)| *package).collect();
    ensure_packages(&wanted, "Windows")
}

/// Installs a compiler that can use the standard library of another system.
pub(super) fn ensure_cross_compiler(target: &str, system: &str) -> Result<(), Error> {
    let parts = CROSS_COMPILER.iter();
    let parts = parts.filter(|(file, _)| !Path::new(file).exists());
    let wanted: Vec<_> = parts.map(|(_, package)| *package).collect();
    if !wanted.is_empty() && on_path("apt-get") && !apt_knows("rustc-web") {
        return Err(Error::Missing(vec![Missing {
            what: format!("a Rust with the standard library for {system}"),
            remedy: format!("rustup target add {target}"),
        }]));
    }
    ensure_packages(&wanted, system)
}

fn ensure_packages(wanted: &[&str], system: &str) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        return Err(Error::Missing(vec![Missing {
            what: format!("what builds for {system} ({})", wanted.join(", ")),
            remedy:
                "these are the names of Debian's packages; this system has no apt-get to get them \
                     with"
                    .to_owned(),
        }]));
    }
    install(wanted)
}

/// Whether there is such a package, as far as is known before the lists are fetched anew.
fn apt_knows(package: &str) -> bool {
    let has_lists = std::fs::read_dir("/var/lib/apt/lists")
        .is_ok_and(|lists| lists.filter_map(Result::ok).count() > 3);
    let mut show = Command::new("apt-cache");
    show.args(["show", "--no-all-versions", package]);
    !has_lists || step::output(show).is_some_and(|found| !found.is_empty())
}

/// The names of Chromium, and of the browser that is made of it.
const CHROMIUM: [&str; 4] = [
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
];
/// Where macOS has it.
const CHROMIUM_APPS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// Sees to a Chromium, which the window is tested in, and returns its path. Nothing but the system's own
/// is taken: a browser that npm downloads would have to be trusted, and kept up to date, besides it.
pub(super) fn ensure_chromium() -> Result<PathBuf, Error> {
    if let Some(found) = chromium() {
        return Ok(found);
    }
    if on_path("apt-get") {
        install(&["chromium"])?;
    }
    chromium().ok_or_else(|| {
        Error::Missing(vec![Missing {
            what: "Chromium or Google Chrome".to_owned(),
            remedy: how_to_get(
                "chromium",
                "--cask google-chrome",
                "winget install Google.Chrome",
            ),
        }])
    })
}

fn chromium() -> Option<PathBuf> {
    let apps = CHROMIUM_APPS.iter().map(PathBuf::from);
    CHROMIUM
        .iter()
        .find_map(|name| find(name))
        .or_else(|| apps.into_iter().find(|app| app.exists()))
}

/// Debian puts it where only administrators look.
fn nginx_is_there() -> bool {
    on_path("nginx") || Path::new("/usr/sbin/nginx").exists()
}

/// The missing packages that Debian and Ubuntu have in the versions that are needed. (Their Node may be
/// too old for Vite.)
fn wanted_from_apt() -> Vec<&'static str> {
    let mut wanted = Vec::new();
    if !on_path("redis-server") {
        wanted.push("redis-server");
    }
    if python().is_none() {
        wanted.extend(["python3", "python3-venv"]);
    }
    wanted
}

/// A Python that is new enough and has what `-m venv` needs, which Debian keeps in a package of its own.
fn python() -> Option<String> {
    let makes_environments = |name: &str| {
        let mut import = Command::new(name);
        import.args(["-c", "import ensurepip, venv"]);
        step::output(import).is_some()
    };
    ["python3", "python", "py"]
        .into_iter()
        .find(|name| {
            Version::of(name).is_some_and(|found| found >= PYTHON) && makes_environments(name)
        })
        .map(str::to_owned)
}

pub(super) fn install(packages: &[&str]) -> Result<(), Error> {
    let script = include_str!("apt.sh");
    let mut command = if is_root() {
        Command::new("sh")
    } else if on_path("sudo") {
        ask_for_the_password()?;
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        return Err(Error::Missing(vec![Missing {
            what: packages.join(", "),
            remedy: format!("as root: apt-get install {}", packages.join(" ")),
        }]));
    };
    command.args(["-c", script, "apt.sh"]).args(packages);
    step::run(&format!("install {}", packages.join(", ")), command)?;
    for (package, name, service, port) in [
        ("redis-server", "Redis", "redis-server", 6379),
        ("nginx-light", "nginx", "nginx", 80),
        ("postgresql", "PostgreSQL", "postgresql", 5432),
    ] {
        if packages.contains(&package) {
            step::note(&format!(
                "{name} is installed without its system service, which would hold port {port}; \
                 `sudo systemctl enable --now {service}` turns that on",
            ));
        }
    }
    Ok(())
}

/// Here, where a person can answer, and not under the progress of a step.
fn ask_for_the_password() -> Result<(), Error> {
    let mut sudo = Command::new("sudo");
    if io::stdin().is_terminal() {
        sudo.arg("-v");
    } else {
        sudo.args(["-n", "true"]);
    }
    step::show(sudo)
}

fn is_root() -> bool {
    let mut id = Command::new("id");
    id.arg("-u");
    step::output(id).as_deref() == Some("0")
}

/// The command that installs something on this system.
fn how_to_get(apt: &str, brew: &str, windows: &str) -> String {
    match env::consts::OS {
        "macos" => format!("brew install {brew}"),
        "windows" => windows.to_owned(),
        _ if !apt.is_empty() && on_path("apt-get") => format!("sudo apt-get install {apt}"),
        _ if brew == "node" => "see https://nodejs.org/en/download".to_owned(),
        _ => format!("install `{brew}` with the package manager of this system"),
    }
}

pub(super) fn on_path(program: &str) -> bool {
    find(program).is_some()
}

fn find(program: &str) -> Option<PathBuf> {
    let endings: &[&str] = match env::consts::OS {
        "windows" => &[".exe", ".cmd"],
        _ => &[""],
    };
    let path = env::var_os("PATH")?;
    let folders: Vec<_> = env::split_paths(&path).collect();
    folders.iter().find_map(|folder| {
        let mut files = endings
            .iter()
            .map(|ending| folder.join(format!("{program}{ending}")));
        files.find(|file| file.is_file())
    })
}
