//! Carries out the steps of a case.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use rustix::process::Signal;
use url::Url;

use crate::{
    case::{Step, Up},
    patience::until,
    stage::{Stage, is_there, signal},
};

/// Starts the stack and checks the result.
pub(crate) fn bring_up(stage: &mut Stage, up: Up) -> Result<(), String> {
    match up {
        Up::Ready => stage.expect(&["up", "-d"], 0).map(drop),
        Up::Fails => stage.expect(&["up", "-d"], 1).map(drop),
        Up::Waits => {
            stage.begin(&["up", "-d"]);
            Ok(())
        }
        Up::Never => Ok(()),
    }
}

/// Carries out one step, and waits until it is done.
pub(crate) fn take(stage: &mut Stage, step: &Step) -> Result<(), String> {
    match step {
        Step::Kill(service) => kill(stage, service),
        Step::Freeze(service) => {
            signal(stage.pid(service)?, Signal::STOP);
            Ok(())
        }
        Step::Run(words) => stage.run(words),
        Step::Stranger(words) => stage.bring_in(words),
        Step::Up(services) => stage.expect(&with(&["up", "-d"], services), 0).map(drop),
        Step::TryUp(services) => stage.expect(&with(&["up", "-d"], services), 1).map(drop),
        Step::Down(services) => stage.expect(&with(&["down"], services), 0).map(drop),
        Step::UpElsewhere(services) => stage
            .expect_of("elsewhere", &with(&["up", "-d"], services), 0)
            .map(drop),
        Step::Ask(url) => ask(&stage.place.fill(url)),
        Step::Write(files) => {
            for (name, text) in files {
                stage.place.write(name, text);
            }
            Ok(())
        }
        Step::Remove(name) => {
            let path = stage.place.path(name);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(|error| format!("{}: {error}", path.display()))
        }
        Step::Until(wanted) => phases(stage, wanted),
        Step::Back(service) => until(&format!("{service} is back"), || {
            let service = stage.service(service)?;
            Ok(service["restarts"] != 0 && service["phase"] == "ready")
        }),
        Step::Logs(texts) => logs(stage, texts),
    }
}

fn with<'a>(words: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    let more = more.iter().map(String::as_str);
    words.iter().copied().chain(more).collect()
}

/// Waits until a process has been reaped, so that the daemon has noticed its exit.
fn kill(stage: &Stage, service: &str) -> Result<(), String> {
    let pid = stage.pid(service)?;
    signal(pid, Signal::KILL);
    until("it is gone", || Ok(!is_there(pid)))
}

fn phases(stage: &Stage, phases: &BTreeMap<String, String>) -> Result<(), String> {
    for (service, phase) in phases {
        let so = || Ok(stage.service(service)?["phase"] == **phase);
        until(&format!("{service} is {phase}"), so)?;
    }
    Ok(())
}

fn logs(stage: &Stage, texts: &BTreeMap<String, String>) -> Result<(), String> {
    for (service, text) in texts {
        let so = || Ok(stage.log(service).contains(text));
        until(&format!("{service} says {text:?}"), so)
            .map_err(|error| format!("{error}\n{}", stage.log(service)))?;
    }
    Ok(())
}

/// Sends a request and waits for the answer, for the end of the connection, or for a second.
fn ask(url: &str) -> Result<(), String> {
    let url: Url = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let address = (
        url.host_str().unwrap_or("localhost"),
        url.port_or_known_default().unwrap_or(80),
    );
    let mut stream = TcpStream::connect(address).map_err(|error| format!("{url}: {error}"))?;
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    // The result is the subject of the case.
    let _ = write!(
        stream,
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n\r\n",
        url.path(),
        address.0,
        address.1
    );
    let _ = stream.read_to_end(&mut Vec::new());
    Ok(())
}
