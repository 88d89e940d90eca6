//! The one task that owns the model, and the [`Handle`] by which everyone else talks to it.
//!
//! All that happens comes as a [`Message`] on one channel; the model answers with effects, which
//! become tasks, which report back on the same channel. After each batch of messages the latest
//! whole truth goes out on a `watch` channel.

mod adoption;
mod calm;
mod doctor;
mod effects;
mod guard;
mod handle;
mod launches;
mod loading;
pub mod offline;
mod queue;
mod requests;
mod running_stack;
mod task;
#[cfg(test)]
mod tests;
mod timers;
mod usage;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    control::{Doctor, Down, Lock, Outcome, Restart, Up},
    effects::{
        gather::{OomKills, Patience, Subject},
        log::{ServiceLogs, Watcher, last_words},
        port::{ActiveRuns, Callers, Ports},
        probe::Prober,
        process::{ProcessTable, kill},
    },
    fs::{home::Home, redact::redact},
    host::clock,
    model::{
        effect::Report,
        facts::{Exit, Process, RunId, StackId},
        finding::Finding,
        service::ServiceState,
        stack::Event,
        view::Snapshot,
    },
    stack::{ServiceName, Stack},
    stack_file::Environment,
    state::Journal,
};
use calm::Calm;
use loading::Loader;
use queue::{Prepared, Queue, Ticket};
use requests::{Waiter, reply};
use running_stack::Kept;
use task::Launched;
use timers::Timers;

/// How many messages may wait for the supervisor before an effect has to.
const INBOX: usize = 1024;
/// How many messages are taken before the world is told what came of them.
const BATCH: usize = 256;
/// How long a daemon that ends waits for tasks that only tidy up.
const DRAIN: Duration = Duration::from_secs(1);

/// How everyone else talks to the supervisor. Cheap to clone; when the last one is gone, the
/// supervisor ends and leaves the services running.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: mpsc::Sender<Message>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    ended: CancellationToken,
    /// The client process of a request, if it is not the current process.
    client: Option<u32>,
    callers: Callers,
}

/// Something that happened, or that somebody wants.
#[derive(Debug)]
enum Message {
    Up(Up, oneshot::Sender<Outcome>),
    /// A request is prepared and can be carried out.
    Prepared(Ticket, Prepared),
    Down(Down, oneshot::Sender<Outcome>),
    Restart(Restart, oneshot::Sender<Outcome>),
    Usage(oneshot::Sender<Arc<Snapshot>>),
    Applied(oneshot::Sender<Vec<Applied>>),
    Doctor(Doctor, oneshot::Sender<Option<Vec<Finding>>>),
    DoctorOf(StackId, Patience, oneshot::Sender<Option<Vec<Finding>>>),
    /// A diagnosis asks for what is known now.
    Subject(StackId, oneshot::Sender<Box<Subject>>),
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
    /// The files of the home were deleted.
    HomeLost(oneshot::Sender<()>),
    /// Accept no start from now on.
    RefuseStarts,
    /// The supervisor may end once nothing is wanted, runs or waits.
    Retire(oneshot::Sender<()>),
    Launched(Origin, Launched),
    /// The first process of a run has ended, or the last one; with the survivors.
    Ended(Origin, Exit, Vec<Process>),
    Report(Origin, Report),
}

impl Message {
    /// Tells the client that a message which no supervisor handles any more had no effect.
    fn turn_away(self) {
        match self {
            Self::Up(_, answer)
            | Self::Down(_, answer)
            | Self::Restart(_, answer)
            | Self::Quit { answer, .. } => reply(answer, Outcome::NOT_TAKEN),
            _ => {}
        }
    }
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

/// What the effects share.
struct Tools {
    home: Home,
    processes: ProcessTable,
    ports: Ports,
    /// The runs that a port is claimed for, or that start or run: nobody ends them for a port.
    active: ActiveRuns,
    /// The processes that gave a command, and their ancestors: not ended either.
    callers: Callers,
    prober: Prober,
    watcher: Watcher,
    killings: OomKills,
    loader: Loader,
    reports: mpsc::WeakSender<Message>,
}

/// The task's own state.
struct Supervisor {
    tools: Arc<Tools>,
    journal: Journal,
    stacks: Vec<Kept>,
    queue: Queue,
    waiters: Vec<Waiter>,
    tasks: TaskTracker,
    snapshot: watch::Sender<Arc<Snapshot>>,
    meter: usage::Meter,
    timers: Timers,
    calm: Calm,
    quitting: bool,
    refuses_starts: bool,
    retiring: Option<oneshot::Sender<()>>,
}

/// A supervisor that has begun.
pub struct Started {
    /// How to talk to it.
    pub handle: Handle,
    /// The task itself, to be joined at the end.
    pub task: JoinHandle<()>,
    /// What was found amiss and set aside, or ended, to be said.
    pub remarks: Vec<String>,
    /// Reports file changes.
    pub watcher: Watcher,
}

/// Begins to supervise the locked home. What an earlier daemon left running is adopted before
/// anything else. Must be called within the runtime; fails where the operating system cannot tell
/// of processes or of files that grow.
pub async fn start(lock: &Lock) -> std::io::Result<Started> {
    let (sender, inbox) = mpsc::channel(INBOX);
    let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let ended = CancellationToken::new();
    let handle = Handle {
        inbox: sender,
        snapshot: snapshots,
        ended: ended.clone(),
        client: None,
        callers: Callers::default(),
    };
    let (journal, remembered) = Journal::open(lock);
    let mut supervisor = Supervisor {
        tools: Arc::new(Tools {
            home: lock.home().clone(),
            processes: ProcessTable::from_now(),
            ports: Ports::default(),
            active: ActiveRuns::default(),
            callers: handle.callers.clone(),
            prober: Prober::default(),
            watcher: Watcher::new(),
            killings: OomKills::default(),
            loader: Loader::default(),
            reports: handle.inbox.downgrade(),
        }),
        journal,
        stacks: Vec::new(),
        queue: Queue::default(),
        waiters: Vec::new(),
        tasks: TaskTracker::new(),
        snapshot,
        meter: usage::Meter::default(),
        timers: Timers::default(),
        calm: Calm::default(),
        quitting: false,
        refuses_starts: false,
        retiring: None,
    };
    let watcher = supervisor.tools.watcher.clone();
    let remarks = supervisor.adopt(remembered).await?;
    supervisor.publish();
    let task = tokio::spawn(async move {
        // Runs also on a panic.
        let _ended = ended.drop_guard();
        supervisor.run(inbox).await;
    });
    Ok(Started {
        handle,
        task,
        remarks,
        watcher,
    })
}

impl Supervisor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        loop {
            // Both branches are cancel-safe.
            tokio::select! {
                received = inbox.recv_many(&mut messages, BATCH) => if received == 0 {
                    break;
                },
                () = self.timers.due() => {}
                () = self.calm.due() => {}
            }
            for message in messages.drain(..) {
                self.take(message);
            }
            self.fire_timers();
            self.use_calm();
            self.publish();
            self.retire_if_idle();
            if self.quitting && self.waiters.is_empty() {
                break;
            }
        }
        inbox.close();
        while let Ok(message) = inbox.try_recv() {
            message.turn_away();
        }
        self.queue.turn_away();
        for kept in &mut self.stacks {
            kept.release();
        }
        self.tasks.close();
        // What is left only notes the last lines of logs; a task that hangs is not worth waiting for.
        let _ = tokio::time::timeout(DRAIN, self.tasks.wait()).await;
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Up(up, answer) => self.up(up, answer),
            Message::Prepared(ticket, prepared) => self.prepared(ticket, prepared),
            Message::Down(down, answer) => self.down(down, answer),
            Message::Restart(restart, answer) => self.restart(restart, answer),
            Message::Usage(answer) => {
                self.show_latencies();
                self.measure(answer);
            }
            Message::Applied(answer) => {
                let applied = self.stacks.iter().map(|kept| Applied {
                    stack: kept.model.stack().clone(),
                    variables: kept.variables.clone(),
                });
                reply(answer, applied.collect());
            }
            Message::Doctor(doctor, answer) => self.doctor(doctor, answer),
            Message::DoctorOf(id, patience, answer) => match self.place(&id) {
                Some(index) => self.doctor_of(index, patience, answer),
                None => reply(answer, None),
            },
            Message::Subject(stack, answer) => self.tell_subject(&stack, answer),
            Message::Diagnosed {
                stack,
                situation,
                findings,
            } => self.diagnosed(&stack, situation, findings),
            Message::Quit {
                leave_running,
                answer,
            } => self.quit(leave_running, answer),
            Message::HomeLost(answer) => {
                self.journal.restore();
                reply(answer, ());
            }
            Message::RefuseStarts => self.refuses_starts = true,
            Message::Retire(answer) => self.retiring = Some(answer),
            Message::Launched(origin, launched) => self.launched(&origin, &launched),
            Message::Ended(origin, exit, left) => self.ended(origin, exit, left),
            Message::Report(origin, report) => self.report(&origin, report),
        }
    }

    fn launched(&mut self, origin: &Origin, launched: &Launched) {
        let Some(index) = self.place(&origin.stack) else {
            return;
        };
        if !self.stacks[index].is_current(origin) {
            // It was cancelled a moment ago.
            let (tree, processes) = (launched.tree.clone(), self.tools.processes.clone());
            self.tasks
                .spawn(async move { kill(&tree, &processes).await });
            return;
        }
        let running = self.stacks[index].launched(origin, launched);
        // Recorded before any client is told.
        if let Some(running) = running {
            self.journal.started(running);
        }
        let report = Report::Launched(Ok(launched.process));
        self.report(origin, report);
    }

    /// Reports the exit of a run. A service that is restarted at once does not wait for the last words
    /// of its log: they follow later.
    fn ended(&mut self, origin: Origin, exit: Exit, left: Vec<Process>) {
        let at_once = left.is_empty() && self.restarts_at_once(&origin);
        let exited = move |left, last_words| Report::Exited {
            exit,
            left,
            last_words,
        };
        if at_once {
            self.report(&origin, exited(Vec::new(), None));
        }
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            let logs = ServiceLogs::of(tools.home.logs(), &origin.stack, &origin.service);
            let words = last_words(&logs.run(origin.run));
            let words = words.map(|words| redact(&words).into_owned());
            let report = if at_once {
                Report::LastWords(words)
            } else {
                exited(left, words)
            };
            if let Some(inbox) = tools.reports.upgrade() {
                // If the supervisor has ended, the report is not needed.
                let _ = inbox.send(Message::Report(origin, report)).await;
            }
        });
    }

    fn restarts_at_once(&self, origin: &Origin) -> bool {
        let index = self.place(&origin.stack);
        let service = index.and_then(|index| self.stacks[index].model.service(&origin.service));
        service.is_some_and(|service| service.restarts_at_once(origin.run, clock::now()))
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
        if was_ready || !is_ready(&self.stacks[index]) {
            return;
        }
        self.calm.count_ready(clock::now().instant);
        // A later daemon is to know that it once was.
        if let Some(running) = self.stacks[index].running(&origin.service) {
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

    /// Has what is wrong looked into, shows the world what is new, then answers whoever has waited long
    /// enough: who is told that it is done sees that it is.
    fn publish(&mut self) {
        for index in 0..self.stacks.len() {
            if self.stacks[index].is_over() {
                self.journal.forget_stack(&self.stacks[index].id);
            }
            self.diagnose(index);
        }
        self.publish_snapshot();
        self.answer_waiters();
    }

    /// Publishes the new state. Views that no reader holds are changed in place.
    fn publish_snapshot(&mut self) {
        let stacks = &mut self.stacks;
        self.snapshot.send_if_modified(|shown| {
            let mut changed = shown.stacks.len() != stacks.len();
            if !changed && !stacks.iter().any(|kept| kept.model.is_stale()) {
                return false;
            }
            let shown = &mut Arc::make_mut(shown).stacks;
            shown.clear();
            for kept in stacks {
                changed |= kept.model.redraw();
                shown.push(kept.model.view());
            }
            changed
        });
    }

    /// Shows the latency of the latest probes. Rounds without another change are published only here.
    fn show_latencies(&mut self) {
        for kept in &mut self.stacks {
            kept.show_latencies();
        }
        self.publish_snapshot();
    }
}
