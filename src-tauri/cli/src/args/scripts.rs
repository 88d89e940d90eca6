//! Commands for scripts and CI.

use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueHint};
use pilotlight::stack::{Port, ServiceName};

use super::{limit, port, service};
use crate::{time::Since, waiting::Goal};

/// Wait until services are ready, healthy or stopped, or until one logs a line
///
/// Starts nothing. Exits 0 when the state is reached, 1 when a service failed (with the reason), and 3
/// when the time is over.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight wait                              wait until all services are ready
  pilotlight wait backend --timeout 2m         wait for one service
  pilotlight wait --for stopped                wait until nothing runs
  pilotlight wait worker --for 'log: jobs: 0'  wait for a line that matches a regular expression")]
pub(crate) struct Wait {
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// `ready`, `healthy` (ready, and every check passes), `stopped`, or `log: RE`
    #[arg(long = "for", value_name = "STATE", default_value = "ready")]
    pub(crate) goal: Goal,
    /// Time limit
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = limit)]
    pub(crate) timeout: Duration,
}

/// Show what happened: starts, exits, failures, problems found and resolved
///
/// Shows the events of this stack, of the last day by default. The daemon records them on disk, so events
/// from before its last start are included.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight events                   show what happened in the last day
  pilotlight events backend -s 10m    show what happened to backend in the last ten minutes
  pilotlight events --follow --json   print each new event as a line of JSON")]
pub(crate) struct Events {
    /// Services [default: all, and the stack itself]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Only events since this time: `10m`, `2h`, `10:30`, `2026-11-20T10:00`
    #[arg(short, long, value_name = "TIME", default_value = "1d")]
    pub(crate) since: Since,
    /// Show new events until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Show the events of every stack
    #[arg(short, long, conflicts_with = "file")]
    pub(crate) all: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the window in a browser: for WSL, SSH and dev containers
///
/// Serves the page on 127.0.0.1 and prints a link to it, which works once and for one browser. The page
/// has the functions of the app's window. Ctrl-C closes it; services keep running in the background.
///
/// With SSH, forward the port: `ssh -L 7700:127.0.0.1:7700 HOST pilotlight ui --port 7700 --no-open`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight ui                          open the page in the browser
  pilotlight ui --port 7700 --no-open    print the link, to be opened elsewhere")]
pub(crate) struct Ui {
    /// Port [default: any free port]
    #[arg(short, long, value_name = "N", value_parser = port)]
    pub(crate) port: Option<Port>,
    /// Only print the link
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// Run a task in this terminal
///
/// Starts what the task needs first, in the background. Runs the task even if its inputs have not changed.
/// Exits with its exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight run migrate            run the task [task.migrate] of the stack file
  pilotlight run seed -- --small    with more arguments")]
pub(crate) struct Run {
    /// Task
    #[arg(value_name = "TASK", value_parser = service)]
    pub(crate) task: ServiceName,
    /// Arguments after those of the stack file
    #[arg(value_name = "ARGS", last = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// Write a line to the standard input of a service
///
/// The service must be running, and read its input. Not available on Windows yet.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight send app r          hot reload of Flutter
  pilotlight send backend c      continue in a debugger")]
pub(crate) struct Send {
    /// Service
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) service: ServiceName,
    /// Text of the line; several words are joined with spaces
    #[arg(value_name = "TEXT", required = true, allow_hyphen_values = true)]
    pub(crate) text: Vec<String>,
}

/// Connect this terminal with the terminal of a service
///
/// The service needs `tty = true` in the stack file. Keys go to the service, also Ctrl-C. If another
/// `pilotlight attach` is connected already, this one only shows the output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight attach backend        answer a debugger; detach with Ctrl-P Ctrl-Q
  pilotlight attach console --detach-keys ctrl-]")]
pub(crate) struct Attach {
    /// Service
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) service: ServiceName,
    /// Keys that detach: letters or `ctrl-` and a letter, separated by commas
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q")]
    pub(crate) detach_keys: Keys,
}

/// Keys to type one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    names: Vec<String>,
    /// The bytes that a terminal sends for them.
    pub(crate) bytes: Vec<u8>,
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let byte = |name: &String| match name.as_bytes() {
            [key] => Some(*key),
            // A terminal sends the lowest five bits of the key.
            [b'C', b't', b'r', b'l', b'-', key @ b'@'..=b'_'] => Some(key & 0x1f),
            _ => None,
        };
        let name = |name: &str| match name.strip_prefix("ctrl-") {
            Some(key) => format!("Ctrl-{}", key.to_ascii_uppercase()),
            None => name.to_owned(),
        };
        let names: Vec<String> = text.split(',').map(name).collect();
        match names.iter().map(byte).collect() {
            Some(bytes) => Ok(Self { names, bytes }),
            None => Err("expected keys such as `ctrl-p,ctrl-q`".to_owned()),
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(" "))
    }
}

/// Print the address of a service
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight url backend           print the address of its port
  pilotlight url backend docs      print the link `docs` of the stack file
  curl \"$(pilotlight url backend)/health\"")]
pub(crate) struct Url {
    /// Service
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) service: ServiceName,
    /// Link of the stack file [default: the port for `url`, the first link for `open`]
    pub(crate) link: Option<String>,
}

/// Print the environment variables of a service
///
/// Prints the variables that the service gets in addition to those of this shell, and the address of
/// every service (`PILOTLIGHT_<SERVICE>_PORT` and `_URL`). Without a service, prints only the addresses.
///
/// Without a format the output is for people: values that look like secrets are shown as `***`. --json,
/// --shell and --dotenv print the real values.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("format").args(["json", "shell", "dotenv"]),
    after_help = "\
Examples:
  pilotlight env backend                      show the variables of backend
  eval \"$(pilotlight env backend --shell)\"    set them in this shell
  pilotlight env backend --dotenv > .env.local"
)]
pub(crate) struct EnvCommand {
    /// Service [default: only the addresses]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) service: Option<ServiceName>,
    /// Print JSON, with real values
    #[arg(long)]
    pub(crate) json: bool,
    /// Print `export` lines for a POSIX shell, with real values
    #[arg(long)]
    pub(crate) shell: bool,
    /// Print the lines of an env file, with real values
    #[arg(long)]
    pub(crate) dotenv: bool,
}

/// Run a command in the folder and with the environment of a service
///
/// The service need not be running. Exits with the status of the command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight exec backend -- alembic upgrade head
  pilotlight exec backend -- pytest -x")]
pub(crate) struct Exec {
    /// Service
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) service: ServiceName,
    /// Command and its arguments
    #[arg(value_name = "CMD", required = true, last = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

/// Open a shell in the folder and with the environment of a service
#[derive(Debug, Args)]
pub(crate) struct Shell {
    /// Service
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) service: ServiceName,
}

/// Start the stack, run a command, and stop the stack again
///
/// Starts the services that are not running, runs the command in this folder with the address of every
/// service (`PILOTLIGHT_<SERVICE>_PORT` and `_URL`), and stops what it started. Exits with the status of
/// the command, or with 1 if a service does not start. On failure prints the findings and the last lines
/// of the services, with `GITHUB_ACTIONS` also as annotations.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight test -- npx playwright test
  pilotlight test --keep -- pytest tests/e2e
  pilotlight test --junit out.xml --logs logs -- npm test")]
pub(crate) struct Test {
    /// Leave the services running
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
    /// Copy the log of each service into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) logs: Option<PathBuf>,
    /// Command and its arguments
    #[arg(value_name = "CMD", required = true, last = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

/// Pull the images of services in containers
///
/// Shows the layers and bytes of each pull. Ctrl-C cancels it. `pilotlight up` pulls missing images by
/// itself; this command also updates those that exist.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
}

/// Write the stack as other tools run it: a compose file, systemd units, a Procfile, or manifests
///
/// Prints the services with those that they need. Variables such as `${TOKEN}` stay variables: their
/// values are not written. What the format cannot express is listed, in comments and on standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight export compose > compose.pilotlight.yaml    for people who use containers
  pilotlight export systemd -o ~/.config/systemd/user    user units, and a target for the stack
  pilotlight export procfile                             print a Procfile
  pilotlight export kubernetes backend                   manifests of backend and what it needs")]
pub(crate) struct Export {
    /// Format
    pub(crate) format: Format,
    /// Services [default: all]
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub(crate) services: Vec<ServiceName>,
    /// Write the files into this folder; existing ones are not overwritten
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

/// A format of `export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A compose file
    Compose,
    /// Units for `systemctl --user`
    Systemd,
    /// A Procfile, for foreman and its relatives
    Procfile,
    /// Deployments, services and config maps
    Kubernetes,
}
