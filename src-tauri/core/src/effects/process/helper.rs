//! Runs short commands for their result: required commands, command probes, stop commands.

use std::{
    fs::File,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::{Launch, ProcessTable, Tree, argv, kill, launch};
use crate::{
    env::Env,
    model::facts::{Exit, LaunchFault, Mark, RunId, StackId},
    platform::process as platform,
    stack::{Command, ServiceName, Signal},
};

/// The number of bytes kept from the end of the output.
pub const KEPT: usize = 64 * 1024;

/// The result of a helper command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How its first process exited.
    pub exit: Exit,
    /// The end of its standard output and error, in their order: at most 64 KiB. Invalid UTF-8 is
    /// replaced.
    pub text: String,
}

impl Output {
    /// Returns its last line that is not blank.
    #[must_use]
    pub fn last_line(&self) -> Option<&str> {
        last_line(&self.text)
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
}

/// Why a helper command has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelperFault {
    /// It could not be started.
    Launch(LaunchFault),
    /// It exceeded its time limit and was killed with its whole tree.
    TimedOut {
        /// The last line that it printed.
        last_line: Option<String>,
    },
}

/// Runs a short command, hidden, in `directory` and with `environment`, and waits until its first
/// process exits.
///
/// After `time_limit` its whole tree is killed. Dropping the future kills its process group.
pub async fn run_helper(
    command: &Command<String>,
    directory: &Path,
    environment: &Env,
    time_limit: Duration,
) -> Result<Output, HelperFault> {
    run_helper_with(command, directory, environment, None, time_limit).await
}

/// Runs a short command as [`run_helper`] does, with a standard input.
pub async fn run_helper_with(
    command: &Command<String>,
    directory: &Path,
    environment: &Env,
    input: Option<File>,
    time_limit: Duration,
) -> Result<Output, HelperFault> {
    let tail = Tail::default();
    let ran = run(
        command,
        directory,
        environment,
        (input, false),
        tail,
        time_limit,
    )
    .await?;
    Ok(ran.0)
}

/// Runs a command as [`run_helper`] does, and sends the last line of its output so far.
pub async fn run_helper_shown(
    command: &Command<String>,
    directory: &Path,
    environment: &Env,
    time_limit: Duration,
    shown: Option<&watch::Sender<String>>,
) -> Result<Output, HelperFault> {
    let tail = Tail {
        shown: shown.cloned(),
        ..Tail::default()
    };
    let ran = run(
        command,
        directory,
        environment,
        (None, false),
        tail,
        time_limit,
    )
    .await?;
    Ok(ran.0)
}

/// Runs a command as [`run_helper`] does and returns its standard output. The [`Output`] contains
/// only its standard error. Returns more than [`KEPT`] bytes if the standard output is longer.
pub async fn run_for_output(
    command: &Command<String>,
    directory: &Path,
    environment: &Env,
    time_limit: Duration,
) -> Result<(Output, Vec<u8>), HelperFault> {
    let (input, tail) = ((None, true), Tail::default());
    run(command, directory, environment, input, tail, time_limit).await
}

fn pipe() -> Result<(platform::Pipe, File), HelperFault> {
    platform::pipe().map_err(|error| {
        HelperFault::Launch(LaunchFault::Other {
            message: error.to_string(),
        })
    })
}

/// Runs a command. Returns its standard error separately if `is_apart`.
async fn run(
    command: &Command<String>,
    directory: &Path,
    environment: &Env,
    (input, is_apart): (Option<File>, bool),
    mut tail: Tail,
    time_limit: Duration,
) -> Result<(Output, Vec<u8>), HelperFault> {
    let (pipe, output) = pipe()?;
    let apart = is_apart.then(self::pipe).transpose()?;
    let (error_pipe, errors) = apart.unzip();
    let processes = ProcessTable::from_now();
    let tree = launch(Launch {
        argv: argv(command),
        directory: directory.to_owned(),
        environment: environment.clone(),
        mark: mark(),
        output,
        errors,
        input,
        colors: false,
        terminal: None,
    })
    .await;
    let running = KilledOnDrop(tree.map_err(HelperFault::Launch)?);
    let mut apart = Tail::default();
    let listening = async {
        match error_pipe {
            None => listen(&running.0, pipe, &mut tail).await,
            Some(errors) => {
                let errors = listen(&running.0, errors, &mut tail);
                tokio::join!(listen(&running.0, pipe, &mut apart), errors).0
            }
        }
    };
    let exit = timeout(time_limit, listening).await;
    let text = tail.into_text();
    let Ok(exit) = exit else {
        kill(&running.0, &processes).await;
        let last_line = last_line(&text).map(str::to_owned);
        return Err(HelperFault::TimedOut { last_line });
    };
    Ok((Output { exit, text }, apart.bytes))
}

/// Returns a separate mark: a helper is not part of the service, even if it has the service's
/// environment.
fn mark() -> Mark {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    Mark {
        stack: StackId("helper".to_owned()),
        service: ServiceName::new(&platform::own_pid().to_string()),
        run: RunId(STARTED.fetch_add(1, Ordering::Relaxed)),
    }
}

/// Reads the output until the helper exits, and then the rest. Does not wait for processes that the
/// helper left behind, which may keep the pipe open forever.
async fn listen(tree: &Tree, mut pipe: platform::Pipe, tail: &mut Tail) -> Exit {
    let mut buffer = vec![0; 8 * 1024];
    let mut is_open = true;
    let exit = loop {
        tokio::select! {
            biased;
            length = platform::read(&mut pipe, &mut buffer), if is_open => match length {
                Ok(length) if length > 0 => tail.push(&buffer[..length]),
                _ => is_open = false,
            },
            exit = tree.exited() => break exit,
        }
    };
    // At most one full pipe was printed before the exit.
    let mut rest = platform::PIPE_SIZE;
    while rest > 0
        && let Ok(length @ 1..) = platform::read_rest(&pipe, &mut buffer)
    {
        tail.push(&buffer[..length]);
        rest = rest.saturating_sub(length);
    }
    exit
}

struct KilledOnDrop(Tree);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        if self.0.exit().is_none()
            && let Some(first) = self.0.handle()
        {
            let _ = first.signal_group(Signal::Kill);
        }
    }
}

/// Keeps the last [`KEPT`] bytes that are pushed.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    /// Gets the last line of each push.
    shown: Option<watch::Sender<String>>,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if let Some(shown) = &self.shown
            && let Some(line) = last_line(&String::from_utf8_lossy(bytes))
        {
            shown.send_replace(line.to_owned());
        }
        // Only occasionally, so that each byte is moved once at most.
        if self.bytes.len() >= 2 * KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.bytes.drain(..self.bytes.len().saturating_sub(KEPT));
    }

    fn into_text(mut self) -> String {
        self.cut();
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
