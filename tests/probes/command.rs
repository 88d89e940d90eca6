use pilotlight::{
    env::Env,
    model::facts::{Exit, LaunchFault},
    stack::Command,
};

use super::*;

async fn run(words: &[&str], patience: Duration) -> Result<(), ProbeFault> {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let context = Context {
        directory: std::env::temp_dir(),
        environment: Env::of_this_process(),
        ..Context::default()
    };
    let probe = Probe::Command(Command::Argv(words));
    Prober::default().probe(&probe, &context, patience).await
}

async fn python(line: &str, patience: Duration) -> Result<(), ProbeFault> {
    run(&["python3", "-c", line], patience).await
}

#[tokio::test]
async fn a_command_passes_only_with_code_0() {
    assert_eq!(python("", DEADLINE).await, Ok(()));
    assert_eq!(
        python("print('no data yet'); exit(3)", DEADLINE).await,
        Err(ProbeFault {
            target: "`python3 -c 'print('\\''no data yet'\\''); exit(3)'`".into(),
            kind: ProbeFaultKind::Command {
                exit: Exit::Code(3),
                last_line: Some("no data yet".into()),
            },
        })
    );
}

#[tokio::test]
async fn a_command_that_takes_too_long_hangs() {
    let asked = python("import time; time.sleep(600)", SHORT).await;
    let hung = ProbeFaultKind::TimedOut { connected: true };
    assert_eq!(asked.unwrap_err().kind, hung);
}

#[tokio::test]
async fn a_missing_command_cannot_be_launched() {
    let asked = run(&["no-such-program-anywhere"], DEADLINE).await;
    let kind = asked.unwrap_err().kind;
    let ProbeFaultKind::Launch(LaunchFault::CommandNotFound { program, .. }) = kind else {
        panic!("{kind:?}");
    };
    assert_eq!(program, "no-such-program-anywhere");
}
