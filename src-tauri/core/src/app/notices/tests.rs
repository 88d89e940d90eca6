use super::*;
use crate::{
    model::{
        facts::{Exit, RunId},
        finding::{Code, Finding, Remedy},
    },
    stack::Mode,
};

/// A stack of redis, backend (needs redis) and frontend (needs backend), all ready.
struct Stage {
    stack: StackView,
    notices: Notices,
    now: Timestamp,
}

impl Stage {
    fn all_ready() -> Self {
        let services = [("redis", ""), ("backend", "redis"), ("frontend", "backend")];
        let stack = StackView {
            name: "nexus".into(),
            file: "/srv/nexus/pilotlight.toml".into(),
            mode: Mode::Development,
            light: Light::Green,
            services: services
                .map(|(name, need)| Arc::new(ready(name, need)))
                .into(),
            findings: Vec::new(),
            profiles: Vec::new(),
            started_by: None,
            checkout: None,
        };
        let mut stage = Self {
            stack,
            notices: Notices::default(),
            now: "2026-01-09T10:00:00Z".parse().unwrap(),
        };
        assert_eq!(stage.tell(), Vec::<String>::new());
        stage
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut ServiceView)) -> &mut Self {
        let name = ServiceName::new(name);
        let service = self
            .stack
            .services
            .iter_mut()
            .find(|service| service.name == name);
        let service = Arc::make_mut(service.unwrap());
        service.since = Some(self.now);
        change(service);
        self
    }

    fn phase(&mut self, name: &str, phase: PhaseName) -> &mut Self {
        self.change(name, |service| {
            service.phase = phase;
            service.light = match phase {
                PhaseName::Ready => Light::Green,
                PhaseName::Stopped => Light::Off,
                PhaseName::Failed
                | PhaseName::Blocked
                | PhaseName::Unhealthy
                | PhaseName::Backoff => Light::Red,
                _ => Light::Amber,
            };
            if phase == PhaseName::Ready {
                service.finding = None;
            }
        })
    }

    fn found(&mut self, victim: &str, cause: &str) -> &mut Self {
        let finding = Arc::new(finding(cause));
        self.stack.findings = vec![finding.clone()];
        self.change(victim, |service| service.finding = Some(finding))
    }

    fn later(&mut self, milliseconds: i64) -> &mut Self {
        self.now += SignedDuration::from_millis(milliseconds);
        self
    }

    fn tell(&mut self) -> Vec<String> {
        let snapshot = Arc::new(Snapshot {
            stacks: vec![Arc::new(self.stack.clone())],
        });
        let notices = self.notices.take(&snapshot, self.now);
        notices.into_iter().map(|notice| notice.title).collect()
    }
}

fn finding(cause: &str) -> Finding {
    Finding {
        code: Code::Exited,
        service: cause.into(),
        title: format!("{cause} is to blame").into(),
        since: None,
        evidence: Vec::new(),
        symptoms: Vec::new(),
        remedy: Remedy {
            text: "start it".into(),
            action: None,
        },
    }
}

fn ready(name: &str, need: &str) -> ServiceView {
    ServiceView {
        name: name.into(),
        phase: PhaseName::Ready,
        light: Light::Green,
        pid: Some(1),
        port: None,
        ports: BTreeMap::new(),
        container: None,
        since: None,
        restarts: 0,
        latency_ms: None,
        cpu_percent: None,
        memory_bytes: None,
        waiting_for: Vec::new(),
        last_exit: Some(Exit::Signal(9)),
        adopted: false,
        external: false,
        task: false,
        next_run: None,
        run: Some(RunId(1)),
        started: None,
        needs: [need]
            .into_iter()
            .filter(|need| !need.is_empty())
            .map(ServiceName::new)
            .collect(),
        links: BTreeMap::new(),
        finding: None,
        note: None,
    }
}

#[test]
fn a_crash_is_notified_once_and_so_is_the_recovery() {
    let mut stage = Stage::all_ready();
    stage.phase("backend", PhaseName::Backoff);
    assert_eq!(stage.tell(), ["backend crashed"]);
    stage.later(1000).phase("backend", PhaseName::Starting);
    stage.change("backend", |service| service.restarts = 1);
    assert!(stage.tell().is_empty());
    stage.later(1000).phase("backend", PhaseName::Backoff);
    assert!(stage.tell().is_empty(), "it is the same incident");
    stage.later(1200).phase("backend", PhaseName::Ready);
    assert_eq!(stage.tell(), ["backend recovered after 3.2 s"]);
    assert!(stage.tell().is_empty());
}

#[test]
fn a_flapping_service_has_one_notification_that_counts_its_crashes() {
    let mut stage = Stage::all_ready();
    let mut told = Vec::new();
    for _ in 0..3 {
        stage.later(2000).phase("backend", PhaseName::Backoff);
        told.extend(stage.tell());
        stage.later(500).phase("backend", PhaseName::Ready);
        told.extend(stage.tell());
    }
    let after = "backend recovered after 0.5 s";
    assert_eq!(
        told,
        [
            "backend crashed",
            after,
            "backend crashed 2 times",
            after,
            "backend crashed 3 times",
            after,
        ]
    );
    stage.later(61_000).phase("backend", PhaseName::Backoff);
    assert_eq!(stage.tell(), ["backend crashed"], "that was long ago");
}

#[test]
fn a_restart_that_no_snapshot_shows_is_told_all_the_same() {
    let mut stage = Stage::all_ready();
    stage.phase("backend", PhaseName::Claiming);
    stage.change("backend", |service| service.restarts = 1);
    assert_eq!(stage.tell(), ["backend crashed"]);
    stage.later(300).phase("backend", PhaseName::Ready);
    assert_eq!(stage.tell(), ["backend recovered after 0.3 s"]);
}

#[test]
fn a_crash_loop_is_told_at_its_begin_and_when_it_is_given_up() {
    let mut stage = Stage::all_ready();
    let mut told = Vec::new();
    for _ in 0..4 {
        told.extend(stage.later(100).phase("backend", PhaseName::Backoff).tell());
        told.extend(
            stage
                .later(100)
                .phase("backend", PhaseName::Starting)
                .tell(),
        );
    }
    told.extend(stage.phase("backend", PhaseName::Failed).tell());
    told.extend(stage.later(100).found("backend", "backend").tell());
    assert_eq!(told, ["backend crashed", "backend failed"]);
}

#[test]
fn what_suffers_from_another_is_not_told() {
    let mut stage = Stage::all_ready();
    stage.phase("redis", PhaseName::Backoff);
    stage.phase("backend", PhaseName::Backoff);
    assert_eq!(stage.tell(), ["redis crashed"]);
    stage.later(500).phase("frontend", PhaseName::Unhealthy);
    assert!(stage.tell().is_empty());
    stage.later(500).phase("redis", PhaseName::Ready);
    assert_eq!(stage.tell(), ["redis recovered after 1.0 s"]);
    stage.phase("backend", PhaseName::Ready);
    stage.phase("frontend", PhaseName::Ready);
    assert!(stage.tell().is_empty(), "their failures were not notified");
}

#[test]
fn who_is_not_well_is_told_when_it_is_known_whose_fault_that_is() {
    let mut stage = Stage::all_ready();
    stage.phase("backend", PhaseName::Unhealthy);
    assert!(stage.tell().is_empty(), "the diagnosis has not finished");
    stage.later(100).found("backend", "backend");
    assert_eq!(stage.tell(), ["backend is unhealthy"]);
    stage.later(900).phase("backend", PhaseName::Ready);
    assert_eq!(stage.tell(), ["backend recovered after 0.9 s"]);
}

#[test]
fn one_cause_of_several_that_are_not_well_is_told_once() {
    let mut stage = Stage::all_ready();
    for name in ["backend", "frontend"] {
        stage.change(name, |service| service.needs.clear());
        stage.phase(name, PhaseName::Unhealthy);
        stage.found(name, "redis");
    }
    assert_eq!(stage.tell(), ["backend is unhealthy"]);
}

#[test]
fn there_is_no_notification_of_a_requested_change() {
    let mut stage = Stage::all_ready();
    for phase in [
        PhaseName::Stopping,
        PhaseName::Stopped,
        PhaseName::Claiming,
        PhaseName::Starting,
        PhaseName::Ready,
    ] {
        for name in ["frontend", "backend", "redis"] {
            stage.phase(name, phase);
        }
        assert!(stage.tell().is_empty(), "{phase:?}");
    }
}

#[test]
fn who_starts_again_what_was_given_up_is_not_told_that_it_is_back() {
    let mut stage = Stage::all_ready();
    stage.phase("backend", PhaseName::Blocked);
    assert_eq!(stage.tell(), ["backend is blocked"]);
    for phase in [PhaseName::Claiming, PhaseName::Starting, PhaseName::Ready] {
        assert!(stage.later(100).phase("backend", phase).tell().is_empty());
    }
}

#[test]
fn who_stops_what_died_hears_no_more_of_it() {
    let mut stage = Stage::all_ready();
    stage.phase("backend", PhaseName::Backoff);
    assert_eq!(stage.tell().len(), 1);
    for phase in [PhaseName::Stopped, PhaseName::Claiming, PhaseName::Ready] {
        assert!(stage.later(100).phase("backend", phase).tell().is_empty());
    }
}

#[test]
fn how_things_were_found_is_no_news() {
    let mut stage = Stage::all_ready();
    stage.notices = Notices::default();
    stage.phase("backend", PhaseName::Failed);
    assert!(stage.tell().is_empty());
}

#[test]
fn nothing_that_a_service_says_is_markup_in_a_notification() {
    let notice = Notice {
        file: "/srv/pilotlight.toml".into(),
        service: "b".into(),
        kind: Kind::Failing,
        title: "b crashed".into(),
        body: "<a href=\"http://x\">R&D</a> &lt;".into(),
    };
    assert_eq!(
        notice.body_as_markup(),
        "&lt;a href=\"http://x\"&gt;R&amp;D&lt;/a&gt; &amp;lt;"
    );
}
