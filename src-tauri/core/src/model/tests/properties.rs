//! A simulation whose effects are answered in any order and in any way, including late answers.

use proptest::prelude::*;

use super::*;
use crate::model::{
    effect::{Hindrance, Timer},
    facts::{LaunchFault, PortFault, ProbeFault, ProbeFaultKind},
    service::{Health, Phase, ServiceState, Then},
    stack::Progress,
    view::Light,
};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A random event of the simulation.
#[derive(Clone, Debug)]
enum Turn {
    Up(Vec<usize>),
    Down(Vec<usize>),
    Restart(Vec<usize>),
    Kill,
    /// Answers one of the open effects in one of several ways.
    Answer {
        which: usize,
        how: u8,
    },
    /// A process exits.
    Die {
        which: usize,
        how: u8,
    },
    /// A report of an earlier run arrives late.
    Late {
        which: usize,
        how: u8,
    },
    Pass(u16),
    Redefine(usize),
    /// A reader keeps the view.
    Look,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let names = || prop::collection::vec(0..NAMES.len(), 0..3);
    let turn = prop_oneof![
        2 => names().prop_map(Turn::Up),
        1 => names().prop_map(Turn::Down),
        1 => names().prop_map(Turn::Restart),
        1 => Just(Turn::Kill),
        12 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Turn::Answer { which, how }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Turn::Die { which, how }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Turn::Late { which, how }),
        1 => (0..40_000u16).prop_map(Turn::Pass),
        1 => (0..NAMES.len()).prop_map(Turn::Redefine),
        2 => Just(Turn::Look),
    ];
    prop::collection::vec(turn, 1..120)
}

/// Generates five services; each may need earlier ones in one of the three ways, or be external.
fn stacks() -> impl Strategy<Value = Vec<Service>> {
    let need = prop_oneof![
        Just(Need::Ready),
        Just(Need::Started),
        Just(Need::Completed)
    ];
    let traits = (
        prop::collection::vec(prop::option::weighted(0.4, need), 4),
        0..8u8,
    );
    prop::collection::vec(traits, NAMES.len()).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(index, (needs, kind))| {
                let mut spec = service(NAMES[index], &[]);
                let earlier = needs.into_iter().take(index).enumerate();
                spec.needs = earlier
                    .filter_map(|(need, how)| Some((NAMES[need].into(), how?)))
                    .collect();
                spec.restart =
                    [Restart::OnFailure, Restart::Always, Restart::Never][usize::from(kind % 3)];
                if kind == 7 {
                    spec.command = None;
                }
                if kind == 5 {
                    spec.on_unhealthy = OnUnhealthy::Restart;
                }
                spec
            })
            .collect()
    })
}

/// The simulated system: the effects that are not answered yet, and the running services.
struct World {
    bench: Bench,
    open: Vec<Effect>,
    past: Vec<Effect>,
    alive: BTreeMap<ServiceName, RunId>,
}

impl World {
    fn new(services: Vec<Service>) -> Self {
        Self {
            bench: Bench::new(stack_of(services)),
            open: Vec::new(),
            past: Vec::new(),
            alive: BTreeMap::new(),
        }
    }

    fn step(&mut self, event: Event) {
        for effect in self.bench.step(event) {
            self.check_start(&effect);
            self.check_stop(&effect);
            match effect.act {
                Act::Abandon => {
                    assert_ne!(
                        self.alive.get(&effect.service),
                        Some(&effect.run),
                        "{} is abandoned while it runs",
                        effect.service
                    );
                    let over =
                        |open: &Effect| open.service == effect.service && open.run <= effect.run;
                    self.past
                        .extend(self.open.extract_if(.., |open| over(open)));
                }
                Act::Kill | Act::Signal(_) | Act::Hook(_) => {}
                _ => self.open.push(effect),
            }
        }
    }

    /// Verifies that no service starts before its needs are met, or runs twice at once.
    fn check_start(&mut self, effect: &Effect) {
        if !matches!(effect.act, Act::Claim { .. }) {
            return;
        }
        let name = &effect.service;
        assert_eq!(self.alive.get(name), None, "{name} runs twice");
        let view = self.bench.model.view();
        let service = self
            .bench
            .model
            .service(name)
            .expect("a service of the stack");
        assert!(service.intent.wanted, "{name} starts unwanted");
        for (need, how) in &service.spec().needs {
            let other = view
                .services
                .iter()
                .find(|other| other.name == *need)
                .expect("a need");
            let done = other.phase == PhaseName::Stopped && other.light == Light::Green;
            let met = match how {
                Need::Ready => other.phase == PhaseName::Ready,
                Need::Started => {
                    other.pid.is_some()
                        || matches!(other.phase, PhaseName::Ready | PhaseName::Unhealthy)
                }
                Need::Completed => false,
            };
            assert!(
                met || done,
                "{name} starts while {need} is {:?}",
                other.phase
            );
        }
    }

    /// Verifies that the dependents of a service are gone before it is stopped.
    fn check_stop(&self, effect: &Effect) {
        let service = self
            .bench
            .model
            .service(&effect.service)
            .expect("a service of the stack");
        let asked = matches!(
            service.phase(),
            Phase::Stopping {
                then: Then::Rest,
                ..
            }
        );
        if effect.act != Act::Stop || !asked {
            return;
        }
        let needs_it = |other: &&ServiceState| other.spec().needs.contains_key(&effect.service);
        for other in self.bench.model.services().iter().filter(needs_it) {
            assert_eq!(
                self.alive.get(other.name()),
                None,
                "{} is stopped too early",
                effect.service
            );
        }
    }

    fn report(&mut self, service: &ServiceName, run: RunId, report: Report) {
        self.step(Event::Report {
            service: service.clone(),
            run,
            report,
        });
    }

    fn answer(&mut self, which: usize, how: u8) {
        if self.open.is_empty() {
            return;
        }
        let effect = self.open.remove(which % self.open.len());
        let report = self.reply(&effect, how);
        if matches!(effect.act, Act::Probe) {
            self.open.push(effect.clone());
        } else {
            self.past.push(effect.clone());
        }
        if let Some(report) = report {
            self.report(&effect.service, effect.run, report);
        }
    }

    fn reply(&mut self, effect: &Effect, how: u8) -> Option<Report> {
        let good = !how.is_multiple_of(4);
        Some(match effect.act {
            Act::Claim { .. } if good => Report::Claimed(Ok(None)),
            Act::Claim { .. } => Report::Claimed(Err(Hindrance::Port(PortFault::NoneFree))),
            Act::Launch if good => {
                let former = self.alive.insert(effect.service.clone(), effect.run);
                assert_eq!(former, None, "{} was launched twice", effect.service);
                Report::Launched(Ok(Process {
                    pid: 7,
                    started: effect.run.0,
                }))
            }
            Act::Launch => Report::Launched(Err(LaunchFault::Other {
                message: "no".into(),
            })),
            Act::Probe if good => Report::Round(Ok(Duration::from_millis(1))),
            Act::Probe => Report::Round(Err(ProbeFault {
                target: "x".into(),
                kind: ProbeFaultKind::Reset,
            })),
            Act::Follow => {
                self.alive.remove(&effect.service);
                Report::Exited {
                    exit: Exit::Unknown,
                    survivors: Vec::new(),
                    last_words: None,
                }
            }
            Act::Check { .. } if how.is_multiple_of(2) => Report::Checked(Vec::new()),
            Act::Check { .. } => Report::Checked(vec![(
                "a check".to_owned(),
                ProbeFault {
                    target: "127.0.0.1:1".into(),
                    kind: ProbeFaultKind::Refused,
                },
            )]),
            Act::Stop => {
                self.alive.remove(&effect.service);
                Report::Stopped(Stopped::default())
            }
            Act::Wait { timer, until } => {
                let past = until.saturating_duration_since(self.bench.now.instant);
                self.bench.wait(past);
                Report::Elapsed(timer)
            }
            Act::Kill | Act::Signal(_) | Act::Hook(_) | Act::Abandon => return None,
        })
    }

    fn die(&mut self, which: usize, how: u8) {
        let Some((service, run)) = self.alive.iter().nth(which % self.alive.len().max(1)) else {
            return;
        };
        let (service, run) = (service.clone(), *run);
        let exit = if how.is_multiple_of(2) {
            Exit::Code(0)
        } else {
            Exit::Signal(9)
        };
        let leaves = how.is_multiple_of(3);
        if !leaves {
            self.alive.remove(&service);
        }
        let survivors = if leaves {
            vec![Process { pid: 9, started: 9 }]
        } else {
            Vec::new()
        };
        self.report(
            &service,
            run,
            Report::Exited {
                exit,
                survivors,
                last_words: None,
            },
        );
    }

    /// Sends a late answer of an earlier run, which must change nothing.
    fn late(&mut self, which: usize, how: u8) {
        if self.past.is_empty() {
            return;
        }
        let effect = self.past[which % self.past.len()].clone();
        let current = self
            .bench
            .model
            .service(&effect.service)
            .and_then(ServiceState::current_run);
        if current == Some(effect.run) {
            return;
        }
        let report = match how % 4 {
            0 => Report::Launched(Ok(Process { pid: 8, started: 8 })),
            1 => Report::Exited {
                exit: Exit::Code(1),
                survivors: Vec::new(),
                last_words: None,
            },
            2 => Report::Elapsed(Timer::Backoff),
            _ => Report::Stopped(Stopped::default()),
        };
        let before = self.bench.model.view();
        let event = Event::Report {
            service: effect.service,
            run: effect.run,
            report,
        };
        let effects = self.bench.step(event);
        assert!(effects.is_empty(), "a late report led to {effects:?}");
        assert_eq!(*before, *self.bench.model.view(), "a late report was seen");
    }

    fn take(&mut self, turn: Turn) {
        let names = |places: Vec<usize>| {
            places
                .into_iter()
                .map(|place| NAMES[place].into())
                .collect()
        };
        match turn {
            Turn::Up(places) => self.step(Event::Up(names(places))),
            Turn::Down(places) => self.step(Event::Down(names(places))),
            Turn::Restart(places) => self.step(Event::Restart(names(places))),
            Turn::Kill => self.step(Event::Kill(Vec::new())),
            Turn::Answer { which, how } => self.answer(which, how),
            Turn::Die { which, how } => self.die(which, how),
            Turn::Late { which, how } => self.late(which, how),
            Turn::Pass(millis) => self.bench.wait(Duration::from_millis(millis.into())),
            Turn::Redefine(place) => {
                let mut stack = (**self.bench.model.stack()).clone();
                let spec = Arc::make_mut(&mut stack.services[place]);
                spec.start_timeout += Duration::from_secs(1);
                self.step(Event::Load(Arc::new(stack), HashMap::new()));
            }
            // Debug builds compare the view with one that is rebuilt completely.
            Turn::Look => drop(self.bench.model.view()),
        }
        self.check_phases();
    }

    /// Verifies that exactly the services run that the model regards as running.
    fn check_phases(&self) {
        for service in self.bench.model.services() {
            if !service.is_active() {
                assert_eq!(
                    self.alive.get(service.name()),
                    None,
                    "{} runs unseen",
                    service.name()
                );
            }
            let running = service.running();
            let health = running.map(|running| running.health);
            if health == Some(Health::Ready) {
                assert!(running.is_some_and(|running| running.ready_since.is_some()));
            }
            let is_underway = health == Some(Health::Starting)
                || matches!(
                    service.phase(),
                    Phase::Stopped | Phase::Claiming | Phase::Stopping { .. }
                );
            let light = service.light();
            if light == Light::Red || light == Light::Amber && !is_underway {
                assert!(
                    service.reason().is_some() || service.must_be_down(),
                    "{} is {light:?} without a reason",
                    service.name()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn for_all_events_the_order_holds_and_stopping_ends(
        services in stacks(),
        turns in turns(),
        answers in prop::collection::vec((any::<usize>(), any::<u8>()), 200),
    ) {
        let mut world = World::new(services);
        for turn in turns {
            world.take(turn);
        }
        world.step(Event::Down(Vec::new()));
        let goal = world.bench.model.down_goal(&[]);
        // Probes and checks never end; every other answer brings the end nearer.
        for (which, how) in answers {
            world.open.retain(|effect| !matches!(effect.act, Act::Probe | Act::Check { .. } | Act::Wait { .. }));
            if world.open.is_empty() {
                break;
            }
            world.take(Turn::Answer { which, how });
        }
        prop_assert_eq!(world.bench.model.progress(&goal), Progress::Reached);
        prop_assert!(world.alive.is_empty(), "{:?} outlived a completed stop", world.alive);
        prop_assert!(!world.bench.model.is_alive());
    }
}
