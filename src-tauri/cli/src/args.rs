//! The command line, as a person types it.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use pilotlight::{
    effects::log::Level,
    model::facts::RunId,
    stack::{Port, ServiceName},
};
use regex::Regex;

use crate::time::Since;

const STATUS: &str = "\
Exit status:
  0  done
  1  what was asked did not come true: a service failed, something stands in the way
  2  the stack file or the command line is wrong";

const EXAMPLES: &str = "\
Examples:
  pilotlight init               look at a project, and write its stack file
  pilotlight up                 start everything, and show it until Ctrl-C
  pilotlight up -d backend      start backend and what it needs, and leave it running
  pilotlight status             what runs, and how it is
  pilotlight logs -f backend    what backend writes
  pilotlight down               stop everything";

/// One click lights a whole local stack; when something goes dark, it says which thing, and why.
#[derive(Debug, Parser)]
#[command(name = "pilotlight", version, about, propagate_version = true)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUS}"))]
#[command(
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// The stack file, or a folder that has one [default: pilotlight.toml here or above]
    #[arg(short = 'F', long, global = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(Up),
    Down(Down),
    Restart(Restart),
    Status(Status),
    Logs(Logs),
    Doctor(Doctor),
    Port(PortCommand),
    Check(Check),
    Init(Init),
    Completions(Completions),
    /// Keep stacks in the background; `up --detach` starts this
    #[command(hide = true)]
    Daemon,
}

/// Start services and what they need
///
/// In the foreground they are shown until Ctrl-C, which stops them; a second Ctrl-C kills them.
/// With --detach they are left running in the background once all are ready.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight up             start everything, and show it until Ctrl-C
  pilotlight up backend     start backend and what it needs
  pilotlight up -d          return when all is ready (0) or something failed (1)")]
pub(crate) struct Up {
    /// Which services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Return when all are ready, and leave them running in the background
    #[arg(short, long)]
    pub(crate) detach: bool,
}

/// Stop services, those that need them first
///
/// Returns when every process of them is verified gone and every port is free again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight down           stop this stack
  pilotlight down redis     stop redis and what needs it
  pilotlight down --all     stop every stack")]
pub(crate) struct Down {
    /// Which services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Every stack, not only that of the stack file
    #[arg(short, long, conflicts_with_all = ["services", "file"])]
    pub(crate) all: bool,
    /// Kill at once, without the polite signal
    #[arg(short, long)]
    pub(crate) kill: bool,
}

/// Stop services, then start them again
///
/// Services that need them are stopped and started with them. Returns when all are ready (0) or
/// one has failed (1).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight restart            the whole stack
  pilotlight restart backend    backend and what needs it")]
pub(crate) struct Restart {
    /// Which services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
}

/// Show every service: light, state, port, process, and what it costs
///
/// It is a question, so the exit status is 0 whatever the answer; `up -d` and `doctor` judge.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight status                 a table
  pilotlight status --watch         the same, drawn anew on every change
  pilotlight status --json | jq '.stacks[].services[] | select(.light != \"green\").name'")]
pub(crate) struct Status {
    /// As JSON; with --watch one document a line, on every change
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Show what services write
///
/// Read from their log files, so that nothing has to run. Several services are merged by time.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own; all combinations occur"
)]
#[command(after_help = "\
Examples:
  pilotlight logs                       the present run of every service
  pilotlight logs -f backend            go on with what comes, across restarts
  pilotlight logs --grep 'POST /v1' --since 10m
  pilotlight logs backend --level error --all-runs
  pilotlight logs --json | jq -r 'select(.level == \"error\").text'")]
pub(crate) struct Logs {
    /// Which services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines of each service [default: all, with --follow 20]
    #[arg(short = 'n', long = "lines", value_name = "N")]
    pub(crate) lines: Option<usize>,
    /// Only lines that match the regular expression
    #[arg(short, long, value_name = "RE")]
    pub(crate) grep: Option<Regex>,
    /// Only since then: `10m`, `2h`, `10:30`, `2026-11-20T10:00`
    #[arg(short, long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
    /// Only lines this grave or graver; a line that does not say has the level of the one before
    #[arg(short, long, value_name = "LEVEL")]
    pub(crate) level: Option<LevelName>,
    /// The run of this number instead of the latest
    #[arg(long, value_name = "N", value_parser = run, conflicts_with = "all_runs")]
    pub(crate) run: Option<RunId>,
    /// All runs that are kept
    #[arg(short, long)]
    pub(crate) all_runs: bool,
    /// With the time of each line
    #[arg(short, long)]
    pub(crate) times: bool,
    /// One JSON object a line: time, service, run, level, text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Find out what is wrong, and why
///
/// Runs every probe and check now and reads logs and process state. Changes nothing. It works on a
/// stack that is not running, too. Exits 1 if something is wrong.
///
/// Of a stack file that was never started as it is now, it asks before it runs commands (`require`,
/// `ready` and `check` with a `command`) and before it connects to other machines. Without a terminal
/// it does neither unless --yes is given. The answer is remembered until the file changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight doctor              what is wrong, why, and what to do
  pilotlight doctor --fix        ask, then do what can be done
  pilotlight doctor --yes        run the commands of a stack file that was never started
  pilotlight doctor --json | jq -r '.findings[0].title'")]
pub(crate) struct Doctor {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Carry out the remedies that are safe, asking before each
    #[arg(long, conflicts_with = "json")]
    pub(crate) fix: bool,
    /// Do not ask: run what the stack file says, and with --fix carry out the remedies
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Show who listens on a port, or end them
///
/// That nobody listens is an answer, too: the exit status is 0. Never ended are a process of
/// another user or of the system, a parent of this command, a running service of a stack, and the
/// proxy of a container engine.
#[derive(Debug, Args)]
#[command(
    name = "port",
    after_help = "\
Examples:
  pilotlight port 8001                who listens on port 8001
  pilotlight port 8001 --free         ask, then end them
  pilotlight port 8001 --free --yes   end them"
)]
pub(crate) struct PortCommand {
    /// The port
    #[arg(value_name = "N", value_parser = port)]
    pub(crate) port: Port,
    /// End who listens there
    #[arg(long)]
    pub(crate) free: bool,
    /// Do not ask
    #[arg(short, long, requires = "free")]
    pub(crate) yes: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Validate the stack file
///
/// Nothing is started or looked for outside of it. The exit status is 2 if something is wrong.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Look at a project, and write its stack file
///
/// The files of other tools (Procfile, compose, process-compose, pitchfork, pm2, VS Code,
/// concurrently) are read, and what runs is found in the source; nothing of the project is executed.
/// What two answers are equally likely for is asked on a terminal; elsewhere the likeliest is taken.
/// A stack file that is there is never overwritten.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own; nearly all combinations occur"
)]
#[command(after_help = "\
Examples:
  pilotlight init               look at this folder, and write pilotlight.toml here
  pilotlight init --dry-run     print what would be written
  pilotlight init --merge       add what the stack file does not have yet")]
pub(crate) struct Init {
    /// The folder of the project [default: this one]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Do not ask: take what is likeliest
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Write nothing; print the stack file
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Add to a stack file that is there what it does not have
    #[arg(short, long)]
    pub(crate) merge: bool,
    /// As JSON: what was found, why, and the text of the stack file; asks nothing
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print what completes the command line in a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight completions bash > ~/.local/share/bash-completion/completions/pilotlight
  pilotlight completions zsh > ~/.zfunc/_pilotlight
  pilotlight completions fish > ~/.config/fish/completions/pilotlight.fish")]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: Shell,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LevelName {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Trace => Self::Trace,
            LevelName::Debug => Self::Debug,
            LevelName::Info => Self::Info,
            LevelName::Warn => Self::Warn,
            LevelName::Error => Self::Error,
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "whether there is such a service is known only with the stack file"
)]
fn service(text: &str) -> Result<ServiceName, String> {
    Ok(ServiceName::new(text))
}

fn port(text: &str) -> Result<Port, String> {
    let number = text.parse().ok().and_then(Port::new);
    number.ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

fn run(text: &str) -> Result<RunId, String> {
    let number: Option<NonZeroUsize> = text.parse().ok();
    let number = number.and_then(|number| u64::try_from(number.get()).ok());
    number
        .map(RunId)
        .ok_or_else(|| "runs are counted from 1".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_stack_file_may_be_named_before_or_after_the_command() {
        for line in ["pilotlight --file x up", "pilotlight up --file x"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.file, Some("x".into()));
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_told_with_what_was_meant() {
        let error = Arguments::try_parse_from(["pilotlight", "statsu"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("'status'"), "{error}");
    }

    #[test]
    fn port_0_is_none() {
        for (number, valid) in [("0", false), ("65536", false), ("x", false), ("8001", true)] {
            let parsed = Arguments::try_parse_from(["pilotlight", "port", number]);
            assert_eq!(parsed.is_ok(), valid, "{number}");
        }
    }
}
