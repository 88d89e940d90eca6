//! The control socket: how a command reaches the keeper. One keeper serves a home, many clients
//! ask it; messages are lines of JSON, and each side opens with its [`Hello`].

mod client;
mod connection;
mod lock;
mod protocol;
mod server;
mod wire;

pub use client::{Client, ClientError, ConnectError, Watch};
pub use lock::{Lock, LockError};
pub use protocol::{
    Doctor, Down, Environment, Hello, Outcome, PROTOCOL, Request, Response, Restart, Up,
};
pub use server::{BindError, Keeper, Server};
pub use wire::{Wire, WireError};
