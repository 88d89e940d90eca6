//! The place of a case: a folder with its project, a home and its ports.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use regex::{Captures, Regex};
use tempfile::TempDir;

use crate::case::Case;

/// Ports below those that systems give to connections, so that connections of other programs do not
/// use them.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// The folder of one case, which is removed on drop.
pub(crate) struct Place {
    folder: TempDir,
    ports: Mutex<BTreeMap<String, Reserved>>,
    placeholder: Regex,
}

impl Place {
    /// Creates the project of a case: the lab's apps, the packages of the example's frontend, the files
    /// of the case and its stack file.
    pub(crate) fn of(case: &Case, lab: &Path) -> Self {
        let place = Self {
            folder: tempfile::Builder::new().prefix("lab-").tempdir().unwrap(),
            ports: Mutex::default(),
            placeholder: Regex::new("@([a-z_]+)@").unwrap(),
        };
        copy(&lab.join("apps"), &place.folder());
        for (name, text) in &case.files {
            place.write(name, text);
        }
        let stack = format!("name = \"lab\"\n{}", case.stack);
        place.write("pilotlight.toml", &stack);
        place
    }

    /// Returns the folder of the project.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// Returns the path of a file of the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file of the project, and creates its folders. A file that begins with `#!` becomes
    /// executable, unless its name says otherwise.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.fill(text)).unwrap();
    }

    /// Replaces the words between `@`: `python`, `vite`, `packages`, `folder`. Any other word is the name
    /// of a port, which is the same in the whole case.
    pub(crate) fn fill(&self, text: &str) -> String {
        let fill = |found: &Captures<'_>| match &found[1] {
            "python" => python().display().to_string(),
            "packages" => packages().display().to_string(),
            "vite" => packages().join("vite/bin/vite.js").display().to_string(),
            "folder" => self.folder().display().to_string(),
            name => self.port(name).to_string(),
        };
        self.placeholder.replace_all(text, fill).into_owned()
    }

    fn port(&self, name: &str) -> u16 {
        let mut ports = self.ports.lock().unwrap();
        let reserved = ports.entry(name.to_owned()).or_insert_with(free_port);
        reserved.port
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Returns the interpreter that has the packages of the example's backend.
fn python() -> PathBuf {
    env::var_os("PILOTLIGHT_TEST_PYTHON")
        .map_or_else(|| example().join("backend/.venv/bin/python"), PathBuf::from)
}

/// Returns the packages of the example's frontend, which include Vite.
fn packages() -> PathBuf {
    example().join("frontend/node_modules")
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/nexus")
        .canonicalize()
        .unwrap()
}

/// Checks the requirements of all cases.
pub(crate) fn expect_programs() {
    for path in [python(), packages()] {
        assert!(
            path.exists(),
            "{} is missing: run `cargo xtask setup`",
            path.display()
        );
    }
}

/// A port that no other case gets while this exists, in this run or another one.
struct Reserved {
    port: u16,
    _lock: File,
}

/// Reserves a port that is free on every address.
fn free_port() -> Reserved {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let locks = env::temp_dir().join("pilotlight-fault-lab");
    fs::create_dir_all(&locks).unwrap();
    let size = PORTS.end - PORTS.start;
    // Runs begin at different ports, so that two at a time rarely collide.
    let start = u16::try_from(std::process::id() % u32::from(size)).unwrap();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % size;
        let port = PORTS.start + (start + number) % size;
        let lock = File::create(locks.join(port.to_string())).unwrap();
        let free = lock.try_lock().is_ok()
            && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
            && TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok();
        if free {
            return Reserved { port, _lock: lock };
        }
    }
}
