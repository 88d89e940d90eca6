//! Consent for `doctor` to run the commands of a stack file that was never started.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use pilotlight::{
    env::Env,
    fs::home::short,
    stack::Stack,
    stack_file,
    state::consent::{Consents, withhold},
};

use crate::{
    args::Doctor,
    commands::port::confirmed,
    context::{Context, whole},
    failure::Failure,
    paint::{self, BOLD, DIM, Signs, paint, tame},
};

/// How consent is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// On a terminal.
    Terminal,
    /// No terminal, or the question has been answered already.
    Never,
    /// The command line gives the answer.
    Agreed,
}

impl Asking {
    pub(super) fn of(asked: &Doctor) -> Self {
        if asked.yes {
            Self::Agreed
        } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
            Self::Terminal
        } else {
            Self::Never
        }
    }
}

/// A stack and the actions that `doctor` may run for it.
pub(super) struct Permitted {
    pub(super) stack: Stack,
    pub(super) withheld: Vec<String>,
}

/// Reads a stack file and removes every action that the user does not allow.
pub(super) fn permitted(
    context: &Context,
    file: &Path,
    asking: Asking,
) -> Result<Permitted, Failure> {
    let text = whole(file)?;
    let stack = stack_file::parse(file, text.as_bytes(), &Env::of_this_process())?;
    let consents = Consents::of(&context.home);
    let id = context.home.stack_id(file);
    let mut spared = stack.clone();
    let wanted = withhold(&mut spared);
    let is_known = wanted.is_empty() || consents.has(&id, &text);
    let agrees = match asking {
        Asking::Terminal if !is_known => ask(file, &wanted)?,
        Asking::Never => is_known,
        Asking::Terminal | Asking::Agreed => true,
    };
    if !agrees {
        tell(file, &wanted)?;
        return Ok(Permitted {
            stack: spared,
            withheld: wanted,
        });
    }
    if !is_known {
        context.home.prepare()?;
        if let Err(error) = consents.give(&id, &text) {
            let note = format!("note: the answer could not be stored: {error}");
            writeln!(paint::err(), "{note}")?;
        }
    }
    Ok(Permitted {
        stack,
        withheld: Vec::new(),
    })
}

fn ask(file: &Path, wanted: &[String]) -> io::Result<bool> {
    let head = "was never started in this version. To diagnose it, doctor needs to run:";
    list(&format!("{} {head}", short(file)), wanted)?;
    confirmed("Run that?")
}

fn tell(file: &Path, withheld: &[String]) -> io::Result<()> {
    let head = "was never started in this version, so none of this was run:";
    list(&format!("note: {} {head}", short(file)), withheld)?;
    let help = "review the file, then run `pilotlight doctor --yes` or `pilotlight up`";
    writeln!(paint::err(), "  {} {help}", paint(BOLD, "help:"))
}

fn list(head: &str, wanted: &[String]) -> io::Result<()> {
    let mut err = paint::err();
    writeln!(err, "{}", tame(head))?;
    let dot = Signs::of_this_terminal().dot();
    for what in wanted {
        writeln!(err, "  {}", paint(DIM, &format!("{dot} {}", tame(what))))?;
    }
    Ok(())
}
