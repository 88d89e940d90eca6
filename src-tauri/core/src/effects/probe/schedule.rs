//! When a service is asked: at once and often until it is ready, then every now and again.

use std::{
    future::Future,
    mem,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use regex::Regex;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep},
};

use super::{
    Context, Prober,
    log::{Awaited, Lines},
};
use crate::{
    model::facts::{ProbeFault, ProbeFaultKind},
    stack::{Probe, Readiness},
};

/// The shortest pause between two rounds before a service is ready.
const SHORTEST: Duration = Duration::from_millis(2);
/// The longest, in the first minute.
const LONGEST: Duration = Duration::from_millis(200);
/// The pause as a part of the time waited so far: 1 %.
const PART: u32 = 100;
/// The shortest pause for each service that waits: together they begin 10,000 rounds a second at
/// most, which at 40 µs for a refused connection is two fifths of a core.
const SHARE: Duration = Duration::from_micros(100);
/// From here on nobody waits for the service in front of the screen: it may be an external one
/// that is not up today.
const LONG_WAIT: Duration = Duration::from_mins(1);

/// How often a service is asked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The pause between two rounds once it is ready.
    pub every: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
}

impl From<&Readiness> for Schedule {
    fn from(readiness: &Readiness) -> Self {
        Self {
            every: readiness.every,
            timeout: readiness.timeout,
        }
    }
}

/// One round: all probes were asked side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Until the last one had passed, or the first one had not.
    pub latency: Duration,
    /// The first fault that came.
    pub result: Result<(), ProbeFault>,
}

/// Asks one run of one service whether it is ready, and whether it stays well.
///
/// It is begun together with the process. The first round comes at once. Until all probes have
/// passed in one round (a line of the log that has matched counts from then on) the pause is a
/// hundredth of the time waited so far, between 2 and 200 ms: a service that is ready after 200 ms
/// is noticed within 2 ms, one that takes 8 s within 80 ms.
/// Waiting for 8 s costs 430 rounds, about 17 ms of processor time at 40 µs for a refused
/// connection on both families. A pause that grows by half each time would save 400 of them, and
/// notice up to 70 ms late what is ready after 200 ms. A round with a command, which costs far
/// more, is followed by a pause at least as long as the round.
///
/// Once ready, a round begins every `every` after the one before, and at once when `poke` is
/// notified: something else of the stack has changed for the worse. A log is not read any more.
pub struct Watch<L> {
    /// Asks.
    pub prober: Prober,
    /// What is asked. All must pass.
    pub probes: Vec<Probe<String>>,
    /// How often.
    pub schedule: Schedule,
    /// Where commands run.
    pub context: Context,
    /// The log of the run from its first line; needed only if a probe reads it.
    pub lines: Option<L>,
    /// Notified when a round is wanted now.
    pub poke: Arc<Notify>,
}

impl<L: Lines> Watch<L> {
    /// Runs until it is dropped, or nobody receives its events, or the service is ready and
    /// nothing can be asked again (a log, a process).
    ///
    /// Before the first success only a change of the fault is reported, so that an impatient
    /// schedule floods nobody; the success and all that follows are reported round by round.
    pub async fn run<E>(self, events: mpsc::Sender<E>, event: impl Fn(Round) -> E) {
        let mut course = Course {
            every: self.schedule.every,
            dear: self
                .probes
                .iter()
                .any(|probe| matches!(probe, Probe::Command(_))),
            poke: &self.poke,
            waiting: &self.prober.0.waiting,
            events,
            event,
        };
        let (mut log, asked) = match split(self.probes, self.lines) {
            Ok(split) => split,
            Err(fault) => {
                course.report(Duration::ZERO, Err(fault)).await;
                return;
            }
        };
        let timeout = self.schedule.timeout;
        let ask = || async {
            let probes = asked.iter();
            let asking = probes.map(|probe| self.prober.probe(probe, &self.context, timeout));
            try_join_all(asking).await.map(|_| ())
        };
        let ready = course.until_ready(ask, &mut log).await;
        drop(log);
        if ready && !asked.is_empty() {
            course.while_ready(ask).await;
        }
    }
}

/// What a log must say, and what is asked in rounds. A process that runs is there: nothing to ask.
fn split<L: Lines>(
    probes: Vec<Probe<String>>,
    lines: Option<L>,
) -> Result<(Awaited<L>, Vec<Probe<String>>), ProbeFault> {
    let mut patterns = Vec::new();
    let mut asked = Vec::new();
    for probe in probes {
        match probe {
            Probe::Process => {}
            Probe::Log(pattern) => {
                let compiled = Regex::new(&pattern).map_err(|error| ProbeFault {
                    target: format!("log line `{pattern}`"),
                    kind: ProbeFaultKind::Address(error.to_string()),
                });
                patterns.push(compiled?);
            }
            probe => asked.push(probe),
        }
    }
    Ok((Awaited::new(patterns, lines), asked))
}

/// A watch on its way, whatever it asks.
struct Course<'a, E, F> {
    every: Duration,
    /// Whether a round costs much more than a connection.
    dear: bool,
    poke: &'a Notify,
    waiting: &'a AtomicUsize,
    events: mpsc::Sender<E>,
    event: F,
}

impl<E, F: Fn(Round) -> E> Course<'_, E, F> {
    /// Asks until everything has passed in one round; `false` if nobody wants to know any more.
    async fn until_ready<A>(&mut self, ask: impl Fn() -> A, log: &mut Awaited<impl Lines>) -> bool
    where
        A: Future<Output = Result<(), ProbeFault>>,
    {
        let waiting = Waiting::begin(self.waiting);
        let began = Instant::now();
        let mut told = None;
        loop {
            let asked = Instant::now();
            let answer = {
                let mut answer = pin!(ask());
                // Both arms can be dropped half-way: a line is taken from the log only as a whole.
                loop {
                    tokio::select! {
                        () = log.next_match(), if log.first_missing().is_some() => {}
                        answer = &mut answer => break answer,
                    }
                }
            };
            let latency = asked.elapsed();
            let silent = log.first_missing().filter(|_| answer.is_ok());
            let is_log = silent.is_some();
            let fault = match (answer, silent) {
                (Ok(()), None) => return self.report(latency, Ok(())).await,
                (Ok(()), Some(pattern)) => unmatched(pattern),
                (Err(fault), _) => fault,
            };
            if !told.as_ref().is_some_and(|told| is_like(told, &fault)) {
                told = Some(fault.clone());
                if !self.report(latency, Err(fault)).await {
                    return false;
                }
            }
            let mut pause = pause(began.elapsed(), waiting.count(), self.every);
            if self.dear {
                pause = pause.max(latency);
            }
            tokio::select! {
                // A line that the file waits for is a good moment to ask for all the rest.
                () = log.next_match(), if log.first_missing().is_some() => {}
                () = self.poke.notified() => {}
                () = sleep(pause), if !is_log => {}
            }
        }
    }

    /// Asks every now and again, until nobody wants to know any more.
    async fn while_ready<A>(&mut self, ask: impl Fn() -> A)
    where
        A: Future<Output = Result<(), ProbeFault>>,
    {
        loop {
            tokio::select! {
                () = self.poke.notified() => {}
                () = sleep(self.every) => {}
            }
            let asked = Instant::now();
            let result = ask().await;
            if !self.report(asked.elapsed(), result).await {
                return;
            }
        }
    }

    /// Whether somebody received it.
    async fn report(&mut self, latency: Duration, result: Result<(), ProbeFault>) -> bool {
        let event = (self.event)(Round { latency, result });
        self.events.send(event).await.is_ok()
    }
}

/// The pause after a round that did not pass: `waited` since the start, with so many services
/// `waiting`.
fn pause(waited: Duration, waiting: usize, every: Duration) -> Duration {
    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
    let shortest = SHORTEST.max(SHARE.saturating_mul(waiting));
    let longest = if waited < LONG_WAIT {
        LONGEST
    } else {
        LONGEST.max(every)
    };
    (waited / PART).min(longest).max(shortest)
}

/// Whether a person would call both the same fault, whatever its details (a body may carry the
/// time of day).
fn is_like(one: &ProbeFault, other: &ProbeFault) -> bool {
    let same = match (&one.kind, &other.kind) {
        (
            ProbeFaultKind::Status { status: one, .. },
            ProbeFaultKind::Status { status: other, .. },
        ) => one == other,
        (ProbeFaultKind::Redis { code: one, .. }, ProbeFaultKind::Redis { code: other, .. }) => {
            one == other
        }
        (one, other) => mem::discriminant(one) == mem::discriminant(other),
    };
    same && one.target == other.target
}

fn unmatched(pattern: &Regex) -> ProbeFault {
    ProbeFault {
        target: format!("log line `{pattern}`"),
        kind: ProbeFaultKind::LogUnmatched,
    }
}

/// One of the watches whose service is not yet ready.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
