//! Writes a stack file atomically, and never over unseen changes.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use crate::{
    fs::project_file::{Reader, TIME_LIMIT},
    stack_file::local_file,
};

/// Creates a file.
///
/// # Errors
///
/// `AlreadyExists`, even if it was created only just now; or any other error of the operating
/// system.
pub fn create(file: &Path, text: &str) -> io::Result<()> {
    let next = beside(file, text)?;
    // Unlike a rename, a link fails if the name exists.
    let linked = match fs::hard_link(&next, file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // Some file systems have no hard links.
            let made = OpenOptions::new().write(true).create_new(true).open(file);
            made.and_then(|mut made| made.write_all(text.as_bytes()))
        }
        linked => linked,
    };
    drop(fs::remove_file(&next));
    if linked.is_ok() {
        // The stack file is complete even if this fails.
        drop(ignore_local(file));
    }
    linked
}

/// Adds `pilotlight.local.toml` to the `.gitignore` beside a stack file, if that exists or the folder
/// is a repository.
fn ignore_local(file: &Path) -> io::Result<()> {
    let local = local_file(file);
    let (Some(folder), Some(name)) = (file.parent(), local.file_name()) else {
        return Ok(());
    };
    let ignore = folder.join(".gitignore");
    if !ignore.exists() && !folder.join(".git").exists() {
        return Ok(());
    }
    let name = name.to_string_lossy();
    let known = fs::read_to_string(&ignore).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(String::new()),
        _ => Err(error),
    })?;
    if known
        .lines()
        .any(|line| line.trim_start_matches('/') == name)
    {
        return Ok(());
    }
    let end = if known.is_empty() || known.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut ignore = OpenOptions::new().append(true).create(true).open(ignore)?;
    ignore.write_all(format!("{end}{name}\n").as_bytes())
}

/// Replaces the text of a file if it is still `old`. Keeps permissions and follows a link.
///
/// # Errors
///
/// `InvalidData` if the file has changed, or any other error of the operating system.
pub fn exchange(file: &Path, old: &str, new: &str) -> io::Result<()> {
    let place = fs::canonicalize(file)?;
    if Reader::within(TIME_LIMIT).read(&place)? != old.as_bytes() {
        let what = "it has changed in the meantime";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let permissions = fs::metadata(&place)?.permissions();
    let next = beside(&place, new)?;
    let done = fs::set_permissions(&next, permissions).and_then(|()| fs::rename(&next, &place));
    done.inspect_err(|_| drop(fs::remove_file(&next)))
}

/// Writes a text to a new file in the same folder.
fn beside(file: &Path, text: &str) -> io::Result<std::path::PathBuf> {
    let next = file.with_added_extension(format!("{}.new", std::process::id()));
    let mut made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&next)?;
    let written = made
        .write_all(text.as_bytes())
        .and_then(|()| made.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(&next)))?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_stays_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pilotlight.toml");
        create(&file, "a").unwrap();
        let error = create(&file, "b").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).unwrap(), "a");
        assert!(exchange(&file, "b", "c").is_err());
        exchange(&file, "a", "c").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "c");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }
}
