//! The errors of invalid files as users see them.

use super::*;

/// Formats the errors as a terminal does, without colours.
fn shown(text: impl AsRef<[u8]>) -> String {
    let report = parse_text(text).expect_err("this text is to be refused");
    let mut shown = String::new();
    miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut shown, &report)
        .unwrap();
    let clean: Vec<_> = shown.lines().map(str::trim_end).collect();
    clean.join("\n")
}

/// Returns a valid service with these lines added.
fn web(lines: &str) -> String {
    format!("[service.web]\ncommand = \"run\"\nport = 8000\n{lines}\n")
}

#[test]
fn an_unknown_key_is_reported_with_the_intended_one() {
    insta::assert_snapshot!(shown(
        "nme = \"nexus\"\n".to_owned()
            + &web(r#"need = ["redis"]
Env = {}
volumes = 1
ready = { htpp = "/" }
check = [{ name = "a", http = { uri = "/" } }]"#)
    ));
}

#[test]
fn a_value_of_another_type_is_reported_with_the_expected_type() {
    insta::assert_snapshot!(shown(web(r#"directory = 5
env = { DEBUG = 1 }
needs = 3
shell = "yes"
start_timeout = 5
require = []
stop = ["SIGTERM"]
env_file = [1.5]
check = { name = "a" }"#)));
}

#[test]
fn an_invalid_word_duration_or_size_is_reported_with_valid_ones() {
    insta::assert_snapshot!(shown(
        "mode = \"prod\"\n".to_owned()
            + &web(r#"restart = "onfailure"
start_timeout = "5 sec"
log = { size = "1 TB", runs = 0 }
stop = { signal = "TERM" }
ready = { failures = 0, http = { url = "/", status = 42 } }"#)
    ));
}

#[test]
fn a_port_is_a_number_from_1_to_65535() {
    insta::assert_snapshot!(shown(
        r#"service.a = { command = "a", port = 0 }
service.b = { command = "b", port = 70000 }
service.c = { command = "c", port = -1 }
service.d = { command = "d", port = 0x1_0000_0000_0000_0000 }
service.e = { command = "e", port = "80" }"#
    ));
}

#[test]
fn a_need_names_another_service_of_the_file() {
    insta::assert_snapshot!(shown(web(r#"needs = ["web", "rediss", "kafka"]
env_points_at = { API_URL = "wen" }
[service.redis]
command = "redis-server""#)));
}

#[test]
fn a_cycle_is_printed_as_a_path() {
    insta::assert_snapshot!(shown(
        r#"[service.a]
command = "a"
needs = ["b"]
[service.b]
command = "b"
needs = ["c"]
[service.c]
command = "c"
needs = { a = "started" }"#
    ));
}

#[test]
fn two_services_on_one_port_are_both_shown() {
    insta::assert_snapshot!(shown(web(
        "[service.other]\ncommand = \"other\"\nport = 8000"
    )));
}

#[test]
fn a_placeholder_must_be_known() {
    insta::assert_snapshot!(shown(web(r#"directory = "{port}"
[service.web.env]
A = "{prot}"
B = "{wen.port}"
C = "{web}"
D = "${HOMEE}"
E = "{ a"
F = "{job.port}"
G = '{"a": 1}'
H = "}"
[service.job]
command = "run --port {port}""#)));
}

#[test]
fn a_stack_has_services() {
    insta::assert_snapshot!("a_stack_without_services", shown("name = \"nexus\"\n"));
    insta::assert_snapshot!("an_empty_file", shown(""));
    insta::assert_snapshot!("an_empty_service_table", shown("[service]\n"));
}

#[test]
fn a_service_has_a_command() {
    insta::assert_snapshot!(shown(
        r#"service.a.command = ""
service.b.command = []
service.c.command = ["", "x"]
service.d = {}
service.e.command = "echo it's"
service.f = { command = ["a"], shell = true }
service.g = { command = "a\u0000" }"#
    ));
}

#[test]
fn text_that_is_not_toml_is_shown_at_the_position_of_the_error() {
    insta::assert_snapshot!(shown(
        r#"name = "nexus
[service.web]
command = run
port =
restart = "never"
restart = "always"
[service.web]
[service"#
    ));
}

#[test]
fn an_external_service_is_only_monitored() {
    insta::assert_snapshot!(shown(
        r#"[service.a]
external = true
command = "a"
needs = []
[service.b]
external = true
ready = "log: ready"
[service.c]
command = "c"
needs = { a = "started" }"#
    ));
}

#[test]
fn addresses_and_expressions_are_validated_before_use() {
    insta::assert_snapshot!(shown(web(r#"host = "a b"
links = { docs = "docs" }
[service.web.ready]
tcp = "8000"
redis = "http://localhost"
websocket = "ws"
log = "a("
http = { url = "localhost:8000", method = "GET /", headers = { "a b" = "c" } }"#)));
}

#[test]
fn a_short_form_of_ready_begins_with_a_kind() {
    insta::assert_snapshot!(shown(web("ready = \"htp: /health\"")));
}

#[test]
fn a_check_has_one_action_and_no_key_without_effect() {
    insta::assert_snapshot!(shown(web(r#"[[service.web.check]]
name = ""
http = "/{id}"
[[service.web.check]]
name = "two things"
http = "/"
redis = "redis://localhost:{port}"
[[service.web.check]]
name = "nothing"
[[service.web.check]]
name = "by no browser"
command = "true"
origin = "http://localhost:{port}/"
save = { id = "id" }
every = "0s"
[[service.web.check]]
name = "two bodies"
credentials = true
http = { url = "/", json = { a = 1 }, body = "a" }"#)));
}

#[test]
fn a_check_has_a_name_and_json_has_no_dates() {
    insta::assert_snapshot!(shown(web(r#"[[service.web.check]]
http = { url = "/", json = { since = 2026-01-09, ratio = nan } }"#)));
}

#[test]
fn names_are_valid_in_file_names() {
    insta::assert_snapshot!(shown(
        r#"name = "a/b"
[service."a.b"]
command = "a"
[service.Web]
command = "a"
[service.web]
command = "a"
env = { "A=B" = "" }"#
    ));
}

#[test]
fn a_file_that_is_not_text_is_rejected_with_the_byte() {
    insta::assert_snapshot!(shown(b"name = \"a\"\n# \xff\xfe\n"));
}

#[test]
fn no_control_sequence_is_sent_to_a_terminal() {
    for text in [
        "name = \"\u{1b}[31m\"",
        "\"\\u001b[31m\" = 1",
        "mode = \"\\u001b[31m\"",
        "[service.\"\\u001b[31m\"]\ncommand = \"a\"\nneeds = [\"\\u001b[31m\"]",
        "[service.a]\ncommand = \"{\\u001b[31m}\"\nneeds = [\"\\u001b[32m\"]",
    ] {
        let shown = shown(text);
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn a_file_beyond_the_limit_is_rejected_at_the_limit() {
    let text = "# x\n".repeat(3 << 20);
    insta::assert_snapshot!(shown(text));
}

#[test]
fn positions_count_characters_and_all_kinds_of_line_ends() {
    let report = parse_text("\u{feff}name = \"nexus\"\r\n\r\n\"ключ\".x = 1\r\n").unwrap_err();
    let [problem] = report.problems() else {
        panic!("{report:?}")
    };
    let place = problem.place().unwrap();
    assert_eq!((place.line, place.column), (3, 1));
    assert_eq!(problem.line(), Some("\"ключ\".x = 1"));

    let report = parse_text("service.a = { \"x\" = \"ü\", y = 1 }").unwrap_err();
    let columns: Vec<_> = report
        .problems()
        .iter()
        .filter_map(Problem::place)
        .collect();
    assert_eq!(columns[1].column, 26);
}

#[test]
fn a_very_long_line_is_shown_only_around_the_position() {
    let text = format!("x = \"{}\"\ny = 1", "ü".repeat(400_000));
    let shown = shown(text);
    assert!(shown.len() < 4_000, "{}", shown.len());
    assert!(shown.contains("unknown key `x`"), "{shown}");
}

#[test]
fn no_message_contains_the_value_of_a_variable() {
    let text =
        web("links = { a = \"${HOME}\" }\nready = { tcp = \"${HOME}\" }\nhost = \"${HOME}\"");
    let report = parse_text(text).unwrap_err();
    assert_eq!(report.problems().len(), 3);
    assert!(!format!("{report:?}").contains("/home/ada"), "{report:?}");
}

#[test]
fn a_file_with_many_problems_is_cut_short() {
    let text: Vec<_> = (0..1_000).map(|n| format!("key{n} = 1\n")).collect();
    let report = parse_text(text.concat()).unwrap_err();
    assert_eq!(report.problems().len(), 20);
    assert!(report.is_cut_short());
    assert_eq!(report.lines().count(), 20);
}
