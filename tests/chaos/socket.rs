//! Misuse of the control socket by foreign clients.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use crate::random::Random;

const HELLO: &str = "{\"pilotlight\":1,\"version\":\"chaos\"}\n";
/// Longer than any message that the daemon takes.
const HUGE: usize = 6 << 20;
/// More than the daemon takes at a time.
const CROWD: usize = 300;

/// Random bytes, with ends of lines among them.
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

/// The beginning of a request; its rest never comes.
pub(crate) fn half(socket: &Path) -> io::Result<UnixStream> {
    let mut stream = connect(socket)?;
    stream.write_all(HELLO.as_bytes())?;
    stream.write_all(b"{\"down\":{\"file\":")?;
    Ok(stream)
}

/// A line that is too long.
pub(crate) fn huge(socket: &Path) -> io::Result<()> {
    let mut stream = connect(socket)?;
    stream.write_all(HELLO.as_bytes())?;
    stream.write_all(&vec![b'x'; HUGE])?;
    read_some(&mut stream);
    Ok(())
}

/// A whole request, whose client leaves before the answer.
pub(crate) fn leave(socket: &Path) -> io::Result<()> {
    let mut stream = connect(socket)?;
    stream.write_all(HELLO.as_bytes())?;
    stream.write_all(b"\"watch\"\n")
}

/// Connections that say nothing, as many as are taken.
pub(crate) fn crowd(socket: &Path) -> Vec<UnixStream> {
    (0..CROWD).map_while(|_| connect(socket).ok()).collect()
}

fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    // Nothing here waits for a daemon that is stopped.
    let most = Some(Duration::from_secs(2));
    stream.set_write_timeout(most)?;
    stream.set_read_timeout(most)?;
    Ok(stream)
}

fn read_some(stream: &mut UnixStream) {
    // Whatever the answer is, the daemon has to survive having given it.
    let _ = stream.read(&mut [0; 1024]);
}
