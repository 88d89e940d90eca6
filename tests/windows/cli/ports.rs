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
fn the_process_on_a_port_is_named_and_stopped_when_the_user_agrees() {
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
    assert!(!stranger.has_ended(), "the user was not asked");
    stage.expect(&["port", &port, "--free", "--yes"], 0);
    assert!(stranger.has_ended());
    stage.expect(&["port", &port, "--free", "--yes"], 0);
}

#[test]
fn a_foreign_process_is_stopped_in_development_but_not_in_production() {
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
fn a_parent_of_the_command_is_never_stopped() {
    let stage = Stage::new("[service.x]\ncommand = \"x\"\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Wine knows the owner of a listener only after its first use.
    listener.set_ttl(64).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let held = stage.json(&["port", &port, "--json"], 0);
    assert_eq!(held["holders"][0]["pid"], id(), "{held}");
    let (_, told) = stage.expect(&["port", &port, "--free", "--yes"], 1);
    assert!(!told.is_empty());
}

#[test]
fn processes_with_names_of_system_programs_are_never_stopped() {
    let port = free_port();
    let stage = Stage::new(&server(port, ""));
    // Wine would start its own programs of these names instead. The tests of the rules cover them.
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

/// Only Windows reports which process uses a port on IPv6. Wine only reports that it is used, and without
/// an owner no process is stopped.
#[test]
fn a_port_in_use_on_the_other_loopback_address_is_in_use() {
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
fn the_next_port_is_found_and_passed_on() {
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
