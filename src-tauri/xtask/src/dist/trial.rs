//! Tests the installer for Windows under Wine.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{
    contents::{APP, PROGRAMS},
    demand,
    windows::VERSION,
};
use crate::{
    error::{Error, at},
    step,
    windows::Cross,
    workspace,
};

/// The folder of the installation: with a space, as in the default folder.
const PLACE: [&str; 2] = ["Pilot", "Light"];
const ENVIRONMENT: &str = r"HKCU\Environment";
const UNINSTALL: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Pilot Light";
/// The registry values that the app writes: each with its key.
const OF_THE_APP: [(&str, &str); 3] = [
    (
        r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run",
        "Pilot Light",
    ),
    (
        r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run",
        "Pilot Light",
    ),
    (
        r"HKCU\Software\Classes\AppUserModelId\dev.pilotlight.desktop",
        "DisplayName",
    ),
];
/// The time limit of the uninstaller, which copies itself and continues as the copy.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn run(cross: &Cross, installer: &Path, names: &[String]) -> Result<(), Error> {
    let trial = Trial {
        cross,
        installer,
        names,
        folder: cross.drive().join(PLACE.join(" ")),
    };
    trial.clean()?;
    let tried = trial.run();
    trial.clean()?;
    tried
}

struct Trial<'a> {
    cross: &'a Cross,
    installer: &'a Path,
    /// The files that it installs.
    names: &'a [String],
    folder: PathBuf,
}

impl Trial<'_> {
    fn run(&self) -> Result<(), Error> {
        // An existing PATH, with a variable in it that must not be expanded.
        let own = r"%USERPROFILE%\bin;C:\tools";
        self.set_path(own)?;
        self.install("install under Wine")?;
        self.works()?;
        let with = format!(r"{own};C:\{}", PLACE.join(" "));
        self.demand_path(Some(&with))?;

        self.install("install under Wine once more")?;
        self.works()?;
        self.demand_path(Some(&with))?;
        for (key, name) in OF_THE_APP {
            self.set(key, name, "REG_SZ", "something")?;
        }
        self.uninstall("uninstall under Wine")?;
        for (key, name) in OF_THE_APP {
            let left = self.value(key, name);
            demand(left.is_none(), || {
                format!("the uninstaller left {name} in {key}")
            })?;
        }
        self.demand_path(Some(own))?;

        // Longer than the installer supports, so it must stay unchanged.
        let long = format!(r"C:\long\{};C:\last", "x".repeat(1500));
        self.set_path(&long)?;
        self.install("install beside a long PATH")?;
        self.demand_path(Some(&long))?;
        self.uninstall("uninstall beside a long PATH")?;
        self.demand_path(Some(&long))?;

        self.remove_path()?;
        self.install("install where there is no PATH")?;
        self.demand_path(Some(&format!(r"C:\{}", PLACE.join(" "))))?;
        self.uninstall("uninstall where there was no PATH")?;
        self.demand_path(None)
    }

    fn install(&self, what: &str) -> Result<(), Error> {
        let mut install = self.cross.program(self.installer);
        // The installer takes the rest of the line as the folder and accepts no quotes, so the space
        // comes from joining the arguments.
        install
            .arg("/S")
            .arg(format!(r"/D=C:\{}", PLACE[0]))
            .args(&PLACE[1..]);
        step::run(what, &mut install)
    }

    /// Checks that everything is installed, and runs the programs.
    fn works(&self) -> Result<(), Error> {
        let names = self.names.iter().map(String::as_str);
        for name in names.chain(["uninstall.exe"]) {
            demand(self.folder.join(name).exists(), || {
                format!("{name} was not installed")
            })?;
        }
        // Neither program would load if a library was missing.
        for program in PROGRAMS {
            let version = self.version(program.file)?;
            demand(version.trim().ends_with(VERSION), || {
                format!("the installed {} says `{version}`", program.file)
            })?;
        }
        let shortcut = self.menu().map(|menu| menu.join("Pilot Light.lnk"));
        let shortcut = shortcut.and_then(|file| fs::read(file).ok());
        demand(
            shortcut.is_some_and(|bytes| names_program(&bytes, APP.file)),
            || format!("nothing in the start menu starts {}", APP.file),
        )?;
        let [.., (sender, name)] = OF_THE_APP;
        demand(self.value(sender, name).is_some(), || {
            "the app is not known as a sender of notifications".to_owned()
        })?;
        let entry = self.value(UNINSTALL, "DisplayVersion");
        demand(entry.as_deref() == Some(VERSION), || {
            format!("the list of programs has the version {entry:?}")
        })
    }

    /// Returns the version that an installed program prints. It prints to a file, since Wine starts a desktop with
    /// the first program that has windows, which would hold a pipe open.
    fn version(&self, program: &str) -> Result<String, Error> {
        let said = workspace::own()?.join("version.txt");
        let mut version = self.cross.program(&self.folder.join(program));
        version
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(File::create(&said).map_err(at(&said))?)
            .stderr(Stdio::null());
        step::show(&mut version)?;
        fs::read_to_string(&said).map_err(at(&said))
    }

    fn uninstall(&self, what: &str) -> Result<(), Error> {
        let mut uninstall = self.cross.program(&self.folder.join("uninstall.exe"));
        step::run(what, uninstall.arg("/S"))?;
        demand_soon(|| {
            let left = [
                self.folder.exists().then_some("its folder"),
                self.menu().map(|_| "its entry in the start menu"),
                self.value(UNINSTALL, "DisplayName")
                    .map(|_| "its entry in the list of programs"),
            ];
            let left: Vec<_> = left.into_iter().flatten().collect();
            (!left.is_empty()).then(|| format!("the uninstaller left {}", left.join(", ")))
        })
    }

    /// Returns the folder in the start menu.
    fn menu(&self) -> Option<PathBuf> {
        let users = fs::read_dir(self.cross.drive().join("users")).ok()?;
        let menus = users.flatten().map(|user| {
            user.path()
                .join("AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Pilot Light")
        });
        let mut found = menus.filter(|menu| menu.exists());
        found.next()
    }

    /// Returns a value of the registry without expanding it; `None` if it does not exist.
    fn value(&self, key: &str, name: &str) -> Option<String> {
        let mut query = self.cross.program(Path::new("reg"));
        // It fails if the key does not exist.
        let listed = step::output(query.args(["query", key]))?;
        let mut values = listed.lines().filter_map(|line| {
            let (found, rest) = line.trim().split_once("    ")?;
            let (_kind, value) = rest.split_once("    ")?;
            (found == name).then(|| value.trim_end().to_owned())
        });
        values.next()
    }

    fn set(&self, key: &str, name: &str, kind: &str, value: &str) -> Result<(), Error> {
        let mut add = self.cross.program(Path::new("reg"));
        add.args(["add", key, "/v", name, "/t", kind, "/f", "/d", value]);
        step::printed(&mut add).map(drop)
    }

    /// Removes a value of the registry, if it exists.
    fn remove(&self, key: &str, name: &str) -> Result<(), Error> {
        if self.value(key, name).is_none() {
            return Ok(());
        }
        let mut delete = self.cross.program(Path::new("reg"));
        step::printed(delete.args(["delete", key, "/v", name, "/f"])).map(drop)
    }

    fn set_path(&self, value: &str) -> Result<(), Error> {
        self.set(ENVIRONMENT, "Path", "REG_EXPAND_SZ", value)
    }

    fn remove_path(&self) -> Result<(), Error> {
        self.remove(ENVIRONMENT, "Path")
    }

    /// Waits until the user's PATH is this one: the uninstaller changes it after it has removed its folder.
    fn demand_path(&self, wanted: Option<&str>) -> Result<(), Error> {
        demand_soon(|| {
            let found = self.value(ENVIRONMENT, "Path");
            (found.as_deref() != wanted)
                .then(|| format!("the user's PATH is {found:?}, and not {wanted:?}"))
        })
    }

    /// Removes the leftovers of an earlier trial that failed.
    fn clean(&self) -> Result<(), Error> {
        self.remove_path()?;
        self.remove(UNINSTALL, "DisplayName")?;
        self.remove(UNINSTALL, "DisplayVersion")?;
        for (key, name) in OF_THE_APP {
            self.remove(key, name)?;
        }
        for folder in [Some(self.folder.clone()), self.menu()]
            .into_iter()
            .flatten()
        {
            workspace::remove(&folder)?;
        }
        Ok(())
    }
}

/// Fails if something is still wrong after the time that the uninstaller has.
fn demand_soon(wrong: impl Fn() -> Option<String>) -> Result<(), Error> {
    let started = Instant::now();
    while let Some(what) = wrong() {
        demand(started.elapsed() < PATIENCE, || what)?;
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Returns whether a shortcut contains this name, as UTF-16.
fn names_program(shortcut: &[u8], name: &str) -> bool {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    shortcut.windows(name.len()).any(|part| part == name)
}
