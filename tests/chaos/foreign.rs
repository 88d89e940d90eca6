//! Processes that do not belong to the stack, and that must never be signalled.

use std::{
    io,
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{
    commands::HOME,
    processes,
    stage::{Stage, until},
};

/// A process that resembles one of the stack's. It is killed on drop.
pub(crate) struct Foreign {
    what: &'static str,
    child: Child,
}

impl Foreign {
    /// Starts one of each kind.
    pub(crate) fn canaries(stage: &Stage) -> io::Result<Vec<Self>> {
        let mut marked = canary(stage);
        // As of a stack in another home.
        marked.env("PILOTLIGHT_SERVICE", "chaos-00000000/base/1");
        let mut of_home = canary(stage);
        of_home.env(HOME, stage.home()).current_dir(stage.project());
        let mut listening = canary(stage);
        listening.args(["--sockets", "3"]);
        [
            ("a process with the mark of another stack", marked),
            ("a process in the stack's folder with its home", of_home),
            ("a process that listens elsewhere", listening),
        ]
        .into_iter()
        .map(|(what, mut command)| {
            let child = command.spawn()?;
            Ok(Self { what, child })
        })
        .collect()
    }

    /// Starts a process that takes a port of the stack; `None` if another process was first.
    pub(crate) fn thief(stage: &Stage, port: u16) -> io::Result<Option<Self>> {
        let mut command = canary(stage);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        let child = command.spawn()?;
        let mut thief = Self {
            what: "a process of another folder that took a port",
            child,
        };
        let mut ended = false;
        let listens = until(Duration::from_secs(10), || {
            ended = !matches!(thief.child.try_wait(), Ok(None));
            ended || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Ok((listens && !ended).then_some(thief))
    }

    /// Returns the signal that it received, if any.
    pub(crate) fn harm(&mut self) -> Option<String> {
        let pid = self.child.id();
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(format!("{} ({pid}) was ended: {status}", self.what));
        }
        (processes::state(pid) == Some('T')).then(|| format!("{} ({pid}) was stopped", self.what))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // It may have been killed, which is reported elsewhere.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The test service under another path, so that it does not count as a service of the stage.
fn canary(stage: &Stage) -> Command {
    let mut command = Command::new(pilotlight_test_service::path());
    command
        .env_clear()
        .current_dir(stage.elsewhere())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}
