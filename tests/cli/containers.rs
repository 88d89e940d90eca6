//! Services in containers, with the command alone.

use std::process::{Command, Output};

use crate::{
    engine::{docker, variables},
    registry::Registry,
    stage::Stage,
};

/// Runs the command with the engine of the tests.
fn run(stage: &Stage, words: &[&str]) -> (Option<i32>, String) {
    let mut command: Command = stage.command(words);
    command.env("DOCKER_HOST", variables().get("DOCKER_HOST").unwrap());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout) + &text(&stderr))
}

#[test]
fn volumes_are_removed_on_request_alone() {
    let name = format!("cli{}", std::process::id());
    let stage = Stage::new(&format!(
        r#"
[service.cache]
container = {{ image = "local/busybox:1", args = "sleep 600", volumes = ["{name}-cache:/data"] }}
stop = {{ timeout = "0s" }}

[service.db]
compose = "db"
stop = {{ timeout = "0s" }}
"#
    ));
    let compose = format!(
        "services:\n  db:\n    image: local/busybox:1\n    command: sleep 600\n    volumes: [\"data:/data\"]\nvolumes:\n  data:\n    name: {name}-db\n"
    );
    stage.write("compose.yaml", &compose);
    let volumes = || {
        docker(&[
            "volume",
            "ls",
            "--quiet",
            "--filter",
            &format!("name={name}"),
        ])
    };
    let both = format!("{name}-cache\n{name}-db");
    assert_eq!(run(&stage, &["up", "-d"]).0, Some(0));
    assert_eq!(run(&stage, &["down"]).0, Some(0));
    assert_eq!(volumes(), both);

    assert_eq!(run(&stage, &["up", "-d"]).0, Some(0));
    // Without a terminal nothing is removed, and nothing stopped.
    let (code, told) = run(&stage, &["down", "--volumes"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains(&format!("{name}-cache of cache; {name}-db of db")),
        "{told}"
    );
    assert_eq!(volumes(), both);
    let (code, told) = run(&stage, &["down", "--volumes", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains(&format!("removed the volume {name}-db")),
        "{told}"
    );
    assert_eq!(volumes(), "");
    let (code, told) = run(&stage, &["down", "--volumes", "--yes"]);
    assert!(
        code == Some(0) && told.contains("There are no volumes to remove."),
        "{told}"
    );
}

#[test]
fn images_are_pulled_before_they_are_needed() {
    let registry = Registry::start();
    registry.send_all();
    let stage = Stage::new(&format!(
        "[service.web]\ncontainer = {{ image = \"{}\" }}\n[service.other]\ncontainer = {{ image = \"localhost:1/none:1\" }}\n",
        registry.image
    ));
    assert!(!registry.is_pulled());
    let (code, told) = run(&stage, &["pull", "web"]);
    assert!(code == Some(0) && told.contains("web: pulled"), "{told}");
    assert!(registry.is_pulled());
    let (code, told) = run(&stage, &["pull"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("other: the image localhost:1/none:1 is not available"),
        "{told}"
    );
    assert!(told.contains("web: pulled"), "{told}");
}
