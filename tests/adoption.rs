//! A daemon that vanishes, and the next one that adopts its services.
#![cfg(unix)]

mod support;

use std::fs;

use pilotlight::{
    control::{Control as _, Down, Outcome},
    effects::process::process,
    model::{
        facts::Exit,
        view::{Light, PhaseName, ServiceView},
    },
    state::Journal,
};
use pilotlight_test_service::free_port;
use support::{Bench, Bystander, eventually, http_service, kill, lives};

const TICKER: &str = r#"
[service.ticker]
command = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done"]
ready = { log = "tick" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_survive_their_daemon_and_the_next_one_adopts_them() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    let pid = bench.pid("ticker");
    let run = bench.service("ticker").run;
    let before = bench.log("ticker").len();
    bench.vanish().await;
    assert!(lives(pid));
    let log = bench.log_path("ticker", run.expect("a run"));
    eventually("more lines", || {
        fs::read(&log).is_ok_and(|it| it.len() > before + 40)
    })
    .await;

    bench.start().await;
    let adopted = bench.until_phase("ticker", PhaseName::Ready).await;
    assert_eq!(adopted.pid, Some(pid));
    assert!(adopted.adopted);
    bench.must_up().await;
    assert_eq!(bench.pid("ticker"), pid, "up starts nothing that runs");
    let lines: Vec<String> = bench.log("ticker").lines().map(str::to_owned).collect();
    let expected: Vec<String> = (1..=lines.len())
        .map(|number| format!("tick {number}"))
        .collect();
    assert_eq!(
        lines[..lines.len() - 1],
        expected[..lines.len() - 1],
        "no line is lost"
    );
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(!lives(pid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_service_that_exits_is_restarted() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    let pid = bench.pid("ticker");
    bench.vanish().await;
    bench.start().await;
    bench.until_phase("ticker", PhaseName::Ready).await;
    kill(pid);
    let back = bench
        .until("ticker", |it| {
            it.phase == PhaseName::Ready && it.pid != Some(pid)
        })
        .await;
    assert!(
        matches!(back.last_exit, Some(Exit::Signal(9) | Exit::Unknown)),
        "{:?}",
        back.last_exit
    );
    assert!(!back.adopted);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_service_is_restarted_after_its_survivors_are_stopped() {
    let mut bench = Bench::with(
        "[service.parent]\ncommand = [\"sh\", \"-c\", \"setsid sleep 1000 & exec sleep 2000\"]\n",
    )
    .await;
    bench.must_up().await;
    let pid = bench.pid("parent");
    eventually("a child", || bench.marked().len() == 2).await;
    let orphan = bench
        .marked()
        .into_iter()
        .find(|it| *it != pid)
        .expect("a child");
    bench.vanish().await;
    kill(pid);
    eventually("its end", || !lives(pid)).await;
    bench.start().await;
    let is_back = |it: &ServiceView| it.phase == PhaseName::Ready && it.pid != Some(pid);
    bench.until("parent", is_back).await;
    assert!(!lives(orphan));
    assert_eq!(bench.down().await, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_a_reused_pid_is_left_alone() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    let pid = bench.pid("ticker");
    bench.vanish().await;
    // As if the system had reused the PID meanwhile: the same PID, another start time.
    let bystander = Bystander::start();
    let lock = bench.lock().await;
    let (mut journal, mut remembered) = Journal::open(&lock);
    let mut running = remembered.running.remove(0);
    assert_eq!(running.process.pid, pid);
    running.process.pid = bystander.pid();
    // Both may have started within the same hundredth of a second, the resolution of the system.
    running.process.started -= 1;
    journal.started(running);
    drop((journal, lock));
    bench.start().await;
    bench
        .until("ticker", |it| it.phase == PhaseName::Ready)
        .await;
    assert!(lives(bystander.pid()));
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(lives(bystander.pid()));
    assert_eq!(
        bench.marked(),
        [0; 0],
        "the real process was found by its mark"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_a_mark_is_not_adopted() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    let pid = bench.pid("ticker");
    bench.vanish().await;
    // As in a copied or damaged journal: PID and start time are those of a process that has no mark
    // and is in the group of its parent.
    let bystander = Bystander::start();
    let lock = bench.lock().await;
    let (mut journal, mut remembered) = Journal::open(&lock);
    let mut running = remembered.running.remove(0);
    running.process = process(bystander.pid()).expect("the bystander");
    journal.started(running);
    drop((journal, lock));
    bench.start().await;
    let is_back =
        |it: &ServiceView| it.phase == PhaseName::Ready && it.pid.is_some_and(|other| other != pid);
    let ticker = bench.until("ticker", is_back).await;
    assert_ne!(ticker.pid, Some(bystander.pid()));
    assert!(!lives(pid), "the marked process does not run twice");
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(lives(bystander.pid()));
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_became_ready_by_a_log_line_stays_ready_without_it() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    let pid = bench.pid("ticker");
    let log = bench.log_path("ticker", bench.service("ticker").run.expect("a run"));
    bench.vanish().await;
    // The beginning of a growing log is freed, and the log may be deleted with the home.
    fs::remove_file(log).expect("the log");
    bench.start().await;
    let adopted = bench.until_phase("ticker", PhaseName::Ready).await;
    assert_eq!((adopted.pid, adopted.adopted), (Some(pid), true));
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(!lives(pid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_has_lost_its_mark_is_adopted_by_its_group() {
    // It closes the descriptor that serves as its tag, and starts its program without the variable.
    let mut bench = Bench::with(
        "[service.bare]\ncommand = [\"python3\", \"-c\", \"import os; os.closerange(3, 256); \
         os.execve('/bin/sleep', ['sleep', '1000'], dict())\"]\n",
    )
    .await;
    bench.must_up().await;
    let pid = bench.pid("bare");
    eventually("no mark is left", || bench.marked().is_empty()).await;
    bench.vanish().await;
    bench.start().await;
    let adopted = bench.until_phase("bare", PhaseName::Ready).await;
    assert_eq!((adopted.pid, adopted.adopted), (Some(pid), true));
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(!lives(pid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_journal_is_quarantined_and_running_services_are_found() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    let pid = bench.pid("ticker");
    bench.vanish().await;
    let journal = bench.home.state().join("running.journal");
    let text = fs::read(&journal).expect("the journal");
    fs::write(&journal, &text[..text.len() / 2]).expect("the journal");
    let remarks = bench.start().await;
    assert!(!remarks.is_empty(), "it is said");
    assert_eq!(bench.up().await, Outcome::Done);
    assert!(
        !lives(pid) || bench.pid("ticker") == pid,
        "it does not run twice"
    );
    assert_eq!(bench.down().await, Outcome::Done);
    eventually("no process is left", || bench.marked().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_without_its_file_can_still_be_stopped() {
    let mut bench = Bench::with(TICKER).await;
    bench.must_up().await;
    bench.vanish().await;
    fs::remove_file(bench.file()).expect("gone");
    bench.start().await;
    bench.until_phase("ticker", PhaseName::Ready).await;
    let everything = Down {
        file: None,
        services: Vec::new(),
        kill: false,
    };
    assert_eq!(bench.handle().down(everything).await, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_service_keeps_its_port() {
    let held = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = held.local_addr().expect("an address").port();
    let mut bench = Bench::with(&format!(
        "{}port_conflict = \"next\"\n",
        http_service("web", port)
    ))
    .await;
    bench.must_up().await;
    let claimed = bench.service("web").port;
    bench.vanish().await;
    drop(held);
    bench.start().await;
    let web = bench.until_phase("web", PhaseName::Ready).await;
    assert_eq!(web.port, claimed);
    assert_eq!(web.light, Light::Green);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_daemon_is_watched() {
    let port = free_port();
    let mut bench = Bench::with(&format!(
        r#"
[service.redis]
command = "redis-server --port {{port}} --save '' --appendonly no --daemonize yes"
port = {port}
ready = "redis"
"#
    ))
    .await;
    bench.must_up().await;
    let daemon = bench
        .until("redis", |it| it.pid.is_some_and(lives))
        .await
        .pid
        .expect("a pid");
    bench.vanish().await;
    bench.start().await;
    let adopted = bench.until_phase("redis", PhaseName::Ready).await;
    assert_eq!(adopted.pid, Some(daemon));
    kill(daemon);
    bench
        .until("redis", |it| {
            it.phase == PhaseName::Ready && it.pid != Some(daemon)
        })
        .await;
    assert_eq!(bench.down().await, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}
