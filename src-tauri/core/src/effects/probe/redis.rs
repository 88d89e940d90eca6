//! `redis`: `PING` is answered with `PONG`.
//!
//! Errors are distinguished by their first word: `NOAUTH` and `WRONGPASS` (other credentials are
//! needed), `LOADING` (the data is still being read), `MISCONF` (it cannot save and so accepts no
//! writes), `MASTERDOWN`, `DENIED` (protected mode). A replica (`READONLY`) and a full memory
//! (`OOM`) answer a `PING` normally.
//!
//! A check also tries a write that changes nothing: `SET key 1 XX` sets an existing key only, and
//! the key does not exist. Redis rejects a write because of its state before it looks at the key,
//! so the result is that of any write, and an accepted one leaves no key, no line in the
//! append-only file and nothing for a replica. (Reading `INFO` instead would need permissions that
//! an application's user often lacks, and rules for each version.)

use redis::{Cmd, RedisConnectionInfo, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{
    connection::{self, Stream},
    expectation::beginning,
};
use crate::{diagnose::evidence::WORKERS, model::facts::ProbeFaultKind};

/// The maximum number of bytes of a reply. All expected replies are one short line.
const LONGEST_REPLY: u64 = 4096;
/// The first bytes of every reply (RESP2 and RESP3).
const REPLIES: &[u8] = b"+-:$*_#,(!=%`~>|";

/// A key that does not exist.
const NO_KEY: &str = "pilotlight:no-such-key:5f0c6d7e";

/// The depth of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) enum Depth {
    /// Whether it responds.
    Ping,
    /// Also whether it accepts a write.
    Write,
}

/// Logs in, selects the database and sends a `PING`, all in one write, as the driver of a service
/// does.
pub(super) async fn check(
    stream: impl Stream,
    settings: &RedisConnectionInfo,
    depth: Depth,
) -> Result<(), ProbeFaultKind> {
    let mut commands = commands(settings);
    if depth == Depth::Write {
        let mut write = redis::cmd("SET");
        write.arg(NO_KEY).arg(1).arg("XX");
        commands.push(write);
    }
    let mut stream = BufReader::new(stream);
    let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
    // A Redis in protected mode sends the reason and closes, which is more informative than the
    // failed write.
    let written = stream.write_all(&packed).await;
    let asked = commands.len();
    for place in 1..=asked {
        let is_write = depth == Depth::Write && place == asked;
        match (reply(&mut stream).await, &written) {
            (Err(ProbeFaultKind::Empty), Err(error)) => return Err(connection::fault(error)),
            (Err(ProbeFaultKind::Redis { code, .. }), _) if is_write && says_nothing(&code) => {}
            (outcome, _) => outcome?,
        }
    }
    Ok(())
}

/// Returns the queues with tasks that wait for a worker, and their number.
pub(super) async fn queues(
    stream: impl Stream,
    settings: &RedisConnectionInfo,
) -> Result<Vec<(String, u64)>, ProbeFaultKind> {
    let mut commands = commands(settings);
    let first = commands.len();
    for (queue, count, ..) in WORKERS {
        let mut command = redis::cmd(count);
        command.arg(queue);
        commands.push(command);
    }
    let mut stream = BufReader::new(stream);
    let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
    let written = stream.write_all(&packed).await;
    written.map_err(|error| connection::fault(&error))?;
    for _ in 0..first {
        reply(&mut stream).await?;
    }
    let mut found = Vec::new();
    for (queue, ..) in WORKERS {
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(LONGEST_REPLY);
        let read = limited.read_until(b'\n', &mut line).await;
        read.map_err(|error| connection::fault(&error))?;
        let number = std::str::from_utf8(&line).ok();
        let number = number.and_then(|text| text.strip_prefix(':')?.trim().parse().ok());
        let waiting = number.filter(|&number| number > 0);
        found.extend(waiting.map(|number| (queue.to_owned(), number)));
    }
    Ok(found)
}

/// Returns whether a rejected write concerns its key and not the state of the server: a user
/// without access to this key may write others, and in a cluster the key may belong to another
/// node.
fn says_nothing(code: &str) -> bool {
    ["NOPERM", "MOVED", "ASK"].contains(&code)
}

fn commands(settings: &RedisConnectionInfo) -> Vec<Cmd> {
    let mut commands = Vec::with_capacity(3);
    if let Some(password) = settings.password() {
        let mut auth = redis::cmd("AUTH");
        if let Some(user) = settings.username() {
            auth.arg(user);
        }
        auth.arg(password);
        commands.push(auth);
    }
    if settings.db() != 0 {
        let mut select = redis::cmd("SELECT");
        select.arg(settings.db());
        commands.push(select);
    }
    commands.push(redis::cmd("PING"));
    commands
}

async fn reply(stream: &mut BufReader<impl Stream>) -> Result<(), ProbeFaultKind> {
    let came = stream.fill_buf().await.map_err(|e| connection::fault(&e))?;
    match came.first() {
        None => return Err(ProbeFaultKind::Empty),
        Some(first) if !REPLIES.contains(first) => return Err(not_redis(came)),
        Some(_) => {}
    }
    let mut line = Vec::new();
    let mut limited = stream.take(LONGEST_REPLY);
    let read = limited.read_until(b'\n', &mut line).await;
    read.map_err(|e| connection::fault(&e))?;
    match redis::parse_redis_value(&line) {
        Ok(Value::Okay | Value::Nil) => Ok(()),
        Ok(Value::SimpleString(text)) if text == "PONG" => Ok(()),
        Ok(Value::ServerError(error)) => Err(ProbeFaultKind::Redis {
            code: error.code().to_owned(),
            message: format!("{} {}", error.code(), error.details().unwrap_or_default()),
        }),
        _ => Err(not_redis(&line)),
    }
}

fn not_redis(came: &[u8]) -> ProbeFaultKind {
    ProbeFaultKind::NotRedis(beginning(&String::from_utf8_lossy(came)))
}
