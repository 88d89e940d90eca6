//! Processes that are stopped for a port, and processes that never are.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use pilotlight::{
    effects::port::{ClaimRequest, Ports, Requester, free},
    host::clock,
    model::facts::{ProgramKind, Protected},
    stack::{Mode, Port, PortConflict},
};
use tempfile::TempDir;

use super::stand::{
    Listener, PYTHON, SCRIPT, children, is_root, mark, pids, request, running, taken,
};

/// The arguments with which this program claims the port in the next argument and prints the result.
pub(crate) const CLAIMANT: [&str; 4] = [
    "--exact",
    "rules::this_program_claims_a_port_for_another_test",
    "--ignored",
    "--nocapture",
];

/// Copies this program to a place that other users can reach.
pub(crate) fn claimant(folder: &TempDir) -> PathBuf {
    let program = folder.path().join("claimant");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    program
}

#[tokio::test]
#[ignore = "other tests run it as a separate program"]
async fn this_program_claims_a_port_for_another_test() {
    let port = std::env::args()
        .next_back()
        .and_then(|port| port.parse().ok());
    let Some(port) = port.and_then(Port::new) else {
        return;
    };
    println!("{:?}", Ports::default().claim(&request(port)).await);
}

#[tokio::test]
async fn a_stubborn_holder_is_killed_after_a_second() {
    let mut listener = Listener::start("127.0.0.1", &["stubborn"]);
    let begin = clock::now().instant;
    let claimed = Ports::default()
        .claim(&request(listener.port))
        .await
        .unwrap();
    let took = begin.elapsed();
    assert_eq!(pids(&claimed.ended), [listener.pid()]);
    assert!(!listener.lives());
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn in_production_the_holder_is_only_named() {
    let mut listener = Listener::start("127.0.0.1", &["stubborn"]);
    let mut request = request(listener.port);
    request.mode = Mode::Production;
    let fault = Ports::default().claim(&request).await.unwrap_err();
    let (holder, protected) = taken(fault);
    assert_eq!(protected, Some(Protected::Production));
    assert_eq!(holder.process.pid, listener.pid());
    assert!(holder.name.starts_with("python3"));
    assert!(holder.command_line.unwrap().contains("127.0.0.1 stubborn"));
    assert!(listener.lives());
}

#[tokio::test]
async fn with_fail_the_holder_is_left_alone() {
    let mut listener = Listener::start("127.0.0.1", &[]);
    let mut request = request(listener.port);
    request.conflict = PortConflict::Fail;
    let fault = Ports::default().claim(&request).await.unwrap_err();
    assert_eq!(taken(fault).1, Some(Protected::Forbidden));
    assert!(listener.lives());
}

#[tokio::test]
async fn a_process_of_another_user_is_never_stopped() {
    if !is_root() {
        return;
    }
    let mut listener = Listener::of_another_user();
    let fault = Ports::default()
        .claim(&request(listener.port))
        .await
        .unwrap_err();
    let (holder, protected) = taken(fault);
    let nobody = || Some("nobody".to_owned());
    assert_eq!(protected, Some(Protected::OtherUser { name: nobody() }));
    assert_eq!(holder.user, nobody());
    let fault = free(listener.port, &Requester::default())
        .await
        .unwrap_err();
    assert_eq!(
        taken(fault).1,
        Some(Protected::OtherUser { name: nobody() })
    );
    assert!(listener.lives());
}

#[tokio::test]
async fn a_process_with_hidden_sockets_belongs_to_another_user() {
    if !is_root() {
        return;
    }
    let mut listener = Listener::start("127.0.0.1", &[]);
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(claimant(&folder))
        .args(CLAIMANT)
        .arg(listener.port.to_string())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let expected =
        r#"Err(Taken { holder: None, protected: Some(OtherUser { name: Some("root") }) })"#;
    assert!(output.contains(expected), "{output}");
    assert!(listener.lives());
}

#[tokio::test]
async fn the_daemon_never_stops_itself() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Port::new(listener.local_addr().unwrap().port()).unwrap();
    let fault = Ports::default().claim(&request(port)).await.unwrap_err();
    let (holder, protected) = taken(fault);
    assert_eq!(protected, Some(Protected::Control));
    assert_eq!(holder.process.pid, std::process::id());
}

#[tokio::test]
async fn parents_of_the_daemon_are_never_stopped() {
    let program = std::env::current_exe().unwrap();
    let mut run = vec!["run", program.to_str().unwrap()];
    run.extend(CLAIMANT);
    let mut parent = Listener::start("127.0.0.1", &run);
    let result = std::iter::repeat_with(|| parent.line()).find(|line| line.contains("Err("));
    let result = result.unwrap();
    assert!(result.contains("protected: Some(Ancestor)"), "{result}");
    assert!(
        result.contains(&format!("pid: {}", parent.pid())),
        "{result}"
    );
    assert!(parent.lives());
}

#[tokio::test]
async fn parents_of_the_requesting_command_are_never_stopped() {
    let mut terminal = Listener::start("127.0.0.1", &["run", "sleep"]);
    let requester = Requester::default();
    requester.callers.note(children(terminal.pid())[0]);
    let fault = free(terminal.port, &requester).await.unwrap_err();
    assert_eq!(taken(fault).1, Some(Protected::Ancestor));
    assert!(terminal.lives());
}

#[tokio::test]
async fn the_proxy_of_a_container_is_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut listener = Listener::called(folder.path(), "docker-proxy");
    let fault = Ports::default()
        .claim(&request(listener.port))
        .await
        .unwrap_err();
    assert_eq!(taken(fault).1, Some(Protected::ContainerProxy(None)));
    assert!(listener.lives());
}

#[tokio::test]
async fn a_service_of_the_daemon_is_never_stopped() {
    for mark in [mark("nexus", "frontend", 3), mark("other", "web", 1)] {
        let mut service = Listener::marked(&mark, &[]);
        let request = request(service.port);
        let mut request = request;
        request.requester.running = [mark.clone()].into_iter().collect();
        let fault = Ports::default().claim(&request).await.unwrap_err();
        let protected = Some(running(&mark));
        assert_eq!(taken(fault).1, protected);
        let fault = free(service.port, &request.requester).await.unwrap_err();
        assert_eq!(taken(fault).1, protected);
        assert!(service.lives());
    }
}

#[tokio::test]
async fn a_service_of_another_stack_is_not_stopped_for_this_one() {
    let mark = mark("other", "web", 1);
    let mut service = Listener::marked(&mark, &[]);
    let fault = Ports::default()
        .claim(&request(service.port))
        .await
        .unwrap_err();
    assert_eq!(taken(fault).1, Some(running(&mark)));
    assert!(service.lives());
    let ended = free(service.port, &Requester::default()).await.unwrap();
    assert_eq!(pids(&ended), [service.pid()]);
}

#[tokio::test]
async fn a_leftover_of_the_same_stack_is_stopped_with_its_whole_tree() {
    for conflict in [
        PortConflict::Replace,
        PortConflict::Force,
        PortConflict::Fail,
        PortConflict::Next,
    ] {
        let leftover = mark("nexus", "backend", 6);
        let mut holder = Listener::marked(&leftover, &[]);
        let mut beside = Listener::marked(&leftover, &["stubborn"]);
        let mut running = Listener::marked(&mark("nexus", "redis", 6), &[]);
        let mut request = request(holder.port);
        request.conflict = conflict;
        let claimed = Ports::default().claim(&request).await.unwrap();
        assert_eq!(claimed.port, holder.port);
        assert_eq!(pids(&claimed.ended), [holder.pid()]);
        assert!(!holder.lives());
        assert!(!beside.lives());
        assert!(running.lives());
    }
}

#[tokio::test]
async fn a_leftover_is_left_alone_in_production() {
    let mut holder = Listener::marked(&mark("nexus", "backend", 6), &[]);
    let mut request = request(holder.port);
    request.mode = Mode::Production;
    let fault = Ports::default().claim(&request).await.unwrap_err();
    assert_eq!(taken(fault).1, Some(Protected::Production));
    assert!(holder.lives());
}

/// Returns the request of a stack in this folder that only replaces its leftovers.
fn replacing(listener: &Listener, folder: &Path) -> ClaimRequest {
    let mut request = request(listener.port);
    request.conflict = PortConflict::Replace;
    request.leftovers.folders = vec![folder.to_owned()];
    folder.clone_into(&mut request.leftovers.directory);
    request
}

#[tokio::test]
async fn a_dev_server_of_another_project_is_named_with_its_folder_and_left_alone() {
    let [own, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut server = Listener::within(other.path(), &[]);
    let request = replacing(&server, own.path());
    let fault = Ports::default().claim(&request).await.unwrap_err();
    let (holder, protected) = taken(fault);
    assert_eq!(protected, Some(Protected::Stranger));
    assert_eq!(holder.folder, Some(other.path().canonicalize().unwrap()));
    assert!(holder.since.is_some() && holder.user.is_some() && holder.command_line.is_some());
    assert!(server.lives());
    let ended = free(server.port, &Requester::default()).await.unwrap();
    assert_eq!(pids(&ended), [server.pid()]);
}

#[tokio::test]
async fn a_process_in_a_folder_of_the_stack_is_replaced() {
    let own = tempfile::tempdir().unwrap();
    let within = own.path().join("api/src");
    std::fs::create_dir_all(&within).unwrap();
    let mut server = Listener::within(&within, &[]);
    let request = replacing(&server, own.path());
    let claimed = Ports::default().claim(&request).await.unwrap();
    assert_eq!(pids(&claimed.ended), [server.pid()]);
    assert!(!server.lives());
}

#[tokio::test]
async fn a_process_in_a_folder_with_another_stack_file_is_left_alone() {
    let own = tempfile::tempdir().unwrap();
    let nested = own.path().join("nested");
    std::fs::create_dir(&nested).unwrap();
    std::fs::write(nested.join("pilotlight.toml"), "").unwrap();
    let mut server = Listener::within(&nested, &[]);
    let request = replacing(&server, own.path());
    let fault = Ports::default().claim(&request).await.unwrap_err();
    assert_eq!(taken(fault).1, Some(Protected::Stranger));
    assert!(server.lives());
}

/// A process that is killed with the test.
struct Tidied(u32);

impl Drop for Tidied {
    fn drop(&mut self) {
        let mut kill = Command::new("kill");
        let _ = kill
            .args(["-KILL", &self.0.to_string()])
            .stderr(Stdio::null())
            .status();
    }
}

#[tokio::test]
async fn an_orphan_that_runs_the_program_of_the_service_is_replaced() {
    let [own, elsewhere] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let script = own.path().join("server.py");
    std::fs::copy(SCRIPT, &script).unwrap();
    for (program, ends) in [("server.py", true), ("other.py", false)] {
        // In a new session, so that it has no terminal.
        let line = r#"setsid "$@" & exec sleep 1000"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", line, "sh", PYTHON]);
        shell.arg(&script).args(["0", "127.0.0.1"]);
        let mut parent = Listener::of(shell.current_dir(elsewhere.path()));
        let orphan = children(parent.pid())[0];
        let _tidied = Tidied(orphan);
        let mut request = replacing(&parent, own.path());
        request.leftovers.argv = [PYTHON, program].map(str::to_owned).to_vec();
        let fault = Ports::default().claim(&request).await.unwrap_err();
        assert_eq!(
            taken(fault).1,
            Some(Protected::Stranger),
            "its parent lives"
        );
        parent.end();
        let claimed = Ports::default().claim(&request).await;
        if ends {
            assert_eq!(pids(&claimed.unwrap().ended), [orphan]);
        } else {
            assert_eq!(taken(claimed.unwrap_err()).1, Some(Protected::Stranger));
        }
    }
}

#[tokio::test]
async fn editors_and_terminals_are_stopped_only_by_the_user_and_not_by_force() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kind) in [
        ("code", ProgramKind::Editor),
        ("ssh", ProgramKind::Ssh),
        ("tmux", ProgramKind::Multiplexer),
        ("chrome", ProgramKind::Browser),
        ("postgres", ProgramKind::Database),
        ("podman", ProgramKind::ContainerTool),
    ] {
        let mut program = Listener::called(folder.path(), name);
        let request = request(program.port);
        let fault = Ports::default().claim(&request).await.unwrap_err();
        assert_eq!(taken(fault).1, Some(Protected::Personal(kind)), "{name}");
        assert!(program.lives(), "{name}");
        let ended = free(program.port, &Requester::default()).await.unwrap();
        assert_eq!(pids(&ended), [program.pid()], "{name}");
    }
}

#[tokio::test]
async fn a_process_in_another_pid_namespace_is_not_stopped_by_force() {
    if !is_root() {
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--kill-child", PYTHON]);
    let container = Listener::with(unshare, 0, "127.0.0.1", &[]);
    let request = request(container.port);
    let fault = Ports::default().claim(&request).await.unwrap_err();
    assert_eq!(taken(fault).1, Some(Protected::Contained));
    assert_eq!(children(container.pid()).len(), 1);
}

#[tokio::test]
async fn a_holder_that_keeps_restarting_is_left_alone_after_three_rounds() {
    let mut supervisor = Listener::start("127.0.0.1", &["respawn"]);
    let fault = Ports::default()
        .claim(&request(supervisor.port))
        .await
        .unwrap_err();
    let (holder, protected) = taken(fault);
    assert!(supervisor.lives());
    assert_eq!(children(supervisor.pid()), [holder.process.pid]);
    let Some(Protected::Respawned { by: Some(by) }) = protected else {
        panic!("{protected:?}");
    };
    assert!(by.ends_with(&format!("(pid {})", supervisor.pid())), "{by}");
}
