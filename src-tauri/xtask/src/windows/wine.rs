//! Wine, and the folder that it takes for a machine.

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

/// The program itself: `wine`, a script before it, looks for a 32-bit one first.
pub(super) const PROGRAM: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver";

/// After so long a test program is ended, and has failed.
const PATIENCE: Duration = Duration::from_mins(10);

/// Where one library of Windows is made that Wine may lack.
const MISSING_LIBRARY: &str = "windows/system32/bcryptprimitives.dll";

/// A machine of Wine's. What still runs in it is ended with this.
pub(super) struct Wine {
    prefix: PathBuf,
}

impl Wine {
    /// Makes the machine in `folder`, unless it is there and of this version of Wine.
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
        step::run("make a machine for Wine", &mut boot)?;
        // Its registry is written when the last of its programs has ended.
        self.server("-w")?;

        let library = self.drive().join(MISSING_LIBRARY);
        if library.exists() {
            return Ok(());
        }
        fs::write(file, source).map_err(at(file))?;
        step::run(
            "make the library that Wine lacks",
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

    /// Makes a command run in this machine, without windows and without messages of Wine's own.
    pub(super) fn put_into(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            // Neither .NET nor a browser nor menu entries are asked for in a new machine, and no
            // debugger keeps a program that has crashed.
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

/// How cargo starts a test program: with an end to it, whatever it hangs on.
pub(super) fn runner() -> String {
    let seconds = PATIENCE.as_secs();
    format!("timeout --verbose --kill-after=10 {seconds} {PROGRAM}")
}

impl Drop for Wine {
    fn drop(&mut self) {
        // It fails where nothing runs.
        let mut server = Command::new(SERVER);
        server.arg("-k");
        self.put_into(&mut server);
        let _ = step::output(&mut server);
    }
}
