//! Stopping and killing.

use std::time::Duration;

use pilotlight::{
    effects::process::{Ended, ProcessTable, StopRequest, Tree, end, kill, stop},
    env::Env,
    model::facts::{Exit, Process, RunId, Stopped},
    stack::Command,
};
use tokio_util::sync::CancellationToken;

use crate::stage::{SOON, Service, Stage, TERM, lives, soon};

/// The kinds of children of the test service.
const CHILDREN: [&str; 5] = ["fork", "setsid", "double-fork", "nameless", "thread"];

#[tokio::test]
async fn a_service_that_exits_on_sigterm_is_not_killed() {
    let stage = Stage::new("leaves");
    let service = stage.serve("--sigterm 7 --print ready").await;
    service.ready().await;
    let stopped = stage.stop(&service, SOON).await;
    let expected = Stopped {
        exit: Some(Exit::Code(7)),
        ..Stopped::default()
    };
    assert_eq!(stopped, expected);
    assert!(!lives(service.pid()));
}

#[tokio::test]
async fn a_service_that_ignores_sigterm_is_killed_after_its_grace_period() {
    let stage = Stage::new("ignores");
    let service = stage.serve("--sigterm ignore --print ready").await;
    service.ready().await;
    let stopped = stage.stop(&service, Duration::from_millis(100)).await;
    assert_eq!(stopped.exit, Some(Exit::Signal(9)));
    assert!(stopped.killed);
    assert_eq!(stopped.survivors, []);
    assert!(!lives(service.pid()));
}

#[tokio::test]
async fn a_service_gets_its_whole_grace_period() {
    let stage = Stage::new("slow");
    let service = stage.serve("--sigterm 300ms --print ready").await;
    service.ready().await;
    let stopped = stage.stop(&service, SOON).await;
    assert_eq!(stopped.exit, Some(Exit::Code(0)));
    assert!(!stopped.killed);
}

#[tokio::test]
async fn all_children_of_a_service_get_sigterm() {
    for kind in CHILDREN {
        let stage = Stage::new(kind);
        let service = stage.serve(&format!("--child {kind} --print ready")).await;
        let child = service.children(1).await[0];
        service.ready().await;
        assert!(lives(child), "{kind}");
        let stopped = stage.stop(&service, SOON).await;
        assert!(!lives(child), "{kind}");
        assert!(!stopped.killed, "{kind}");
        assert_eq!(stopped.survivors, [], "{kind}");
    }
}

#[tokio::test]
async fn all_children_of_a_service_that_ignore_sigterm_are_killed() {
    for kind in CHILDREN {
        let stage = Stage::new(kind);
        let service = stage
            .serve(&format!("--sigterm ignore --child {kind} --print ready"))
            .await;
        let child = service.children(1).await[0];
        service.ready().await;
        let stopped = stage.stop(&service, Duration::from_millis(50)).await;
        assert!(!lives(child), "{kind}");
        assert!(stopped.killed, "{kind}");
        assert_eq!(stopped.survivors, [], "{kind}");
    }
}

#[tokio::test]
async fn survivors_of_a_dead_service_are_stopped() {
    for kind in ["fork", "setsid", "double-fork"] {
        let stage = Stage::new(kind);
        let service = stage
            .serve(&format!("--child {kind} --print ready --exit 3"))
            .await;
        let child = service.children(1).await[0];
        assert_eq!(soon(service.tree.exited()).await, Exit::Code(3));
        let left = service.tree.living_members(&stage.processes).await.unwrap();
        assert_eq!(pids(&left), [child], "{kind}");
        let stopped = stage.stop(&service, SOON).await;
        assert!(!lives(child), "{kind}");
        assert_eq!(stopped.exit, Some(Exit::Code(3)));
    }
}

#[tokio::test]
async fn a_process_of_another_run_is_not_stopped() {
    let stage = Stage::new("bystander");
    let bystander = stage.serve("--child setsid --print ready").await;
    let service = stage.serve("--child setsid --print ready").await;
    let bystanders = bystander.children(1).await[0];
    service.children(1).await;
    service.ready().await;
    stage.stop(&service, SOON).await;
    assert!(lives(bystander.pid()));
    assert!(lives(bystanders));
}

#[tokio::test]
async fn a_service_started_by_a_service_is_not_part_of_it() {
    let stage = Stage::new("within");
    let inner = stage.mark(RunId(99));
    let line = format!(
        "PILOTLIGHT_SERVICE={inner} {} --print ready & wait",
        pilotlight_test_service::path().display()
    );
    let outer = stage.launch(&["/bin/sh", "-c", &line]).await;
    outer.ready().await;
    let table = stage.processes.scan().await.unwrap();
    let inner = Tree::remains(inner, []);
    let inner_members = inner.members(&table);
    assert_eq!(inner_members.len(), 1);
    assert_eq!(outer.tree.members(&table), [outer.tree.first().unwrap()]);
    kill(&inner, &stage.processes).await;
    assert!(!lives(inner_members[0].pid));
}

#[tokio::test]
async fn a_second_ctrl_c_kills_at_once() {
    let stage = Stage::new("at-once");
    let service = stage
        .serve("--sigterm ignore --child setsid --print ready")
        .await;
    let child = service.children(1).await[0];
    service.ready().await;
    let kill_now = CancellationToken::new();
    let stopping = stop(
        &service.tree,
        &stage.processes,
        TERM,
        Duration::from_hours(1),
        &kill_now,
    );
    tokio::pin!(stopping);
    let waits = tokio::time::timeout(Duration::from_millis(100), &mut stopping);
    assert!(waits.await.is_err(), "it should wait for the service");
    kill_now.cancel();
    let stopped = soon(stopping).await;
    assert!(stopped.killed);
    assert_eq!(stopped.survivors, []);
    assert!(!lives(service.pid()) && !lives(child));
}

#[tokio::test]
async fn a_stop_command_replaces_sigterm() {
    let stage = Stage::new("command");
    // A SIGTERM would lead to another exit code.
    let service = stage
        .launch(&[
            "/bin/sh",
            "-c",
            "trap 'exit 5' HUP; echo ready; sleep 60 & wait",
        ])
        .await;
    service.ready().await;
    let stopped = stop_by_command(&stage, &service, &format!("kill -HUP {}", service.pid())).await;
    assert_eq!(stopped.exit, Some(Exit::Code(5)));
    assert!(!stopped.killed);
    assert_eq!(stopped.survivors, []);
}

#[tokio::test]
async fn a_failed_stop_command_is_followed_by_sigterm() {
    for line in ["exit 1", "no-such-program-at-all"] {
        let stage = Stage::new("command-fails");
        let service = stage.serve("--sigterm 7 --print ready").await;
        service.ready().await;
        let stopped = stop_by_command(&stage, &service, line).await;
        assert_eq!(stopped.exit, Some(Exit::Code(7)), "{line}");
    }
}

#[tokio::test]
async fn a_hanging_stop_command_is_killed_with_the_service() {
    let stage = Stage::new("command-hangs");
    let service = stage.serve("--sigterm ignore --print ready").await;
    service.ready().await;
    let line = "echo $$ > helper; exec sleep 600";
    let ask = Command::Shell(line.to_owned());
    let never = CancellationToken::new();
    let ask = StopRequest::Command {
        command: &ask,
        directory: stage.folder.path(),
        environment: &Env::of_this_process(),
    };
    let patience = Duration::from_secs(3);
    let stopped = soon(stop(&service.tree, &stage.processes, ask, patience, &never)).await;
    assert!(stopped.killed);
    let helper = std::fs::read_to_string(stage.folder.path().join("helper")).unwrap();
    let helper: u32 = helper.trim().parse().unwrap();
    soon(async {
        while lives(helper) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_that_forks_at_every_sigterm_does_not_escape() {
    let stage = Stage::new("forks-again");
    let service = stage.serve("--sigterm fork --print ready").await;
    service.ready().await;
    let stopped = soon(stage.stop(&service, Duration::from_hours(1))).await;
    assert_eq!(stopped.exit, Some(Exit::Code(0)));
    assert_eq!(stopped.survivors, []);
    let left = service.tree.living_members(&stage.processes).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_chain_of_short_lived_processes_in_new_sessions_is_stopped() {
    let stage = Stage::new("chain");
    let service = stage.serve("--sigterm ignore --chain").await;
    assert_eq!(soon(service.tree.exited()).await, Exit::Code(0));
    assert_ne!(
        service.tree.living_members(&stage.processes).await.unwrap(),
        []
    );
    let stopped = stage.stop(&service, Duration::from_millis(50)).await;
    assert!(stopped.killed);
    assert_eq!(stopped.survivors, []);
    assert_eq!(
        service.tree.living_members(&stage.processes).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn a_process_with_a_reused_pid_is_not_signalled() {
    let stage = Stage::new("recycled");
    let stranger = stage.serve("--print ready").await;
    stranger.ready().await;
    let now = stranger.tree.first().unwrap();
    let earlier = Process {
        started: now.started - 1,
        ..now
    };
    let mark = stage.mark(RunId(99));
    assert!(Tree::adopt(mark.clone(), earlier).is_none());
    assert_eq!(end(earlier, Duration::ZERO).await, Ended::Left);
    let stopped = kill(&Tree::remains(mark, [earlier]), &stage.processes).await;
    assert_eq!(stopped, Stopped::default());
    assert!(lives(now.pid));
}

#[tokio::test]
async fn a_stubborn_foreign_process_is_killed_after_the_grace_period() {
    let stage = Stage::new("stranger");
    let graceful = stage.serve("--print ready").await;
    let stubborn = stage.serve("--sigterm ignore --print ready").await;
    let short = Duration::from_millis(100);
    for (stranger, grace, expected) in [
        (&graceful, SOON, Ended::Left),
        (&stubborn, short, Ended::Killed),
    ] {
        stranger.ready().await;
        let process = stranger.tree.first().unwrap();
        assert_eq!(end(process, grace).await, expected);
        assert!(!lives(process.pid));
    }
}

/// Only root can start a process that the test cannot kill.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stop_ends_with_a_report_even_if_a_process_cannot_be_killed() {
    use rustix::{process::Uid, thread::set_thread_uid};

    if !rustix::process::getuid().is_root() {
        return;
    }
    let stage = Stage::new("unkillable");
    let service = stage.serve("--print ready").await;
    service.ready().await;
    let tree = service.tree.clone();
    let stopped = std::thread::spawn(move || {
        // The kernel only changes the user of this thread and of the threads that it starts.
        set_thread_uid(Uid::from_raw(65534)).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let never = CancellationToken::new();
            let processes = ProcessTable::since(0);
            soon(stop(
                &tree,
                &processes,
                TERM,
                Duration::from_millis(50),
                &never,
            ))
            .await
        })
    });
    let stopped = tokio::task::spawn_blocking(|| stopped.join().unwrap());
    let stopped = soon(stopped).await.unwrap();
    assert_eq!(stopped.survivors, [service.tree.first().unwrap()]);
    assert!(!stopped.killed);
    assert!(lives(service.pid()));
}

async fn stop_by_command(stage: &Stage, service: &Service, line: &str) -> Stopped {
    let command = Command::Shell(line.to_owned());
    let ask = StopRequest::Command {
        command: &command,
        directory: stage.folder.path(),
        environment: &Env::of_this_process(),
    };
    let never = CancellationToken::new();
    soon(stop(&service.tree, &stage.processes, ask, SOON, &never)).await
}

fn pids(processes: &[Process]) -> Vec<u32> {
    processes.iter().map(|process| process.pid).collect()
}
