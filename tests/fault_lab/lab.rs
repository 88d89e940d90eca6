//! Runs the cases, several at a time.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    case::{self, Case, User},
    place,
    stage::Stage,
    step, table,
    verdict::{Outcome, Verdict, judge, limit},
};

/// The options of the command line. Options of the standard harness are ignored, since `cargo test`
/// passes the same arguments to all tests.
pub(crate) struct Options {
    /// All cases, not only the quick ones.
    all: bool,
    /// Stop before doctor: only check that stacks and faults work.
    rehearse: bool,
    /// The number of cases at a time.
    jobs: usize,
    /// Only cases whose names contain one of these.
    filters: Vec<String>,
}

impl Options {
    pub(crate) fn of_this_process() -> Self {
        let mut options = Self {
            all: false,
            rehearse: false,
            // A case mostly waits, but more cases at a time would delay each other.
            jobs: thread::available_parallelism().map_or(2, usize::from) + 1,
            filters: Vec::new(),
        };
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--all" => options.all = true,
                "--rehearse" => options.rehearse = true,
                "--jobs" | "-j" => {
                    let jobs = words.next().and_then(|jobs| jobs.parse().ok());
                    options.jobs = jobs.unwrap_or(1);
                }
                flag if flag.starts_with('-') => {}
                filter => options.filters.push(filter.to_owned()),
            }
        }
        options
    }

    fn wants(&self, case: &Case) -> bool {
        if self.filters.is_empty() {
            return self.all || case.quick;
        }
        let mut filters = self.filters.iter();
        filters.any(|filter| case.name.contains(filter))
    }
}

/// Runs the cases and prints the table. Fails unless all are right.
pub(crate) fn run(options: &Options) -> ExitCode {
    let lab = folder();
    let mut cases = case::all(&lab);
    cases.retain(|case| options.wants(case));
    if cases.is_empty() {
        return ExitCode::SUCCESS;
    }
    place::expect_programs();
    if !rustix::process::geteuid().is_root() {
        for case in cases.extract_if(.., |case| case.user == User::Root) {
            println!("not run     {}: needs the administrator", case.name);
        }
    }
    table::head();
    let begun = Instant::now();
    let outcomes = play_all(&cases, &lab, options);
    table::summary(&outcomes, begun.elapsed());
    // With other cases at the same time, a late answer says little about doctor.
    let in_time = |it: &Outcome| options.jobs > 1 || it.took <= it.limit;
    let good = |it: &Outcome| it.verdict == Verdict::Right && in_time(it);
    if outcomes.iter().all(good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fault_lab")
}

fn play_all(cases: &[Case], lab: &Path, options: &Options) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let (sender, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..options.jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A case that panics is broken.
                    let play = AssertUnwindSafe(|| play(case, lab, options.rehearse));
                    let outcome = catch_unwind(play)
                        .unwrap_or_else(|_| Err("it panicked".to_owned()))
                        .unwrap_or_else(|why| broken(case, why));
                    table::row(&outcome);
                    let _ = sender.send(outcome);
                }
            });
        }
    });
    drop(sender);
    outcomes.into_iter().collect()
}

/// Runs one case: up, the fault, doctor, down.
fn play(case: &Case, lab: &Path, rehearse: bool) -> Result<Outcome, String> {
    let mut stage = Stage::of(case, lab);
    let outcome = fault(&mut stage, case).and_then(|()| {
        if rehearse {
            let status = stage.expect(&["status"], 0)?;
            return Err(format!("rehearsed\n{status}"));
        }
        ask_doctor(&stage, case)
    });
    // Stops the stack as a user does. The stage kills the rest.
    let _ = stage.pilotlight(&["down"]);
    for step in &case.after {
        step::take(&mut stage, step)?;
    }
    outcome
}

fn fault(stage: &mut Stage, case: &Case) -> Result<(), String> {
    let take =
        |stage: &mut Stage, step| step::take(stage, step).map_err(|why| format!("{step:?}: {why}"));
    for step in &case.before {
        take(stage, step)?;
    }
    step::bring_up(stage, case.up)?;
    for step in &case.steps {
        take(stage, step)?;
    }
    Ok(())
}

fn ask_doctor(stage: &Stage, case: &Case) -> Result<Outcome, String> {
    let begun = Instant::now();
    let output = stage.pilotlight(&["doctor", "--json", "--yes"])?;
    let took = begun.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut case = case.clone();
    for text in case
        .expect
        .iter_mut()
        .flat_map(|expected| &mut expected.says)
    {
        *text = stage.place.fill(text);
    }
    let mut outcome = judge(&case, output.status.code(), &text, took);
    if outcome.verdict != Verdict::Right {
        outcome.details += &String::from_utf8_lossy(&output.stderr);
    }
    Ok(outcome)
}

fn broken(case: &Case, why: String) -> Outcome {
    Outcome {
        case: case.name.clone(),
        expected: String::new(),
        got: String::new(),
        verdict: Verdict::Broken,
        took: Duration::ZERO,
        limit: limit(case),
        details: why,
    }
}
