//! Watching processes: their exits, their costs and their members.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use pilotlight::{
    effects::process::{Ended, Tree, Usage, end, process, usage},
    model::facts::{Exit, Mark, RunId},
};

use crate::stage::{SOON, Stage, lives, soon};

#[tokio::test]
async fn a_daemonized_service_is_watched_until_it_exits() {
    let stage = Stage::new("daemon");
    let service = stage.serve("--daemonize --child fork --print ready").await;
    assert_eq!(soon(service.tree.exited()).await, Exit::Code(0));
    service.ready().await;
    let child = service.children(1).await[0];
    let left = service.tree.living_members(&stage.processes).await.unwrap();
    assert_eq!(left.len(), 2);

    let following = service.tree.followed(&stage.processes);
    tokio::pin!(following);
    for member in &left {
        let waits = tokio::time::timeout(Duration::from_millis(50), &mut following);
        assert!(waits.await.is_err(), "a process is still alive");
        assert!(end(*member, SOON).await.is_gone());
    }
    let exit = soon(following).await.unwrap();
    assert!(matches!(exit, Exit::Signal(15) | Exit::Unknown), "{exit:?}");
    assert!(!lives(child));
}

#[tokio::test]
async fn a_redis_that_daemonizes_is_followed_and_stopped() {
    let stage = Stage::new("redis");
    let port = pilotlight_test_service::free_port().to_string();
    let words = "redis-server --daemonize yes --save  --appendonly no --port";
    let mut words: Vec<&str> = words.split(' ').collect();
    words.push(&port);
    let service = stage.launch(&words).await;
    assert_eq!(soon(service.tree.exited()).await, Exit::Code(0));
    let left = service.tree.living_members(&stage.processes).await.unwrap();
    let [redis] = left[..] else {
        panic!("{left:?}: {}", service.printed());
    };
    let waits = tokio::time::timeout(
        Duration::from_millis(200),
        service.tree.followed(&stage.processes),
    );
    assert!(waits.await.is_err(), "it lives: {}", service.printed());
    let stopped = stage.stop(&service, SOON).await;
    assert!(!stopped.killed);
    assert_eq!(stopped.survivors, []);
    assert!(!lives(redis.pid));
}

#[tokio::test]
async fn a_later_daemon_adopts_the_first_process_and_notices_its_exit() {
    let stage = Stage::new("adopted");
    // The first daemon: a process whose exit leaves the service with another parent.
    let outer = stage.serve("--child double-fork").await;
    let pid = outer.children(1).await[0];
    let service = process(pid).unwrap();
    let tree = Tree::adopt(outer.tree.mark().clone(), service).unwrap();
    assert_eq!(tree.first(), Some(service));
    assert_eq!(end(service, SOON).await, Ended::Left);
    let exit = soon(tree.exited()).await;
    assert!(matches!(exit, Exit::Signal(15) | Exit::Unknown), "{exit:?}");
}

#[tokio::test]
async fn a_zombie_counts_as_exited() {
    let stage = Stage::new("zombie");
    let service = stage.serve("--exit 0").await;
    let dead = || async {
        service
            .tree
            .living_members(&stage.processes)
            .await
            .unwrap()
            .is_empty()
    };
    soon(async {
        while !dead().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Its PID was reserved until its exit status was read.
    assert_eq!(process(service.pid()), service.tree.first());
    assert_eq!(service.tree.exit(), Some(Exit::Code(0)));
    assert_eq!(process(service.pid()), None);
}

#[tokio::test]
async fn the_usage_of_a_tree_is_measured() {
    let stage = Stage::new("usage");
    let service = stage.serve("--burn 50ms --child fork --print ready").await;
    service.ready().await;
    service.children(1).await;
    let table = stage.processes.scan().await.unwrap();
    let members = service.tree.members(&table);
    assert_eq!(members.len(), 2);
    let one = usage(&table, &members[..1]).unwrap();
    let both = usage(&table, &members).unwrap();
    assert!(one.memory_bytes > 0 && both.memory_bytes > one.memory_bytes);
    assert!(both.cpu_time > Duration::ZERO);
    stage.stop(&service, SOON).await;
    let later = stage.processes.scan().await.unwrap();
    assert_eq!(usage(&later, &members), Some(Usage::default()));
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "processes of `effects::process` have a mark from the beginning"
)]
async fn a_process_is_found_after_exec_gives_it_a_mark() {
    let stage = Stage::new("becoming");
    let mark = stage.mark(RunId(7));
    let line = format!("read go; {}={mark} exec sleep 1000", Mark::VARIABLE);
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let is_marked = async || {
        let table = stage.processes.scan().await.unwrap();
        table
            .marked_by_stack(&stage.stack)
            .any(|(process, _)| process.pid == pid)
    };
    // Scanned several times without a mark.
    for _ in 0..3 {
        assert!(!is_marked().await);
    }
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    soon(async {
        while !is_marked().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
}
