//! Properties of the diagnosis for any evidence.

use proptest::prelude::*;

use super::*;
use crate::{
    diagnose::evidence::{
        OtherDaemon, PointsAt,
        check::{CorsFault, CorsRule, Refuser, WebSocketFault},
        log::Ecosystem,
    },
    model::facts::{LaunchFault, PortFault},
};

const SERVICES: [&str; 3] = ["redis", "backend", "frontend"];

/// A fault of a service, or something that only looks like one.
#[derive(Clone, Debug)]
enum Change {
    Kill,
    FailToStart,
    Stop,
    Phase(PhaseName),
    Probes(ProbeFaultKind),
    Check(CheckFault),
    Error(LogErrorKind),
    CannotReach(&'static str, u16),
    Listens(&'static str, u16),
    Nowhere,
    Holder(&'static str, u16),
    Requirement,
    Port,
    PointsAt(u16),
    Late,
}

fn phase() -> impl Strategy<Value = PhaseName> {
    prop::sample::select(vec![
        PhaseName::Stopped,
        PhaseName::Claiming,
        PhaseName::Starting,
        PhaseName::Ready,
        PhaseName::Unhealthy,
        PhaseName::Stopping,
        PhaseName::Backoff,
        PhaseName::Blocked,
        PhaseName::Failed,
    ])
}

fn probe_fault() -> impl Strategy<Value = ProbeFaultKind> {
    prop::sample::select(vec![
        ProbeFaultKind::Refused,
        ProbeFaultKind::Unreachable("no route".into()),
        ProbeFaultKind::TimedOut { connected: true },
        ProbeFaultKind::Reset,
        ProbeFaultKind::Empty,
        ProbeFaultKind::Protocol("not HTTP".into()),
        status(404),
        status(401),
        status(500),
        ProbeFaultKind::Body("degraded".into()),
        ProbeFaultKind::Redis {
            code: "NOAUTH".into(),
            message: "NOAUTH".into(),
        },
        ProbeFaultKind::NotRedis("HTTP".into()),
        ProbeFaultKind::WebSocketRefused(403),
        ProbeFaultKind::LogUnmatched,
    ])
}

fn check_fault() -> impl Strategy<Value = CheckFault> {
    let cors = |rule| {
        CheckFault::Cors(Box::new(CorsFault {
            stage: Stage::Request,
            url: "http://localhost:8001/".into(),
            status: 500,
            rule,
            came: None,
            right: None,
            body: String::new(),
        }))
    };
    prop_oneof![
        probe_fault().prop_map(CheckFault::Plain),
        (400_u16..600).prop_map(masked),
        prop::sample::select(vec![
            cors(CorsRule::Missing),
            cors(CorsRule::Origin { allowed: None }),
            cors(CorsRule::Status),
            CheckFault::WebSocket(WebSocketFault {
                status: 403,
                by: Refuser::AuthOrNoRoute,
                body: String::new(),
                server: None,
            }),
        ]),
    ]
}

fn error_kind() -> impl Strategy<Value = LogErrorKind> {
    prop::sample::select(vec![
        LogErrorKind::AddressInUse { port: None },
        LogErrorKind::PortMoved {
            from: None,
            to: None,
        },
        LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Node,
            name: "é".into(),
            own: false,
        },
        LogErrorKind::ProgramMissing {
            name: "vite".into(),
        },
        LogErrorKind::Unreachable,
        LogErrorKind::LoginRefused,
        LogErrorKind::DiskFull,
        LogErrorKind::Other,
    ])
}

fn host() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["127.0.0.1", "::1", "0.0.0.0", "::", "127.0.0.2"])
}

fn port() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![1, 5173, 5174, 5432, 6379, 8001, u16::MAX])
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Kill),
        Just(Change::FailToStart),
        Just(Change::Stop),
        phase().prop_map(Change::Phase),
        probe_fault().prop_map(Change::Probes),
        check_fault().prop_map(Change::Check),
        error_kind().prop_map(Change::Error),
        (host(), port()).prop_map(|(host, port)| Change::CannotReach(host, port)),
        (host(), port()).prop_map(|(host, port)| Change::Listens(host, port)),
        Just(Change::Nowhere),
        (host(), port()).prop_map(|(host, port)| Change::Holder(host, port)),
        Just(Change::Requirement),
        Just(Change::Port),
        port().prop_map(Change::PointsAt),
        Just(Change::Late),
    ]
}

fn apply(is: &mut ServiceEvidence, change: Change) {
    match change {
        Change::Kill => kill(is),
        Change::FailToStart => fail_to_start(is),
        Change::Stop => stop(is),
        Change::Phase(phase) => is.phase = phase,
        Change::Probes(kind) => fail_probes(is, &kind),
        Change::Check(fault) => {
            for check in &mut is.checks {
                check.outcome = CheckOutcome::Failed(fault.clone());
            }
        }
        Change::Error(kind) => log_error(is, kind, "Error: READONLY timeout redis é"),
        Change::CannotReach(host, port) => cannot_reach(is, host, port),
        Change::Listens(host, port) => is.listens = vec![address(host, port)],
        Change::Nowhere => is.listens.clear(),
        Change::Holder(host, port) => {
            is.holders = vec![holder("node", "node server.js", host, port)];
        }
        Change::Requirement => {
            is.requirement = Some(LaunchFault::Other {
                message: "no".into(),
            });
        }
        Change::Port => {
            is.port_fault = Some(PortFault::Lingering {
                message: "no".into(),
            });
        }
        Change::PointsAt(port) => {
            is.points_at = vec![PointsAt {
                variable: "API".into(),
                service: Some("backend".into()),
                scheme: Some("http".into()),
                place: None,
                target: Some(("localhost".into(), port)),
                changed_since_start: false,
            }];
        }
        Change::Late => {
            for probe in &mut is.probes {
                probe.took = Duration::from_secs(9);
            }
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let changes = prop::collection::vec((0..SERVICES.len(), change()), 0..8);
    (changes, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(changes, kept, has_text, elsewhere)| {
            let mut case = well(NEXUS);
            case.0.kept = kept;
            if !has_text {
                case.0.stack_text = None;
            }
            if elsewhere && !kept {
                case.0.other_daemon = Some(OtherDaemon {
                    pid: None,
                    detail: String::new(),
                });
            }
            for (service, change) in changes {
                apply(case.service(SERVICES[service]), change);
            }
            case
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The diagnosis never panics, every finding can be verified and has a fix, and the order of
    /// the evidence does not matter.
    #[test]
    fn for_any_evidence_its_order_does_not_matter(case in case(), turn in 0_usize..3) {
        let findings = case.findings();
        let mut turned = case.clone();
        turned.0.services.rotate_left(turn);
        turned.0.services.reverse();
        prop_assert_eq!(&findings, &turned.findings());
    }

    /// A symptom of a root cause is not a separate finding, and nothing is reported twice.
    #[test]
    fn a_symptom_is_never_a_separate_finding(case in case()) {
        let findings = case.findings();
        let mut told: Vec<_> = Vec::new();
        for finding in &findings {
            prop_assert_ne!(finding.code, Code::CorsMaskedError);
            for symptom in &finding.symptoms {
                let elsewhere = findings.iter().any(|other| {
                    other != finding && other.title == symptom.text && other.code == symptom.code && other.service == symptom.service
                });
                prop_assert!(!elsewhere, "{:#?}", findings);
                prop_assert!(!told.contains(&symptom), "{:#?}", findings);
                told.push(symptom);
            }
        }
    }

    /// A stack with passing probes and checks at its own sockets is healthy, regardless of its logs and of
    /// other listening processes.
    #[test]
    fn a_stack_whose_probes_and_checks_pass_has_no_findings(
        errors in prop::collection::vec((0..SERVICES.len(), error_kind(), host(), port()), 0..6),
        stopped in any::<bool>(),
    ) {
        let mut case = well(NEXUS);
        for (service, kind, host, port) in errors {
            // A log that reports that the service itself moved, or could not listen, is believed.
            let is = case.service(SERVICES[service]);
            cannot_reach(is, host, port);
            log_error(is, kind, "Error: whatever READONLY");
        }
        if stopped {
            stop(case.service("frontend"));
        }
        prop_assert_eq!(case.says(), Vec::<String>::new());
    }
}
