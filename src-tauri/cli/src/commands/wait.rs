//! `pilotlight wait`

use pilotlight::model::view::StackView;

use super::{failures, print_findings, up::root_causes};
use crate::{
    args::Wait,
    context::{Context, expect_known, read},
    failure::{Ending, Failure, TIMED_OUT, tell},
    time::took,
    waiting::{Goal, Waited, is_ready, wait},
};

pub(crate) async fn run(context: &Context, asked: &Wait) -> Result<Ending, Failure> {
    let file = context.find()?;
    let stack = read(&file)?;
    let names = stack.services.iter().map(|service| service.name.clone());
    expect_known(&asked.services, &stack.name, names.clone())?;
    let services = match &asked.goal {
        Goal::Log(_) if asked.services.is_empty() => names.collect(),
        _ => asked.services.clone(),
    };
    let (goal, limit) = (&asked.goal, asked.timeout);
    let (waited, view) = wait(&context.home, &file, &services, goal, limit, |_| {}).await?;
    match (waited, view) {
        (Waited::Reached, _) => Ok(Ending::Done),
        (Waited::Failed, Some(view)) => {
            let mut findings = failures(&view);
            if let Some(mut client) = context.daemon().await? {
                findings = root_causes(&mut client, &file, findings).await;
            }
            print_findings(&findings)?;
            tell("some services failed to start", None)?;
            Ok(Ending::Undone)
        }
        (_, view) => {
            let what = format!("not reached within {}", took(limit));
            let states = view.map(|view| states(&view));
            let help = states.unwrap_or_else(|| "the stack is not running".to_owned());
            tell(&what, Some(&help))?;
            Ok(Ending::Code(TIMED_OUT))
        }
    }
}

/// Returns the services that are not ready, with their states.
fn states(view: &StackView) -> String {
    let late = view.services.iter().filter(|service| !is_ready(service));
    let late: Vec<String> = late
        .map(|service| format!("{} is {}", service.name, service.state()))
        .collect();
    if late.is_empty() {
        "all services are ready".to_owned()
    } else {
        late.join(", ")
    }
}
