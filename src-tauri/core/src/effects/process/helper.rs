//! Short commands that are run for their result: required commands, command probes, stop commands.

use std::{
    ffi::OsString,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{io::AsyncReadExt as _, time::timeout};

use super::{Launch, ProcessTable, Tree, kill, launch, words};
use crate::{
    model::facts::{Exit, LaunchFault, Mark, RunId, StackId},
    platform::process as platform,
    stack::{Command, ServiceName, Signal},
};

/// How much of the end of its output is kept, in bytes.
const KEPT: usize = 64 * 1024;

/// What a helper command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How its first process ended.
    pub exit: Exit,
    /// The end of its standard output and error, in their order: at most 64 KiB. What is
    /// no UTF-8 in it is replaced.
    pub text: String,
}

impl Output {
    /// Its last line that is not blank.
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

/// Why a helper command came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelperFault {
    /// It could not be started.
    Launch(LaunchFault),
    /// It took longer than allowed, and was ended with its whole tree.
    TimedOut {
        /// The last line that it printed.
        last_line: Option<String>,
    },
}

/// Runs a short command, hidden, in `directory` and with `environment` (complete, as
/// [`std::env::vars_os`] gives it), and waits for the end of its first process.
///
/// At `patience` its whole tree is killed. When the future is dropped, its process group is.
pub async fn run_helper(
    command: &Command<String>,
    directory: &Path,
    environment: &[(OsString, OsString)],
    patience: Duration,
) -> Result<Output, HelperFault> {
    let processes = ProcessTable::from_now();
    let (pipe, output) = platform::pipe().map_err(|error| {
        HelperFault::Launch(LaunchFault::Other {
            message: error.to_string(),
        })
    })?;
    let tree = launch(Launch {
        words: words(command),
        directory: directory.to_owned(),
        environment: environment.to_vec(),
        mark: mark(),
        output,
        has_input: false,
    })
    .await;
    let running = KilledOnDrop(tree.map_err(HelperFault::Launch)?);
    let mut tail = Tail::default();
    let exit = timeout(patience, listen(&running.0, pipe, &mut tail)).await;
    let Ok(exit) = exit else {
        kill(&running.0, &processes).await;
        let last_line = last_line(&tail.into_text()).map(str::to_owned);
        return Err(HelperFault::TimedOut { last_line });
    };
    let text = tail.into_text();
    Ok(Output { exit, text })
}

/// A mark of its own: a helper is no part of the service that it looks after, even where it has
/// the service's environment.
fn mark() -> Mark {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    Mark {
        stack: StackId("helper".to_owned()),
        service: ServiceName::new(&platform::own_pid().to_string()),
        run: RunId(STARTED.fetch_add(1, Ordering::Relaxed)),
    }
}

/// Reads what the helper prints until it ends, and then what it printed last. Whoever it left
/// behind may hold the pipe open for ever, and is not waited for.
async fn listen(tree: &Tree, mut pipe: platform::Pipe, tail: &mut Tail) -> Exit {
    let mut buffer = vec![0; 8 * 1024];
    let mut is_open = true;
    let exit = loop {
        tokio::select! {
            biased;
            length = pipe.read(&mut buffer), if is_open => match length {
                Ok(length) if length > 0 => tail.push(&buffer[..length]),
                _ => is_open = false,
            },
            exit = tree.exited() => break exit,
        }
    };
    // More than a pipe holds was not printed before the end.
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

/// The last [`KEPT`] bytes of what is pushed.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // Now and then only, so that each byte is moved once at most.
        if self.0.len() >= 2 * KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.0.drain(..self.0.len().saturating_sub(KEPT));
    }

    fn into_text(mut self) -> String {
        self.cut();
        String::from_utf8_lossy(&self.0).into_owned()
    }
}
