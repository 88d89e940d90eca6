//! A service runs hidden, and no process that it starts escapes.

use pilotlight::{effects::process::kill, model::facts::Exit};

use super::stage::{Stage, eventually, lives, within};

#[tokio::test]
async fn a_service_has_a_hidden_console_and_writes_to_its_log() {
    let stage = Stage::new();
    let service = stage.serve(&["--console", "--exit", "5"]).await;
    let exit = within("its end", service.tree.exited()).await;
    assert_eq!(exit, Exit::Code(5));
    let text = service.text();
    let lines: Vec<&str> = text.lines().collect();
    let [console, input, output, error] = lines[..] else {
        panic!("{text}")
    };
    let code_page = console.strip_prefix("console ").unwrap();
    assert_ne!(code_page, "0", "a Ctrl+Break could not reach it");
    assert_eq!(
        [input, output, error],
        ["input 0", "output file", "error file"]
    );
}

#[tokio::test]
async fn a_process_that_a_service_starts_belongs_to_it_and_ends_with_it() {
    let stage = Stage::new();
    let kinds = ["fork", "setsid", "double-fork"];
    let steps: Vec<&str> = kinds.iter().flat_map(|kind| ["--child", kind]).collect();
    let service = stage.serve(&steps).await;
    let children = service.children(kinds.len()).await;
    let members = service.tree.living_members(&stage.processes).await.unwrap();
    for child in &children {
        let is_member = members.iter().any(|member| member.pid == *child);
        assert!(is_member, "{child} is not among {members:?}");
    }
    let stopped = kill(&service.tree, &stage.processes).await;
    assert!(stopped.killed);
    assert_eq!(stopped.survivors, []);
    let left: Vec<_> = children.into_iter().filter(|pid| lives(*pid)).collect();
    assert_eq!(left, [0; 0]);
}

#[tokio::test]
async fn no_process_can_leave_the_job() {
    let stage = Stage::new();
    let service = stage.serve(&["--child", "breakaway", "--exit", "0"]).await;
    within("its end", service.tree.exited()).await;
    // ERROR_ACCESS_DENIED
    assert_eq!(service.text().trim_end(), "refused 5");
}

/// The service is killed at different moments of its start.
#[tokio::test]
async fn a_process_started_at_once_does_not_escape() {
    let stage = Stage::new();
    for round in 0..12_u32 {
        let service = stage
            .serve(&["--child", "fork", "--child", "double-fork"])
            .await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let stopped = kill(&service.tree, &stage.processes).await;
        assert_eq!(stopped.survivors, [], "{round}");
        let text = service.text();
        for pid in text.lines().filter_map(|line| line.strip_prefix("child ")) {
            assert!(!lives(pid.parse().unwrap()), "{round}: {text}");
        }
    }
}

/// Like a program that daemonizes, or `start` in a batch file: the first process has exited, and the others
/// are still known.
#[tokio::test]
async fn processes_left_by_the_first_one_are_still_stopped() {
    let stage = Stage::new();
    let service = stage.serve(&["--child", "fork", "--exit", "0"]).await;
    let exit = within("its end", service.tree.exited()).await;
    assert_eq!(exit, Exit::Code(0));
    let children = service.children(1).await;
    let members = service.tree.living_members(&stage.processes).await.unwrap();
    let members: Vec<u32> = members.iter().map(|member| member.pid).collect();
    assert_eq!(members, children);
    let stopped = kill(&service.tree, &stage.processes).await;
    assert_eq!(stopped.survivors, []);
    eventually("its end", || !lives(children[0])).await;
}
