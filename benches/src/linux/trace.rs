//! The trace: events that the services themselves write, with their times.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    Result,
    clock::{DEADLINE, TimePoint},
};

/// The pause between two reads of a trace. A long one does not affect the times, which are in the trace,
/// while a short one would take CPU time from the measured programs.
const PAUSE: Duration = Duration::from_millis(10);
/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) pid: i32,
    pub(crate) at: TimePoint,
}

/// The file that all services of a run append to.
#[derive(Clone, Debug)]
pub(crate) struct Trace(PathBuf);

impl Trace {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns all events of this name, in the order in which they were written.
    pub(crate) fn events(&self, name: &str) -> Result<Vec<Event>> {
        let text = match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        Ok(text
            .lines()
            .filter_map(event)
            .filter(|event| event.name == name)
            .collect())
    }

    /// Waits for this number of events of this name, and returns them.
    pub(crate) fn wait_for(&self, name: &str, count: usize) -> Result<Vec<Event>> {
        self.wait(name, |events| events.len() >= count)
            .map_err(|error| format!("{error}: {count} × `{name}`").into())
    }

    /// Waits for the first event of this name after a time.
    pub(crate) fn wait_for_next(&self, name: &str, after: TimePoint) -> Result<Event> {
        let events = self.wait(name, |events| events.iter().any(|event| event.at > after))?;
        let next = events.into_iter().find(|event| event.at > after);
        Ok(next.ok_or("an event is gone")?)
    }

    fn wait(&self, name: &str, enough: impl Fn(&[Event]) -> bool) -> Result<Vec<Event>> {
        let deadline = TimePoint::now() + DEADLINE;
        loop {
            let events = self.events(name)?;
            if enough(&events) {
                return Ok(events);
            }
            if deadline.has_passed() {
                let found = events.len();
                return Err(format!("only {found} events of `{name}` came in time").into());
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Returns the time of the last event.
pub(crate) fn last(events: &[Event]) -> TimePoint {
    events
        .iter()
        .map(|event| event.at)
        .max()
        .unwrap_or_default()
}

/// Parses `EVENT PID NANOSECONDS`.
fn event(line: &str) -> Option<Event> {
    let mut words = line.split(' ');
    Some(Event {
        name: words.next()?.to_owned(),
        pid: words.next()?.parse().ok()?,
        at: TimePoint::from_nanoseconds(words.next()?.parse().ok()?),
    })
}
