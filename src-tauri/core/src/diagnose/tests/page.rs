//! Verifies that `docs/diagnosis.md` shows the actual output of the rules: one example of each
//! code.

use std::{fs, sync::Arc};

use super::*;
use crate::{
    diagnose::evidence::{
        OtherDaemon, Place, PointsAt, VersionEvidence,
        check::{CorsFault, CorsRule, Refuser, Skipped, WebSocketFault},
        log::{Ecosystem, LogAdvice},
    },
    model::container::ContainerFault,
    model::facts::{LaunchFault, Mark, Neighbour, PortFault, Protected, Refusal, RunId, StackId},
    stack::{Protocol, Slot, Stack},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/diagnosis.md");

/// The codes of findings that the rules alone do not produce.
const NOT_OF_A_DIAGNOSIS: [&str; 3] = ["cors-masked-error", "watch-loop", "watch-incomplete"];

/// Formats a finding as the terminal does.
fn shown(case: &Case, finding: &Finding) -> String {
    let age = finding.since.map_or_else(String::new, |since| {
        let age = case.0.at.duration_since(since.into()).unwrap();
        format!(" · {} s ago", age.as_secs())
    });
    let mut lines = vec![
        format!("● {}", finding.title),
        format!("  {} · {}{age}", finding.service, name(finding.code)),
    ];
    lines.extend(finding.evidence.iter().map(|line| format!("    {line}")));
    if !finding.symptoms.is_empty() {
        lines.push("  Also causes:".into());
    }
    for symptom in &finding.symptoms {
        let check = symptom.check.iter().map(|check| format!(", {check}"));
        let place: String = [symptom.service.to_string()]
            .into_iter()
            .chain(check)
            .collect();
        lines.push(format!("    {place}: {}", symptom.text));
    }
    lines.push(format!("  → {}", finding.remedy.text));
    if finding.remedy.action.is_some() {
        lines.push("    Run `pilotlight doctor --fix` to apply this fix.".into());
    }
    lines.join("\n")
}

#[test]
fn the_page_shows_the_current_output_for_every_code() {
    if std::env::consts::OS != "linux" {
        // The commands in the evidence differ on this system.
        return;
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let mut missing = Vec::new();
    for (case, code) in examples() {
        let finding = case.finding();
        assert_eq!(name(finding.code), code);
        let example = format!("```text\n{}\n```", shown(&case, &finding));
        if !page.contains(&format!("### `{code}`\n")) || !page.contains(&example) {
            missing.push(format!("### `{code}`\n\n{example}\n"));
        }
    }
    assert!(missing.is_empty(), "to be shown:\n\n{}", missing.join("\n"));
}

#[test]
fn every_code_has_an_example_and_the_page_links_to_it() {
    let page = fs::read_to_string(PAGE).unwrap();
    let shown: Vec<&str> = examples().into_iter().map(|(_, code)| code).collect();
    let codes = all_codes();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        assert!(
            shown.contains(&code.as_str()) || NOT_OF_A_DIAGNOSIS.contains(&code.as_str()),
            "{code}"
        );
        assert!(page.contains(&format!("](#{code})")), "{code}");
    }
}

/// Returns all codes, from the error message for an unknown one.
fn all_codes() -> Vec<String> {
    let error = serde_json::from_str::<Code>("\"none\"")
        .unwrap_err()
        .to_string();
    let known = error.split("expected one of ").nth(1).unwrap();
    let known = known
        .split('`')
        .filter(|part| part.starts_with(|c: char| c.is_ascii_lowercase()));
    known
        .map(str::to_owned)
        .filter(|code| code != " at line")
        .collect()
}

fn examples() -> Vec<(Case, &'static str)> {
    let mut examples = Vec::new();
    examples.extend(not_running());
    examples.extend(not_started());
    examples.extend(at_ports());
    examples.extend(of_containers());
    examples.extend(unwell());
    examples.extend(of_redis());
    examples.extend(refused());
    examples.extend(of_cors());
    examples.extend(of_others());
    examples.extend(of_surroundings());
    examples
}

fn not_running() -> Vec<(Case, &'static str)> {
    vec![
        (
            well(NEXUS).with("redis", stop).failing(
                "backend",
                "create a session",
                CheckFault::Plain(status(500)),
            ),
            "not-running",
        ),
        (
            well(NEXUS)
                .with("redis", kill)
                .with("backend", |is| cannot_reach(is, "127.0.0.1", 6379))
                .failing("backend", "create a session", masked(500)),
            "exited",
        ),
        (
            well(NEXUS).with("backend", |is| {
                let title = "backend ended by itself, with code 0";
                end(is, Exit::Code(0), Code::SilentExit, title);
                is.log.last_line = Some(line("INFO:     Application startup complete."));
            }),
            "silent-exit",
        ),
        (
            well(NEXUS).with("backend", |is| {
                let title =
                    "backend keeps ending: 5 times within a minute, the last time with code 1";
                end(is, Exit::Code(1), Code::CrashLoop, title);
                log_error(
                    is,
                    LogErrorKind::Other,
                    "RuntimeError: the queue is not configured",
                );
            }),
            "crash-loop",
        ),
        (
            well(NEXUS).with("backend", |is| {
                kill(is);
                is.out_of_memory = Some("Out of memory: Killed process 101 (uvicorn)".into());
            }),
            "out-of-memory",
        ),
        (
            well(NEXUS).with("backend", |is| {
                fail_to_start(is);
                let variable = LogErrorKind::VariableMissing {
                    name: "DATABASE_URL".into(),
                };
                log_error(is, variable, "KeyError: 'DATABASE_URL'");
            }),
            "startup-error",
        ),
    ]
}

fn not_started() -> Vec<(Case, &'static str)> {
    let hindered = |fault| {
        well(NEXUS).with("frontend", |is| {
            gone(is, PhaseName::Failed);
            is.requirement = Some(fault);
        })
    };
    vec![
        (
            hindered(LaunchFault::CommandNotFound {
                program: "ndoe".into(),
                near: vec!["node".into()],
            }),
            "command-not-found",
        ),
        (
            hindered(LaunchFault::NotExecutable {
                path: "/project/serve.sh".into(),
            }),
            "not-executable",
        ),
        (
            hindered(LaunchFault::DirectoryMissing {
                path: "/project/web-ui".into(),
            }),
            "directory-missing",
        ),
        (
            hindered(LaunchFault::RequirementMissing {
                what: "the variable `OPENAI_API_KEY`".into(),
                detail: Some("it is not set".into()),
            }),
            "requirement-missing",
        ),
        (
            hindered(LaunchFault::EnvFileMissing {
                path: "/project/.env".into(),
            })
            .with("frontend", |is| {
                is.project.env_examples =
                    vec![("/project/.env".into(), "/project/.env.example".into())];
            }),
            "env-file-missing",
        ),
        (
            well(NEXUS).with("backend", |is| {
                fail_to_start(is);
                is.project.python = Some("/project/.venv/bin/python".into());
                is.project.manifests = vec!["/project/requirements.txt".into()];
                let module = LogErrorKind::ModuleMissing {
                    ecosystem: Ecosystem::Python,
                    name: "fastapi".into(),
                    own: false,
                };
                log_error(is, module, "ModuleNotFoundError: No module named 'fastapi'");
            }),
            "module-missing",
        ),
    ]
}

/// Returns containers that an engine does not start, and its errors.
fn of_containers() -> Vec<(Case, &'static str)> {
    let stack = NEXUS.replace(
        "command = \"redis-server --port {port}\"",
        "compose = { file = \"infra/compose.yaml\", service = \"redis\" }",
    );
    let refused = |fault| {
        well(&stack).with("redis", |is| {
            gone(is, PhaseName::Failed);
            is.requirement = Some(LaunchFault::Container(Box::new(fault)));
        })
    };
    let text = |text: &str| text.to_owned();
    let checked = stack.replace("ready = { redis = \"redis://127.0.0.1:{port}/0\" }\n", "");
    vec![
        (refused(ContainerFault::EngineMissing), "engine-missing"),
        (
            refused(ContainerFault::EngineDown {
                address: text("unix:///home/anna/.colima/default/docker.sock"),
                message: text("Connection refused (os error 111)"),
            }),
            "engine-down",
        ),
        (
            refused(ContainerFault::EngineDenied {
                address: text("unix:///var/run/docker.sock"),
            }),
            "engine-denied",
        ),
        (refused(ContainerFault::ComposeMissing), "compose-missing"),
        (
            refused(ContainerFault::ImageMissing {
                image: text("redis:77"),
                message: text("manifest for redis:77 not found: manifest unknown"),
            }),
            "image-missing",
        ),
        (
            refused(ContainerFault::NameInUse {
                name: text("shop-redis"),
            }),
            "name-in-use",
        ),
        (
            refused(ContainerFault::MountMissing {
                path: text("/project/infra/redis.conf"),
            }),
            "mount-missing",
        ),
        (
            refused(ContainerFault::Refused {
                message: text("no such service: redis"),
            }),
            "container-refused",
        ),
        (
            well(&checked).with("redis", |is| {
                is.phase = PhaseName::Unhealthy;
                let output = Some(text("MISCONF Redis is configured to save RDB snapshots"));
                let starting = false;
                fail_probes(is, &ProbeFaultKind::HealthCheck { starting, output });
            }),
            "container-unhealthy",
        ),
    ]
}

fn at_ports() -> Vec<(Case, &'static str)> {
    let blocked = |fault| {
        well(NEXUS).with("backend", |is| {
            gone(is, PhaseName::Blocked);
            is.port_fault = Some(fault);
        })
    };
    let earlier = "python3 -m uvicorn main:app --port 8001";
    let mut earlier = holder("python3", earlier, "127.0.0.1", 8001);
    earlier.folder = Some("/home/anna/other-project".into());
    let shop = Neighbour {
        mark: Mark {
            stack: StackId("shop-1".into()),
            service: "web".into(),
            run: RunId(1),
        },
        stack: Some(("shop".into(), "/home/anna/shop/pilotlight.toml".into())),
    };
    let message = || "Permission denied (os error 13)".to_owned();
    vec![
        (
            blocked(PortFault::Taken {
                holder: Some(Box::new(earlier)),
                protected: Some(Protected::Stranger),
            }),
            "port-taken",
        ),
        (
            blocked(PortFault::Taken {
                holder: None,
                protected: Some(Protected::RunningService(shop)),
            }),
            "port-taken",
        ),
        (
            blocked(PortFault::Excluded { message: message() }),
            "port-excluded",
        ),
        (
            blocked(PortFault::Lingering {
                message: "Address already in use (os error 98)".into(),
            }),
            "port-lingering",
        ),
        (
            well(NEXUS).with("frontend", |is| {
                is.phase = PhaseName::Unhealthy;
                is.listens = vec![address("127.0.0.1", 5174)];
                fail_probes(is, &ProbeFaultKind::Refused);
            }),
            "wrong-port",
        ),
        (
            well(&NEXUS.replace(
                "\"http: /v1/health\"",
                "\"http://127.0.0.1:{port}/v1/health\"",
            ))
            .with("backend", |is| {
                is.phase = PhaseName::Unhealthy;
                is.listens = vec![address("::1", 8001)];
                fail_probes(is, &ProbeFaultKind::Refused);
            }),
            "wrong-address",
        ),
        (
            well(NEXUS).with("backend", |is| {
                is.phase = PhaseName::Unhealthy;
                is.listens.clear();
                fail_probes(is, &ProbeFaultKind::Refused);
                is.log.last_line = Some(line("INFO:     Waiting for the model to load"));
            }),
            "not-listening",
        ),
        (
            well(NEXUS).with("backend", |is| {
                is.phase = PhaseName::Unhealthy;
                is.listens.clear();
                is.holders = vec![holder(
                    "python3",
                    "python3 -m http.server 8001",
                    "0.0.0.0",
                    8001,
                )];
                fail_probes(is, &status(404));
            }),
            "wrong-service",
        ),
    ]
}

fn unwell() -> Vec<(Case, &'static str)> {
    let failing = |kind: ProbeFaultKind| {
        well(NEXUS).with("backend", |is| {
            is.phase = PhaseName::Unhealthy;
            fail_probes(is, &kind);
        })
    };
    let orders = CheckFault::Plain(status(500));
    vec![
        (
            failing(ProbeFaultKind::TimedOut { connected: true })
                .with("backend", |is| is.probes[0].took = Duration::from_secs(2)),
            "hung",
        ),
        (
            well(NEXUS).with("backend", |is| {
                is.probes[0].took = Duration::from_millis(2600);
            }),
            "slow",
        ),
        (
            well(NEXUS)
                .with("backend", |is| {
                    log_error(is, LogErrorKind::Other, "KeyError: 'orders'");
                })
                .failing("backend", "create a session", orders),
            "http-status",
        ),
        (
            failing(ProbeFaultKind::Body(
                "`/status` is \"degraded\", not \"ok\"".into(),
            )),
            "unhealthy-body",
        ),
        (
            well(NEXUS)
                .with("backend", |is| {
                    let table = LogErrorKind::TableMissing {
                        name: "conversations".into(),
                    };
                    let text = "sqlite3.OperationalError: no such table: conversations";
                    log_error(is, table, text);
                })
                .failing(
                    "backend",
                    "create a session",
                    CheckFault::Plain(ProbeFaultKind::Protocol(
                        "the body is longer than its Content-Length of 8 bytes".into(),
                    )),
                ),
            "protocol-error",
        ),
    ]
}

fn of_redis() -> Vec<(Case, &'static str)> {
    let refusing = |code: &str, message: &str| {
        let kind = ProbeFaultKind::Redis {
            code: code.into(),
            message: message.into(),
        };
        well(NEXUS).with("redis", |is| fail_probes(is, &kind))
    };
    let told = |text: &str| {
        well(NEXUS)
            .with("backend", |is| log_error(is, LogErrorKind::Other, text))
            .failing("backend", "create a session", masked(500))
    };
    vec![
        (
            refusing("NOAUTH", "NOAUTH Authentication required."),
            "redis-auth",
        ),
        (
            refusing("LOADING", "LOADING Redis is loading the dataset in memory"),
            "redis-loading",
        ),
        (
            told("redis.exceptions.ReadOnlyError: You can't write against a read only replica."),
            "redis-read-only",
        ),
        (
            told(
                "redis.exceptions.ResponseError: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            ),
            "redis-write-blocked",
        ),
        (
            told(
                "redis.exceptions.OutOfMemoryError: command not allowed when used memory > 'maxmemory'.",
            ),
            "redis-out-of-memory",
        ),
        (
            well(NEXUS).with("redis", |is| {
                let what = ProbeFaultKind::NotRedis("it speaks HTTP".into());
                is.phase = PhaseName::Unhealthy;
                fail_probes(is, &what);
            }),
            "not-redis",
        ),
        (
            server(Refusal::Starting, "the database system is starting up"),
            "server-starting",
        ),
        (
            server(
                Refusal::Login,
                "password authentication failed for user \"shop\"",
            ),
            "login-refused",
        ),
        (
            server(Refusal::Other, "database \"shop\" does not exist"),
            "server-refuses",
        ),
        (server(Refusal::NotIt, "it speaks HTTP"), "wrong-server"),
    ]
}

/// Returns a backend with a PostgreSQL that does not accept clients.
fn server(refusal: Refusal, message: &str) -> Case {
    let stack = NEXUS.replace(
        "redis = \"redis://127.0.0.1:{port}/0",
        "postgres = \"postgres://shop@127.0.0.1:{port}/shop",
    );
    let stack = stack
        .replace("service.redis", "service.db")
        .replace("\"redis\"", "\"db\"");
    well(&stack).with("db", |is| {
        is.phase = PhaseName::Unhealthy;
        fail_probes(
            is,
            &ProbeFaultKind::Server {
                protocol: Protocol::Postgres,
                refusal,
                message: message.to_owned(),
            },
        );
    })
}

fn refused() -> Vec<(Case, &'static str)> {
    let websocket = |status, by| {
        CheckFault::WebSocket(WebSocketFault {
            status,
            by,
            body: String::new(),
            server: Some("uvicorn".into()),
        })
    };
    vec![
        (
            well(NEXUS)
                .failing(
                    "backend",
                    "create a session",
                    CheckFault::Plain(ProbeFaultKind::Status {
                        status: 401,
                        body: "{\"detail\":\"no token\"}".into(),
                    }),
                )
                .failing(
                    "backend",
                    "live updates",
                    websocket(403, Refuser::AuthOrNoRoute),
                ),
            "auth-required",
        ),
        (
            well(NEXUS).failing("backend", "live updates", websocket(404, Refuser::NoRoute)),
            "websocket-refused",
        ),
    ]
}

fn of_cors() -> Vec<(Case, &'static str)> {
    let page = "http://localhost:5173";
    [
        (
            CorsRule::Origin {
                allowed: Some("http://localhost:3000".into()),
            },
            Some("Access-Control-Allow-Origin: http://localhost:3000"),
            format!("Access-Control-Allow-Origin: {page}"),
            "cors-origin",
        ),
        (
            CorsRule::Method {
                method: "PUT".into(),
            },
            Some("Access-Control-Allow-Methods: GET, POST"),
            "Access-Control-Allow-Methods: PUT".into(),
            "cors-method",
        ),
        (
            CorsRule::Header {
                names: vec!["x-api-key".into()],
            },
            Some("Access-Control-Allow-Headers: content-type"),
            "Access-Control-Allow-Headers: x-api-key".into(),
            "cors-header",
        ),
        (
            CorsRule::Credentials { wildcard: true },
            Some("Access-Control-Allow-Origin: *"),
            format!("Access-Control-Allow-Origin: {page}"),
            "cors-credentials",
        ),
        (
            CorsRule::Missing,
            None,
            format!("Access-Control-Allow-Origin: {page}"),
            "cors-missing",
        ),
        (
            CorsRule::Redirect {
                location: "/v1/sessions".into(),
            },
            Some("Location: /v1/sessions"),
            String::new(),
            "cors-redirect",
        ),
    ]
    .into_iter()
    .map(|(rule, came, right, code)| {
        let status = if code == "cors-redirect" { 307 } else { 200 };
        let fault = CheckFault::Cors(Box::new(CorsFault {
            stage: Stage::Preflight,
            url: "http://localhost:8001/v1/sessions/".into(),
            status,
            rule,
            came: came.map(str::to_owned),
            right: (!right.is_empty()).then_some(right),
            body: String::new(),
        }));
        let case = well(NEXUS).with("backend", |is| is.checks[0].notes.clear());
        (case.failing("backend", "create a session", fault), code)
    })
    .collect()
}

fn of_others() -> Vec<(Case, &'static str)> {
    let mut elsewhere = never_started(NEXUS);
    elsewhere.0.other_daemon = Some(OtherDaemon {
        pid: Some(4242),
        detail: "it keeps its state under /home/anna/lab".into(),
    });
    let alone = NEXUS.replace("needs = [\"redis\"]\n", "");
    vec![
        (
            well(&alone)
                .with("backend", |is| cannot_reach(is, "127.0.0.1", 5432))
                .failing(
                    "backend",
                    "create a session",
                    CheckFault::Plain(status(500)),
                ),
            "undeclared-dependency",
        ),
        (
            well(NEXUS).with("frontend", |is| {
                is.points_at = vec![PointsAt {
                    variable: "VITE_API_URL".into(),
                    service: Some("backend".into()),
                    scheme: Some("http".into()),
                    place: Some(Place {
                        file: "/project/frontend/.env".into(),
                        line: 3,
                    }),
                    target: Some(("localhost".into(), 8000)),
                    changed_since_start: false,
                }];
            }),
            "frontend-misdirected",
        ),
        (other_checkout(), "other-checkout"),
        (shared_queue(), "shared-queue"),
        (elsewhere, "keeper-conflict"),
    ]
}

/// Returns a second worktree whose `.env` contains the declared port of the backend.
fn other_checkout() -> Case {
    let mut case = well(NEXUS).with("frontend", |is| {
        is.points_at = vec![PointsAt {
            variable: "VITE_API_URL".into(),
            service: None,
            scheme: Some("http".into()),
            place: Some(Place {
                file: "/project/frontend/.env".into(),
                line: 3,
            }),
            target: Some(("localhost".into(), 8000)),
            changed_since_start: false,
        }];
    });
    let declared = Port::new(8000).unwrap();
    let stack = in_a_slot(&mut case);
    stack.declared.insert(declared, "backend".into());
    case
}

/// Returns a second worktree with a worker whose queue is in a Redis outside the stack.
fn shared_queue() -> Case {
    let worker = "\n[service.worker]\ncommand = \"celery -A shop worker\"\nready = \"process\"\n";
    let mut case = well(&(NEXUS.to_owned() + worker)).with("worker", |is| {
        let points = |variable: &str, scheme: &str, target: &str, port: u16| PointsAt {
            variable: variable.into(),
            service: None,
            scheme: Some(scheme.into()),
            place: Some(Place {
                file: "/project/.env".into(),
                line: 2,
            }),
            target: Some((target.into(), port)),
            changed_since_start: false,
        };
        is.points_at = vec![
            points("BROKER_URL", "redis", "localhost", 6380),
            // Its own Redis, one without a connection, and a database.
            points("REDIS_URL", "redis", "localhost", 6379),
            points("CACHE_URL", "redis", "cache.example.com", 6381),
            points("DATABASE_URL", "postgres", "localhost", 5432),
        ];
        is.connections = vec![(5432, 1), (6379, 1), (6380, 2)];
    });
    in_a_slot(&mut case);
    case
}

fn in_a_slot(case: &mut Case) -> &mut Stack {
    let stack = Arc::make_mut(&mut case.0.stack);
    stack.slot = Some(Arc::new(Slot {
        label: "feature-x".into(),
        beside: Some("main".into()),
        ..Slot::default()
    }));
    stack
}

/// Returns cases with evidence around an error.
fn of_surroundings() -> Vec<(Case, &'static str)> {
    let failed = || CheckFault::Plain(status(500));
    let known = |is: &mut ServiceEvidence, text: &str| {
        log_error(is, LogErrorKind::Known, text);
        let error = is.log.last_error.as_mut().unwrap();
        error.advice = Some(Box::new(LogAdvice {
            id: "celery-task-unregistered",
            title: Some("{service} does not know the task reports.build".into()),
            remedy: "let the worker import the module of the task".into(),
            restart_helps: false,
            of_another: false,
            lookup: None,
            command: None,
        }));
    };
    let mut hurried = well(NEXUS).with("backend", |is| {
        is.checks[0].outcome = CheckOutcome::Skipped(Skipped::OutOfTime);
    });
    hurried.0.within = Some(Duration::from_secs(3));
    let worker = NEXUS.replace("needs = [\"redis\"]", "needs = [\"redis\", \"worker\"]")
        + "\n[service.worker]\ncommand = \"celery -A shop worker\"\nready = \"process\"\n";
    vec![
        (
            well(NEXUS).with("frontend", |is| {
                fail_to_start(is);
                is.project.versions = vec![VersionEvidence {
                    runtime: "Node.js",
                    runs: "20.11.1".into(),
                    wanted: "22".into(),
                    files: vec!["/project/.nvmrc".into()],
                }];
                let text = "SyntaxError: Unexpected token 'using'";
                log_error(is, LogErrorKind::Syntax, text);
            }),
            "wrong-runtime",
        ),
        (
            well(NEXUS)
                .with("redis", |is| is.queues = vec![("celery".into(), 3)])
                .failing("backend", "create a session", failed()),
            "no-worker",
        ),
        (
            well(&worker)
                .with("worker", |is| {
                    known(is, "Received unregistered task of type 'reports.build'.");
                })
                .failing("backend", "create a session", failed()),
            "reported-error",
        ),
        (hurried, "no-answer-yet"),
        (
            well(NEXUS)
                .with("backend", |is| {
                    is.checks[0].notes = vec![CheckNote::CookieWithheld {
                        name: "sid".into(),
                        host: "127.0.0.1".into(),
                        is_of_other_site: true,
                    }];
                    is.checks[0].host = Some("127.0.0.1".into());
                })
                .failing(
                    "backend",
                    "create a session",
                    CheckFault::Plain(status(401)),
                ),
            "cookie-not-sent",
        ),
    ]
}
