//! MongoDB: `hello`, and a login with SCRAM-SHA-256 (`OP_MSG`). A server that offers the user only
//! older logins is up.

use serde_json::{Map, Value};

use super::{Parts, Talk, four, scram::Scram, terminated};
use crate::{
    effects::probe::address::Address,
    model::facts::{ProbeFaultKind, Refusal},
};

/// The code of a message in the current format.
const OP_MSG: [u8; 4] = 2013_u32.to_le_bytes();
/// Error codes: the login failed; it is not offered.
const AUTHENTICATION_FAILED: i64 = 18;
const MECHANISM_UNAVAILABLE: i64 = 334;

pub(super) async fn check(talk: &mut Talk, address: &Address) -> Result<(), ProbeFaultKind> {
    let hello = ask(talk, "admin", &number("hello", 1)).await?;
    if !hello.is("ok") {
        return Err(talk.refuses(Refusal::Other, &hello.text("errmsg")));
    }
    if hello.is("isreplicaset") {
        return Err(talk.refuses(Refusal::Other, &hello.text("info")));
    }
    if !["isWritablePrimary", "ismaster", "secondary", "arbiterOnly"]
        .iter()
        .any(|key| hello.is(key))
    {
        return Err(talk.refuses(Refusal::Starting, "it is neither primary nor secondary"));
    }
    let (Some(user), Some(password)) = (address.user(), address.password()) else {
        return Ok(());
    };
    let source = address.setting("authSource").or(address.path());
    let source = source.as_deref().unwrap_or("admin");
    let scram = Scram::new(&user, &password);
    let start = [
        number("saslStart", 1),
        text("mechanism", "SCRAM-SHA-256"),
        bytes("payload", &scram.first()),
    ];
    let first = ask(talk, source, &start.concat()).await?;
    if let Some(outcome) = failed(talk, &first) {
        return outcome;
    }
    let Some(last) = scram.last(&first.text("payload")) else {
        return Err(talk.not_it("its SCRAM challenge is not valid"));
    };
    let id = first.number("conversationId");
    let id = i32::try_from(id).unwrap_or_default();
    let next = [
        number("saslContinue", 1),
        number("conversationId", id),
        bytes("payload", &last),
    ];
    let last = ask(talk, source, &next.concat()).await?;
    failed(talk, &last).unwrap_or(Ok(()))
}

fn failed(talk: &Talk, answer: &Answer) -> Option<Result<(), ProbeFaultKind>> {
    let message = answer.text("errmsg");
    match (answer.is("ok"), answer.number("code")) {
        (true, _) => None,
        (_, AUTHENTICATION_FAILED) => Some(talk.rejects_login(&message)),
        (_, MECHANISM_UNAVAILABLE) => Some(Ok(())),
        _ => Some(Err(talk.refuses(Refusal::Other, &message))),
    }
}

async fn ask(talk: &mut Talk, database: &str, command: &[u8]) -> Result<Answer, ProbeFaultKind> {
    let fields = [command, &text("$db", database), &[0]].concat();
    let document = [&four(fields.len() + 4).to_le_bytes()[..], &fields].concat();
    let length = four(document.len() + 21).to_le_bytes();
    let head = [&length[..], &[1, 0, 0, 0], &[0; 4], &OP_MSG, &[0; 5]].concat();
    talk.send(&[head, document].concat()).await?;
    let answers = |head: &[u8]| {
        Parts(head)
            .length_le()?
            .checked_sub(16)
            .filter(|_| head[12..] == OP_MSG)
    };
    let (_, body) = talk.message(16, answers).await?;
    // The flags, the kind of the section, and the length of the document come first.
    let mut parts = Parts(body.get(9..).unwrap_or_default());
    let fields = std::iter::from_fn(|| field_of(&mut parts));
    Ok(Answer(fields.collect()))
}

fn field(kind: u8, key: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], &terminated(key)[..], value].concat()
}

fn number(key: &str, value: i32) -> Vec<u8> {
    field(0x10, key, &value.to_le_bytes())
}

fn text(key: &str, value: &str) -> Vec<u8> {
    let length = four(value.len() + 1).to_le_bytes();
    field(0x02, key, &[&length[..], &terminated(value)].concat())
}

fn bytes(key: &str, value: &str) -> Vec<u8> {
    let length = four(value.len()).to_le_bytes();
    field(0x05, key, &[&length[..], &[0], value.as_bytes()].concat())
}

/// The fields of a document (BSON) that a probe needs.
struct Answer(Map<String, Value>);

impl Answer {
    fn number(&self, key: &str) -> i64 {
        let value = self.0.get(key);
        value.and_then(Value::as_i64).unwrap_or_default()
    }

    fn is(&self, key: &str) -> bool {
        self.number(key) != 0
    }

    fn text(&self, key: &str) -> String {
        let value = self.0.get(key);
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Reads the next field. Returns `None` at the end, or at a type that no response uses.
fn field_of(parts: &mut Parts<'_>) -> Option<(String, Value)> {
    let kind = parts.u8()?;
    let key = parts.text()?;
    let value = match kind {
        0x01 => i64::from(f64::from_le_bytes(parts.array()?) != 0.0).into(),
        0x02 => {
            let length = parts.length_le()?;
            lossy(parts.take(length)?.strip_suffix(&[0])?)
        }
        0x03 | 0x04 => {
            let length = parts.length_le()?.checked_sub(4)?;
            parts.take(length).map(|_| Value::Null)?
        }
        0x05 => {
            let length = parts.length_le()?;
            parts.take(1)?;
            lossy(parts.take(length)?)
        }
        0x07 => parts.take(12).map(|_| Value::Null)?,
        0x08 => i64::from(parts.u8()?).into(),
        0x09 | 0x11 => parts.take(8).map(|_| Value::Null)?,
        0x0A => Value::Null,
        0x10 => i32::from_le_bytes(parts.array()?).into(),
        0x12 => i64::from_le_bytes(parts.array()?).into(),
        _ => return None,
    };
    Some((key, value))
}

fn lossy(text: &[u8]) -> Value {
    String::from_utf8_lossy(text).into()
}
