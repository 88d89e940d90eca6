//! The one task that owns the model, and the [`Handle`] by which everyone else talks to it.
//!
//! All that happens comes as a [`Message`] on one channel; the model answers with effects, which
//! become tasks, which report back on the same channel. After each batch of messages the latest
//! whole truth goes out on a `watch` channel.

mod adoption;
mod diagnosis;
mod effects;
mod job;
mod keeper;
mod kept;
mod usage;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock,
    control::{Doctor, Down, Lock, Outcome, Restart, Up},
    effects::{
        evidence::{Case, MemoryKillings},
        log::Watcher,
        port::{ActiveRuns, Ports},
        probe::Prober,
        process::Census,
    },
    home::Home,
    model::{
        effect::Report,
        facts::{Mark, RunId, StackId},
        finding::Finding,
        service::ServiceState,
        stack::{Event, Goal, Progress},
        view::Snapshot,
    },
    stack::{ServiceName, Stack},
    stack_file::Environment,
    state::Journal,
};
use adoption::end_strays;
use job::Launched;
use kept::Kept;

/// What a request is told that comes too late.
const ENDING: &str = "the keeper is ending";
/// How many messages may wait for the supervisor before an effect has to.
const INBOX: usize = 1024;
/// How many messages are taken before the world is told what came of them.
const BATCH: usize = 256;
/// How long a keeper that ends waits for tasks that only tidy up.
const FAREWELL: Duration = Duration::from_secs(1);

/// How everyone else talks to the supervisor. Cheap to clone; when the last one is gone, the
/// supervisor ends and leaves the services running.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: mpsc::Sender<Message>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    alive: watch::Receiver<usize>,
    ended: CancellationToken,
}

/// Something that happened, or that somebody wants.
#[derive(Debug)]
enum Message {
    Up(Up, oneshot::Sender<Outcome>),
    /// What a lost keeper had left of the stack is gone.
    Prepared(Up, oneshot::Sender<Outcome>),
    Down(Down, oneshot::Sender<Outcome>),
    Restart(Restart, oneshot::Sender<Outcome>),
    Usage(oneshot::Sender<Arc<Snapshot>>),
    Applied(oneshot::Sender<Vec<Applied>>),
    Doctor(Doctor, oneshot::Sender<Option<Vec<Finding>>>),
    /// Somebody who gathers wants to know what is known now.
    Case(StackId, oneshot::Sender<Box<Case>>),
    /// What is wrong with a stack in a situation of its own.
    Diagnosed {
        stack: StackId,
        situation: u64,
        findings: Vec<Finding>,
    },
    Quit {
        leave_running: bool,
        answer: oneshot::Sender<Outcome>,
    },
    Launched(Origin, Launched),
    Report(Origin, Report),
}

/// A stack as its file said when it was applied last.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What it said.
    pub stack: Arc<Stack>,
    /// The variables that its services start with. Values are secrets.
    pub variables: Arc<Environment>,
}

/// Which run of which service a report is about.
#[derive(Clone, Debug)]
struct Origin {
    stack: StackId,
    service: ServiceName,
    run: RunId,
}

/// Somebody who waits for what was asked to come true.
#[derive(Debug)]
struct Waiter {
    goals: Vec<(StackId, Goal)>,
    answer: oneshot::Sender<Outcome>,
}

/// What the effects share.
#[derive(Clone)]
struct Tools {
    home: Home,
    census: Census,
    ports: Ports,
    /// The runs that a port is claimed for, or that start or run: nobody ends them for a port.
    active: ActiveRuns,
    prober: Prober,
    watcher: Watcher,
    killings: MemoryKillings,
    reports: mpsc::WeakSender<Message>,
}

/// The task's own state.
struct Supervisor {
    tools: Tools,
    journal: Journal,
    stacks: Vec<Kept>,
    waiters: Vec<Waiter>,
    tasks: TaskTracker,
    snapshot: watch::Sender<Arc<Snapshot>>,
    alive: watch::Sender<usize>,
    meter: usage::Meter,
    quitting: bool,
}

/// A supervisor that has begun.
pub struct Started {
    /// How to talk to it.
    pub handle: Handle,
    /// The task itself, to be joined at the end.
    pub task: JoinHandle<()>,
    /// What was found amiss and set aside, or ended, to be said.
    pub remarks: Vec<String>,
}

/// Begins to supervise the locked home. What an earlier keeper left running is adopted before
/// anything else. Must be called within the runtime; fails where the operating system cannot tell
/// of processes or of files that grow.
pub async fn start(lock: &Lock) -> std::io::Result<Started> {
    let (sender, inbox) = mpsc::channel(INBOX);
    let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (alive, alive_count) = watch::channel(0);
    let ended = CancellationToken::new();
    let handle = Handle {
        inbox: sender,
        snapshot: snapshots,
        alive: alive_count,
        ended: ended.clone(),
    };
    let (journal, remembered) = Journal::open(lock);
    let mut supervisor = Supervisor {
        tools: Tools {
            home: lock.home().clone(),
            census: Census::from_now(),
            ports: Ports::default(),
            active: ActiveRuns::default(),
            prober: Prober::default(),
            watcher: Watcher::new(),
            killings: MemoryKillings::default(),
            reports: handle.inbox.downgrade(),
        },
        journal,
        stacks: Vec::new(),
        waiters: Vec::new(),
        tasks: TaskTracker::new(),
        snapshot,
        alive,
        meter: usage::Meter::default(),
        quitting: false,
    };
    let remarks = supervisor.adopt(remembered).await?;
    supervisor.publish();
    let task = tokio::spawn(async move {
        supervisor.run(inbox).await;
        ended.cancel();
    });
    Ok(Started {
        handle,
        task,
        remarks,
    })
}

impl Supervisor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        while inbox.recv_many(&mut messages, BATCH).await > 0 {
            for message in messages.drain(..) {
                self.take(message);
            }
            self.publish();
            if self.quitting && self.waiters.is_empty() {
                break;
            }
        }
        for kept in &mut self.stacks {
            kept.let_go();
        }
        self.tasks.close();
        // What is left only notes the last lines of logs; a task that hangs is not worth waiting for.
        let _ = tokio::time::timeout(FAREWELL, self.tasks.wait()).await;
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Up(up, answer) => self.prepare(up, answer),
            Message::Prepared(up, answer) => self.up(&up, answer),
            Message::Down(down, answer) => self.down(&down, answer),
            Message::Restart(restart, answer) => self.restart(restart, answer),
            Message::Usage(answer) => self.measure(answer),
            Message::Applied(answer) => {
                let applied = self.stacks.iter().map(|kept| Applied {
                    stack: kept.model.stack().clone(),
                    variables: kept.variables.clone(),
                });
                reply(answer, applied.collect());
            }
            Message::Doctor(doctor, answer) => self.doctor(&doctor, answer),
            Message::Case(stack, answer) => self.tell_case(&stack, answer),
            Message::Diagnosed {
                stack,
                situation,
                findings,
            } => self.diagnosed(&stack, situation, findings),
            Message::Quit {
                leave_running,
                answer,
            } => self.quit(leave_running, answer),
            Message::Launched(origin, launched) => self.launched(&origin, &launched),
            Message::Report(origin, report) => self.report(&origin, report),
        }
    }

    /// What a lost keeper may have left of a stack that is new to this one is ended first.
    fn prepare(&mut self, up: Up, answer: oneshot::Sender<Outcome>) {
        let id = self.tools.home.stack_id(&up.file);
        if self.place(&id).is_some() || !self.tools.home.logs().join(&id.0).exists() {
            return self.up(&up, answer);
        }
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            // One of its own, since the keeper's need not look back so far.
            let census = Census::since(0);
            if let Ok(table) = census.take().await {
                let is_known = |mark: &Mark| tools.active.contains(mark);
                end_strays(&census, &table, &id, is_known).await;
            }
            if let Some(inbox) = tools.reports.upgrade() {
                // A supervisor that has ended answers by dropping the answer.
                let _ = inbox.send(Message::Prepared(up, answer)).await;
            }
        });
    }

    fn up(&mut self, up: &Up, answer: oneshot::Sender<Outcome>) {
        if self.quitting {
            return refuse(answer, ENDING.into());
        }
        let index = match self.load(up) {
            Ok(index) => index,
            Err(message) => return refuse(answer, message),
        };
        if let Some(message) = self.stacks[index].unknown(&up.services) {
            return refuse(answer, message);
        }
        self.step(index, Event::Up(up.services.clone()));
        let goal = self.stacks[index].model.up_goal(&up.services);
        self.wait_for(vec![(index, goal)], answer);
    }

    fn down(&mut self, down: &Down, answer: oneshot::Sender<Outcome>) {
        let chosen: Vec<usize> = match &down.file {
            None => (0..self.stacks.len()).collect(),
            Some(file) => {
                let id = self.tools.home.stack_id(file);
                let found = self.stacks.iter().position(|kept| kept.id == id);
                // A stack that nobody keeps is down already.
                let Some(index) = found else {
                    return reply(answer, Outcome::Done);
                };
                if let Some(message) = self.stacks[index].unknown(&down.services) {
                    return refuse(answer, message);
                }
                vec![index]
            }
        };
        let mut goals = Vec::new();
        for index in chosen {
            self.step(index, Event::Down(down.services.clone()));
            if down.kill {
                self.step(index, Event::Kill(Vec::new()));
            }
            goals.push((index, self.stacks[index].model.down_goal(&down.services)));
        }
        self.wait_for(goals, answer);
    }

    fn restart(&mut self, restart: Restart, answer: oneshot::Sender<Outcome>) {
        let id = self.tools.home.stack_id(&restart.file);
        let Some(index) = self.stacks.iter().position(|kept| kept.id == id) else {
            return refuse(
                answer,
                "that stack is not up; start it with `pilotlight up`".into(),
            );
        };
        if let Some(message) = self.stacks[index].unknown(&restart.services) {
            return refuse(answer, message);
        }
        let goal = self.stacks[index].model.restart_goal(&restart.services);
        self.step(index, Event::Restart(restart.services));
        self.wait_for(vec![(index, goal)], answer);
    }

    fn quit(&mut self, leave_running: bool, answer: oneshot::Sender<Outcome>) {
        self.quitting = true;
        if leave_running {
            for waiter in self.waiters.drain(..) {
                refuse(waiter.answer, ENDING.into());
            }
            return reply(answer, Outcome::Done);
        }
        self.down(
            &Down {
                file: None,
                services: Vec::new(),
                kill: false,
            },
            answer,
        );
    }

    fn launched(&mut self, origin: &Origin, launched: &Launched) {
        let Some(index) = self.place(&origin.stack) else {
            return;
        };
        let running = self.stacks[index].launched(origin, launched);
        // Written down before anybody is told.
        if let Some(running) = running {
            self.journal.started(running);
        }
        let report = Report::Launched(Ok(launched.process));
        self.report(origin, report);
    }

    fn report(&mut self, origin: &Origin, report: Report) {
        let Some(index) = self.place(&origin.stack) else {
            return;
        };
        let is_ready = |kept: &Kept| {
            kept.model
                .service(&origin.service)
                .is_some_and(ServiceState::is_ready)
        };
        let was_ready = is_ready(&self.stacks[index]);
        let event = Event::Report {
            service: origin.service.clone(),
            run: origin.run,
            report,
        };
        self.step(index, event);
        // A later keeper is to know that it once was.
        if !was_ready
            && is_ready(&self.stacks[index])
            && let Some(running) = self.stacks[index].running(&origin.service)
        {
            self.journal.started(running);
        }
    }

    /// Lets the model decide, and sees to what it wants done.
    fn step(&mut self, index: usize, event: Event) {
        let effects = self.stacks[index].model.step(clock::now(), event);
        for effect in effects {
            self.carry_out(index, &effect);
        }
    }

    fn place(&self, stack: &StackId) -> Option<usize> {
        self.stacks.iter().position(|kept| kept.id == *stack)
    }

    fn wait_for(&mut self, goals: Vec<(usize, Goal)>, answer: oneshot::Sender<Outcome>) {
        let goals = goals
            .into_iter()
            .map(|(index, goal)| (self.stacks[index].id.clone(), goal));
        self.waiters.push(Waiter {
            goals: goals.collect(),
            answer,
        });
    }

    /// Has what is wrong looked into, shows the world what is new, then answers whoever has waited long enough: who is told that it
    /// is done sees that it is.
    fn publish(&mut self) {
        for index in 0..self.stacks.len() {
            if self.stacks[index].is_over() {
                self.journal.forget_stack(&self.stacks[index].id);
            }
            self.diagnose(index);
        }
        let stacks = self
            .stacks
            .iter_mut()
            .map(|kept| kept.model.view())
            .collect();
        let snapshot = Snapshot { stacks };
        self.snapshot.send_if_modified(|shown| {
            let same = shown.stacks.len() == snapshot.stacks.len()
                && shown
                    .stacks
                    .iter()
                    .zip(&snapshot.stacks)
                    .all(|(old, new)| Arc::ptr_eq(old, new));
            if !same {
                *shown = Arc::new(snapshot);
            }
            !same
        });
        let alive = self
            .stacks
            .iter()
            .filter(|kept| kept.model.is_alive())
            .count();
        self.alive
            .send_if_modified(|shown| std::mem::replace(shown, alive) != alive);
        for waiter in std::mem::take(&mut self.waiters) {
            match self.outcome(&waiter.goals) {
                None => self.waiters.push(waiter),
                Some(outcome) => reply(waiter.answer, outcome),
            }
        }
    }

    /// What came of what somebody asked for; `None` as long as it is on its way.
    fn outcome(&self, goals: &[(StackId, Goal)]) -> Option<Outcome> {
        let mut pending = false;
        let mut overruled = false;
        let mut findings: Vec<Finding> = Vec::new();
        for (stack, goal) in goals {
            let Some(index) = self.place(stack) else {
                continue;
            };
            match self.stacks[index].model.progress(goal) {
                Progress::Pending => pending = true,
                Progress::Reached => {}
                Progress::Overruled => overruled = true,
                Progress::Failed(found) => {
                    findings.extend(found.iter().map(|finding| (**finding).clone()));
                }
            }
        }
        if !findings.is_empty() {
            let titles: Vec<&str> = findings
                .iter()
                .map(|finding| finding.title.as_str())
                .collect();
            return Some(Outcome::Failed {
                message: titles.join("; "),
                findings,
            });
        }
        if overruled {
            let message = "somebody else asked for the opposite meanwhile".to_owned();
            return Some(Outcome::Failed { message, findings });
        }
        (!pending).then_some(Outcome::Done)
    }
}

/// Whoever asked may be gone; what was asked is done all the same.
fn reply<T>(answer: oneshot::Sender<T>, with: T) {
    drop(answer.send(with));
}

fn refuse(answer: oneshot::Sender<Outcome>, message: String) {
    reply(answer, Outcome::Refused(message));
}
