//! Microsoft's library that finds the webview, as the crate of its bindings contains it.
//!
//! Microsoft's compiler links it into the app. With mingw-w64 that is impossible, and the app does not
//! start unless the library is in its folder.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Cross, TARGET};
use crate::{error::Error, step};

pub(crate) const LOADER: &str = "WebView2Loader.dll";

/// The crate that contains it, with a folder for each processor architecture.
const CRATE: &str = "webview2-com-sys";

impl Cross {
    /// Returns the path of the library, in the version that the app is built with.
    pub(crate) fn loader(&self) -> Result<PathBuf, Error> {
        let mut ask = self.cargo("")?;
        ask.args(["metadata", "--format-version", "1", "--filter-platform"])
            .arg(TARGET);
        let found = loader_in(&step::printed(&mut ask)?).filter(|file| file.exists());
        found.ok_or_else(|| Error::Untrue(format!("{LOADER} was not found in the crate {CRATE}")))
    }
}

/// Returns the path of the library according to the output of `cargo metadata`.
fn loader_in(metadata: &str) -> Option<PathBuf> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let mut packages = metadata["packages"].as_array()?.iter();
    let package = packages.find(|package| package["name"] == CRATE)?;
    let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
    Some(folder.join("x64").join(LOADER))
}
