//! Programs of the system: finds them, installs them with apt where possible, and otherwise names the command that
//! installs them.

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

/// A requirement, and its package in Debian and Ubuntu.
#[derive(Clone, Copy)]
pub(crate) struct Piece {
    package: &'static str,
    /// The name of a program, a library in pkg-config, or a file.
    name: &'static str,
    is_there: fn(&str) -> bool,
}

const fn piece(package: &'static str, name: &'static str, is_there: fn(&str) -> bool) -> Piece {
    Piece {
        package,
        name,
        is_there,
    }
}

pub(crate) const fn program(package: &'static str, name: &'static str) -> Piece {
    piece(package, name, on_path)
}

pub(crate) const fn library(package: &'static str, name: &'static str) -> Piece {
    piece(package, name, |name| {
        step::output(Command::new("pkg-config").args(["--exists", name])).is_some()
    })
}

const fn file(package: &'static str, name: &'static str) -> Piece {
    piece(package, name, |name| Path::new(name).exists())
}

/// Debian installs its programs in a folder for each version, which is not on PATH.
pub(super) const POSTGRESQL: Piece = piece("postgresql", "initdb", |name| {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let mut versions = versions.into_iter().flatten().flatten();
    on_path(name) || versions.any(|it| it.path().join("bin").join(name).exists())
});

/// Installs the missing ones of these packages.
pub(crate) fn ensure(pieces: &[Piece]) -> Result<(), Error> {
    let missing = pieces.iter().filter(|piece| !(piece.is_there)(piece.name));
    let missing: Vec<&Piece> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    if on_path("apt-get") {
        let packages: Vec<_> = missing.iter().map(|piece| piece.package).collect();
        return install(&packages);
    }
    let missing = missing.iter().map(|piece| Missing {
        what: format!("`{}`", piece.name),
        remedy: format!(
            "install what Debian calls `{}` with the package manager of this system",
            piece.package
        ),
    });
    Err(Error::Missing(missing.collect()))
}

/// A missing requirement whose package has a different name on each system.
struct Wanted {
    what: String,
    /// The packages of Debian and Ubuntu; none if their versions may be too old.
    apt: &'static [&'static str],
    /// The arguments of `brew install`.
    brew: &'static str,
    /// The command on Windows.
    windows: &'static str,
}

impl Wanted {
    /// Names the command that installs it on this system.
    fn missing(self) -> Missing {
        let brew = self.brew;
        let remedy = match env::consts::OS {
            "macos" => format!("brew install {brew}"),
            "windows" => self.windows.to_owned(),
            _ if !self.apt.is_empty() && on_path("apt-get") => {
                format!("sudo apt-get install {}", self.apt.join(" "))
            }
            _ if brew == "node" => "see https://nodejs.org/en/download".to_owned(),
            _ => format!("install `{brew}` with the package manager of this system"),
        };
        Missing {
            what: self.what,
            remedy,
        }
    }
}

/// Installs these packages with apt, if possible.
fn install_wanted(wanted: &[Wanted]) -> Result<(), Error> {
    let packages: Vec<&str> = wanted.iter().flat_map(|it| it.apt).copied().collect();
    if packages.is_empty() || !on_path("apt-get") {
        return Ok(());
    }
    install(&packages)
}

/// Installs Redis, Python and Node, and returns the name of a Python that can create environments.
pub(crate) fn ensure_basics() -> Result<String, Error> {
    install_wanted(&missing_basics())?;
    let missing = missing_basics();
    match python() {
        Some(python) if missing.is_empty() => Ok(python),
        _ => Err(Error::Missing(
            missing.into_iter().map(Wanted::missing).collect(),
        )),
    }
}

fn missing_basics() -> Vec<Wanted> {
    let mut wanted = Vec::new();
    if python().is_none() {
        wanted.push(Wanted {
            what: format!("Python {PYTHON} or newer, with its `venv` module"),
            apt: &["python3", "python3-venv"],
            brew: "python",
            windows: "winget install Python.Python.3.13",
        });
    }
    if !on_path("redis-server") {
        wanted.push(Wanted {
            what: "`redis-server`".to_owned(),
            apt: &["redis-server"],
            brew: "redis",
            windows: "scoop install redis",
        });
    }
    let node = Version::of("node");
    if node.is_none_or(|found| found < NODE) || !on_path("npm") {
        wanted.push(Wanted {
            what: match node {
                Some(found) if found < NODE => format!("Node {NODE} or newer (found {found})"),
                _ => format!("Node {NODE} or newer, with npm"),
            },
            apt: &[],
            brew: "node",
            windows: "winget install OpenJS.NodeJS.LTS",
        });
    }
    wanted
}

/// A linker for Windows, and Wine.
const CROSS: [Piece; 2] = [
    file("gcc-mingw-w64-x86-64", "/usr/bin/x86_64-w64-mingw32-gcc"),
    file("wine64", "/usr/lib/wine/wine64"),
];

/// Debian's own compiler, which can use a standard library for another system without rustup. Debian keeps this one
/// up to date for its browsers.
const CROSS_COMPILER: [Piece; 4] = [
    file("rustc-web", "/usr/bin/rustc"),
    file("cargo-web", "/usr/bin/cargo"),
    file("rust-web-clippy", "/usr/bin/clippy-driver"),
    file(
        "rust-web-src",
        "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
    ),
];

/// Installs what building for Windows on Linux needs, Debian's compiler if `compiler` says so, and `also`.
pub(crate) fn ensure_cross(compiler: bool, also: &[Piece]) -> Result<(), Error> {
    if compiler {
        ensure_cross_compiler("x86_64-pc-windows-gnu", "Windows")?;
    }
    ensure(&[&CROSS, also].concat())
}

/// Installs a compiler that can use the standard library of another system.
pub(crate) fn ensure_cross_compiler(target: &str, system: &str) -> Result<(), Error> {
    let is_there = |piece: &Piece| (piece.is_there)(piece.name);
    if !CROSS_COMPILER.iter().all(is_there) && on_path("apt-get") && !apt_knows("rustc-web") {
        return Err(Error::Missing(vec![Missing {
            what: format!("a Rust with the standard library for {system}"),
            remedy: format!("rustup target add {target}"),
        }]));
    }
    ensure(&CROSS_COMPILER)
}

/// Returns whether apt has such a package. Without package lists, assumes that it has.
fn apt_knows(package: &str) -> bool {
    let has_lists = std::fs::read_dir("/var/lib/apt/lists")
        .is_ok_and(|lists| lists.filter_map(Result::ok).count() > 3);
    let mut show = Command::new("apt-cache");
    let shown = step::output(show.args(["show", "--no-all-versions", package]));
    !has_lists || shown.is_some_and(|found| !found.is_empty())
}

/// The names of Chromium and Chrome.
const CHROMIUM: [&str; 4] = [
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
];
/// The path on macOS.
const CHROMIUM_APPS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// Installs Chromium, in which the window is tested, and returns its path. A browser from npm would be one more
/// program to trust and to update.
pub(crate) fn ensure_chromium() -> Result<PathBuf, Error> {
    if let Some(found) = chromium() {
        return Ok(found);
    }
    let wanted = [Wanted {
        what: "Chromium or Google Chrome".to_owned(),
        apt: &["chromium"],
        brew: "--cask google-chrome",
        windows: "winget install Google.Chrome",
    }];
    install_wanted(&wanted)?;
    chromium().ok_or_else(|| Error::Missing(wanted.map(Wanted::missing).into()))
}

fn chromium() -> Option<PathBuf> {
    let apps = CHROMIUM_APPS.iter().map(PathBuf::from);
    CHROMIUM
        .iter()
        .find_map(|name| find(name))
        .or_else(|| apps.into_iter().find(|app| app.exists()))
}

/// Returns a Python that is new enough and has the modules for `-m venv`, which are in a package of their own in
/// Debian.
fn python() -> Option<String> {
    let makes_environments = |name: &str| {
        step::output(Command::new(name).args(["-c", "import ensurepip, venv"])).is_some()
    };
    ["python3", "python", "py"]
        .into_iter()
        .find(|name| {
            Version::of(name).is_some_and(|found| found >= PYTHON) && makes_environments(name)
        })
        .map(str::to_owned)
}

fn install(packages: &[&str]) -> Result<(), Error> {
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
    step::run(
        &format!("install {}", packages.join(", ")),
        command.args(["-c", script, "apt.sh"]).args(packages),
    )?;
    for (package, name, service, port) in [
        ("redis-server", "Redis", "redis-server", 6379),
        ("nginx-light", "nginx", "nginx", 80),
        ("postgresql", "PostgreSQL", "postgresql", 5432),
        ("mariadb-server", "MariaDB", "mariadb", 3306),
        ("rabbitmq-server", "RabbitMQ", "rabbitmq-server", 5672),
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

/// Asks for the password of sudo before a step begins, since its progress would hide the question.
fn ask_for_the_password() -> Result<(), Error> {
    let mut sudo = Command::new("sudo");
    if io::stdin().is_terminal() {
        sudo.arg("-v");
    } else {
        sudo.args(["-n", "true"]);
    }
    step::show(&mut sudo)
}

fn is_root() -> bool {
    step::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

fn on_path(program: &str) -> bool {
    find(program).is_some()
}

fn find(program: &str) -> Option<PathBuf> {
    let endings: &[&str] = match env::consts::OS {
        "windows" => &[".exe", ".cmd"],
        _ => &[""],
    };
    let path = env::var_os("PATH")?;
    // Debian installs servers in a folder that is not on the PATH of users.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.into_iter().find_map(|folder| {
        let mut files = endings
            .iter()
            .map(|ending| folder.join(format!("{program}{ending}")));
        files.find(|file| file.is_file())
    })
}
