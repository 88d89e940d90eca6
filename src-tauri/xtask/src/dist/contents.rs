//! The files of a release for Windows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, at},
    windows::{Cross, LOADER, programs},
    workspace,
};

/// A program of the release.
pub(super) struct Program {
    pub(super) package: &'static str,
    pub(super) file: &'static str,
    /// The subsystem in its header: `CUI` for a console program, `GUI` for others.
    pub(super) subsystem: &'static str,
}

pub(super) const COMMAND: Program = Program {
    package: "pilotlight-cli",
    file: "pilotlight.exe",
    subsystem: "(Windows CUI)",
};
pub(super) const APP: Program = Program {
    package: "pilotlight-app",
    file: "pilot-light.exe",
    subsystem: "(Windows GUI)",
};
pub(super) const PROGRAMS: [Program; 2] = [COMMAND, APP];

/// The loader of the webview is Microsoft's and requires its licence beside it.
const DOCUMENTS: [&str; 3] = [
    "README.md",
    "LICENSE",
    "src-tauri/windows/WebView2Loader.LICENSE.txt",
];

/// A folder with all files of the release, and no others.
pub(super) struct Contents {
    pub(super) folder: PathBuf,
    /// The files, as seen from the folder.
    pub(super) names: Vec<String>,
}

impl Contents {
    /// Copies the built files into the folder.
    pub(super) fn gather(cross: &Cross) -> Result<Self, Error> {
        let folder = workspace::own()?.join("windows");
        workspace::remove(&folder)?;
        let mut contents = Self {
            folder,
            names: Vec::new(),
        };
        let built = programs("release")?;
        for program in PROGRAMS {
            contents.add(&built.join(program.file), program.file)?;
        }
        contents.add(&cross.loader()?, LOADER)?;
        for document in DOCUMENTS {
            let name = document.rsplit('/').next().unwrap_or(document);
            contents.add(&workspace::root().join(document), name)?;
        }
        contents.names.sort_unstable();
        Ok(contents)
    }

    fn add(&mut self, file: &Path, name: &str) -> Result<(), Error> {
        let to = self.folder.join(name);
        let folder = to.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(at(folder))?;
        fs::copy(file, &to).map_err(at(file))?;
        self.names.push(name.to_owned());
        Ok(())
    }
}
