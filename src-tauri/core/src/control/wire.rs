//! Lines of JSON over a stream, none longer than a limit.

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The number of bytes read at once, and kept by a connection between messages.
const CHUNK: usize = 16 * 1024;

/// One side of a connection.
pub struct Wire<S> {
    stream: S,
    limit: usize,
    /// Received bytes that have not been returned yet.
    received: Vec<u8>,
    /// The number of leading bytes without a newline.
    searched: usize,
}

/// Why a message could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A line exceeds the limit. Nothing more can be read.
    #[error("a message exceeds {limit} bytes")]
    TooLong {
        /// The longest message allowed, in bytes.
        limit: usize,
    },
    /// A line is not the expected message.
    #[error("a message cannot be parsed: {0}")]
    Malformed(String),
    /// The other side closed the connection in the middle of a message.
    #[error("a message is incomplete")]
    CutShort,
    /// The stream itself failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Sends and receives messages of at most `limit` bytes over `stream`.
    pub fn new(stream: S, limit: usize) -> Self {
        Self {
            stream,
            limit,
            received: Vec::new(),
            searched: 0,
        }
    }

    /// Receives the next message; `None` when the other side has closed. Cancel-safe: received data
    /// is kept for the next call.
    ///
    /// Uses no more memory than the limit and one chunk.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        loop {
            let unsearched = &self.received[self.searched..];
            if let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') {
                return self.parse_line(self.searched + end).map(Some);
            }
            self.searched = self.received.len();
            if self.searched > self.limit {
                return Err(WireError::TooLong { limit: self.limit });
            }
            if self.read().await? == 0 {
                return if self.received.is_empty() {
                    Ok(None)
                } else {
                    Err(WireError::CutShort)
                };
            }
        }
    }

    /// Waits until the other side has closed its end. Data that arrives in the meantime stays
    /// available to [`Wire::receive`]; beyond the limit, nothing more is read. Cancel-safe.
    pub async fn closed(&mut self) {
        while self.received.len() <= self.limit {
            if !matches!(self.read().await, Ok(1..)) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Reads more data; returns 0 at the end.
    async fn read(&mut self) -> io::Result<usize> {
        self.received.reserve(CHUNK);
        let room = (&mut self.stream).take(CHUNK as u64);
        tokio::pin!(room);
        room.read_buf(&mut self.received).await
    }

    /// Parses and removes the line that ends at `end`.
    fn parse_line<T: DeserializeOwned>(&mut self, end: usize) -> Result<T, WireError> {
        let message = if end > self.limit {
            Err(WireError::TooLong { limit: self.limit })
        } else {
            serde_json::from_slice(&self.received[..end])
                .map_err(|error| WireError::Malformed(error.to_string()))
        };
        self.received.drain(..=end);
        self.received.shrink_to(CHUNK);
        self.searched = 0;
        message
    }

    /// Sends a message. Not cancel-safe: a message must be sent completely.
    pub async fn send<T: Serialize>(&mut self, message: &T) -> Result<(), WireError> {
        let mut line = serde_json::to_vec(message).map_err(io::Error::from)?;
        line.push(b'\n');
        self.stream.write_all(&line).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const LIMIT: usize = 64 * 1024;

    fn pair() -> (Wire<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 20);
        (Wire::new(ours, LIMIT), theirs)
    }

    #[tokio::test]
    async fn messages_are_received_one_by_one_however_they_are_split() {
        let (mut wire, mut peer) = pair();
        let writer = tokio::spawn(async move {
            for byte in b"{\"a\":1}\n[2]\n\"three\"\n" {
                peer.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        for expected in [r#"{"a":1}"#, "[2]", r#""three""#] {
            let message: Value = wire.receive().await.unwrap().unwrap();
            assert_eq!(message.to_string(), expected);
        }
        writer.await.unwrap();
        assert!(wire.receive::<Value>().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn messages_received_together_are_separated() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"1\n2\n3\n").await.unwrap();
        for expected in 1..=3 {
            assert_eq!(wire.receive::<i32>().await.unwrap(), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_truncated_message_is_an_error() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"{\"half\":").await.unwrap();
        drop(peer);
        assert!(matches!(
            wire.receive::<Value>().await,
            Err(WireError::CutShort)
        ));
    }

    #[tokio::test]
    async fn garbage_is_an_error_and_the_next_message_is_not() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"\xff\xfe\0garbage\n\n7\n").await.unwrap();
        for _ in 0..2 {
            assert!(matches!(
                wire.receive::<i32>().await,
                Err(WireError::Malformed(_))
            ));
        }
        assert_eq!(wire.receive::<i32>().await.unwrap(), Some(7));
    }

    #[tokio::test]
    async fn the_longest_message_passes_and_one_byte_more_does_not() {
        for (length, passes) in [(LIMIT, true), (LIMIT + 1, false)] {
            let (mut wire, mut peer) = pair();
            let text = "x".repeat(length - 2);
            peer.write_all(format!("\"{text}\"\n").as_bytes())
                .await
                .unwrap();
            let received = wire.receive::<String>().await;
            assert_eq!(received.is_ok(), passes, "{length} bytes");
            if !passes {
                assert!(matches!(received, Err(WireError::TooLong { limit: LIMIT })));
            }
        }
    }

    #[tokio::test]
    async fn an_endless_line_takes_no_more_memory_than_the_limit() {
        let (mut wire, mut peer) = pair();
        let flood = tokio::spawn(async move {
            let chunk = vec![b'x'; 1 << 20];
            let mut sent = 0_usize;
            while sent < 100 << 20 && peer.write_all(&chunk).await.is_ok() {
                sent += chunk.len();
            }
            sent
        });
        assert!(matches!(
            wire.receive::<Value>().await,
            Err(WireError::TooLong { .. })
        ));
        assert!(wire.received.len() <= LIMIT + CHUNK);
        assert!(wire.received.capacity() <= 2 * (LIMIT + CHUNK));
        drop(wire);
        assert!(flood.await.unwrap() < 4 << 20);
    }

    #[tokio::test]
    async fn a_cancelled_receive_loses_nothing() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"\"one ").await.unwrap();
        tokio::select! {
            biased;
            _ = wire.receive::<String>() => panic!("the message is not there yet"),
            () = tokio::task::yield_now() => {}
        }
        peer.write_all(b"whole\"\n").await.unwrap();
        assert_eq!(
            wire.receive::<String>().await.unwrap().as_deref(),
            Some("one whole")
        );
    }

    #[tokio::test]
    async fn data_received_while_waiting_for_the_end_is_kept() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"1\n2\n").await.unwrap();
        drop(peer);
        wire.closed().await;
        assert_eq!(wire.receive::<i32>().await.unwrap(), Some(1));
        assert_eq!(wire.receive::<i32>().await.unwrap(), Some(2));
        assert_eq!(wire.receive::<i32>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_connection_frees_the_memory_of_a_long_message() {
        let (mut wire, mut peer) = pair();
        let long = "x".repeat(LIMIT - 2);
        peer.write_all(format!("\"{long}\"\n").as_bytes())
            .await
            .unwrap();
        wire.receive::<String>().await.unwrap();
        assert!(wire.received.capacity() <= CHUNK);
    }
}
