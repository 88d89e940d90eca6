//! Ports in use.

use std::{fs, net::TcpListener, process::id};

use pilotlight_test_service::free_port;

use super::stage::{Stage, Stranger, steps};

fn server(port: u16, more: &str) -> String {
    format!(
        "[service.web]\n{}\nport = {port}\nstop = {{ timeout = \"300ms\" }}\n{more}\n",
        steps(&format!("--listen 127.0.0.1:{port}"))
    )
}

#[test]
fn the_holder_of_a_port_is_named_and_ended_when_a_person_says_so() {
    let port = free_port();
    let stage = Stage::new(&server(port, ""));
    let mut stranger = Stranger::listening(&format!("127.0.0.1:{port}"));
    let port = port.to_string();
    let held = stage.json(&["port", &port, "--json"], 0);
    let holder = &held["holders"][0];
    assert_eq!(holder["pid"], stranger.pid(), "{held}");
    let name = holder["name"].as_str().unwrap();
    assert!(name.contains("pilotlight-test-service"), "{held}");

    stage.expect(&["port", &port, "--free"], 2);
    assert!(!stranger.has_ended(), "no person was asked");
    stage.expect(&["port", &port, "--free", "--yes"], 0);
    assert!(stranger.has_ended());
    stage.expect(&["port", &port, "--free", "--yes"], 0);
}

#[test]
fn a_stranger_makes_room_in_development_and_not_in_production() {
    let port = free_port();
    let stage = Stage::new(&server(port, "port_conflict = \"fail\""));
    let mut stranger = Stranger::listening(&format!("0.0.0.0:{port}"));
    stage.expect(&["up", "--detach"], 1);
    let web = stage.service("web");
    assert_eq!(web["phase"], "blocked", "{web}");
    assert!(!stranger.has_ended());
    stage.expect(&["down"], 0);

    let text = server(port, "port_conflict = \"force\"");
    stage.write("pilotlight.toml", &format!("name = \"test\"\n{text}"));
    stage.expect(&["up", "--detach"], 0);
    assert!(stranger.has_ended());
    stage.expect(&["down"], 0);
}

/// This test is the parent of the command, as a terminal or an editor is.
#[test]
fn a_parent_of_the_command_is_never_ended() {
    let stage = Stage::new("[service.x]\ncommand = \"x\"\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Wine names the owner of a listener only once that has done something with it.
    listener.set_ttl(64).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let held = stage.json(&["port", &port, "--json"], 0);
    assert_eq!(held["holders"][0]["pid"], id(), "{held}");
    let (_, told) = stage.expect(&["port", &port, "--free", "--yes"], 1);
    assert!(!told.is_empty());
}

#[test]
fn whatever_is_called_like_a_program_of_the_system_is_never_ended() {
    let port = free_port();
    let stage = Stage::new(&server(port, ""));
    // Those that Wine has itself it would start instead of ours: the tests of the rules have them.
    for name in ["csrss.exe", "winlogon.exe", "LSASS.EXE"] {
        let program = stage.path(name);
        fs::copy(pilotlight_test_service::path(), &program).unwrap();
        let mut namesake = Stranger::of(&program, &format!("127.0.0.1:{port}"));
        let free = ["port", &port.to_string(), "--free", "--yes", "--json"];
        let refused = stage.json(&free, 1);
        assert!(refused.to_string().contains("system"), "{refused}");
        stage.expect(&["up", "--detach"], 1);
        assert!(!namesake.has_ended(), "{name}");
    }
}

/// Who holds a port on IPv6 is told by Windows and not by Wine; that it is held is told by both,
/// and without an owner no process is ended.
#[test]
fn a_port_that_is_held_on_the_other_loopback_address_is_held() {
    let port = free_port();
    let stage = Stage::new(&server(port, "port_conflict = \"fail\""));
    let mut stranger = Stranger::listening(&format!("[::1]:{port}"));
    stage.expect(&["up", "--detach"], 1);
    let web = stage.service("web");
    assert_eq!(web["phase"], "blocked", "{web}");
    assert!(!stranger.has_ended());
    drop(stranger);
    stage.expect(&["up", "--detach"], 0);
    stage.expect(&["down"], 0);
}

#[test]
fn the_next_port_is_found_and_handed_on() {
    let port = free_port();
    let text = format!(
        "[service.web]\n{}\nport = {port}\nport_conflict = \"next\"\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--env PORT --listen 127.0.0.1:{port}")
    );
    let stage = Stage::new(&text);
    let _stranger = Stranger::listening(&format!("127.0.0.1:{port}"));
    stage.expect(&["up", "--detach"], 0);
    let other = stage.service("web")["port"].as_u64().unwrap();
    assert_ne!(other, u64::from(port));
    let (log, _) = stage.expect(&["logs", "web"], 0);
    assert!(log.contains(&format!("PORT={other}")), "{log}");
    stage.expect(&["down"], 0);
}
