//! Scenarios of daily use.

use super::*;
use crate::{
    model::{
        container::{ContainerInfo, Published},
        effect::{Hindrance, Timer},
        facts::{Claimed, Holder, LaunchFault, PortFault, ProbeFault, ProbeFaultKind, Protected},
        finding::Code,
        restart::SETTLED,
        service::Adoption,
        stack::{Goal, PortTable, Progress},
        view::Light,
    },
    stack::{Check, CheckAction, Ports as _},
};

fn check(name: &str, every: Option<Duration>) -> Check {
    Check {
        name: name.into(),
        action: CheckAction::Redis(Template::text("redis://127.0.0.1:1")),
        origin: None,
        credentials: false,
        save: BTreeMap::new(),
        timeout: Duration::from_secs(1),
        every,
    }
}

fn refused() -> ProbeFault {
    ProbeFault {
        target: "127.0.0.1:1".into(),
        kind: ProbeFaultKind::Refused,
    }
}

#[test]
fn a_stack_starts_in_the_order_of_its_needs() {
    let mut bench = Bench::new(nexus());
    assert_eq!(acts(&bench.step(Event::Up(Vec::new()))), ["redis claim"]);
    assert_eq!(
        bench.view("frontend").waiting_for,
        [ServiceName::new("backend")]
    );
    bench.make_ready("redis");
    assert_eq!(bench.phase("backend"), PhaseName::Claiming);
    assert_eq!(bench.phase("frontend"), PhaseName::Stopped);
    bench.make_ready("backend");
    bench.make_ready("frontend");
    assert_eq!(bench.model.view().light, Light::Green);
}

#[test]
fn probes_begin_together_with_the_process() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    bench.report("redis", Report::Claimed(Ok(None)));
    let effects = bench.report("redis", Report::Launched(Ok(process("redis"))));
    assert_eq!(acts(&effects), ["redis probe", "redis wait"]);
}

#[test]
fn starting_a_service_starts_its_dependencies_and_nothing_else() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(vec!["backend".into()]));
    bench.make_ready("redis");
    bench.make_ready("backend");
    assert_eq!(bench.phase("frontend"), PhaseName::Stopped);
    assert_eq!(bench.view("frontend").light, Light::Off);
}

#[test]
fn stopping_redis_stops_the_frontend_and_the_backend_first() {
    let mut bench = Bench::up_all(nexus());
    assert_eq!(
        acts(&bench.step(Event::Down(vec!["redis".into()]))),
        ["frontend stop"]
    );
    assert_eq!(
        acts(&bench.finish_stop("frontend")),
        ["frontend abandon", "backend stop"]
    );
    assert_eq!(
        acts(&bench.finish_stop("backend")),
        ["backend abandon", "redis stop"]
    );
    bench.finish_stop("redis");
    assert!(!bench.model.is_alive());
    assert_eq!(bench.model.view().light, Light::Off);
}

#[test]
fn stopping_the_frontend_leaves_the_others_alone() {
    let mut bench = Bench::up_all(nexus());
    assert_eq!(
        acts(&bench.step(Event::Down(vec!["frontend".into()]))),
        ["frontend stop"]
    );
    assert_eq!(acts(&bench.finish_stop("frontend")), ["frontend abandon"]);
    assert_eq!(bench.phase("backend"), PhaseName::Ready);
}

#[test]
fn a_service_that_crashes_after_being_ready_restarts_at_once() {
    let mut bench = Bench::up_all(nexus());
    let before = bench.run("redis");
    assert_eq!(
        acts(&bench.die("redis", Exit::Signal(9))),
        ["redis abandon", "redis claim"]
    );
    assert!(bench.run("redis") > before);
    assert_eq!(bench.view("redis").restarts, 1);
    assert_eq!(bench.view("redis").last_exit, Some(Exit::Signal(9)));
    assert_eq!(
        bench.phase("backend"),
        PhaseName::Ready,
        "what needs it is not restarted"
    );
}

#[test]
fn remaining_processes_are_stopped_before_a_service_restarts() {
    let mut bench = Bench::up_all(nexus());
    let survivors = vec![Process { pid: 5, started: 5 }];
    let exit = Report::Exited {
        exit: Exit::Code(1),
        survivors,
        last_words: None,
    };
    assert_eq!(acts(&bench.report("redis", exit)), ["redis stop"]);
    assert_eq!(bench.view("redis").light, Light::Red);
    assert_eq!(
        acts(&bench.finish_stop("redis")),
        ["redis abandon", "redis claim"]
    );
}

#[test]
fn a_restart_at_once_does_not_wait_for_the_last_words_of_the_run() {
    let mut bench = Bench::up_all(stack_of(vec![service("worker", &[])]));
    let crashed = bench.run("worker");
    let words = |run| Event::Report {
        service: "worker".into(),
        run,
        report: Report::LastWords(Some("ValueError: seven".into())),
    };
    let evidence = |bench: &mut Bench| {
        let finding = bench.view("worker").finding.clone();
        finding.expect("what it died of").evidence.join("; ")
    };
    assert_eq!(
        acts(&bench.die("worker", Exit::Code(1))),
        ["worker abandon", "worker claim"]
    );
    assert!(!evidence(&mut bench).contains("ValueError"));
    bench.step(words(RunId(crashed.0 + 1)));
    assert!(!evidence(&mut bench).contains("ValueError"));
    bench.step(words(crashed));
    assert!(evidence(&mut bench).contains("ValueError: seven"));
    bench.make_ready("worker");
    bench.step(words(crashed));
    assert_eq!(bench.view("worker").finding, None);
}

#[test]
fn a_silent_exit_is_a_failure_too() {
    let mut alone = service("worker", &[]);
    alone.restart = Restart::Never;
    let mut bench = Bench::up_all(stack_of(vec![alone]));
    bench.die("worker", Exit::Code(0));
    assert_eq!(bench.phase("worker"), PhaseName::Failed);
    assert_eq!(
        bench
            .view("worker")
            .finding
            .as_ref()
            .map(|finding| finding.code),
        Some(Code::SilentExit)
    );
}

#[test]
fn an_error_that_every_start_repeats_is_not_tried_a_third_time() {
    let mut bench = Bench::new(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Up(Vec::new()));
    let mut die = |words: &str| {
        bench.launch("worker");
        let exit = Report::Exited {
            exit: Exit::Code(1),
            survivors: Vec::new(),
            last_words: Some(words.to_owned()),
        };
        bench.report("worker", exit);
        let phase = bench.phase("worker");
        if phase == PhaseName::Backoff {
            bench.wait(Duration::from_secs(1));
            bench.report("worker", Report::Elapsed(Timer::Backoff));
        }
        (phase, bench.view("worker").finding.clone())
    };
    let missing = "ModuleNotFoundError: No module named 'fastapi'";
    for words in ["ValueError: seven", "ValueError: seven", missing] {
        assert_ne!(die(words).0, PhaseName::Failed);
    }
    let (phase, finding) = die(missing);
    assert_eq!(phase, PhaseName::Failed);
    let finding = finding.expect("the reason");
    assert_eq!(finding.code, Code::CrashLoop);
    let title = "worker exited twice with code 1 and the same error, so it is not restarted";
    assert_eq!(&*finding.title, title);
}

#[test]
fn a_service_that_keeps_crashing_is_not_restarted_until_up_requests_it() {
    let mut bench = Bench::new(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Up(Vec::new()));
    for failure in 1..=5 {
        bench.launch("worker");
        bench.die("worker", Exit::Code(3));
        if failure < 5 {
            assert_eq!(bench.phase("worker"), PhaseName::Backoff);
            bench.wait(Duration::from_secs(1));
            bench.report("worker", Report::Elapsed(Timer::Backoff));
        }
    }
    assert_eq!(bench.phase("worker"), PhaseName::Failed);
    assert_eq!(
        bench
            .view("worker")
            .finding
            .as_ref()
            .map(|finding| finding.code),
        Some(Code::CrashLoop)
    );
    let goal = bench.model.up_goal(&[]);
    assert!(
        matches!(bench.model.progress(&goal), Progress::Failed(findings) if findings.len() == 1)
    );

    assert_eq!(acts(&bench.step(Event::Up(Vec::new()))), ["worker claim"]);
    bench.make_ready("worker");
    assert_eq!(bench.model.progress(&goal), Progress::Reached);
    assert_eq!(bench.view("worker").restarts, 0);
}

#[test]
fn a_minute_in_the_ready_state_makes_the_next_restart_immediate() {
    let mut bench = Bench::up_all(stack_of(vec![service("worker", &[])]));
    bench.die("worker", Exit::Code(1));
    bench.make_ready("worker");
    bench.wait(SETTLED);
    assert_eq!(
        acts(&bench.die("worker", Exit::Code(1))),
        ["worker abandon", "worker claim"]
    );
}

#[test]
fn a_service_is_unhealthy_after_three_failures_in_a_row_until_one_success() {
    let mut bench = Bench::up_all(nexus());
    for _ in 0..2 {
        bench.report("backend", Report::Round(Err(refused())));
        assert_eq!(bench.phase("backend"), PhaseName::Ready);
    }
    bench.report("backend", Report::Round(Err(refused())));
    assert_eq!(bench.phase("backend"), PhaseName::Unhealthy);
    assert_eq!(
        bench.view("backend").finding.as_ref().map(|it| it.code),
        Some(Code::NotListening)
    );
    bench.report("backend", Report::Round(Ok(Duration::from_millis(2))));
    assert_eq!(bench.phase("backend"), PhaseName::Ready);
    assert_eq!(bench.view("backend").finding, None);
}

#[test]
fn an_unhealthy_service_is_restarted_only_if_the_stack_file_says_so() {
    let mut stubborn = service("worker", &[]);
    stubborn.on_unhealthy = OnUnhealthy::Restart;
    let mut bench = Bench::up_all(stack_of(vec![stubborn]));
    for _ in 0..2 {
        bench.report("worker", Report::Round(Err(refused())));
    }
    assert_eq!(
        acts(&bench.report("worker", Report::Round(Err(refused())))),
        ["worker stop"]
    );
    assert_eq!(
        acts(&bench.finish_stop("worker")),
        ["worker abandon", "worker claim"]
    );
}

#[test]
fn a_service_that_is_not_ready_in_time_keeps_running_and_is_reported() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    bench.launch("redis");
    bench.report("redis", Report::Round(Err(refused())));
    bench.report("redis", Report::Elapsed(Timer::Start));
    assert_eq!(bench.phase("redis"), PhaseName::Unhealthy);
    let goal = bench.model.up_goal(&[]);
    assert!(matches!(bench.model.progress(&goal), Progress::Failed(_)));
    bench.report("redis", Report::Round(Ok(Duration::from_millis(1))));
    assert_eq!(
        bench.phase("backend"),
        PhaseName::Claiming,
        "what waits for it goes on when it is late"
    );
}

#[test]
fn a_command_that_daemonizes_is_followed() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    bench.launch("redis");
    let daemon = Process {
        pid: 77,
        started: 9,
    };
    let exit = Report::Exited {
        exit: Exit::Code(0),
        survivors: vec![daemon],
        last_words: None,
    };
    assert_eq!(acts(&bench.report("redis", exit)), ["redis follow"]);
    assert_eq!(bench.view("redis").pid, Some(77));
    bench.report("redis", Report::Round(Ok(Duration::from_millis(1))));
    assert_eq!(
        acts(&bench.die("redis", Exit::Unknown)),
        ["redis abandon", "redis claim"]
    );
}

#[test]
fn a_command_that_daemonizes_may_be_ready_before_its_exit_is_seen() {
    let mut bench = Bench::up_all(nexus());
    let daemon = Process {
        pid: 77,
        started: 9,
    };
    let exit = || Report::Exited {
        exit: Exit::Code(0),
        survivors: vec![daemon],
        last_words: None,
    };
    assert_eq!(acts(&bench.report("redis", exit())), ["redis follow"]);
    assert_eq!(bench.view("redis").pid, Some(77));
    assert_eq!(bench.phase("redis"), PhaseName::Ready);

    bench.wait(Duration::from_secs(2));
    assert_eq!(acts(&bench.report("backend", exit())), ["backend stop"]);
}

#[test]
fn a_completed_job_starts_the_services_that_wait_for_it() {
    let mut backend = service("backend", &[]);
    backend.needs.insert("migrate".into(), Need::Completed);
    let mut bench = Bench::new(stack_of(vec![service("migrate", &[]), backend]));
    bench.step(Event::Up(Vec::new()));
    bench.make_ready("migrate");
    assert_eq!(bench.phase("backend"), PhaseName::Stopped);
    assert_eq!(
        acts(&bench.die("migrate", Exit::Code(0))),
        ["migrate abandon", "backend claim"]
    );
    bench.make_ready("backend");
    assert_eq!(bench.view("migrate").light, Light::Green);
    let goal = bench.model.up_goal(&[]);
    assert_eq!(bench.model.progress(&goal), Progress::Reached);
}

#[test]
fn a_failed_job_keeps_its_dependents_waiting() {
    let mut backend = service("backend", &[]);
    backend.needs.insert("migrate".into(), Need::Completed);
    let mut migrate = service("migrate", &[]);
    migrate.restart = Restart::Never;
    let mut bench = Bench::new(stack_of(vec![migrate, backend]));
    bench.step(Event::Up(Vec::new()));
    bench.launch("migrate");
    bench.die("migrate", Exit::Code(1));
    assert_eq!(bench.phase("migrate"), PhaseName::Failed);
    assert_eq!(
        bench.view("backend").waiting_for,
        [ServiceName::new("migrate")]
    );
}

#[test]
fn an_external_service_is_monitored_and_never_launched_or_stopped() {
    let mut billing = service("billing", &[]);
    billing.command = None;
    let mut bench = Bench::new(stack_of(vec![billing, service("backend", &["billing"])]));
    assert_eq!(
        acts(&bench.step(Event::Up(Vec::new()))),
        ["billing probe", "billing wait"]
    );
    bench.report("billing", Report::Round(Ok(Duration::from_millis(1))));
    bench.make_ready("backend");
    bench.step(Event::Down(Vec::new()));
    assert_eq!(
        acts(&bench.finish_stop("backend")),
        ["backend abandon", "billing abandon"]
    );
}

#[test]
fn a_blocked_port_names_its_holder_and_keeps_the_rest_waiting() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    let holder = Holder {
        process: Process {
            pid: 4242,
            started: 1,
        },
        name: "node".into(),
        command_line: Some("node server.js".into()),
        user: None,
        folder: None,
        since: None,
        addresses: Vec::new(),
        mark: None,
    };
    let fault = PortFault::Taken {
        holder: Some(Box::new(holder)),
        protected: Some(Protected::Production),
    };
    bench.report("redis", Report::Claimed(Err(Hindrance::Port(fault))));
    assert_eq!(bench.phase("redis"), PhaseName::Blocked);
    let finding = bench.view("redis").finding.clone().expect("a finding");
    assert_eq!(finding.code, Code::PortTaken);
    assert!(
        finding.title.contains("node") && finding.title.contains("4242"),
        "{}",
        finding.title
    );
    assert_eq!(bench.phase("backend"), PhaseName::Stopped);
}

#[test]
fn other_services_see_the_next_free_port() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    let port = Port::new(6380).expect("a port");
    bench.report(
        "redis",
        Report::Claimed(Ok(Some(Claimed {
            port,
            ended: Vec::new(),
        }))),
    );
    assert_eq!(
        crate::stack::Ports::port_of(&*bench.model.ports(), &"redis".into()),
        Some(port)
    );
    assert_eq!(bench.view("redis").port, Some(port));
}

#[test]
fn a_missing_program_fails_without_a_second_attempt() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    bench.report("redis", Report::Claimed(Ok(None)));
    let fault = LaunchFault::CommandNotFound {
        program: "redis-servr".into(),
        near: vec!["redis-server".into()],
    };
    assert_eq!(
        acts(&bench.report("redis", Report::Launched(Err(fault)))),
        ["redis abandon"]
    );
    assert_eq!(bench.phase("redis"), PhaseName::Failed);
}

#[test]
fn a_stop_during_the_launch_waits_for_the_process() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    bench.report("redis", Report::Claimed(Ok(None)));
    let effects = bench.step(Event::Down(Vec::new()));
    assert!(
        acts(&effects).contains(&"redis stop".to_owned()),
        "{effects:?}"
    );
    let effects = bench.report("redis", Report::Launched(Ok(process("redis"))));
    assert!(effects.is_empty(), "{effects:?}");
    bench.finish_stop("redis");
    assert_eq!(bench.phase("redis"), PhaseName::Stopped);
}

#[test]
fn a_stop_that_cannot_verify_the_end_is_reported() {
    let mut bench = Bench::up_all(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Down(Vec::new()));
    let stopped = Stopped {
        fault: Some("its program does not respond".to_owned()),
        ..Stopped::default()
    };
    bench.report("worker", Report::Stopped(stopped));
    let goal = bench.model.down_goal(&[]);
    let Progress::Failed(findings) = bench.model.progress(&goal) else {
        panic!("it is not down")
    };
    assert!(findings[0].title.contains("does not respond"));
}

#[test]
fn stopping_a_service_in_backoff_ends_it_at_once() {
    let mut bench = Bench::new(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Up(Vec::new()));
    bench.launch("worker");
    bench.die("worker", Exit::Code(1));
    let late = bench.run("worker");
    bench.step(Event::Down(Vec::new()));
    assert_eq!(bench.phase("worker"), PhaseName::Stopped);
    let report = Report::Elapsed(Timer::Backoff);
    assert!(
        bench
            .step(Event::Report {
                service: "worker".into(),
                run: late,
                report
            })
            .is_empty()
    );
    assert_eq!(bench.phase("worker"), PhaseName::Stopped);
}

#[test]
fn restarting_redis_restarts_its_dependents_in_order() {
    let mut bench = Bench::up_all(nexus());
    assert_eq!(
        acts(&bench.step(Event::Restart(vec!["redis".into()]))),
        ["frontend stop"]
    );
    let goal = bench.model.up_goal(&[]);
    assert_eq!(bench.model.progress(&goal), Progress::Pending);
    bench.finish_stop("frontend");
    bench.finish_stop("backend");
    assert_eq!(
        acts(&bench.finish_stop("redis")),
        ["redis abandon", "redis claim"]
    );
    bench.make_ready("redis");
    bench.make_ready("backend");
    bench.make_ready("frontend");
    assert_eq!(bench.model.progress(&goal), Progress::Reached);
}

#[test]
fn up_while_stopping_starts_again_once_it_is_down() {
    let mut bench = Bench::up_all(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Down(Vec::new()));
    assert!(bench.step(Event::Up(Vec::new())).is_empty());
    assert_eq!(
        acts(&bench.finish_stop("worker")),
        ["worker abandon", "worker claim"]
    );
}

#[test]
fn a_client_that_waits_for_up_is_told_of_a_stop_request() {
    let mut bench = Bench::new(nexus());
    bench.step(Event::Up(Vec::new()));
    let goal = bench.model.up_goal(&[]);
    bench.step(Event::Down(Vec::new()));
    assert_eq!(bench.model.progress(&goal), Progress::Overruled);
}

#[test]
fn an_incomplete_stop_is_reported() {
    let mut bench = Bench::up_all(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Down(Vec::new()));
    let survivors = vec![Process {
        pid: 99,
        started: 1,
    }];
    bench.report(
        "worker",
        Report::Stopped(Stopped {
            survivors,
            ..Stopped::default()
        }),
    );
    let goal = bench.model.down_goal(&[]);
    let Progress::Failed(findings) = bench.model.progress(&goal) else {
        panic!("it is not down")
    };
    assert!(findings[0].title.contains("99"), "{}", findings[0].title);
}

#[test]
fn a_failing_check_turns_the_light_amber_and_not_the_phase() {
    let mut bench = Bench::up_all(nexus());
    bench.report(
        "backend",
        Report::Checked(vec![("create a session".into(), refused())]),
    );
    assert_eq!(bench.phase("backend"), PhaseName::Ready);
    assert_eq!(bench.view("backend").light, Light::Amber);
    bench.report("backend", Report::Checked(Vec::new()));
    assert_eq!(bench.view("backend").light, Light::Green);
}

#[test]
fn an_amber_light_names_the_check_that_fails() {
    let mut bench = Bench::up_all(nexus());
    bench.report(
        "backend",
        Report::Checked(vec![("create a session".into(), refused())]),
    );
    let reason = bench.view("backend").finding.clone().expect("a reason");
    assert!(
        reason.title.starts_with("create a session: "),
        "{}",
        reason.title
    );
}

#[test]
fn a_check_that_failed_while_its_store_restarted_does_not_stay_amber() {
    let mut web = service("web", &[]);
    web.checks.push(check("create a session", None));
    let mut bench = Bench::up_all(stack_of(vec![web]));
    let failed = Report::Checked(vec![("create a session".into(), refused())]);
    assert_eq!(acts(&bench.report("web", failed)), ["web wait"]);
    // No other event arrives: the check is run again by its timer.
    let due = Report::Elapsed(Timer::Check);
    assert_eq!(acts(&bench.report("web", due)), ["web check"]);
    assert_eq!(
        acts(&bench.report("web", Report::Checked(Vec::new()))),
        [""; 0]
    );
    assert_eq!(bench.view("web").light, Light::Green);
    assert_eq!(bench.view("web").finding, None);
}

#[test]
fn a_check_that_passes_in_a_diagnosis_has_passed() {
    let mut bench = Bench::up_all(nexus());
    let failed = vec![("create a session".into(), refused())];
    bench.report("backend", Report::Checked(failed.clone()));
    bench.report("backend", Report::Doctored(Vec::new()));
    assert_eq!(bench.view("backend").light, Light::Green);
    bench.report("backend", Report::Doctored(failed));
    assert_eq!(bench.view("backend").light, Light::Amber);
}

#[test]
fn checks_with_a_pause_are_run_again_and_only_one_timer_runs_for_them() {
    let mut web = service("web", &[]);
    web.checks
        .push(check("look", Some(Duration::from_secs(10))));
    let mut bench = Bench::up_all(stack_of(vec![web]));
    let checked = || Report::Checked(Vec::new());
    assert_eq!(acts(&bench.report("web", checked())), ["web wait"]);
    assert!(bench.report("web", checked()).is_empty());
    let due = Report::Elapsed(Timer::Check);
    assert_eq!(acts(&bench.report("web", due)), ["web check"]);
    assert_eq!(acts(&bench.report("web", checked())), ["web wait"]);
}

#[test]
fn an_adopted_service_is_not_started_again() {
    let mut bench = Bench::new(nexus());
    let adoption = Adoption {
        run: RunId(12),
        process: Some(process("redis")),
        container: None,
        port: None,
        since: jiff::Timestamp::UNIX_EPOCH,
        was_ready: true,
        last_words: None,
    };
    let effects = bench.step(Event::Adopt("redis".into(), adoption));
    assert_eq!(acts(&effects), ["redis probe", "redis wait"]);
    bench.step(Event::Up(Vec::new()));
    bench.report("redis", Report::Round(Ok(Duration::from_millis(1))));
    assert_eq!(bench.run("redis"), RunId(12));
    assert!(bench.view("redis").adopted);
    assert_eq!(bench.phase("backend"), PhaseName::Claiming);
}

#[test]
fn a_service_that_exited_without_a_daemon_is_cleaned_up_and_restarted() {
    let mut bench = Bench::new(stack_of(vec![service("worker", &[])]));
    let adoption = Adoption {
        run: RunId(3),
        process: None,
        container: None,
        port: None,
        since: jiff::Timestamp::UNIX_EPOCH,
        was_ready: true,
        last_words: None,
    };
    assert_eq!(
        acts(&bench.step(Event::Adopt("worker".into(), adoption))),
        ["worker stop"]
    );
    assert_eq!(
        acts(&bench.finish_stop("worker")),
        ["worker abandon", "worker claim"]
    );
    assert_eq!(bench.run("worker"), RunId(4));
}

#[test]
fn a_changed_stack_file_restarts_changed_services_and_stops_removed_ones() {
    let mut bench = Bench::up_all(nexus());
    let mut changed = service("backend", &["redis"]);
    changed.start_timeout = Duration::from_secs(1);
    let mut redis = service("redis", &[]);
    redis.port = Port::new(6379);
    bench.step(Event::Load(stack_of(vec![redis, changed]), HashMap::new()));
    bench.finish_stop("frontend");
    assert_eq!(bench.model.view().services.len(), 2);
    assert_eq!(bench.phase("redis"), PhaseName::Ready);
    assert_eq!(
        acts(&bench.finish_stop("backend")),
        ["backend abandon", "backend claim"]
    );
    let backend = bench.model.service(&"backend".into()).expect("backend");
    assert_eq!(backend.spec().start_timeout, Duration::from_secs(1));
}

#[test]
fn an_unchanged_stack_file_changes_nothing() {
    let mut bench = Bench::up_all(nexus());
    assert!(bench.step(Event::Load(nexus(), HashMap::new())).is_empty());
    assert!(bench.step(Event::Up(Vec::new())).is_empty());
}

#[test]
fn a_second_interrupt_kills_the_stopping_services() {
    let mut bench = Bench::up_all(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Down(Vec::new()));
    assert_eq!(acts(&bench.step(Event::Kill(Vec::new()))), ["worker kill"]);
}

#[test]
fn only_changed_parts_of_a_view_are_rebuilt() {
    let mut bench = Bench::up_all(nexus());
    let before = bench.model.view();
    bench.die("backend", Exit::Signal(9));
    let after = bench.model.view();
    assert!(Arc::ptr_eq(&before.services[0], &after.services[0]));
    assert!(!Arc::ptr_eq(&before.services[1], &after.services[1]));
}

#[test]
fn goals_include_dependencies_or_dependents() {
    let bench = Bench::new(nexus());
    let Goal::Up(up) = bench.model.up_goal(&["backend".into()]) else {
        panic!("a goal")
    };
    let mut up = up.names().to_vec();
    up.sort();
    assert_eq!(up, [ServiceName::new("backend"), ServiceName::new("redis")]);
    let Goal::Down(down) = bench.model.down_goal(&["backend".into()]) else {
        panic!("a goal")
    };
    let mut down = down.names().to_vec();
    down.sort();
    assert_eq!(
        down,
        [ServiceName::new("backend"), ServiceName::new("frontend")]
    );
}

/// Returns a stack of `web`, which has one check, and `db`; both are ready.
fn checked() -> Bench {
    let mut web = service("web", &[]);
    web.checks.push(check("log in", None));
    let mut bench = Bench::new(stack_of(vec![web, service("db", &[])]));
    bench.step(Event::Up(Vec::new()));
    bench.make_ready("db");
    bench.launch("web");
    let effects = bench.report("web", Report::Round(Ok(Duration::from_millis(1))));
    assert_eq!(acts(&effects), ["web check"]);
    bench
}

#[test]
fn checks_run_one_round_at_a_time_and_once_more_for_all_later_events() {
    let mut bench = checked();
    for _ in 0..3 {
        let effects = acts(&bench.die("db", Exit::Signal(9)));
        assert!(!effects.contains(&"web check".to_owned()), "{effects:?}");
        bench.report("db", Report::Elapsed(Timer::Backoff));
        bench.make_ready("db");
    }
    assert_eq!(
        acts(&bench.report("web", Report::Checked(Vec::new()))),
        ["web check"]
    );
    assert!(bench.report("web", Report::Checked(Vec::new())).is_empty());
}

#[test]
fn a_failing_check_runs_again_when_another_service_becomes_ready() {
    let mut bench = checked();
    bench.die("db", Exit::Signal(9));
    let failed = vec![("log in".to_owned(), refused())];
    bench.report("web", Report::Checked(failed.clone()));
    bench.report("web", Report::Checked(failed));
    bench.launch("db");
    let effects = bench.report("db", Report::Round(Ok(Duration::from_millis(1))));
    assert_eq!(acts(&effects), ["web check"]);
}

#[test]
fn a_failing_check_with_a_pause_runs_again_after_the_pause() {
    let mut web = service("web", &[]);
    web.checks
        .push(check("log in", Some(Duration::from_secs(5))));
    let mut bench = Bench::up_all(stack_of(vec![web]));
    for _ in 0..3 {
        let failed = vec![("log in".to_owned(), refused())];
        assert_eq!(
            acts(&bench.report("web", Report::Checked(failed))),
            ["web wait"]
        );
        assert_eq!(
            acts(&bench.report("web", Report::Elapsed(Timer::Check))),
            ["web check"]
        );
    }
}

#[test]
fn a_round_that_changes_only_the_latency_makes_no_new_view() {
    let mut bench = Bench::up_all(nexus());
    let before = bench.model.view();
    let slow = Duration::from_millis(70);
    bench.report("redis", Report::Round(Ok(slow)));
    assert!(!bench.model.is_stale());
    assert!(Arc::ptr_eq(&before, &bench.model.view()));
    let run = bench.run("redis");
    bench.model.show_latency(&"redis".into(), run, slow * 2);
    assert_eq!(bench.view("redis").latency_ms, Some(140.0));
}

#[test]
fn a_removed_service_disappears_once_it_has_stopped_and_may_return() {
    let mut bench = Bench::up_all(nexus());
    let two = {
        let mut stack = (*nexus()).clone();
        stack.services.truncate(2);
        Arc::new(stack)
    };
    bench.step(Event::Load(two, HashMap::new()));
    bench.finish_stop("frontend");
    assert!(bench.model.service(&"frontend".into()).is_none());
    assert_eq!(bench.model.view().services.len(), 2);
    bench.step(Event::Load(nexus(), HashMap::new()));
    bench.step(Event::Up(Vec::new()));
    assert_eq!(bench.model.view().services.len(), 3);
    assert_eq!(bench.phase("frontend"), PhaseName::Claiming);
}

#[test]
fn ten_thousand_services_start_and_stop_by_examining_only_changes() {
    let names: Vec<String> = (0..10_000).map(|number| format!("s{number:05}")).collect();
    let services = names.iter().map(|name| service(name, &[])).collect();
    let mut bench = Bench::new(stack_of(services));
    bench.step(Event::Up(Vec::new()));
    let up = bench.model.up_goal(&[]);
    bench.effects.clear();
    for (number, name) in names.iter().enumerate() {
        bench.make_ready_unseen(name);
        bench.model.view();
        let reached = bench.model.progress(&up) == Progress::Reached;
        assert_eq!(reached, number + 1 == names.len());
    }
    bench.step(Event::Down(Vec::new()));
    let down = bench.model.down_goal(&[]);
    for name in &names {
        assert_eq!(bench.model.progress(&down), Progress::Pending);
        bench.finish_stop(name);
    }
    assert_eq!(bench.model.progress(&down), Progress::Reached);
    assert!(!bench.model.is_alive());
}

#[test]
fn a_view_has_claimed_ports_then_published_ones_then_those_of_the_file() {
    let mut web = service("web", &["db"]);
    web.port = Port::new(8000);
    web.ports = BTreeMap::from([("debug".to_owned(), Port::new(5678).unwrap())]);
    let stack = stack_of(vec![service("db", &[]), web]);
    let dark = PortTable::of_view(stack.clone(), None);
    assert_eq!(dark.port_of(&"web".into()), Port::new(8000));
    assert_eq!(dark.named_port(&"web".into(), "debug"), Port::new(5678));
    let inside = Port::new(5432).unwrap();
    assert_eq!(dark.published(&"db".into(), inside), None);

    let mut view = Arc::unwrap_or_clone(Bench::new(stack.clone()).model.view());
    Arc::make_mut(&mut view.services[1]).port = Port::new(8001);
    let published = Published {
        inside,
        port: Port::new(40_000).unwrap(),
    };
    Arc::make_mut(&mut view.services[0]).container = Some(ContainerInfo {
        id: String::new(),
        name: String::new(),
        image: String::new(),
        engine: String::new(),
        ports: vec![published],
    });
    let live = PortTable::of_view(stack, Some(&view));
    assert_eq!(live.port_of(&"web".into()), Port::new(8001));
    assert_eq!(live.published(&"db".into(), inside), Port::new(40_000));
}

#[test]
fn a_service_without_a_probe_is_ready_again_only_after_it_has_run_for_a_while() {
    let mut bench = Bench::new(stack_of(vec![service("worker", &[])]));
    bench.step(Event::Up(Vec::new()));
    bench.make_ready("worker");
    bench.die("worker", Exit::Code(1));
    bench.report("worker", Report::Claimed(Ok(None)));
    let effects = bench.report("worker", Report::Launched(Ok(process("worker"))));
    assert!(!acts(&effects).contains(&"worker probe".to_owned()));
    let view = bench.view("worker");
    assert_eq!(
        (view.phase, view.light),
        (PhaseName::Starting, Light::Amber)
    );
    assert!(view.finding.is_some(), "the reason stays");
    let effects = bench.report("worker", Report::Elapsed(Timer::Proof));
    assert_eq!(acts(&effects), ["worker probe"]);
    bench.report("worker", Report::Round(Ok(Duration::ZERO)));
    let view = bench.view("worker");
    assert_eq!((view.light, &view.finding), (Light::Green, &None));
}
