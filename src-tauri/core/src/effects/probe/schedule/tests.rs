//! Uses a paused clock: time advances only when all tasks are waiting.

use std::{cell::Cell, future::pending};

use tokio::{task::JoinSet, time::timeout};

use super::*;

const EVERY: Duration = Duration::from_secs(2);

fn fault(kind: ProbeFaultKind) -> ProbeFault {
    ProbeFault {
        target: "it".into(),
        kind,
    }
}

fn refused() -> ProbeFault {
    fault(ProbeFaultKind::Refused)
}

fn no_log() -> Awaited<mpsc::Receiver<String>> {
    Awaited::new(Vec::new(), None)
}

/// A probe loop for a scripted service, and its reports with their times since the start.
struct Scripted {
    began: Instant,
    pulse: Pulse,
    waiting: AtomicUsize,
    dear: bool,
    rounds: Cell<usize>,
    events: mpsc::Sender<(Duration, Round)>,
    reports: mpsc::Receiver<(Duration, Round)>,
}

impl Scripted {
    fn new() -> Self {
        let (events, reports) = mpsc::channel(1000);
        Self {
            began: Instant::now(),
            pulse: Pulse::default(),
            waiting: AtomicUsize::new(0),
            dear: false,
            rounds: Cell::new(0),
            events,
            reports,
        }
    }

    #[expect(
        clippy::type_complexity,
        reason = "the type of a closure can be named in no other way"
    )]
    fn course(
        &self,
    ) -> Course<'_, (Duration, Round), impl FnMut(Round) -> Option<(Duration, Round)>> {
        Course {
            every: EVERY,
            dear: self.dear,
            pulse: &self.pulse,
            waiting: &self.waiting,
            began: self.began,
            awaited: &[],
            only_connects: false,
            events: self.events.clone(),
            event: |round| Some((self.began.elapsed(), round)),
        }
    }

    /// Probes a service that responds with `answer` at each time, until it is ready.
    async fn until_ready(&self, answer: impl Fn(Duration) -> Result<(), ProbeFault>) {
        let ask = || async {
            self.rounds.set(self.rounds.get() + 1);
            answer(self.began.elapsed())
        };
        let mut log = no_log();
        assert!(self.course().until_ready(ask, &mut log).await);
    }

    fn reported(&mut self) -> Vec<(Duration, Result<(), ProbeFault>)> {
        let mut all = Vec::new();
        while let Ok((at, round)) = self.reports.try_recv() {
            all.push((at, round.result));
        }
        all
    }
}

fn ready_after(needed: Duration) -> impl Fn(Duration) -> Result<(), ProbeFault> {
    move |at| if at < needed { Err(refused()) } else { Ok(()) }
}

#[tokio::test(start_paused = true)]
async fn the_first_round_comes_at_once() {
    let mut scripted = Scripted::new();
    scripted.until_ready(|_| Ok(())).await;
    assert_eq!(scripted.reported(), [(Duration::ZERO, Ok(()))]);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_noticed_within_a_hundredth_of_the_time_it_took() {
    for needed in [1, 33, 199, 200, 201, 1_000, 3_333, 7_999, 20_000, 59_000] {
        let needed = Duration::from_millis(needed);
        let mut scripted = Scripted::new();
        scripted.until_ready(ready_after(needed)).await;
        let (noticed, _) = scripted.reported()[1];
        // One millisecond is the resolution of the timer.
        let late = (needed / 100).clamp(SHORTEST, LONGEST) + Duration::from_millis(1);
        assert!(noticed >= needed && noticed <= needed + late, "{noticed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_costs_as_many_rounds_as_the_comment_says() {
    let scripted = Scripted::new();
    scripted
        .until_ready(ready_after(Duration::from_secs(8)))
        .await;
    let rounds = scripted.rounds.get();
    assert!((400..460).contains(&rounds), "{rounds}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_has_been_down_for_an_hour_is_probed_slowly() {
    let scripted = Scripted::new();
    let answer = ready_after(Duration::from_hours(1));
    let last = Cell::new(Duration::ZERO);
    scripted
        .until_ready(|at| {
            last.set(at);
            answer(at)
        })
        .await;
    let rounds = scripted.rounds.get();
    assert!((1_800..2_600).contains(&rounds), "{rounds}");
    assert!(last.get() <= Duration::from_hours(1) + EVERY);
}

#[test]
fn many_waiting_services_share_a_budget() {
    let start = Duration::from_millis(100);
    assert_eq!(pause(start, 1, EVERY), SHORTEST);
    assert_eq!(pause(start, 20, EVERY), SHORTEST);
    assert_eq!(pause(start, 100, EVERY), Duration::from_millis(10));
    assert_eq!(pause(start, 10_000, EVERY), Duration::from_secs(1));
    assert_eq!(
        pause(Duration::from_secs(10), 1, EVERY),
        Duration::from_millis(100)
    );
    assert_eq!(pause(Duration::from_secs(30), 1, EVERY), LONGEST);
    assert_eq!(pause(Duration::from_hours(1), 1, EVERY), EVERY);
    assert_eq!(
        pause(Duration::from_hours(1), usize::MAX, Duration::ZERO),
        SHARE * u32::MAX
    );
}

#[tokio::test(start_paused = true)]
async fn before_ready_only_a_change_of_the_fault_is_reported() {
    let mut scripted = Scripted::new();
    let status = |status, at: Duration| {
        fault(ProbeFaultKind::Status {
            status,
            body: format!("{at:?}"),
        })
    };
    let ms = Duration::from_millis;
    scripted
        .until_ready(|at| match at.as_millis() {
            0..100 => Err(refused()),
            100..200 => Err(status(503, at)),
            200..300 => Err(status(500, at)),
            _ => Ok(()),
        })
        .await;
    let reported = scripted.reported();
    let results: Vec<_> = reported.iter().map(|(_, result)| result.clone()).collect();
    let [first, second, third, fourth] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!(first, &Err(refused()));
    let key = |result: &Result<(), ProbeFault>| result.as_ref().unwrap_err().key();
    assert_eq!(key(second), status(503, ms(0)).key());
    assert_eq!(key(third), status(500, ms(0)).key());
    assert_eq!(fourth, &Ok(()));
    assert!(scripted.rounds.get() > 40);
}

#[tokio::test(start_paused = true)]
async fn an_expensive_round_is_followed_by_an_equal_pause() {
    let mut scripted = Scripted::new();
    scripted.dear = true;
    let began = scripted.began;
    let took = Duration::from_millis(300);
    let rounds = &scripted.rounds;
    let ask = || async {
        sleep(took).await;
        rounds.set(rounds.get() + 1);
        ready_after(Duration::from_secs(6))(began.elapsed())
    };
    let mut log = no_log();
    assert!(scripted.course().until_ready(ask, &mut log).await);
    assert_eq!(scripted.rounds.get(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_poke_starts_a_round_at_once() {
    let mut scripted = Scripted::new();
    let ask = || async { Ok(()) };
    let course = async {
        scripted.course().while_ready(ask).await;
    };
    let poke = async {
        sleep(Duration::from_millis(700)).await;
        scripted.pulse.poke();
        sleep(Duration::from_secs(3)).await;
    };
    tokio::select! {
        () = course => panic!("it ended without a reason"),
        () = poke => {}
    }
    let times: Vec<_> = scripted.reported().into_iter().map(|(at, _)| at).collect();
    assert_eq!(
        times,
        [Duration::from_millis(700), Duration::from_millis(2700)]
    );
}

#[tokio::test(start_paused = true)]
async fn once_ready_every_round_is_reported_with_its_latency() {
    let (events, mut reports) = mpsc::channel(10);
    let (pulse, waiting) = (Pulse::default(), AtomicUsize::new(0));
    let mut course = Course {
        every: EVERY,
        dear: false,
        pulse: &pulse,
        waiting: &waiting,
        began: Instant::now(),
        awaited: &[],
        only_connects: false,
        events,
        event: Some,
    };
    let ask = || async {
        sleep(Duration::from_millis(30)).await;
        Err(refused())
    };
    let all = timeout(Duration::from_secs(7), course.while_ready(ask));
    assert!(all.await.is_err());
    for _ in 0..3 {
        let round = reports.try_recv().unwrap();
        assert_eq!(round.latency, Duration::from_millis(30));
        assert_eq!(round.result, Err(refused()));
    }
    assert!(reports.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn rounds_of_services_that_became_ready_at_different_times_begin_together() {
    let began = Instant::now();
    let times = |late: u64| async move {
        let mut scripted = Scripted::new();
        scripted.began = began;
        sleep(Duration::from_millis(late)).await;
        let asking = async { scripted.course().while_ready(|| async { Ok(()) }).await };
        assert!(timeout(3 * EVERY, asking).await.is_err());
        let times = scripted.reported().into_iter().map(|(at, _)| at);
        times.take(2).collect::<Vec<_>>()
    };
    let together = [EVERY, 2 * EVERY];
    let (one, other, third) = tokio::join!(times(0), times(3), times(20));
    assert_eq!([one, other, third], [together; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_receiver_is_dropped() {
    let mut scripted = Scripted::new();
    scripted.reports.close();
    let mut course = scripted.course();
    course.while_ready(|| async { Ok(()) }).await;
    let mut log = no_log();
    assert!(!course.until_ready(|| async { Ok(()) }, &mut log).await);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watch_waits_no_longer() {
    let scripted = Scripted::new();
    let mut log = no_log();
    let mut course = scripted.course();
    let hung = course.until_ready(pending, &mut log);
    assert!(timeout(EVERY, hung).await.is_err());
    assert_eq!(scripted.waiting.load(Ordering::Relaxed), 0);
}

/// Runs a probe loop with nothing but a log on its own task, as in production.
fn watch_log(patterns: &[&str]) -> (mpsc::Sender<String>, mpsc::Receiver<Round>, JoinSet<()>) {
    let (log, lines) = mpsc::channel(10);
    let (events, reports) = mpsc::channel(10);
    let watch = ProbeLoop {
        prober: Prober::default(),
        probes: patterns
            .iter()
            .map(|pattern| Probe::Log((*pattern).into()))
            .collect(),
        schedule: Schedule {
            every: EVERY,
            timeout: EVERY,
        },
        context: Context::default(),
        lines: Some(lines),
        pulse: Arc::default(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(watch.run(events, Some));
    (log, reports, tasks)
}

#[tokio::test(start_paused = true)]
async fn a_log_probe_passes_with_the_line_and_not_at_the_next_tick() {
    let (log, mut reports, mut tasks) = watch_log(&["listening on \\d+", "^db connected$"]);
    let kind = |round: Round| round.result.unwrap_err().kind;
    assert_eq!(
        kind(reports.recv().await.unwrap()),
        ProbeFaultKind::LogUnmatched
    );
    sleep(Duration::from_secs(30)).await;
    log.send("\x1b[32mlistening\x1b[0m on 80".into())
        .await
        .unwrap();
    let second = reports.recv().await.unwrap();
    assert_eq!(
        second.result.unwrap_err().target,
        "log line `^db connected$`"
    );
    sleep(Duration::from_secs(30)).await;
    let began = Instant::now();
    log.send("db connected".into()).await.unwrap();
    assert_eq!(reports.recv().await.unwrap().result, Ok(()));
    assert_eq!(began.elapsed(), Duration::ZERO);
    // No probe is left.
    tasks.join_next().await.unwrap().unwrap();
    assert!(log.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_ends_without_a_match_never_becomes_ready() {
    let (log, mut reports, _tasks) = watch_log(&["ready"]);
    drop(log);
    assert!(reports.recv().await.unwrap().result.is_err());
    assert!(
        timeout(Duration::from_hours(1), reports.recv())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_that_runs_is_ready() {
    let (events, mut reports) = mpsc::channel(1);
    let watch = ProbeLoop::<mpsc::Receiver<String>> {
        prober: Prober::default(),
        probes: vec![Probe::Process],
        schedule: Schedule {
            every: EVERY,
            timeout: EVERY,
        },
        context: Context::default(),
        lines: None,
        pulse: Arc::default(),
    };
    watch.run(events, Some).await;
    assert_eq!(reports.recv().await.unwrap().result, Ok(()));
}
