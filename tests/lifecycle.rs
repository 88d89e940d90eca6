//! Start, stop and restart of real processes by a real daemon.
#![cfg(unix)]

#[cfg(target_os = "linux")]
#[path = "lifecycle/hanging.rs"]
mod hanging;
#[path = "lifecycle/overruled.rs"]
mod overruled;
mod support;

use std::{fs, time::Duration};

use pilotlight::{
    control::{Control as _, Outcome},
    model::{
        facts::Exit,
        finding::Code,
        view::{Light, PhaseName, ServiceView},
    },
};
use pilotlight_test_service::free_port;
use tokio_util::sync::CancellationToken;

use support::{Bench, eventually, findings, http_service, kill, leads_a_session, lives, signal};

const SLEEPER: &str = r#"
[service.sleeper]
command = "sleep 1000"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_starts_and_stops_without_a_trace() {
    let bench = Bench::with(SLEEPER).await;
    bench.must_up().await;
    let pid = bench.pid("sleeper");
    assert!(lives(pid));
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(!lives(pid));
    assert_eq!(bench.service("sleeper").light, Light::Off);
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_starts_in_order_and_stops_in_reverse() {
    let (first, second) = (free_port(), free_port());
    let stack = format!(
        "{}{}needs = [\"first\"]\n",
        http_service("first", first),
        http_service("second", second)
    );
    let bench = Bench::with(&stack).await;
    bench.must_up().await;
    let (first, second) = (bench.service("first"), bench.service("second"));
    assert!(first.started < second.started && first.since <= second.started);
    let second_pid = bench.pid("second");
    // The first may stop only after the second.
    let stopping = bench.down();
    let watching = async {
        bench
            .until("first", |it| it.phase != PhaseName::Ready)
            .await;
        assert!(!lives(second_pid));
    };
    let (outcome, ()) = tokio::join!(stopping, watching);
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_service_restarts_with_another_pid() {
    let bench = Bench::with(SLEEPER).await;
    bench.must_up().await;
    let pid = bench.pid("sleeper");
    kill(pid);
    let back = bench
        .until("sleeper", |it| {
            it.phase == PhaseName::Ready && it.pid != Some(pid)
        })
        .await;
    assert_eq!(back.restarts, 1);
    assert_eq!(back.last_exit, Some(Exit::Signal(9)));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grandchild_in_another_session_stops_with_its_service() {
    let bench = Bench::with(
        r#"
[service.parent]
command = ["sh", "-c", "setsid sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & wait"]
"#,
    )
    .await;
    bench.must_up().await;
    eventually("five processes", || bench.marked().len() >= 5).await;
    assert_eq!(bench.down().await, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_ignores_sigterm_is_killed_after_the_timeout() {
    let bench = Bench::with(
        r#"
[service.stubborn]
command = ["sh", "-c", "trap '' TERM; echo listening; while :; do sleep 0.1; done"]
ready = { log = "listening" }
stop = { timeout = "300ms" }
"#,
    )
    .await;
    bench.must_up().await;
    let pid = bench.pid("stubborn");
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(!lives(pid));
    assert_eq!(bench.marked(), [0; 0]);
}

/// Forks endlessly, but at most 300 times in total: each fork first writes a byte.
const BOMB: &str = "
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
count = os.open('count', os.O_CREAT | os.O_WRONLY | os.O_APPEND)
while True:
    if os.fstat(count).st_size < 300:
        os.write(count, b'x')
        if os.fstat(count).st_size <= 300 and os.fork() == 0 and len(sys.argv) > 1:
            os.setsid()
    time.sleep(0.02)
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn down_stops_a_fork_bomb_while_status_still_works() {
    for way in ["", "in sessions of their own"] {
        let bench = Bench::with(&format!(
            "[service.bomb]\ncommand = [\"python3\", \"bomb.py\"{}]\nstop = {{ timeout = \"1s\" }}\n",
            if way.is_empty() { "" } else { ", \"x\"" }
        ))
        .await;
        fs::write(bench.path("bomb.py"), BOMB).expect("the bomb");
        bench.must_up().await;
        eventually("a crowd", || bench.marked().len() >= 100).await;
        let down = tokio::time::timeout(Duration::from_secs(10), bench.down());
        let down = async { down.await.expect("down takes less than 10 s") };
        let ended = CancellationToken::new();
        let asking = async {
            while !ended.is_cancelled() {
                let status = tokio::time::timeout(Duration::from_secs(2), bench.handle().usage());
                status.await.expect("status takes less than 2 s");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let ending = async {
            let outcome = down.await;
            ended.cancel();
            outcome
        };
        let (outcome, ()) = tokio::join!(ending, asking);
        assert_eq!(outcome, Outcome::Done, "{way}");
        assert_eq!(bench.marked(), [0; 0], "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_programs_survive_a_crash_and_stopped_ones_are_named() {
    let bench = Bench::with(
        r#"
[service.dev]
command = ["sh", "-c", "setsid ./agent 1000 & echo $! > agent.pid; setsid ./helper 1000 & echo $! > helper.pid; wait"]
keep = ["agent"]
"#,
    )
    .await;
    for name in ["agent", "helper"] {
        fs::copy("/usr/bin/sleep", bench.path(name)).expect("a program");
    }
    bench.must_up().await;
    let pid = |name: &str| {
        let text = fs::read_to_string(bench.path(&format!("{name}.pid"))).ok()?;
        text.trim().parse::<u32>().ok()
    };
    let runs = |name: &str| {
        let program = pid(name).and_then(|pid| fs::read_link(format!("/proc/{pid}/exe")).ok());
        program.is_some_and(|program| program.ends_with(name))
    };
    eventually("both run", || runs("agent") && runs("helper")).await;
    let [agent, helper] = ["agent", "helper"].map(|name| pid(name).expect("a pid"));
    kill(bench.pid("dev"));
    let back = bench
        .until("dev", |it| it.restarts == 1 && it.phase == PhaseName::Ready)
        .await;
    assert!(!lives(helper));
    assert!(lives(agent));
    let note = back.note.as_deref().expect("it is said");
    assert!(note.contains("helper") && !note.contains("agent"), "{note}");
    assert_eq!(bench.down().await, Outcome::Done);
    assert!(lives(agent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_daemonizes_is_followed_and_stopped() {
    let port = free_port();
    let bench = Bench::with(&format!(
        r#"
[service.redis]
command = "redis-server --port {{port}} --save '' --appendonly no --daemonize yes"
port = {port}
ready = {{ redis = "redis://127.0.0.1:{{port}}/0" }}
"#
    ))
    .await;
    bench.must_up().await;
    let daemon = bench
        // The first PID may be that of the parent, which is about to exit.
        .until("redis", |it| it.pid.is_some_and(leads_a_session))
        .await
        .pid
        .expect("a pid");
    kill(daemon);
    let back = bench
        .until("redis", |it| {
            it.phase == PhaseName::Ready && it.restarts == 1 && it.pid != Some(daemon)
        })
        .await;
    assert_eq!(back.restarts, 1);
    assert_eq!(bench.down().await, Outcome::Done);
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_completes_before_its_dependents_start() {
    let bench = Bench::with(
        r#"
[service.migrate]
command = ["sh", "-c", "sleep 0.1; echo done > migrated"]

[service.backend]
command = ["sh", "-c", "cat migrated && exec sleep 1000"]
needs = { migrate = "completed" }
ready = { log = "done" }
"#,
    )
    .await;
    bench.must_up().await;
    assert_eq!(bench.service("migrate").light, Light::Green);
    assert_eq!(bench.service("migrate").last_exit, Some(Exit::Code(0)));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarting_a_service_restarts_its_dependents_too() {
    let bench = Bench::with(
        r#"
[service.base]
command = "sleep 1000"
[service.other]
command = "sleep 1000"
[service.top]
command = "sleep 1000"
needs = ["base"]
"#,
    )
    .await;
    bench.must_up().await;
    let (base, other, top) = (bench.pid("base"), bench.pid("other"), bench.pid("top"));
    assert_eq!(bench.restart(&["base"]).await, Outcome::Done);
    assert_ne!(bench.pid("base"), base);
    assert_ne!(bench.pid("top"), top);
    assert_eq!(bench.pid("other"), other);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_requested_service_and_its_dependencies_start() {
    let bench = Bench::with(
        r#"
[service.base]
command = "sleep 1000"
[service.other]
command = "sleep 1000"
[service.top]
command = "sleep 1000"
needs = ["base"]
"#,
    )
    .await;
    assert_eq!(bench.up_some(&["top"]).await, Outcome::Done);
    assert_eq!(bench.service("base").phase, PhaseName::Ready);
    assert_eq!(bench.service("other").phase, PhaseName::Stopped);
    assert!(
        matches!(bench.up_some(&["topp"]).await, Outcome::Refused(why) if why.contains("topp"))
    );
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_stack_file_restarts_only_changed_services() {
    let bench = Bench::with(
        "[service.a]\ncommand = \"sleep 1000\"\n[service.b]\ncommand = \"sleep 1000\"\n",
    )
    .await;
    bench.must_up().await;
    let (a, b) = (bench.pid("a"), bench.pid("b"));
    bench.write("[service.a]\ncommand = \"sleep 1001\"\n[service.b]\ncommand = \"sleep 1000\"\n");
    bench.must_up().await;
    assert_ne!(bench.pid("a"), a);
    assert_eq!(bench.pid("b"), b);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_responding_becomes_unhealthy_and_recovers() {
    let port = free_port();
    let bench = Bench::with(&format!(
        "{}ready = {{ http = \"http://127.0.0.1:{{port}}/\", every = \"50ms\", timeout = \"200ms\", failures = 2 }}\n",
        http_service("web", port).replace("ready =", "# ready =")
    ))
    .await;
    bench.must_up().await;
    let pid = bench.pid("web");
    signal(pid, rustix::process::Signal::STOP);
    let sick = bench.until_phase("web", PhaseName::Unhealthy).await;
    assert_eq!(
        sick.finding.as_ref().map(|finding| finding.code),
        Some(Code::Hung)
    );
    signal(pid, rustix::process::Signal::CONT);
    bench.until_phase("web", PhaseName::Ready).await;
    assert_eq!(bench.pid("web"), pid, "it was not restarted");
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_never_becomes_ready_is_reported_and_left_alone() {
    let port = free_port();
    let bench = Bench::with(&format!(
        "[service.silent]\ncommand = \"sleep 1000\"\nport = {port}\nstart_timeout = \"300ms\"\n"
    ))
    .await;
    let outcome = bench.up().await;
    assert_eq!(findings(&outcome), [Code::NotListening]);
    assert!(lives(bench.pid("silent")));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_crashes_at_once_is_not_restarted_for_ever_and_shows_its_last_line() {
    let bench = Bench::with(
        "[service.dud]\ncommand = [\"sh\", \"-c\", \"echo 'Error: no such table: sessions'; exit 3\"]\nready = { log = \"never\" }\n",
    )
    .await;
    let outcome = bench.up().await;
    assert_eq!(findings(&outcome), [Code::CrashLoop]);
    let Outcome::Failed { findings, .. } = outcome else {
        panic!("it failed")
    };
    assert!(
        findings[0]
            .evidence
            .iter()
            .any(|line| line.contains("no such table")),
        "{findings:?}"
    );
    assert_eq!(bench.service("dud").last_exit, Some(Exit::Code(3)));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_with_code_0_after_being_ready_is_a_silent_exit() {
    let bench = Bench::with(
        "[service.quitter]\ncommand = [\"sh\", \"-c\", \"echo up; read -t 0.3 x < /dev/zero; sleep 0.3\"]\nready = { log = \"up\" }\nrestart = \"never\"\n",
    )
    .await;
    bench.must_up().await;
    let failed = bench.until_phase("quitter", PhaseName::Failed).await;
    assert_eq!(
        failed.finding.as_ref().map(|finding| finding.code),
        Some(Code::SilentExit)
    );
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_check_turns_the_light_amber_and_saved_values_reach_later_checks() {
    let port = free_port();
    let bench = Bench::with(&format!(
        r#"{}
[[service.web.check]]
name = "read the session"
http = "http://127.0.0.1:{{port}}/session.json"
save = {{ session = "/id" }}
[[service.web.check]]
name = "use it"
http = "http://127.0.0.1:{{port}}/{{session}}.txt"
"#,
        http_service("web", port)
    ))
    .await;
    fs::write(bench.path("session.json"), r#"{"id":"s1"}"#).expect("a file");
    bench.must_up().await;
    bench.until("web", |it| it.light == Light::Amber).await;
    fs::write(bench.path("s1.txt"), "it is me").expect("a file");
    bench.restart(&[]).await;
    let used = "\"GET /s1.txt HTTP/1.1\" 200";
    eventually("the second check", || bench.log("web").contains(used)).await;
    assert_eq!(bench.service("web").light, Light::Green);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_service_is_watched_and_never_touched() {
    let port = free_port();
    let bench = Bench::with(&format!(
        "[service.store]\nexternal = true\nready = {{ tcp = \"127.0.0.1:{port}\" }}\n[service.top]\ncommand = \"sleep 1000\"\nneeds = [\"store\"]\n"
    ))
    .await;
    let up = bench.up();
    let opening = async {
        bench.until("top", |it| !it.waiting_for.is_empty()).await;
        std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port")
    };
    let (outcome, _listener) = tokio::join!(up, opening);
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_next_a_used_port_is_skipped_and_dependents_get_the_new_one() {
    let held = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = held.local_addr().expect("an address").port();
    let bench = Bench::with(&format!(
        "{}port_conflict = \"next\"\n[service.top]\ncommand = [\"sh\", \"-c\", \"echo $PEER; exec sleep 1000\"]\nneeds = [\"web\"]\nenv = {{ PEER = \"peer {{web.port}}\" }}\nready = {{ log = \"peer\" }}\n",
        http_service("web", port)
    ))
    .await;
    bench.must_up().await;
    let claimed = bench.service("web").port.expect("a port").number();
    assert!(claimed > port);
    assert!(bench.log("top").contains(&format!("peer {claimed}")));
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_of_a_service_never_overlap_and_run_once_more_after_events_meanwhile() {
    // In a large stack, an automatic diagnosis runs no additional checks if nothing is wrong.
    let others =
        (0..20).map(|other| format!("[service.other-{other}]\ncommand = \"sleep 1000\"\n"));
    let others: String = others.collect();
    let bench = Bench::with(
        &(others + r#"
[service.web]
command = "sleep 1000"

[[service.web.check]]
name = "alone"
command = ["sh", "-c", "mkdir busy || echo >> overlaps; echo >> runs; while [ ! -e go ]; do sleep 0.02; done; rmdir busy"]
timeout = "20s"

[service.unsteady]
command = "sleep 1000"
"#),
    )
    .await;
    let file = bench.file();
    let folder = file.parent().expect("a folder");
    let runs = || fs::read_to_string(folder.join("runs")).map_or(0, |runs| runs.lines().count());
    bench.must_up().await;
    eventually("the first run of the check", || runs() == 1).await;
    // After the second failure, it is red until it is started again.
    for _ in 0..3 {
        let pid = bench.pid("unsteady");
        kill(pid);
        let is_back =
            |it: &ServiceView| it.phase == PhaseName::Ready && it.pid.is_some_and(|now| now != pid);
        bench.until("unsteady", is_back).await;
    }
    assert_eq!(runs(), 1);
    fs::write(folder.join("go"), "").expect("a file");
    eventually("one more run", || {
        runs() == 2 && !folder.join("busy").exists()
    })
    .await;
    assert!(!folder.join("overlaps").exists());
    assert_eq!(bench.down().await, Outcome::Done);
    assert_eq!(runs(), 2);
}
