//! Commands for scripts: `wait`, `url`, `env`, `exec`, `shell` and `test`.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use pilotlight::effects::process::opener;
use pilotlight_test_service::free_port;

use crate::stage::{Stage, server, talker, tell, until};

/// A service that fails and does not restart.
const BROKEN: &str = r#"
[service.broken]
command = ["sh", "-c", "echo 'ERROR: no disk' >&2; exit 3"]
restart = "never"
ready = { log = "never" }
"#;

/// A service with variables, one of which is a secret, and links.
fn configured(port: u16) -> String {
    format!(
        r#"
[service.web]
command = "sleep 1000"
port = {port}
directory = "sub"
env = {{ GREETING = "it's \"fine\" for $5", API_TOKEN = "hunter2-hunter2" }}
env_file = ["web.env"]
links = {{ docs = "/docs", admin = "http://localhost:{{port}}/admin" }}

[service.cache]
external = true
port = {}
ready = {{ redis = "redis://localhost:{{port}}" }}
"#,
        port + 1
    )
}

fn configured_stage(port: u16) -> Stage {
    let stage = Stage::new(&configured(port));
    std::fs::create_dir(stage.folder.path().join("sub")).unwrap();
    stage.write("web.env", "FROM_FILE=yes\n");
    stage
}

#[test]
fn wait_distinguishes_reached_from_not_yet() {
    let stage = Stage::new(&talker("talker"));
    let (_, err) = stage.expect(&["wait", "--timeout", "50ms"], 3);
    assert!(err.contains("the stack is not running"), "{err}");
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["wait"], 0);
    stage.expect(&["wait", "talker", "--for", "healthy"], 0);
    stage.expect(&["wait", "--for", "stopped", "--timeout", "50ms"], 3);
    stage.expect(&["down"], 0);
    stage.expect(&["wait", "--for", "stopped"], 0);
    let (_, err) = stage.expect(&["wait", "talkre"], 2);
    assert!(err.contains("did you mean `talker`"), "{err}");
}

#[test]
fn wait_ends_with_the_reason_when_a_service_has_failed() {
    let stage = Stage::new(&format!(
        "{BROKEN}\n[service.needy]\ncommand = \"sleep 1000\"\nneeds = [\"broken\"]\n"
    ));
    stage.expect(&["up", "-d"], 1);
    for words in [&["wait"][..], &["wait", "needy"]] {
        let (_, err) = stage.expect(words, 1);
        assert!(err.contains("broken") && err.contains("no disk"), "{err}");
    }
    stage.expect(&["down"], 0);
}

#[test]
fn wait_can_begin_before_the_stack_starts() {
    let stage = Stage::new(&talker("talker"));
    let mut waits = [
        stage.start(&["wait"]),
        stage.start(&["wait", "--for", "log: ^talker beg"]),
    ];
    stage.expect(&["up", "-d"], 0);
    for wait in &mut waits {
        assert_eq!(wait.end(), 0, "{}", wait.errors());
    }
    stage.expect(&["wait", "--for", "log: begins"], 0);
    stage.expect(&["down"], 0);
    // The line belongs to an earlier run.
    let words = ["wait", "--for", "log: begins", "--timeout", "300ms"];
    stage.expect(&words, 3);
    let (_, err) = stage.expect(&["wait", "--for", "log: ("], 2);
    assert!(err.contains("--for"), "{err}");
}

#[test]
fn url_prints_links_and_ports() {
    let port = free_port();
    let stage = configured_stage(port);
    for (words, expected) in [
        (&["url", "web"][..], format!("http://localhost:{port}\n")),
        (
            &["url", "web", "docs"],
            format!("http://localhost:{port}/docs\n"),
        ),
        (
            &["url", "cache"],
            format!("redis://localhost:{}\n", port + 1),
        ),
    ] {
        assert_eq!(stage.expect(words, 0).0, expected);
    }
    let (_, err) = stage.expect(&["url", "web", "dosc"], 2);
    assert!(err.contains("links are: admin, docs"), "{err}");
    let (_, err) = stage.expect(&["open", "cache"], 2);
    assert!(err.contains("is not a page"), "{err}");
}

#[test]
fn open_passes_the_page_to_the_browser() {
    let port = free_port();
    let stage = configured_stage(port);
    let bin = stage.folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let browser = bin.join(opener()[0]);
    std::fs::write(&browser, "#!/bin/sh\necho \"$1\" >> opened\n").unwrap();
    std::fs::set_permissions(&browser, Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    for words in [&["open", "web"][..], &["open", "web", "docs"]] {
        let mut command = stage.command(words);
        command.env("PATH", format!("{}:{path}", bin.display()));
        assert!(command.output().unwrap().status.success());
    }
    let opened = std::fs::read_to_string(stage.folder.path().join("opened")).unwrap();
    let page = |path: &str| format!("http://localhost:{port}/{path}\n");
    // Without a label, the first link.
    assert_eq!(opened, page("admin") + &page("docs"));
}

#[test]
fn url_follows_a_port_that_was_chosen_at_the_start() {
    let port = free_port();
    let stage = Stage::new(&format!(
        "{}port_conflict = \"next\"\n",
        server("web", port)
    ));
    let mut stranger = stage.listener(port);
    stage.expect(&["up", "-d"], 0);
    let chosen = stage.service("web")["port"].as_u64().unwrap();
    assert_ne!(chosen, u64::from(port));
    let (url, _) = stage.expect(&["url", "web"], 0);
    assert_eq!(url, format!("http://localhost:{chosen}\n"));
    let (out, _) = stage.expect(&["exec", "web", "--", "sh", "-c", "echo $PORT"], 0);
    assert_eq!(out, format!("{chosen}\n"));
    stage.expect(&["down"], 0);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn env_shows_secrets_only_in_the_formats_for_programs() {
    let port = free_port();
    let stage = configured_stage(port);
    let (shown, _) = stage.expect(&["env", "web"], 0);
    assert!(shown.contains("API_TOKEN=***\n"), "{shown}");
    assert!(shown.contains("FROM_FILE=yes\n"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let variables = stage.json(&["env", "web", "--json"], 0);
    assert_eq!(variables["API_TOKEN"], "hunter2-hunter2");
    assert_eq!(variables["PORT"], port.to_string());
    assert_eq!(
        variables["PILOTLIGHT_WEB_URL"],
        format!("http://localhost:{port}")
    );
    let addresses = stage.json(&["env", "--json"], 0);
    assert_eq!(addresses.as_object().unwrap().len(), 4, "{addresses}");
    assert_eq!(addresses["PILOTLIGHT_CACHE_PORT"], (port + 1).to_string());
    stage.expect(&["env", "--json", "--shell"], 2);
}

#[test]
fn the_formats_of_env_can_be_read_back() {
    let stage = configured_stage(free_port());
    let (lines, _) = stage.expect(&["env", "web", "--shell"], 0);
    let mut shell = stage.command(&[]);
    shell = {
        let mut sh = std::process::Command::new("sh");
        sh.current_dir(shell.get_current_dir().unwrap());
        sh
    };
    let output = tell(shell, &format!("{lines}\nprintf %s \"$GREETING\""));
    assert_eq!(output.stdout, b"it's \"fine\" for $5");
    let (lines, _) = stage.expect(&["env", "web", "--dotenv"], 0);
    let again = Stage::new("[service.again]\ncommand = \"true\"\nenv_file = [\"again.env\"]\n");
    again.write("again.env", &lines);
    let variables = again.json(&["env", "again", "--json"], 0);
    assert_eq!(variables["GREETING"], "it's \"fine\" for $5");
    assert_eq!(variables["API_TOKEN"], "hunter2-hunter2");
}

#[test]
fn exec_runs_a_command_like_the_service_and_exits_with_its_status() {
    let port = free_port();
    let stage = configured_stage(port);
    let line = "echo $PORT $FROM_FILE $PILOTLIGHT_CACHE_URL; basename $(pwd); exit 7";
    let (out, _) = stage.expect(&["exec", "web", "--", "sh", "-c", line], 7);
    let expected = format!("{port} yes redis://localhost:{}\nsub\n", port + 1);
    assert_eq!(out, expected);
    stage.expect(&["exec", "web", "--", "sh", "-c", "kill -TERM $$"], 143);
    let (_, err) = stage.expect(&["exec", "web", "--", "no-such-program"], 1);
    assert!(
        err.contains("command not found: `no-such-program`"),
        "{err}"
    );
    stage.expect(&["exec", "web"], 2);
    stage.write("web.env", "=\n");
    let (_, err) = stage.expect(&["exec", "web", "--", "true"], 1);
    assert!(err.contains("web.env"), "{err}");
}

#[test]
fn a_signal_to_exec_reaches_its_command() {
    let stage = configured_stage(free_port());
    let script = "echo begun >&2; trap 'exit 5' TERM; while :; do sleep 0.05; done";
    let mut exec = stage.start(&["exec", "web", "--", "sh", "-c", script]);
    exec.until_it_says("begun");
    exec.signal(rustix::process::Signal::TERM);
    assert_eq!(exec.end(), 5, "{}", exec.errors());
    until("nothing is left", || stage.processes().is_empty());
}

#[test]
fn shell_runs_in_the_folder_and_with_the_variables_of_the_service() {
    let stage = configured_stage(free_port());
    let mut command = stage.command(&["shell", "web"]);
    command.env("SHELL", "/bin/sh");
    let output = tell(
        command,
        "echo \"$FROM_FILE\"; basename \"$(pwd)\"; exit 4\n",
    );
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(output.stdout, b"yes\nsub\n");
}

#[test]
fn test_starts_the_stack_runs_the_command_and_stops_what_it_started() {
    let port = free_port();
    let stage = Stage::new(&format!("{}{}", server("web", port), talker("talker")));
    let line = "test $PILOTLIGHT_WEB_PORT -gt 0 && python3 -c \"import urllib.request, os; \
                urllib.request.urlopen(os.environ['PILOTLIGHT_WEB_URL'])\"";
    let words = [
        "test", "--junit", "out.xml", "--logs", "logs", "--", "sh", "-c", line,
    ];
    stage.expect(&words, 0);
    stage.until_no_process_is_left();
    let report = std::fs::read_to_string(stage.folder.path().join("out.xml")).unwrap();
    assert!(report.contains("tests=\"2\" failures=\"0\""), "{report}");
    let log = std::fs::read_to_string(stage.folder.path().join("logs/talker.log")).unwrap();
    assert!(log.starts_with("talker begins\n"), "{log}");
    // Services that ran before keep running.
    stage.expect(&["up", "-d", "talker"], 0);
    let pid = stage.pid("talker");
    stage.expect(&["test", "--", "sh", "-c", "exit 7"], 7);
    assert_eq!(stage.pid("talker"), pid);
    assert_eq!(stage.service("web")["light"], "off");
    stage.expect(&["test", "--keep", "--", "true"], 0);
    assert_eq!(stage.service("web")["phase"], "ready");
    stage.expect(&["down"], 0);
    let (_, err) = stage.expect(&["test", "--", "no-such-program"], 1);
    assert!(err.contains("command not found"), "{err}");
    stage.until_no_process_is_left();
}

#[test]
fn test_reports_why_a_service_does_not_start_and_stops_everything() {
    let stage = Stage::new(&format!("{BROKEN}{}", talker("talker")));
    let mut command = stage.command(&["test", "--junit", "out.xml", "--", "true"]);
    let output = command.env("GITHUB_ACTIONS", "true").output().unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(out.contains("::error::") && out.contains("broken"), "{out}");
    assert!(
        err.contains("the last lines of broken:\n  ERROR: no disk"),
        "{err}"
    );
    let report = std::fs::read_to_string(stage.folder.path().join("out.xml")).unwrap();
    assert!(report.contains("tests=\"1\" failures=\"1\""), "{report}");
    stage.until_no_process_is_left();
}
