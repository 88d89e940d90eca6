//! The schedule of probes: frequent until the service is ready, then at its interval.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use regex::Regex;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, sleep_until},
};

use super::{
    Context, Prober,
    address::{Address, Endpoint},
    connection::would_accept,
    log::{Awaited, Lines},
};
use crate::{
    model::facts::{ProbeFault, ProbeFaultKind},
    stack::{Probe, Readiness},
};

/// The shortest pause between two rounds before a service is ready.
const SHORTEST: Duration = Duration::from_millis(2);
/// The longest pause in the first minute.
const LONGEST: Duration = Duration::from_millis(200);
/// The pause as a part of the time waited so far: 1 %.
const PART: u32 = 100;
/// The shortest pause for each waiting service: together they start at most 10,000 rounds a second,
/// which at 40 µs for a refused connection takes two fifths of a core.
const SHARE: Duration = Duration::from_micros(100);
/// The number of times in a pause that the operating system is queried whether a process listens. A
/// query takes a tenth of the time of a refused connection.
const LOOKS: u32 = 8;
/// The shortest time between two such queries for each waiting service.
const LOOK_SHARE: Duration = Duration::from_micros(50);
/// The number of ticks in one interval at which rounds of ready services begin: the rounds of a
/// thousand services wake the daemon forty times in an interval instead of a thousand times.
const TICKS: u32 = 40;
/// The shortest tick that still saves wake-ups.
const SHORTEST_TICK: Duration = Duration::from_millis(5);
/// One in this number of rounds connects. In the others the operating system reports whether it
/// would accept a connection.
const CONNECTS: u32 = 15;
/// After this time users no longer wait in front of the screen: the service may be an external one
/// that is not running today.
const LONG_WAIT: Duration = Duration::from_mins(1);

/// The interval and time limit of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The pause between two rounds once it is ready.
    pub every: Duration,
    /// The time limit of one probe.
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

/// One round of concurrent probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The time until the last probe passed or the first one failed.
    pub latency: Duration,
    /// The first fault.
    pub result: Result<(), ProbeFault>,
}

/// Probes one run of a service until it is ready, and then whether it stays healthy.
///
/// The loop starts together with the process, and the first round follows after 2 ms. Until
/// all probes have passed in one round (a log line that has matched counts from then on) the pause is a
/// hundredth of the elapsed time, between 2 and 200 ms: a service that is ready after 200 ms is
/// noticed within 2 ms, one that takes 8 s within 80 ms. Waiting for 8 s costs 430 rounds, about 17
/// ms of CPU time at 40 µs for a refused connection on both families. A pause that grows by half
/// each time would save 400 of them, and notice up to 70 ms late what is ready after 200 ms. A
/// round with a command, which costs far more, is followed by a pause at least as long as the
/// round.
///
/// Once ready, a round begins every `every`, and immediately after [`Pulse::poke`], which means
/// that another service of the stack has got worse. Logs are no longer read.
pub struct ProbeLoop<L> {
    /// Runs the probes.
    pub prober: Prober,
    /// The probes. All must pass.
    pub probes: Vec<Probe<String>>,
    /// Their schedule.
    pub schedule: Schedule,
    /// The context of commands.
    pub context: Context,
    /// The log lines of the run, needed only if a probe reads them.
    pub lines: Option<L>,
    /// State that is shared with the supervisor.
    pub pulse: Arc<Pulse>,
}

/// The state shared by the probe loop of a run and the tasks that supervise the run.
#[derive(Debug, Default)]
pub struct Pulse {
    poke: Notify,
    /// Duration of the latest successful round in nanoseconds, or 0.
    latency: AtomicU64,
}

impl Pulse {
    /// Requests a round now.
    pub fn poke(&self) {
        self.poke.notify_one();
    }

    /// Returns the duration of the latest successful round.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        let nanoseconds = self.latency.load(Ordering::Relaxed);
        (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
    }
}

impl<L: Lines> ProbeLoop<L> {
    /// Runs until it is dropped, its event receiver is closed, or the service is ready and no
    /// condition can be probed again (a log, a process).
    ///
    /// Before the first success, only a change of the fault is reported, so that a fast schedule sends
    /// few events. The success and all later rounds are reported one by one, if `event` returns an
    /// event for them.
    pub async fn run<E>(self, events: mpsc::Sender<E>, event: impl FnMut(Round) -> Option<E>) {
        let mut course = Course {
            every: self.schedule.every,
            dear: self
                .probes
                .iter()
                .any(|probe| matches!(probe, Probe::Command(_))),
            pulse: &self.pulse,
            waiting: &self.prober.0.waiting,
            began: self.prober.0.began,
            awaited: &[],
            only_connects: false,
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
        let awaited = awaited(&asked);
        course.awaited = &awaited;
        let is_connection = |probe: &Probe<String>| matches!(probe, Probe::Tcp(_));
        course.only_connects = awaited.len() == asked.len() && asked.iter().all(is_connection);
        if !asked.is_empty() {
            // A new process cannot respond yet.
            sleep(SHORTEST).await;
        }
        let ready = course.until_ready(ask, &mut log).await;
        drop(log);
        if ready && !asked.is_empty() {
            course.while_ready(ask).await;
        }
    }
}

/// Splits the probes into log patterns and probes that are repeated. `process` needs no probe: a
/// running process passes.
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

/// Returns the addresses at which processes must listen before the probes can pass.
fn awaited(asked: &[Probe<String>]) -> Vec<Endpoint> {
    let endpoints = asked.iter().filter_map(|probe| match probe {
        Probe::Tcp(address) => Endpoint::parse(address).ok(),
        probe => Some(Address::of(probe)?.endpoint),
    });
    endpoints.collect()
}

/// The state of a running probe loop.
struct Course<'a, E, F> {
    every: Duration,
    /// Whether a round costs much more than a connection.
    dear: bool,
    pulse: &'a Pulse,
    waiting: &'a AtomicUsize,
    /// The origin from which the start times of rounds are counted.
    began: Instant,
    /// The addresses at which processes must listen before the probes can pass.
    awaited: &'a [Endpoint],
    /// Whether connections to these addresses are the only probes.
    only_connects: bool,
    events: mpsc::Sender<E>,
    event: F,
}

impl<E, F: FnMut(Round) -> Option<E>> Course<'_, E, F> {
    /// Probes until all have passed in one round; returns `false` if the receiver is closed.
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
                // Both branches are cancel-safe.
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
            if told.as_ref() != Some(&fault.key()) {
                told = Some(fault.key());
                if !self.report(latency, Err(fault)).await {
                    return false;
                }
            }
            let mut pause = pause(began.elapsed(), waiting.count(), self.every);
            if self.dear {
                pause = pause.max(latency);
            }
            tokio::select! {
                // A matching line is a good moment to probe everything else.
                () = log.next_match(), if log.first_missing().is_some() => {}
                () = self.pulse.poke.notified() => {}
                () = self.pause(pause, waiting.count()), if !is_log => {}
            }
        }
    }

    /// Pauses before the next round; ends early once all processes listen. While the operating
    /// system reports that one does not, a round would fail, and the pause is extended up to
    /// [`LONGEST`].
    async fn pause(&self, pause: Duration, waiting: usize) {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let look = (pause / LOOKS).max(LOOK_SHARE.saturating_mul(waiting));
        let began = Instant::now();
        let refuses = |endpoint| would_accept(endpoint) == Some(false);
        while self.awaited.iter().any(refuses) {
            if began.elapsed() >= LONGEST.max(pause) {
                return;
            }
            sleep(look).await;
        }
        if began.elapsed() < look {
            sleep(pause).await;
        }
    }

    /// Probes at the interval, until the receiver is closed.
    async fn while_ready<A>(&mut self, ask: impl Fn() -> A)
    where
        A: Future<Output = Result<(), ProbeFault>>,
    {
        // Until the next connection, the service counts as ready.
        let (mut was_well, mut spared) = (true, 0);
        loop {
            let next = aligned(self.began, Instant::now() + self.every, self.every / TICKS);
            tokio::select! {
                () = self.pulse.poke.notified() => {}
                () = sleep_until(next) => {}
            }
            if was_well && spared + 1 < CONNECTS && self.would_be_accepted() {
                spared += 1;
                if self.events.is_closed() {
                    return;
                }
                continue;
            }
            spared = 0;
            let asked = Instant::now();
            let result = ask().await;
            was_well = result.is_ok();
            if !self.report(asked.elapsed(), result).await {
                return;
            }
        }
    }

    /// Returns whether the operating system reports that it would accept every probed connection.
    fn would_be_accepted(&self) -> bool {
        let accepts = |endpoint| would_accept(endpoint) == Some(true);
        self.only_connects && self.awaited.iter().all(accepts)
    }

    /// Reports a round. Returns whether the receiver is still open.
    async fn report(&mut self, latency: Duration, result: Result<(), ProbeFault>) -> bool {
        if result.is_ok() {
            let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            self.pulse
                .latency
                .store(nanoseconds.max(1), Ordering::Relaxed);
        }
        match (self.event)(Round { latency, result }) {
            // Boxed, since it is rarely sent and would enlarge every future that reports.
            Some(event) => Box::pin(self.events.send(event)).await.is_ok(),
            None => !self.events.is_closed(),
        }
    }
}

/// Returns the pause after a failed round: `waited` since the start, with this many services
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

/// Returns the tick nearest to `at`, so that a round that begins slightly late does not drift from tick
/// to tick.
fn aligned(began: Instant, at: Instant, tick: Duration) -> Instant {
    if tick < SHORTEST_TICK {
        return at;
    }
    let past = at.saturating_duration_since(began).as_nanos() % tick.as_nanos();
    let past = Duration::from_nanos(u64::try_from(past).unwrap_or_default());
    if past < tick / 2 {
        at.checked_sub(past).unwrap_or(at)
    } else {
        at + tick.saturating_sub(past)
    }
}

fn unmatched(pattern: &Regex) -> ProbeFault {
    ProbeFault {
        target: format!("log line `{pattern}`"),
        kind: ProbeFaultKind::LogUnmatched,
    }
}

/// A probe loop whose service is not ready yet.
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
