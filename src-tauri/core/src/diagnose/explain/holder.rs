//! Descriptions of port holders and faults.

use std::time::SystemTime;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    model::facts::{Holder, PortFault, Protected},
    stack::Port,
};

impl Holder {
    /// Describes the process in one line: `node (PID 4242, user anna, since 2026-01-05 10:00:00, in /srv/shop):
    /// node server.js`.
    #[must_use]
    pub fn describe(&self) -> String {
        let (name, pid) = (&self.name, self.process.pid);
        let part = |text: Option<String>| text.unwrap_or_default();
        let user = part(self.user.as_ref().map(|user| format!(", user {user}")));
        let since = part(
            self.since
                .map(|since| format!(", since {}", date_time(since))),
        );
        let folder = self.folder.as_ref();
        let folder = part(folder.map(|folder| format!(", in {}", folder.display())));
        let command_line = part(self.command_line.as_ref().map(|line| format!(": {line}")));
        format!("{name} (PID {pid}{user}{since}{folder}){command_line}")
    }
}

/// Describes a fault in one sentence without a full stop.
#[must_use]
pub fn describe_fault(port: Port, fault: &PortFault) -> String {
    let title = super::port::title(&port.to_string(), fault);
    match fault {
        PortFault::Taken { holder, protected } => {
            let by = match holder {
                Some(holder) => holder.describe(),
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

/// Formats a time in the local time zone. The texts of a finding stay while it is valid, so they have times and
/// no ages.
pub(super) fn date_time(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    let local = time.to_zoned(TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::facts::Process;

    fn since() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    fn holder() -> Holder {
        Holder {
            process: Process {
                pid: 4242,
                started: 1,
            },
            name: "node".to_owned(),
            command_line: Some("node server.js --port 8001".to_owned()),
            user: Some("anna".to_owned()),
            folder: Some("/srv/shop".into()),
            since: Some(since()),
            addresses: Vec::new(),
            mark: None,
        }
    }

    #[test]
    fn a_holder_is_one_line_with_all_that_is_known() {
        let mut holder = holder();
        assert_eq!(
            holder.describe(),
            format!(
                "node (PID 4242, user anna, since {}, in /srv/shop): node server.js --port 8001",
                date_time(since())
            )
        );
        (holder.user, holder.since, holder.command_line) = (None, None, None);
        holder.folder = None;
        assert_eq!(holder.describe(), "node (PID 4242)");
    }

    #[test]
    fn a_fault_names_the_holder_and_the_reason() {
        let fault = PortFault::Taken {
            holder: Some(Box::new(holder())),
            protected: Some(Protected::Production),
        };
        let port = Port::new(8001).unwrap();
        assert_eq!(
            describe_fault(port, &fault),
            format!(
                "port 8001 is in use by {}; it was not stopped: in production no process is stopped",
                holder().describe()
            )
        );
    }

    #[test]
    fn a_time_is_one_of_the_day_and_not_an_age() {
        let text = date_time(since());
        assert!(text.starts_with("1970-01-1"), "{text}");
        assert_eq!(text.len(), "1970-01-12 13:46:40".len());
    }
}
