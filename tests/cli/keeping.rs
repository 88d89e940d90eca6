//! Daemons that start at the same time, that are asked to exit, and that are killed.

use std::{os::unix::fs::PermissionsExt as _, process::Command};

use rustix::process::Signal;

use crate::stage::{Stage, lives, signal, talker, until};

#[test]
fn simultaneous_starts_share_one_daemon() {
    let stage = Stage::new(&talker("talker"));
    let mut all: Vec<_> = (0..8).map(|_| stage.start(&["up", "-d"])).collect();
    for up in &mut all {
        assert_eq!(up.end(), 0, "{}", up.errors());
    }
    let daemon = stage.daemon();
    let talker = stage.pid("talker");
    let mut others = stage.processes();
    others.retain(|pid| *pid != daemon && *pid != talker);
    assert_eq!(others, [0; 0]);
}

#[test]
fn up_after_down_does_not_race_with_the_exiting_daemon() {
    let stage = Stage::new(&talker("talker"));
    for _ in 0..10 {
        stage.expect(&["up", "-d"], 0);
        stage.expect(&["down"], 0);
    }
    stage.until_no_process_is_left();
}

#[test]
fn sigterm_to_a_background_daemon_stops_everything() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let daemon = stage.daemon();
    signal(daemon, Signal::HUP);
    assert!(lives(stage.pid("talker")), "it has no terminal");
    signal(daemon, Signal::TERM);
    stage.until_no_process_is_left();
}

#[test]
fn services_survive_a_killed_daemon_and_the_next_up_adopts_them() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let (daemon, talker) = (stage.daemon(), stage.pid("talker"));
    signal(daemon, Signal::KILL);
    until("it is dead", || !lives(daemon));
    assert!(lives(talker));

    let left = stage.service("talker");
    assert_eq!(
        (&left["phase"], &left["pid"]),
        (&"stopped".into(), &talker.into())
    );
    assert!(
        left["note"]
            .as_str()
            .unwrap()
            .contains("`pilotlight up` reconnects"),
        "{left}"
    );

    stage.expect(&["up", "-d"], 0);
    let adopted = stage.service("talker");
    assert_eq!(
        (&adopted["pid"], &adopted["adopted"]),
        (&talker.into(), &true.into())
    );
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn down_stops_the_services_of_a_killed_daemon() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let (daemon, talker) = (stage.daemon(), stage.pid("talker"));
    signal(daemon, Signal::KILL);
    until("it is dead", || !lives(daemon));
    let (_, err) = stage.expect(&["down"], 0);
    assert!(err.contains("talker  stopped"), "{err}");
    assert!(!lives(talker));
    stage.until_no_process_is_left();
}

#[test]
fn an_unusable_home_is_reported() {
    let stage = Stage::new(&talker("talker"));
    stage.write("home", "a file where a folder belongs");
    let (_, err) = stage.expect(&["up", "-d"], 1);
    assert!(err.contains("home"), "{err}");
}

#[test]
fn every_file_of_the_home_is_private_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let stage = Stage::new(&talker("talker"));
        let home = stage.folder.path().join("home");
        // An earlier version created this file with open permissions.
        std::fs::create_dir_all(home.join("state")).unwrap();
        std::fs::write(home.join("state/keeper.err"), "").unwrap();
        let up = with_umask(&stage, umask).output().unwrap();
        assert!(up.status.success(), "{umask}: {up:?}");
        let mut folders = vec![home];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let found = entry.metadata().unwrap();
                let mode = found.permissions().mode() & 0o777;
                if found.is_dir() {
                    assert_eq!(mode, 0o700, "{umask}: {}", entry.path().display());
                    folders.push(entry.path());
                } else {
                    assert_eq!(mode, 0o600, "{umask}: {}", entry.path().display());
                    files += 1;
                }
            }
        }
        assert!(files > 5, "{files} files");
        stage.expect(&["down"], 0);
    }
}

/// Runs `up -d` with this umask.
fn with_umask(stage: &Stage, umask: &str) -> Command {
    let given = stage.command(&[]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("umask {umask}; exec \"$0\" up -d")])
        .arg(given.get_program())
        .current_dir(stage.folder.path())
        .envs(
            given
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    shell
}

#[test]
fn a_daemon_that_a_service_starts_inherits_nothing_from_it() {
    let stage = Stage::new(&talker("talker"));
    let mut command = stage.command(&["up", "-d"]);
    command.env("PILOTLIGHT_SERVICE", "outer-12345678/service/1");
    assert!(command.output().unwrap().status.success());
    let environment = std::fs::read(format!("/proc/{}/environ", stage.daemon())).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("PILOTLIGHT_SERVICE"), "{environment}");
}
