//! Descriptions of port holders and faults.

use std::time::{Duration, SystemTime};

use crate::{
    model::facts::{Holder, PortFault, Protected},
    stack::Port,
};

impl Holder {
    /// Describes the process in one line: `node (PID 4242, user anna, running for 12 min, in /srv/shop): node
    /// server.js`.
    #[must_use]
    pub fn describe(&self, now: SystemTime) -> String {
        let (name, pid) = (&self.name, self.process.pid);
        let part = |text: Option<String>| text.unwrap_or_default();
        let user = part(self.user.as_ref().map(|user| format!(", user {user}")));
        let age = self.since.and_then(|since| now.duration_since(since).ok());
        let age = part(age.map(|age| format!(", running for {}", rounded(age))));
        let folder = self.folder.as_ref();
        let folder = part(folder.map(|folder| format!(", in {}", folder.display())));
        let command_line = part(self.command_line.as_ref().map(|line| format!(": {line}")));
        format!("{name} (PID {pid}{user}{age}{folder}){command_line}")
    }
}

/// Describes a fault in one sentence without a full stop.
#[must_use]
pub fn describe_fault(port: Port, fault: &PortFault, now: SystemTime) -> String {
    let title = super::port::title(&port.to_string(), fault);
    match fault {
        PortFault::Taken { holder, protected } => {
            let by = match holder {
                Some(holder) => holder.describe(now),
                None => super::port::hidden(protected.as_ref()),
            };
            match protected {
                Some(Protected::RunningService(_)) if holder.is_none() => title,
                Some(Protected::ContainerProxy(Some(_))) => title,
                Some(reason) => {
                    format!("port {port} is in use by {by}; it was not stopped: {reason}")
                }
                None => format!("port {port} is in use by {by}, which could not be stopped"),
            }
        }
        PortFault::Excluded { message } | PortFault::Lingering { message } => {
            format!("{title}: {message}")
        }
        PortFault::NoneFree => title,
    }
}

/// Formats an age: `12 s ago`, or `just now` if less than a second.
pub(crate) fn ago(age: Duration) -> String {
    if age.as_secs() == 0 {
        return "just now".to_owned();
    }
    format!("{} ago", rounded(age))
}

/// Formats a duration in its largest unit: `12 min`.
pub(super) fn rounded(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::Process;

    fn holder(now: SystemTime) -> Holder {
        Holder {
            process: Process {
                pid: 4242,
                started: 1,
            },
            name: "node".to_owned(),
            command_line: Some("node server.js --port 8001".to_owned()),
            user: Some("anna".to_owned()),
            folder: Some("/srv/shop".into()),
            since: Some(now - Duration::from_secs(12 * 60 + 5)),
            age: None,
            addresses: Vec::new(),
            mark: None,
        }
    }

    #[test]
    fn a_holder_is_one_line_with_all_that_is_known() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut holder = holder(now);
        assert_eq!(
            holder.describe(now),
            "node (PID 4242, user anna, running for 12 min, in /srv/shop): node server.js --port 8001"
        );
        (holder.user, holder.since, holder.command_line) = (None, None, None);
        holder.folder = None;
        assert_eq!(holder.describe(now), "node (PID 4242)");
    }

    #[test]
    fn a_fault_names_the_holder_and_the_reason() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let fault = PortFault::Taken {
            holder: Some(Box::new(holder(now))),
            protected: Some(Protected::Production),
        };
        let port = Port::new(8001).unwrap();
        assert_eq!(
            describe_fault(port, &fault, now),
            "port 8001 is in use by node (PID 4242, user anna, running for 12 min, in /srv/shop): node server.js --port \
             8001; it was not stopped: in production no process is stopped"
        );
    }

    #[test]
    fn ages_are_rounded_to_their_largest_unit() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (7_200, "2 h"),
            (90_000, "1 d"),
        ] {
            assert_eq!(rounded(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn less_than_a_second_ago_is_just_now() {
        assert_eq!(ago(Duration::from_millis(999)), "just now");
        assert_eq!(ago(Duration::from_secs(1)), "1 s ago");
        assert_eq!(ago(Duration::from_mins(2)), "2 min ago");
    }
}
