//! Several checkouts of one repository at once: git worktrees with literal ports in the stack file and in
//! `.env` files, none of which is edited.
//!
//! The stack is a Redis, a FastAPI backend and a page that Vite serves. Both read their `.env` after the
//! environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use pilotlight_test_service::free_port;
use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{Stage, signal, until};

const BACKEND: &str = r#"
import os, sys
import redis, uvicorn
from dotenv import load_dotenv
from fastapi import FastAPI

load_dotenv()
store = redis.Redis.from_url(os.environ["REDIS_URL"])
app = FastAPI()

@app.get("/{name}")
def open_session(name: str):
    return {"opened": store.set(f"session:{name}", 1)}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]))
"#;

/// The page contains the address of the backend, which Vite fills in.
const PAGE: &str = "fetch(import.meta.env.VITE_API_URL + location.pathname);\n";

/// Returns the interpreter of the example, which has FastAPI.
fn python() -> PathBuf {
    let given = env::var_os("PILOTLIGHT_TEST_PYTHON").map(PathBuf::from);
    given.unwrap_or_else(|| example().join("backend/.venv/bin/python"))
}

fn vite() -> PathBuf {
    example().join("frontend/node_modules/vite/bin/vite.js")
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nexus")
}

/// A repository in the folder of a stage. All checkouts share the home of the stage.
struct Repository {
    stage: Stage,
    ports: [u16; 3],
}

impl Repository {
    /// Creates a repository. `points` are the lines of the stack file for variables that point at services.
    fn new(head: &str, points: bool) -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let [redis, backend, frontend] = ports;
        let stage = Stage::new("");
        let repository = Self { stage, ports };
        let (python, vite) = (python(), vite());
        assert!(
            python.exists() && vite.exists(),
            "the example is not set up: run `cargo xtask setup`"
        );
        let (python, vite) = (python.display(), vite.display());
        let point = |variable: &str, service: &str| {
            let line = format!("env_points_at = {{ {variable} = \"{service}\" }}");
            if points { line } else { String::new() }
        };
        let (of_backend, of_frontend) = (
            point("REDIS_URL", "redis"),
            point("VITE_API_URL", "backend"),
        );
        repository.write(
            "main/pilotlight.toml",
            &format!(
                r#"
name = "nexus"
{head}

[service.redis]
command = "redis-server --port {redis} --save '' --appendonly no"
port = {redis}
ready = {{ redis = "redis://localhost:{redis}" }}

[service.backend]
command = ['{python}', "server.py", "{{port}}"]
directory = "backend"
port = {backend}
needs = ["redis"]
ready = {{ http = "http://127.0.0.1:{backend}/ready" }}
{of_backend}

[service.frontend]
command = ["node", '{vite}', "--host", "127.0.0.1", "--strictPort", "--port", "{frontend}"]
directory = "frontend"
port = {frontend}
needs = ["backend"]
ready = {{ http = "/" }}
links = {{ app = "http://localhost:{frontend}/" }}
{of_frontend}
"#
            ),
        );
        repository.write("main/backend/server.py", BACKEND);
        repository.write(
            "main/backend/.env",
            &format!("REDIS_URL=redis://localhost:{redis}/0\n"),
        );
        repository.write("main/frontend/main.js", PAGE);
        let page = "<script type=\"module\" src=\"/main.js\"></script>\n";
        repository.write("main/frontend/index.html", page);
        repository.write(
            "main/frontend/.env",
            &format!("VITE_API_URL=http://127.0.0.1:{backend}\n"),
        );
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["add", "."]);
        repository.git(&["commit", "--quiet", "--message=first"]);
        repository
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.stage.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn git(&self, words: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(words)
            .current_dir(self.stage.folder.path().join("main"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .status()
            .unwrap();
        assert!(status.success(), "git {words:?}");
    }

    /// Adds a worktree with its own branch.
    fn worktree(&self, name: &str) {
        let (branch, folder) = (format!("feature/{name}"), format!("../{name}"));
        self.git(&["worktree", "add", "--quiet", "-b", &branch, &folder]);
    }

    fn file(&self, checkout: &str) -> PathBuf {
        let folder = self.stage.folder.path().canonicalize().unwrap();
        folder.join(checkout).join("pilotlight.toml")
    }

    fn run(&self, checkout: &str, words: &[&str], code: i32) -> (String, String) {
        let file = self.file(checkout);
        let words = [&["--file", file.to_str().unwrap()], words].concat();
        self.stage.expect(&words, code)
    }

    fn json(&self, checkout: &str, words: &[&str]) -> Value {
        let file = self.file(checkout);
        let words = [&["--file", file.to_str().unwrap()], words].concat();
        let out = self.stage.run(&words).stdout;
        serde_json::from_slice(&out).unwrap()
    }

    fn stack(&self, checkout: &str) -> Value {
        let status = self.json(checkout, &["status", "--json"]);
        let file = self.file(checkout);
        let stacks = status["stacks"].as_array().unwrap();
        let stack = stacks
            .iter()
            .find(|stack| stack["file"].as_str().map(Path::new) == Some(&file));
        stack
            .unwrap_or_else(|| panic!("no {checkout} in {status}"))
            .clone()
    }

    fn ports_of(&self, checkout: &str) -> [u16; 3] {
        let stack = self.stack(checkout);
        [0, 1, 2].map(|place| {
            let port = stack["services"][place]["port"].as_u64().unwrap();
            u16::try_from(port).unwrap()
        })
    }

    /// Opens a session as the page of a checkout does in a browser, at the address in its script.
    fn open_session(&self, checkout: &str) {
        let [_, _, frontend] = self.ports_of(checkout);
        let script = get(frontend, "localhost", "/main.js");
        let (_, address) = script
            .split_once("\"VITE_API_URL\": \"http://127.0.0.1:")
            .unwrap();
        let (backend, _) = address.split_once('"').unwrap();
        let answer = get(
            backend.parse().unwrap(),
            "localhost",
            &format!("/{checkout}"),
        );
        assert!(answer.ends_with("{\"opened\":true}"), "{answer}");
    }
}

/// Requests a page under a host name.
fn get(port: u16, host: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n");
    ask(port, request.as_bytes())
}

/// Sends bytes to a port and returns the answer, up to its end or to a complete line of Redis.
fn ask(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns the sessions in a Redis.
fn sessions(redis: u16) -> BTreeSet<String> {
    let answer = ask(redis, b"KEYS session:*\r\nQUIT\r\n");
    let lines = answer
        .lines()
        .filter_map(|line| line.strip_prefix("session:"));
    let probe = |name: &&str| *name != "ready";
    lines.filter(probe).map(str::to_owned).collect()
}

#[test]
fn five_worktrees_run_at_once_each_with_its_own_data_and_have_the_same_ports_next_time() {
    let repository = Repository::new("", true);
    let checkouts = ["main", "one", "two", "three", "four"];
    for worktree in &checkouts[1..] {
        repository.worktree(worktree);
    }
    let mut starts = checkouts.map(|checkout| {
        let file = repository.file(checkout);
        repository
            .stage
            .start(&["--file", file.to_str().unwrap(), "up", "-d"])
    });
    for start in &mut starts {
        assert_eq!(start.end(), 0, "{}", start.errors());
    }
    let ports: BTreeMap<&str, [u16; 3]> = checkouts
        .map(|checkout| (checkout, repository.ports_of(checkout)))
        .into();
    let all: BTreeSet<u16> = ports.values().flatten().copied().collect();
    assert_eq!(
        all.len(),
        15,
        "each service has a port of its own: {ports:?}"
    );
    let declared = |ports: &&[u16; 3]| **ports == repository.ports;
    assert_eq!(ports.values().filter(declared).count(), 1, "{ports:?}");

    for checkout in checkouts {
        repository.open_session(checkout);
    }
    for (checkout, [redis, ..]) in &ports {
        assert_eq!(sessions(*redis), BTreeSet::from([(*checkout).to_owned()]));
    }
    let (shown, _) = repository.run("main", &["status"], 0);
    for title in [
        "nexus · main",
        "nexus · feature/one",
        "nexus · feature/four",
    ] {
        assert!(shown.contains(title), "{shown}");
    }

    for checkout in checkouts {
        repository.run(checkout, &["down"], 0);
    }
    for checkout in ["four", "two", "main", "three", "one"] {
        repository.run(checkout, &["up", "-d"], 0);
        assert_eq!(repository.ports_of(checkout), ports[checkout], "{checkout}");
    }
    repository.stage.expect(&["down", "--all"], 0);
}

#[test]
fn commands_links_and_the_next_daemon_know_a_slot_and_a_literal_address_is_a_finding() {
    let repository = Repository::new("", false);
    repository.worktree("one");
    repository.run("main", &["up", "-d"], 0);
    repository.run("one", &["up", "-d"], 0);
    let [redis, backend, frontend] = repository.ports_of("one");
    assert_ne!([redis, backend, frontend], repository.ports);
    let (url, _) = repository.run("one", &["url", "frontend"], 0);
    assert_eq!(url, format!("http://localhost:{frontend}\n"));
    let (link, _) = repository.run("one", &["url", "frontend", "app"], 0);
    assert_eq!(
        link,
        format!("http://frontend.feature-one.localhost:{frontend}/\n")
    );
    // Vite accepts the host name.
    let page = get(frontend, "frontend.feature-one.localhost", "/");
    assert!(page.contains("200 OK"), "{page}");
    let environment = repository.json("one", &["env", "backend", "--json"]);
    assert_eq!(environment["PORT"], backend.to_string());
    assert_eq!(environment["PILOTLIGHT_REDIS_PORT"], redis.to_string());
    let url = format!("redis://localhost:{redis}");
    assert_eq!(environment["PILOTLIGHT_REDIS_URL"], url);

    // Without `env_points_at`, the `.env` of the repository points at the other checkout. The diagnosis finds
    // that without a request.
    until("the findings are shown", || {
        repository
            .run("one", &["status"], 0)
            .0
            .contains("2 problems")
    });
    let found = repository.json("one", &["doctor", "--json"]);
    let findings = found["findings"].as_array().unwrap();
    let title = |service: &str| {
        let mut of_service = findings
            .iter()
            .filter(|finding| finding["service"] == service);
        let codes = of_service
            .clone()
            .map(|finding| finding["code"].as_str().unwrap());
        assert_eq!(codes.collect::<Vec<_>>(), ["other-checkout"], "{found}");
        of_service.next().unwrap()["title"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        title("frontend"),
        "frontend of feature-one calls backend of main: VITE_API_URL"
    );
    assert_eq!(
        title("backend"),
        "backend of feature-one calls redis of main: REDIS_URL"
    );
    assert_eq!(
        repository.json("main", &["doctor", "--json"])["findings"],
        serde_json::json!([])
    );

    let pid = |repository: &Repository| repository.stack("one")["services"][0]["pid"].clone();
    let before = pid(&repository);
    let daemon = repository.stage.daemon();
    signal(daemon, Signal::KILL);
    until("the daemon is gone", || {
        !repository.stage.processes().contains(&daemon)
    });
    repository.run("one", &["up", "-d"], 0);
    assert_eq!(pid(&repository), before, "it was adopted");
    assert_eq!(repository.ports_of("one"), [redis, backend, frontend]);
    repository.stage.expect(&["down", "--all"], 0);
    // Also without a daemon.
    assert_eq!(repository.ports_of("one"), [redis, backend, frontend]);
}

#[test]
fn fixed_ports_block_a_second_checkout_and_separate_ports_need_no_repository() {
    let repository = Repository::new("ports = \"fixed\"", true);
    repository.worktree("one");
    repository.run("main", &["up", "-d"], 0);
    let (_, err) = repository.run("one", &["up", "-d"], 1);
    assert!(
        err.contains("is in use by the service redis of stack nexus"),
        "{err}"
    );
    repository.run("one", &["down"], 0);

    // A copied folder outside the repository.
    let text = fs::read_to_string(repository.file("main")).unwrap();
    let text = text.replace("ports = \"fixed\"", "ports = \"own\"");
    for name in [
        "backend/server.py",
        "backend/.env",
        "frontend/index.html",
        "frontend/main.js",
        "frontend/.env",
    ] {
        let text = fs::read_to_string(repository.file("main").with_file_name(name)).unwrap();
        repository.write(&format!("copy/{name}"), &text);
    }
    repository.write("copy/pilotlight.toml", &text);
    repository.run("copy", &["up", "-d"], 0);
    assert_ne!(repository.ports_of("copy"), repository.ports);
    repository.open_session("copy");
    assert_eq!(
        sessions(repository.ports_of("copy")[0]),
        BTreeSet::from(["copy".to_owned()])
    );
    assert_eq!(repository.stack("copy")["checkout"], "copy");
    repository.stage.expect(&["down", "--all"], 0);
}

#[test]
fn a_service_whose_port_in_the_slot_is_taken_uses_the_next_one_until_it_is_free_again() {
    let repository = Repository::new("", true);
    repository.worktree("one");
    repository.run("main", &["up", "-d"], 0);
    repository.run("one", &["up", "-d"], 0);
    let ports = repository.ports_of("one");
    repository.run("one", &["down"], 0);

    let mut stranger = repository.stage.listener(ports[1]);
    repository.run("one", &["up", "-d"], 0);
    let [redis, backend, frontend] = repository.ports_of("one");
    assert_eq!([redis, frontend], [ports[0], ports[2]]);
    assert!(!ports.contains(&backend), "{backend} of {ports:?}");
    // Variables that point at it follow.
    repository.open_session("one");
    assert_eq!(sessions(redis), BTreeSet::from(["one".to_owned()]));
    repository.run("one", &["down"], 0);

    stranger.kill().unwrap();
    stranger.wait().unwrap();
    repository.run("one", &["up", "-d"], 0);
    assert_eq!(repository.ports_of("one"), ports);
    repository.stage.expect(&["down", "--all"], 0);
}

#[test]
fn a_worker_whose_queue_all_checkouts_share_is_a_finding() {
    let (queue, web) = (free_port(), free_port());
    let server = Stage::new(&format!(
        "[service.queue]\ncommand = \"redis-server --port {queue} --save '' --appendonly no\"\n\
         port = {queue}\nready = {{ redis = \"redis://localhost:{queue}\" }}\n"
    ));
    server.expect(&["up", "-d"], 0);
    let repository = Repository::new("", true);
    // Waits for a task, as the workers of all libraries do.
    let worker =
        "import os, redis\nredis.Redis.from_url(os.environ['BROKER_URL']).blpop('tasks', 0)\n";
    repository.write("main/worker.py", worker);
    repository.write(
        "main/pilotlight.toml",
        &format!(
            "name = \"jobs\"\n[service.web]\ncommand = \"python3 -m http.server {web}\"\nport = {web}\n\
             [service.queue]\nexternal = true\nready = {{ redis = \"redis://localhost:{queue}\" }}\n\
             [service.worker]\ncommand = ['{}', \"worker.py\"]\nneeds = [\"queue\"]\n\
             env = {{ BROKER_URL = \"redis://localhost:{queue}/0\" }}\n",
            python().display()
        ),
    );
    repository.git(&["add", "."]);
    repository.git(&["commit", "--quiet", "--message=jobs"]);
    repository.worktree("one");
    for checkout in ["main", "one"] {
        repository.run(checkout, &["up", "-d"], 0);
    }
    let findings = |checkout: &str| -> Vec<String> {
        let found = repository.json(checkout, &["doctor", "--json"]);
        let findings = found["findings"].as_array().unwrap().iter();
        let title = |finding: &Value| finding["title"].as_str().unwrap().to_owned();
        findings.map(title).collect()
    };
    let shared = format!(
        "worker of feature-one may take the tasks of main: both use localhost:{queue} (BROKER_URL)"
    );
    until("the worker is connected", || findings("one") == [&*shared]);
    assert_eq!(findings("main"), [""; 0], "it has the declared ports");
    repository.stage.expect(&["down", "--all"], 0);
    server.expect(&["down"], 0);
}

#[test]
fn a_server_that_refuses_the_host_names_of_links_is_a_finding_with_its_setting() {
    let projects = env::var_os("PILOTLIGHT_TEST_PROJECTS").map(PathBuf::from);
    let root = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/projects");
    let python = projects.unwrap_or_else(root).join("python/bin/python");
    assert!(
        python.exists(),
        "the tests are not set up: run `cargo xtask setup`"
    );
    let python = python.display();
    let port = free_port();
    let stage = Stage::new(&format!(
        "ports = \"own\"\n[service.site]\n\
         command = ['{python}', \"app.py\", \"runserver\", \"--noreload\", \"127.0.0.1:{{port}}\"]\n\
         port = {port}\nready = {{ http = \"/\" }}\nlinks = {{ site = \"/\" }}\n"
    ));
    let site = |hosts: &str| {
        let text = format!(
            "import sys\n\
             from django.conf import settings\n\
             from django.core.management import execute_from_command_line\n\
             from django.http import HttpResponse\n\
             from django.urls import path\n\
             settings.configure(DEBUG=True, SECRET_KEY='x', ROOT_URLCONF='__main__', ALLOWED_HOSTS=[{hosts}],\n\
             \x20   MIDDLEWARE=['django.middleware.common.CommonMiddleware'])\n\
             urlpatterns = [path('', lambda request: HttpResponse('ok'))]\n\
             execute_from_command_line(sys.argv)\n"
        );
        stage.write("app.py", &text);
    };
    site("'localhost', '127.0.0.1'");
    stage.expect(&["up", "-d"], 0);
    let (link, _) = stage.expect(&["url", "site", "site"], 0);
    let host = link.strip_prefix("http://").unwrap().split(':').next();
    let host = host.unwrap().to_owned();
    assert!(host.starts_with("site.") && host.ends_with(".localhost"));
    let found = stage.json(&["doctor", "--json"], 1);
    let finding = &found["findings"][0];
    let title = format!("site refuses requests for the host {host}");
    assert_eq!(finding["title"], title, "{found:#}");
    let remedy = finding["remedy"]["text"].as_str().unwrap();
    let expected = format!("add '{host}' to `ALLOWED_HOSTS`");
    assert!(remedy.starts_with(&expected), "{remedy}");

    site("'.localhost', '127.0.0.1'");
    stage.expect(&["restart"], 0);
    let found = stage.json(&["doctor", "--json"], 0);
    assert_eq!(found["findings"], serde_json::json!([]));
    stage.expect(&["down"], 0);
}
