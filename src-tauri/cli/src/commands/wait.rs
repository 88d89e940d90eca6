//! `pilotlight wait`

use pilotlight::model::view::StackView;

use super::{causes, print_findings};
use crate::{
    args::Wait,
    context::{Context, read},
    failure::{Ending, Failure, TIMED_OUT, tell},
    time::took,
    waiting::{Waited, is_ready, wait},
};

pub(crate) async fn run(context: &Context, asked: &Wait) -> Result<Ending, Failure> {
    let file = context.find()?;
    let stack = read(&file)?;
    let (goal, limit) = (&asked.goal, asked.timeout);
    let (waited, view) = wait(&context.home, &stack, &asked.services, goal, limit).await?;
    match (waited, view) {
        (Waited::Reached, _) => Ok(Ending::Done),
        (Waited::Failed, Some(view)) => {
            print_findings(&causes(context, &view).await?)?;
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
