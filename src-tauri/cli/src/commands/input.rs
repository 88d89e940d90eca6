//! `pilotlight send` and `attach`: the standard input and the terminal of a service.

use std::io::{self, IsTerminal as _, Write as _};

use pilotlight::effects::process::{Parted, Terminal, process};

use super::service::Here;
use crate::{
    args::{Attach, Send},
    context::Context,
    failure::{Ending, Failure},
    paint,
};

pub(crate) async fn send(context: &Context, asked: &Send) -> Result<Ending, Failure> {
    let here = Here::of(context).await?;
    let name = &asked.service;
    here.service(name)?;
    let (run, _) = here.running(name)?;
    let text = format!("{}\n", asked.text.join(" "));
    match here.logs(context, name).run(run).send(text.as_bytes()) {
        Ok(()) => Ok(Ending::Done),
        Err(error) => Err(Failure::Refused(match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{name} has no standard input; is `stdin = \"null\"` set?")
            }
            io::ErrorKind::WouldBlock => format!("{name} has not read what was sent before"),
            io::ErrorKind::Unsupported => {
                "services have no standard input on this system yet".to_owned()
            }
            _ => format!("{name} cannot be written to: {error}"),
        })),
    }
}

pub(crate) async fn attach(context: &Context, asked: &Attach) -> Result<Ending, Failure> {
    let here = Here::of(context).await?;
    let name = &asked.service;
    let has_terminal = here.service(name)?.tty;
    let (run, pid) = here.running(name)?;
    let run = here.logs(context, name).run(run);
    let refused = |error: io::Error| {
        Failure::Refused(match error.kind() {
            io::ErrorKind::NotFound if cfg!(windows) => {
                "services have no terminal on this system yet".to_owned()
            }
            io::ErrorKind::NotFound if has_terminal => {
                format!(
                    "{name} runs without a terminal; run `pilotlight restart {name}` to give it one"
                )
            }
            io::ErrorKind::NotFound => {
                format!("{name} has no terminal; set `tty = true` in the stack file and restart it")
            }
            _ => format!("the terminal of {name} cannot be used: {error}"),
        })
    };
    let process =
        process(pid).ok_or_else(|| Failure::Refused(format!("{name} has just exited")))?;
    let terminal = Terminal::open(run, process).map_err(refused)?;
    if !io::stdin().is_terminal() {
        let why = format!(
            "`attach` needs a terminal; `pilotlight send {name} TEXT` writes a line from a script"
        );
        return Err(Failure::Refused(why));
    }
    let detach = &asked.detach_keys;
    let note = if terminal.types() {
        format!("Attached to {name}. Detach with {detach}.")
    } else {
        format!(
            "Another terminal is attached to {name}; this one only watches. Detach with {detach}."
        )
    };
    writeln!(paint::err(), "{note}")?;
    let parted = terminal.attach(&detach.bytes).await.map_err(refused)?;
    match parted {
        Parted::Detached => writeln!(paint::err(), "\nDetached; {name} keeps running.")?,
        Parted::Exited => writeln!(paint::err(), "\n{name} has exited.")?,
    }
    Ok(Ending::Done)
}
