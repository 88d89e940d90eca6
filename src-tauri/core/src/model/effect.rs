//! The effects that the model requests, and their reports.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::container::ContainerInfo;
use super::facts::{Claimed, Exit, LaunchFault, PortFault, ProbeFault, Process, RunId, Stopped};
use crate::stack::{HookEvent, Port, ServiceName, Signal};

/// An effect for one run of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The service.
    pub service: ServiceName,
    /// The run. Reports carry the same number, and late ones are ignored.
    pub run: RunId,
    /// The action.
    pub act: Act,
}

/// The action of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Claim its port and, for a requested start, verify its requirements. Answer:
    /// [`Report::Claimed`].
    Claim {
        /// Whether the start was requested, not caused by the restart policy.
        asked: bool,
        /// Whether a task runs even if its inputs have not changed.
        forced: bool,
    },
    /// Launch its command. Answers: [`Report::Launched`], later [`Report::Exited`].
    Launch,
    /// Wait until all processes of its tree have exited. Answer: [`Report::Exited`].
    Follow,
    /// Run its probes until the run is over. Answers: [`Report::Round`].
    Probe,
    /// Run its checks once. Answer: [`Report::Checked`].
    Check {
        /// Whether it is the first round of the run, whose answers may take longer.
        first: bool,
    },
    /// Stop its whole tree and verify that no process is left. Answer: [`Report::Stopped`].
    Stop,
    /// Skip the rest of the grace period.
    Kill,
    /// Signal its process group.
    Signal(Signal),
    /// Run the command of a hook. Has no answer.
    Hook(HookEvent),
    /// Report [`Report::Elapsed`] at a given time.
    Wait {
        /// The timer.
        timer: Timer,
        /// The time.
        until: Instant,
    },
    /// The run is over: cancel its tasks.
    Abandon,
}

/// The purpose of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The service should be ready by now.
    Start,
    /// The service may be restarted.
    Backoff,
    /// Its checks are due.
    Check,
    /// It has run for a while after a failure, so its probes may tell that it is ready.
    Proof,
    /// The task may be due.
    Schedule,
}

/// The result of an [`Effect`].
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Of [`Act::Claim`]. `Ok(None)` for a service without a port.
    Claimed(Result<Option<Claimed>, Hindrance>),
    /// Of [`Act::Claim`]: the inputs of a task have not changed since it last succeeded.
    UpToDate,
    /// The container that runs it, before [`Report::Launched`] and when its ports change.
    Container(Arc<ContainerInfo>),
    /// The progress of a start that takes long, such as a pull; `None` when it is over.
    Progress(Option<String>),
    /// Of [`Act::Launch`].
    Launched(Result<Process, LaunchFault>),
    /// The first process has exited, or (after [`Act::Follow`]) the last one.
    Exited {
        /// The exit.
        exit: Exit,
        /// The survivors of its tree.
        survivors: Vec<Process>,
        /// The last error of its log, or its last line.
        last_words: Option<String>,
    },
    /// The last error in the log of a finished run, or its last line. Sent after [`Report::Exited`]
    /// if the restart did not wait for it.
    LastWords(Option<String>),
    /// One round of all probes.
    Round(Result<Duration, ProbeFault>),
    /// The checks that failed, by name.
    Checked(Vec<(String, ProbeFault)>),
    /// The checks that failed in a round of a diagnosis, by name.
    Doctored(Vec<(String, ProbeFault)>),
    /// Its memory exceeds the limit, or no longer does.
    Memory(Option<ProbeFault>),
    /// Its memory grows steadily: a clause after its name.
    Grew(String),
    /// Of [`Act::Stop`].
    Stopped(Stopped),
    /// Of [`Act::Wait`].
    Elapsed(Timer),
}

/// An obstacle to a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// Its port.
    Port(PortFault),
    /// Another of its ports.
    NamedPort(Port, PortFault),
    /// A requirement.
    Requirement(LaunchFault),
}
