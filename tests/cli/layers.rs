//! A stack in several files and with profiles, variables of a command, and several ports, with real
//! services.

use std::{fs, net::TcpListener};

use rustix::process::Signal;

use crate::stage::{Stage, lives, signal, talker, until};

/// Returns a service that prints this text and keeps running.
fn says(name: &str, text: &str) -> String {
    let command = format!("printf 'it says %s\\n' \"{text}\"; exec sleep 1000");
    format!(
        "[service.{name}]\ncommand = {command:?}\nshell = true\nready = {{ log = \"it says\" }}\n"
    )
}

/// Returns the running services of the stack, in order.
fn running(stage: &Stage) -> Vec<String> {
    let status = stage.json(&["status", "--json"], 0);
    let services = status["stacks"][0]["services"].as_array().unwrap();
    let running = services.iter().filter(|service| service["pid"].is_u64());
    running
        .map(|service| service["name"].as_str().unwrap().to_owned())
        .collect()
}

fn a_free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_profile_selects_services_is_stored_and_changes_a_running_stack() {
    let profiles = r#"
[profile.api]
services = ["backend"]
[profile.web]
services = ["frontend"]
[profile.loud]
service.backend.env.LOG = "debug"
"#;
    let backend = says("backend", "level $LOG") + "env = { LOG = \"info\" }\n";
    let stack = backend + &talker("redis") + &talker("frontend") + profiles;
    let stage =
        Stage::new(&stack.replace("[service.backend]", "[service.backend]\nneeds = \"redis\""));
    let (_, said) = stage.expect(&["up", "-d", "--profile", "nope"], 2);
    assert!(said.contains("no profile named `nope`"), "{said}");
    let (names, _) = stage.expect(&["profiles"], 0);
    assert_eq!(names, "default\napi\nweb\nloud\n");

    stage.expect(&["up", "-d", "--profile", "api"], 0);
    assert_eq!(running(&stage), ["backend", "redis"]);
    let redis = stage.pid("redis");
    let (_, said) = stage.expect(&["up", "-d"], 0);
    assert!(said.contains("profile api, as in the last start"), "{said}");
    assert_eq!(running(&stage), ["backend", "redis"]);
    assert_eq!(stage.pid("redis"), redis, "it keeps running");

    stage.expect(&["up", "-d", "-p", "web"], 0);
    until("backend has stopped", || running(&stage) == ["frontend"]);

    stage.expect(&["up", "-d", "-p", "api,loud"], 0);
    let (log, _) = stage.expect(&["logs", "backend"], 0);
    assert!(log.contains("it says level debug"), "{log}");
    let status = stage.json(&["status", "--json"], 0);
    let profiles = &status["stacks"][0]["profiles"];
    assert_eq!(profiles[3]["name"], "loud", "{profiles}");
    assert_eq!(profiles[3]["chosen"], true, "{profiles}");

    let (_, said) = stage.expect(&["up", "-d", "-p", "default"], 0);
    assert!(!said.contains("as in the last start"), "{said}");
    assert_eq!(running(&stage), ["backend", "redis", "frontend"]);
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_stack_in_several_files_is_adopted_after_they_are_deleted() {
    let stage = Stage::new("include = [\"more.toml\"]\n");
    stage.write("more.toml", &says("included", "$A and $B"));
    stage.write(
        "pilotlight.local.toml",
        "[service.included.env]\nA = \"one\"\nB = \"two\"\n",
    );
    stage.expect(&["up", "-d"], 0);
    let (log, _) = stage.expect(&["logs", "included"], 0);
    assert!(log.contains("it says one and two"), "{log}");
    let (resolved, _) = stage.expect(&["check", "--resolved"], 0);
    assert!(resolved.contains("[service.included]"), "{resolved}");
    assert!(resolved.contains("env.A = \"one\""), "{resolved}");
    assert!(resolved.contains("pilotlight.local.toml:2"), "{resolved}");

    let service = stage.pid("included");
    let daemon = stage.daemon();
    signal(daemon, Signal::KILL);
    until("the daemon is gone", || !lives(daemon));
    fs::remove_file(stage.folder.path().join("more.toml")).unwrap();
    stage.write("other.toml", &talker("other"));
    stage.expect(&["-F", "other.toml", "up", "-d"], 0);
    assert_eq!(stage.pid("included"), service, "it is adopted");
    let (_, said) = stage.expect(&["check"], 2);
    assert!(said.contains("`more.toml` cannot be included"), "{said}");
    stage.expect(&["down", "--all"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn the_variables_of_a_command_reach_the_service_and_are_never_shown() {
    let command = "echo run >> runs; echo 'not a variable' >&2; echo TOKEN_X=s3cret-value-77; echo BASE=$BASE";
    let env =
        format!("env_command = [\"sh\", \"-c\", {command:?}]\nenv = {{ BASE = \"env wins\" }}\n");
    let stack = says("api", "${{#TOKEN_X}} $BASE") + &env;
    let stage = Stage::new(&stack);
    stage.expect(&["up", "-d"], 0);
    let (log, _) = stage.expect(&["logs", "api"], 0);
    assert!(log.contains("it says 15 env wins"), "{log}");
    let (shown, _) = stage.expect(&["env", "api"], 0);
    assert!(shown.contains("TOKEN_X=***"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");

    // An automatic restart uses the variables again.
    let runs = || fs::read_to_string(stage.folder.path().join("runs")).unwrap();
    let before = runs();
    let pid = stage.pid("api");
    signal(pid, Signal::KILL);
    until("it runs again", || {
        let service = stage.service("api");
        service["phase"] == "ready" && service["pid"] != pid
    });
    assert_eq!(runs(), before);
    let status = stage.json(&["status", "--json"], 0).to_string();
    assert!(!status.contains("s3cret"), "{status}");
    stage.expect(&["down"], 0);
}

#[test]
fn a_command_that_prints_no_variables_is_a_finding() {
    let command = "echo 'you are not signed in' >&2; exit 1";
    let env = format!("env_command = [\"sh\", \"-c\", {command:?}]\n");
    let stage = Stage::new(&(says("api", "hello") + &env));
    let (_, said) = stage.expect(&["up", "-d"], 1);
    assert!(said.contains("it requires the output of `sh -c"), "{said}");
    assert!(said.contains("you are not signed in"), "{said}");
    stage.expect(&["down"], 0);
}

#[test]
fn every_port_of_a_service_is_claimed_and_shown() {
    let (web, debug) = (a_free_port(), a_free_port());
    let text = says("api", "{port} {port.debug} $PORT_DEBUG {port.http}");
    let ports = format!("ports = {{ http = {web}, debug = {debug} }}\n");
    let stage = Stage::new(&(text + &ports));
    let taken = TcpListener::bind(("127.0.0.1", debug)).unwrap();
    let (_, said) = stage.expect(&["up", "-d"], 1);
    assert!(said.contains(&format!("port {debug} is in use")), "{said}");
    drop(taken);
    stage.expect(&["up", "-d"], 0);
    let (log, _) = stage.expect(&["logs", "api"], 0);
    let said = format!("it says {web} {debug} {debug} {web}");
    assert!(log.contains(&said), "{log}");
    let service = stage.service("api");
    assert_eq!(service["port"], web);
    assert_eq!(service["ports"]["debug"], debug);
    let (table, _) = stage.expect(&["status"], 0);
    assert!(table.contains(&format!("{web} {debug}")), "{table}");
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_file_sets_the_number_of_restarts_and_the_exit_codes_of_completion() {
    let stage = Stage::new(
        r#"
[service.crash]
command = ["sh", "-c", "echo begun >> begun; exit 7"]
ready = { log = "never" }
restart_delay = "0s"
max_restarts = 7

[service.migrate]
command = ["sh", "-c", "exit 3"]
success_exit_codes = [3]

[service.after]
command = "sleep 1000"
needs = { migrate = "completed" }
"#,
    );
    let (_, said) = stage.expect(&["up", "-d"], 1);
    assert!(
        said.contains("after 7 restarts, the limit of `max_restarts`"),
        "{said}"
    );
    let begun = fs::read_to_string(stage.folder.path().join("begun")).unwrap();
    assert_eq!(begun.lines().count(), 8);
    until("the task has completed", || {
        stage.service("after")["phase"] == "ready"
    });
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn init_adds_the_local_file_to_gitignore() {
    let stage = Stage::new("");
    fs::remove_file(stage.folder.path().join("pilotlight.toml")).unwrap();
    stage.write("Procfile", "web: python3 -m http.server\n");
    stage.write(".gitignore", "node_modules");
    stage.expect(&["init", "--yes"], 0);
    let ignored = fs::read_to_string(stage.folder.path().join(".gitignore")).unwrap();
    assert_eq!(ignored, "node_modules\npilotlight.local.toml\n");
}

#[test]
fn a_service_above_its_memory_limit_is_named_and_restarted_on_request() {
    let program = "import os, time\ntime.sleep(0.3)\nkept = b'x' * (200 << 20)\n\
                   while not os.path.exists('release'): time.sleep(0.05)\nkept = None\ntime.sleep(1000)";
    let hog = |name: &str, on_limit: &str| {
        format!(
            "[service.{name}]\ncommand = [\"python3\", \"-c\", {program:?}]\n\
             ready = {{ every = \"200ms\" }}\nmemory = \"100MB\"\non_limit = \"{on_limit}\"\n\
             needs = [\"small\"]\n"
        )
    };
    // Measured rarely, before the others start: they are measured at their own interval.
    let small = "[service.small]\ncommand = \"sleep 1000\"\nready = { every = \"1h\" }\nmemory = \"100MB\"\n";
    let hogs = hog("named", "notify") + &hog("restarted", "restart");
    let stage = Stage::new(&(small.to_owned() + &hogs));
    stage.expect(&["up", "-d"], 0);
    until("both are too large", || {
        let restarts = stage.service("restarted")["restarts"].as_u64().unwrap();
        stage.service("named")["phase"] == "unhealthy" && restarts > 0
    });
    let named = stage.service("named");
    let title = named["finding"]["title"].as_str().unwrap();
    assert!(title.contains("named uses "), "{title}");
    assert!(
        title.contains("MB of memory, more than its limit of 100 MB"),
        "{title}"
    );
    assert_eq!(named["finding"]["code"], "out-of-memory");
    assert_eq!(named["restarts"], 0);
    stage.write("release", "");
    until("it is healthy again", || {
        stage.service("named")["phase"] == "ready"
    });
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}
