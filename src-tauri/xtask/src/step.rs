//! One step of a chore: a program that runs, with what a person sees meanwhile.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    error::{Error, at},
    workspace,
};

const GREEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const AMBER: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
/// Without a terminal, a long step shows that it lives this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// How much of the output of a failed step is shown.
const TAIL: usize = 200;

/// Runs a program that is to succeed. Its output goes to a log, which a failure shows the end of;
/// meanwhile a person sees the step, its newest line of output, and how long it has been going on.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Error> {
    let progress = Progress::start(what);
    let log = log_file(what)?;
    let mut child = Captured::spawn(command)?;
    child.follow(&log, &progress)?;
    let status = child.wait()?;
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

/// Runs a program that is to succeed and speaks for itself.
pub(crate) fn show(command: &mut Command) -> Result<(), Error> {
    let program = program_of(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Shown { program, status }),
        Err(source) => Err(Error::Run { program, source }),
    }
}

/// What a program that is to succeed prints on its standard output. Its complaints are shown.
pub(crate) fn printed(command: &mut Command) -> Result<String, Error> {
    let program = program_of(command);
    let run = |source| Error::Run {
        program: program.clone(),
        source,
    };
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(run)?;
    if !output.status.success() {
        let status = output.status;
        return Err(Error::Shown { program, status });
    }
    String::from_utf8(output.stdout).map_err(|error| run(io::Error::other(error)))
}

/// What a program prints on its standard output, trimmed; `None` if it cannot run or fails.
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

/// Says something that a person should know, between two steps.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{AMBER}!{AMBER:#} {text}");
}

struct Captured {
    program: String,
    child: std::process::Child,
    lines: Receiver<Vec<u8>>,
}

impl Captured {
    fn spawn(command: &mut Command) -> Result<Self, Error> {
        let program = program_of(command);
        let mut spawn = || {
            let (reader, writer) = io::pipe()?;
            command
                .stdin(Stdio::null())
                .stdout(writer.try_clone()?)
                .stderr(writer);
            let child = command.spawn()?;
            // The command holds the write ends: without this, the output would never end.
            command.stdout(Stdio::null()).stderr(Stdio::null());
            Ok((child, reader))
        };
        let (child, reader) = spawn().map_err(|source| Error::Run {
            program: program.clone(),
            source,
        })?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            program,
            child,
            lines,
        })
    }

    /// Copies the output to the log until it ends.
    fn follow(&mut self, log: &Path, progress: &Progress) -> Result<(), Error> {
        let mut file = File::create(log).map_err(at(log))?;
        loop {
            match self.lines.recv_timeout(SIGN_OF_LIFE) {
                Ok(mut line) => {
                    progress.show_line(&String::from_utf8_lossy(&line));
                    line.push(b'\n');
                    file.write_all(&line).map_err(at(log))?;
                }
                Err(RecvTimeoutError::Timeout) => progress.show_sign_of_life(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn wait(mut self) -> Result<std::process::ExitStatus, Error> {
        self.child.wait().map_err(|source| Error::Run {
            program: self.program,
            source,
        })
    }
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

fn program_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
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
