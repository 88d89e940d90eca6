//! The last line of each service that is shown, as it changes.

use std::{collections::HashMap, future::pending};

use pilotlight::{
    effects::log::{Latest, Line, ServiceLogs, Watcher, last_line},
    fs::home::Home,
    model::view::StackView,
};
use tokio::{sync::mpsc, task::JoinSet};

use super::frame::{Key, Logs};

/// The last line of each service that is shown.
pub(super) struct Tails {
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
            logs: Logs::new(),
            followed: HashMap::new(),
            watcher: Watcher::new(),
            sender,
            lines,
            tasks: JoinSet::new(),
        }
    }

    /// Takes the last lines as they are now.
    pub(super) fn look(&mut self) {
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

    /// Waits until one of them has become another. Cancel-safe.
    pub(super) async fn change(&mut self) {
        match self.lines.recv().await {
            Some((service, line)) => drop(self.logs.insert(service, line)),
            None => pending().await,
        }
    }

    /// Goes on with the last line of every service that has begun.
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
            let Ok(mut latest) = Latest::of(logs, &self.watcher) else {
                continue;
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
    }
}
