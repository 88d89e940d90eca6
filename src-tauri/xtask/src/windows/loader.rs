//! The library that finds the webview: Microsoft's, handed on by the crate that binds it.
//!
//! With Microsoft's compiler it becomes part of the app. With mingw-w64 it cannot, and the app does not
//! start unless the library lies beside it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Cross, TARGET};
use crate::{error::Error, step};

/// Its name.
pub(crate) const LOADER: &str = "WebView2Loader.dll";

/// The crate that has it, for each kind of processor in a folder.
const CRATE: &str = "webview2-com-sys";

impl Cross {
    /// The file, in the version that the app is built with.
    pub(crate) fn loader(&self) -> Result<PathBuf, Error> {
        let mut ask = self.cargo("")?;
        ask.args(["metadata", "--format-version", "1", "--filter-platform"])
            .arg(TARGET);
        let found = loader_in(&step::printed(&mut ask)?).filter(|file| file.exists());
        found.ok_or_else(|| Error::Untrue(format!("there is no {LOADER} in the crate {CRATE}")))
    }
}

/// The file, by what cargo says of all packages.
fn loader_in(metadata: &str) -> Option<PathBuf> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let mut packages = metadata["packages"].as_array()?.iter();
    let package = packages.find(|package| package["name"] == CRATE)?;
    let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
    Some(folder.join("x64").join(LOADER))
}
