//! The output of the services that are shown: the last line of each as it changes, or every line.

use std::{collections::HashMap, future::pending};

use jiff::Timestamp;
use pilotlight::{
    effects::log::{Latest, Line, Query, Reader, ServiceLogs, Watcher, last_line},
    fs::home::Home,
    model::view::{ServiceView, StackView},
};
use tokio::{sync::mpsc, task::JoinSet};

use super::frame::{Key, Logs};

/// The output of each service that is shown.
pub(super) struct Tails {
    /// The start of the first run of which every line is passed on. `None` if the last line of each
    /// service is kept instead.
    since: Option<Timestamp>,
    logs: Logs,
    followed: HashMap<Key, ServiceLogs>,
    watcher: Watcher,
    sender: mpsc::Sender<(Key, Line)>,
    lines: mpsc::Receiver<(Key, Line)>,
    /// One for each service. They end with this.
    tasks: JoinSet<()>,
}

impl Tails {
    pub(super) fn new() -> Self {
        let (sender, lines) = mpsc::channel(16);
        Self {
            since: None,
            logs: Logs::new(),
            followed: HashMap::new(),
            watcher: Watcher::new(),
            sender,
            lines,
            tasks: JoinSet::new(),
        }
    }

    /// Passes on every line of the runs that start at this time or later, and new lines of earlier ones.
    pub(super) fn pass_on(&mut self, since: Timestamp) {
        self.since = Some(since);
    }

    /// Takes the last lines as they are now.
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

    /// The last lines as far as they are known.
    pub(super) fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Waits for the next line. Returns it if every line is passed on, else keeps it as the last one of its
    /// service. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(Key, Line)> {
        let Some((key, line)) = self.lines.recv().await else {
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
            // Nothing has been written before the first run of it.
            if service.run.is_none() || self.followed.contains_key(&key) {
                continue;
            }
            let logs = ServiceLogs::of(home.logs(), &id, &service.name);
            self.followed.insert(key.clone(), logs.clone());
            match self.since {
                None => self.follow_last(key, logs),
                Some(since) => self.follow_all(key, &logs, service, since),
            }
        }
    }

    fn follow_last(&mut self, key: Key, logs: ServiceLogs) {
        let Ok(mut latest) = Latest::of(logs, &self.watcher) else {
            return;
        };
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            while let Ok(line) = latest.next().await {
                if sender.send((key.clone(), line)).await.is_err() {
                    return;
                }
            }
        });
    }

    fn follow_all(
        &mut self,
        key: Key,
        logs: &ServiceLogs,
        service: &ServiceView,
        since: Timestamp,
    ) {
        let is_new = service.started.is_some_and(|started| started >= since);
        let query = Query {
            tail: (!is_new).then_some(0),
            shortened: true,
            ..Query::default()
        };
        let follow = Reader::open(logs, query).and_then(|reader| reader.follow(&self.watcher));
        let Ok(mut follow) = follow else { return };
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            while let Ok(line) = follow.next().await {
                if sender.send((key.clone(), line)).await.is_err() {
                    return;
                }
            }
        });
    }
}
