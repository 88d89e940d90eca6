//! The task that owns the model, and the [`Handle`] with which other tasks communicate with it.
//!
//! Every event arrives as a [`Message`] on one channel. The model answers with effects. Each effect
//! becomes a task that reports back on the same channel. After each batch of messages the latest
//! snapshot is published on a `watch` channel.

mod adoption;
mod calm;
mod complaints;
mod container;
mod doctor;
mod effects;
mod guard;
mod handle;
mod hooks;
mod launches;
mod loading;
mod memory;
pub mod offline;
mod queue;
mod requests;
mod running_stack;
mod siblings;
mod sleep;
mod task;
#[cfg(test)]
mod tests;
mod timers;
mod usage;
mod watches;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    control::{Down, Lock, Outcome, Restart, Up},
    effects::{
        gather::OomKills,
        log::{ServiceLogs, Watcher, last_words},
        port::{ActiveRuns, Callers, Ports},
        probe::Prober,
        process::{ProcessTable, kill},
    },
    env::Env,
    fs::{home::Home, redact::redact},
    host::clock,
    model::{
        effect::Report,
        facts::{Exit, Process, RunId, StackId},
        history::{EventKind, HistoryEvent},
        service::ServiceState,
        stack::Event,
        view::{Snapshot, StartedBy},
    },
    stack::{ServiceName, Stack},
    state::{Journal, events::EventLog, slots::Slots},
};
use calm::Calm;
use loading::Loader;
use memory::MemoryWatch;
use queue::Queue;
use requests::{Waiter, reply};
use running_stack::RunningStack;
use sleep::Sleep;
use task::Launched;
use timers::Timers;

/// The number of messages that may wait in the channel. A sender waits when it is full.
const INBOX: usize = 1024;
/// The number of messages that are handled before a snapshot is published.
const BATCH: usize = 256;
/// How long an exiting daemon waits for tasks that only clean up.
const DRAIN: Duration = Duration::from_secs(1);

/// A handle of the supervisor. Cheap to clone. When the last one is dropped, the supervisor exits
/// and leaves the services running.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: mpsc::Sender<Message>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    applied: watch::Receiver<Vec<Applied>>,
    ended: CancellationToken,
    /// The client process of a request, if it is not the current process.
    client: Option<u32>,
    /// The program on whose behalf it makes a request, if it has a name.
    program: Option<Arc<str>>,
    callers: Callers,
}

/// An event or a request.
enum Message {
    Up(Up, Option<Arc<str>>, oneshot::Sender<Outcome>),
    Down(Down, Option<Arc<str>>, oneshot::Sender<Outcome>),
    Restart(Restart, Option<Arc<str>>, oneshot::Sender<Outcome>),
    Quit {
        leave_running: bool,
        answer: oneshot::Sender<Outcome>,
    },
    Launched(Origin, Launched),
    /// The first or the last process of a run has exited; with the survivors.
    Ended(Origin, Exit, Vec<Process>),
    Report(Origin, Report),
    /// A function that the loop calls. If the supervisor has exited, it is dropped together with
    /// its answer channel.
    Call(Box<dyn FnOnce(&mut Supervisor) + Send>),
}

impl Message {
    /// Answers the client of a message that no supervisor handles any more that it had no effect.
    fn reject(self) {
        match self {
            Self::Up(_, _, answer)
            | Self::Down(_, _, answer)
            | Self::Restart(_, _, answer)
            | Self::Quit { answer, .. } => reply(answer, Outcome::NOT_TAKEN),
            _ => {}
        }
    }
}

/// Sends a message to the supervisor. Does nothing if it has exited, since it then needs no reports
/// and has answered all requests.
async fn tell(inbox: &mpsc::WeakSender<Message>, message: Message) {
    if let Some(inbox) = inbox.upgrade() {
        let _ = inbox.send(message).await;
    }
}

/// Calls a function in the loop of the supervisor. Does nothing if it has exited.
fn call(
    inbox: &mpsc::WeakSender<Message>,
    function: impl FnOnce(&mut Supervisor) + Send + 'static,
) -> impl Future<Output = ()> {
    tell(inbox, Message::Call(Box::new(function)))
}

/// A stack as it was last applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The content of its file.
    pub stack: Arc<Stack>,
    /// The variables with which its services start.
    pub variables: Env,
}

/// Identifies the run of a report.
#[derive(Clone, Debug)]
struct Origin {
    stack: StackId,
    service: ServiceName,
    run: RunId,
}

/// State that all effects share.
struct Tools {
    home: Home,
    processes: ProcessTable,
    ports: Ports,
    /// The runs that are claiming a port, starting or running. They are never stopped to free a
    /// port.
    active: ActiveRuns,
    /// The processes that sent a command, and their ancestors. They are never stopped either.
    callers: Callers,
    prober: Prober,
    watcher: Watcher,
    killings: OomKills,
    loader: Loader,
    reports: mpsc::WeakSender<Message>,
}

/// The state of the supervisor task.
struct Supervisor {
    tools: Arc<Tools>,
    journal: Journal,
    slots: Slots,
    events: EventLog,
    unwritten: Vec<HistoryEvent>,
    stacks: Vec<RunningStack>,
    queue: Queue,
    waiters: Vec<Waiter>,
    /// The named programs that have requested a start, by stack file, until it is carried out.
    programs: HashMap<PathBuf, StartedBy>,
    tasks: TaskTracker,
    snapshot: watch::Sender<Arc<Snapshot>>,
    applied: watch::Sender<Vec<Applied>>,
    meter: usage::Meter,
    memory: MemoryWatch,
    timers: Timers,
    calm: Calm,
    sleep: Sleep,
    quitting: bool,
    refuses_starts: bool,
    retiring: Option<oneshot::Sender<()>>,
}

/// A running supervisor.
pub struct Started {
    /// Its handle.
    pub handle: Handle,
    /// The task itself, to be joined at the end.
    pub task: JoinHandle<()>,
    /// Messages for the user about files that were quarantined and runs that were cleaned up.
    pub remarks: Vec<String>,
    /// Reports file changes.
    pub watcher: Watcher,
}

/// Starts the supervisor of the locked home and adopts what an earlier daemon left running. Must be
/// called within the runtime.
///
/// # Errors
///
/// The operating system cannot list processes or watch files.
pub async fn start(lock: &Lock) -> std::io::Result<Started> {
    let (sender, inbox) = mpsc::channel(INBOX);
    let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (applied, applications) = watch::channel(Vec::new());
    let ended = CancellationToken::new();
    let handle = Handle {
        inbox: sender,
        snapshot: snapshots,
        applied: applications,
        ended: ended.clone(),
        client: None,
        program: None,
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
        slots: Slots::read(lock.home()),
        events: EventLog::of(lock.home()),
        unwritten: Vec::new(),
        stacks: Vec::new(),
        queue: Queue::default(),
        waiters: Vec::new(),
        programs: HashMap::new(),
        tasks: TaskTracker::new(),
        snapshot,
        applied,
        meter: usage::Meter::default(),
        memory: MemoryWatch::default(),
        timers: Timers::default(),
        calm: Calm::default(),
        sleep: Sleep::default(),
        quitting: false,
        refuses_starts: false,
        retiring: None,
    };
    let watcher = supervisor.tools.watcher.clone();
    let remarks = supervisor.adopt(remembered).await?;
    supervisor.publish();
    let task = tokio::spawn(async move {
        // Also runs after a panic.
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
                () = tokio::time::sleep(sleep::LOOK), if self.minds_sleep() => {}
            }
            self.notice_sleep();
            for message in messages.drain(..) {
                self.handle_message(message);
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
            message.reject();
        }
        self.queue.reject();
        for running_stack in &mut self.stacks {
            running_stack.release();
        }
        self.tasks.close();
        // The remaining tasks only index the last lines of logs. A task that hangs is not worth
        // waiting for.
        let _ = tokio::time::timeout(DRAIN, self.tasks.wait()).await;
    }

    fn handle_message(&mut self, message: Message) {
        match message {
            Message::Up(up, program, answer) => {
                self.note_program(&up.file, program);
                self.up(up, answer);
            }
            Message::Down(down, program, answer) => {
                self.note_stopper(down.file.as_deref(), program.as_ref());
                self.down(down, answer);
            }
            Message::Restart(restart, program, answer) => {
                self.note_program(&restart.file, program);
                self.restart(restart, answer);
            }
            Message::Quit {
                leave_running,
                answer,
            } => self.quit(leave_running, answer),
            Message::Launched(origin, launched) => self.launched(&origin, &launched),
            Message::Ended(origin, exit, survivors) => self.ended(origin, exit, survivors),
            Message::Report(origin, report) => self.report(&origin, report),
            Message::Call(function) => function(self),
        }
    }

    fn launched(&mut self, origin: &Origin, launched: &Launched) {
        let Some(index) = self.index_of(&origin.stack) else {
            return;
        };
        if !self.stacks[index].is_current(origin) {
            // The run was cancelled during its launch.
            let (tree, processes) = (launched.tree.clone(), self.tools.processes.clone());
            self.tasks
                .spawn(async move { kill(&tree, &processes).await });
            return;
        }
        let running = self.stacks[index].launched(origin, launched);
        // Recorded before any client is informed.
        if let Some(running) = running {
            self.journal.started(running);
        }
        let report = Report::Launched(Ok(launched.process));
        self.report(origin, report);
    }

    /// Reports the exit of a run. A service that is restarted at once does not wait for the last words
    /// of its log: they follow later.
    fn ended(&mut self, origin: Origin, exit: Exit, survivors: Vec<Process>) {
        let at_once = survivors.is_empty() && self.restarts_at_once(&origin);
        let exited = move |survivors, last_words| Report::Exited {
            exit,
            survivors,
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
                exited(survivors, words)
            };
            tell(&tools.reports, Message::Report(origin, report)).await;
        });
    }

    fn restarts_at_once(&self, origin: &Origin) -> bool {
        let index = self.index_of(&origin.stack);
        let service = index.and_then(|index| self.stacks[index].model.service(&origin.service));
        service.is_some_and(|service| service.restarts_at_once(origin.run, clock::now()))
    }

    fn report(&mut self, origin: &Origin, report: Report) {
        let Some(index) = self.index_of(&origin.stack) else {
            return;
        };
        let is_ready = |running_stack: &RunningStack| {
            running_stack
                .model
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
        // Recorded for a later daemon.
        if let Some(running) = self.stacks[index].running(&origin.service) {
            self.journal.started(running);
        }
    }

    /// Steps the model and carries out the resulting effects.
    fn step(&mut self, index: usize, event: Event) {
        let is_request = !matches!(event, Event::Report { .. } | Event::Diagnosed { .. });
        let effects = self.stacks[index].model.step(clock::now(), event);
        for effect in effects {
            self.carry_out(index, &effect);
        }
        let running_stack = &mut self.stacks[index];
        let mut events = running_stack.model.take_history();
        for event in &mut events {
            if event.event == EventKind::Stopped {
                event.by = running_stack.stopped_by.as_deref().map(str::to_owned);
            }
        }
        self.unwritten.extend(events);
        if is_request {
            self.update_watches(index);
        }
    }

    /// Steps the model of a stack, if the daemon still has it.
    fn step_stack(&mut self, stack: &StackId, event: Event) {
        if let Some(index) = self.index_of(stack) {
            self.step(index, event);
        }
    }

    fn index_of(&self, stack: &StackId) -> Option<usize> {
        self.stacks
            .iter()
            .position(|running_stack| running_stack.id == *stack)
    }

    /// Starts diagnoses, publishes the snapshot, then answers waiters, so that a caller that
    /// receives *done* already sees it in the snapshot.
    fn publish(&mut self) {
        for index in 0..self.stacks.len() {
            if self.stacks[index].is_over() {
                self.journal.forget_stack(&self.stacks[index].id);
            }
            self.diagnose(index);
        }
        self.events.append(&self.unwritten);
        self.unwritten.clear();
        self.publish_snapshot();
        self.answer_waiters();
    }

    /// Publishes the new state. Views that no reader holds are changed in place.
    fn publish_snapshot(&mut self) {
        let stacks = &mut self.stacks;
        self.snapshot.send_if_modified(|shown| {
            let mut changed = shown.stacks.len() != stacks.len();
            if !changed
                && !stacks
                    .iter()
                    .any(|running_stack| running_stack.model.is_stale())
            {
                return false;
            }
            let shown = &mut Arc::make_mut(shown).stacks;
            shown.clear();
            for running_stack in stacks {
                changed |= running_stack.model.redraw();
                shown.push(running_stack.model.view());
            }
            changed
        });
    }

    /// Publishes which stacks are applied. Comes before the snapshot that shows them.
    fn publish_applied(&self) {
        let applied = self.stacks.iter().map(|running_stack| Applied {
            stack: running_stack.model.stack().clone(),
            variables: running_stack.variables.clone(),
        });
        self.applied.send_replace(applied.collect());
    }

    /// Shows the latency of the latest probes. Rounds without another change are published only here.
    fn show_latencies(&mut self) {
        for running_stack in &mut self.stacks {
            running_stack.show_latencies();
        }
        self.publish_snapshot();
    }
}
