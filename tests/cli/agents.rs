//! `pilotlight mcp` with a client in this test and with the client of the Python SDK.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use pilotlight_test_service::free_port;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stage::{DEADLINE, Stage, lives, server, signal, talker, until};

/// A client that is connected to a server in the folder of a stage.
struct Agent {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    latest: u64,
    /// The folders that it returns as its roots.
    roots: Vec<String>,
    /// The progress messages since the last call.
    progress: Vec<String>,
}

impl Agent {
    fn new(stage: &Stage) -> Self {
        Self::within(stage, stage.folder.path(), &[])
    }

    fn within(stage: &Stage, folder: &Path, roots: &[&Path]) -> Self {
        let mut command = stage.command(&["mcp"]);
        command
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, messages) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let message = serde_json::from_str(&line);
                let message = message.unwrap_or_else(|error| panic!("{error}: {line}"));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut agent = Self {
            input: child.stdin.take().unwrap(),
            child,
            messages,
            latest: 0,
            roots: roots
                .iter()
                .map(|root| format!("file://{}", root.display()))
                .collect(),
            progress: Vec::new(),
        };
        let capabilities = if roots.is_empty() {
            json!({})
        } else {
            json!({"roots": {}})
        };
        let hello = agent.request(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18",
                "capabilities": capabilities,
                "clientInfo": {"name": "test-agent", "title": "Test Agent", "version": "1"},
            }),
        );
        assert_eq!(hello["result"]["serverInfo"]["name"], "pilotlight");
        assert!(
            hello["result"]["instructions"]
                .as_str()
                .unwrap()
                .contains("diagnose")
        );
        agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        agent
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
    }

    /// Sends a request without waiting for its answer.
    fn begin(&mut self, method: &str, parameters: &Value) -> u64 {
        self.latest += 1;
        let id = self.latest;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}));
        id
    }

    /// Waits for the answer to a request.
    fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.messages.recv_timeout(DEADLINE).unwrap();
            match message["method"].as_str() {
                Some("roots/list") => {
                    let roots: Vec<Value> =
                        self.roots.iter().map(|uri| json!({"uri": uri})).collect();
                    let id = message["id"].clone();
                    self.send(&json!({"jsonrpc": "2.0", "id": id, "result": {"roots": roots}}));
                }
                Some("notifications/progress") => {
                    let text = message["params"]["message"].as_str().unwrap();
                    self.progress.push(text.to_owned());
                }
                _ if message["id"] == id => return message,
                _ => {}
            }
        }
    }

    fn request(&mut self, method: &str, parameters: &Value) -> Value {
        let id = self.begin(method, parameters);
        self.answer(id)
    }

    /// Calls a tool and returns its whole result.
    fn result(&mut self, tool: &str, arguments: &Value) -> Value {
        self.progress.clear();
        let parameters =
            json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}});
        let answer = self.request("tools/call", &parameters);
        assert!(answer.to_string().len() < 64 << 10, "{answer}");
        answer["result"].clone()
    }

    /// Calls a tool that answers with data.
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.result(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        let data = result["structuredContent"].clone();
        assert!(data.to_string().len() < 16 << 10, "{data}");
        data
    }

    /// Calls a tool that answers with a text: an error or a log.
    fn text(&mut self, tool: &str, arguments: &Value, is_error: bool) -> String {
        let result = self.result(tool, arguments);
        assert_eq!(result["isError"], is_error, "{tool}: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_starts_a_stack_and_its_name_is_shown() {
    let stage = Stage::new(&format!(
        "{}{}",
        talker("talker"),
        server("web", free_port())
    ));
    let mut agent = Agent::new(&stage);
    assert_eq!(agent.call("status", &json!({}))["state"], "stopped");
    let started = agent.call("start", &json!({}));
    assert_eq!(
        (&started["done"], &started["ok"]),
        (&json!(true), &json!(true)),
        "{started}"
    );
    assert_eq!(started["state"], "all 2 ready");
    assert_eq!(agent.call("status", &json!({}))["started_by"], "Test Agent");
    let (table, _) = stage.expect(&["status"], 0);
    assert!(table.contains("started by Test Agent, "), "{table}");
    // The services belong to the user, not to the session.
    drop(agent);
    assert_eq!(stage.service("talker")["phase"], "ready");
    stage.expect(&["down"], 0);
    stage.expect(&["up", "-d"], 0);
    let mut agent = Agent::new(&stage);
    agent.call("start", &json!({}));
    let status = stage.json(&["status", "--json"], 0);
    assert_eq!(status["stacks"][0].get("started_by"), None, "a person did");
    let first = stage.pid("talker");
    assert_eq!(
        agent.call("restart", &json!({"services": ["talker"]}))["ok"],
        true
    );
    assert_ne!(stage.pid("talker"), first);
    let waited = agent.call(
        "wait",
        &json!({"for": "log: only a test", "services": ["talker"]}),
    );
    assert_eq!(waited["reached"], true, "{waited}");
    assert_eq!(agent.call("stop", &json!({}))["ok"], true);
    stage.until_no_process_is_left_but(agent.child.id());
    assert_eq!(
        agent.call("stop", &json!({}))["state"],
        "nothing was running"
    );
}

#[test]
fn tools_fit_into_a_prompt_and_resources_and_prompts_can_be_read() {
    let stage = Stage::new(&talker("talker"));
    let mut agent = Agent::new(&stage);
    let listed = agent.request("tools/list", &json!({}))["result"]["tools"].clone();
    let tools = listed.as_array().unwrap();
    for tool in tools {
        assert!(tool["annotations"]["readOnlyHint"].is_boolean(), "{tool}");
        assert!(tool["description"].as_str().unwrap().len() > 40, "{tool}");
    }
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    for name in [
        "status", "start", "stop", "restart", "wait", "logs", "diagnose", "fix", "port", "run",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    // Tokenizers need 3.5 bytes or more for a token of English and JSON.
    let tokens = listed.to_string().len() * 2 / 7;
    assert!(tokens < 3_500, "{tokens} tokens");

    let resources = agent.request("resources/list", &json!({}))["result"]["resources"].clone();
    let mut texts = resources.as_array().unwrap().iter().map(|resource| {
        let read = agent.request("resources/read", &json!({"uri": resource["uri"]}));
        read["result"]["contents"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    assert!(texts.next().unwrap().contains("[service.talker]"));
    let schema: Value = serde_json::from_str(&texts.next().unwrap()).unwrap();
    assert_eq!(schema["title"], "A Pilot Light stack file");
    assert_eq!(texts.next(), None);
    let prompts = agent.request("prompts/list", &json!({}))["result"]["prompts"].clone();
    let prompts = prompts.as_array().unwrap();
    assert_eq!(prompts.len(), 3);
    for prompt in prompts {
        let got = agent.request("prompts/get", &json!({"name": prompt["name"]}));
        let text = got["result"]["messages"][0]["content"]["text"].as_str();
        assert!(
            text.is_some_and(|text| text.contains("Pilot Light") || text.contains('`')),
            "{got}"
        );
    }
}

#[test]
fn the_session_of_a_client_is_named_if_its_calls_have_one() {
    let stage = Stage::new(&talker("talker"));
    let mut agent = Agent::new(&stage);
    for (thread, shown) in [
        (
            "0199a213-81c0-7800-8aa1-bbab2a035a53",
            "Test Agent (2a035a53)",
        ),
        ("é", "Test Agent (é)"),
    ] {
        let start = json!({"name": "start", "arguments": {}, "_meta": {"threadId": thread, "sessionId": "x"}});
        let started = agent.request("tools/call", &start);
        assert_eq!(started["result"]["isError"], false, "{started}");
        assert_eq!(agent.call("status", &json!({}))["started_by"], shown);
        let stop = json!({"name": "stop", "arguments": {}, "_meta": {"threadId": thread}});
        agent.request("tools/call", &stop);
        let (events, _) = stage.expect(&["events"], 0);
        for words in ["started by", "stopped by"] {
            assert!(events.contains(&format!("{words} {shown}")), "{events}");
        }
    }
}

#[test]
fn events_come_in_pages_within_the_limit() {
    let stage = Stage::new(&talker("talker"));
    let file = stage
        .folder
        .path()
        .canonicalize()
        .unwrap()
        .join("pilotlight.toml");
    fs::create_dir_all(stage.home().state()).unwrap();
    let event = |number: u32| {
        let message = format!("problem {number}: {}", "long ".repeat(200));
        // Three have the same time.
        let second = number / 3;
        json!({"time": format!("2026-01-01T00:00:{second:02}Z"), "stack": "test",
            "file": file, "service": "talker", "event": "failed", "message": message})
    };
    let lines: Vec<String> = (0..100)
        .map(|number| event(number).to_string() + "\n")
        .collect();
    fs::write(stage.home().state().join("events.ndjson"), lines.concat()).unwrap();
    let mut agent = Agent::new(&stage);
    let mut arguments = json!({"since": "2026-01-01T00:00:00Z"});
    let mut seen = Vec::new();
    loop {
        let page = agent.call("events", &arguments);
        let events = page["events"].as_array().unwrap();
        let words = events
            .iter()
            .map(|event| event["event"].as_str().unwrap().to_owned());
        seen.splice(0..0, words);
        if page["cursor"].is_null() {
            break;
        }
        arguments["cursor"] = page["cursor"].clone();
    }
    assert_eq!(seen.len(), 100);
    for (number, words) in seen.iter().enumerate() {
        assert!(
            words.starts_with(&format!("failed: problem {number}: ")),
            "{words}"
        );
    }
}

#[test]
fn the_answer_to_a_failed_start_contains_the_reason() {
    let stage = Stage::new(
        r#"
        [service.store]
        command = ["sh", "-c", "echo 'ERROR: no disk, password=hunter2' >&2; exit 3"]
        restart = "never"
        ready = { log = "never" }
        [service.app]
        command = "sleep 1000"
        needs = ["store"]
        "#,
    );
    let mut agent = Agent::new(&stage);
    for tool in ["start", "wait"] {
        let failed = agent.call(tool, &json!({}));
        assert_eq!(failed["done"], true, "{failed}");
        let finding = &failed["findings"][0];
        assert_eq!(finding["service"], "store", "{failed}");
        assert!(
            finding["cause"].as_str().unwrap().contains("store"),
            "{failed}"
        );
        assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{failed}");
        let log = failed["log"]["store"][0].as_str().unwrap();
        assert_eq!(log, "ERROR: no disk, password=***", "{failed}");
        assert!(!failed.to_string().contains("hunter2"), "{failed}");
    }
    let id = agent.call("diagnose", &json!({}))["findings"][0]["id"].clone();
    let code = id.as_str().unwrap().split(':').next().unwrap().to_owned();
    let uri = format!("pilotlight://finding/{code}");
    let page = agent.request("resources/read", &json!({"uri": uri}));
    let text = page["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(&format!("### `{code}`")), "{text}");
}

#[test]
fn a_long_start_answers_with_the_state_so_far_and_continues() {
    let stage = Stage::new(
        r#"
        [service.late]
        command = ["sh", "-c", "while [ ! -e go ]; do sleep 0.05; done; echo ready; exec sleep 1000"]
        ready = { log = "ready" }
        "#,
    );
    let mut agent = Agent::new(&stage);
    let started = agent.call("start", &json!({"timeout_seconds": 1}));
    assert_eq!(
        (&started["done"], &started["ok"]),
        (&json!(false), &Value::Null),
        "{started}"
    );
    let waited = agent.call("wait", &json!({"timeout_seconds": 1}));
    assert_eq!(
        (&waited["done"], &waited["reached"]),
        (&json!(false), &json!(false)),
        "{waited}"
    );
    until("progress is told", || {
        agent.call("wait", &json!({"timeout_seconds": 1}));
        agent
            .progress
            .iter()
            .any(|text| text.contains("0 of 1 ready"))
    });
    // Cancelling a call stops the waiting, not the service.
    let id = agent.begin("tools/call", &json!({"name": "wait", "arguments": {}}));
    agent.send(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id},
    }));
    assert_eq!(
        agent.call("status", &json!({}))["services"][0]["state"],
        "starting"
    );
    stage.write("go", "");
    assert_eq!(agent.call("wait", &json!({}))["reached"], true);
}

#[test]
fn a_client_only_sees_its_own_stacks() {
    let stage = Stage::new(&talker("talker"));
    let other = Stage::new(&talker("other"));
    let theirs = other.folder.path().to_str().unwrap();
    let mut agent = Agent::new(&stage);
    for stack in [
        theirs,
        "/etc/passwd",
        "/",
        "../..",
        "no/such",
        "a\u{1b}[2J\u{202e}",
        "a\0b",
    ] {
        for tool in ["status", "start", "stop", "logs", "diagnose"] {
            let refused = agent.text(tool, &json!({"stack": stack}), true);
            assert!(!refused.contains('\u{1b}'), "{refused:?}");
        }
    }
    agent.text("draft_stack_file", &json!({"folder": theirs}), true);
    let link = stage.folder.path().join("link");
    std::os::unix::fs::symlink(other.folder.path(), &link).unwrap();
    let refused = agent.text("status", &json!({"stack": "link"}), true);
    assert!(
        refused.contains("outside this client's folders"),
        "{refused}"
    );
    // It may see the stack of a root.
    let mut agent = Agent::within(&stage, stage.folder.path(), &[other.folder.path()]);
    assert_eq!(
        agent.call("status", &json!({"stack": theirs}))["services"][0]["name"],
        "other"
    );
    // It may also see the project of its working folder.
    fs::create_dir(stage.folder.path().join("sub")).unwrap();
    let mut agent = Agent::within(&stage, &stage.folder.path().join("sub"), &[]);
    assert_eq!(
        agent.call("status", &json!({}))["services"][0]["name"],
        "talker"
    );
}

#[test]
fn wrong_arguments_are_rejected_and_the_server_continues() {
    let stage = Stage::new(&talker("talker"));
    let mut agent = Agent::new(&stage);
    let long = "x".repeat(1 << 20);
    for (tool, arguments) in [
        ("status", json!({"nonsense": 1})),
        ("start", json!({"services": "talker"})),
        ("start", json!({"services": ["talkre"]})),
        ("start", json!({"services": [long]})),
        ("wait", json!({"for": "log: ("})),
        ("wait", json!({"timeout_seconds": -1})),
        ("logs", json!({"grep": "("})),
        ("logs", json!({"cursor": "../x"})),
        ("logs", json!({"services": ["../../etc"]})),
        ("logs", json!({"level": "loud"})),
        ("port", json!({"port": 0})),
        ("port", json!({"port": 70000})),
        ("fix", json!({})),
        (
            "fix",
            json!({"finding": "port-taken:talker", "confirm": "00000000"}),
        ),
    ] {
        let refused = agent.text(tool, &arguments, true);
        assert!(refused.len() < 16 << 10, "{tool}: {}", refused.len());
    }
    let unknown = agent.request("tools/call", &json!({"name": "rm", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    let deep = json!({"text": format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000))});
    assert_eq!(agent.call("check_stack_file", &deep)["valid"], false);
    let slip = json!({"text": "[service.a]\ncomand = \"x\"\n"});
    let checked = agent.call("check_stack_file", &slip);
    assert!(
        checked["problems"][0]["suggestion"]
            .as_str()
            .unwrap()
            .contains("`command`")
    );
    writeln!(agent.input, "this is no message").unwrap();
    assert_eq!(agent.call("check_stack_file", &json!({}))["valid"], true);
}

#[test]
fn two_agents_share_a_stack() {
    let stage = Stage::new(&talker("talker"));
    let mut agents = [Agent::new(&stage), Agent::new(&stage)];
    let start = json!({"name": "start", "arguments": {}});
    let ids = [0, 1].map(|place| agents[place].begin("tools/call", &start));
    for (agent, id) in agents.iter_mut().zip(ids) {
        let started = agent.answer(id);
        assert_eq!(
            started["result"]["structuredContent"]["ok"], true,
            "{started}"
        );
    }
    let pids =
        [0, 1].map(|place| agents[place].call("status", &json!({}))["services"][0]["pid"].clone());
    assert_eq!(pids[0], pids[1]);
    assert_eq!(stage.service("talker")["run"], 1, "there is one of it");
}

#[test]
fn a_daemon_that_is_killed_between_calls_loses_no_service() {
    let stage = Stage::new(&talker("talker"));
    let mut agent = Agent::new(&stage);
    agent.call("start", &json!({}));
    let (daemon, talker) = (stage.daemon(), stage.pid("talker"));
    signal(daemon, Signal::KILL);
    until("the daemon is dead", || !lives(daemon));
    let status = agent.call("status", &json!({}));
    assert_eq!(status["services"][0]["pid"], talker, "{status}");
    assert_eq!(
        agent.call("start", &json!({}))["services"][0]["pid"],
        talker
    );
    let daemon = stage.daemon();
    signal(daemon, Signal::KILL);
    until("the daemon is dead", || !lives(daemon));
    assert_eq!(agent.call("stop", &json!({}))["ok"], true);
    until("it is gone", || !lives(talker));
}

#[test]
fn a_fix_that_changes_a_file_needs_the_code_of_its_plan() {
    let (declared, real) = (free_port(), free_port());
    let stage = Stage::new(&format!(
        r#"
        [service.web]
        command = "python3 -m http.server {real} --bind 127.0.0.1"
        port = {declared}
        start_timeout = "1s"
        "#
    ));
    let mut agent = Agent::new(&stage);
    assert_eq!(agent.call("start", &json!({}))["ok"], false);
    // On a busy machine, Python takes longer than the start may.
    let address = (Ipv4Addr::LOCALHOST, real);
    until("it listens", || TcpStream::connect(address).is_ok());
    let found = agent.call("diagnose", &json!({}));
    let finding = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["fixable"] == true);
    let id = finding.unwrap()["id"].clone();
    let text = || fs::read_to_string(stage.folder.path().join("pilotlight.toml")).unwrap();
    let before = text();
    let plan = agent.call("fix", &json!({"finding": id}));
    assert_eq!(plan["action"]["kind"], "edit-stack-file", "{plan}");
    let wrong = agent.call("fix", &json!({"finding": id, "confirm": "00000000"}));
    assert_eq!((&wrong["fixed"], text()), (&json!(false), before));
    let done = agent.call("fix", &json!({"finding": id, "confirm": plan["confirm"]}));
    assert_eq!(done["fixed"], true, "{done}");
    assert!(text().contains(&format!("port = {real}")), "{}", text());
    // A code works once.
    let again = agent.result("fix", &json!({"finding": id, "confirm": plan["confirm"]}));
    assert_eq!(again["isError"], true, "{again}");
    agent.call("stop", &json!({}));
}

#[test]
fn a_foreign_process_is_left_to_the_user() {
    let port = free_port();
    let stage = Stage::new(&server("web", port));
    // In a separate folder, so that it is not a leftover of an earlier start.
    let elsewhere = Stage::new("");
    let mut stranger = elsewhere.listener(port);
    let mut agent = Agent::new(&stage);
    let failed = agent.call("start", &json!({}));
    assert_eq!(failed["ok"], false, "{failed}");
    let id = failed["findings"][0]["id"].clone();
    assert_eq!(id, "port-taken:web", "{failed}");
    let refused = agent.text("fix", &json!({"finding": id}), true);
    assert!(lives(stranger.id()), "{refused}");
    let shown = agent.call("port", &json!({"port": port}));
    assert_eq!(shown["holders"][0]["pid"], stranger.id(), "{shown}");
    assert_eq!(
        shown["free_command"],
        format!("pilotlight port {port} --free")
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn logs_come_in_pages_within_the_limit() {
    let stage = Stage::new(
        r#"
        [service.noisy]
        command = ["sh", "-c", "for i in $(seq 1 300); do echo line $i token=abcdef123456; done; echo 'ERROR: bad'; echo '  at here'; echo done; exec sleep 1000"]
        ready = { log = "^done" }
        "#,
    );
    let mut agent = Agent::new(&stage);
    agent.call("start", &json!({}));
    let newest = agent.text("logs", &json!({"lines": 5}), false);
    let lines: Vec<&str> = newest.lines().collect();
    assert_eq!(lines.len(), 6, "{newest}");
    assert!(
        lines[0].starts_with("[lines 299 to 303 of 303, run 1; cursor \"298\""),
        "{newest}"
    );
    assert_eq!(lines[1], "line 299 token=***");
    let earlier = agent.text("logs", &json!({"lines": 2, "cursor": "298"}), false);
    assert!(
        earlier.ends_with("line 297 token=***\nline 298 token=***"),
        "{earlier}"
    );
    let errors = agent.text("logs", &json!({"level": "error"}), false);
    assert!(errors.contains("\nERROR: bad\n  at here"), "{errors}");
    let problems = agent.text("logs", &json!({"problems_only": true}), false);
    assert_eq!(problems, errors);
    let found = agent.text("logs", &json!({"grep": "line 17 "}), false);
    assert!(
        found.starts_with("[lines 1 to 1 of 1") && found.ends_with("***"),
        "{found}"
    );
    let all = agent.text("logs", &json!({"lines": 1000}), false);
    assert!(all.len() < 16 << 10, "{}", all.len());
    let none = agent.text("logs", &json!({"run": 7}), false);
    assert_eq!(none, "[no matching lines]");
}

#[test]
fn a_project_without_a_stack_file_gets_a_draft() {
    let stage = Stage::new("");
    fs::remove_file(stage.folder.path().join("pilotlight.toml")).unwrap();
    stage.write("Procfile", "web: python3 -m http.server $PORT\n");
    let mut agent = Agent::new(&stage);
    let missing = agent.text("status", &json!({}), true);
    assert!(missing.contains("no pilotlight.toml"), "{missing}");
    let draft = agent.call("draft_stack_file", &json!({}));
    let text = draft["text"].as_str().unwrap();
    assert!(text.contains("[service.web]"), "{draft}");
    let checked = agent.call("check_stack_file", &json!({"text": text}));
    assert_eq!(checked["valid"], true, "{checked}");
    assert!(!stage.folder.path().join("pilotlight.toml").exists());
}

#[test]
fn a_long_draft_keeps_its_text() {
    let stage = Stage::new("");
    fs::remove_file(stage.folder.path().join("pilotlight.toml")).unwrap();
    let lines =
        (0..60).map(|number| format!("web{number}: python3 -m http.server {}\n", 9000 + number));
    stage.write("Procfile", &lines.collect::<String>());
    let mut agent = Agent::new(&stage);
    let draft = agent.call("draft_stack_file", &json!({}));
    let text = draft["text"].as_str().unwrap();
    assert!(text.len() > 4000, "{}", text.len());
    assert!(
        text.contains("[service.web59]") && !text.contains(" bytes more]"),
        "{text}"
    );
}

#[test]
fn install_adds_the_server_once() {
    let stage = Stage::new(&talker("talker"));
    let home = stage.folder.path().join("user");
    fs::create_dir_all(home.join(".codex")).unwrap();
    let config = home.join(".codex/config.toml");
    fs::write(&config, "model = \"x\"\n").unwrap();
    let install = |words: &[&str]| {
        let mut command = stage.command(&["mcp", "install"]);
        let output = command.args(words).env("HOME", &home).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, out, err) = install(&["--user"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("AGENTS.md") && err.contains("+ [mcp_servers.pilotlight]"),
        "{out}{err}"
    );
    let text = fs::read_to_string(&config).unwrap();
    assert!(
        text.starts_with("model = \"x\"\n\n[mcp_servers.pilotlight]\n"),
        "{text}"
    );
    assert!(install(&["--user"]).2.contains("has it already"));
    assert_eq!(install(&["claude", "--dry-run"]).0, Some(0));
    let project = stage.folder.path().join(".mcp.json");
    assert!(!project.exists());
    install(&["claude"]);
    let servers: Value = serde_json::from_slice(&fs::read(&project).unwrap()).unwrap();
    assert_eq!(servers["mcpServers"]["pilotlight"]["args"], json!(["mcp"]));
    assert_eq!(install(&["netscape"]).0, Some(2));
}

#[test]
fn the_client_of_the_python_sdk_works_in_both_eras_of_the_protocol() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let projects = std::env::var_os("PILOTLIGHT_TEST_PROJECTS");
    let projects = projects.map_or_else(|| root.join("target/xtask/projects"), Into::into);
    let python = projects.join("python/bin/python");
    assert!(
        python.exists(),
        "the tests are not set up: run `cargo xtask setup`"
    );
    let stage = Stage::new(&talker("talker"));
    let server = stage.command(&["mcp"]);
    let mut client = Command::new(python);
    client
        .arg(root.join("tests/agents/client.py"))
        .arg(server.get_program())
        .current_dir(stage.folder.path())
        .envs(
            server
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let output = client.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{err}");
    assert_eq!(
        said,
        "2025-11-25: started, seen, refused, stopped\n2026-07-28: started, seen, refused, stopped\n"
    );
}
