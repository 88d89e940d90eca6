//! Disks and network mounts that do not respond must not block other work.

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

/// Returns a service whose program is a copy of `sleep`, which the test makes hang.
fn own_program(bench: &Bench, name: &str) -> (PathBuf, String) {
    let program = bench.path(name);
    fs::copy("/bin/sleep", &program).expect("a copy of sleep");
    let text = format!("[service.{name}]\ncommand = \"./{name} 1000\"\n");
    (program, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_launch_is_reported_and_down_respects_its_time_limit() {
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
    // If the process starts after all, it is stopped.
    drop(hanging);
    eventually("it is gone", || bench.marked().is_empty()).await;
    bench.must_up().await;
    assert_eq!(bench.down().await, Outcome::Done);
    eventually("nothing is left", || bench.marked().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_launches_do_not_delay_another_stack() {
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
    // The start reports that its programs do not respond.
    let outcome = tokio::time::timeout(3 * support::DEADLINE, start).await;
    let outcome = outcome.expect("in time").expect("an outcome");
    let Outcome::Failed { message, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("does not respond"), "{message}");
    drop(hanging);
}
