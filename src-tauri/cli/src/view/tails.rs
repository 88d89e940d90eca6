//! The output of the services that are shown: the last line of each as it changes, or every line.

use std::{collections::HashMap, future::pending, io};

use futures_util::stream::{BoxStream, SelectAll, StreamExt as _, unfold};
use jiff::Timestamp;
use pilotlight::{
    effects::log::{Latest, Line, Query, Reader, ServiceLogs, Watcher, last_line},
    fs::home::Home,
    model::view::{ServiceView, StackView},
};

use super::frame::{Key, Logs};

/// The output of each service that is shown.
pub(super) struct Tails {
    /// The start of the first run of which every line is passed on. `None` if the last line of each
    /// service is kept instead.
    since: Option<Timestamp>,
    logs: Logs,
    followed: HashMap<Key, ServiceLogs>,
    watcher: Watcher,
    /// The lines of all services.
    lines: SelectAll<BoxStream<'static, (Key, Line)>>,
}

impl Tails {
    pub(super) fn new() -> Self {
        Self {
            since: None,
            logs: Logs::new(),
            followed: HashMap::new(),
            watcher: Watcher::new(),
            lines: SelectAll::new(),
        }
    }

    /// Passes on every line of the runs that start at this time or later, and new lines of earlier ones.
    pub(super) fn pass_on(&mut self, since: Timestamp) {
        self.since = Some(since);
    }

    /// Reads the last lines as they are now.
    pub(super) fn look(&mut self) {
        if self.since.is_some() {
            return;
        }
        for (key, logs) in &self.followed {
            if let Ok(Some(line)) = last_line(logs) {
                self.logs.insert(key.clone(), line);
            }
        }
    }

    /// Returns the last lines as far as they are known.
    pub(super) fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Waits for the next line. Returns it if every line is passed on, else keeps it as the last one of its
    /// service. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(Key, Line)> {
        // No service is followed, or no log can be read any more.
        let Some((key, line)) = self.lines.next().await else {
            return pending().await;
        };
        if self.since.is_some() {
            return Some((key, line));
        }
        self.logs.insert(key, line);
        None
    }

    /// Follows the output of every service that has started.
    pub(super) fn follow(&mut self, home: &Home, stack: &StackView) {
        let id = home.stack_id(&stack.file);
        for service in stack.services.iter().filter(|service| !service.external) {
            let key = (stack.file.clone(), service.name.clone());
            // Nothing has been written before its first run.
            if service.run.is_none() || self.followed.contains_key(&key) {
                continue;
            }
            let logs = ServiceLogs::of(home.logs(), &id, &service.name);
            self.followed.insert(key.clone(), logs.clone());
            // A log that cannot be opened is not shown.
            if let Ok(lines) = self.lines_of(logs, service) {
                self.lines
                    .push(lines.map(move |line| (key.clone(), line)).boxed());
            }
        }
    }

    /// Returns the lines of a service as they come, or its last line with every change of it. They end when
    /// its log cannot be read any more.
    fn lines_of(
        &self,
        logs: ServiceLogs,
        service: &ServiceView,
    ) -> io::Result<BoxStream<'static, Line>> {
        let Some(since) = self.since else {
            let latest = Latest::of(logs, &self.watcher)?;
            return Ok(unfold(latest, async |mut latest| {
                Some((latest.next().await.ok()?, latest))
            })
            .boxed());
        };
        let is_new = service.started.is_some_and(|started| started >= since);
        let query = Query {
            tail: (!is_new).then_some(0),
            shortened: true,
            ..Query::default()
        };
        let follow = Reader::open(&logs, query)?.follow(&self.watcher)?;
        Ok(unfold(follow, async |mut follow| {
            Some((follow.next().await.ok()?, follow))
        })
        .boxed())
    }
}
