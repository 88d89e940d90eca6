//! Daily work: changing files, checking out branches, running tasks, writing to services.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use pilotlight_test_service::free_port;
use serde_json::Value;

use crate::stage::{Stage, lives, talker, until};

/// Returns the interpreter of the example, which has FastAPI.
fn python() -> PathBuf {
    let given = env::var_os("PILOTLIGHT_TEST_PYTHON").map(PathBuf::from);
    let example = "../../examples/nexus/backend/.venv/bin/python";
    let python = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(example));
    assert!(
        python.exists(),
        "the example is not set up: run `cargo xtask setup`"
    );
    python
}

/// Returns a running service with these additional lines.
fn service(name: &str, lines: &str) -> String {
    format!("[service.{name}]\ncommand = [\"sh\", \"-c\", \"exec sleep 1000\"]\n{lines}\n")
}

fn run_of(stage: &Stage, service: &str) -> u64 {
    stage.service(service)["run"].as_u64().unwrap_or_default()
}

/// Waits until this run of a service is ready.
fn until_run(stage: &Stage, name: &str, run: u64) {
    until(&format!("run {run} of {name} is ready"), || {
        let service = stage.service(name);
        service["run"] == run && service["phase"] == "ready"
    });
}

/// Much longer than the debounce time of the watched service.
const SETTLED: Duration = Duration::from_secs(3);

/// Waits until the daemon watches the files: writes a file until the daemon sees the change, before the
/// test changes its own files.
fn until_watched(stage: &Stage, name: &str, probe: &str) {
    let before = run_of(stage, name);
    let mut count = 0;
    until("the files are watched", || {
        count += 1;
        stage.write(probe, &format!("# {count}"));
        thread::sleep(SETTLED);
        run_of(stage, name) > before
    });
    // An earlier write may still restart it.
    until("it does not restart any more", || {
        let run = run_of(stage, name);
        thread::sleep(SETTLED);
        run_of(stage, name) == run && stage.service(name)["phase"] == "ready"
    });
}

fn git(folder: &Path, words: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let done = Command::new("git")
        .args(identity)
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{words:?}: {done:?}");
}

#[test]
fn a_checkout_of_two_thousand_files_restarts_fastapi_once_and_the_same_bytes_never() {
    let port = free_port();
    let stage = Stage::new(&format!(
        "[service.api]\ncommand = [{:?}, \"-m\", \"uvicorn\", \"app.main:app\", \"--port\", \"{{port}}\"]\nport = {port}\nwatch = {{ paths = [\"app/**/*.py\"], debounce = \"1s\" }}\n{}",
        python(),
        service("web", "needs = \"api\"")
    ));
    let app = stage.folder.path().join("app");
    let write = |branch: &str| {
        for number in 0..2000 {
            let folder = app.join(format!("part{}", number / 100));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("m{number}.py")), format!("# {branch}")).unwrap();
        }
    };
    fs::create_dir_all(&app).unwrap();
    stage.write(
        "app/main.py",
        "from fastapi import FastAPI\napp = FastAPI()\n",
    );
    stage.write(".gitignore", "home\n");
    git(stage.folder.path(), &["init", "-q", "-b", "one"]);
    write("one");
    git(stage.folder.path(), &["add", "app"]);
    git(stage.folder.path(), &["commit", "-q", "-m", "one"]);
    git(stage.folder.path(), &["checkout", "-q", "-b", "two"]);
    write("two");
    git(stage.folder.path(), &["commit", "-q", "-a", "-m", "two"]);

    stage.expect(&["up", "-d"], 0);
    until_watched(&stage, "api", "app/probe.py");
    let (run, web) = (run_of(&stage, "api"), stage.pid("web"));
    git(stage.folder.path(), &["checkout", "-q", "one"]);
    until_run(&stage, "api", run + 1);
    // Rewriting the same bytes and then a real change: one more restart in total.
    write("one");
    stage.write("app/notes.txt", "not watched");
    thread::sleep(SETTLED);
    stage.write(
        "app/main.py",
        "from fastapi import FastAPI\napp = FastAPI(title='two')\n",
    );
    until_run(&stage, "api", run + 2);
    assert_eq!(stage.pid("web"), web, "it does not restart with it");
    let note = stage.service("api")["note"].as_str().unwrap().to_owned();
    assert_eq!(note, "restarted since app/main.py has changed");
    stage.expect(&["down"], 0);
}

#[test]
fn a_service_that_writes_a_watched_file_is_named_with_the_file() {
    let stage = Stage::new(
        "[service.gen]\ncommand = [\"sh\", \"-c\", \"sleep 0.5; date +%s%N > src/version.txt; exec sleep 1000\"]\nwatch = [\"src/**\"]\n",
    );
    fs::create_dir(stage.folder.path().join("src")).unwrap();
    stage.expect(&["up", "-d"], 0);
    let mut finding = Value::Null;
    until("the loop is found", || {
        let status = stage.json(&["status", "--json"], 0);
        finding = status["stacks"][0]["findings"][0].clone();
        finding["code"] == "watch-loop"
    });
    let title = finding["title"].as_str().unwrap();
    assert!(title.contains("src/version.txt"), "{title}");
    // Its last run continues, and other files still trigger restarts.
    let run = run_of(&stage, "gen");
    stage.write("src/other.txt", "a change");
    until_run(&stage, "gen", run + 1);
    let (out, _) = stage.expect(&["doctor"], 1);
    assert!(out.contains("src/version.txt"), "{out}");
    stage.expect(&["down"], 0);
}

#[test]
fn tasks_run_for_services_and_in_the_terminal_and_only_again_when_their_inputs_change() {
    let stage = Stage::new(
        r#"
[task.build]
command = ["sh", "-c", "echo built >> log"]
inputs = ["input.txt"]

[task.migrate]
command = ["sh", "-c", "echo migrated with $0 $LEVEL >> log; exit ${CODE:-0}"]
needs = ["build"]
env = { LEVEL = "3" }

[service.web]
command = ["sh", "-c", "exec sleep 1000"]
needs = { migrate = "completed" }

[task.idle]
command = "false"
"#,
    );
    stage.write("input.txt", "1");
    let log = || fs::read_to_string(stage.folder.path().join("log")).unwrap();
    stage.expect(&["up", "-d"], 0);
    assert_eq!(log(), "built\nmigrated with sh 3\n");
    assert_eq!(stage.service("migrate")["light"], "green");
    assert_eq!(stage.service("idle")["light"], "off");
    let pid = stage.pid("web");
    let (out, _) = stage.expect(&["status"], 0);
    assert!(out.contains("not run"), "{out}");

    // In the terminal, with its exit code and more arguments, while the service keeps running.
    stage.expect(&["run", "migrate", "--", "more"], 0);
    assert!(log().ends_with("migrated with more 3\n"), "{}", log());
    let mut failing = stage.command(&["run", "migrate"]);
    assert_eq!(failing.env("CODE", "7").status().unwrap().code(), Some(7));
    assert_eq!(stage.pid("web"), pid);
    let (_, err) = stage.expect(&["run", "web"], 2);
    assert!(err.contains("web is a service, not a task"), "{err}");

    stage.expect(&["down"], 0);
    fs::remove_file(stage.folder.path().join("log")).unwrap();
    stage.expect(&["up", "-d"], 0);
    assert_eq!(log(), "migrated with sh 3\n", "its input is the same");
    stage.expect(&["down"], 0);
    stage.write("input.txt", "2");
    stage.expect(&["run", "migrate"], 0);
    assert_eq!(log().lines().filter(|line| *line == "built").count(), 1);
    stage.expect(&["down"], 0);
}

#[test]
fn a_line_is_sent_to_a_service_but_not_to_one_without_input() {
    let stage = Stage::new(
        r#"
[service.echo]
command = ["sh", "-c", "echo begun; while read line; do echo got $line; done; echo ended"]
ready = { log = "begun" }

[service.deaf]
command = ["sh", "-c", "cat; echo at the end; exec sleep 1000"]
stdin = "null"
ready = { log = "at the end" }
"#,
    );
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["send", "echo", "hello", "you"], 0);
    until("it answers", || {
        stage
            .expect(&["logs", "echo"], 0)
            .0
            .contains("got hello you")
    });
    assert!(lives(stage.pid("echo")));
    let (_, err) = stage.expect(&["send", "deaf", "hello"], 1);
    assert!(err.contains("deaf has no standard input"), "{err}");
    stage.expect(&["down"], 0);
    let (_, err) = stage.expect(&["send", "echo", "hello"], 1);
    assert!(err.contains("echo is not running"), "{err}");
}

#[test]
fn a_reload_restarts_what_has_changed_and_shows_it_before() {
    let stage = Stage::new(&format!(
        "{}{}{}",
        service("db", ""),
        service("api", "needs = \"db\""),
        talker("other")
    ));
    stage.expect(&["up", "-d"], 0);
    let before = ["db", "api", "other"].map(|name| stage.pid(name));
    let (out, _) = stage.expect(&["reload"], 0);
    assert_eq!(out, "no running service has changed\n");
    stage.write(
        "pilotlight.toml",
        &format!(
            "name = \"test\"\n{}{}{}{}",
            service("db", "env = { A = \"1\" }"),
            service("api", "needs = \"db\""),
            talker("other"),
            service("new", "")
        ),
    );
    let (out, _) = stage.expect(&["reload", "--dry-run"], 0);
    assert_eq!(
        out,
        "restart  db\nrestart  api (depends on a changed service)\nstart    new (new)\n"
    );
    let same = ["db", "api", "other"].map(|name| stage.pid(name));
    assert_eq!(same, before);
    stage.expect(&["reload"], 0);
    let after = ["db", "api", "other"].map(|name| stage.pid(name));
    assert!(after[0] != before[0] && after[1] != before[1] && after[2] == before[2]);
    assert!(lives(stage.pid("new")));
    stage.expect(&["down"], 0);
}

#[test]
fn hooks_get_the_finding_and_the_variables_of_the_service() {
    let stage = Stage::new(
        r#"
[service.api]
command = ["sh", "-c", "echo oh no; exit 3"]
ready = "log: never"
restart = "never"
env = { TEAM = "blue" }
on.failed = ["sh", "hook.sh", "failed"]

[service.web]
command = ["sh", "-c", "exec sleep 1000"]
on.ready = ["sh", "hook.sh", "ready"]
on.stopped = { command = ["sh", "hook.sh", "stopped"] }
"#,
    );
    stage.write(
        "hook.sh",
        "cat > $1.part; echo $TEAM >> $1.part; mv $1.part $1.txt",
    );
    let hook = stage.folder.path().join("hook.sh");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o700)).unwrap();
    stage.expect(&["up", "-d"], 1);
    let read = |name: &str| fs::read_to_string(stage.folder.path().join(name)).ok();
    let said = |name: &str| {
        until(name, || read(name).is_some());
        read(name).unwrap()
    };
    let failed = said("failed.txt");
    let finding: Value = serde_json::from_str(failed.strip_suffix("blue\n").unwrap()).unwrap();
    assert_eq!(finding["service"], "api");
    assert!(
        finding["title"].as_str().unwrap().contains("api"),
        "{failed}"
    );
    assert_eq!(said("ready.txt"), "null\n");
    stage.expect(&["down", "web"], 0);
    assert_eq!(said("stopped.txt"), "null\n");
    stage.expect(&["down"], 0);
}
