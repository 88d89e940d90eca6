//! A stack and a clock that a day controls.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use pilotlight::{
    diagnose::{diagnose, evidence::Evidence},
    host::clock,
    model::{
        effect::{Hindrance, Report, Timer},
        facts::{Claimed, Exit, Holder, PortFault, ProbeFault, Process, RunId, Stopped, TimePoint},
        stack::{Event, StackModel},
        view::{ServiceView, StackView},
    },
    stack_file,
};

use crate::evidence;

/// Friday, 9 January 2026, 10:00 UTC: a fixed time, so that the snapshots do not change.
const MORNING: Duration = Duration::from_hours(491_098);

pub(crate) struct Stage {
    text: String,
    model: StackModel,
    now: TimePoint,
}

impl Stage {
    /// Creates the stack of this file, of which no service has been started.
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let environment = pilotlight::env::Env::new();
        let stack = stack_file::parse(Path::new(file), text.as_bytes(), &environment)
            .unwrap_or_else(|report| panic!("the stack file is valid: {report:?}"));
        let now = TimePoint {
            wall: SystemTime::UNIX_EPOCH + MORNING,
            ..clock::now()
        };
        Self {
            text: text.to_owned(),
            model: StackModel::new(Arc::new(stack), |_| RunId(11), 7, now),
            now,
        }
    }

    /// Starts all services, which become ready.
    pub(crate) fn up(file: &str, text: &str) -> Self {
        let mut stage = Self::of(file, text);
        stage.ask(Event::Up(Vec::new()));
        let names: Vec<String> = stage
            .view()
            .services
            .iter()
            .map(|service| service.name.to_string())
            .collect();
        for name in names {
            stage.make_ready(&name);
        }
        stage.wait(Duration::from_mins(72));
        stage
    }

    pub(crate) fn ask(&mut self, event: Event) {
        self.model.step(self.now, event);
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.now.wall
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    pub(crate) fn report(&mut self, service: &str, report: Report) {
        let run = self.service(service).run;
        self.ask(Event::Report {
            service: service.into(),
            run: run.unwrap_or_else(|| panic!("{service} has been started")),
            report,
        });
    }

    pub(crate) fn view(&mut self) -> Arc<StackView> {
        self.model.view()
    }

    pub(crate) fn service(&mut self, name: &str) -> Arc<ServiceView> {
        let view = self.view();
        let mut services = view.services.iter();
        let found = services.find(|service| service.name.as_str() == name);
        found
            .unwrap_or_else(|| panic!("{name} is in the view"))
            .clone()
    }

    /// Reports that the port of a service is free, maybe after these processes were stopped, and that it runs.
    pub(crate) fn launch(&mut self, service: &str, ended: Vec<Holder>) {
        let port = self.service(service).port;
        let claimed = port.map(|port| Claimed { port, ended });
        self.report(service, Report::Claimed(Ok(claimed)));
        let pid = 4200 + u32::try_from(self.place(service)).unwrap_or_default();
        let process = Process { pid, started: 1 };
        self.report(service, Report::Launched(Ok(process)));
    }

    pub(crate) fn make_ready(&mut self, service: &str) {
        if !self.service(service).external {
            self.launch(service, Vec::new());
        }
        self.wait(Duration::from_millis(240));
        let tenths = 9 + 6 * u64::try_from(self.place(service) % 4).unwrap_or_default();
        self.report(
            service,
            Report::Round(Ok(Duration::from_micros(100 * tenths))),
        );
    }

    fn place(&mut self, name: &str) -> usize {
        let services = &self.view().services;
        let place = services.iter().position(|it| it.name.as_str() == name);
        place.unwrap_or_default()
    }

    pub(crate) fn port_is_taken(&mut self, service: &str, fault: PortFault) {
        let hindrance = Hindrance::Port(fault);
        self.report(service, Report::Claimed(Err(hindrance)));
    }

    pub(crate) fn end(&mut self, service: &str, exit: Exit, last_words: Option<&str>) {
        let report = Report::Exited {
            exit,
            survivors: Vec::new(),
            last_words: last_words.map(str::to_owned),
        };
        self.report(service, report);
    }

    /// Lets a service exit each time, until it is no longer restarted.
    pub(crate) fn keep_ending(&mut self, service: &str, exit: Exit, last_words: &str) {
        for failure in 1..=5 {
            self.launch(service, Vec::new());
            self.wait(Duration::from_millis(300));
            self.end(service, exit, Some(last_words));
            if failure < 5 {
                self.wait(Duration::from_secs(2));
                self.report(service, Report::Elapsed(Timer::Backoff));
            }
        }
    }

    pub(crate) fn fail_rounds(&mut self, service: &str, fault: &ProbeFault) {
        for _ in 0..3 {
            self.wait(Duration::from_secs(2));
            self.report(service, Report::Round(Err(fault.clone())));
        }
    }

    pub(crate) fn stopped(&mut self, service: &str) {
        let stopped = Stopped {
            exit: Some(Exit::Signal(15)),
            ..Stopped::default()
        };
        self.report(service, Report::Stopped(stopped));
    }

    /// Runs the diagnosis with additional evidence.
    pub(crate) fn diagnose(&mut self, tell: impl FnOnce(&mut Evidence)) {
        self.wait(Duration::from_secs(12));
        let situation = self.model.undiagnosed();
        let situation = situation.unwrap_or_else(|| panic!("something is wrong"));
        let view = self.view();
        let mut evidence = evidence::of(self.model.stack(), &self.text, &view, self.now.wall);
        tell(&mut evidence);
        self.ask(Event::Diagnosed {
            situation,
            findings: diagnose(&evidence),
        });
    }
}
