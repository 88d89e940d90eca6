//! Problems before a service runs, and how they are reported.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "these commands create pipes and write to them; they are not services"
)]

mod support;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use pilotlight::{
    control::{Control as _, Down, Outcome, Up},
    env::Env,
    model::{
        finding::{Action, Code, Finding},
        view::{Light, PhaseName},
    },
    stack::Port,
};
use pilotlight_test_service::free_port;
use support::{Bench, Bystander, eventually, findings, http_service, lives, within};

/// Returns the only finding of a failed start.
fn finding(outcome: Outcome) -> Finding {
    match outcome {
        Outcome::Failed { mut findings, .. } if findings.len() == 1 => findings.remove(0),
        other => panic!("expected one finding: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_program_is_named_with_a_suggestion() {
    let bench = Bench::with("[service.redis]\ncommand = \"redis-servr --port 1\"\n").await;
    let finding = finding(bench.up().await);
    assert_eq!(finding.code, Code::CommandNotFound);
    assert!(finding.title.contains("redis-servr"), "{}", finding.title);
    assert!(
        finding.remedy.text.contains("redis-server"),
        "{}",
        finding.remedy.text
    );
    assert_eq!(bench.service("redis").phase, PhaseName::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_not_executable_is_distinguished_from_a_missing_one() {
    let bench = Bench::with("[service.tool]\ncommand = \"./tool\"\n").await;
    fs::write(bench.path("tool"), "#!/bin/sh\nexec sleep 1000\n").expect("a file");
    assert_eq!(finding(bench.up().await).code, Code::NotExecutable);
    fs::set_permissions(bench.path("tool"), fs::Permissions::from_mode(0o755)).expect("the mode");
    bench.must_up().await;
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_folder_is_named() {
    let bench =
        Bench::with("[service.web]\ncommand = \"sleep 1000\"\ndirectory = \"frontend\"\n").await;
    let finding = finding(bench.up().await);
    assert_eq!(finding.code, Code::DirectoryMissing);
    assert!(finding.title.contains("frontend"), "{}", finding.title);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_requirement_blocks_the_start() {
    let bench = Bench::with(
        r#"
[service.app]
command = "sleep 1000"
require = { files = ["main.py"], env = ["PILOTLIGHT_TEST_KEY"], commands = ["python3 -c 'import no_such_module'"] }
"#,
    )
    .await;
    let first = finding(bench.up().await);
    assert_eq!(first.code, Code::RequirementMissing);
    assert!(first.title.contains("main.py"), "{}", first.title);
    assert_eq!(bench.service("app").phase, PhaseName::Blocked);
    fs::write(bench.path("main.py"), "").expect("a file");
    let second = finding(bench.up().await);
    assert!(
        second.title.contains("PILOTLIGHT_TEST_KEY"),
        "{}",
        second.title
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_env_file_is_named_unless_it_is_optional() {
    let bench = Bench::with("[service.app]\ncommand = \"sleep 1000\"\nenv_file = \".env\"\n").await;
    assert_eq!(findings(&bench.up().await), [Code::EnvFileMissing]);
    bench.write("[service.app]\ncommand = \"sleep 1000\"\nenv_file = \".env?\"\n");
    bench.must_up().await;
    assert_eq!(bench.down().await, Outcome::Done);
}

/// Puts a pipe where a file was.
fn make_pipe(place: &Path) {
    drop(fs::remove_file(place));
    let made = Command::new("mkfifo").arg(place).status();
    assert!(made.expect("mkfifo").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn env_files_that_are_pipes_without_a_writer_block_no_other_service() {
    let waiting =
        |number| format!("[service.w{number}]\ncommand = \"sleep 1000\"\nenv_file = \".env\"\n");
    let stack: Vec<String> = (0..12).map(waiting).collect();
    let bench = Bench::with(&stack.concat()).await;
    make_pipe(&bench.path(".env"));
    let other = "[service.other]\ncommand = \"sleep 1000\"\n";
    bench.write(&(stack.concat() + other));
    let up = bench.up();
    let meanwhile = async {
        bench.until_phase("other", PhaseName::Ready).await;
        bench.until_phase("w0", PhaseName::Claiming).await;
        assert_eq!(bench.down().await, Outcome::Done);
    };
    let (up, ()) = within("both", async { tokio::join!(up, meanwhile) }).await;
    assert_ne!(up, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_env_file_that_is_a_pipe_with_a_writer_is_read() {
    let stack = "[service.app]\ncommand = \"sh -c 'echo \\\"got $SECRET\\\"; exec sleep 1000'\"\n\
                 env_file = \".env\"\n";
    let bench = Bench::with(stack).await;
    let pipe = bench.path(".env");
    make_pipe(&pipe);
    // A secret manager writes to each reader, and survives a reader that closes too early.
    let manager = "trap '' PIPE; while true; do echo SECRET=one 2>&- > \"$0\"; done";
    let mut manager = Command::new("sh")
        .args(["-c", manager])
        .arg(&pipe)
        .spawn()
        .expect("a writer");
    let up = bench.up().await;
    drop((manager.kill(), manager.wait()));
    assert_eq!(up, Outcome::Done);
    eventually("the line", || bench.log("app").contains("got one")).await;
    // No process writes to it any more, but a stop by a signal needs no variables.
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_env_file_is_rejected_with_the_limit() {
    let bench = Bench::with("[service.app]\ncommand = \"sleep 1000\"\nenv_file = \".env\"\n").await;
    symlink("/dev/zero", bench.path(".env")).expect("a link");
    let finding = finding(bench.up().await);
    assert_eq!(finding.code, Code::EnvFileMissing);
    assert!(
        finding.title.ends_with("cannot be read"),
        "{}",
        finding.title
    );
    assert_eq!(finding.evidence[0], "it is larger than 1 MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_another_daemon_is_never_stopped_for_its_port() {
    let port = free_port();
    let other = Bench::with(&http_service("ghost", port)).await;
    other.must_up().await;
    let ghost = other.pid("ghost");

    let bench = Bench::with(&http_service("web", port)).await;
    let blocked = finding(bench.up().await);
    assert_eq!(blocked.code, Code::PortTaken);
    assert!(
        blocked.title.contains(&ghost.to_string()),
        "{}",
        blocked.title
    );
    assert!(lives(ghost));
    assert_eq!(other.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_process_on_the_port_is_stopped_by_force_in_development_and_reported() {
    let stranger = Bystander::listening();
    let web = http_service("web", stranger.port());
    let bench = Bench::with(&format!("{web}port_conflict = \"force\"\n")).await;
    bench.must_up().await;
    let web = bench.service("web");
    let note = web.note.as_deref().expect("it is said");
    assert!(note.contains(&stranger.pid().to_string()), "{note}");
    assert!(!lives(stranger.pid()));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_process_on_the_port_is_left_alone_by_default_and_can_be_stopped_on_request() {
    let stranger = Bystander::listening();
    let bench = Bench::with(&http_service("web", stranger.port())).await;
    let finding = finding(bench.up().await);
    assert_eq!(finding.code, Code::PortTaken);
    let own = std::env::current_dir().expect("a folder");
    let said = format!("{}\n{}", finding.title, finding.evidence.join("\n"));
    for part in [
        &stranger.pid().to_string(),
        "python",
        "create_server",
        &own.display().to_string(),
        "it has been running in",
        "not a leftover of this stack",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let port = Port::new(stranger.port()).expect("a port");
    assert_eq!(finding.remedy.action, Some(Action::FreePort { port }));
    assert!(lives(stranger.pid()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_another_stack_is_named_with_an_offer_to_stop_it() {
    let port = free_port();
    let bench = Bench::with(&http_service("web", port)).await;
    bench.must_up().await;
    let web = bench.pid("web");
    let file = bench.path("other.toml");
    fs::write(
        &file,
        format!("name = \"shop\"\n{}", http_service("api", port)),
    )
    .expect("a file");
    let up = |file: &Path| Up {
        file: file.to_owned(),
        services: Vec::new(),
        environment: Env::of_this_process(),
    };
    let blocked = finding(bench.handle().up(up(&file)).await);
    assert_eq!(blocked.code, Code::PortTaken);
    assert!(
        blocked.title.contains("the service web of stack test"),
        "{}",
        blocked.title
    );
    let stop = Action::Stop {
        file: bench.file(),
        service: "web".into(),
    };
    assert_eq!(blocked.remedy.action, Some(stop));
    assert!(lives(web));
    assert_eq!(bench.down_some(&["web"]).await, Outcome::Done);
    assert_eq!(bench.handle().up(up(&file)).await, Outcome::Done);
    let everything = Down {
        file: None,
        services: Vec::new(),
        kill: false,
    };
    assert_eq!(bench.handle().down(everything).await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_process_on_the_port_is_left_alone_in_production_and_named() {
    let stranger = Bystander::listening();
    let bench = Bench::new().await;
    fs::write(
        bench.file(),
        format!(
            "name = \"test\"\nmode = \"production\"\n{}",
            http_service("web", stranger.port())
        ),
    )
    .expect("the stack file");
    let finding = finding(bench.up().await);
    assert_eq!(finding.code, Code::PortTaken);
    assert!(
        finding.title.contains("python") && finding.title.contains(&stranger.pid().to_string())
    );
    assert!(
        finding
            .evidence
            .iter()
            .any(|line| line.contains("create_server")),
        "{finding:?}"
    );
    assert_eq!(bench.service("web").light, Light::Red);
    assert!(lives(stranger.pid()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_is_never_stopped_for_its_own_port() {
    let own = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = own.local_addr().expect("an address").port();
    let bench = Bench::with(&http_service("web", port)).await;
    assert_eq!(findings(&bench.up().await), [Code::PortTaken]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unwritable_log_fails_the_start_with_the_reason() {
    let bench = Bench::with("[service.app]\ncommand = \"sleep 1000\"\n").await;
    // A file is in the place of the folder for the stack's logs.
    fs::create_dir_all(bench.home.logs()).expect("the folder of all logs");
    let folder = bench.home.logs().join(bench.home.stack_id(&bench.file()).0);
    fs::write(folder, "in the way").expect("a file");
    let finding = finding(bench.up().await);
    assert_eq!(finding.code, Code::StartupError);
    assert!(finding.title.contains("log"), "{}", finding.title);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_stack_file_is_rejected_with_its_place_and_changes_no_running_service() {
    let bench = Bench::with("[service.app]\ncommand = \"sleep 1000\"\n").await;
    bench.must_up().await;
    let pid = bench.pid("app");
    bench.write("[service.app]\ncomand = \"sleep 1000\"\n");
    let Outcome::Refused(why) = bench.up().await else {
        panic!("it was taken")
    };
    assert!(why.contains("pilotlight.toml"), "{why}");
    assert_eq!(bench.pid("app"), pid);
    assert!(lives(pid));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_services_start_and_stop_together() {
    let service = |number| format!("[service.s{number}]\ncommand = \"sleep 1000\"\n");
    let stack: Vec<String> = (0..100).map(service).collect();
    let bench = Bench::with(&stack.concat()).await;
    bench.must_up().await;
    assert_eq!(bench.marked().len(), 100);
    assert_eq!(bench.down().await, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}
