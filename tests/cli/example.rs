//! The example that the command itself serves, and the findings when it is broken.

use std::{fs, path::PathBuf};

use pilotlight::example;
use pilotlight_test_service::free_port;

use crate::stage::Stage;

/// Writes the example, with ports that no other test uses.
fn written(stage: &Stage) -> PathBuf {
    let (_, err) = stage.expect(&["example", "break", "store"], 1);
    assert!(err.contains("start it with `pilotlight example`"), "{err}");
    let folder = example::folder(&stage.home());
    let stack = fs::read_to_string(folder.join("pilotlight.toml")).unwrap();
    let declared = stack
        .lines()
        .filter_map(|line| line.strip_prefix("port = "));
    let ports: Vec<(&str, String)> = declared
        .map(|port| (port, free_port().to_string()))
        .collect();
    for name in ["pilotlight.toml", "page/.env", "api/.env"] {
        let path = folder.join(name);
        let mut text = fs::read_to_string(&path).unwrap();
        // A new port may contain the digits of an old one.
        for (at, (old, _)) in ports.iter().enumerate() {
            text = text.replace(old, &format!("@{at}@"));
        }
        for (at, (_, new)) in ports.iter().enumerate() {
            text = text.replace(&format!("@{at}@"), new);
        }
        fs::write(&path, text).unwrap();
    }
    folder
}

#[test]
fn each_way_to_break_the_example_has_its_finding_and_repair_makes_it_green_again() {
    let stage = Stage::new("");
    let folder = written(&stage);
    stage.expect(&["example", "-d"], 0);
    let file = folder.to_str().unwrap();
    let doctor = |code| stage.json(&["doctor", "--json", "-F", file], code);
    assert_eq!(doctor(0)["healthy"], true);
    for (what, service, code, headline) in [
        (
            "store",
            "store",
            "exited",
            "store is not running: it was killed",
        ),
        (
            "address",
            "page",
            "frontend-misdirected",
            "page calls localhost:",
        ),
        ("port", "api", "port-taken", "is in use by pilotlight"),
        (
            "cors",
            "api",
            "cors-origin",
            "do not allow the origin http://localhost:",
        ),
        ("slow", "api", "slow", "api is too slow"),
    ] {
        let (out, _) = stage.expect(&["example", "break", what], 0);
        assert!(out.contains(headline), "{what}: {out}");
        let report = doctor(1);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{what}: {report}");
        assert_eq!(findings[0]["service"], service, "{what}: {report}");
        assert_eq!(findings[0]["code"], code, "{what}: {report}");
        stage.expect(&["example", "repair"], 0);
        let report = doctor(0);
        assert_eq!(report["healthy"], true, "{what}: {report}");
        let status = stage.json(&["status", "--json", "-F", file], 0);
        assert_eq!(status["stacks"][0]["light"], "green", "{what}: {status}");
    }
    stage.expect(&["down", "--all"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn the_failure_of_the_store_explains_the_cors_error_of_a_browser() {
    let stage = Stage::new("");
    written(&stage);
    stage.expect(&["example", "-d"], 0);
    let (out, _) = stage.expect(&["example", "break", "store"], 0);
    let (cause, effect) = (out.find("store is not running"), out.find("CORS error"));
    assert!(cause.is_some() && cause < effect, "{out}");
    stage.expect(&["down", "--all"], 0);
}
