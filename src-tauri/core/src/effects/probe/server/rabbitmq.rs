//! RabbitMQ: a connection to a virtual host, with the PLAIN login (AMQP 0-9-1).

use super::{Parts, Talk, long, short};
use crate::{
    effects::probe::address::Address,
    model::facts::{ProbeFaultKind, Refusal},
};

/// The class of all methods of a connection, and the methods.
const CONNECTION: u16 = 10;
const START: u16 = 10;
const START_OK: u16 = 11;
const TUNE: u16 = 30;
const TUNE_OK: u16 = 31;
const OPEN: u16 = 40;
const OPEN_OK: u16 = 41;
const CLOSE: u16 = 50;
const CLOSE_OK: u16 = 51;

/// The default login, which a new server has.
const USUAL: &str = "guest";

pub(super) async fn check(talk: &mut Talk, address: &Address) -> Result<(), ProbeFaultKind> {
    talk.send(b"AMQP\0\0\x09\x01").await?;
    loop {
        let (method, body) = frame(talk).await?;
        match method {
            START => {
                let usual = |given: Option<String>| given.unwrap_or_else(|| USUAL.to_owned());
                let (user, password) = (usual(address.user()), usual(address.password()));
                let login = format!("\0{user}\0{password}");
                // With this capability the server sends a reason before it closes the connection.
                let wants_reason = [&short(b"authentication_failure_close")[..], b"t\x01"].concat();
                let capabilities =
                    [&short(b"capabilities")[..], b"F", &long(&wants_reason)].concat();
                let body = [
                    long(&capabilities),
                    short(b"PLAIN"),
                    long(login.as_bytes()),
                    short(b"en_US"),
                ];
                send(talk, START_OK, &body.concat()).await?;
            }
            // Accepts its limits, without heartbeats.
            TUNE => {
                let limits = body.get(..6).unwrap_or(&[0; 6]);
                send(talk, TUNE_OK, &[limits, &[0, 0]].concat()).await?;
                let host = address.path().unwrap_or_else(|| "/".to_owned());
                let host = [&short(host.as_bytes())[..], &[0, 0]].concat();
                send(talk, OPEN, &host).await?;
            }
            OPEN_OK => send(talk, CLOSE, &[0, 200, 0, 0, 0, 0, 0]).await?,
            CLOSE_OK => return Ok(()),
            CLOSE => return refused(talk, &body),
            _ => {}
        }
    }
}

/// Returns the next method of the connection.
async fn frame(talk: &mut Talk) -> Result<(u16, Vec<u8>), ProbeFaultKind> {
    let length = |head: &[u8]| {
        let is_frame = matches!(head[0], 1 | 8) && head[1..3] == [0, 0];
        Parts(&head[3..])
            .length()
            .filter(|_| is_frame)?
            .checked_add(1)
    };
    let (_, body) = talk.message(7, length).await?;
    let mut parts = Parts(&body);
    match (parts.u16(), parts.u16()) {
        (Some(CONNECTION), Some(method)) => Ok((method, parts.0.to_vec())),
        _ => Ok((0, Vec::new())),
    }
}

async fn send(talk: &mut Talk, method: u16, arguments: &[u8]) -> Result<(), ProbeFaultKind> {
    let body = [
        &CONNECTION.to_be_bytes()[..],
        &method.to_be_bytes(),
        arguments,
    ]
    .concat();
    talk.send(&[&[1, 0, 0], &long(&body)[..], &[0xCE]].concat())
        .await
}

fn refused(talk: &Talk, body: &[u8]) -> Result<(), ProbeFaultKind> {
    let mut parts = Parts(body);
    let code = parts.u16().unwrap_or_default();
    let length = parts.u8().unwrap_or_default();
    let text = parts.take(length.into()).unwrap_or_default();
    let message = String::from_utf8_lossy(text);
    match code {
        403 => talk.rejects_login(&message),
        541 => Err(talk.refuses(Refusal::Starting, &message)),
        _ => Err(talk.refuses(Refusal::Other, &message)),
    }
}
