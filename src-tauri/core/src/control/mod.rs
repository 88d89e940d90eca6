//! The control socket: the connection between commands and the daemon. One daemon serves a home and
//! many clients. Messages are lines of JSON, and each side begins with its [`Hello`].

mod changes;
mod client;
mod connection;
mod guard;
mod lock;
mod protocol;
mod seats;
mod server;
mod wire;

pub use changes::Changes;
pub use client::{Attempts, Client, ClientError, ConnectError, Starting, Watch};
pub use lock::{Holder, Lock, LockError, Phase};
pub use protocol::{
    Doctor, Down, Hello, Outcome, PROTOCOL, Request, Response, Restart, Up, client, on_behalf_of,
};
pub use server::{BindError, Coming, Control, Server};
pub use wire::{Wire, WireError};
