//! The transitions of a service.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{
    ActiveRun, Adoption, Health, Hooked, LatestRun, Phase, RunEnd, ServiceState, Step, Then,
    Wordless, milliseconds, timestamp,
};
use crate::{
    diagnose::explain,
    knowledge::comes_back,
    model::{
        effect::{Act, Effect, Hindrance, Report, Timer},
        facts::{Claimed, Exit, ProbeFault, Process, RunId, Stopped, TimePoint},
        finding::Finding,
        history::{EventKind, HistoryEvent},
        restart::{Decision, Failures, Policy},
    },
    stack::{HookEvent, OnUnhealthy, Probe, Restart, Service, Signal},
};

/// The default pause before a failing check runs again.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

/// How long a service without a probe must run after a failure until it counts as ready.
const PROOF: Duration = Duration::from_secs(3);

/// How long failures do not count after the machine has slept: networks and containers need a while.
const LENIENT: Duration = Duration::from_secs(15);

/// The maximum difference between a timer and the time of day.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

impl ServiceState {
    /// Requests the service: earlier failures no longer count.
    pub(in crate::model) fn request(&mut self, step: &Step) {
        self.intent.wanted = true;
        self.intent.alone = false;
        self.touch();
        self.explain_recovery();
        match self.phase {
            Phase::Blocked | Phase::Failed | Phase::Backoff => self.enter(Phase::Stopped, step),
            Phase::Stopped => {}
            _ => return,
        }
        self.start_afresh();
        self.finding = None;
        self.note = None;
        self.beside = None;
        self.unfinished = None;
    }

    /// Requests a restart.
    pub(in crate::model) fn cycle(&mut self, step: &Step) {
        let active = self.is_active();
        self.request(step);
        if active {
            self.intent.cycle = true;
            self.start_afresh();
        }
    }

    /// Makes the next start a requested one.
    fn start_afresh(&mut self) {
        self.intent.asked = true;
        self.failures = Failures::default();
        self.restarts = 0;
    }

    /// Requests a restart that does not affect the services that depend on it.
    pub(in crate::model) fn cycle_alone(&mut self, step: &Step) {
        self.cycle(step);
        self.intent.alone = self.intent.cycle;
    }

    /// Requests another run, even if it has completed.
    pub(in crate::model) fn run_again(&mut self, step: &Step) {
        self.is_due();
        self.intent.forced = true;
        self.cycle_alone(step);
    }

    /// Makes a completed task run again with the next request.
    pub(in crate::model) fn is_due(&mut self) {
        if self.is_task() && !self.is_active() {
            self.completed = false;
        }
    }

    /// Waits for the next time of the schedule, unless it is already waiting. Until then, a task
    /// that was not requested counts as completed.
    pub(in crate::model) fn plan(&mut self, step: &mut Step) {
        if self.next_run.is_some() {
            return;
        }
        if !self.intent.wanted && self.phase == Phase::Stopped {
            self.intent.wanted = true;
            self.completed = true;
        }
        self.wait_for_next(step);
    }

    fn wait_for_next(&mut self, step: &mut Step) {
        let task = self.spec.task.as_ref();
        let schedule = task.and_then(|task| task.schedule.as_ref());
        let now = timestamp(step.now);
        self.next_run = schedule.and_then(|schedule| schedule.after(now, &TimeZone::system()));
        self.wait_until_due(step);
        self.touch();
    }

    fn wait_until_due(&self, step: &mut Step) {
        if let Some(due) = self.next_run {
            let left = Duration::try_from(due.duration_since(timestamp(step.now)));
            self.wait(Timer::Schedule, left.unwrap_or_default(), step);
        }
    }

    /// Handles the timer of the schedule. A running task is not started again, and missed times
    /// count once.
    fn schedule_elapsed(&mut self, step: &mut Step) {
        let Some(due) = self.next_run.filter(|_| self.intent.wanted) else {
            return;
        };
        if due > timestamp(step.now.after(CLOCKS_DIFFER)) {
            // The clock was set back, or this is an earlier timer.
            return self.wait_until_due(step);
        }
        if !self.is_active() {
            self.completed = false;
            self.request(step);
        }
        self.wait_for_next(step);
    }

    /// Handles a wake-up of the machine: earlier failures no longer count, nor do those of the next
    /// moments.
    pub(in crate::model) fn awake(&mut self, now: TimePoint) {
        self.lenient_until = Some(now.instant + LENIENT);
        self.failures = Failures::default();
        self.latest.failed_rounds = 0;
    }

    fn is_lenient(&self, step: &Step) -> bool {
        let until = self.lenient_until;
        until.is_some_and(|until| step.now.instant < until)
    }

    /// Runs the hook for the failure of a service that will not recover, once its cause is known.
    pub(in crate::model) fn tell_failure(&mut self, step: &mut Step) {
        if self.is_stuck() && !self.must_be_down() && !self.hooked.failed {
            self.hooked.failed = true;
            self.hook(HookEvent::Failed, step);
        }
    }

    fn tell_ready(&mut self, step: &mut Step) {
        if std::mem::take(&mut self.hooked.failed) {
            self.hook(HookEvent::Recovered, step);
        }
        if !std::mem::replace(&mut self.hooked.ready, true) {
            self.hook(HookEvent::Ready, step);
        }
    }

    fn hook(&self, event: HookEvent, step: &mut Step) {
        if self.spec.hooks.contains_key(&event) {
            self.act(Act::Hook(event), step);
        }
    }

    /// Lets its files cause restarts again, after a start or stop by the user.
    pub(in crate::model) fn forget_loops(&mut self) {
        self.loops.forget();
        self.watch_finding = None;
        self.touch();
    }

    /// Shows a note to the user.
    pub(in crate::model) fn remark(&mut self, note: &str) {
        self.note = Some(note.to_owned());
        self.touch();
    }

    /// Signals its processes, if it is running.
    pub(in crate::model) fn signal(&self, signal: Signal, step: &mut Step) {
        if self.is_started() {
            self.act(Act::Signal(signal), step);
        }
    }

    /// Sets the new definition of a changed stack file, for the next run.
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

    /// Records that the changed stack file no longer contains the service.
    pub(in crate::model) fn remove(&mut self) {
        self.intent.removed = true;
        self.intent.wanted = false;
        self.touch();
    }

    /// Requests a stop.
    pub(in crate::model) fn dismiss(&mut self, step: &mut Step) {
        self.intent.wanted = false;
        self.intent.cycle = false;
        self.intent.alone = false;
        self.completed = false;
        self.next_run = None;
        self.hooked = Hooked::default();
        self.forget_loops();
        if !self.is_active() {
            self.rest(step);
        }
    }

    /// Begins a new run.
    pub(in crate::model) fn begin(&mut self, step: &mut Step) {
        self.run = RunId(self.run.0 + 1);
        self.latest = LatestRun {
            started: Some(timestamp(step.now)),
            ..LatestRun::default()
        };
        self.port = self.spec.port;
        self.completed = false;
        self.unfinished = None;
        self.note = self.cause.take();
        self.loops.begin(step.now.instant);
        if self.spec.is_external() {
            self.watch(None, step);
        } else {
            self.enter(Phase::Claiming, step);
            let asked = std::mem::take(&mut self.intent.asked);
            let forced = std::mem::take(&mut self.intent.forced);
            self.act(Act::Claim { asked, forced }, step);
        }
    }

    /// Adopts a run of an earlier daemon.
    pub(in crate::model) fn adopt(&mut self, adoption: &Adoption, step: &mut Step) {
        self.run = adoption.run;
        self.port = adoption.port.or(self.spec.port);
        self.intent.wanted = true;
        self.was_ready = adoption.was_ready.then_some(adoption.run);
        self.latest.adopted = true;
        self.latest.process = adoption.process;
        self.latest.container.clone_from(&adoption.container);
        self.latest.started = Some(adoption.since);
        if let Some(process) = adoption.process {
            self.watch(Some(process), step);
            self.since = adoption.since;
        } else {
            let ending = RunEnd {
                exit: Some(Exit::Unknown),
                ready_since: adoption.was_ready.then_some(step.now.instant),
                last_words: adoption.last_words.clone(),
                fault: None,
            };
            self.end_tree(Then::Recover(ending), None, step);
        }
    }

    /// Stops the service, which is no longer needed, unless it is already being stopped.
    pub(in crate::model) fn end(&mut self, step: &mut Step) {
        match &self.phase {
            // A process that is still being launched is stopped once it is known.
            Phase::Running(running) if !self.spec.is_external() => {
                let process = running.process;
                self.end_tree(Then::Rest, process, step);
            }
            Phase::Stopping { then, .. } if *then == Then::Rest => {}
            Phase::Stopping { process, .. } => {
                let (process, then) = (*process, Then::Rest);
                self.enter(Phase::Stopping { process, then }, step);
            }
            _ => self.rest(step),
        }
    }

    /// Skips the rest of the grace period of an active stop.
    pub(in crate::model) fn kill(&self, step: &mut Step) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            self.act(Act::Kill, step);
        }
    }

    /// Runs its checks once, if it has any and is up.
    ///
    /// Only one round runs at a time. Requests during a round are covered by one more round after
    /// it, since the current one may have missed their events.
    pub(in crate::model) fn check(&mut self, step: &mut Step) {
        if !self.is_ready() || self.spec.checks.is_empty() {
            return;
        }
        self.touch();
        let checks = &mut self.latest.checks;
        if checks.running {
            checks.again = true;
        } else {
            checks.running = true;
            let first = !checks.made;
            self.act(Act::Check { first }, step);
        }
    }

    fn checked(&mut self, failed: Vec<(String, ProbeFault)>, step: &mut Step) {
        self.touch();
        let fails = !failed.is_empty();
        if !self.is_lenient(step) {
            self.latest.checks.failed = failed;
        }
        self.latest.checks.running = false;
        self.latest.checks.made = true;
        if std::mem::take(&mut self.latest.checks.again) {
            self.check(step);
        }
        self.plan_check(fails, step);
    }

    /// Handles the results of a round of a diagnosis. It began later than a round that is still
    /// running, which is then followed by another one.
    fn doctored(&mut self, failed: Vec<(String, ProbeFault)>, step: &mut Step) {
        if !self.is_ready() {
            return;
        }
        self.touch();
        let fails = !failed.is_empty();
        self.latest.checks.failed = failed;
        self.latest.checks.again |= self.latest.checks.running;
        self.plan_check(fails, step);
    }

    /// Handles a report of an effect. Reports of earlier runs are ignored.
    pub(in crate::model) fn report(&mut self, run: RunId, report: Report, step: &mut Step) {
        match report {
            Report::LastWords(words) => return self.ended_with(run, words),
            Report::Elapsed(Timer::Schedule) => return self.schedule_elapsed(step),
            _ if self.current_run() != Some(run) => return,
            _ => {}
        }
        match report {
            Report::LastWords(_) | Report::Elapsed(Timer::Schedule) => {}
            Report::UpToDate => {
                if self.phase == Phase::Claiming {
                    self.complete(step);
                    // The claimed run has left no log.
                    self.run = RunId(run.0 - 1);
                    self.remark("its inputs have not changed since it was last done");
                }
            }
            Report::Claimed(claim) => self.claimed(claim, step),
            Report::Container(container) => {
                self.port = container.main_port(&self.spec).or(self.port);
                self.latest.container = Some(container);
                self.touch();
            }
            Report::Progress(text) => {
                self.note = text;
                self.touch();
            }
            Report::Launched(Ok(process)) => self.launched(process, step),
            Report::Launched(Err(fault)) => {
                if self
                    .running()
                    .is_some_and(|it| it.health == Health::Starting)
                {
                    self.give_up(explain::launch(&self.spec, &fault), Phase::Failed, step);
                }
            }
            Report::Exited {
                exit,
                survivors,
                last_words,
            } => self.exited(exit, &survivors, last_words, step),
            Report::Round(round) => self.round(round, step),
            Report::Checked(failed) => self.checked(failed, step),
            Report::Doctored(failed) => self.doctored(failed, step),
            Report::Memory(fault) => self.memory(fault, step),
            Report::Grew(how) => self.remark(&format!("{} {how}", self.name())),
            Report::Stopped(stopped) => self.stopped(stopped, step),
            Report::Elapsed(Timer::Start) => self.start_timed_out(step),
            Report::Elapsed(Timer::Check) => {
                self.latest.checks.due = false;
                self.check(step);
            }
            Report::Elapsed(Timer::Proof) => {
                let running = self.running();
                if running.is_some_and(|it| it.health == Health::Starting) {
                    self.act(Act::Probe, step);
                }
            }
            Report::Elapsed(Timer::Backoff) => {
                if self.phase == Phase::Backoff {
                    self.restarts += 1;
                    self.enter(Phase::Stopped, step);
                }
            }
        }
    }

    fn claimed(&mut self, claim: Result<Option<Claimed>, Hindrance>, step: &mut Step) {
        if self.phase != Phase::Claiming {
            return;
        }
        let claimed = match claim {
            Ok(claimed) => claimed,
            Err(hindrance) => {
                let finding = explain::hindrance(&self.spec, &hindrance);
                return self.give_up(finding, Phase::Blocked, step);
            }
        };
        if let Some(claimed) = claimed {
            self.port = Some(claimed.port);
            let ended = explain::ended_holders(&self.spec, &claimed);
            if !claimed.ended.is_empty() {
                self.history.push(HistoryEvent {
                    service: Some(self.name().clone()),
                    port: self.port,
                    message: ended.as_deref().map(Into::into),
                    ..HistoryEvent::new(timestamp(step.now), EventKind::PortFreed)
                });
            }
            self.note = ended.or(self.note.take());
        }
        if let Some(beside) = self.beside.take() {
            self.note.get_or_insert(beside);
        }
        self.start(None, step);
        self.act(Act::Launch, step);
    }

    fn launched(&mut self, process: Process, step: &mut Step) {
        let running = self.running();
        if running.is_some_and(|it| it.health == Health::Starting && it.process.is_none()) {
            let since = self.since;
            self.latest.process = Some(process);
            self.watch(Some(process), step);
            self.since = since;
        } else if self.latest.container.is_some() {
            // A new process follows the log of its container.
            self.process_is(process);
        }
    }

    /// Enters the running phase: launched or being launched, and not ready yet.
    fn start(&mut self, process: Option<Process>, step: &Step) {
        let running = ActiveRun {
            process,
            ready_since: None,
            health: Health::Starting,
        };
        self.enter(Phase::Running(running), step);
    }

    /// Probes a running service until it is ready. A task becomes ready only when it has completed.
    fn watch(&mut self, process: Option<Process>, step: &mut Step) {
        self.start(process, step);
        if self.is_task() {
            return;
        }
        let limit = self.spec.start_timeout;
        if self.must_prove_itself() {
            self.wait(Timer::Proof, PROOF.min(limit / 2), step);
        } else {
            self.act(Act::Probe, step);
        }
        self.wait(Timer::Start, limit, step);
    }

    /// Returns whether it has failed before, and nothing but a process that runs shows that it is ready: a
    /// program that fails at each start runs for a moment each time.
    fn must_prove_itself(&self) -> bool {
        let mut probes = self.spec.ready.probes.iter();
        self.failures.recent() > 0
            && !self.spec.is_external()
            && probes.all(|probe| matches!(probe, Probe::Process))
    }

    fn exited(
        &mut self,
        exit: Exit,
        survivors: &[Process],
        last_words: Option<String>,
        step: &mut Step,
    ) {
        let Some(running) = self.running() else {
            // It is being stopped; `Stopped` reports the end of the whole tree.
            self.last_exit = Some(exit);
            return self.touch();
        };
        if let Some(&first) = survivors.first()
            && exit.is_success()
            && running.is_young(step.now)
        {
            self.process_is(first);
            return self.act(Act::Follow, step);
        }
        self.last_exit = Some(exit);
        let ending = RunEnd {
            exit: Some(exit),
            ready_since: running.ready_since,
            last_words,
            fault: None,
        };
        if survivors.is_empty() {
            self.recover(&ending, step);
        } else {
            self.end_tree(Then::Recover(ending), running.process, step);
        }
    }

    /// Returns whether the service restarts immediately after the exit of a run at `now` without
    /// survivors.
    #[must_use]
    pub fn restarts_at_once(&self, run: RunId, now: TimePoint) -> bool {
        let failures = &self.failures;
        self.running().is_some_and(|running| {
            self.run == run
                && self.spec.restart != Restart::Never
                && self.spec.restart_delay.is_none()
                && self.spec.max_restarts != Some(0)
                && !self.must_be_down()
                && failures.restarts_at_once(now.instant, running.ready_since)
        })
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
        if let Phase::Running(running) = &mut self.phase {
            running.process = Some(process);
        }
        self.latest.process = Some(process);
        self.touch();
    }

    fn round(&mut self, round: Result<Duration, ProbeFault>, step: &mut Step) {
        match round {
            Ok(latency) => self.passed(latency, step),
            Err(fault) => {
                self.latest.last_fault = Some(fault);
                self.latest.failed_rounds += u32::from(!self.is_lenient(step));
                let is_enough = self.latest.failed_rounds >= self.spec.ready.failures;
                if self.is_ready() && is_enough {
                    self.become_unhealthy(self.spec.on_unhealthy, step);
                }
            }
        }
    }

    fn passed(&mut self, latency: Duration, step: &mut Step) {
        self.latest.latency_ms = Some(milliseconds(latency));
        self.latest.failed_rounds = 0;
        if self.latest.is_too_large {
            return;
        }
        self.latest.last_fault = None;
        let running = self.running();
        if let Some(running) = running.filter(|it| it.health != Health::Ready) {
            self.was_ready = Some(self.run);
            let running = ActiveRun {
                ready_since: running.ready_since.or(Some(step.now.instant)),
                health: Health::Ready,
                ..running
            };
            self.enter(Phase::Running(running), step);
            self.finding = None;
            self.tell_ready(step);
            self.check(step);
        }
    }

    /// Records that its memory exceeds the limit, or no longer does.
    fn memory(&mut self, fault: Option<ProbeFault>, step: &mut Step) {
        let was_too_large = std::mem::replace(&mut self.latest.is_too_large, fault.is_some());
        if self.running().is_none() {
            return;
        }
        match fault {
            Some(fault) => {
                self.latest.last_fault = Some(fault);
                let policy = self.spec.memory.map(|limit| limit.on_limit);
                self.become_unhealthy(policy.unwrap_or_default(), step);
            }
            // Further rounds of probes may follow; without any, this one shows the change.
            None if was_too_large => self.passed(Duration::ZERO, step),
            None => {}
        }
    }

    fn become_unhealthy(&mut self, policy: OnUnhealthy, step: &mut Step) {
        let Some(running) = self.running() else {
            return;
        };
        let fault = self.latest.last_fault.as_ref();
        self.finding = Some(Arc::new(explain::unhealthy(&self.spec, fault)));
        let unhealthy = ActiveRun {
            health: Health::Unhealthy,
            ..running
        };
        self.enter(Phase::Running(unhealthy), step);
        if policy == OnUnhealthy::Restart && !self.spec.is_external() {
            let ending = RunEnd {
                exit: None,
                ready_since: running.ready_since,
                last_words: None,
                fault: self.latest.last_fault.clone(),
            };
            self.end_tree(Then::Recover(ending), running.process, step);
        }
    }

    /// Sets the timer of the next round of checks, unless a round is running. All checks run
    /// together, since one may use values of another, so the shortest interval applies.
    fn plan_check(&mut self, fails: bool, step: &mut Step) {
        let pauses = self.spec.checks.iter().filter_map(|check| check.every);
        let pause = pauses.min().or_else(|| fails.then_some(CHECK_AGAIN));
        let checks = &mut self.latest.checks;
        if let Some(pause) = pause.filter(|_| !checks.due && !checks.running) {
            checks.due = true;
            self.wait(Timer::Check, pause, step);
        }
    }

    /// Reports that the service is not ready in time, and informs waiting clients. It keeps
    /// running, since it may only be slow or stopped in a debugger.
    fn start_timed_out(&mut self, step: &mut Step) {
        if self
            .running()
            .is_none_or(|it| it.health != Health::Starting)
        {
            return;
        }
        if self.is_lenient(step) {
            return self.wait(Timer::Start, self.spec.start_timeout, step);
        }
        self.become_unhealthy(self.spec.on_unhealthy, step);
        let fault = self.latest.last_fault.as_ref();
        self.finding = Some(Arc::new(explain::not_ready(&self.spec, fault)));
    }

    fn stopped(&mut self, stopped: Stopped, step: &mut Step) {
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
            Then::Recover(ending) => self.recover(&ending, step),
            Then::Rest => self.rest(step),
        }
    }

    /// Handles an end without a request: the restart policy decides.
    fn recover(&mut self, ending: &RunEnd, step: &mut Step) {
        if self.must_be_down() {
            return self.rest(step);
        }
        let exit = ending.exit;
        if self.is_job && exit.is_some_and(|exit| self.spec.has_completed(exit)) {
            return self.complete(step);
        }
        if self.spec.restart == Restart::Never {
            return self.give_up(explain::ended(&self.spec, ending), Phase::Failed, step);
        }
        let policy = Policy {
            delay: self.spec.restart_delay,
            most: self.spec.max_restarts,
        };
        let now = step.now.instant;
        let decision = self
            .failures
            .note(now, ending.ready_since, step.jitter, policy);
        if self.is_lenient(step) {
            self.failures.forgive();
        }
        let words = ending.last_words.as_deref();
        let error = words.filter(|words| ending.ready_since.is_none() && comes_back(words));
        match decision {
            _ if self.failures.repeats(error.map(str::to_owned)) => {
                self.give_up(explain::same_error(&self.spec, ending), Phase::Failed, step);
            }
            Decision::GiveUp => {
                let finding = explain::crash_loop(&self.spec, ending, self.failures.recent());
                self.give_up(finding, Phase::Failed, step);
            }
            Decision::After(pause) => {
                self.abandon(step);
                let finding = Arc::new(explain::ended(&self.spec, ending));
                let wordless = || Wordless {
                    run: self.run,
                    ending: ending.clone(),
                    finding: finding.clone(),
                };
                self.wordless = ending.last_words.is_none().then(|| Box::new(wordless()));
                self.finding = Some(finding);
                if pause.is_zero() {
                    self.restarts += 1;
                    self.enter(Phase::Stopped, step);
                } else {
                    self.enter(Phase::Backoff, step);
                    self.wait(Timer::Backoff, pause, step);
                }
            }
        }
    }

    fn complete(&mut self, step: &mut Step) {
        self.completed = true;
        self.tell_ready(step);
        self.rest(step);
    }

    fn end_tree(&mut self, then: Then, process: Option<Process>, step: &mut Step) {
        self.enter(Phase::Stopping { process, then }, step);
        self.explain_recovery();
        self.act(Act::Stop, step);
    }

    /// Sets the reason of its red light while the remaining processes of an exited run are being
    /// stopped.
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

    fn give_up(&mut self, finding: Finding, phase: Phase, step: &mut Step) {
        if self.must_be_down() {
            return self.rest(step);
        }
        self.abandon(step);
        self.finding = Some(Arc::new(finding));
        self.enter(phase, step);
    }

    /// Enters the phase of a service that is not running, as intended.
    fn rest(&mut self, step: &mut Step) {
        let is_stop = matches!(&self.phase, Phase::Stopping { then, .. } if *then == Then::Rest);
        if is_stop && !self.intent.wanted {
            self.hook(HookEvent::Stopped, step);
        }
        self.abandon(step);
        self.intent.cycle = false;
        self.intent.alone = false;
        self.finding = None;
        self.latest.checks.failed.clear();
        if let Some(spec) = self.next_spec.take() {
            self.spec = spec;
        }
        self.port = self.spec.port;
        if self.phase != Phase::Stopped {
            self.enter(Phase::Stopped, step);
        }
        self.touch();
    }

    fn abandon(&self, step: &mut Step) {
        if self.current_run().is_some() {
            self.act(Act::Abandon, step);
        }
    }

    fn enter(&mut self, phase: Phase, step: &Step) {
        self.since = timestamp(step.now);
        let before = std::mem::replace(&mut self.phase, phase);
        self.record(&before);
        self.touch();
    }

    /// Records the event for users that corresponds to a change of the phase, if any.
    fn record(&mut self, before: &Phase) {
        let is_start = self
            .running()
            .is_some_and(|it| it.health == Health::Starting);
        let kind = match (&self.phase, before) {
            (Phase::Running(running), _) => match running.health {
                Health::Starting if running.process.is_none() => return,
                Health::Starting if self.latest.adopted => EventKind::Reconnected,
                Health::Starting if self.restarts == 0 => EventKind::Started,
                Health::Starting => EventKind::Restarted,
                Health::Ready => EventKind::Ready,
                Health::Unhealthy => EventKind::Unhealthy,
            },
            (Phase::Failed, _) => EventKind::Failed,
            (Phase::Blocked, _) => EventKind::Blocked,
            (Phase::Stopped, _) if self.completed => EventKind::Completed,
            (Phase::Stopped, Phase::Running(_)) if self.spec.is_external() => return,
            (Phase::Stopped, Phase::Stopping { then, .. })
                if self.must_be_down() || *then == Then::Rest =>
            {
                EventKind::Stopped
            }
            (Phase::Backoff, _) | (Phase::Stopped, Phase::Running(_) | Phase::Stopping { .. }) => {
                EventKind::Exited
            }
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
        let pid = self.process().map(|process| process.pid);
        self.history.push(HistoryEvent {
            service: Some(self.name().clone()),
            pid: pid.filter(|_| is_start),
            port: self.port.filter(|_| is_start),
            exit: self.last_exit.filter(|_| kind == EventKind::Exited),
            ..event
        });
    }

    fn act(&self, act: Act, step: &mut Step) {
        step.effects.push(Effect {
            service: self.name().clone(),
            run: self.run,
            act,
        });
    }

    /// Sets a timer.
    fn wait(&self, timer: Timer, time: Duration, step: &mut Step) {
        let until = step.now.instant + time;
        self.act(Act::Wait { timer, until }, step);
    }
}
