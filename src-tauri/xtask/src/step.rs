//! A step of a chore: runs a program and shows its progress.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, PipeReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    error::{Error, at, not_run},
    workspace,
};

const GREEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const AMBER: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
/// Without a terminal, a long step reports its elapsed time this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// The number of lines that are shown of a failed step's output.
const TAIL: usize = 200;

/// Runs a program and fails if it fails. Its output goes to a log, whose end is part of the error. Meanwhile shows the
/// step, its newest line of output, and the elapsed time.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Error> {
    let progress = Progress::start(what);
    let log = log_file(what)?;
    let mut file = File::create(&log).map_err(at(&log))?;
    let (mut child, output) = spawn(command.stdin(Stdio::null()))?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        lines.all(|line| sender.send(line).is_ok())
    });
    loop {
        match lines.recv_timeout(SIGN_OF_LIFE) {
            Ok(mut line) => {
                progress.show_line(&String::from_utf8_lossy(&line));
                line.push(b'\n');
                file.write_all(&line).map_err(at(&log))?;
            }
            Err(RecvTimeoutError::Timeout) => progress.show_sign_of_life(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().map_err(not_run(command))?;
    progress.finish(status.success());
    if status.success() {
        return Ok(());
    }
    Err(Error::Step {
        what: what.to_owned(),
        status,
        tail: tail_of(&log)?,
        log,
    })
}

/// Runs a program with its output shown, and fails if it fails.
pub(crate) fn show(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(not_run(command))?;
    succeeded(command, status)
}

/// Fails if a program that has shown its own output has failed.
pub(crate) fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Error::Shown { program, status })
}

/// Returns the standard output of a program, and fails if it fails. Its standard error is shown.
pub(crate) fn printed(command: &mut Command) -> Result<String, Error> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = output.output().map_err(not_run(command))?;
    succeeded(command, output.status)?;
    let text = String::from_utf8(output.stdout);
    text.map_err(|error| not_run(command)(io::Error::other(error)))
}

/// Returns the standard output of a program, trimmed; `None` if it cannot run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Returns a cargo subcommand in this version: an installed one, or one built into the target folder, without
/// optimization, since that builds faster and its own work is short.
pub(crate) fn tool(name: &str, version: &str) -> Result<PathBuf, Error> {
    let tools = workspace::own()?.join("tools");
    let built = tools.join(format!("bin/{name}{}", env::consts::EXE_SUFFIX));
    for program in [PathBuf::from(name), built.clone()] {
        let version_of = output(Command::new(&program).arg("--version"));
        if version_of.is_some_and(|found| found.ends_with(version)) {
            return Ok(program);
        }
    }
    run(
        &format!("build {name}"),
        workspace::cargo()
            .args(["install", name, "--version", version, "--locked"])
            .args(["--debug", "--config", "profile.dev.debug=0", "--root"])
            .arg(&tools),
    )?;
    Ok(built)
}

/// Prints a remark between two steps.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{AMBER}!{AMBER:#} {text}");
}

/// Starts a program whose output and errors come through one pipe, in their order.
pub(crate) fn spawn(command: &mut Command) -> Result<(Child, PipeReader), Error> {
    let mut spawn = || {
        let (reader, writer) = io::pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn()?;
        // The command holds the write ends. If they stayed open, the output would never end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok((child, reader))
    };
    let spawned = spawn();
    spawned.map_err(not_run(command))
}

struct Progress {
    what: String,
    started: Instant,
    bar: ProgressBar,
}

impl Progress {
    fn start(what: &str) -> Self {
        let style =
            ProgressStyle::with_template("{spinner:.yellow} {prefix}  {elapsed}  {wide_msg:.dim}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner()
            .with_style(style)
            .with_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        let progress = Self {
            what: what.to_owned(),
            started: Instant::now(),
            bar,
        };
        if progress.bar.is_hidden() {
            anstream::eprintln!("  {what} …");
        }
        progress
    }

    fn show_line(&self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.bar
                .set_message(anstream::adapter::strip_str(line).to_string());
        }
    }

    fn show_sign_of_life(&self) {
        if self.bar.is_hidden() {
            anstream::eprintln!("  {} … {} s", self.what, self.started.elapsed().as_secs());
        }
    }

    fn finish(self, well: bool) {
        self.bar.finish_and_clear();
        if well {
            let seconds = self.started.elapsed().as_secs_f32();
            anstream::eprintln!("{GREEN}✓{GREEN:#} {} ({seconds:.1} s)", self.what);
        }
    }
}

fn log_file(what: &str) -> Result<PathBuf, Error> {
    let folder = workspace::own()?;
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let name: String = what
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    Ok(folder.join(name.to_lowercase() + ".log"))
}

fn tail_of(log: &Path) -> Result<String, Error> {
    let bytes = fs::read(log).map_err(at(log))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL)..].join("\n"))
}
