//! Commands that only query: `status`, `logs`, `port`, `validate`, and errors in their arguments.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use pilotlight::fs::home::Home;
use pilotlight_test_service::free_port;

use crate::stage::{Stage, lives, server, signal, talker, tell, until};

#[test]
fn without_a_daemon_the_services_of_the_stack_file_are_shown_as_stopped() {
    let stage = Stage::new(&server("web", 4321));
    let status = stage.json(&["status", "--json"], 0);
    let stack = &status["stacks"][0];
    assert_eq!(stack["name"], "test");
    assert_eq!(stack["mode"], "development");
    assert_eq!(stack["light"], "off");
    let file = fs::canonicalize(stage.folder.path().join("pilotlight.toml")).unwrap();
    assert_eq!(stack["file"], file.to_str().unwrap());
    let web = &stack["services"][0];
    assert_eq!(
        (&web["phase"], &web["port"]),
        (&"stopped".into(), &4321.into())
    );
    assert!(
        !stage.folder.path().join("home").exists(),
        "a query creates no file"
    );
}

#[test]
fn the_status_of_a_running_stack_has_all_fields_of_the_contract() {
    let stage = Stage::new(&server("web", free_port()));
    stage.expect(&["up", "-d"], 0);
    let web = stage.service("web");
    let object = web.as_object().unwrap();
    for field in [
        "name",
        "phase",
        "light",
        "pid",
        "port",
        "since",
        "restarts",
        "latency_ms",
        "cpu_percent",
        "memory_bytes",
        "waiting_for",
        "last_exit",
        "adopted",
    ] {
        assert!(object.contains_key(field), "no {field} in {web}");
    }
    assert!(web["memory_bytes"].as_u64().unwrap() > 1 << 20, "{web}");
    assert!(web["latency_ms"].as_f64().unwrap() > 0.0, "{web}");
    assert!(web["since"].as_str().unwrap().ends_with('Z'), "{web}");
    let (table, _) = stage.expect(&["status"], 0);
    let pid = stage.pid("web").to_string();
    assert!(
        table
            .lines()
            .any(|line| line.contains("web") && line.contains(&pid)),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "{table:?}");
}

#[test]
fn status_watch_prints_a_document_for_each_change() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let mut command = stage.command(&["status", "--watch", "--json"]);
    let mut watch = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut light = || -> Value {
        let status: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        status["stacks"][0]["light"].clone()
    };
    assert_eq!(light(), "green");
    stage.expect(&["down"], 0);
    while light() != "off" {}
    assert!(watch.wait().unwrap().success(), "it ends with its daemon");
}

#[test]
fn logs_can_be_read_while_nothing_runs() {
    let stage = Stage::new(&format!("{}{}", talker("one"), talker("other")));
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["down"], 0);
    let (all, _) = stage.expect(&["logs"], 0);
    assert!(all.contains("one   | one begins\n"), "{all}");
    assert!(all.contains("other | other begins\n"), "{all}");
    let (one, _) = stage.expect(&["logs", "one"], 0);
    assert_eq!(one, "one begins\nERROR: one is only a test\n");
    let (last, _) = stage.expect(&["logs", "one", "-n", "1"], 0);
    assert_eq!(last, "ERROR: one is only a test\n");
    let (found, _) = stage.expect(&["logs", "--grep", "^other b"], 0);
    assert_eq!(found, "other | other begins\n");
    let (grave, _) = stage.expect(&["logs", "one", "--level", "error"], 0);
    assert_eq!(grave, "ERROR: one is only a test\n");
    let (recent, _) = stage.expect(&["logs", "one", "--since", "1h"], 0);
    assert_eq!(recent, one);
    let (timed, _) = stage.expect(&["logs", "one", "--times"], 0);
    assert!(
        timed.lines().all(|line| line.as_bytes()[2] == b':'),
        "{timed}"
    );
}

#[test]
fn logs_as_json_have_time_service_and_level() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["restart"], 0);
    let (out, _) = stage.expect(&["logs", "--json", "--all-runs"], 0);
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let errors: Vec<&Value> = lines
        .iter()
        .filter(|line| line["level"] == "error")
        .collect();
    assert_eq!(errors.len(), 2, "{out}");
    assert_eq!(errors[0]["service"], "talker");
    assert_eq!(errors[0]["text"], "ERROR: talker is only a test");
    assert_eq!(
        (&errors[0]["run"], &errors[1]["run"]),
        (&1.into(), &2.into())
    );
    let (first, _) = stage.expect(&["logs", "--json", "--run", "1"], 0);
    assert!(
        first.lines().all(|line| line.contains("\"run\":1")),
        "{first}"
    );
}

#[test]
fn logs_follow_a_service_across_its_restart() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let mut logs = stage.start(&["logs", "-f"]);
    let seen = |logs: &crate::stage::Running| logs.output().matches("talker begins").count();
    until("the first run is shown", || seen(&logs) == 1);
    stage.expect(&["restart"], 0);
    until("the second run is shown", || seen(&logs) == 2);
    logs.signal(Signal::INT);
    assert_eq!(logs.end(), 0);
}

#[test]
fn a_closed_pipe_ends_the_command_silently() {
    let flood = "[service.flood]\ncommand = \"seq 1 300000\"\nready = { log = \"^300000$\" }\nrestart = \"never\"\n";
    let stage = Stage::new(flood);
    stage.run(&["up", "-d"]);
    let mut command = stage.command(&["logs", "flood"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut logs = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(logs.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert_eq!(first, "1\n");
    let status = logs.wait().unwrap();
    let mut errors = String::new();
    logs.stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
}

#[test]
fn an_invalid_stack_file_is_reported_with_its_place() {
    let stage = Stage::new("[service.web]\ncomand = \"true\"\n");
    for words in [&["up"][..], &["up", "-d"], &["validate"], &["status"]] {
        let (_, err) = stage.expect(words, 2);
        assert!(
            err.contains("pilotlight.toml:3:1: unknown key `comand`"),
            "{err}"
        );
        assert!(err.contains("did you mean `command`?"), "{err}");
    }
    let verdict = stage.json(&["validate", "--json"], 2);
    assert_eq!(verdict["valid"], false);
    let problem = &verdict["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&3.into(), &1.into())
    );
    assert!(
        problem["suggestion"].as_str().unwrap().contains("command"),
        "{problem}"
    );
}

#[test]
fn a_missing_stack_file_is_reported_with_the_next_step() {
    let stage = Stage::new("");
    fs::remove_file(stage.folder.path().join("pilotlight.toml")).unwrap();
    for words in [
        &["up"][..],
        &["status"],
        &["down"],
        &["logs"],
        &["validate"],
    ] {
        let (_, err) = stage.expect(words, 2);
        assert!(err.contains("pilotlight.toml"), "{err}");
    }
    let (_, err) = stage.expect(&["--file", "nowhere.toml", "up"], 2);
    assert!(err.contains("nowhere.toml"), "{err}");
}

#[test]
fn an_unknown_service_is_reported_with_the_nearest_name() {
    let stage = Stage::new(&talker("talker"));
    for words in [&["up", "taker"][..], &["logs", "taker"], &["down", "taker"]] {
        let (_, err) = stage.expect(words, 2);
        assert!(
            err.contains("no service named `taker` in stack `test`\n"),
            "{err}"
        );
        assert!(
            err.contains("did you mean `talker`? services are: talker\n"),
            "{err}"
        );
    }
    stage.expect(&["up", "-d"], 0);
    for words in [&["restart", "taker"][..], &["down", "taker"]] {
        let (_, err) = stage.expect(words, 2);
        assert!(err.contains("did you mean `talker`?"), "{words:?}: {err}");
    }
}

#[test]
fn old_and_usual_names_of_commands_are_understood() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["start", "-d"], 0);
    let (_, err) = stage.expect(&["up", "-d"], 0);
    assert!(err.contains("already running (up "), "{err}");
    let (out, _) = stage.expect(&["ps"], 0);
    assert!(out.contains("talker"), "{out}");
    stage.expect(&["stop"], 0);
    stage.until_no_process_is_left();
    // Its former name.
    stage.expect(&["check"], 0);
}

#[test]
fn the_help_begins_with_the_purpose_of_the_command() {
    let stage = Stage::new("");
    let (out, _) = stage.expect(&["--help"], 0);
    let first = "Start your local dev stack with one command, and see why it breaks.";
    assert_eq!(out.lines().next(), Some(first));
}

#[test]
fn a_selection_without_lines_is_reported() {
    let calm = "command = [\"sh\", \"-c\", \"echo hello; exec sleep 1000\"]\nready = { log = \"hello\" }\n";
    let stage = Stage::new(&format!("[service.calm]\n{calm}"));
    stage.expect(&["up", "-d"], 0);
    let (out, err) = stage.expect(&["logs", "--level", "error"], 0);
    assert_eq!(out, "");
    assert_eq!(err, "No lines at error or above in calm, run 1.\n");
    stage.expect(&["down"], 0);
}

#[test]
fn the_status_of_a_broken_stack_counts_its_problems() {
    let broken = "[service.broken]\ncommand = [\"sh\", \"-c\", \"exit 3\"]\nrestart = \"never\"\nready = { log = \"never\" }\n";
    let stage = Stage::new(broken);
    stage.expect(&["up", "-d"], 1);
    let (out, _) = stage.expect(&["status"], 0);
    assert!(out.contains("failed: exited with code 3"), "{out}");
    assert!(
        out.ends_with("\n1 problem. Run `pilotlight doctor`.\n"),
        "{out}"
    );
    stage.expect(&["down"], 0);
}

#[test]
fn a_valid_stack_is_shown_in_start_order() {
    let stack = format!(
        "{}needs = [\"later\"]\n{}",
        talker("first"),
        talker("later")
    );
    let stage = Stage::new(&stack);
    let verdict = stage.json(&["check", "--json"], 0);
    let services = verdict["services"].as_array().unwrap();
    let names: Vec<&Value> = services.iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["later", "first"]);
    let (out, _) = stage.expect(&["validate"], 0);
    assert!(
        out.find("later").unwrap() < out.find("first").unwrap(),
        "{out}"
    );
}

#[test]
fn a_free_port_is_an_answer() {
    let stage = Stage::new("");
    let port = free_port().to_string();
    let (out, _) = stage.expect(&["port", &port], 0);
    assert_eq!(out, format!("Nothing is listening on port {port}.\n"));
    let (out, _) = stage.expect(&["port", &port, "--free", "--yes"], 0);
    assert_eq!(out, format!("Nothing is listening on port {port}.\n"));
    assert_eq!(
        stage.json(&["port", &port, "--json"], 0)["holders"],
        Value::Array(Vec::new())
    );
}

#[test]
fn the_process_on_a_port_is_named_and_stopped_only_on_request() {
    let stage = Stage::new("");
    let port = free_port();
    let mut listener = stage.listener(port);
    let port = port.to_string();
    let holder = || stage.json(&["port", &port, "--json"], 0)["holders"][0].clone();
    assert_eq!(holder()["pid"], listener.id());
    let (out, _) = stage.expect(&["port", &port], 0);
    assert!(
        out.contains(&format!("127.0.0.1:{port}")) && out.contains("http.server"),
        "{out}"
    );

    let unsure = tell(stage.command(&["port", &port, "--free"]), "y\n");
    assert_eq!(
        unsure.status.code(),
        Some(2),
        "there is no terminal to ask on"
    );
    assert!(lives(listener.id()));

    let (out, _) = stage.expect(&["port", &port, "--free", "--yes"], 0);
    assert!(out.contains(&format!("Port {port} is free.")), "{out}");
    assert!(!listener.wait().unwrap().success());
}

#[test]
fn a_running_service_is_not_stopped_for_its_port() {
    let port = free_port();
    let stage = Stage::new(&server("web", port));
    stage.expect(&["up", "-d"], 0);
    let pid = stage.pid("web");
    // Without a terminal, too: a refusal needs no confirmation.
    stage.expect(&["port", &port.to_string(), "--free"], 1);
    let (_, err) = stage.expect(&["port", &port.to_string(), "--free", "--yes"], 1);
    assert!(err.contains("service web"), "{err}");
    assert!(err.contains("down web`"), "{err}");
    assert!(lives(pid));
    let refused = stage.json(&["port", &port.to_string(), "--free", "--yes", "--json"], 1);
    assert_eq!(refused["free"], false);
}

#[test]
fn a_parent_of_the_command_is_not_stopped_for_its_port() {
    let stage = Stage::new("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (_, err) = stage.expect(&["port", &port, "--free", "--yes"], 1);
    assert!(err.contains("Pilot Light was started from it"), "{err}");
}

/// A terminal or editor that listens, in which a command is typed while a daemon is running.
#[test]
fn the_terminal_of_a_command_is_not_stopped_for_a_port_while_a_daemon_runs() {
    const TERMINAL: &str = "import socket, subprocess, sys
held = socket.create_server(('127.0.0.1', int(sys.argv[1])))
typed = subprocess.run(sys.argv[2:], stderr=subprocess.PIPE, text=True)
print(typed.returncode, typed.stderr)";
    let port = free_port();
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let forced = format!("{}port_conflict = \"force\"\n", server("web", port));
    stage.write(
        "pilotlight.toml",
        &format!("name = \"test\"\n{}{forced}", talker("talker")),
    );
    let command = stage.command(&["up", "-d"]);
    let mut terminal = Command::new("python3");
    let given = command.get_envs();
    terminal
        .args(["-c", TERMINAL, &port.to_string()])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(given.filter_map(|(name, value)| Some((name, value?))))
        .current_dir(stage.folder.path());
    let output = terminal.output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("1 "), "{said}");
    assert!(said.contains("Pilot Light was started from it"), "{said}");
    assert_eq!(stage.service("web")["phase"], "blocked");
}

#[test]
fn a_listener_of_another_user_is_reported_with_the_user_and_a_command_for_more() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("pilotlight");
    fs::copy(env!("CARGO_BIN_EXE_pilotlight"), &program).unwrap();
    for path in [folder.path(), &program] {
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let home = folder.path().join("home");
    let ask = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(["port", &port])
            .args(words)
            .env(Home::VARIABLE, &home)
            .current_dir("/");
        command.output().unwrap()
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let said = text(ask(&[]).stdout);
    assert!(said.contains("a process of user root"), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("run `sudo ss"), "{said}");
    let json: Value = serde_json::from_slice(&ask(&["--json"]).stdout).unwrap();
    assert_eq!(json["hidden"][0]["user"], "root", "{json}");
    let refused = text(ask(&["--free", "--yes"]).stderr);
    assert!(refused.contains("a process of user root"), "{refused}");
}

#[test]
fn completions_exist_for_the_usual_shells() {
    let stage = Stage::new("");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (script, _) = stage.expect(&["completions", shell], 0);
        assert!(script.contains("pilotlight"), "{shell}");
        let knows_names = script.contains("pilotlight names ");
        assert_eq!(
            knows_names,
            ["bash", "zsh", "fish"].contains(&shell),
            "{shell}"
        );
    }
}

#[test]
fn the_man_page_names_every_command_and_each_has_its_own() {
    let stage = Stage::new("");
    let (page, _) = stage.expect(&["man"], 0);
    assert!(page.contains(".TH pilotlight 1"), "{page}");
    stage.expect(&["man", "pages"], 0);
    for command in ["up", "doctor", "example"] {
        assert!(
            page.contains(&format!("pilotlight\\-{command}(1)")),
            "{page}"
        );
        let own = stage
            .folder
            .path()
            .join(format!("pages/pilotlight-{command}.1"));
        assert!(own.exists(), "{}", own.display());
    }
    let hidden = stage.folder.path().join("pages/pilotlight-daemon.1");
    assert!(!hidden.exists(), "it is not for people");
}

#[test]
fn bash_completes_the_services_tasks_and_profiles_of_the_stack_at_hand() {
    let stage = Stage::new(
        "[service.store]\ncommand = \"true\"\n[service.web]\ncommand = \"true\"\n\
         [task.seed]\ncommand = \"true\"\n[profile.slim]\nservices = [\"web\"]\n",
    );
    let (script, _) = stage.expect(&["completions", "bash"], 0);
    stage.write("script", &script);
    let complete = |line: &str| {
        let lines = format!(
            "source ./script; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _pilotlight_or_names pilotlight \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let known = stage.command(&[]);
        let program = Path::new(known.get_program());
        let mut path = program.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-c", &lines])
            .current_dir(stage.folder.path())
            .envs(
                known
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("PATH", path);
        let output = bash.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("pilotlight restart ''"), "store web");
    assert_eq!(complete("pilotlight up -d w"), "web");
    assert_eq!(complete("pilotlight run ''"), "seed");
    assert!(complete("pilotlight up --profile ''").contains("slim"));
    assert_eq!(complete("pilotlight resta"), "restart");
    assert!(complete("pilotlight logs --f").contains("--follow"));
}

#[test]
fn a_running_stack_is_shown_even_if_its_file_is_invalid() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    stage.write("other.toml", "name = ");
    let status = stage.json(&["--file", "other.toml", "status", "--json"], 2);
    assert_eq!(status["stacks"][0]["services"][0]["phase"], "ready");
    let daemon = stage.daemon();
    signal(daemon, Signal::TERM);
    until("it ends", || !lives(daemon));
}
