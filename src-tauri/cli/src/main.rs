//! The command `pilotlight`.

mod args;
mod commands;
mod context;
mod daemon;
mod export;
mod failure;
mod json;
mod mcp;
mod paint;
mod time;
mod ui;
mod view;
mod waiting;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser as _;
use pilotlight::{
    effects::process::{helper_subcommand, seal_descriptors},
    example,
    host::background,
};

use args::{Arguments, Command, Mcp, McpCommand};
use context::Context;
use failure::{Ending, Failure};

/// The number of worker threads. A daemon waits nearly all of the time.
const WORKERS: usize = 2;
/// The limit of threads for blocking work: files, launches, the process table. It is higher than normal
/// use needs, since threads may hang on a disk or network mount that does not respond.
const BLOCKING: usize = 64;
/// The time after which such a thread exits when it is idle.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    if let Some(code) = helper_subcommand().or_else(example::service) {
        return code;
    }
    seal_descriptors();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(shown) => return tell_usage(&shown),
    };
    match run(arguments) {
        Ok(ending) => ending.into(),
        Err(failure) => {
            failure.tell();
            failure.code()
        }
    }
}

/// Prints the help, the version or a command line error, which quotes the command line.
fn tell_usage(shown: &clap::Error) -> ExitCode {
    let text = shown.render().ansi().to_string();
    let written = if shown.use_stderr() {
        write!(paint::err(), "{text}")
    } else {
        write!(paint::out(), "{text}")
    };
    // The error cannot be reported anywhere.
    drop(written);
    u8::try_from(shown.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn run(arguments: Arguments) -> Result<Ending, Failure> {
    match &arguments.command {
        Command::Completions(completions) => return commands::completions::run(completions),
        Command::Man(man) => return commands::completions::man(man),
        _ => {}
    }
    let context = Context::new(arguments.file)?;
    let (is_detached, is_daemon) = match &arguments.command {
        Command::Daemon => (false, true),
        Command::Up(up) if up.detach => (true, daemon::fork(&context, &up.services)?),
        _ => (false, false),
    };
    let command = match arguments.command {
        _ if is_daemon => {
            background::save_memory();
            Command::Daemon
        }
        command => command,
    };
    // A command that only queries a daemon needs no worker threads.
    let asks = !is_daemon && (is_detached || matches!(command, Command::Status(_)));
    let runtime = runtime(asks)?;
    let ending = runtime.block_on(async {
        match command {
            Command::Up(up) => commands::up::run(&context, up).await,
            Command::Down(down) => commands::down::run(&context, down).await,
            Command::Restart(restart) => commands::restart::run(&context, restart).await,
            Command::Reload(reload) => commands::reload::run(&context, &reload).await,
            Command::Pull(pull) => commands::pull::run(&context, &pull).await,
            Command::Run(run) => commands::task::run(&context, &run).await,
            Command::Send(send) => commands::input::send(&context, &send).await,
            Command::Attach(attach) => commands::input::attach(&context, &attach).await,
            Command::Status(status) => commands::status::run(&context, &status).await,
            Command::Logs(logs) => commands::logs::run(&context, logs).await,
            Command::Doctor(doctor) => commands::doctor::run(&context, &doctor).await,
            Command::Port(port) => commands::port::run(&context, &port).await,
            Command::Validate(validate) => commands::validate::run(&context, &validate),
            Command::Knowledge(knowledge) => commands::knowledge::run(&context, &knowledge),
            Command::Example(example) => commands::example::run(&context, example).await,
            Command::Init(init) => commands::init::run(&context, &init).await,
            Command::Export(asked) => export::run(&context, &asked),
            Command::Events(events) => commands::events::run(&context, &events).await,
            Command::Wait(wait) => commands::wait::run(&context, &wait).await,
            Command::Url(url) => commands::service::url(&context, &url).await,
            Command::Open(url) => commands::service::open(&context, &url).await,
            Command::Env(env) => commands::service::env(&context, &env).await,
            Command::Exec(exec) => commands::service::exec(&context, &exec).await,
            Command::Shell(shell) => commands::service::shell(&context, &shell).await,
            Command::Test(test) => commands::test::run(&context, &test).await,
            Command::Ui(asked) => ui::run(&context, &asked).await,
            Command::Mcp(Mcp { command: None }) => mcp::run(&context).await,
            Command::Mcp(Mcp {
                command: Some(McpCommand::Install(install)),
            }) => mcp::install::run(&install),
            Command::Names { kind } => commands::completions::names(&context, kind),
            Command::Completions(completions) => commands::completions::run(&completions),
            Command::Man(man) => commands::completions::man(&man),
            Command::Daemon => daemon::run(&context.home).await,
        }
    });
    // A thread that hangs on a dead disk or network mount must not keep the process alive.
    runtime.shutdown_background();
    ending
}

fn runtime(is_single: bool) -> io::Result<tokio::runtime::Runtime> {
    let mut builder = if is_single {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .thread_keep_alive(KEEP_ALIVE)
        .enable_all()
        .build()
}
