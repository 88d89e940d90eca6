//! The folders of Pilot Light.

use std::{env, path::Path};

use pilotlight::fs::home::Home;

#[test]
fn the_state_of_a_daemon_is_in_the_local_application_data() {
    assert_eq!(env::var_os(Home::VARIABLE), None, "it must not be set here");
    let local = env::var_os("LOCALAPPDATA").expect("every user has one");
    let local = Path::new(&local).canonicalize().unwrap();
    let home = Home::locate().unwrap();
    for place in [home.state(), home.logs(), &home.lock()] {
        assert!(place.starts_with(&local), "{}", place.display());
    }
    assert!(home.state().to_string_lossy().contains("Pilot Light"));
}

#[test]
fn the_pipe_is_named_after_the_home() {
    let [one, same, other] = ["a", "a", "b"].map(|name| {
        let folder = env::temp_dir().join(name);
        Home::under(&folder).unwrap().socket()
    });
    assert!(one.to_string_lossy().starts_with(r"\\.\pipe\pilotlight-"));
    assert_eq!(one, same);
    assert_ne!(one, other);
}
