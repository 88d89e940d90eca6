//! The example: a stack of three small services that this program itself serves, so that it starts on a
//! machine without any other program, and ways to break it.

mod serve;

use std::{
    env, fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    effects::process::{mark_of, process},
    fs::home::Home,
    host::background,
    model::view::{ServiceView, StackView},
    platform::process::Handle,
    stack::{Command, ServiceName, Signal, Stack},
    stack_file::FILE_NAME,
};

/// The first argument of this program when it is a service of the example.
const SUBCOMMAND: &str = "example-service";

const STACK_FILE: &str = include_str!("example/pilotlight.toml");

/// The usual ports of the store, the API and the page.
const PORTS: [u16; 3] = [7801, 7802, 7803];

/// The variable of the page that points at the API.
const ADDRESS: &str = "API_URL";
/// The variable of the API with the origin that may read its answers.
const ORIGIN: &str = "ALLOWED_ORIGIN";
/// The variable of the API with a pause before each answer, in milliseconds.
const DELAY: &str = "DELAY_MS";

/// The file that ends the other program on the port of the API when it is deleted.
const MARKER: &str = "port-taken";

/// The limit of the wait for the end of a process.
pub const WAIT: Duration = Duration::from_secs(5);
/// The pause between two looks at it.
pub const LOOK: Duration = Duration::from_millis(50);

/// A way to break the example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Break {
    /// Kills the store.
    Store,
    /// Lets the page call a port at which nothing listens.
    Address,
    /// Starts the API while another program uses its port.
    Port,
    /// Lets the API allow another origin than that of the page.
    Cors,
    /// Delays every answer of the API.
    Slow,
}

impl Break {
    /// The names of all ways.
    pub const NAMES: [&'static str; 5] = ["store", "address", "port", "cors", "slow"];

    /// Returns the service that is stopped before [`break_it`]; the stack is started after it.
    #[must_use]
    pub fn restarts(self) -> Option<ServiceName> {
        (self == Self::Port).then(|| ServiceName::new("api"))
    }

    /// Returns whether its effect is visible in the state of the stack, as far as it will be.
    #[must_use]
    pub fn shows(self, stack: &StackView) -> bool {
        self != Self::Store || service_of(stack, "store").is_none_or(|store| store.pid.is_none())
    }
}

/// Runs the service of the example for which this program was started, and returns its exit code; `None`
/// if it was started normally.
#[must_use]
pub fn service() -> Option<ExitCode> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    let arguments: Vec<String> = arguments.collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| runtime.block_on(serve::serve(&arguments)));
    Some(match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR {error}");
            ExitCode::FAILURE
        }
    })
}

/// Returns whether this is the stack of the example.
#[must_use]
pub fn is_example(stack: &Stack) -> bool {
    stack.services.iter().any(|service| {
        matches!(&service.command, Some(Command::Argv(words))
            if words.get(1).is_some_and(|word| word.to_string() == SUBCOMMAND))
    })
}

/// Returns the folder of the example.
#[must_use]
pub fn folder(home: &Home) -> PathBuf {
    home.state().join("example")
}

/// Writes the example into a folder, unless it is there and its program exists: the app and the command
/// share it. Returns its stack file.
///
/// # Errors
///
/// Those of the file system.
pub fn write(folder: &Path) -> io::Result<PathBuf> {
    let file = folder.join(FILE_NAME);
    if !program_of(&file).is_some_and(|program| program.exists()) {
        write_with(folder, &env::current_exe()?, spare_ports()?)?;
    }
    Ok(file)
}

/// Returns the program that the stack file of the example names.
fn program_of(file: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(file).ok()?;
    let stack: toml::Table = text.parse().ok()?;
    let command = stack.get("service")?.get("store")?.get("command")?;
    Some(command.get(0)?.as_str()?.into())
}

/// Writes the example with this program and these ports.
fn write_with(folder: &Path, program: &Path, ports: [u16; 3]) -> io::Result<()> {
    let program = toml::Value::String(program.display().to_string()).to_string();
    let mut text = STACK_FILE.replace("PROGRAM", &program);
    for (name, port) in ["STORE_PORT", "API_PORT", "PAGE_PORT"].iter().zip(ports) {
        text = text.replace(name, &port.to_string());
    }
    let [_, api, page] = ports;
    for (service, text) in [
        ("page", format!("{ADDRESS}=http://localhost:{api}\n")),
        (
            "api",
            format!("{ORIGIN}=http://localhost:{page}\n{DELAY}=0\n"),
        ),
    ] {
        let folder = folder.join(service);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(".env"), text)?;
    }
    fs::write(folder.join(FILE_NAME), text)
}

/// Returns the usual ports, or free ones in place of those that are in use.
fn spare_ports() -> io::Result<[u16; 3]> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let mut ports = PORTS;
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = bind(*port).or_else(|_| bind(0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Why the example cannot be broken now.
#[derive(Debug, thiserror::Error)]
pub enum BreakError {
    /// The stack is another one.
    #[error("this is not the example")]
    NotExample,
    /// No store is left to kill.
    #[error("the store is not running")]
    NoStore,
    /// The operating system refuses it.
    #[error("{what}: {source}")]
    Io {
        /// The outcome: `port 8001 cannot be taken`.
        what: String,
        /// The reason.
        source: io::Error,
    },
}

impl BreakError {
    fn io(what: String) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// Breaks the example, and returns a sentence about what was done.
///
/// # Errors
///
/// It is not possible now.
pub async fn break_it(how: Break, stack: &StackView) -> Result<String, BreakError> {
    let folder = stack.file.parent().unwrap_or(&stack.file);
    let api = service_of(stack, "api").and_then(|api| api.port);
    let api = api.ok_or(BreakError::NotExample)?;
    let edit = |service: &str, name: &str, value: &str| {
        let path = folder.join(service).join(".env");
        set(&path, name, value)
            .map(|()| format!("{name} in {service}/.env is now {value}"))
            .map_err(BreakError::io(format!(
                "{} cannot be changed",
                path.display()
            )))
    };
    match how {
        Break::Store => kill(service_of(stack, "store")),
        Break::Address => edit(
            "page",
            ADDRESS,
            &format!(
                "http://localhost:{}",
                api.number().saturating_sub(1000).max(1)
            ),
        ),
        Break::Cors => edit("api", ORIGIN, "http://localhost:3000"),
        Break::Slow => edit("api", DELAY, "2500"),
        Break::Port => {
            let taken = take_port(folder, api.number()).await;
            taken.map_err(BreakError::io(format!("port {api} cannot be taken")))?;
            Ok(format!(
                "another program has taken port {api}, and api was started again"
            ))
        }
    }
}

/// Returns a service of the example.
fn service_of<'a>(stack: &'a StackView, name: &str) -> Option<&'a ServiceView> {
    let mut services = stack.services.iter();
    let service = services.find(|service| service.name.as_str() == name);
    service.map(|service| &**service)
}

/// Kills the process of a service.
fn kill(service: Option<&ServiceView>) -> Result<String, BreakError> {
    let found = service.and_then(|service| Some((&service.name, process(service.pid?)?)));
    let is_of =
        |name: &ServiceName, process| mark_of(process).is_some_and(|it| it.service == *name);
    let found = found.filter(|(name, process)| is_of(name, *process));
    let (name, process) = found.ok_or(BreakError::NoStore)?;
    let killed = Handle::pin(process).and_then(|handle| match handle {
        Some(handle) => handle.signal(Signal::Kill),
        None => Ok(false),
    });
    killed.map_err(BreakError::io(format!("{name} cannot be killed")))?;
    Ok(format!("{name} (PID {}) was killed", process.pid))
}

/// Starts a program in the background that uses a port until its marker is deleted.
async fn take_port(folder: &Path, port: u16) -> io::Result<()> {
    let marker = folder.join(MARKER);
    let errors = background::errors_file(&marker)?;
    let marker = marker.to_string_lossy();
    let arguments = [SUBCOMMAND, "other-program", &port.to_string(), &marker];
    let started = background::start(&env::current_exe()?, &arguments, errors).await;
    started.map_err(io::Error::other)
}

/// Undoes everything that [`break_it`] does, except that it starts no service.
///
/// # Errors
///
/// Those of the file system.
pub async fn repair(stack: &Stack) -> io::Result<()> {
    let folder = stack.directory();
    let port = |service: &str| {
        let service = stack.service(&ServiceName::new(service));
        let port = service.and_then(|service| service.port);
        port.ok_or_else(|| io::Error::other("this is not the example"))
    };
    let (api, page) = (port("api")?, port("page")?);
    let local = |port| format!("http://localhost:{port}");
    set(&folder.join("page/.env"), ADDRESS, &local(api))?;
    set(&folder.join("api/.env"), ORIGIN, &local(page))?;
    set(&folder.join("api/.env"), DELAY, "0")?;
    match fs::remove_file(folder.join(MARKER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed?,
    }
    let freed = async {
        while TcpListener::bind((Ipv4Addr::LOCALHOST, api.number())).is_err() {
            tokio::time::sleep(LOOK).await;
        }
    };
    // The start that follows reports a port that is still in use.
    let _ = tokio::time::timeout(WAIT, freed).await;
    Ok(())
}

/// Sets a variable in a `.env` file.
fn set(path: &Path, name: &str, value: &str) -> io::Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_other = |line: &&str| !line.starts_with(&format!("{name}="));
    let mut lines: Vec<&str> = text.lines().filter(is_other).collect();
    let line = format!("{name}={value}");
    lines.push(&line);
    fs::write(path, lines.join("\n") + "\n")
}

/// Returns a variable of the `.env` file in the current folder, as it is now.
fn setting(name: &str) -> Option<String> {
    let text = fs::read_to_string(".env").ok()?;
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_another_program_is_kept_as_long_as_the_program_exists() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other program");
        fs::write(&other, "").unwrap();
        write_with(folder.path(), &other, [4001, 4002, 4003]).unwrap();
        let file = write(folder.path()).unwrap();
        assert_eq!(program_of(&file), Some(other.clone()));

        fs::remove_file(&other).unwrap();
        write(folder.path()).unwrap();
        assert_eq!(program_of(&file), env::current_exe().ok());
    }

    #[test]
    fn the_stack_file_of_the_example_is_valid_and_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path()).unwrap();
        let text = fs::read(&file).unwrap();
        let stack = crate::stack_file::parse(&file, &text, &crate::env::Env::default()).unwrap();
        assert!(is_example(&stack));
    }

    #[test]
    fn a_variable_is_replaced_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "A=1\nB=2\n").unwrap();
        set(&path, "A", "3").unwrap();
        set(&path, "C", "4").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "B=2\nA=3\nC=4\n");
    }
}
