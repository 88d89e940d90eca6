//! Helper functions of the targets.

use std::{
    fs,
    path::{Path, PathBuf},
};

use pilotlight::{env::Env, stack_file};
use pilotlight_init::{
    detect::{Host, Listing},
    draft::render,
    import,
};
use tempfile::TempDir;

/// Imports `text` as the file of another tool. The resulting stack file must be valid.
pub fn import(file: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let host = Host {
        programs: ["docker", "node", "npm", "python3"]
            .map(str::to_owned)
            .into(),
        ..Host::default()
    };
    let mut listing = Listing::new("project", host);
    listing.add(file, Some(&text));
    // Patterns in scripts refer to other scripts, and tasks to scripts of the package.
    if file != "package.json" {
        listing.add(
            "package.json",
            Some(r#"{"scripts":{"dev":"vite","x-y":"node server.js"}}"#),
        );
    }
    let combined = import::draft(&listing);
    if combined.draft.services.is_empty() {
        return;
    }
    let written = render(&combined.draft);
    let file = Path::new("/project/pilotlight.toml");
    if let Err(report) = stack_file::parse(file, written.as_bytes(), &Env::new()) {
        panic!("{report}\n{written}");
    }
}

/// Returns a folder in memory, if the system has one.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    tempfile::tempdir_in(parent).expect("a folder")
}

/// Replaces the content of a file.
pub fn write(file: &PathBuf, bytes: &[u8]) {
    fs::write(file, bytes).expect("a file that can be written");
}
