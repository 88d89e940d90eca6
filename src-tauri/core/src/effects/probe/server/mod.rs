//! Servers whose protocol a probe implements itself, up to a login: PostgreSQL, MySQL, MongoDB,
//! RabbitMQ, Kafka and gRPC. A client library for each would be a hundred times as large.
//!
//! Without a user in the address, a server that requires a login is up.

mod grpc;
mod kafka;
mod mongodb;
mod mysql;
mod postgres;
mod rabbitmq;
mod scram;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{Line, address::Address, connection, expectation::beginning};
use crate::{
    model::facts::{ProbeFaultKind, Refusal},
    stack::Protocol,
};

/// The maximum size of a message in bytes. All expected ones are much shorter.
const LONGEST: usize = 64 * 1024;

/// Connects as a client would, up to the login.
pub(super) async fn check(
    stream: Line,
    protocol: Protocol,
    address: &Address,
) -> Result<(), ProbeFaultKind> {
    let mut talk = Talk {
        stream: BufReader::new(stream),
        protocol,
        has_login: address.user().is_some(),
    };
    match protocol {
        Protocol::Postgres => postgres::check(&mut talk, address).await,
        Protocol::Mysql => mysql::check(&mut talk, address).await,
        Protocol::Mongodb => mongodb::check(&mut talk, address).await,
        Protocol::Rabbitmq => rabbitmq::check(&mut talk, address).await,
        Protocol::Kafka => kafka::check(&mut talk, address).await,
        Protocol::Grpc => grpc::check(&mut talk, address).await,
    }
}

/// A connection to a server.
struct Talk {
    stream: BufReader<Line>,
    protocol: Protocol,
    /// Whether the address has a user.
    has_login: bool,
}

impl Talk {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), ProbeFaultKind> {
        let written = self.stream.write_all(bytes).await;
        written.map_err(|error| connection::fault(&error))
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, ProbeFaultKind> {
        let mut bytes = vec![0; length];
        let read = self.stream.read_exact(&mut bytes).await;
        read.map_err(|error| connection::fault(&error))?;
        Ok(bytes)
    }

    /// Reads the head of a message, which contains its length, and the message. `length` returns
    /// `None` for bytes that are not part of the protocol.
    async fn message(
        &mut self,
        head: usize,
        length: impl FnOnce(&[u8]) -> Option<usize>,
    ) -> Result<(Vec<u8>, Vec<u8>), ProbeFaultKind> {
        let came = self.stream.fill_buf().await;
        let came = came.map_err(|error| connection::fault(&error))?;
        if came.is_empty() {
            return Err(ProbeFaultKind::Empty);
        }
        if came.starts_with(b"HTTP/") {
            return Err(self.not_it("it speaks HTTP"));
        }
        let shown = beginning(&String::from_utf8_lossy(&came[..came.len().min(40)]));
        let head = self.take(head).await?;
        match length(&head).filter(|length| *length <= LONGEST) {
            Some(length) => Ok((head, self.take(length).await?)),
            None => Err(self.not_it(&format!("it sends {shown:?}"))),
        }
    }

    fn not_it(&self, why: &str) -> ProbeFaultKind {
        self.refuses(Refusal::NotIt, why)
    }

    fn refuses(&self, refusal: Refusal, message: &str) -> ProbeFaultKind {
        ProbeFaultKind::Server {
            protocol: self.protocol,
            refusal,
            message: beginning(message),
        }
    }

    /// Returns the result of a rejected login. Without a user in the address, the server is up.
    fn rejects_login(&self, message: &str) -> Result<(), ProbeFaultKind> {
        if self.has_login {
            Err(self.refuses(Refusal::Login, message))
        } else {
            Ok(())
        }
    }
}

/// Reads the parts of a message. Each returns `None` after the end.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// Returns a number of two bytes, the most significant first.
    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.array()?))
    }

    /// Returns this many bytes as an array.
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Returns a length of four bytes, the most significant first.
    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    /// Returns a length of four bytes, the least significant first.
    fn length_le(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    /// Returns a text that ends with a zero.
    fn text(&mut self) -> Option<String> {
        let end = memchr::memchr(0, self.0)?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Some(text)
    }
}

/// Returns a length as a number of four bytes. Messages of a probe are short.
fn four(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Returns the bytes after their length in four bytes, the most significant first.
fn long(bytes: &[u8]) -> Vec<u8> {
    [&four(bytes.len()).to_be_bytes()[..], bytes].concat()
}

/// Returns a text that ends with a zero.
fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// Returns the text after its length in one byte, cut to 255 bytes.
fn short(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    [&[length], &text[..usize::from(length)]].concat()
}
