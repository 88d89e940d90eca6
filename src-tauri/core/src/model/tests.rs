//! Tests of the model: tables of expected effects, and simulations with random events.

mod daily;
mod properties;
mod scenarios;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{
    effect::{Act, Effect, Report},
    facts::{Exit, Process, RunId, Stopped, TimePoint},
    stack::{Event, StackModel},
    view::{PhaseName, ServiceView},
};
use crate::stack::{
    Command, Input, LogLimits, Mode, Need, OnUnhealthy, Port, PortConflict, Probe, Readiness,
    Require, Restart, Service, ServiceName, Stack, Stop, StopMethod, Template,
};

fn service(name: &str, needs: &[&str]) -> Service {
    Service {
        name: name.into(),
        command: Some(Command::Argv(vec![Template::text("true")])),
        container: None,
        directory: PathBuf::from("/"),
        port: None,
        ports: BTreeMap::new(),
        host: None,
        needs: needs
            .iter()
            .map(|need| ((*need).into(), Need::Ready))
            .collect(),
        env: BTreeMap::new(),
        env_files: Vec::new(),
        env_command: None,
        require: Require::default(),
        restart: Restart::OnFailure,
        restart_delay: None,
        max_restarts: None,
        success_exit_codes: Vec::new(),
        on_unhealthy: OnUnhealthy::Notify,
        memory: None,
        stop: Stop {
            graceful: StopMethod::Signal(crate::stack::Signal::Terminate),
            timeout: Duration::from_secs(5),
        },
        keep: Vec::new(),
        start_timeout: Duration::from_mins(1),
        port_conflict: PortConflict::Replace,
        links: BTreeMap::new(),
        ready: Readiness {
            probes: vec![Probe::Process],
            every: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            failures: 3,
        },
        checks: Vec::new(),
        known: Vec::new(),
        env_points_at: BTreeMap::new(),
        log: LogLimits {
            runs: 10,
            size: 1 << 20,
        },
        watch: None,
        task: None,
        hooks: BTreeMap::new(),
        input: Input::Open,
        tty: false,
        colors: true,
    }
}

fn stack_of(services: Vec<Service>) -> Arc<Stack> {
    Arc::new(Stack {
        name: "test".into(),
        file: "/test/pilotlight.toml".into(),
        mode: Mode::Development,
        profiles: Vec::new(),
        chosen: Vec::new(),
        services: services.into_iter().map(Arc::new).collect(),
        ports: crate::stack::PortAssignment::Auto,
        slot: None,
        declared: BTreeMap::new(),
    })
}

/// Returns a stack: frontend needs backend, backend needs redis.
fn nexus() -> Arc<Stack> {
    let mut redis = service("redis", &[]);
    redis.port = Port::new(6379);
    stack_of(vec![
        redis,
        service("backend", &["redis"]),
        service("frontend", &["backend"]),
    ])
}

/// A stack and a clock, controlled by the test. All requested effects are collected in `effects`.
struct Bench {
    model: StackModel,
    now: TimePoint,
    effects: Vec<Effect>,
}

impl Bench {
    fn new(stack: Arc<Stack>) -> Self {
        let now = crate::host::clock::now();
        Self {
            model: StackModel::new(stack, |_| RunId(0), 7, now),
            now,
            effects: Vec::new(),
        }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.model.step(self.now, event);
        self.effects.extend(effects.iter().cloned());
        effects
    }

    fn report(&mut self, service: &str, report: Report) -> Vec<Effect> {
        let run = self.run(service);
        self.step(Event::Report {
            service: service.into(),
            run,
            report,
        })
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn run(&self, service: &str) -> RunId {
        let service = self
            .model
            .service(&service.into())
            .expect("a service of the stack");
        service.current_run().expect("a run under way")
    }

    fn view(&mut self, service: &str) -> Arc<ServiceView> {
        let view = self.model.view();
        view.services
            .iter()
            .find(|view| view.name.as_str() == service)
            .expect("in the view")
            .clone()
    }

    fn phase(&mut self, service: &str) -> PhaseName {
        self.view(service).phase
    }

    /// Takes one service from claiming to ready.
    fn make_ready(&mut self, service: &str) {
        self.make_ready_unseen(service);
        assert_eq!(self.phase(service), PhaseName::Ready);
    }

    fn make_ready_unseen(&mut self, service: &str) {
        self.launch(service);
        self.report(service, Report::Round(Ok(Duration::from_millis(1))));
    }

    fn launch(&mut self, service: &str) {
        self.report(service, Report::Claimed(Ok(None)));
        self.report(service, Report::Launched(Ok(process(service))));
    }

    fn up_all(stack: Arc<Stack>) -> Self {
        let names: Vec<ServiceName> = stack
            .services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        let mut bench = Self::new(stack);
        bench.step(Event::Up(Vec::new()));
        for name in names {
            bench.make_ready(name.as_str());
        }
        bench
    }

    fn die(&mut self, service: &str, exit: Exit) -> Vec<Effect> {
        self.report(
            service,
            Report::Exited {
                exit,
                survivors: Vec::new(),
                last_words: None,
            },
        )
    }

    fn finish_stop(&mut self, service: &str) -> Vec<Effect> {
        self.report(
            service,
            Report::Stopped(Stopped {
                exit: Some(Exit::Signal(15)),
                ..Stopped::default()
            }),
        )
    }
}

fn process(service: &str) -> Process {
    Process {
        pid: 1000 + u32::from(service.as_bytes()[0]),
        started: 1,
    }
}

/// Formats effects as `service act`.
fn acts(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .map(|effect| format!("{} {}", effect.service, act_name(effect.act)))
        .collect()
}

fn act_name(act: Act) -> &'static str {
    match act {
        Act::Claim { .. } => "claim",
        Act::Launch => "launch",
        Act::Follow => "follow",
        Act::Probe => "probe",
        Act::Check { .. } => "check",
        Act::Stop => "stop",
        Act::Kill => "kill",
        Act::Signal(_) => "signal",
        Act::Hook(_) => "hook",
        Act::Wait { .. } => "wait",
        Act::Abandon => "abandon",
    }
}
