//! `pilotlight pull`

use std::io::{self, IsTerminal as _, Write as _};

use pilotlight::{effects::container, env::Env, host::signals::Endings, stack::ServiceName};
use tokio::sync::watch;

use crate::{
    args::Pull,
    context::{Context, expect_declared, read},
    failure::{Ending, Failure, tell},
    paint::{self, tame},
};

pub(crate) async fn run(context: &Context, asked: &Pull) -> Result<Ending, Failure> {
    let stack = read(&context.find()?)?;
    expect_declared(&asked.services, &stack)?;
    let is_meant = |name: &ServiceName| asked.services.is_empty() || asked.services.contains(name);
    let services = stack.services.iter().filter(|it| is_meant(&it.name));
    let mut services = services.filter(|it| it.container.is_some()).peekable();
    if services.peek().is_none() {
        writeln!(paint::err(), "No service runs in a container.")?;
    }
    let variables = Env::of_this_process();
    let mut endings = Endings::listen().map_err(Failure::system("listen for Ctrl-C"))?;
    let mut ending = Ending::Done;
    for service in services {
        let (progress, shown) = watch::channel("pulling".to_owned());
        let pulled = tokio::select! {
            pulled = container::pull(service, &variables, &progress) => pulled,
            shown = show(&service.name, shown) => return Err(shown.into()),
            // The engine cancels a pull whose client has left.
            _ = endings.next() => {
                writeln!(paint::err(), "\n{}: cancelled", service.name)?;
                return Ok(Ending::Undone);
            }
        };
        clear()?;
        match pulled {
            Ok(()) => writeln!(paint::out(), "{}: pulled", service.name)?,
            Err(fault) => {
                tell(
                    &format!("{}: {}", service.name, tame(&fault.to_string())),
                    None,
                )?;
                ending = Ending::Undone;
            }
        }
    }
    Ok(ending)
}

/// Shows the progress on one line of a terminal, and not at all elsewhere. Returns why that failed.
async fn show(name: &ServiceName, mut progress: watch::Receiver<String>) -> io::Error {
    loop {
        if io::stderr().is_terminal() {
            let text = tame(&progress.borrow_and_update());
            let shown = clear().and_then(|()| write!(paint::err(), "{name}: {text}"));
            if let Err(error) = shown.and_then(|()| paint::err().flush()) {
                return error;
            }
        }
        if progress.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn clear() -> io::Result<()> {
    if io::stderr().is_terminal() {
        write!(paint::err(), "\r\x1b[K")?;
    }
    Ok(())
}
