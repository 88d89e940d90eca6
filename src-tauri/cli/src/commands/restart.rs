//! `pilotlight restart`

use pilotlight::{
    control::{self, Client, ConnectError},
    host::clock,
};

use super::{Unstarted, answered, catch_up, conclude};
use crate::{
    args::Restart,
    context::{Context, expect_shown},
    failure::{Ending, Failure},
    time::took,
    view::{Show, Subject},
};

pub(crate) async fn run(context: &Context, restart: Restart) -> Result<Ending, Failure> {
    let Some(mut client) = context.daemon().await? else {
        context.find()?;
        return Err(ConnectError::NoDaemon.into());
    };
    let snapshot = client.status().await?;
    let file = context.find_among(&snapshot)?;
    if let Some(stack) = snapshot.stack(&file) {
        expect_shown(&restart.services, stack)?;
    }
    let watch = Client::connect(&context.home).await?.watch().await?;
    let mut show = Show::new(&context.home, Subject::Stack(file.clone()), watch);
    show.begin_with(&snapshot);
    show.say("", "restarting");
    let begun = clock::now().instant;
    let request = control::Restart {
        file,
        services: restart.services,
    };
    let outcome = show.during(client.restart(request)).await;
    let answer = match answered(outcome, &mut show).await {
        Ok(answer) => answer,
        Err(Unstarted::NotTaken) => return Err(ConnectError::NoDaemon.into()),
        Err(Unstarted::Failure(failure)) => return Err(failure),
    };
    let ready = took(begun.elapsed());
    catch_up(&mut show, &mut client).await;
    conclude(&mut show, answer, format!("all ready in {ready}"), "")
}
