//! A service that does what its words say, one after the other, and then serves until it is ended.
//!
//! | step | what it does |
//! | --- | --- |
//! | `--trace FILE` | from now on appends `EVENT PID NANOSECONDS` (`CLOCK_MONOTONIC`) for `start`, `listening` |
//! | `--mark EVENT` | appends that event |
//! | `--print TEXT` | prints a line |
//! | `--env NAME` | prints `NAME=VALUE` of its environment, or `NAME` |
//! | `--flood BYTES` | prints so many bytes, in lines of 100 |
//! | `--block BYTES` | a flood is written so many bytes at a time (65536); 0: line by line |
//! | `--after DURATION` | waits: `200ms`, `2s` |
//! | `--burn DURATION` | uses so much of a processor |
//! | `--listen ADDRESS` | listens there (`127.0.0.1:8080`), and prints `listening ADDRESS`; every request gets `200 OK` |
//! | `--sockets COUNT` | listens on so many free ports of 127.0.0.1, and answers at none of them |
//! | `--exit CODE` | ends |
//! | `--sigterm ignore` | ignores SIGTERM, and so do the children that follow |
//! | `--sigterm CODE` | ends with this code on SIGTERM |
//! | `--sigterm DURATION` | ends with 0 so long after SIGTERM |
//! | `--sigterm fork` | on SIGTERM leaves a child behind, which will do the same |
//! | `--child fork` | starts a child, which waits for ever and prints `child PID` |
//! | `--child setsid` | a child in a session, and so a group, of its own |
//! | `--child double-fork` | one in a session of its own whose parent has ended |
//! | `--child nameless` | as `setsid`, without its environment: it can be known only by its descent |
//! | `--child thread` | a child whose first thread ends while another goes on |
//! | `--daemonize` | ends with 0; what follows is done by a process in the background |
//! | `--chain` | goes on in a process of another session, which ends after 5 ms and goes on in another one, and so on |

#[cfg(unix)]
mod unix;

use std::{
    env,
    error::Error,
    io::{self, BufWriter, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    thread,
    time::Duration,
};

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
        let mut argument = || words.next().ok_or(format!("{step} needs a word after it"));
        match step.as_str() {
            "--trace" => mark(trace.insert(argument()?), "start")?,
            "--print" => println!("{}", argument()?),
            "--env" => print_variable(&argument()?),
            "--mark" => {
                if let Some(trace) = &trace {
                    mark(trace, &argument()?)?;
                }
            }
            "--block" => block = argument()?.parse()?,
            "--flood" => flood(argument()?.parse()?, block)?,
            "--after" => wait(duration(&argument()?)?),
            "--listen" => {
                let listener = TcpListener::bind(argument()?)?;
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
            #[cfg(unix)]
            "--burn" => unix::burn(duration(&argument()?)?),
            #[cfg(unix)]
            "--sigterm" => unix::on_sigterm(&argument()?)?,
            #[cfg(unix)]
            "--child" => unix::child(&argument()?)?,
            #[cfg(unix)]
            "--daemonize" => unix::daemonize()?,
            #[cfg(unix)]
            "--chain" => unix::chain()?,
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

/// Answers every request on the connection.
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

/// Numbered lines, made with so little work that what is measured is the writing.
fn flood(bytes: u64, block: usize) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(block, io::stdout().lock());
    let mut line = format!("{:020} {:.<78}\n", 0, "").into_bytes();
    for _ in 0..bytes.div_ceil(100) {
        output.write_all(&line)?;
        count_up(&mut line[..20]);
    }
    output.flush()
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
    #[expect(
        clippy::disallowed_methods,
        reason = "to be late is what a test asks of it"
    )]
    thread::sleep(duration);
}

/// `200ms` or `2s`.
fn duration(text: &str) -> Result<Duration> {
    if let Some(milliseconds) = text.strip_suffix("ms") {
        return Ok(Duration::from_millis(milliseconds.parse()?));
    }
    let seconds = text.strip_suffix('s').ok_or("a duration is 200ms or 2s")?;
    Ok(Duration::from_secs(seconds.parse()?))
}

#[cfg(unix)]
use unix::mark;

/// There is no one clock that processes share.
#[cfg(not(unix))]
fn mark(_trace: &str, _event: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
