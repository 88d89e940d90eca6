//! `cargo xtask demo`

use std::{
    env,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    app::{self, Profile},
    error::Error,
    platform, setup, step, workspace,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Show the stack in this terminal
    #[arg(long)]
    no_app: bool,
    /// Without the app: return when all services are ready, and leave the stack running
    #[arg(short, long, visible_alias = "keep")]
    detach: bool,
}

/// Returns whether a window can be shown.
fn has_desktop() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    env::consts::OS != "linux" || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Starts the example stack: in the app, in the terminal until Ctrl-C, or in the background.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    setup::everything()?;
    let mut in_terminal = options.no_app || options.detach;
    if !in_terminal && !has_desktop() {
        step::note(
            "no desktop for the application was found, so this shows the stack in the terminal",
        );
        in_terminal = true;
    }
    let app = if in_terminal {
        None
    } else {
        Some(app::build(Profile::Debug)?)
    };
    let pilotlight = Pilotlight::build()?;
    if pilotlight.redis_port_is_in_use() {
        step::note(
            "another program listens on port 6379; the demo leaves it running. \
             If it is the system's Redis, `sudo systemctl stop redis-server` makes room",
        );
    }
    if let Some(app) = app {
        step::note("the icon is in the tray; Ctrl-C here stops everything");
        let mut app = Command::new(app);
        app.arg(&pilotlight.file).args(["--start", "--window"]);
        return platform::become_program(app);
    }
    if !options.detach {
        return platform::become_program(pilotlight.command(&["up"]));
    }
    step::show(&mut pilotlight.command(&["up", "--detach"]))?;
    step::show(&mut pilotlight.command(&["status"]))?;
    anstream::println!(
        "\n  chat  http://localhost:5173\n  docs  http://localhost:8001/docs\n  stop  {}",
        pilotlight.line("down"),
    );
    Ok(())
}

/// Returns the command `pilotlight` with the stack file of the example.
struct Pilotlight {
    program: PathBuf,
    file: PathBuf,
}

impl Pilotlight {
    /// Builds the command without optimization, which is faster and shares the libraries of the tests.
    fn build() -> Result<Self, Error> {
        Ok(Self {
            program: Profile::Debug.build_command()?,
            file: workspace::example().join("pilotlight.toml"),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--file").arg(&self.file).args(arguments);
        command
    }

    /// Returns the command as a user types it, with a relative path if possible.
    fn line(&self, argument: &str) -> String {
        let here = env::current_dir().unwrap_or_default();
        let short = |path: &Path| {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            path.strip_prefix(&here)
                .unwrap_or(&path)
                .display()
                .to_string()
        };
        format!(
            "{} --file {} {argument}",
            short(&self.program),
            short(&self.file)
        )
    }

    /// Returns whether port 6379 is in use while no Redis of this stack runs.
    fn redis_port_is_in_use(&self) -> bool {
        TcpStream::connect(("127.0.0.1", 6379)).is_ok() && !self.redis_runs()
    }

    fn redis_runs(&self) -> bool {
        let status = step::output(&mut self.command(&["status", "--json"])).unwrap_or_default();
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        let services = status
            .pointer("/stacks/0/services")
            .and_then(Value::as_array);
        services.is_some_and(|services| {
            services
                .iter()
                .any(|service| service["name"] == "redis" && service["pid"].is_u64())
        })
    }
}
