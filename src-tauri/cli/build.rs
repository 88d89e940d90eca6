//! Lists the files of the window's page for `pilotlight ui`, which serves them.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    // An empty folder is watched as well, so that a page that is built later is picked up.
    fs::create_dir_all(&page)?;
    println!("cargo:rerun-if-changed={}", page.display());
    let mut table = String::from("&[\n");
    for (name, path) in files(&page, "")? {
        let path = path.to_string_lossy();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "({name:?}, include_bytes!({path:?})),");
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("page.rs"), table)
}

/// Returns the path on the server and the place of every file below a folder.
fn files(folder: &Path, prefix: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path(), &name)?);
        } else {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
