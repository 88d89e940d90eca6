//! Wine and its prefix, the folder that its programs see as a Windows machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::LINKER;
use crate::{
    error::{Error, at},
    setup, step, workspace,
};

/// The 64-bit program. The script `wine` would look for a 32-bit one first.
pub(super) const PROGRAM: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver";

/// The time limit of a test program, which is killed and fails afterwards.
const PATIENCE: Duration = Duration::from_mins(10);

/// The path of a Windows library that Wine may lack.
const MISSING_LIBRARY: &str = "windows/system32/bcryptprimitives.dll";

/// A Wine prefix. Its programs are killed on drop.
pub(super) struct Wine {
    prefix: PathBuf,
}

impl Wine {
    /// Creates the prefix in `folder`, unless it exists and belongs to this version of Wine.
    pub(super) fn ensure(folder: &Path) -> Result<Self, Error> {
        let wine = Self {
            prefix: folder.join("prefix"),
        };
        let source = include_str!("bcryptprimitives.c");
        let ingredients = step::printed(Command::new(PROGRAM).arg("--version"))? + source;
        setup::once(&wine.prefix.join("made-from.txt"), &ingredients, || {
            wine.make(&folder.join("bcryptprimitives.c"), source)
        })?;
        Ok(wine)
    }

    fn make(&self, file: &Path, source: &str) -> Result<(), Error> {
        workspace::remove(&self.prefix)?;
        let mut boot = Command::new(PROGRAM);
        boot.args(["wineboot", "--init"]);
        self.put_into(&mut boot);
        step::run("create the Wine prefix", &mut boot)?;
        // Wine writes its registry when the last of its programs has exited.
        self.server("-w")?;

        let library = self.drive().join(MISSING_LIBRARY);
        if library.exists() {
            return Ok(());
        }
        fs::write(file, source).map_err(at(file))?;
        step::run(
            "build the library that Wine lacks",
            Command::new(LINKER)
                .args(["-O2", "-shared", "-o"])
                .arg(&library)
                .arg(file)
                .arg("-ladvapi32"),
        )
    }

    pub(super) fn drive(&self) -> PathBuf {
        self.prefix.join("drive_c")
    }

    /// Makes a command run in this prefix, without windows and without messages from Wine.
    pub(super) fn put_into(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            // A new prefix installs no .NET, no browser and no menu entries, and no debugger attaches to a
            // program that has crashed.
            .env(
                "WINEDLLOVERRIDES",
                "mscoree=;mshtml=;winemenubuilder.exe=;winedbg.exe=",
            )
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
    }

    fn server(&self, what: &str) -> Result<(), Error> {
        let mut server = Command::new(SERVER);
        server.arg(what);
        self.put_into(&mut server);
        step::show(&mut server)
    }
}

/// Returns the command with which cargo starts a test program, with a time limit.
pub(super) fn runner() -> String {
    let seconds = PATIENCE.as_secs();
    format!("timeout --verbose --kill-after=10 {seconds} {PROGRAM}")
}

impl Drop for Wine {
    fn drop(&mut self) {
        // It fails if nothing runs.
        let mut server = Command::new(SERVER);
        server.arg("-k");
        self.put_into(&mut server);
        let _ = step::output(&mut server);
    }
}
