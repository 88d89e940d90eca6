//! The steps of a stop: ask, wait, kill, verify. Each step fails in one of the tests.
//!
//! The running program asks through its helper subcommand, which a test does not have. So asking through
//! the console always fails in this file; `tests/windows/cli` tests it with the real command.

use std::{fs, time::Duration};

use pilotlight::{
    effects::process::{StopRequest, stop},
    env::Env,
    model::facts::Exit,
    stack::{Command, Signal},
};
use tokio_util::sync::CancellationToken;

use super::stage::{DEADLINE, Stage, lives, within};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_service_that_cannot_be_asked_is_killed_after_the_grace_period() {
    let stage = Stage::new();
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let service = stage
            .serve(&["--sigterm", "ignore", "--child", "fork", "--print", "up"])
            .await;
        let children = service.children(1).await;
        service.until_it_says("up").await;
        let stopped = stage
            .stop(&service, StopRequest::Signal(signal), SHORT)
            .await;
        assert!(stopped.killed);
        assert_eq!(stopped.exit, Some(Exit::Code(1)));
        assert_eq!(stopped.survivors, []);
        assert!(!lives(children[0]));
    }
}

#[tokio::test]
async fn the_stack_file_can_skip_the_request_to_exit() {
    let stage = Stage::new();
    let service = stage.serve(&["--print", "up"]).await;
    service.until_it_says("up").await;
    let ask = StopRequest::Signal(Signal::Kill);
    let stopped = within("the stop", stage.stop(&service, ask, DEADLINE * 2)).await;
    assert!(stopped.killed);
    assert_eq!(stopped.survivors, []);
}

/// Runs the stop command of a service that exits with 3 as soon as the file `go` exists.
async fn asked_by(line: &str) -> (Option<Exit>, bool) {
    let stage = Stage::new();
    let service = stage
        .serve(&["--print", "up", "--until", "go", "--exit", "3"])
        .await;
    service.until_it_says("up").await;
    let command = Command::Shell(line.to_owned());
    let environment = Env::of_this_process();
    let ask = StopRequest::Command {
        command: &command,
        directory: stage.folder.path(),
        environment: &environment,
    };
    let patience = if line.contains("go") { DEADLINE } else { SHORT };
    let stopped = stage.stop(&service, ask, patience).await;
    assert_eq!(stopped.survivors, []);
    (stopped.exit, stopped.killed)
}

#[tokio::test]
async fn a_service_that_exits_on_its_stop_command_is_not_killed() {
    assert_eq!(asked_by("echo now> go").await, (Some(Exit::Code(3)), false));
}

#[tokio::test]
async fn a_failed_stop_command_is_followed_by_the_next_step() {
    assert_eq!(asked_by("exit 1").await, (Some(Exit::Code(1)), true));
}

#[tokio::test]
async fn an_impatient_user_does_not_have_to_wait() {
    let stage = Stage::new();
    let service = stage.serve(&["--sigterm", "ignore", "--print", "up"]).await;
    service.until_it_says("up").await;
    let now = CancellationToken::new();
    let ask = StopRequest::Signal(Signal::Terminate);
    let stopping = stop(&service.tree, &stage.processes, ask, DEADLINE * 2, &now);
    let impatience = async {
        tokio::time::sleep(SHORT).await;
        now.cancel();
    };
    let (stopped, ()) = within("the stop", async { tokio::join!(stopping, impatience) }).await;
    assert!(stopped.killed);
    assert_eq!(stopped.survivors, []);
}

#[tokio::test]
async fn a_service_that_exited_by_itself_is_not_killed_and_no_output_is_lost() {
    let stage = Stage::new();
    let service = stage.serve(&["--print", "last words", "--exit", "9"]).await;
    within("its end", service.tree.exited()).await;
    let ask = StopRequest::Signal(Signal::Terminate);
    let stopped = stage.stop(&service, ask, DEADLINE).await;
    assert_eq!(stopped.exit, Some(Exit::Code(9)));
    assert!(!stopped.killed);
    assert_eq!(fs::read_to_string(&service.output).unwrap(), "last words\n");
}
