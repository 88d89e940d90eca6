//! The output for made-up stacks, as `insta` snapshots.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pilotlight::{
    effects::log::Line,
    model::{
        facts::{Exit, RunId},
        finding::{Code, Finding, Remedy, Symptom},
        view::{Light, PhaseName, ServiceView, Snapshot, StackView},
    },
    stack::{Mode, Port},
};

use super::{Look, card, frame::Picture, plain, report, table};
use crate::paint::Signs;

const UNICODE: Look = Look {
    signs: Signs::Unicode,
    width: Some(100),
};

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn ago(milliseconds: i64) -> Option<Timestamp> {
    let ago = SignedDuration::from_millis(milliseconds);
    now().checked_sub(ago).ok()
}

fn service(name: &str, phase: PhaseName, light: Light) -> ServiceView {
    ServiceView {
        name: name.into(),
        phase,
        light,
        pid: None,
        port: None,
        ports: std::collections::BTreeMap::new(),
        container: None,
        since: ago(3_400),
        restarts: 0,
        latency_ms: None,
        cpu_percent: None,
        memory_bytes: None,
        waiting_for: Vec::new(),
        last_exit: None,
        adopted: false,
        external: false,
        task: false,
        next_run: None,
        run: Some(RunId(3)),
        started: None,
        needs: Vec::new(),
        links: [].into(),
        finding: None,
        note: None,
    }
}

fn redis() -> ServiceView {
    ServiceView {
        pid: Some(4242),
        port: Port::new(6379),
        started: ago(724_240),
        since: ago(724_000),
        latency_ms: Some(0.31),
        cpu_percent: Some(0.1),
        memory_bytes: Some(7 << 20),
        note: Some("stopped node (PID 31), which used port 6379".into()),
        ..service("redis", PhaseName::Ready, Light::Green)
    }
}

fn backend() -> ServiceView {
    let finding = Finding {
        code: Code::StartupError,
        service: "backend".into(),
        title: "backend exited with code 1 before it was ready".into(),
        since: None,
        evidence: vec!["last log line: ModuleNotFoundError: No module named 'fastapi'".into()],
        symptoms: vec![Symptom {
            service: "frontend".into(),
            check: None,
            code: Code::NotRunning,
            text: "waiting for backend".into(),
        }],
        remedy: Remedy {
            text: "install it: `pip install fastapi`".into(),
            action: None,
        },
    };
    ServiceView {
        port: Port::new(8001),
        restarts: 4,
        last_exit: Some(Exit::Code(1)),
        finding: Some(Arc::new(finding)),
        ..service("backend", PhaseName::Failed, Light::Red)
    }
}

fn frontend() -> ServiceView {
    ServiceView {
        port: Port::new(5173),
        waiting_for: vec!["backend".into()],
        ..service("frontend", PhaseName::Stopped, Light::Amber)
    }
}

fn worker() -> ServiceView {
    ServiceView {
        pid: Some(4250),
        started: ago(3_400),
        ..service("worker", PhaseName::Starting, Light::Amber)
    }
}

fn billing() -> ServiceView {
    ServiceView {
        external: true,
        latency_ms: Some(41.7),
        ..service("billing", PhaseName::Ready, Light::Green)
    }
}

fn stack(services: Vec<ServiceView>) -> StackView {
    StackView {
        name: "nexus".into(),
        file: "/srv/nexus/pilotlight.toml".into(),
        mode: Mode::Production,
        light: services
            .iter()
            .map(|service| service.light)
            .max()
            .unwrap_or_default(),
        findings: services
            .iter()
            .filter_map(|service| service.finding.clone())
            .collect(),
        services: services.into_iter().map(Arc::new).collect(),
        profiles: Vec::new(),
        started_by: None,
        checkout: None,
    }
}

fn nexus() -> StackView {
    stack(vec![redis(), backend(), frontend(), worker(), billing()])
}

/// Without colours, as on a terminal that has none.
fn text(lines: &[String]) -> String {
    anstream::adapter::strip_str(&lines.join("\n")).to_string()
}

fn line(run: u64, text: &str) -> Line {
    Line {
        run: RunId(run),
        time: None,
        text: text.into(),
        continues: false,
        complete: true,
        left_out: 0,
    }
}

fn drawn(stack: StackView, width: usize, height: usize, signs: Signs) -> String {
    let said = |name: &str, run, text: &str| ((stack.file.clone(), name.into()), line(run, text));
    let logs = HashMap::from([
        said(
            "redis",
            3,
            "\u{1b}[32m12:M\u{1b}[0m 20 Nov 2026 * Ready to accept connections tcp",
        ),
        said(
            "backend",
            3,
            "ModuleNotFoundError: No module named 'fastapi'",
        ),
        said("frontend", 3, "a line of an earlier run"),
        said("worker", 2, "another one"),
    ]);
    let picture = Picture {
        logs: &logs,
        footer: "Press Ctrl-C to stop everything",
        now: now(),
        look: Look {
            signs,
            width: Some(width),
        },
        height,
    };
    let lines = picture.draw(&[Arc::new(stack)]);
    assert!(lines.len() < height, "{} lines of {height}", lines.len());
    let text = text(&lines);
    for line in text.lines() {
        assert!(
            crate::paint::width(line) < width,
            "{line:?} in {width} columns"
        );
    }
    text
}

#[test]
fn the_table_of_a_stack() {
    let snapshot = Snapshot {
        stacks: vec![Arc::new(nexus())],
    };
    insta::assert_snapshot!(text(&table(&snapshot, now(), UNICODE)));
}

#[test]
fn the_table_of_a_stack_that_is_down_has_no_empty_columns() {
    let stopped = |name: &str, exit| ServiceView {
        last_exit: exit,
        ..service(name, PhaseName::Stopped, Light::Off)
    };
    let services = vec![
        stopped("redis", Some(Exit::Signal(15))),
        stopped("backend", None),
    ];
    let snapshot = Snapshot {
        stacks: vec![Arc::new(stack(services))],
    };
    insta::assert_snapshot!(text(&table(&snapshot, now(), UNICODE)));
}

#[test]
fn the_live_view() {
    insta::assert_snapshot!(drawn(nexus(), 100, 30, Signs::Unicode));
}

#[test]
fn the_live_view_on_a_narrow_terminal_without_unicode() {
    insta::assert_snapshot!(drawn(nexus(), 60, 30, Signs::Ascii));
}

#[test]
fn the_live_view_of_many_services_shows_those_that_need_a_look() {
    let mut services: Vec<_> = (1..=40)
        .map(|number| service(&format!("s{number}"), PhaseName::Ready, Light::Green))
        .collect();
    services[30] = backend();
    services[35] = worker();
    insta::assert_snapshot!(drawn(stack(services), 80, 16, Signs::Unicode));
}

#[test]
fn the_live_view_fits_wherever_it_is_drawn() {
    for width in 1..120 {
        for height in 2..30 {
            drawn(nexus(), width, height, Signs::Unicode);
            drawn(nexus(), width, height, Signs::Ascii);
        }
    }
}

#[test]
fn a_card_shows_the_cause_the_fix_and_the_evidence() {
    let finding = backend().finding.unwrap();
    insta::assert_snapshot!(text(&card(&finding, UNICODE)));
}

#[test]
fn a_card_is_wrapped_at_words() {
    let finding = backend().finding.unwrap();
    let narrow = Look {
        signs: Signs::Unicode,
        width: Some(40),
    };
    let lines = card(&finding, narrow);
    for line in &lines {
        let line = anstream::adapter::strip_str(line).to_string();
        assert!(crate::paint::width(&line) <= 40, "{line:?}");
        assert!(!line.contains('…'), "{line:?}");
    }
    insta::assert_snapshot!(text(&lines));
}

#[test]
fn each_change_is_a_line() {
    let dark = |name: &str| service(name, PhaseName::Stopped, Light::Off);
    let before = stack(vec![
        dark("redis"),
        dark("backend"),
        dark("frontend"),
        dark("worker"),
    ]);
    let changes = plain::changes(Some(&before), &nexus(), now(), UNICODE, &mut Vec::new());
    insta::assert_snapshot!(text(&changes));
}

#[test]
fn an_unchanged_service_makes_no_line() {
    let changes = plain::changes(Some(&nexus()), &nexus(), now(), UNICODE, &mut Vec::new());
    assert_eq!(changes, [""; 0]);
}

#[test]
fn a_restart_between_two_snapshots_makes_a_line() {
    let restarted = ServiceView {
        run: Some(RunId(4)),
        ..redis()
    };
    let (old, new) = (stack(vec![redis()]), stack(vec![restarted]));
    let changes = plain::changes(Some(&old), &new, now(), UNICODE, &mut Vec::new());
    assert_eq!(text(&changes), "nexus  redis  ready in 240 ms  port 6379");
}

#[test]
fn the_report_tells_the_cause_and_draws_what_needs_what() {
    let cause = Finding {
        code: Code::Exited,
        service: "redis".into(),
        title: "redis is not running: it was killed by signal 9".into(),
        since: ago(12_000),
        evidence: vec!["nothing listens on 127.0.0.1:6379: `ss -ltnp 'sport = :6379'`".into()],
        symptoms: vec![Symptom {
            service: "backend".into(),
            check: Some("create a session".into()),
            code: Code::CorsMaskedError,
            text: "POST /v1/sessions/ answers 500\u{1b}[2J".into(),
        }],
        remedy: Remedy {
            text: "start redis".into(),
            action: Some(pilotlight::model::finding::Action::Start {
                service: "redis".into(),
            }),
        },
    };
    let mut backend = service("backend", PhaseName::Ready, Light::Amber);
    backend.needs = vec!["redis".into()];
    let redis = service("redis", PhaseName::Failed, Light::Red);
    let lines = report(
        &[cause],
        &stack(vec![redis, backend]),
        "20 ms",
        now(),
        UNICODE,
    );
    let expected = [
        "✖ redis is not running: it was killed by signal 9",
        "  redis · exited · 12 s ago",
        "    nothing listens on 127.0.0.1:6379: `ss -ltnp 'sport = :6379'`",
        "  Also causes:",
        "    backend, create a session: POST /v1/sessions/ answers 500^[[2J",
        "  → start redis",
        "    Run `pilotlight doctor --fix` to apply this fix.",
        "",
        "nexus  /srv/nexus/pilotlight.toml  production",
        "  ▲ backend check failing  → because of redis",
        "  └─ ✖ redis failed  → exited",
        "",
        "1 problem found. (checked in 20 ms)",
    ];
    assert_eq!(text(&lines), expected.join("\n"));
    let underway = report(&[], &nexus(), "20 ms", now(), UNICODE);
    assert!(text(&underway).ends_with("No problems found so far. (checked in 20 ms)"));
    let healthy = report(&[], &stack(vec![self::redis()]), "20 ms", now(), UNICODE);
    assert!(text(&healthy).ends_with("No problems found. (checked in 20 ms)"));
}
