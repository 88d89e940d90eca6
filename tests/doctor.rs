//! The evidence of real stacks for a diagnosis, and automatic diagnoses.
#![cfg(unix)]

mod support;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use pilotlight::{
    control::{Control as _, Doctor, Outcome},
    diagnose::evidence::{Evidence, ServiceEvidence},
    effects::gather::{Gatherer, Patience, Subject},
    env::Env,
    host::clock,
    model::{
        facts::{LaunchFault, PortFault, ProbeFaultKind, Protected, RunId},
        finding::Finding,
        stack::StackModel,
        view::PhaseName,
    },
    stack_file,
};
use pilotlight_test_service::free_port;
use rustix::fs::{CWD, Mode, mkfifoat};
use support::{Bench, Bystander, http_service, kill, lives, within};

/// Gathers evidence from the stack file alone, as the command does if no daemon has the stack.
async fn gather(bench: &Bench) -> Evidence {
    gather_within(bench, Patience::Own).await
}

async fn gather_within(bench: &Bench, patience: Patience) -> Evidence {
    let variables = Env::of_this_process();
    let stack = stack_file::read(&bench.file(), &[], &variables).expect("a stack");
    let model = StackModel::new(Arc::new(stack), |_| RunId(1), 1, clock::now());
    let mut subject = Subject::of(&model, &bench.home, variables, |_| None);
    subject.evidence.kept = false;
    subject.read_stack_file().await;
    Gatherer::default().gather(subject, patience).await
}

fn of<'a>(evidence: &'a Evidence, name: &str) -> &'a ServiceEvidence {
    let mut services = evidence.services.iter();
    services
        .find(|service| service.name.as_str() == name)
        .expect("a service of the stack")
}

async fn doctor(bench: &Bench) -> Vec<Finding> {
    let file = bench.file();
    let asked = bench.handle().doctor(Doctor {
        file,
        within_ms: None,
    });
    within("doctor", asked).await.expect("a kept stack")
}

/// Waits until the snapshot has findings, and returns them.
async fn found(bench: &Bench) -> Vec<Arc<Finding>> {
    let mut snapshots = bench.handle().snapshot();
    let found = snapshots.wait_for(|snapshot| {
        let mut stacks = snapshot.stacks.iter();
        stacks.any(|stack| !stack.findings.is_empty())
    });
    let snapshot = within("a finding", found).await.expect("a daemon");
    snapshot.stacks[0].findings.clone()
}

async fn until_nothing_is_found(bench: &Bench) {
    let mut snapshots = bench.handle().snapshot();
    let nothing = snapshots.wait_for(|snapshot| {
        let mut stacks = snapshot.stacks.iter();
        stacks.all(|stack| stack.findings.is_empty())
    });
    drop(within("the end of it", nothing).await.expect("a daemon"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sockets_of_a_process_tree_are_found() {
    let program = pilotlight_test_service::path().display().to_string();
    let (declared, other) = (free_port(), free_port());
    let bench = Bench::with(&format!(
        r#"
[service.web]
command = ["{program}", "--listen", "127.0.0.1:{declared}", "--listen", "[::1]:{other}"]
port = {declared}

[service.parent]
command = ["sh", "-c", "{program} --listen 127.0.0.1:0 & wait"]
ready = {{ log = "listening" }}
"#
    ))
    .await;
    bench.must_up().await;
    let evidence = gather(&bench).await;
    let web = of(&evidence, "web");
    let expected: Vec<SocketAddr> = vec![
        format!("127.0.0.1:{declared}").parse().expect("an address"),
        format!("[::1]:{other}").parse().expect("an address"),
    ];
    assert_eq!(web.listens, expected);
    assert_eq!(web.holders, [], "its own socket is not foreign");
    assert_eq!(of(&evidence, "parent").listens.len(), 1, "a child's");
    assert!(
        expected
            .iter()
            .all(|address| evidence.host.listening.contains(address))
    );
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_process_on_a_port_is_found_and_left_alone() {
    let stranger = Bystander::listening();
    let port = stranger.port();
    // A connection would make the foreign process exit.
    let ready = "ready = { log = \"listening\" }";
    let bench = Bench::with(&format!(
        "[service.web]\ncommand = \"sleep 1000\"\nport = {port}\n{ready}\n"
    ))
    .await;
    let evidence = gather(&bench).await;
    let web = of(&evidence, "web");
    let pids: Vec<u32> = web
        .holders
        .iter()
        .map(|holder| holder.process.pid)
        .collect();
    assert_eq!(pids, [stranger.pid()]);
    assert!(
        matches!(&web.port_fault, Some(PortFault::Taken { holder: Some(holder), protected: Some(Protected::Stranger) })
            if holder.process.pid == stranger.pid()),
        "{:?}",
        web.port_fault
    );
    assert!(lives(stranger.pid()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn obstacles_to_a_start_are_found_without_starting_the_service() {
    let bench = Bench::with(
        r#"
[service.program]
command = "redis-servr"

[service.folder]
command = "sleep 1000"
directory = "nowhere"

[service.variables]
command = "sleep 1000"
env_file = ".env"

[service.file]
command = "sleep 1000"
require = { files = ["main.py"] }

[service.command]
command = "sleep 1000"
require = { commands = ["sh -c 'echo no such thing; exit 1'"] }

[service.fine]
command = "touch started"
"#,
    )
    .await;
    fs::write(bench.path(".env.example"), "A=1\n").expect("an example");
    let evidence = gather(&bench).await;
    let fault = |name: &str| of(&evidence, name).requirement.clone();
    assert!(matches!(
        fault("program"),
        Some(LaunchFault::CommandNotFound { near, .. }) if near.contains(&"redis-server".to_owned())
    ));
    assert!(matches!(
        fault("folder"),
        Some(LaunchFault::DirectoryMissing { .. })
    ));
    assert!(matches!(
        fault("variables"),
        Some(LaunchFault::EnvFileMissing { .. })
    ));
    let missing = |name: &str| match fault(name) {
        Some(LaunchFault::RequirementMissing { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing("file"), "the file main.py");
    assert!(missing("command").contains("no such thing"));
    assert_eq!(fault("fine"), None);
    assert!(!bench.path("started").exists());
    let examples = &of(&evidence, "variables").project.env_examples;
    assert_eq!(examples.len(), 1, "{examples:?}");
    assert!(examples[0].1.ends_with(".env.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipes_among_the_files_of_a_frontend_do_not_delay_a_diagnosis() {
    let port = free_port();
    let bench = Bench::with(&format!(
        r#"
[service.frontend]
command = "sleep 1000"
env_points_at = {{ VITE_API_URL = "backend" }}

[service.backend]
command = "sleep 1000"
env_file = ".env?"
port = {port}
"#
    ))
    .await;
    for name in [".env", ".env.local"] {
        mkfifoat(CWD, bench.path(name), Mode::RUSR | Mode::WUSR).unwrap();
    }
    let evidence = within("the evidence", gather(&bench)).await;
    assert!(matches!(
        &of(&evidence, "backend").requirement,
        Some(LaunchFault::EnvFileInvalid { message, .. }) if message.contains("pipe")
    ));
    assert_eq!(of(&evidence, "frontend").requirement, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_is_read_as_the_frontend_reads_it() {
    let frontend = r#"
env_points_at = { VITE_API_URL = "backend" }

[service.backend]
command = "sleep 1000"
port = 8001
"#;
    let stack = |words: &str| format!("[service.frontend]\ncommand = \"sleep {words}\"{frontend}");
    let bench = Bench::with(&stack("1000")).await;
    let points = async || {
        let evidence = gather(&bench).await;
        let points = of(&evidence, "frontend").points_at[0].clone();
        let place = points.place.map(|place| {
            let name = place.file.file_name().expect("a name").to_owned();
            (name.to_string_lossy().into_owned(), place.line)
        });
        (place, points.target.map(|(_, port)| port))
    };
    assert_eq!(points().await, (None, None));
    let write = |name: &str, text: &str| fs::write(bench.path(name), text).expect("a file");
    write(".env", "# here\nVITE_API_URL=http://localhost:1\n");
    assert_eq!(points().await, (Some((".env".into(), 2)), Some(1)));
    write(".env.local", "VITE_API_URL=http://localhost:2\n");
    write(
        ".env.development",
        "VITE_API_URL=\"http://localhost:3/api\"\n",
    );
    assert_eq!(
        points().await,
        (Some((".env.development".into(), 1)), Some(3))
    );
    bench.write(&stack("1000 --mode staging"));
    assert_eq!(points().await, (Some((".env.local".into(), 1)), Some(2)));
    bench.write(&stack("1000").replace(
        "env_points_at",
        "env = { VITE_API_URL = \"http://localhost:{backend.port}\" }\nenv_points_at",
    ));
    assert_eq!(
        points().await,
        (Some(("pilotlight.toml".into(), 4)), Some(8001))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_service_does_not_delay_the_doctor() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let bench = Bench::with(&format!(
        r#"
[service.hangs]
external = true
port = {port}

[service.hangs.ready]
http = {{ url = "http://127.0.0.1:{port}/" }}
timeout = "1h"

[[service.hangs.check]]
name = "ask"
http = {{ url = "http://127.0.0.1:{port}/" }}
timeout = "1h"

[service.slow]
command = "sleep 1000"
require = {{ commands = ["sleep 1000"] }}
"#
    ))
    .await;
    let limit = Patience::Within(Duration::from_secs(2));
    let evidence = within("the evidence", gather_within(&bench, limit)).await;
    let hangs = of(&evidence, "hangs");
    let fault = hangs.probes[0].result.as_ref().expect_err("no answer");
    assert_eq!(fault.kind, ProbeFaultKind::TimedOut { connected: true });
    assert_eq!(hangs.checks.len(), 1);
    assert_eq!(of(&evidence, "slow").requirement, None, "it is unknown");
    assert!(
        evidence
            .host
            .memory_available
            .is_some_and(|bytes| bytes > 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_stack_has_no_findings() {
    let bench = Bench::with(&http_service("web", free_port())).await;
    bench.must_up().await;
    assert_eq!(doctor(&bench).await, []);
    let nowhere = Doctor {
        file: "/nowhere/pilotlight.toml".into(),
        within_ms: None,
    };
    assert_eq!(bench.handle().doctor(nowhere).await, None);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_diagnosed_automatically() {
    let stack = http_service("web", free_port()) + "restart = \"never\"\n";
    let bench = Bench::with(&stack).await;
    bench.must_up().await;
    kill(bench.pid("web"));
    bench.until_phase("web", PhaseName::Failed).await;
    let findings = found(&bench).await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].service.as_str(), "web");
    assert_eq!(bench.service("web").finding, Some(findings[0].clone()));
    assert_eq!(doctor(&bench).await[0].code, findings[0].code);

    bench.must_up().await;
    until_nothing_is_found(&bench).await;
    assert_eq!(bench.service("web").finding, None);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_disappear_when_the_stack_is_stopped() {
    let stack = http_service("web", free_port()) + "restart = \"never\"\n";
    let bench = Bench::with(&stack).await;
    bench.must_up().await;
    kill(bench.pid("web"));
    found(&bench).await;
    assert_eq!(bench.down().await, Outcome::Done);
    until_nothing_is_found(&bench).await;
    assert_eq!(bench.service("web").finding, None);
}
