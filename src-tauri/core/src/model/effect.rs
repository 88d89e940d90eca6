//! What the model asks for, and what comes back of it.

use std::time::{Duration, Instant};

use super::facts::{Claimed, Exit, LaunchFault, PortFault, ProbeFault, Process, RunId, Stopped};
use crate::stack::ServiceName;

/// Something to be done in the world for one run of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// For whom.
    pub service: ServiceName,
    /// For which start. What it reports carries the same number, and is dropped if it comes late.
    pub run: RunId,
    /// What.
    pub act: Act,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make sure that its port can be had and, when a person asked for the start, that what it
    /// requires is there. Answer: [`Report::Claimed`].
    Claim {
        /// Whether a person asked, rather than the restart policy.
        asked: bool,
    },
    /// Launch its command. Answers: [`Report::Launched`], later [`Report::Exited`].
    Launch,
    /// Wait until nobody of its tree lives. Answer: [`Report::Exited`].
    Follow,
    /// Run its probes until the run is over. Answers: [`Report::Round`].
    Probe,
    /// Run its checks once. Answer: [`Report::Checked`].
    Check {
        /// Whether it is the first round of the run, whose answers may take longer.
        first: bool,
    },
    /// End its whole tree and verify that. Answer: [`Report::Stopped`].
    Stop,
    /// Do not wait any longer for a polite end.
    Kill,
    /// Report [`Report::Elapsed`] then.
    Wait {
        /// What for.
        timer: Timer,
        /// Until when.
        until: Instant,
    },
    /// The run is over: whatever still works for it may end.
    Abandon,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// It should be ready by now.
    Start,
    /// It may be started again.
    Backoff,
    /// Its checks are due.
    Check,
}

/// What came of an [`Effect`].
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Of [`Act::Claim`]. `Ok(None)` for a service without a port.
    Claimed(Result<Option<Claimed>, Hindrance>),
    /// Of [`Act::Launch`].
    Launched(Result<Process, LaunchFault>),
    /// The first process ended, or (after [`Act::Follow`]) the last one.
    Exited {
        /// How.
        exit: Exit,
        /// Who of its tree still lives.
        left: Vec<Process>,
        /// The last error of its log, or its last line.
        last_words: Option<String>,
    },
    /// The last error in the log of a finished run, or its last line: sent after [`Report::Exited`] if
    /// the restart did not wait for it.
    LastWords(Option<String>),
    /// One round of all probes.
    Round(Result<Duration, ProbeFault>),
    /// The checks that failed, by name.
    Checked(Vec<(String, ProbeFault)>),
    /// The checks that failed in a round that a diagnosis made, by name.
    Doctored(Vec<(String, ProbeFault)>),
    /// Of [`Act::Stop`].
    Stopped(Stopped),
    /// Of [`Act::Wait`].
    Elapsed(Timer),
}

/// What stands in the way of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// Its port.
    Port(PortFault),
    /// Something that it requires.
    Requirement(LaunchFault),
}
