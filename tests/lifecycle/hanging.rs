//! Disks and network mounts that do not respond: what they hold up, and what not.

use std::{fs, path::PathBuf};

use pilotlight::{control::Outcome, model::view::PhaseName};

use crate::{
    SLEEPER,
    support::{self, Bench, Hanging, eventually, kill, within},
};

fn second_stack(bench: &Bench, text: &str) -> PathBuf {
    let file = bench.file().with_file_name("second.toml");
    fs::write(&file, format!("name = \"second\"\n{text}")).expect("a stack file");
    file
}

/// A service whose program is a copy of `sleep`, to be made to hang.
fn own_program(bench: &Bench, name: &str) -> (PathBuf, String) {
    let program = bench.path(name);
    fs::copy("/bin/sleep", &program).expect("a copy of sleep");
    let text = format!("[service.{name}]\ncommand = \"./{name} 1000\"\n");
    (program, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_hangs_is_said_and_down_ends_within_its_bounds() {
    let bench = Bench::new().await;
    let (program, text) = own_program(&bench, "slow");
    bench.write(&text);
    let hanging = Hanging::file(&program);
    let coming = bench.start_of(bench.file());
    bench.until_phase("slow", PhaseName::Starting).await;
    let outcome = bench.down().await;
    let Outcome::Failed { message, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("does not respond"), "{message}");
    let start = within("the start", coming).await.expect("an outcome");
    assert!(matches!(start, Outcome::Overruled(_)), "{start:?}");
    // What comes into being after all is ended.
    drop(hanging);
    eventually("it is gone", || bench.marked().is_empty()).await;
    bench.must_up().await;
    assert_eq!(bench.down().await, Outcome::Done);
    eventually("nothing is left", || bench.marked().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn launches_that_hang_hold_up_no_other_stack() {
    let bench = Bench::with(SLEEPER).await;
    let names = ["a", "b", "c", "d", "e", "f"];
    let programs = names.map(|name| own_program(&bench, name));
    let hanging = programs
        .each_ref()
        .map(|(program, _)| Hanging::file(program));
    let text = programs.map(|(_, text)| text).concat();
    let second = second_stack(&bench, &text);
    let start = bench.start_of(second);
    bench.until_phase("f", PhaseName::Starting).await;
    for _ in 0..3 {
        bench.must_up().await;
        let pid = bench.pid("sleeper");
        kill(pid);
        bench
            .until("sleeper", |it| {
                it.phase == PhaseName::Ready && it.pid != Some(pid)
            })
            .await;
        assert_eq!(bench.down().await, Outcome::Done);
    }
    // A start is told that its programs do not respond.
    let outcome = tokio::time::timeout(3 * support::DEADLINE, start).await;
    let outcome = outcome.expect("in time").expect("an outcome");
    let Outcome::Failed { message, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("does not respond"), "{message}");
    drop(hanging);
}
