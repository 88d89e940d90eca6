//! Tasks that panic: the service is reported as failed, and a stop still ends. Also a disk that
//! hangs.
#![cfg(unix)]

use std::{fs, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{control::Control as _, env::Env};

/// The time limit of a test for an expected event.
const DEADLINE: Duration = Duration::from_secs(20);

struct Stage {
    folder: TempDir,
    started: Started,
}

impl Stage {
    /// Starts a supervisor with one service, named after the part that panics.
    async fn breaking_in(what: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name = \"test\"\n[service.breaks-in-{what}]\ncommand = \"sleep 1000\"\n\
             ready = {{ command = \"true\" }}\nstart_timeout = \"1s\"\n"
        );
        fs::write(folder.path().join("pilotlight.toml"), text).unwrap();
        let home = Home::under(&folder.path().join("home")).unwrap();
        let lock = Lock::acquire(&home).unwrap();
        let started = start(&lock).await.unwrap();
        Self { folder, started }
    }

    async fn up(&self) -> Outcome {
        let up = Up {
            file: self.folder.path().join("pilotlight.toml"),
            services: Vec::new(),
            environment: Env::of_this_process(),
        };
        within(self.started.handle.up(up)).await
    }

    async fn down(&self) -> Outcome {
        let down = Down {
            file: None,
            services: Vec::new(),
            kill: false,
        };
        within(self.started.handle.down(down)).await
    }

    fn pid(&self) -> Option<u32> {
        let snapshot = self.started.handle.snapshot().borrow().clone();
        snapshot.stacks[0].services[0].pid
    }
}

async fn within<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, coming).await.unwrap()
}

fn failure(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { findings, .. } => format!("{findings:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_a_claim_or_a_probe_that_panics_fails_the_start_and_down_ends() {
    for what in ["claim", "launch", "probe"] {
        let stage = Stage::breaking_in(what).await;
        let why = failure(stage.up().await);
        assert!(why.contains("internal error"), "{what}: {why}");
        assert_eq!(stage.down().await, Outcome::Done, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_watching_task_panics_is_stopped_and_eventually_not_restarted() {
    let stage = Stage::breaking_in("watch").await;
    let mut snapshot = stage.started.handle.snapshot();
    // It may become ready before its watching task panics.
    stage.up().await;
    let failed = snapshot.wait_for(|snapshot| {
        let services = snapshot.stacks.iter().flat_map(|stack| &stack.services);
        services
            .into_iter()
            .any(|service| service.phase == crate::model::view::PhaseName::Failed)
    });
    within(failed).await.unwrap();
    assert_eq!(stage.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_panics_kills_and_ends() {
    let stage = Stage::breaking_in("stop").await;
    assert_eq!(stage.up().await, Outcome::Done);
    let pid = stage.pid().unwrap();
    assert_eq!(stage.down().await, Outcome::Done);
    assert_eq!(stage.pid(), None);
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_file_that_hangs_delays_no_other_stack_and_can_be_cancelled() {
    let stage = Stage::breaking_in("nothing").await;
    let file = stage.folder.path().join("second.toml");
    let hangs = file.with_extension("hangs");
    let text = "name = \"second\"\n[service.sleeper]\ncommand = \"sleep 1000\"\n";
    fs::write(&file, text).unwrap();
    fs::write(&hangs, "").unwrap();
    let second = |services| Up {
        file: file.clone(),
        services,
        environment: Env::of_this_process(),
    };
    let handle = &stage.started.handle;
    let coming = handle.start(second(Vec::new())).await;
    // It waits for the first request, whatever it requests.
    let later = handle.start(second(vec!["nonsense".into()])).await;
    assert_eq!(stage.up().await, Outcome::Done);
    assert!(stage.pid().is_some());
    let down = Down {
        file: Some(file.clone()),
        services: Vec::new(),
        kill: false,
    };
    assert_eq!(within(handle.down(down)).await, Outcome::Done);
    for coming in [coming, later] {
        let outcome = within(coming.outcome()).await;
        assert!(matches!(outcome, Outcome::Overruled(_)), "{outcome:?}");
    }
    fs::remove_file(hangs).unwrap();
    let outcome = within(handle.up(second(vec!["nonsense".into()]))).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert_eq!(within(handle.up(second(Vec::new()))).await, Outcome::Done);
    assert_eq!(stage.down().await, Outcome::Done);
}
