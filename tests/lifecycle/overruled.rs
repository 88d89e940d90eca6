//! Starts that are cancelled before they have begun.

use pilotlight::{
    control::{Control as _, Outcome, Up},
    env::Env,
};

use crate::{
    SLEEPER,
    support::{Bench, within},
};

fn up(bench: &Bench) -> Up {
    Up {
        file: bench.file(),
        services: Vec::new(),
        environment: Env::of_this_process(),
    }
}

/// Returns whether a start was cancelled, or was over before that.
fn is_overruled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Overruled(_) | Outcome::Done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_still_being_prepared_is_cancelled_by_a_down() {
    let bench = Bench::with(SLEEPER).await;
    for _ in 0..10 {
        let coming = bench.handle().start(up(&bench)).await;
        assert_eq!(bench.down().await, Outcome::Done);
        assert_eq!(bench.marked(), [0; 0]);
        let outcome = within("the start", coming.outcome()).await;
        assert!(is_overruled(&outcome), "{outcome:?}");
    }
    bench.must_up().await;
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_of_one_service_comes_after_an_earlier_start() {
    let bench = Bench::with(SLEEPER).await;
    let coming = bench.handle().start(up(&bench)).await;
    assert_eq!(bench.down_some(&["sleeper"]).await, Outcome::Done);
    let outcome = within("the start", coming.outcome()).await;
    assert!(is_overruled(&outcome), "{outcome:?}");
    assert_eq!(bench.marked(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_still_being_prepared_is_cancelled_by_a_quit() {
    let bench = Bench::with(SLEEPER).await;
    let coming = bench.handle().start(up(&bench)).await;
    let quit = within("the quit", bench.handle().quit(false)).await;
    assert_eq!(quit, Outcome::Done);
    let outcome = within("the start", coming.outcome()).await;
    assert!(is_overruled(&outcome), "{outcome:?}");
    assert_eq!(bench.marked(), [0; 0]);
    // Later requests have no effect and can be sent to the next daemon.
    let late = within("a late start", bench.handle().up(up(&bench))).await;
    assert_eq!(late, Outcome::NOT_TAKEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retiring_daemon_accepts_no_start() {
    let bench = Bench::with(SLEEPER).await;
    bench.must_up().await;
    let retiring = tokio::spawn({
        let handle = bench.handle().clone();
        async move { handle.retire().await }
    });
    assert_eq!(bench.down().await, Outcome::Done);
    within("the end", retiring).await.expect("an end");
    let late = within("a late start", bench.handle().up(up(&bench))).await;
    assert_eq!(late, Outcome::NOT_TAKEN);
}
