//! The meaning of valid files.

use std::{path::PathBuf, time::Duration};

use serde_json::json;

use super::*;
use crate::stack::*;

fn stack(text: &str) -> Stack {
    parse_text(text).unwrap_or_else(|report| panic!("{:?}", report.lines().collect::<Vec<_>>()))
}

/// Returns a service with these lines, in a stack with a Redis.
fn web(lines: &str) -> Service {
    let text = format!(
        "[service.web]\ncommand = \"run\"\nport = 8000\n{lines}\n[service.redis]\ncommand = \"redis-server\"\nport = 6379\n"
    );
    let stack = stack(&text);
    Service::clone(stack.service(&"web".into()).unwrap())
}

/// Formats a value with `/` in paths on all platforms.
fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:#?}").replace(r"\\", "/")
}

fn words(service: &Service) -> Vec<String> {
    match &service.command {
        Some(Command::Argv(words)) => words.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_stack_file_of_the_design_is_read_exactly() {
    insta::assert_snapshot!(shown(&stack(DESIGN)));
}

#[test]
fn a_service_needs_only_a_command() {
    let stack = stack("service.web.command = \"npm run dev\"");
    assert_eq!(stack.name, "nexus", "after its folder");
    assert_eq!(stack.mode, Mode::Development);
    insta::assert_snapshot!(shown(&stack.services[0]));
}

#[test]
fn services_stay_in_the_order_of_the_file() {
    let stack =
        stack("service.b.command = \"b\"\nservice.a.command = \"a\"\n[service.0]\ncommand = \"0\"");
    let names: Vec<_> = stack
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(names, ["b", "a", "0"]);
}

#[test]
fn a_command_is_split_before_placeholders_are_filled() {
    let service = web("").command;
    assert_eq!(service, Some(Command::Argv(vec![Template::text("run")])));
    let stack =
        stack("service.a = { command = \"ls '${HOME} x' ${EMPTY} $HOME # {port}\", port = 1 }");
    assert_eq!(
        words(&stack.services[0]),
        ["ls", "/home/ada x", "", "$HOME", "#", "{port}"]
    );
}

#[test]
fn a_shell_line_stays_one_line() {
    let stack = stack("service.a = { shell = true, command = 'echo $X ${{HOME}} | tail' }");
    let line = Template::text("echo $X ${HOME} | tail");
    assert_eq!(stack.services[0].command, Some(Command::Shell(line)));
}

#[test]
fn placeholders_become_ports_and_doubled_braces_stay() {
    let service = web("env = { A = \"{{x}} {port} {redis.port} $\" }");
    let pieces = [
        Piece::Text("{x} ".into()),
        Piece::OwnPort,
        Piece::Text(" ".into()),
        Piece::PortOf("redis".into()),
        Piece::Text(" $".into()),
    ];
    assert_eq!(service.env["A"].pieces(), pieces);
}

#[test]
fn the_value_of_a_variable_is_not_parsed_again() {
    let service = web(
        r#"env = { A = "${HOME}/x", B = "${BRACES}", C = "${NONE:-/tmp}", D = "${EMPTY:-d}", E = "${EMPTY}" }"#,
    );
    let values: Vec<_> = service.env.values().map(Template::pieces).collect();
    let text = |text: &str| vec![Piece::Text(text.into())];
    assert_eq!(
        values[..4],
        [text("/home/ada/x"), text("{port}"), text("/tmp"), text("d")]
    );
    assert!(values[4].is_empty());
}

#[test]
fn needs_are_a_name_a_list_or_a_table() {
    let ready = [("redis".into(), Need::Ready)].into();
    assert_eq!(web("needs = \"redis\"").needs, ready);
    assert_eq!(web("needs = [\"redis\"]").needs, ready);
    assert_eq!(web("depends_on = [\"redis\"]").needs, ready);
    let completed = [("redis".into(), Need::Completed)].into();
    assert_eq!(web("needs = { redis = \"completed\" }").needs, completed);
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let service = web("directory = \"a/b\"\nenv_file = [\".env\", \"/etc/env\", \"x?\"]");
    assert_eq!(service.directory, PathBuf::from("/work/nexus/a/b"));
    let files = [
        ("/work/nexus/.env", false),
        ("/etc/env", false),
        ("/work/nexus/x", true),
    ];
    let files = files.map(|(path, optional)| EnvFile {
        path: path.into(),
        optional,
    });
    assert_eq!(service.env_files, files);
    assert!(web("env_file = \".env?\"").env_files[0].optional);
}

#[test]
fn stop_is_a_signal_or_a_command() {
    let stop = |lines: &str| web(lines).stop;
    assert_eq!(
        stop("stop = \"SIGINT\"").graceful,
        StopMethod::Signal(Signal::Interrupt)
    );
    assert_eq!(stop("stop = { timeout = \"0s\" }").timeout, Duration::ZERO);
    let graceful = StopMethod::Command(Command::Argv(vec![Template::text("quit")]));
    let timeout = Duration::from_secs(5);
    assert_eq!(
        stop("stop = { command = [\"quit\"] }"),
        Stop { graceful, timeout }
    );
}

#[test]
fn every_short_form_of_ready_equals_its_long_form() {
    for (short, long) in [
        ("tcp", "tcp = \"localhost:{port}\""),
        ("tcp: 127.0.0.1:{port}", "tcp = \"127.0.0.1:{port}\""),
        ("http", "http = \"http://localhost:{port}/\""),
        ("http: /v1/health", "http = { url = \"/v1/health\" }"),
        ("http: http://a:1/", "http = \"http://a:1/\""),
        ("https://a:1/", "http = \"https://a:1/\""),
        ("redis", "redis = \"redis://localhost:{port}\""),
        ("redis://a:1", "redis = \"redis://a:1\""),
        ("postgres", "postgres = \"postgres://localhost:{port}\""),
        (
            "postgresql://a:b@c/d",
            "postgres = \"postgresql://a:b@c/d\"",
        ),
        ("rabbitmq", "rabbitmq = \"amqp://localhost:{port}\""),
        ("amqp://a", "rabbitmq = \"amqp://a\""),
        ("mysql: mariadb://a", "mysql = \"mariadb://a\""),
        ("websocket: /ws", "websocket = \"ws://localhost:{port}/ws\""),
        ("ws://a:1", "websocket = \"ws://a:1\""),
        (
            "command: test -e 'a b'",
            "command = [\"test\", \"-e\", \"a b\"]",
        ),
        (
            "log: listening on .*: \\\\d+",
            "log = 'listening on .*: \\d+'",
        ),
        ("process", "process = true"),
    ] {
        let short_form = web(&format!("ready = \"{short}\"")).ready;
        let long_form = web(&format!("ready = {{ {long} }}")).ready;
        assert_eq!(short_form, long_form, "{short}");
    }
}

#[test]
fn the_default_probe_is_the_port_or_the_process() {
    let port = web("").ready.probes;
    assert_eq!(
        port,
        [Probe::Tcp(Template::new(vec![
            Piece::Text("localhost:".into()),
            Piece::OwnPort
        ]))]
    );
    assert_eq!(
        web("ready = { every = \"1s\" }").ready.probes,
        port,
        "times alone change no probe"
    );
    assert_eq!(
        stack("service.a.command = \"a\"").services[0].ready.probes,
        [Probe::Process]
    );
}

#[test]
fn all_given_probes_are_used() {
    let ready = web(
        "ready = { tcp = \"a:1\", log = \"up\", process = true, timeout = \"1s\", failures = 5 }",
    )
    .ready;
    assert_eq!(ready.probes.len(), 3);
    assert_eq!(
        (ready.timeout, ready.every, ready.failures),
        (Duration::from_secs(1), Duration::from_secs(2), 5)
    );
}

fn request(service: &Service) -> &HttpRequest {
    match (
        &service.ready.probes[0],
        service.checks.first().map(|check| &check.action),
    ) {
        (_, Some(CheckAction::Http(request))) | (Probe::Http(request), _) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_is_expected_in_ready_and_sent_in_a_check() {
    let json = json!({ "ok": true, "n": [1, 2.5, "x"] });
    let toml = "json = { ok = true, n = [1, 2.5, \"x\"] }";
    let ready = web(&format!("ready.http = {{ url = \"/\", {toml} }}"));
    let expected = request(&ready);
    assert_eq!((expected.method.as_str(), &expected.body), ("GET", &None));
    assert_eq!(expected.expect.json, Some(json.clone()));

    let check = web(&format!(
        "check = [{{ name = \"a\", http = {{ url = \"/\", {toml} }} }}]"
    ));
    let sent = request(&check);
    assert_eq!((sent.method.as_str(), &sent.expect.json), ("POST", &None));
    assert_eq!(sent.body, Some(Body::Json(json)));
}

#[test]
fn body_is_sent_and_expect_keys_are_expected_everywhere() {
    let keys = r#"{ url = "/", method = "put", body = "a {port}", expect_json = { a = 1 }, expect_text = "b", expect_headers = { Server = "c" } }"#;
    let ready = web(&format!("ready.http = {keys}"));
    let check = web(&format!("check = [{{ name = \"a\", http = {keys} }}]"));
    assert_eq!(request(&ready), request(&check));
    let request = request(&ready);
    assert_eq!(request.method, "PUT");
    assert_eq!(
        request.body,
        Some(Body::Text(Template::new(vec![
            Piece::Text("a ".into()),
            Piece::OwnPort
        ])))
    );
    assert_eq!(request.expect.json, Some(json!({ "a": 1 })));
    assert_eq!(request.expect.text, Some(Template::text("b")));
    assert_eq!(request.expect.headers["Server"], Template::text("c"));
}

#[test]
fn ports_are_filled_into_the_strings_of_json_too() {
    let service = web(
        r#"check = [{ name = "a", http = { url = "/", json = { a = ["{redis.port}", "{{x}}", "${BRACES}"] } } }]"#,
    );
    let stack = stack(
        "service.web = { command = \"a\", port = 1 }\nservice.redis = { command = \"b\", port = 6379 }",
    );
    let rendered = service.checks[0].render(&"web".into(), &stack);
    let CheckAction::Http(sent) = rendered.action else {
        panic!("{rendered:?}")
    };
    assert_eq!(
        sent.body,
        Some(Body::Json(json!({ "a": ["6379", "{x}", "{port}"] })))
    );
}

#[test]
fn a_check_uses_values_saved_by_an_earlier_one() {
    let text = r#"
[service.web]
command = "a"
port = 1
[[service.web.check]]
name = "create"
http = { url = "/", method = "POST" }
save = { id = "/id" }
[[service.web.check]]
name = "read"
http = "/{id}"
[service.other]
command = "b"
check = [{ name = "elsewhere", http = { url = "http://localhost:{web.port}/{id}", expect_json = { id = "{id}" } } }]
"#;
    let checks = &stack(text).services[0].checks;
    assert_eq!(checks[0].save["id"], SavedFrom::Body("/id".into()));
    let CheckAction::Http(read) = &checks[1].action else {
        panic!()
    };
    assert_eq!(read.url.to_string(), "http://localhost:{port}/{id}");
    let too_early = text.replace("save = { id = \"/id\" }\n", "");
    assert_eq!(parse_text(too_early).unwrap_err().problems().len(), 3);
}

#[test]
fn a_websocket_check_may_request_a_subprotocol() {
    let service = web(
        "check = [{ name = \"a\", websocket = { url = \"/ws\", protocol = \"graphql-ws\" }, every = \"1m\" }]",
    );
    let check = &service.checks[0];
    assert_eq!(
        (check.timeout, check.every),
        (Duration::from_secs(5), Some(Duration::from_mins(1)))
    );
    let CheckAction::WebSocket { url, protocol } = &check.action else {
        panic!()
    };
    assert_eq!(
        (url.to_string().as_str(), protocol.as_deref()),
        ("ws://localhost:{port}/ws", Some("graphql-ws"))
    );
}

#[test]
fn a_service_sets_keep_and_port_conflict() {
    let text =
        "[service.a]\ncommand = \"a\"\nkeep = [\"adb\", \"agent\"]\nport_conflict = \"force\"\n";
    let read = stack(text);
    assert_eq!(read.services[0].keep, ["adb", "agent"]);
    assert_eq!(read.services[0].port_conflict, PortConflict::Force);
}

#[test]
fn two_external_services_may_share_a_port() {
    let text =
        "[service.a]\nexternal = true\nport = 5432\n[service.b]\nexternal = true\nport = 5432\n";
    assert!(
        stack(text)
            .services
            .iter()
            .all(|service| service.is_external())
    );
    assert!(parse_text(text.replacen("external = true", "command = \"a\"", 1)).is_err());
}

#[test]
fn editors_may_name_the_schema() {
    assert!(
        parse_text("\"$schema\" = \"./pilotlight.schema.json\"\nservice.a.command = \"a\"").is_ok()
    );
}

#[test]
fn byte_order_marks_and_crlf_do_not_matter() {
    let windows = format!("\u{feff}{}", DESIGN.replace('\n', "\r\n"));
    assert_eq!(stack(&windows), stack(DESIGN));
}
