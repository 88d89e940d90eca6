//! MySQL and MariaDB: the greeting and a login. `caching_sha2_password` needs more than a hash if
//! the server has not seen the user before; such a server, and one with another type of login, is
//! up.

use ring::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::{Parts, Talk, short, terminated};
use crate::{
    effects::probe::address::Address,
    model::facts::{ProbeFaultKind, Refusal},
};

/// Long passwords, the 4.1 protocol, secure logins, and login plugins.
const FLAGS: u32 = 0x1 | 0x200 | 0x8000 | 0x8_0000;
const WITH_DATABASE: u32 = 0x8;

pub(super) async fn check(talk: &mut Talk, address: &Address) -> Result<(), ProbeFaultKind> {
    let (_, greeting) = packet(talk).await?;
    let Some((plugin, salt)) = greeted(&greeting) else {
        return match greeting.first() {
            Some(0xFF) => refused(talk, &greeting),
            _ => Err(talk.not_it("its greeting is not MySQL's")),
        };
    };
    let password = address.password().unwrap_or_default();
    let user = address.user().unwrap_or_else(|| "root".to_owned());
    let database = address.path();
    let flags = FLAGS | database.as_ref().map_or(0, |_| WITH_DATABASE);
    let mut login = [&flags.to_le_bytes()[..], &[0, 0, 0, 1, 45], &[0; 23]].concat();
    login.extend(terminated(&user));
    login.extend(short(
        &hashed(&plugin, &password, &salt).unwrap_or_default(),
    ));
    login.extend(
        database
            .iter()
            .chain([&plugin])
            .flat_map(|text| terminated(text)),
    );
    send(talk, 1, &login).await?;
    loop {
        let (number, answer) = packet(talk).await?;
        match answer[..] {
            // Accepted; COM_QUIT ends the connection.
            [0, ..] => return send(talk, 0, &[1]).await,
            [0xFF, ..] => return refused(talk, &answer),
            [0xFE, ref rest @ ..] => {
                let mut parts = Parts(rest);
                let plugin = parts.text().unwrap_or_default();
                let salt = parts.0.strip_suffix(&[0]).unwrap_or(parts.0);
                match hashed(&plugin, &password, salt) {
                    Some(hash) => send(talk, number.wrapping_add(1), &hash).await?,
                    None => return Ok(()),
                }
            }
            // The hash was found in the cache.
            [1, 3] => {}
            _ => return Ok(()),
        }
    }
}

async fn packet(talk: &mut Talk) -> Result<(u8, Vec<u8>), ProbeFaultKind> {
    let length = |head: &[u8]| Parts(&[head[0], head[1], head[2], 0]).length_le();
    let (head, body) = talk.message(4, length).await?;
    Ok((head[3], body))
}

async fn send(talk: &mut Talk, number: u8, body: &[u8]) -> Result<(), ProbeFaultKind> {
    let length = super::four(body.len()).to_le_bytes();
    talk.send(&[&length[..3], &[number], body].concat()).await
}

/// Returns the type of login and the salt of a greeting (protocol 10).
fn greeted(greeting: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut parts = Parts(greeting);
    (parts.u8()? == 10).then_some(())?;
    parts.text()?;
    parts.take(4)?;
    let mut salt = parts.take(8)?.to_vec();
    parts.take(19)?;
    salt.extend(parts.take(12)?);
    parts.take(1)?;
    let plugin = parts.text().unwrap_or_default();
    Some((plugin, salt))
}

/// Returns the hash of a password; `None` for an unknown type of login.
fn hashed(plugin: &str, password: &str, salt: &[u8]) -> Option<Vec<u8>> {
    let hash = |by: &'static Algorithm, bytes: &[u8]| digest::digest(by, bytes).as_ref().to_vec();
    let (by, salt_is_first) = match plugin {
        "mysql_native_password" | "" => (&SHA1_FOR_LEGACY_USE_ONLY, true),
        "caching_sha2_password" => (&SHA256, false),
        _ => return None,
    };
    if password.is_empty() {
        return Some(Vec::new());
    }
    let once = hash(by, password.as_bytes());
    let twice = hash(by, &once);
    let salted = if salt_is_first {
        [salt, &twice].concat()
    } else {
        [&twice, salt].concat()
    };
    let masked = once.iter().zip(hash(by, &salted));
    Some(masked.map(|(byte, mask)| byte ^ mask).collect())
}

fn refused(talk: &Talk, packet: &[u8]) -> Result<(), ProbeFaultKind> {
    let mut parts = Parts(packet.get(1..).unwrap_or_default());
    let code = parts.array().map_or(0, u16::from_le_bytes);
    let text = String::from_utf8_lossy(parts.0);
    // Most messages begin with `#` and a state of five characters.
    let message = text.strip_prefix('#').and_then(|rest| rest.get(5..));
    let message = message.unwrap_or(&text);
    match code {
        1044 | 1045 | 1698 => talk.rejects_login(message),
        1053 => Err(talk.refuses(Refusal::Starting, message)),
        _ => Err(talk.refuses(Refusal::Other, message)),
    }
}
