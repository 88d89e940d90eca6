//! `pilotlight example`

use std::{io::Write as _, path::absolute};

use pilotlight::{
    control::{self, Down},
    env::Env,
    example::{self, Break},
};
use tokio::time::timeout;

use super::{doctor, up};
use crate::{
    args::{Doctor, Example, ExampleCommand, Up},
    context::{Context, read},
    failure::{Ending, Failure},
    paint,
};

pub(crate) async fn run(context: &Context, asked: Example) -> Result<Ending, Failure> {
    let folder = match context.named() {
        Some(named) => absolute(named)?,
        None => example::folder(&context.home),
    };
    let written = example::write(&folder);
    let file = written.map_err(Failure::system("write the example"))?;
    let context = Context::of(context.home.clone(), file);
    match asked.command {
        None => {
            let up = Up {
                detach: asked.detach,
                ..Up::default()
            };
            up::run(&context, up).await
        }
        Some(ExampleCommand::Break { how }) => break_it(&context, how).await,
        Some(ExampleCommand::Repair) => {
            let stack = read(&context.find()?)?;
            let repaired = example::repair(&stack).await;
            repaired.map_err(Failure::system("repair the example"))?;
            up::run(&context, Up::detached(Vec::new())).await
        }
    }
}

async fn break_it(context: &Context, how: Break) -> Result<Ending, Failure> {
    let file = context.find()?;
    let running = context.running(&file).await?;
    let Some((mut client, stack)) = running.filter(|(_, stack)| !stack.is_dark()) else {
        let why = "the example is not running; start it with `pilotlight example`";
        return Err(Failure::Refused(why.to_owned()));
    };
    if let Some(service) = how.restarts() {
        let down = Down {
            file: Some(file.clone()),
            services: vec![service],
            kill: false,
        };
        client.down(down).await?;
    }
    let broken = example::break_it(how, &stack).await;
    if how.restarts().is_some() {
        let start = control::Up {
            file: file.clone(),
            services: Vec::new(),
            environment: Env::of_this_process(),
        };
        // That the start fails is the purpose.
        client.start(start).await?.outcome().await?;
    }
    let what = broken.map_err(|error| Failure::Refused(error.to_string()))?;
    writeln!(paint::out(), "Broken: {what}")?;
    let shown = async {
        while let Some((_, stack)) = context.running(&file).await?
            && !how.shows(&stack)
        {
            tokio::time::sleep(example::LOOK).await;
        }
        Ok::<_, Failure>(())
    };
    // A diagnosis that comes too early finds less.
    timeout(example::WAIT, shown).await.unwrap_or(Ok(()))?;
    doctor::run(context, &Doctor::default()).await?;
    let undo = "`pilotlight example repair` undoes it.";
    writeln!(paint::out(), "{undo}")?;
    Ok(Ending::Done)
}
