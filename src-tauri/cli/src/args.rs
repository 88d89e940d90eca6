//! The command line: commands, options and their help.

mod agents;
mod scripts;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;
use jiff::SignedDuration;
use pilotlight::{
    effects::log::Level,
    example::Break,
    model::facts::RunId,
    stack::{Port, ServiceName},
};
use regex::Regex;
use serde::de::DeserializeOwned;

pub(crate) use self::agents::{Install, Mcp, McpCommand};
pub(crate) use self::scripts::{
    Attach, EnvCommand, Events, Exec, Export, Format, Pull, Run, Send, Shell as ShellCommand, Test,
    Ui, Url, Wait,
};
use crate::{commands::completions::Kind, time::Since};

const STATUS: &str = "\
Exit status:
  0  success
  1  the command failed: a service did not start, or something is blocking it
  2  the stack file or the command line is invalid
  3  the time limit of `wait` is over";

const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

const EXAMPLES: &str = "\
Examples:
  pilotlight init               scan the project and write its stack file
  pilotlight up                 start everything and watch it until Ctrl-C
  pilotlight up -d backend      start backend and its dependencies in the background
  pilotlight status             show the state of every service
  pilotlight logs -f backend    follow the log of backend
  pilotlight down               stop everything";

/// Start your local dev stack with one command, and see why it breaks.
#[derive(Debug, Parser)]
#[command(name = "pilotlight", version, about, propagate_version = true)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUS}"))]
#[command(
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// Stack file, or its folder [default: pilotlight.toml in this folder or a parent]
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
    Reload(Reload),
    Pull(Pull),
    Run(Run),
    Send(Send),
    Attach(Attach),
    Status(Status),
    Logs(Logs),
    Doctor(Doctor),
    Port(PortCommand),
    Validate(Validate),
    Knowledge(Knowledge),
    Init(Init),
    Example(Example),
    Export(Export),
    Events(Events),
    Wait(Wait),
    Url(Url),
    /// Open a link of a service in the browser
    Open(Url),
    #[command(name = "env")]
    Env(EnvCommand),
    Exec(Exec),
    Shell(ShellCommand),
    Test(Test),
    Ui(Ui),
    Mcp(Mcp),
    Completions(Completions),
    Man(Man),
    /// Print names of the stack at hand, for completion scripts
    #[command(hide = true, alias = "profiles")]
    Names {
        #[arg(default_value = "profiles")]
        kind: Kind,
    },
    /// Run the background process that `up --detach` starts
    #[command(hide = true)]
    Daemon,
}

/// Start services and their dependencies
///
/// Prints log lines above the state of the services until Ctrl-C, which stops what this command started;
/// services that ran before keep running. A second Ctrl-C kills. On a terminal, `l` turns the log lines off
/// and on, `r` restarts the stack, `o` opens its first page, and `q` leaves the services running in the
/// background. With --detach the command returns when all
/// services are ready and leaves them running in the background. Access log lines of health checks are
/// left out; `pilotlight logs` has them.
#[derive(Debug, Default, Args)]
#[command(
    visible_alias = "start",
    after_help = "\
Examples:
  pilotlight up             start everything and watch it until Ctrl-C
  pilotlight up backend     start backend and its dependencies
  pilotlight up -d          return when all are ready (exit 0) or one failed (exit 1)
  pilotlight up -p api      start the services of the profile api"
)]
pub(crate) struct Up {
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Return when all are ready and leave them running in the background
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Start the services of this profile; can be repeated [default: that of the last start]
    ///
    /// `--profile default` returns to the stack without a profile. The variable `PILOTLIGHT_PROFILE`
    /// also selects profiles.
    #[arg(short, long = "profile", value_name = "NAME", value_delimiter = ',')]
    pub(crate) profiles: Vec<String>,
}

impl Up {
    /// Returns the start of services in the background, for another command.
    pub(crate) fn detached(services: Vec<ServiceName>) -> Self {
        Self {
            services,
            detach: true,
            ..Self::default()
        }
    }
}

/// Stop services, after the services that depend on them
///
/// Waits until every process has exited and every port is free.
#[derive(Debug, Default, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own; most combinations occur"
)]
#[command(
    visible_alias = "stop",
    after_help = "\
Examples:
  pilotlight down           stop this stack
  pilotlight down redis     stop redis and the services that depend on it
  pilotlight down --all     stop every stack
  pilotlight down --volumes    also remove the volumes of its containers, after a question"
)]
pub(crate) struct Down {
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Stop every stack, not only this one
    #[arg(short, long, conflicts_with_all = ["services", "file"])]
    pub(crate) all: bool,
    /// Kill immediately (SIGKILL) instead of asking services to stop
    #[arg(short, long)]
    pub(crate) kill: bool,
    /// Then remove the volumes of the containers, with their data; asks first
    #[arg(long, conflicts_with = "all")]
    pub(crate) volumes: bool,
    /// Do not ask
    #[arg(short, long, requires = "volumes")]
    pub(crate) yes: bool,
}

/// Restart services and the services that depend on them
///
/// Returns when all are ready (exit 0) or one failed (exit 1).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight restart            restart the whole stack
  pilotlight restart backend    restart backend and the services that depend on it")]
pub(crate) struct Restart {
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
}

/// Apply the changed stack file to a running stack
///
/// Restarts the services that have changed and those that depend on them. The others keep running.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight reload              restart what has changed
  pilotlight reload --dry-run    only show what would restart")]
pub(crate) struct Reload {
    /// Only show what would be restarted, started and stopped
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Show the status of every service: state, port, PID, CPU and memory
///
/// Always exits 0. In scripts, use `doctor`, which exits 1 if anything is wrong.
#[derive(Debug, Args)]
#[command(
    visible_alias = "ps",
    after_help = "\
Examples:
  pilotlight status                 print a table
  pilotlight status --watch         update the table on every change
  pilotlight status --json | jq '.stacks[].services[] | select(.light != \"green\").name'"
)]
pub(crate) struct Status {
    /// Print JSON; with --watch one document per line, on every change
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep updating until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Show service logs
///
/// Reads the log files, so services need not be running. Lines of several services are merged by
/// time.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate flag; all combinations occur"
)]
#[command(after_help = "\
Examples:
  pilotlight logs                       show the latest run of every service
  pilotlight logs -f backend            follow new output, across restarts
  pilotlight logs --grep 'POST /v1' --since 10m
  pilotlight logs backend --level error --all-runs
  pilotlight logs --json | jq -r 'select(.level == \"error\").text'")]
pub(crate) struct Logs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Follow new output
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines of each service [default: all, with --follow 20]
    #[arg(short = 'n', long = "lines", value_name = "N")]
    pub(crate) lines: Option<usize>,
    /// Only lines that match the regular expression
    #[arg(short, long, value_name = "RE")]
    pub(crate) grep: Option<Regex>,
    /// Only lines since this time: `10m`, `2h`, `10:30`, `2026-11-20T10:00`
    #[arg(short, long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
    /// Only lines at this level or higher; lines without a level inherit the previous one
    #[arg(short, long, value_name = "LEVEL", value_parser = by_name::<Level>(&LEVELS))]
    pub(crate) level: Option<Level>,
    /// Show run N instead of the latest
    #[arg(long, value_name = "N", value_parser = run, conflicts_with = "all_runs")]
    pub(crate) run: Option<RunId>,
    /// Show every stored run
    #[arg(short, long)]
    pub(crate) all_runs: bool,
    /// Show the time of each line
    #[arg(short, long)]
    pub(crate) times: bool,
    /// Print one JSON object per line: time, service, run, level, text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Find out what is wrong, and why
///
/// Runs every probe and check and reads logs and process state. Changes nothing. Also works on a
/// stopped stack. Exits 1 if anything is wrong.
///
/// If this version of the stack file was never started, doctor asks before it runs commands from the
/// file (`require`, `ready` and `check` with a `command`) or connects to other machines. Without a
/// terminal it skips both unless you pass --yes. The answer is stored until the file changes.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  pilotlight doctor              show what is wrong, why, and how to fix it
  pilotlight doctor --fix        apply the safe fixes, asking before each
  pilotlight doctor --yes        run the commands of a stack file that was never started
  pilotlight doctor --json | jq -r '.findings[0].title'")]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Apply the safe fixes, asking before each
    #[arg(long, conflicts_with = "json")]
    pub(crate) fix: bool,
    /// Do not ask: run the stack file's commands, and with --fix apply the fixes
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Wait at most this long; a probe or check that takes longer is a finding [default: the timeout of each probe and
    /// check]
    #[arg(long, value_name = "TIME", value_parser = limit)]
    pub(crate) within: Option<Duration>,
}

/// Show which process uses a port, or stop it
///
/// Exits 0 even if nothing is listening. Never stops processes of other users or the system, this
/// command's own parents, services Pilot Light runs, or container proxies: the container is stopped
/// instead.
#[derive(Debug, Args)]
#[command(
    name = "port",
    after_help = "\
Examples:
  pilotlight port 8001                show which process uses port 8001
  pilotlight port 8001 --free         ask, then stop it
  pilotlight port 8001 --free --yes   stop it without asking"
)]
pub(crate) struct PortCommand {
    /// Port number
    #[arg(value_name = "N", value_parser = port)]
    pub(crate) port: Port,
    /// Stop the process that listens on the port
    #[arg(long)]
    pub(crate) free: bool,
    /// Do not ask
    #[arg(short, long, requires = "free")]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Validate the stack file
///
/// Only reads the file and the files that it includes; starts nothing. Exits 2 if one is invalid.
#[derive(Debug, Args)]
#[command(
    alias = "check",
    after_help = "\
Examples:
  pilotlight validate              report every problem with its place
  pilotlight validate --resolved   print the merged stack, and which line sets each key"
)]
pub(crate) struct Validate {
    /// Print every key of the stack with the file and line that sets it; secrets are masked
    #[arg(long)]
    pub(crate) resolved: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Search the error messages that the diagnosis knows
///
/// Lists the known errors whose texts contain all WORDS, or all known errors.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Knowledge {
    #[command(subcommand)]
    pub(crate) test: Option<KnowledgeTest>,
    /// Words to search for
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KnowledgeTest {
    /// Show which known errors a log excerpt contains
    ///
    /// Also looks for the known errors of the stack file. Exits 1 if none is found.
    Test {
        /// File with the excerpt, or - for standard input
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        excerpt: PathBuf,
    },
}

/// Scan a project and write its stack file
///
/// Reads the files of other tools (Procfile, compose, process-compose, pitchfork, pm2, VS Code,
/// concurrently) and the source. Runs nothing and never overwrites a stack file. Asks only when it
/// cannot decide. Without a terminal it picks the most likely answer.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate flag; nearly all combinations occur"
)]
#[command(after_help = "\
Examples:
  pilotlight init               scan this folder and write pilotlight.toml
  pilotlight init --dry-run     print the stack file instead of writing it
  pilotlight init --merge       add missing services to an existing stack file
  pilotlight init --prove       start it, correct the stack file, and exit 0 when everything is green")]
pub(crate) struct Init {
    /// Project folder [default: this one]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Do not ask: pick the most likely answers
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Print the stack file instead of writing it
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Add missing services to an existing stack file
    #[arg(short, long)]
    pub(crate) merge: bool,
    /// Learn from the processes of the project that are running now
    ///
    /// Start the project as usual first, in terminals or with a script. Writes a service for each
    /// process: its command, folder and port, the variables that its files do not set, and its
    /// connections to the other services. Secrets are named, never written. Changes no process.
    #[arg(long)]
    pub(crate) running: bool,
    /// Start the stack, and correct its file by what runs
    ///
    /// Watches for ports that differ from the declared ones, and for addresses and dependencies that the
    /// file does not declare. Changes the file, with a difference, and starts the stack again. Asks nothing. An existing
    /// file is proved as it is. Exits with 0 only when everything is green.
    #[arg(long, conflicts_with_all = ["dry_run", "json"])]
    pub(crate) prove: bool,
    /// Print JSON: the services found, the reasons, and the stack file; asks nothing
    #[arg(long)]
    pub(crate) json: bool,
}

/// Try Pilot Light with a small stack that it serves itself
///
/// Starts a store, an API and a page, for which nothing has to be installed, and watches them like `up`.
/// `break` breaks the example in a way that is common in real stacks, and shows what `doctor` says.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  pilotlight example                start the example and watch it until Ctrl-C
  pilotlight example break store    kill the store, and see why the page fails
  pilotlight example repair         undo everything that was broken

What can be broken:
  store      the store is killed
  address    page/.env has a wrong address of the API
  port       another program uses the port of the API
  cors       the API allows another origin than that of the page
  slow       every answer of the API takes 2.5 seconds")]
pub(crate) struct Example {
    /// Return when all are ready and leave them running in the background
    #[arg(short, long)]
    pub(crate) detach: bool,
    #[command(subcommand)]
    pub(crate) command: Option<ExampleCommand>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ExampleCommand {
    /// Break the running example, and show what doctor says
    Break {
        /// What to break
        #[arg(value_name = "WHAT", value_parser = by_name::<Break>(&Break::NAMES))]
        how: Break,
    },
    /// Undo everything that was broken, and start what has failed
    Repair,
}

/// Print a shell completion script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight completions bash > ~/.local/share/bash-completion/completions/pilotlight
  pilotlight completions zsh > ~/.zfunc/_pilotlight
  pilotlight completions fish > ~/.config/fish/completions/pilotlight.fish")]
pub(crate) struct Completions {
    /// Shell
    pub(crate) shell: Shell,
}

/// Print the man page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight man | man -l -                    read it
  pilotlight man ~/.local/share/man/man1       write a page for each command")]
pub(crate) struct Man {
    /// Write a page for each command into this folder instead
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
}

/// One of several values, by the name that it has in JSON.
fn by_name<T: DeserializeOwned + Clone + std::marker::Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| serde_json::from_value(name.into()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "only the stack file shows whether the service exists"
)]
fn service(text: &str) -> Result<ServiceName, String> {
    Ok(ServiceName::new(text))
}

fn limit(text: &str) -> Result<Duration, String> {
    let limit: Option<SignedDuration> = text.parse().ok();
    let limit = limit.and_then(|limit| Duration::try_from(limit).ok());
    limit.ok_or_else(|| "a time limit is `500ms`, `3s`, `1m`".to_owned())
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
    fn the_command_line_is_consistent() {
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
    fn a_misspelled_command_gets_a_suggestion() {
        let error = Arguments::try_parse_from(["pilotlight", "statsu"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("'status'"), "{error}");
    }

    #[test]
    fn only_numbers_from_1_to_65535_are_ports() {
        for (number, valid) in [("0", false), ("65536", false), ("x", false), ("8001", true)] {
            let parsed = Arguments::try_parse_from(["pilotlight", "port", number]);
            assert_eq!(parsed.is_ok(), valid, "{number}");
        }
    }
}
