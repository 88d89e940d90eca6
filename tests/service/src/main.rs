//! A service that carries out the steps of its arguments one after the other, and then serves until it is stopped.
//!
//! | step | effect |
//! | --- | --- |
//! | `--trace FILE` | appends `EVENT PID NANOSECONDS` (of a clock that all processes share) for `start` and `listening` from now on |
//! | `--mark EVENT` | appends that event |
//! | `--print TEXT` | prints a line |
//! | `--pid` | prints `child PID` with its own PID |
//! | `--env NAME` | prints `NAME=VALUE` of its environment, or `NAME` |
//! | `--flood BYTES` | prints this number of bytes, in lines of 100 |
//! | `--block BYTES` | writes a flood in blocks of this size (default 65536); 0: line by line |
//! | `--count FOLDER` | prints `count PID N` every 2 ms until it exits; after each line writes N into the file FOLDER/PID |
//! | `--after DURATION` | waits: `200ms`, `2s` |
//! | `--until FILE` | waits until the file exists |
//! | `--burn DURATION` | uses this much CPU time |
//! | `--listen ADDRESS` | listens on the address (`127.0.0.1:8080`) and prints `listening ADDRESS`; answers every request with `200 OK` |
//! | `--sockets COUNT` | listens on this number of free ports of 127.0.0.1 without answering |
//! | `--console` | prints `console CODEPAGE` (0: none; not on Unix), and its standard handles: `input BYTES`, `output KIND`, `error KIND` |
//! | `--exit CODE` | exits |
//! | `--sigterm ignore` | ignores SIGTERM, as do later children |
//! | `--sigterm CODE` | exits with this code on SIGTERM |
//! | `--sigterm DURATION` | exits with 0 this long after SIGTERM |
//! | `--sigterm fork` | on SIGTERM leaves a child behind, which does the same |
//! | `--child fork` | starts a child, which prints `child PID` and waits for ever |
//! | `--child setsid` | a child in a new session and group |
//! | `--child double-fork` | a child in a new session whose parent has exited |
//! | `--child nameless` | as `setsid`, without an environment: only its ancestors identify it |
//! | `--child thread` | a child whose first thread exits while another continues |
//! | `--daemonize` | exits with 0; a background process carries out the next steps |
//! | `--chain` | continues in a process of another session, which exits after 5 ms and continues in the next one, and so on |
//! | `--child breakaway` | tries to start a child outside the job (Windows), and prints `refused CODE` if that fails |
//!
//! On Windows SIGTERM is Ctrl+Break or Ctrl+C, and a new session is a new console and process group. `fork` on
//! SIGTERM, `nameless` and `thread` children, `--daemonize` and `--chain` do not exist.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod platform;

use std::{
    convert::Infallible,
    env,
    error::Error,
    fs::File,
    io::{self, BufWriter, Read as _, Seek as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::ExitCode,
    thread,
    time::Duration,
};

use platform::mark;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pilotlight-test-service: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<ExitCode> {
    let mut trace = None;
    let mut listeners = Vec::new();
    let mut silent = Vec::new();
    let mut block = 64 * 1024;
    while let Some(step) = words.next() {
        let mut argument = || words.next().ok_or(format!("{step} needs an argument"));
        match step.as_str() {
            "--trace" => mark(trace.insert(argument()?), "start")?,
            "--print" => println!("{}", argument()?),
            "--pid" => println!("child {}", std::process::id()),
            "--env" => print_variable(&argument()?),
            "--mark" => {
                if let Some(trace) = &trace {
                    mark(trace, &argument()?)?;
                }
            }
            "--block" => block = argument()?.parse()?,
            "--flood" => flood(argument()?.parse()?, block)?,
            "--count" => match count(argument()?.as_ref())? {},
            "--after" => wait(duration(&argument()?)?),
            "--until" => until_there(argument()?.as_ref()),
            "--console" => platform::tell_console()?,
            "--listen" => {
                let listener = TcpListener::bind(argument()?)?;
                platform::touch(&listener)?;
                println!("listening {}", listener.local_addr()?);
                listeners.push(listener);
                if let Some(trace) = &trace {
                    mark(trace, "listening")?;
                }
            }
            "--sockets" => {
                for _ in 0..argument()?.parse()? {
                    silent.push(TcpListener::bind("127.0.0.1:0")?);
                }
            }
            "--exit" => return Ok(ExitCode::from(argument()?.parse::<u8>()?)),
            "--burn" => platform::burn(duration(&argument()?)?),
            "--sigterm" => platform::on_sigterm(&argument()?)?,
            "--child" => platform::child(&argument()?)?,
            "--daemonize" => platform::daemonize()?,
            "--chain" => platform::chain()?,
            other => return Err(format!("unknown step {other}").into()),
        }
    }
    for listener in listeners {
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                thread::spawn(move || answer(connection));
            }
        });
    }
    loop {
        thread::park();
    }
}

/// Answers all requests on a connection.
fn answer(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = connection.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..length]);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n")?;
        }
    }
}

fn print_variable(name: &str) {
    match env::var(name) {
        Ok(value) => println!("{name}={value}"),
        Err(_) => println!("{name}"),
    }
}

/// Writes numbered lines with so little work that a measurement shows the time of writing.
fn flood(bytes: u64, block: usize) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(block, io::stdout().lock());
    let mut line = format!("{:020} {:.<78}\n", 0, "").into_bytes();
    for _ in 0..bytes.div_ceil(100) {
        output.write_all(&line)?;
        count_up(&mut line[..20]);
    }
    output.flush()
}

/// Counts for ever. A number is written to the file only after its line, so a log without that line has lost it.
fn count(folder: &Path) -> Result<Infallible> {
    let pid = std::process::id();
    let mut tally = File::create(folder.join(pid.to_string()))?;
    let mut output = io::stdout().lock();
    let mut number = 0_u64;
    loop {
        output.write_all(format!("count {pid} {number}\n").as_bytes())?;
        output.flush()?;
        tally.rewind()?;
        tally.write_all(format!("{number:020}").as_bytes())?;
        number += 1;
        wait(Duration::from_millis(2));
    }
}

fn count_up(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

fn wait(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the test requests the delay")]
    thread::sleep(duration);
}

fn until_there(file: &Path) {
    while !file.exists() {
        wait(Duration::from_millis(5));
    }
}

/// Parses `200ms` or `2s`.
fn duration(text: &str) -> Result<Duration> {
    if let Some(milliseconds) = text.strip_suffix("ms") {
        return Ok(Duration::from_millis(milliseconds.parse()?));
    }
    let seconds = text.strip_suffix('s').ok_or("a duration is 200ms or 2s")?;
    Ok(Duration::from_secs(seconds.parse()?))
}
