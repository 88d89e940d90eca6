//! Links, pipes and permissions, as Unix has them.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::{Uid, geteuid},
    thread::set_thread_uid,
};

use super::*;

#[test]
fn links_in_circles_and_to_other_folders_are_not_followed() {
    let elsewhere = TempDir::new().unwrap();
    write(&elsewhere, "secret.json", "{}");
    let folder = TempDir::new().unwrap();
    write(&folder, "a/b/settings.json", "{}");
    let link = |to: &Path, from: &str| symlink(to, folder.path().join(from)).unwrap();
    link(folder.path(), "a/b/up");
    link(Path::new("loop.json"), "loop.json");
    link(elsewhere.path(), "elsewhere");
    link(&elsewhere.path().join("secret.json"), "outside.json");
    link(&folder.path().join("a/b/settings.json"), "inside.json");
    link(elsewhere.path(), "node_modules");
    let Project { listing, .. } = listed(folder.path());
    let files: Vec<&str> = listing.paths().collect();
    assert_eq!(files, ["a/b/settings.json", "inside.json"]);
    assert_eq!(listing.text("inside.json"), Some("{}"));
    assert!(listing.has_folder("node_modules"));
}

#[test]
fn a_pipe_with_the_name_of_a_settings_file_blocks_nothing() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("package.json");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    let Project { listing, .. } = listed(folder.path());
    assert!(!listing.has("package.json"));
}

#[test]
fn unreadable_files_are_named() {
    let folder = TempDir::new().unwrap();
    write(&folder, "package.json", "{}");
    write(&folder, "secret/x.json", "{}");
    write(&folder, "Procfile", "web: x");
    let mode = |path: &str, mode: u32| {
        let path = folder.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("secret", 0o000);
    mode("Procfile", 0o000);
    let path = folder.path().to_owned();
    // Root may read everything, so another user lists the folder.
    let looking = std::thread::spawn(move || {
        if geteuid().is_root() {
            set_thread_uid(Uid::from_raw(65_534)).unwrap();
        }
        listed(&path)
    });
    let Project { listing, unread } = looking.join().unwrap();
    mode("secret", 0o755);
    assert_eq!(listing.text("package.json"), Some("{}"));
    assert!(listing.has("Procfile") && listing.text("Procfile").is_none());
    let said: Vec<&str> = unread.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(said, ["Procfile", "secret"]);
    assert!(unread[0].why.contains("denied"), "{unread:?}");
}

#[test]
fn a_hundred_thousand_files_are_listed() {
    let folder = TempDir::new().unwrap();
    for part in 0..100 {
        let inner = folder.path().join(format!("part{part}"));
        fs::create_dir(&inner).unwrap();
        for number in 0..1000 {
            fs::File::create(inner.join(format!("{number}.dat"))).unwrap();
        }
    }
    write(&folder, "Procfile", "web: x");
    let listing = listed(folder.path()).listing;
    assert_eq!(listing.paths().count(), 100_001);
    assert_eq!(listing.text("Procfile"), Some("web: x"));
}
