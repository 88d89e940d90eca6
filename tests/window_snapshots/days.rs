//! The days of a stack: the states that the window must show.

use std::{fmt::Write as _, time::Duration};

use pilotlight::{
    diagnose::evidence::{
        Place, PointsAt,
        check::{
            CheckFault, CheckOutcome, CorsFault, CorsRule, Exchange, RedactedError, Stage as Part,
        },
        log::{Ecosystem, LogErrorKind, Unreachable, UnreachableWhy},
    },
    model::{
        effect::Report,
        facts::{Exit, Holder, PortFault, ProbeFault, ProbeFaultKind, Process, Protected},
        stack::Event,
    },
    stack::Port,
};

use crate::{
    Evening,
    evidence::{line, logged, service},
    stage::Stage,
};

type Day = fn() -> Evening;

pub(crate) const ALL: &[(&str, Day)] = &[
    ("stopped", stopped),
    ("starting", starting),
    ("green", green),
    ("stopping", stopping),
    ("redis-died", redis_died),
    ("port-taken", port_taken),
    ("crash-loop", crash_loop),
    ("backoff", backoff),
    ("module-missing", module_missing),
    ("frontend-misdirected", frontend_misdirected),
    ("hung", hung),
    ("several", several),
    ("port-was-freed", port_was_freed),
    ("long-names", long_names),
    ("fifty", fifty),
    ("two-stacks", two_stacks),
];

const FILE: &str = "/home/anna/nexus/pilotlight.toml";
const NEXUS: &str = include_str!("../../examples/nexus/pilotlight.toml");

fn one(mut stage: Stage) -> Evening {
    Evening {
        stacks: vec![stage.view()],
        at: stage.now(),
    }
}

fn stopped() -> Evening {
    one(Stage::of(FILE, NEXUS))
}

fn starting() -> Evening {
    let mut stage = Stage::of(FILE, NEXUS);
    stage.ask(Event::Up(Vec::new()));
    stage.make_ready("redis");
    stage.launch("backend", Vec::new());
    stage.wait(Duration::from_secs(3));
    one(stage)
}

fn green() -> Evening {
    one(Stage::up(FILE, NEXUS))
}

fn stopping() -> Evening {
    let mut stage = Stage::up(FILE, NEXUS);
    stage.ask(Event::Down(Vec::new()));
    stage.stopped("frontend");
    one(stage)
}

/// Redis is killed, and a browser would report a CORS error.
fn redis_died() -> Evening {
    let mut stage = without_redis();
    stage.diagnose(|evidence| {
        let backend = service(evidence, "backend");
        cannot_reach_redis(backend);
        fail(backend, "create a session", masked());
    });
    one(stage)
}

fn without_redis() -> Stage {
    let text = NEXUS.replace(
        "[service.redis]\n",
        "[service.redis]\nrestart = \"never\"\n",
    );
    let mut stage = Stage::up(FILE, &text);
    stage.end("redis", Exit::Signal(9), None);
    let status = ProbeFaultKind::Status {
        status: 500,
        body: "Internal Server Error".to_owned(),
    };
    fail_check(
        &mut stage,
        "create a session",
        "POST",
        "/v1/sessions/",
        status,
    );
    stage
}

fn fail_check(stage: &mut Stage, check: &str, method: &str, path: &str, kind: ProbeFaultKind) {
    let target = format!("{method} http://localhost:8001{path}");
    let fault = ProbeFault { target, kind };
    stage.report("backend", Report::Checked(vec![(check.to_owned(), fault)]));
}

fn fail(
    backend: &mut pilotlight::diagnose::evidence::ServiceEvidence,
    name: &str,
    fault: CheckFault,
) {
    let mut checks = backend.checks.iter_mut();
    if let Some(check) = checks.find(|check| check.name == name) {
        check.exchanges = vec![Exchange {
            stage: Part::Request,
            method: "POST".to_owned(),
            url: "http://localhost:8001/v1/sessions/".to_owned(),
            command: "curl -i -X POST http://localhost:8001/v1/sessions/".to_owned(),
            status: Some(500),
            headers: vec![("server".to_owned(), "uvicorn".to_owned())],
            head: None,
            took: Duration::from_millis(3),
        }];
        check.outcome = CheckOutcome::Failed(fault);
    }
}

fn masked() -> CheckFault {
    CheckFault::Redacted(RedactedError {
        status: 500,
        body: "Internal Server Error".to_owned(),
        preflighted: true,
    })
}

fn cannot_reach_redis(backend: &mut pilotlight::diagnose::evidence::ServiceEvidence) {
    let text = "redis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:6379. \
                Connection refused.";
    logged(backend, LogErrorKind::Unreachable, text);
    backend.log.unreachable.push(Unreachable {
        host: "127.0.0.1".to_owned(),
        port: Port::new(6379),
        why: UnreachableWhy::Refused,
        line: line(text),
        times: 3,
    });
}

fn other_program(name: &str, command_line: &str, port: u16) -> Holder {
    Holder {
        process: Process {
            pid: 31_337,
            started: 1,
        },
        name: name.to_owned(),
        command_line: Some(command_line.to_owned()),
        user: Some("anna".to_owned()),
        folder: None,
        since: None,
        addresses: vec![([127, 0, 0, 1], port).into()],
        mark: None,
    }
}

fn port_taken() -> Evening {
    let text = NEXUS.replace("mode = \"development\"", "mode = \"production\"");
    let mut stage = Stage::of(FILE, &text);
    stage.ask(Event::Up(Vec::new()));
    stage.make_ready("redis");
    let holder = || {
        other_program(
            "node",
            "node /home/anna/old-api/server.js --port 8001",
            8001,
        )
    };
    let taken = || PortFault::Taken {
        holder: Some(Box::new(holder())),
        protected: Some(Protected::Production),
    };
    stage.port_is_taken("backend", taken());
    stage.diagnose(|evidence| {
        let backend = service(evidence, "backend");
        backend.holders = vec![holder()];
        backend.port_fault = Some(taken());
    });
    one(stage)
}

const NO_KEY: &str = "KeyError: 'OPENAI_API_KEY'";

fn crash_loop() -> Evening {
    let mut stage = Stage::of(FILE, NEXUS);
    stage.ask(Event::Up(Vec::new()));
    stage.make_ready("redis");
    stage.keep_ending("backend", Exit::Code(1), NO_KEY);
    stage.diagnose(|evidence| logged(service(evidence, "backend"), LogErrorKind::Other, NO_KEY));
    one(stage)
}

fn backoff() -> Evening {
    let mut stage = Stage::of(FILE, NEXUS);
    stage.ask(Event::Up(Vec::new()));
    stage.make_ready("redis");
    stage.launch("backend", Vec::new());
    stage.end("backend", Exit::Code(1), Some(NO_KEY));
    one(stage)
}

fn module_missing() -> Evening {
    let text = NEXUS.replace(
        "[service.backend]\n",
        "[service.backend]\nrestart = \"never\"\n",
    );
    let mut stage = Stage::of(FILE, &text);
    stage.ask(Event::Up(Vec::new()));
    stage.make_ready("redis");
    let said = "ModuleNotFoundError: No module named 'fastapi'";
    stage.launch("backend", Vec::new());
    stage.end("backend", Exit::Code(1), Some(said));
    stage.diagnose(|evidence| {
        let backend = service(evidence, "backend");
        let kind = LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Python,
            name: "fastapi".to_owned(),
            own: false,
        };
        logged(backend, kind, said);
        backend.project.manifests = vec!["/home/anna/nexus/backend/requirements.txt".into()];
        backend.project.python = Some("/home/anna/nexus/backend/.venv/bin/python".into());
    });
    one(stage)
}

/// A problem whose remedy changes the stack file.
fn frontend_misdirected() -> Evening {
    let wrong = "env = { VITE_API_URL = \"http://localhost:8000\" }";
    let text = NEXUS.replace("env_points_at", &format!("{wrong}\nenv_points_at"));
    let at = text.lines().position(|line| line == wrong);
    let mut stage = Stage::up(FILE, &text);
    // No service has failed, but a check of the backend has, which causes the diagnosis.
    let status = ProbeFaultKind::Status {
        status: 403,
        body: "Forbidden".to_owned(),
    };
    fail_check(
        &mut stage,
        "create a session",
        "POST",
        "/v1/sessions/",
        status,
    );
    stage.diagnose(|evidence| {
        fail(
            service(evidence, "backend"),
            "create a session",
            wrong_origin(),
        );
        service(evidence, "frontend").points_at = vec![PointsAt {
            variable: "VITE_API_URL".to_owned(),
            service: Some("backend".into()),
            scheme: Some("http".into()),
            place: at.map(|at| Place {
                file: FILE.into(),
                line: at + 1,
            }),
            target: Some(("localhost".to_owned(), 8000)),
            changed_since_start: false,
        }];
    });
    one(stage)
}

fn wrong_origin() -> CheckFault {
    CheckFault::Cors(Box::new(CorsFault {
        stage: Part::Preflight,
        url: "http://localhost:8001/v1/sessions/".to_owned(),
        status: 200,
        rule: CorsRule::Origin {
            allowed: Some("http://localhost:3000".to_owned()),
        },
        came: Some("Access-Control-Allow-Origin: http://localhost:3000".to_owned()),
        right: Some("Access-Control-Allow-Origin: http://localhost:5173".to_owned()),
        body: String::new(),
    }))
}

fn hung() -> Evening {
    let mut stage = Stage::up(FILE, NEXUS);
    let silent = ProbeFault {
        target: "GET http://localhost:8001/v1/health".to_owned(),
        kind: ProbeFaultKind::TimedOut { connected: true },
    };
    stage.fail_rounds("backend", &silent);
    stage.diagnose(|evidence| {
        for probe in &mut service(evidence, "backend").probes {
            probe.result = Err(silent.clone());
            probe.took = Duration::from_secs(5);
        }
    });
    one(stage)
}

fn several() -> Evening {
    let mut stage = without_redis();
    for _ in 0..2 {
        stage.end(
            "frontend",
            Exit::Code(1),
            Some("Error: Cannot find module 'vite'"),
        );
    }
    stage.keep_ending(
        "frontend",
        Exit::Code(1),
        "Error: Cannot find module 'vite'",
    );
    stage.diagnose(|evidence| {
        let backend = service(evidence, "backend");
        cannot_reach_redis(backend);
        fail(backend, "create a session", masked());
        let frontend = service(evidence, "frontend");
        let kind = LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Node,
            name: "vite".to_owned(),
            own: false,
        };
        logged(frontend, kind, "Error: Cannot find module 'vite'");
        frontend.project.manifests = vec![
            "/home/anna/nexus/frontend/package-lock.json".into(),
            "/home/anna/nexus/frontend/package.json".into(),
        ];
    });
    one(stage)
}

/// A leftover used the port and was stopped.
fn port_was_freed() -> Evening {
    let mut stage = Stage::of(FILE, NEXUS);
    stage.ask(Event::Up(Vec::new()));
    stage.make_ready("redis");
    let leftover = "python -m uvicorn main:app --port 8001";
    stage.launch("backend", vec![other_program("python3.11", leftover, 8001)]);
    stage.report("backend", Report::Round(Ok(Duration::from_millis(2))));
    stage.make_ready("frontend");
    stage.wait(Duration::from_secs(40));
    one(stage)
}

const GATEWAY: &str = "gateway-of-the-integration-of-customers-that-is-hard-to-spell";

fn long_names() -> Evening {
    let text = r#"
        name = "customer-relationship-and-notification-platform-integration"

        [service.customer-relationship-notification-dispatcher-worker]
        command = "dispatcher --port {port}"
        port = 49152
        links = { "the interactive documentation of every public route" = "http://localhost:{port}/docs" }

        [service.gateway-of-the-integration-of-customers-that-is-hard-to-spell]
        command = "gateway"
        restart = "never"
        needs = ["customer-relationship-notification-dispatcher-worker"]
    "#;
    let file = "/home/anna/projects/customers/a folder with spaces/and-a-rather-long-name-of-its-own/\
                pilotlight.toml";
    let mut stage = Stage::up(file, text);
    let said = "thread 'main' panicked at src/transport/connection_pool/reconnection_policy.rs:1184:37: \
                called `Result::unwrap()` on an `Err` value: ConnectionRefusedByUpstreamGateway";
    stage.end(GATEWAY, Exit::Code(101), Some(said));
    stage.diagnose(|evidence| {
        let gateway = service(evidence, GATEWAY);
        logged(gateway, LogErrorKind::Other, said);
    });
    one(stage)
}

fn fifty() -> Evening {
    let mut text = "name = \"everything\"\n".to_owned();
    for n in 1..=50 {
        let _ = write!(
            text,
            "[service.part-{n:02}]\ncommand = \"part\"\nport = {}\nrestart = \"never\"\n",
            9000 + n
        );
        if n > 5 {
            let _ = writeln!(text, "needs = [\"part-{:02}\"]", n / 5);
        }
    }
    let mut stage = Stage::up("/home/anna/everything/pilotlight.toml", &text);
    stage.end("part-37", Exit::Code(3), Some("Error: disk quota exceeded"));
    stage.diagnose(|evidence| {
        let part = service(evidence, "part-37");
        logged(part, LogErrorKind::Other, "Error: disk quota exceeded");
    });
    one(stage)
}

fn two_stacks() -> Evening {
    let text = r#"
        name = "billing"

        [service.database]
        external = true
        ready = { tcp = "10.0.0.7:5432" }

        [service.invoices]
        command = "invoices"
        port = 7001
        needs = ["database"]

        [service.mails]
        command = "mails"
        needs = ["invoices"]
    "#;
    let mut billing = Stage::up("/home/anna/billing/pilotlight.toml", text);
    billing.ask(Event::Down(vec!["mails".into()]));
    billing.stopped("mails");
    let mut all = redis_died();
    all.stacks.push(billing.view());
    all
}
