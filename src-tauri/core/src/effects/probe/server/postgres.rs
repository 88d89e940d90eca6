//! PostgreSQL: the startup message, and the login by password or SCRAM-SHA-256 (frontend/backend
//! protocol 3.0). A server that requires an MD5 login is up.

use super::{Parts, Talk, four, long, scram::Scram, terminated};
use crate::{
    effects::probe::address::Address,
    model::facts::{ProbeFaultKind, Refusal},
};

/// The default user and database.
const USUAL: &str = "postgres";

pub(super) async fn check(talk: &mut Talk, address: &Address) -> Result<(), ProbeFaultKind> {
    let user = address.user().unwrap_or_else(|| USUAL.to_owned());
    let database = match address.path() {
        Some(database) => database,
        None if talk.has_login => user.clone(),
        None => USUAL.to_owned(),
    };
    let password = address.password();
    let settings = [
        "user",
        &user,
        "database",
        &database,
        "application_name",
        "pilotlight",
        "",
    ];
    let mut startup = 196_608_u32.to_be_bytes().to_vec();
    startup.extend(settings.into_iter().flat_map(terminated));
    talk.send(&with_length(&startup)).await?;
    let mut scram = None;
    loop {
        let is_known = |kind| b"ERSKNZv".contains(&kind);
        let (head, body) = talk
            .message(5, |head| {
                Parts(&head[1..])
                    .length()?
                    .checked_sub(4)
                    .filter(|_| is_known(head[0]))
            })
            .await?;
        let mut parts = Parts(&body);
        match head[0] {
            b'E' => return refused(talk, parts),
            // Ready: the login is complete.
            b'Z' => return talk.send(b"X\0\0\0\x04").await,
            b'R' => {
                let wanted = parts.length().unwrap_or_default();
                let answer = match (wanted, &password) {
                    // Accepted; the server has proved that it knows the password.
                    (0 | 12, _) => continue,
                    (3, Some(password)) => terminated(password),
                    (10, Some(password)) => {
                        let started = scram.insert(Scram::new("", password));
                        let first = long(started.first().as_bytes());
                        [b"SCRAM-SHA-256\0", &first[..]].concat()
                    }
                    (11, _) => {
                        let challenge = String::from_utf8_lossy(parts.0);
                        let last = scram.as_ref().and_then(|scram| scram.last(&challenge));
                        let unclear = || talk.not_it("its SCRAM challenge is not valid");
                        last.ok_or_else(unclear)?.into_bytes()
                    }
                    // The server requires a login that the probe does not support.
                    _ => return Ok(()),
                };
                talk.send(&[b"p", &with_length(&answer)[..]].concat())
                    .await?;
            }
            _ => {}
        }
    }
}

fn with_length(body: &[u8]) -> Vec<u8> {
    [&four(body.len() + 4).to_be_bytes()[..], body].concat()
}

/// Returns the fault for an error by its code (SQLSTATE).
fn refused(talk: &Talk, mut parts: Parts<'_>) -> Result<(), ProbeFaultKind> {
    let (mut code, mut message) = (String::new(), String::new());
    while let Some(field) = parts.u8().filter(|field| *field > 0) {
        let Some(text) = parts.text() else { break };
        match field {
            b'C' => code = text,
            b'M' => message = text,
            _ => {}
        }
    }
    match code.as_str() {
        "57P03" => Err(talk.refuses(Refusal::Starting, &message)),
        code if code.starts_with("28") => talk.rejects_login(&message),
        "3D000" if !talk.has_login => Ok(()),
        _ => Err(talk.refuses(Refusal::Other, &message)),
    }
}
