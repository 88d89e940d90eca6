//! gRPC: `grpc.health.v1.Health/Check` over HTTP/2. The path of the address is the name of the
//! checked service. A server without the health service is up.

use super::{Parts, Talk, four, long, short};
use crate::{
    effects::probe::address::Address,
    model::facts::{ProbeFaultKind, Refusal},
};

/// The types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
/// Flags: the last frame of a stream, the last frame with headers, a response to settings.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// The maximum number of frames that are read.
const MOST: usize = 64;

/// The marks of a gRPC server in its headers (`application/grpc`, `grpc-status`): literally, and in
/// the Huffman code of HTTP/2.
const MARKS: [&[u8]; 4] = [
    b"application/grpc",
    b"grpc-status",
    &[
        0x1d, 0x75, 0xd0, 0x62, 0x0d, 0x26, 0x3d, 0x4c, 0x4d, 0x65, 0x64,
    ],
    &[0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f],
];

pub(super) async fn check(talk: &mut Talk, address: &Address) -> Result<(), ProbeFaultKind> {
    let service = address.path().unwrap_or_default();
    let scheme: &[u8] = if address.secure { &[0x87] } else { &[0x86] };
    // POST, the scheme, then literals: the path, the authority, the content type, `te`.
    let headers = [
        &[0x83],
        scheme,
        &[0x04],
        &short(b"/grpc.health.v1.Health/Check"),
        &[0x01],
        &short(address.name.as_bytes()),
        &[0x0F, 0x10],
        &short(b"application/grpc"),
        &[0x00],
        &short(b"te"),
        &short(b"trailers"),
    ];
    let message = match service.as_str() {
        "" => Vec::new(),
        service => [&[0x0A], &short(service.as_bytes())[..]].concat(),
    };
    let message = [&[0], &long(&message)[..]].concat();
    let frames = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, END_HEADERS, 1, &headers.concat()),
        frame(DATA, END_STREAM, 1, &message),
    ];
    talk.send(&frames.concat()).await?;
    let mut answer = Vec::new();
    let (mut is_first, mut is_grpc) = (true, false);
    for _ in 0..MOST {
        let (head, body) = talk.message(9, |head| length(head, is_first)).await?;
        is_first = false;
        match head[3] {
            SETTINGS if head[4] & ACK == 0 => talk.send(&frame(SETTINGS, ACK, 0, &[])).await?,
            HEADERS => {
                is_grpc |= MARKS
                    .iter()
                    .any(|mark| memchr::memmem::find(&body, mark).is_some());
            }
            DATA => answer.extend(body),
            RESET | GO_AWAY => return Err(ProbeFaultKind::Reset),
            _ => {}
        }
        if matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0 {
            break;
        }
    }
    // A byte for compression, the length, and the only field: its number and its value.
    match (answer.get(5..7), service.as_str()) {
        _ if !is_grpc => Err(talk.not_it("it speaks HTTP/2 without gRPC")),
        (Some([8, 1]), _) | (None, "") => Ok(()),
        (Some([8, 2]), _) => {
            Err(talk.refuses(Refusal::Starting, "its health service answers NOT_SERVING"))
        }
        (None, service) => {
            let message = format!("its health service does not know `{service}`");
            Err(talk.refuses(Refusal::Other, &message))
        }
        _ => Err(talk.refuses(Refusal::Other, "its health service answers UNKNOWN")),
    }
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = four(body.len()).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// Returns the length of a frame. The first one is `SETTINGS`.
fn length(head: &[u8], is_first: bool) -> Option<usize> {
    let length = Parts(&[0, head[0], head[1], head[2]]).length()?;
    (!is_first || head[3] == SETTINGS).then_some(length)
}
