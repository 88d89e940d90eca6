//! Misuse of the control socket by foreign clients.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use crate::random::Random;

const HELLO: &str = "{\"pilotlight\":1,\"version\":\"chaos\"}\n";
/// Longer than any message that the daemon accepts.
const HUGE: usize = 6 << 20;
/// More connections than the daemon accepts at a time.
const CROWD: usize = 300;

/// Sends random bytes with line ends among them.
pub(crate) fn garbage(socket: &Path, random: &mut Random) -> io::Result<()> {
    let mut stream = connect(socket)?;
    if random.one_in(2) {
        stream.write_all(HELLO.as_bytes())?;
    }
    let length = random.below(5000);
    let mut bytes = random.bytes(length);
    bytes.extend(std::iter::repeat_n(b'\n', random.below(4)));
    stream.write_all(&bytes)?;
    read_some(&mut stream);
    Ok(())
}

/// Sends the beginning of a request, and never the rest.
pub(crate) fn half(socket: &Path) -> io::Result<UnixStream> {
    let mut stream = connect(socket)?;
    stream.write_all(HELLO.as_bytes())?;
    stream.write_all(b"{\"down\":{\"file\":")?;
    Ok(stream)
}

/// Sends a line that is too long.
pub(crate) fn huge(socket: &Path) -> io::Result<()> {
    let mut stream = connect(socket)?;
    stream.write_all(HELLO.as_bytes())?;
    stream.write_all(&vec![b'x'; HUGE])?;
    read_some(&mut stream);
    Ok(())
}

/// Sends a complete request and disconnects before the answer.
pub(crate) fn leave(socket: &Path) -> io::Result<()> {
    let mut stream = connect(socket)?;
    stream.write_all(HELLO.as_bytes())?;
    stream.write_all(b"\"watch\"\n")
}

/// Opens as many silent connections as the daemon accepts.
pub(crate) fn crowd(socket: &Path) -> Vec<UnixStream> {
    (0..CROWD).map_while(|_| connect(socket).ok()).collect()
}

fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    // Do not wait for a daemon that is stopped.
    let most = Some(Duration::from_secs(2));
    stream.set_write_timeout(most)?;
    stream.set_read_timeout(most)?;
    Ok(stream)
}

fn read_some(stream: &mut UnixStream) {
    // The answer does not matter, but the daemon must survive.
    let _ = stream.read(&mut [0; 1024]);
}
