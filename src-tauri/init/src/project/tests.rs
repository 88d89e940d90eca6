//! Projects that must do no harm: large files, deep folders, links, pipes.

use std::{
    fs,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::*;
use pilotlight::host::clock;

#[cfg(unix)]
mod unix;

fn listed(folder: &Path) -> Project {
    list(folder, Host::default()).unwrap()
}

fn write(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn took(work: impl FnOnce()) -> Duration {
    let began = clock::now().instant;
    work();
    Instant::duration_since(&clock::now().instant, began)
}

#[test]
fn texts_are_read_where_they_say_something_and_names_everywhere() {
    let folder = TempDir::new().unwrap();
    write(&folder, "package.json", "{}");
    write(&folder, "src/logo.png", "x");
    write(&folder, "src/main.ts", "listen(3000)");
    write(&folder, "node_modules/vite/package.json", "{}");
    write(&folder, ".git/config", "x");
    write(&folder, "target/debug/x.json", "{}");
    let Project { listing, unread } = listed(folder.path());
    assert_eq!(listing.text("package.json"), Some("{}"));
    assert_eq!(listing.text("src/main.ts"), Some("listen(3000)"));
    assert!(listing.has("src/logo.png") && listing.text("src/logo.png").is_none());
    for skipped in ["node_modules", ".git", "target"] {
        assert!(listing.has_folder(skipped), "{skipped} is noted");
        assert_eq!(
            listing.under(skipped).count(),
            0,
            "{skipped} is not looked into"
        );
    }
    assert_eq!(unread, []);
}

#[test]
fn a_package_json_of_50_megabytes_is_not_read() {
    let folder = TempDir::new().unwrap();
    let file = fs::File::create(folder.path().join("package.json")).unwrap();
    file.set_len(50_000_000).unwrap();
    let mut project = None;
    let time = took(|| project = Some(listed(folder.path())));
    let Project { listing, unread } = project.unwrap();
    assert!(listing.has("package.json") && listing.text("package.json").is_none());
    assert_eq!(unread[0].what, "package.json");
    assert!(time < Duration::from_secs(1), "{time:?}");
}

#[test]
fn a_project_far_too_deep_is_left_at_some_point() {
    let folder = TempDir::new().unwrap();
    let deep = "d/".repeat(60);
    write(&folder, &format!("{deep}x.json"), "{}");
    write(&folder, "d/x.json", "{}");
    let Project { listing, unread } = listed(folder.path());
    assert_eq!(listing.paths().collect::<Vec<_>>(), ["d/x.json"]);
    assert_eq!(unread.len(), 1);
}

#[test]
fn what_is_no_text_has_only_a_name() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("package.json"), [0xff, 0xfe, 0x00]).unwrap();
    let Project { listing, .. } = listed(folder.path());
    assert!(listing.has("package.json") && listing.text("package.json").is_none());
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let error = list(Path::new("/nowhere/at/all"), Host::default()).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    let folder = TempDir::new().unwrap();
    write(&folder, "file", "x");
    assert!(list(&folder.path().join("file"), Host::default()).is_err());
}

#[tokio::test]
async fn the_computer_is_known_by_its_programs_and_listeners() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // Wine knows whose a socket is once its owner has touched it.
    listener.set_ttl(64).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = look_around().await;
    assert!(
        host.listening[&port].is_some(),
        "this very test listens there"
    );
    assert!(host.variables.contains("PATH"));
}
