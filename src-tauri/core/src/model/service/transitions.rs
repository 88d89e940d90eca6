//! The transitions of a service.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{
    ActiveRun, Adoption, CheckRounds, Hooked, Phase, RunEnd, ServiceState, Then, Wordless,
    timestamp,
};
use crate::{
    diagnose::explain,
    knowledge::comes_back,
    model::{
        effect::{Act, Effect, Hindrance, Report, Timer},
        facts::{Claimed, Exit, ProbeFault, Process, RunId, Stopped, TimePoint},
        finding::Finding,
        history::{EventKind, HistoryEvent},
        restart::{Decision, Failures, Jitter, Policy},
    },
    stack::{HookEvent, OnUnhealthy, Restart, Service, Signal},
};

/// The pause before a failing check is run again, if the stack file sets none.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

/// How long failures do not count after the machine has slept: networks and containers need a while.
const LENIENT: Duration = Duration::from_secs(15);

/// How far a timer and the time of day may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

impl ServiceState {
    /// The service is requested: earlier failures no longer count.
    pub(in crate::model) fn request(&mut self, now: TimePoint) {
        self.intent.wanted = true;
        self.intent.alone = false;
        self.touch();
        self.explain_recovery();
        match self.phase {
            Phase::Blocked | Phase::Failed | Phase::Backoff { .. } => {
                self.enter(Phase::Stopped, now);
            }
            Phase::Stopped => {}
            _ => return,
        }
        self.intent.asked = true;
        self.failures = Failures::default();
        self.restarts = 0;
        self.finding = None;
        self.note = None;
        self.beside = None;
        self.unfinished = None;
    }

    /// A restart is requested.
    pub(in crate::model) fn cycle(&mut self, now: TimePoint) {
        let active = self.is_active();
        self.request(now);
        if active {
            self.intent.cycle = true;
            self.intent.asked = true;
            self.failures = Failures::default();
            self.restarts = 0;
        }
    }

    /// A restart is requested from which the services that depend on it are spared.
    pub(in crate::model) fn cycle_alone(&mut self, now: TimePoint) {
        self.cycle(now);
        self.intent.alone = self.intent.cycle;
    }

    /// It runs once more, also if it has completed.
    pub(in crate::model) fn run_again(&mut self, now: TimePoint) {
        self.is_due();
        self.intent.forced = true;
        self.cycle_alone(now);
    }

    /// A task that has completed is done once more with the next request.
    pub(in crate::model) fn is_due(&mut self) {
        if self.is_task() && !self.is_active() {
            self.completed = false;
        }
    }

    /// Waits for the next time of the schedule, unless it does already. A task that was not requested has
    /// nothing to do until then.
    pub(in crate::model) fn plan(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        if self.next_run.is_some() {
            return;
        }
        if !self.intent.wanted && self.phase == Phase::Stopped {
            self.intent.wanted = true;
            self.completed = true;
        }
        self.wait_for_next(now, effects);
    }

    fn wait_for_next(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        let task = self.spec.task.as_ref();
        let schedule = task.and_then(|task| task.schedule.as_ref());
        self.next_run =
            schedule.and_then(|schedule| schedule.after(timestamp(now), &TimeZone::system()));
        self.wait_until_due(now, effects);
        self.touch();
    }

    fn wait_until_due(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        let Some(due) = self.next_run else { return };
        let left = Duration::try_from(due.duration_since(timestamp(now)));
        let timer = Timer::Schedule;
        let until = now.instant + left.unwrap_or_default();
        effects.push(self.effect(Act::Wait { timer, until }));
    }

    /// The timer of the schedule has elapsed. A task that still runs is not started a second time, and
    /// times that were missed count once.
    fn schedule_elapsed(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        let Some(due) = self.next_run.filter(|_| self.intent.wanted) else {
            return;
        };
        if due > timestamp(now.after(CLOCKS_DIFFER)) {
            // The clock was set back, or the timer is an earlier one.
            return self.wait_until_due(now, effects);
        }
        if !self.is_active() {
            self.completed = false;
            self.request(now);
        }
        self.wait_for_next(now, effects);
    }

    /// The machine has slept: earlier failures do not count, nor do those of the next moments.
    pub(in crate::model) fn awake(&mut self, now: TimePoint) {
        self.lenient_until = Some(now.instant + LENIENT);
        self.failures = Failures::default();
        self.failed_rounds = 0;
    }

    fn is_lenient(&self, now: TimePoint) -> bool {
        self.lenient_until.is_some_and(|until| now.instant < until)
    }

    /// Runs the hook for the failure of a service that does not recover by itself, once its cause is known.
    pub(in crate::model) fn tell_failure(&mut self, effects: &mut Vec<Effect>) {
        if self.is_stuck() && !self.must_be_down() && !self.hooked.failed {
            self.hooked.failed = true;
            self.hook(HookEvent::Failed, effects);
        }
    }

    fn tell_ready(&mut self, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.hooked.failed) {
            self.hook(HookEvent::Recovered, effects);
        }
        if !std::mem::replace(&mut self.hooked.ready, true) {
            self.hook(HookEvent::Ready, effects);
        }
    }

    fn hook(&self, event: HookEvent, effects: &mut Vec<Effect>) {
        if self.spec.hooks.contains_key(&event) {
            effects.push(self.effect(Act::Hook(event)));
        }
    }

    /// The user starts or stops it: its files may cause restarts again.
    pub(in crate::model) fn forget_loops(&mut self) {
        self.loops.forget();
        self.watch_finding = None;
        self.touch();
    }

    /// Shows a remark for the user.
    pub(in crate::model) fn remark(&mut self, note: &str) {
        self.note = Some(note.to_owned());
        self.touch();
    }

    /// Signals its processes, if it runs.
    pub(in crate::model) fn signal(&mut self, signal: Signal, effects: &mut Vec<Effect>) {
        if self.is_started() {
            effects.push(self.effect(Act::Signal(signal)));
        }
    }

    /// The changed stack file has a new definition, for the next run.
    pub(in crate::model) fn redefine(&mut self, spec: &Arc<Service>) {
        let changed = **spec != *self.spec;
        self.intent.removed = false;
        if self.is_active() {
            self.next_spec = changed.then(|| spec.clone());
        } else if changed {
            self.spec = spec.clone();
            self.port = spec.port;
            self.completed &= !self.is_task();
        }
        if changed {
            self.next_run = None;
        }
        self.touch();
    }

    /// The changed stack file no longer contains the service.
    pub(in crate::model) fn remove(&mut self) {
        self.intent.removed = true;
        self.intent.wanted = false;
        self.touch();
    }

    /// A stop is requested.
    pub(in crate::model) fn dismiss(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        self.intent.wanted = false;
        self.intent.cycle = false;
        self.intent.alone = false;
        self.completed = false;
        self.next_run = None;
        self.hooked = Hooked::default();
        self.forget_loops();
        self.touch();
        if !self.is_active() {
            self.rest(now, effects);
        }
    }

    /// Begins a new run.
    pub(in crate::model) fn begin(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        self.run = RunId(self.run.0 + 1);
        self.port = self.spec.port;
        self.adopted = false;
        self.completed = false;
        self.failed_rounds = 0;
        self.checks = CheckRounds::default();
        self.last_fault = None;
        self.is_too_large = false;
        self.container = None;
        self.last_process = None;
        self.latency_ms = None;
        self.unfinished = None;
        self.started = Some(timestamp(now));
        self.note = self.cause.take();
        self.loops.begin(now.instant);
        if self.spec.is_external() {
            self.watch(
                ActiveRun {
                    run: self.run,
                    process: None,
                    ready_since: None,
                },
                now,
                effects,
            );
        } else {
            self.enter(Phase::Claiming { run: self.run }, now);
            let asked = std::mem::take(&mut self.intent.asked);
            let forced = std::mem::take(&mut self.intent.forced);
            effects.push(self.effect(Act::Claim { asked, forced }));
        }
    }

    /// Adopts a run of an earlier daemon.
    pub(in crate::model) fn adopt(
        &mut self,
        adoption: &Adoption,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        self.run = adoption.run;
        self.port = adoption.port.or(self.spec.port);
        self.intent.wanted = true;
        self.adopted = true;
        self.last_process = adoption.process;
        self.container.clone_from(&adoption.container);
        self.was_ready = adoption.was_ready.then_some(adoption.run);
        self.started = Some(adoption.since);
        if let Some(process) = adoption.process {
            let running = ActiveRun {
                run: self.run,
                process: Some(process),
                ready_since: None,
            };
            self.watch(running, now, effects);
            self.since = adoption.since;
        } else {
            let ending = RunEnd {
                exit: Some(Exit::Unknown),
                ready_since: adoption.was_ready.then_some(now.instant),
                last_words: adoption.last_words.clone(),
                fault: None,
            };
            self.end_tree(Then::Recover(ending), None, now, effects);
        }
    }

    /// Stops it, unless that is in progress: it is not needed any more.
    pub(in crate::model) fn end(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        match self.phase.clone() {
            Phase::Claiming { .. }
            | Phase::Backoff { .. }
            | Phase::Stopped
            | Phase::Blocked
            | Phase::Failed => self.rest(now, effects),
            Phase::Starting(running) | Phase::Ready(running) | Phase::Unhealthy(running) => {
                if self.spec.is_external() {
                    self.rest(now, effects);
                } else {
                    // A process that is being launched is stopped once it is known.
                    self.end_tree(Then::Rest, running.process, now, effects);
                }
            }
            Phase::Stopping {
                run,
                process,
                then: Then::Recover(_),
            } => {
                self.enter(
                    Phase::Stopping {
                        run,
                        process,
                        then: Then::Rest,
                    },
                    now,
                );
            }
            Phase::Stopping {
                then: Then::Rest, ..
            } => {}
        }
    }

    /// Skips the rest of the grace period of an active stop.
    pub(in crate::model) fn kill(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            effects.push(self.effect(Act::Kill));
        }
    }

    /// Runs its checks once, if it has any and is up.
    ///
    /// Only one round runs at a time. A round that is requested meanwhile may cover events that the
    /// current one has missed, so one more round follows, however many were requested.
    pub(in crate::model) fn check(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_ready() || self.spec.checks.is_empty() {
            return;
        }
        self.touch();
        if self.checks.running {
            self.checks.again = true;
        } else {
            self.checks.running = true;
            let first = !self.checks.made;
            effects.push(self.effect(Act::Check { first }));
        }
    }

    fn checked(
        &mut self,
        failed: Vec<(String, ProbeFault)>,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        self.touch();
        let fails = !failed.is_empty();
        if !self.is_lenient(now) {
            self.checks.failed = failed;
        }
        self.checks.running = false;
        self.checks.made = true;
        if std::mem::take(&mut self.checks.again) {
            self.check(effects);
        }
        if !self.checks.running {
            self.plan_check(fails, now, effects);
        }
    }

    /// Takes the results of a round that a diagnosis has made. It began later than a round that runs, whose
    /// results are then followed by another round.
    fn doctored(
        &mut self,
        failed: Vec<(String, ProbeFault)>,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_ready() {
            return;
        }
        self.touch();
        let fails = !failed.is_empty();
        self.checks.failed = failed;
        self.checks.again |= self.checks.running;
        if !self.checks.running {
            self.plan_check(fails, now, effects);
        }
    }

    /// Handles a report of an effect. Reports of earlier runs are ignored.
    pub(in crate::model) fn report(
        &mut self,
        run: RunId,
        report: Report,
        jitter: &mut Jitter,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        match report {
            Report::LastWords(words) => return self.ended_with(run, words),
            Report::Elapsed(Timer::Schedule) => return self.schedule_elapsed(now, effects),
            _ => {}
        }
        if self.current_run() != Some(run) {
            return;
        }
        match report {
            Report::LastWords(_) | Report::Elapsed(Timer::Schedule) => {}
            Report::UpToDate => {
                if matches!(self.phase, Phase::Claiming { .. }) {
                    self.complete(now, effects);
                    // It has left no log.
                    self.run = RunId(run.0 - 1);
                    self.remark("its inputs have not changed since it was last done");
                }
            }
            Report::Claimed(claim) => self.claimed(claim, now, effects),
            Report::Container(container) => {
                self.port = container.main_port(&self.spec).or(self.port);
                self.container = Some(container);
                self.touch();
            }
            Report::Launched(Ok(process)) => self.launched(process, now, effects),
            Report::Launched(Err(fault)) => {
                if matches!(self.phase, Phase::Starting(_)) {
                    self.give_up(
                        explain::launch(&self.spec, &fault),
                        Phase::Failed,
                        now,
                        effects,
                    );
                }
            }
            Report::Exited {
                exit,
                survivors,
                last_words,
            } => {
                self.exited(exit, &survivors, last_words, jitter, now, effects);
            }
            Report::Round(round) => self.round(round, now, effects),
            Report::Checked(failed) => self.checked(failed, now, effects),
            Report::Doctored(failed) => self.doctored(failed, now, effects),
            Report::Memory(fault) => self.memory(fault, now, effects),
            Report::Grew(how) => {
                self.note = Some(format!("{} {how}", self.name()));
                self.touch();
            }
            Report::Stopped(stopped) => self.stopped(stopped, jitter, now, effects),
            Report::Elapsed(Timer::Start) => self.start_timed_out(now, effects),
            Report::Elapsed(Timer::Check) => {
                self.checks.due = false;
                self.check(effects);
            }
            Report::Elapsed(Timer::Backoff) => {
                if matches!(self.phase, Phase::Backoff { .. }) {
                    self.restarts += 1;
                    self.enter(Phase::Stopped, now);
                }
            }
        }
    }

    fn claimed(
        &mut self,
        claim: Result<Option<Claimed>, Hindrance>,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Claiming { run } = self.phase else {
            return;
        };
        match claim {
            Ok(claimed) => {
                if let Some(claimed) = claimed {
                    self.port = Some(claimed.port);
                    let ended = explain::ended_holders(&self.spec, &claimed);
                    if !claimed.ended.is_empty() {
                        self.history.push(HistoryEvent {
                            service: Some(self.name().clone()),
                            port: self.port,
                            message: ended.as_deref().map(Into::into),
                            ..HistoryEvent::new(timestamp(now), EventKind::PortFreed)
                        });
                    }
                    self.note = ended.or(self.note.take());
                }
                if let Some(beside) = self.beside.take() {
                    self.note.get_or_insert(beside);
                }
                self.enter(
                    Phase::Starting(ActiveRun {
                        run,
                        process: None,
                        ready_since: None,
                    }),
                    now,
                );
                effects.push(self.effect(Act::Launch));
            }
            Err(hindrance) => {
                self.give_up(
                    explain::hindrance(&self.spec, &hindrance),
                    Phase::Blocked,
                    now,
                    effects,
                );
            }
        }
    }

    fn launched(&mut self, process: Process, now: TimePoint, effects: &mut Vec<Effect>) {
        let Phase::Starting(running @ ActiveRun { process: None, .. }) = self.phase else {
            // Another process follows the log of its container.
            if self.container.is_some() {
                self.process_is(process);
            }
            return;
        };
        let since = self.since;
        self.last_process = Some(process);
        self.watch(
            ActiveRun {
                process: Some(process),
                ..running
            },
            now,
            effects,
        );
        self.since = since;
    }

    /// Probes a running service until it is ready.
    fn watch(&mut self, running: ActiveRun, now: TimePoint, effects: &mut Vec<Effect>) {
        self.enter(Phase::Starting(running), now);
        if self.is_task() {
            // It is not ready before it has ended.
            return;
        }
        let until = now.instant + self.spec.start_timeout;
        effects.push(self.effect(Act::Probe));
        effects.push(self.effect(Act::Wait {
            timer: Timer::Start,
            until,
        }));
    }

    fn exited(
        &mut self,
        exit: Exit,
        survivors: &[Process],
        last_words: Option<String>,
        jitter: &mut Jitter,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        let running = match &self.phase {
            Phase::Starting(running) | Phase::Ready(running) | Phase::Unhealthy(running) => {
                *running
            }
            // It is being stopped; `Stopped` reports the end of the whole tree.
            _ => {
                self.last_exit = Some(exit);
                return self.touch();
            }
        };
        if let Some(&first) = survivors.first()
            && exit.is_success()
            && running.is_young(now)
        {
            self.process_is(first);
            effects.push(self.effect(Act::Follow));
            return;
        }
        self.last_exit = Some(exit);
        let ending = RunEnd {
            exit: Some(exit),
            ready_since: running.ready_since,
            last_words,
            fault: None,
        };
        if survivors.is_empty() {
            self.recover(&ending, jitter, now, effects);
        } else {
            self.end_tree(Then::Recover(ending), running.process, now, effects);
        }
    }

    /// Returns whether the exit of a run at `now`, with no survivors, is followed by an immediate
    /// restart.
    #[must_use]
    pub fn restarts_at_once(&self, run: RunId, now: TimePoint) -> bool {
        let (Phase::Starting(running) | Phase::Ready(running) | Phase::Unhealthy(running)) =
            &self.phase
        else {
            return false;
        };
        running.run == run
            && self.spec.restart != Restart::Never
            && self.spec.restart_delay.is_none()
            && self.spec.max_restarts != Some(0)
            && !self.must_be_down()
            && self
                .failures
                .restarts_at_once(now.instant, running.ready_since)
    }

    /// Adds the last words of a run to the finding about its exit, if that is still shown.
    fn ended_with(&mut self, run: RunId, words: Option<String>) {
        let Some(wordless) = self.wordless.take_if(|wordless| wordless.run == run) else {
            return;
        };
        let is_said = |said: &Arc<Finding>| Arc::ptr_eq(said, &wordless.finding);
        if words.is_some() && self.finding.as_ref().is_some_and(is_said) {
            let ending = RunEnd {
                last_words: words,
                ..wordless.ending.clone()
            };
            self.finding = Some(Arc::new(explain::ended(&self.spec, &ending)));
            self.touch();
        }
    }

    /// Sets the process that represents the service.
    fn process_is(&mut self, process: Process) {
        if let Phase::Starting(running) | Phase::Ready(running) | Phase::Unhealthy(running) =
            &mut self.phase
        {
            running.process = Some(process);
        }
        self.last_process = Some(process);
        self.touch();
    }

    fn round(
        &mut self,
        round: Result<Duration, ProbeFault>,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        match round {
            Ok(latency) => {
                self.latency_ms = Some((latency.as_secs_f64() * 100_000.0).round() / 100.0);
                self.failed_rounds = 0;
                if self.is_too_large {
                    return;
                }
                self.last_fault = None;
                match self.phase.clone() {
                    Phase::Starting(running) | Phase::Unhealthy(running) => {
                        let ready_since = running.ready_since.or(Some(now.instant));
                        self.was_ready = Some(running.run);
                        self.enter(
                            Phase::Ready(ActiveRun {
                                ready_since,
                                ..running
                            }),
                            now,
                        );
                        self.finding = None;
                        self.tell_ready(effects);
                        self.check(effects);
                    }
                    _ => {}
                }
            }
            Err(fault) => {
                self.last_fault = Some(fault);
                self.failed_rounds += u32::from(!self.is_lenient(now));
                if let Phase::Ready(running) = self.phase
                    && self.failed_rounds >= self.spec.ready.failures
                {
                    self.turn_unhealthy(running, now, effects);
                }
            }
        }
    }

    /// It uses more memory than it may, or no longer does.
    fn memory(&mut self, fault: Option<ProbeFault>, now: TimePoint, effects: &mut Vec<Effect>) {
        let was_too_large = std::mem::replace(&mut self.is_too_large, fault.is_some());
        let (Phase::Starting(running) | Phase::Ready(running) | Phase::Unhealthy(running)) =
            self.phase
        else {
            return;
        };
        match fault {
            Some(fault) => {
                self.last_fault = Some(fault);
                let policy = self.spec.memory.map(|limit| limit.on_limit);
                self.become_unhealthy(running, policy.unwrap_or_default(), now, effects);
            }
            // Rounds of probes may show more; without any, this is what shows it.
            None if was_too_large => self.round(Ok(Duration::ZERO), now, effects),
            None => {}
        }
    }

    fn turn_unhealthy(&mut self, running: ActiveRun, now: TimePoint, effects: &mut Vec<Effect>) {
        self.become_unhealthy(running, self.spec.on_unhealthy, now, effects);
    }

    fn become_unhealthy(
        &mut self,
        running: ActiveRun,
        policy: OnUnhealthy,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        self.finding = Some(Arc::new(explain::unhealthy(
            &self.spec,
            self.last_fault.as_ref(),
        )));
        self.enter(Phase::Unhealthy(running), now);
        if policy == OnUnhealthy::Restart && !self.spec.is_external() {
            let ending = RunEnd {
                exit: None,
                ready_since: running.ready_since,
                last_words: None,
                fault: self.last_fault.clone(),
            };
            self.end_tree(Then::Recover(ending), running.process, now, effects);
        }
    }

    /// All checks run together, since one may use values of another: the shortest interval applies.
    fn plan_check(&mut self, fails: bool, now: TimePoint, effects: &mut Vec<Effect>) {
        let pauses = self.spec.checks.iter().filter_map(|check| check.every);
        let pause = pauses.min().or_else(|| fails.then_some(CHECK_AGAIN));
        if let Some(pause) = pause.filter(|_| !self.checks.due) {
            self.checks.due = true;
            let until = now.instant + pause;
            let timer = Timer::Check;
            effects.push(self.effect(Act::Wait { timer, until }));
        }
    }

    /// Reports that the service is not ready in time, and informs waiting clients. It keeps
    /// running, since it may only be slow, or be stopped in a debugger.
    fn start_timed_out(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        if let Phase::Starting(running) = self.phase {
            if self.is_lenient(now) {
                let until = now.instant + self.spec.start_timeout;
                let timer = Timer::Start;
                return effects.push(self.effect(Act::Wait { timer, until }));
            }
            self.turn_unhealthy(running, now, effects);
            self.finding = Some(Arc::new(explain::not_ready(
                &self.spec,
                self.last_fault.as_ref(),
            )));
        }
    }

    fn stopped(
        &mut self,
        stopped: Stopped,
        jitter: &mut Jitter,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Stopping { then, .. } = self.phase.clone() else {
            return;
        };
        self.last_exit = stopped.exit.or(self.last_exit);
        self.note = explain::ended_beside(&stopped);
        self.beside.clone_from(&self.note);
        let finished =
            stopped.survivors.is_empty() && !stopped.port_held && stopped.fault.is_none();
        self.unfinished = (!finished).then_some(stopped);
        match then {
            Then::Recover(ending) => self.recover(&ending, jitter, now, effects),
            Then::Rest => self.rest(now, effects),
        }
    }

    /// It ended without a request: the restart policy decides.
    fn recover(
        &mut self,
        ending: &RunEnd,
        jitter: &mut Jitter,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        if self.must_be_down() {
            return self.rest(now, effects);
        }
        let success = ending
            .exit
            .is_some_and(|exit| self.spec.has_completed(exit));
        if success && self.is_job {
            return self.complete(now, effects);
        }
        if self.spec.restart == Restart::Never {
            return self.give_up(
                explain::ended(&self.spec, ending),
                Phase::Failed,
                now,
                effects,
            );
        }
        let policy = Policy {
            delay: self.spec.restart_delay,
            most: self.spec.max_restarts,
        };
        let decision = self
            .failures
            .note(now.instant, ending.ready_since, jitter.draw(), policy);
        if self.is_lenient(now) {
            self.failures.forgive();
        }
        let words = ending.last_words.as_deref();
        let error = words.filter(|words| ending.ready_since.is_none() && comes_back(words));
        match decision {
            _ if self.failures.repeats(error.map(str::to_owned)) => {
                let finding = explain::same_error(&self.spec, ending);
                self.give_up(finding, Phase::Failed, now, effects);
            }
            Decision::GiveUp => {
                let finding = explain::crash_loop(&self.spec, ending, self.failures.recent());
                self.give_up(finding, Phase::Failed, now, effects);
            }
            Decision::After(pause) => {
                let run = self.run;
                self.abandon(effects);
                let finding = Arc::new(explain::ended(&self.spec, ending));
                self.wordless = ending.last_words.is_none().then(|| {
                    Box::new(Wordless {
                        run,
                        ending: ending.clone(),
                        finding: finding.clone(),
                    })
                });
                self.finding = Some(finding);
                if pause.is_zero() {
                    self.restarts += 1;
                    self.enter(Phase::Stopped, now);
                } else {
                    self.enter(Phase::Backoff { run }, now);
                    let until = now.instant + pause;
                    effects.push(self.effect(Act::Wait {
                        timer: Timer::Backoff,
                        until,
                    }));
                }
            }
        }
    }

    fn complete(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        self.completed = true;
        self.tell_ready(effects);
        self.rest(now, effects);
    }

    fn end_tree(
        &mut self,
        then: Then,
        process: Option<Process>,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        self.enter(
            Phase::Stopping {
                run: self.run,
                process,
                then,
            },
            now,
        );
        self.explain_recovery();
        effects.push(self.effect(Act::Stop));
    }

    /// Sets the reason of its red light while what an exit has left is being stopped.
    fn explain_recovery(&mut self) {
        if let Phase::Stopping {
            then: Then::Recover(ending),
            ..
        } = &self.phase
            && !self.must_be_down()
            && (ending.exit.is_some() || self.finding.is_none())
        {
            self.finding = Some(Arc::new(explain::ended(&self.spec, ending)));
        }
    }

    fn give_up(
        &mut self,
        finding: Finding,
        phase: Phase,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        if self.must_be_down() {
            return self.rest(now, effects);
        }
        self.abandon(effects);
        self.finding = Some(Arc::new(finding));
        self.enter(phase, now);
    }

    /// It no longer runs, as intended.
    fn rest(&mut self, now: TimePoint, effects: &mut Vec<Effect>) {
        let is_stop = matches!(
            self.phase,
            Phase::Stopping {
                then: Then::Rest,
                ..
            }
        );
        if is_stop && !self.intent.wanted {
            self.hook(HookEvent::Stopped, effects);
        }
        self.abandon(effects);
        self.intent.cycle = false;
        self.intent.alone = false;
        self.finding = None;
        self.checks.failed.clear();
        if let Some(spec) = self.next_spec.take() {
            self.spec = spec;
        }
        self.port = self.spec.port;
        if self.phase != Phase::Stopped {
            self.enter(Phase::Stopped, now);
        }
        self.touch();
    }

    fn abandon(&mut self, effects: &mut Vec<Effect>) {
        if self.current_run().is_some() {
            effects.push(self.effect(Act::Abandon));
        }
    }

    fn enter(&mut self, phase: Phase, now: TimePoint) {
        self.since = timestamp(now);
        let before = std::mem::replace(&mut self.phase, phase);
        self.record(&before);
        self.touch();
    }

    /// Records the event that a change of the phase is for users, if any.
    fn record(&mut self, before: &Phase) {
        let kind = match (&self.phase, before) {
            (Phase::Starting(running), _) if running.process.is_some() => match self.restarts {
                _ if self.adopted => EventKind::Reconnected,
                0 => EventKind::Started,
                _ => EventKind::Restarted,
            },
            (Phase::Ready(_), _) => EventKind::Ready,
            (Phase::Unhealthy(_), _) => EventKind::Unhealthy,
            (Phase::Failed, _) => EventKind::Failed,
            (Phase::Blocked, _) => EventKind::Blocked,
            (Phase::Stopped, _) if self.completed => EventKind::Completed,
            (Phase::Stopped, Phase::Starting(_) | Phase::Ready(_) | Phase::Unhealthy(_))
                if self.spec.is_external() =>
            {
                return;
            }
            (Phase::Stopped, Phase::Stopping { .. }) if self.must_be_down() => EventKind::Stopped,
            (Phase::Stopped, Phase::Stopping { then, .. }) if *then == Then::Rest => {
                EventKind::Stopped
            }
            (Phase::Backoff { .. }, _)
            | (
                Phase::Stopped,
                Phase::Starting(_) | Phase::Ready(_) | Phase::Unhealthy(_) | Phase::Stopping { .. },
            ) => EventKind::Exited,
            _ => return,
        };
        let event = HistoryEvent::new(self.since, kind);
        let because = matches!(
            kind,
            EventKind::Unhealthy | EventKind::Failed | EventKind::Blocked
        );
        let event = match self.finding.as_ref().filter(|_| because) {
            Some(finding) => event.because_of(finding),
            None => event,
        };
        let is_start = matches!(self.phase, Phase::Starting(_));
        self.history.push(HistoryEvent {
            service: Some(self.name().clone()),
            pid: self
                .process()
                .map(|process| process.pid)
                .filter(|_| is_start),
            port: self.port.filter(|_| is_start),
            exit: self.last_exit.filter(|_| kind == EventKind::Exited),
            ..event
        });
    }

    fn effect(&self, act: Act) -> Effect {
        Effect {
            service: self.name().clone(),
            run: self.run,
            act,
        }
    }
}
