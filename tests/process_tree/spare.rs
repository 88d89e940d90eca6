//! Processes that survive the stop of a service, and processes that do not.

use std::{path::Path, process::Command as Program, time::Duration};

use crate::stage::{SOON, Stage, lives};

/// A process that survives the service, and is killed with the test.
struct Spared(u32);

impl Drop for Spared {
    #[expect(
        clippy::disallowed_methods,
        reason = "the `kill` that cleans up is not a service"
    )]
    fn drop(&mut self) {
        let _ = Program::new("kill")
            .args(["-KILL", &self.0.to_string()])
            .status();
    }
}

/// Creates a program of this name that sleeps.
fn sleeper(folder: &Path, name: &str) {
    copy("/usr/bin/sleep", &folder.join(name));
}

/// Copies a program. Another program writes it: a process that another test starts could inherit the open
/// file for a moment, and a file that is open for writing cannot be run.
#[expect(clippy::disallowed_methods, reason = "`cp` is no service")]
fn copy(from: &str, to: &Path) {
    let copied = Program::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[tokio::test]
async fn personal_tools_survive_a_service_and_other_processes_are_stopped_and_named() {
    for name in ["code", "tmux", "adb", "chrome", "gpg-agent", "watchman"] {
        let stage = Stage::new("person");
        sleeper(stage.folder.path(), name);
        sleeper(stage.folder.path(), "helper");
        // It starts the programs in sessions of their own, like programs that daemonize.
        let line = "setsid ./$0 1000 & echo child $!; setsid ./helper 1000 & echo child $!; wait";
        let service = stage.launch(&["/bin/sh", "-c", line, name]).await;
        let [person, helper] = service.children(2).await[..] else {
            panic!("two children");
        };
        let person = Spared(person);
        stage.becomes(person.0, name).await;
        stage.becomes(helper, "helper").await;
        let stopped = stage.stop(&service, SOON).await;
        assert!(lives(person.0), "{name}");
        assert!(!lives(helper), "{name}");
        assert_eq!(stopped.beside, ["helper"], "{name}");
        assert_eq!(
            service.tree.living_members(&stage.processes).await.unwrap(),
            []
        );
    }
}

#[tokio::test]
async fn personal_tools_without_their_own_session_are_stopped_with_the_service() {
    let stage = Stage::new("same-session");
    sleeper(stage.folder.path(), "code");
    let line = "./code 1000 & echo child $!; wait";
    let service = stage.launch(&["/bin/sh", "-c", line]).await;
    let code = service.children(1).await[0];
    stage.stop(&service, SOON).await;
    assert!(!lives(code));
}

#[tokio::test]
async fn programs_in_a_multiplexer_survive_the_service() {
    let stage = Stage::new("panes");
    let shell = stage.folder.path().join("tmux");
    copy("/bin/sh", &shell);
    // The panes of a multiplexer are its children, each in its own session.
    let line = "setsid ./tmux -c 'echo child $$; setsid sleep 1000 & echo child $!; wait' & wait";
    let service = stage.launch(&["/bin/sh", "-c", line]).await;
    let children = service.children(2).await;
    let [server, pane] = [Spared(children[0]), Spared(children[1])];
    stage.becomes(pane.0, "sleep").await;
    stage.stop(&service, SOON).await;
    assert!(lives(server.0));
    assert!(lives(pane.0));
}

#[tokio::test]
async fn a_program_started_without_the_mark_survives_the_service() {
    let stage = Stage::new("unmarked");
    let line = "env -u PILOTLIGHT_SERVICE setsid -f sh -c 'echo child $$; exec sleep 1000'
        echo ready; exec sleep 1000";
    let service = stage.launch(&["/bin/sh", "-c", line]).await;
    let free = Spared(service.children(1).await[0]);
    service.ready().await;
    stage.becomes(free.0, "sleep").await;
    stage.stop(&service, SOON).await;
    assert!(lives(free.0));
}

#[tokio::test]
async fn a_program_with_an_empty_environment_is_still_found_by_its_descriptor() {
    let stage = Stage::new("empty");
    let line = "env -i /usr/bin/setsid -f /bin/sh -c 'echo child $$; exec /usr/bin/sleep 1000'
        echo ready; exec sleep 1000";
    let service = stage.launch(&["/bin/sh", "-c", line]).await;
    let child = Spared(service.children(1).await[0]);
    service.ready().await;
    stage.stop(&service, Duration::from_secs(5)).await;
    assert!(!lives(child.0));
}
