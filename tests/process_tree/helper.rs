//! Helper commands.

use std::{fs, path::Path, time::Duration};

use pilotlight::{
    effects::process::{HelperFault, Output, run_helper},
    env::Env,
    model::facts::{Exit, LaunchFault},
    stack::Command,
};
use tempfile::TempDir;

use crate::stage::{SOON, lives, soon};

async fn run(line: &str, folder: &Path, patience: Duration) -> Result<Output, HelperFault> {
    let environment = Env::of_this_process();
    let command = Command::Shell(line.to_owned());
    soon(run_helper(&command, folder, &environment, patience)).await
}

#[tokio::test]
async fn a_helper_returns_its_exit_and_its_output() {
    let folder = TempDir::new().unwrap();
    let line = "echo one; echo two >&2; echo; exit 4";
    let output = run(line, folder.path(), SOON).await.unwrap();
    assert_eq!(output.exit, Exit::Code(4));
    assert_eq!(output.text, "one\ntwo\n\n");
    assert_eq!(output.last_line(), Some("two"));
}

#[tokio::test]
async fn a_helper_that_takes_too_long_is_killed_with_its_children() {
    let folder = TempDir::new().unwrap();
    let service = pilotlight_test_service::path().display();
    let line = format!("{service} --child setsid --child double-fork > children");
    let outcome = run(&line, folder.path(), Duration::from_secs(3)).await;
    assert_eq!(outcome, Err(HelperFault::TimedOut { last_line: None }));
    let children = fs::read_to_string(folder.path().join("children")).unwrap();
    let children = children
        .lines()
        .filter_map(|line| line.strip_prefix("child "));
    let children: Vec<u32> = children.map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(children.len(), 2);
    assert!(!children.into_iter().any(lives));
}

#[tokio::test]
async fn background_processes_of_a_helper_are_not_awaited() {
    let folder = TempDir::new().unwrap();
    let line = "echo said; sleep 600 & echo $! > pid";
    let output = run(line, folder.path(), SOON).await.unwrap();
    assert_eq!(output.last_line(), Some("said"));
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    let pid = pilotlight::effects::process::process(pid.trim().parse().unwrap()).unwrap();
    assert!(lives(pid.pid));
    pilotlight::effects::process::end(pid, SOON).await;
}

#[tokio::test]
async fn the_end_of_a_flood_is_kept() {
    let folder = TempDir::new().unwrap();
    let line = "yes 0123456789 | head -c 20000000; echo; echo end";
    let output = run(line, folder.path(), SOON).await.unwrap();
    assert_eq!(output.text.len(), 64 * 1024);
    assert_eq!(output.last_line(), Some("end"));
}

#[tokio::test]
async fn a_helper_whose_caller_has_stopped_waiting_is_killed() {
    let folder = TempDir::new().unwrap();
    let line = "echo $$ > pid; exec sleep 600";
    let running = run(line, folder.path(), SOON);
    let file = folder.path().join("pid");
    let written = async {
        loop {
            match fs::read_to_string(&file) {
                Ok(pid) if pid.ends_with('\n') => return pid.trim().parse().unwrap(),
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    let pid: u32 = tokio::select! {
        outcome = running => panic!("{outcome:?}"),
        pid = written => pid,
    };
    soon(async {
        while lives(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_helper_that_cannot_be_started_is_an_error() {
    let folder = TempDir::new().unwrap();
    let command = Command::Argv(vec!["no-such-program-at-all".to_owned()]);
    let outcome = run_helper(&command, folder.path(), &Env::new(), SOON).await;
    let Err(HelperFault::Launch(LaunchFault::CommandNotFound { program, .. })) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(program, "no-such-program-at-all");
}
