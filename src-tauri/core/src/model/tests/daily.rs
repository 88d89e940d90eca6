//! Watched files, tasks, schedules, hooks, and a machine that sleeps.

use super::*;
use crate::{
    model::{
        effect::Timer,
        facts::{ProbeFault, ProbeFaultKind, Watched},
        finding::Code,
        stack::Progress,
        view::Light,
    },
    stack::{Hook, HookEvent, Reaction, Schedule, Signal, Task, Watch},
};

fn watching(mut service: Service, reaction: Reaction, cascade: bool) -> Service {
    service.watch = Some(Watch {
        paths: vec!["**".to_owned()],
        ignore: Vec::new(),
        debounce: Duration::from_millis(200),
        reaction,
        cascade,
    });
    service
}

fn task(name: &str, schedule: Option<Schedule>) -> Service {
    Service {
        restart: Restart::Never,
        task: Some(Task {
            inputs: Vec::new(),
            schedule,
        }),
        ..service(name, &[])
    }
}

/// Returns a stack in which frontend needs backend, which watches its files.
fn watched(reaction: Reaction, cascade: bool) -> Arc<Stack> {
    stack_of(vec![
        watching(service("backend", &[]), reaction, cascade),
        service("frontend", &["backend"]),
        task("migrate", None),
    ])
}

fn up(stack: Arc<Stack>) -> Bench {
    let mut bench = Bench::new(stack);
    bench.step(Event::Up(Vec::new()));
    bench.make_ready("backend");
    bench.make_ready("frontend");
    bench
}

fn changed(bench: &mut Bench, file: &str) -> Vec<String> {
    let changed = Watched::Changed(vec![file.into()]);
    acts(&bench.step(Event::Watched("backend".into(), changed)))
}

fn fails() -> Report {
    Report::Round(Err(ProbeFault {
        target: "x".into(),
        kind: ProbeFaultKind::Refused,
    }))
}

#[test]
fn a_changed_file_restarts_the_service_alone() {
    let mut bench = up(watched(Reaction::Restart, false));
    assert_eq!(changed(&mut bench, "main.py"), ["backend stop"]);
    let after = acts(&bench.finish_stop("backend"));
    assert_eq!(after, ["backend abandon", "backend claim"]);
    bench.make_ready("backend");
    assert_eq!(bench.phase("frontend"), PhaseName::Ready);
    let note = bench.view("backend").note.clone().unwrap();
    assert_eq!(note, "restarted since main.py has changed");
    // From now on, a stop again begins with the dependents.
    assert_eq!(
        acts(&bench.step(Event::Down(Vec::new()))),
        ["frontend stop"]
    );
}

#[test]
fn with_cascade_the_dependents_restart_too() {
    let mut bench = up(watched(Reaction::Restart, true));
    assert_eq!(changed(&mut bench, "main.py"), ["frontend stop"]);
    let after = acts(&bench.finish_stop("frontend"));
    assert_eq!(after, ["frontend abandon", "backend stop"]);
}

#[test]
fn a_changed_file_starts_a_service_that_has_failed() {
    let mut bench = Bench::new(watched(Reaction::Restart, false));
    bench.step(Event::Up(vec!["backend".into()]));
    bench.launch("backend");
    for _ in 0..4 {
        bench.die("backend", Exit::Code(1));
        bench.wait(Duration::from_secs(1));
        bench.report("backend", Report::Elapsed(Timer::Backoff));
        bench.launch("backend");
    }
    bench.die("backend", Exit::Code(1));
    assert_eq!(bench.phase("backend"), PhaseName::Failed);
    assert_eq!(changed(&mut bench, "main.py"), ["backend claim"]);
}

#[test]
fn a_changed_file_can_signal_the_service_or_run_a_task() {
    let mut bench = up(watched(Reaction::Signal(Signal::HangUp), false));
    assert_eq!(changed(&mut bench, "main.py"), ["backend signal"]);

    let mut bench = up(watched(Reaction::Task("migrate".into()), false));
    assert_eq!(changed(&mut bench, "main.py"), ["migrate claim"]);
    bench.launch("migrate");
    bench.die("migrate", Exit::Code(0));
    assert_eq!(changed(&mut bench, "main.py"), ["migrate claim"]);
    bench.launch("migrate");
    // The task never runs twice at once, and the change is not lost.
    assert_eq!(changed(&mut bench, "main.py"), ["migrate stop"]);
}

#[test]
fn a_service_that_writes_its_watched_files_is_reported_and_no_longer_restarted() {
    let mut bench = up(watched(Reaction::Restart, false));
    for _ in 0..4 {
        bench.wait(Duration::from_millis(900));
        assert_eq!(changed(&mut bench, "version.txt"), ["backend stop"]);
        bench.finish_stop("backend");
        bench.make_ready("backend");
    }
    bench.wait(Duration::from_millis(900));
    assert!(changed(&mut bench, "version.txt").is_empty());
    let findings = bench.model.view().findings.clone();
    assert_eq!(findings[0].code, Code::WatchLoop);
    assert!(findings[0].title.contains("version.txt"), "{findings:?}");
    assert!(changed(&mut bench, "version.txt").is_empty());
    // Changes of other files still count, and a restart by the user resets the count.
    assert_eq!(changed(&mut bench, "main.py"), ["backend stop"]);
    bench.finish_stop("backend");
    bench.step(Event::Restart(vec!["backend".into()]));
    assert!(bench.model.view().findings.is_empty());
}

#[test]
fn a_task_runs_for_a_service_that_needs_it_or_on_request() {
    let mut backend = service("backend", &[]);
    backend.needs.insert("migrate".into(), Need::Completed);
    let stack = stack_of(vec![backend, task("migrate", None), task("seed", None)]);
    let mut bench = Bench::new(stack);
    assert_eq!(acts(&bench.step(Event::Up(Vec::new()))), ["migrate claim"]);
    // It has no probes: it completes when it exits.
    let launched = bench.report("migrate", Report::Claimed(Ok(None)));
    assert_eq!(acts(&launched), ["migrate launch"]);
    let probed = bench.report("migrate", Report::Launched(Ok(process("migrate"))));
    assert!(probed.is_empty());
    let goal = bench.model.up_goal(&[]);
    assert_eq!(bench.model.progress(&goal), Progress::Pending);
    bench.die("migrate", Exit::Code(0));
    bench.make_ready("backend");
    assert_eq!(bench.model.progress(&goal), Progress::Reached);
    let view = bench.model.view();
    assert_eq!(view.summary(), "all 2 ready");
    assert_eq!(bench.view("seed").state(), "not run");

    // A second start has nothing to do; a request by name runs the task again.
    assert!(bench.step(Event::Up(Vec::new())).is_empty());
    let again = bench.step(Event::Up(vec!["migrate".into()]));
    assert_eq!(acts(&again), ["migrate claim"]);
    bench.report("migrate", Report::UpToDate);
    assert_eq!(bench.view("migrate").light, Light::Green);
    assert_eq!(bench.view("migrate").run, Some(RunId(1)));
    let again = bench.step(Event::Restart(vec!["migrate".into()]));
    assert!(matches!(again[0].act, Act::Claim { forced: true, .. }));
    assert_eq!(bench.phase("backend"), PhaseName::Ready);
}

#[test]
fn a_schedule_runs_a_task_once_at_a_time_and_missed_times_only_once() {
    let hour = Duration::from_hours(1);
    let backup = task("backup", Some(Schedule::Every(hour)));
    let mut bench = Bench::new(stack_of(vec![service("db", &[]), backup]));
    let elapse = |bench: &mut Bench| {
        let report = Report::Elapsed(Timer::Schedule);
        let run = RunId(0);
        let event = Event::Report {
            service: "backup".into(),
            run,
            report,
        };
        acts(&bench.step(event))
    };
    let started = bench.step(Event::Up(Vec::new()));
    assert_eq!(acts(&started), ["backup wait", "db claim"]);
    assert_eq!(bench.view("backup").state(), "scheduled");

    bench.wait(hour);
    assert_eq!(elapse(&mut bench), ["backup wait", "backup claim"]);
    bench.launch("backup");
    // It is still running when it is due again.
    bench.wait(hour);
    assert_eq!(elapse(&mut bench), ["backup wait"]);
    bench.die("backup", Exit::Code(0));
    // The machine sleeps overnight.
    bench.wait(hour * 9);
    bench.step(Event::Awake);
    assert_eq!(elapse(&mut bench), ["backup wait", "backup claim"]);
    bench.launch("backup");
    bench.die("backup", Exit::Code(0));
    // A timer that elapses early is set again.
    assert_eq!(elapse(&mut bench), ["backup wait"]);
    bench.step(Event::Down(Vec::new()));
    bench.wait(hour);
    assert!(elapse(&mut bench).is_empty());
}

#[test]
fn failures_just_after_a_sleep_do_not_count() {
    let mut bench = Bench::new(stack_of(vec![service("backend", &[])]));
    bench.step(Event::Up(Vec::new()));
    bench.make_ready("backend");
    bench.report("backend", fails());
    bench.report("backend", fails());
    bench.wait(Duration::from_hours(8));
    bench.step(Event::Awake);
    for _ in 0..5 {
        bench.report("backend", fails());
    }
    assert_eq!(bench.phase("backend"), PhaseName::Ready);
    for _ in 0..8 {
        bench.die("backend", Exit::Code(1));
        if bench.phase("backend") == PhaseName::Backoff {
            bench.report("backend", Report::Elapsed(Timer::Backoff));
        }
        bench.launch("backend");
    }
    assert_eq!(bench.phase("backend"), PhaseName::Starting);
    bench.report("backend", Report::Round(Ok(Duration::from_millis(1))));
    bench.wait(Duration::from_secs(20));
    for _ in 0..3 {
        bench.report("backend", fails());
    }
    assert_eq!(bench.phase("backend"), PhaseName::Unhealthy);
}

#[test]
fn hooks_run_once_for_each_change_of_state() {
    let hook = || Hook::Run(Command::Argv(vec![Template::text("true")]));
    let mut backend = service("backend", &[]);
    let events = [
        HookEvent::Ready,
        HookEvent::Failed,
        HookEvent::Stopped,
        HookEvent::Recovered,
    ];
    backend.hooks = events.map(|event| (event, hook())).into();
    let mut bench = Bench::new(stack_of(vec![backend]));
    let hooks = |bench: &mut Bench| -> Vec<HookEvent> {
        let effects = std::mem::take(&mut bench.effects);
        let hooks = effects.into_iter().filter_map(|effect| match effect.act {
            Act::Hook(event) => Some(event),
            _ => None,
        });
        hooks.collect()
    };
    bench.step(Event::Up(Vec::new()));
    bench.make_ready("backend");
    assert_eq!(hooks(&mut bench), [HookEvent::Ready]);
    for _ in 0..3 {
        bench.report("backend", fails());
    }
    assert!(hooks(&mut bench).is_empty(), "the cause is not known yet");
    let situation = bench.model.undiagnosed().unwrap();
    let findings = Vec::new();
    bench.step(Event::Diagnosed {
        situation,
        findings,
    });
    assert_eq!(hooks(&mut bench), [HookEvent::Failed]);
    bench.report("backend", Report::Round(Ok(Duration::from_millis(1))));
    assert_eq!(hooks(&mut bench), [HookEvent::Recovered]);
    bench.step(Event::Restart(Vec::new()));
    bench.finish_stop("backend");
    bench.make_ready("backend");
    assert!(hooks(&mut bench).is_empty());
    bench.step(Event::Down(Vec::new()));
    bench.finish_stop("backend");
    assert_eq!(hooks(&mut bench), [HookEvent::Stopped]);
}
