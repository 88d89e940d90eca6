//! MongoDB: `hello`, and a login by SCRAM-SHA-256 (`OP_MSG`). A server on which the user has an older
//! kind of login only is up.

use super::{Parts, Talk, four, scram::Scram};
use crate::{
    effects::probe::address::ServerAddress,
    model::facts::{ProbeFaultKind, Refusal},
};

/// The code of a message in the current form.
const OP_MSG: [u8; 4] = 2013_u32.to_le_bytes();
/// Errors: the login failed; it is not offered.
const AUTHENTICATION_FAILED: i64 = 18;
const MECHANISM_UNAVAILABLE: i64 = 334;

/// A value of an answer.
#[derive(Clone, Debug)]
enum Value {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Other,
}

pub(super) async fn check(talk: &mut Talk, address: &ServerAddress) -> Result<(), ProbeFaultKind> {
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
    let (Some(user), Some(password)) = (&address.user, &address.password) else {
        return Ok(());
    };
    let source = address.setting("authSource");
    let source = source
        .as_deref()
        .or(address.path.as_deref())
        .unwrap_or("admin");
    let scram = Scram::new(user, password);
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
    // Flags, the kind of the section, and the length of the document come first.
    Ok(Answer::read(body.get(9..).unwrap_or_default()))
}

fn field(kind: u8, key: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], key.as_bytes(), &[0], value].concat()
}

fn number(key: &str, value: i32) -> Vec<u8> {
    field(0x10, key, &value.to_le_bytes())
}

fn text(key: &str, value: &str) -> Vec<u8> {
    let length = four(value.len() + 1).to_le_bytes();
    field(0x02, key, &[&length[..], value.as_bytes(), &[0]].concat())
}

fn bytes(key: &str, value: &str) -> Vec<u8> {
    let length = four(value.len()).to_le_bytes();
    field(0x05, key, &[&length[..], &[0], value.as_bytes()].concat())
}

/// The fields of a document (BSON).
struct Answer(Vec<(String, Value)>);

impl Answer {
    fn read(document: &[u8]) -> Self {
        let mut parts = Parts(document);
        let mut fields = Vec::new();
        while let Some((key, value)) = field_of(&mut parts) {
            fields.push((key, value));
        }
        Self(fields)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    fn number(&self, key: &str) -> i64 {
        match self.get(key) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    fn is(&self, key: &str) -> bool {
        self.number(key) != 0
    }

    fn text(&self, key: &str) -> String {
        match self.get(key) {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

/// Reads the next field. `None` at the end, or at a type that no answer has.
fn field_of(parts: &mut Parts<'_>) -> Option<(String, Value)> {
    let kind = parts.u8()?;
    let key = parts.text()?;
    let value = match kind {
        0x01 => {
            let number = f64::from_le_bytes(parts.take(8)?.try_into().ok()?);
            Value::Number(i64::from(number != 0.0))
        }
        0x02 => {
            let length = parts.length_le()?;
            let text = parts.take(length)?.strip_suffix(&[0])?;
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
        0x03 | 0x04 => {
            let length = parts.length_le()?.checked_sub(4)?;
            parts.take(length)?;
            Value::Other
        }
        0x05 => {
            let length = parts.length_le()?;
            parts.take(1)?;
            Value::Bytes(parts.take(length)?.to_vec())
        }
        0x07 => parts.take(12).map(|_| Value::Other)?,
        0x08 => Value::Number(parts.u8()?.into()),
        0x09 | 0x11 => parts.take(8).map(|_| Value::Other)?,
        0x0A => Value::Other,
        0x10 => Value::Number(i32::from_le_bytes(parts.take(4)?.try_into().ok()?).into()),
        0x12 => Value::Number(i64::from_le_bytes(parts.take(8)?.try_into().ok()?)),
        _ => return None,
    };
    Some((key, value))
}
