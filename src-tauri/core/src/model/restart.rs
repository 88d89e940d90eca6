//! The restart policy: decides when a failed service is restarted.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The number of failures within [`CRASH_WINDOW`] that make a crash loop.
pub const CRASH_LIMIT: usize = 5;
/// The period in which [`CRASH_LIMIT`] failures make a crash loop.
pub const CRASH_WINDOW: Duration = Duration::from_mins(1);
/// The time in the ready state after which earlier failures are forgotten.
pub const SETTLED: Duration = Duration::from_mins(1);
/// The first pause.
pub const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause, before jitter.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The decision after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Restart it after this pause, which is zero for a service that had been ready.
    After(Duration),
    /// It keeps crashing: do not restart it.
    GiveUp,
}

/// The settings of a service that differ from the default policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// The pause before each restart, instead of the growing one.
    pub delay: Option<Duration>,
    /// The number of restarts, instead of the limit of a crash loop.
    pub most: Option<u32>,
}

/// The failures of a service since its last request, or since it last stayed ready.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    recent: VecDeque<Instant>,
    /// The number of all failures.
    all: u32,
    /// The number of restarts after a pause.
    paused: u32,
    /// Whether one restart was immediate.
    at_once: bool,
    /// The last error, if every start would repeat it.
    error: Option<String>,
}

impl Failures {
    /// Records a failure at `now` of a run that had been ready since `ready_since`, and decides.
    ///
    /// The first restart is immediate if the service had been ready. Later ones wait 0.2 s,
    /// doubling up to 30 s, plus up to a fifth (`jitter` from 0 to 1), until the service has stayed
    /// ready for a minute.
    pub fn note(
        &mut self,
        now: Instant,
        ready_since: Option<Instant>,
        jitter: f64,
        policy: Policy,
    ) -> Decision {
        if ready_since.is_some_and(|since| now.duration_since(since) >= SETTLED) {
            *self = Self::default();
        }
        self.recent.push_back(now);
        while self
            .recent
            .front()
            .is_some_and(|&first| now.duration_since(first) > CRASH_WINDOW)
        {
            self.recent.pop_front();
        }
        self.all = self.all.saturating_add(1);
        let is_enough = match policy.most {
            Some(most) => self.all > most,
            None => self.recent.len() >= CRASH_LIMIT,
        };
        if is_enough {
            return Decision::GiveUp;
        }
        if let Some(delay) = policy.delay {
            return Decision::After(delay);
        }
        if self.restarts_at_once(now, ready_since) {
            self.at_once = true;
            return Decision::After(Duration::ZERO);
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.paused.min(16))
            .min(LONGEST_PAUSE);
        self.paused += 1;
        Decision::After(pause.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 5.0))
    }

    /// Removes the failures so far from the count for a crash loop. Pauses keep growing.
    pub fn forgive(&mut self) {
        self.recent.clear();
        self.error = None;
    }

    /// Returns whether the service restarts immediately after a failure at `now` of a run that had
    /// been ready since `ready_since`.
    #[must_use]
    pub fn restarts_at_once(&self, now: Instant, ready_since: Option<Instant>) -> bool {
        let is_first = self.paused == 0 && !self.at_once;
        ready_since.is_some_and(|since| is_first || now.duration_since(since) >= SETTLED)
    }

    /// Records the error of a failure, if every start would repeat it. Returns whether the failure
    /// before had the same error: then no restart helps.
    pub fn repeats(&mut self, error: Option<String>) -> bool {
        let repeats = error.is_some() && self.error == error;
        self.error = error;
        repeats
    }

    /// Returns the number of recent failures that count towards a crash loop.
    #[must_use]
    pub fn recent(&self) -> usize {
        self.recent.len()
    }
}

/// A random number generator for pauses, so that services that crashed together do not restart
/// together. Seeded, so that the model is a function of its input (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// Creates a generator; any seed is valid.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns the next number from 0 to 1.
    pub fn draw(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        f64::from((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        crate::host::clock::now().instant
    }

    #[test]
    fn the_first_restart_of_a_service_that_had_been_ready_is_immediate() {
        let (now, mut failures) = (start(), Failures::default());
        assert_eq!(
            failures.note(now, Some(now), 0.0, Policy::default()),
            Decision::After(Duration::ZERO)
        );
        assert_eq!(
            failures.note(now, Some(now), 0.0, Policy::default()),
            Decision::After(FIRST_PAUSE)
        );
        assert_eq!(
            failures.note(now, Some(now), 0.0, Policy::default()),
            Decision::After(2 * FIRST_PAUSE)
        );
    }

    #[test]
    fn a_service_that_was_never_ready_waits_before_its_first_restart() {
        let now = start();
        assert_eq!(
            Failures::default().note(now, None, 0.0, Policy::default()),
            Decision::After(FIRST_PAUSE)
        );
    }

    #[test]
    fn five_failures_within_a_minute_are_a_crash_loop_and_slower_ones_are_not() {
        let (now, mut failures) = (start(), Failures::default());
        for second in 0..4 {
            let at = now + Duration::from_secs(second);
            assert_ne!(
                failures.note(at, None, 0.0, Policy::default()),
                Decision::GiveUp
            );
        }
        assert_eq!(
            failures.note(now + Duration::from_secs(5), None, 0.0, Policy::default()),
            Decision::GiveUp
        );

        let mut slow = Failures::default();
        for failure in 0..50 {
            let at = now + Duration::from_secs(failure * 20);
            assert_ne!(
                slow.note(at, None, 0.0, Policy::default()),
                Decision::GiveUp
            );
        }
    }

    #[test]
    fn pauses_double_up_to_thirty_seconds_and_jitter_adds_a_fifth_at_most() {
        let (mut now, mut failures) = (start(), Failures::default());
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            now += Duration::from_secs(40);
            let Decision::After(pause) = failures.note(now, None, 1.0, Policy::default()) else {
                panic!("gave up")
            };
            assert!(pause >= longest);
            longest = pause;
        }
        assert_eq!(longest, LONGEST_PAUSE.mul_f64(1.2));
    }

    #[test]
    fn after_a_minute_in_the_ready_state_failures_are_forgotten() {
        let (now, mut failures) = (start(), Failures::default());
        for _ in 0..4 {
            failures.note(now, None, 0.0, Policy::default());
        }
        let later = now + Duration::from_secs(30) + SETTLED;
        let ready = later.checked_sub(SETTLED);
        assert_eq!(
            failures.note(later, ready, 0.0, Policy::default()),
            Decision::After(Duration::ZERO)
        );
        assert_eq!(failures.recent(), 1);
    }

    #[test]
    fn a_file_may_set_the_pause_and_the_number_of_restarts() {
        let (now, mut failures) = (start(), Failures::default());
        let delay = Duration::from_secs(3);
        let policy = Policy {
            delay: Some(delay),
            most: Some(7),
        };
        for _ in 0..7 {
            let decision = failures.note(now, Some(now), 1.0, policy);
            assert_eq!(decision, Decision::After(delay));
        }
        assert_eq!(failures.note(now, None, 0.0, policy), Decision::GiveUp);
        let never = Policy {
            most: Some(0),
            ..policy
        };
        let first = Failures::default().note(now, None, 0.0, never);
        assert_eq!(first, Decision::GiveUp);
    }

    #[test]
    fn only_the_same_error_twice_in_a_row_repeats() {
        let mut failures = Failures::default();
        let given = [Some("a"), Some("b"), Some("b"), None, None, Some("b")];
        let repeats = given.map(|error| failures.repeats(error.map(str::to_owned)));
        assert_eq!(repeats, [false, false, true, false, false, false]);
    }

    #[test]
    fn jitter_stays_between_zero_and_one() {
        let mut jitter = Jitter::new(42);
        let draws: Vec<f64> = (0..1000).map(|_| jitter.draw()).collect();
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
        assert!(draws.iter().any(|draw| *draw < 0.1) && draws.iter().any(|draw| *draw > 0.9));
    }
}
