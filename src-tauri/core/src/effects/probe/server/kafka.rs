//! Kafka: the supported versions (`ApiVersions`), and the PLAIN login.

use super::{Parts, Talk, long};
use crate::{
    effects::probe::address::Address,
    model::facts::{ProbeFaultKind, Refusal},
};

const API_VERSIONS: u16 = 18;
const SASL_HANDSHAKE: u16 = 17;
const SASL_AUTHENTICATE: u16 = 36;

pub(super) async fn check(talk: &mut Talk, address: &Address) -> Result<(), ProbeFaultKind> {
    ask(talk, API_VERSIONS, 0, &[]).await?;
    let (Some(user), Some(password)) = (address.user(), address.password()) else {
        return Ok(());
    };
    if ask(talk, SASL_HANDSHAKE, 1, b"\0\x05PLAIN").await?.0 != 0 {
        return Err(talk.refuses(Refusal::Other, "it does not offer the login PLAIN"));
    }
    let login = format!("\0{user}\0{password}");
    let login = long(login.as_bytes());
    let (error, body) = ask(talk, SASL_AUTHENTICATE, 0, &login).await?;
    if error == 0 {
        return Ok(());
    }
    let mut parts = Parts(&body);
    let length = parts.u16().filter(|length| *length != u16::MAX);
    let text = parts
        .take(length.unwrap_or_default().into())
        .unwrap_or_default();
    talk.rejects_login(&String::from_utf8_lossy(text))
}

/// Sends a request. Returns the error code of the response and the rest.
async fn ask(
    talk: &mut Talk,
    key: u16,
    version: u16,
    body: &[u8],
) -> Result<(u16, Vec<u8>), ProbeFaultKind> {
    let number = u32::from(key).to_be_bytes();
    let head = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &number,
        b"\0\x0apilotlight",
        body,
    ]
    .concat();
    talk.send(&long(&head)).await?;
    let answers = |head: &[u8]| {
        Parts(head)
            .length()?
            .checked_sub(4)
            .filter(|_| head[4..] == number)
    };
    let (_, body) = talk.message(8, answers).await?;
    let mut parts = Parts(&body);
    match parts.u16() {
        Some(error) => Ok((error, parts.0.to_vec())),
        None => Err(talk.not_it("its answer is too short")),
    }
}
