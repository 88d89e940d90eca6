//! Follows logs for the window.

use std::{io, path::Path, time::Duration};

use jiff::Timestamp;

use super::{AppState, CallError};
use crate::{
    app::window::{LogLine, LogUpdate},
    effects::log::{Line, MergedLogs, Query, Runs, ServiceLogs, with_colours},
    host::clock,
    model::history::HistoryEvent,
    stack::ServiceName,
    state::events::EventReader,
};

/// The maximum number of lines in one message.
const BATCH: usize = 500;

/// The number of earlier lines that are sent, shared among the services.
const HISTORY: usize = 100_000;

/// The pause between two messages, so that a flood does not overload the window. No line is left
/// out.
const PACE: Duration = Duration::from_millis(25);

/// The pause between two messages of earlier lines.
const HISTORY_PACE: Duration = Duration::from_millis(4);

impl AppState {
    /// Returns the events of a stack since a time, for a time line.
    ///
    /// # Errors
    ///
    /// The file of the events cannot be read.
    pub fn events(&self, file: &Path, since: Timestamp) -> io::Result<Vec<HistoryEvent>> {
        let mut events = EventReader::of(&self.0.home).read()?;
        events.retain(|event| event.file == file && event.time >= since);
        Ok(events)
    }

    /// Follows the logs of these services, or of all services of the stack, and sends existing and
    /// new lines until `send` returns `false`. Cancel-safe.
    pub async fn follow_log(
        &self,
        file: &Path,
        services: Vec<ServiceName>,
        mut tell: impl FnMut(LogUpdate) -> bool + Send,
    ) {
        let followed = match self.expect_known(file, &services) {
            Ok(()) => self
                .follow(file, services, &mut tell)
                .await
                .map_err(CallError::io("the log cannot be read")),
            Err(why) => Err(why),
        };
        if let Err(error) = followed {
            let message = error.to_string();
            // The receiver may be closed.
            tell(LogUpdate::Failed { message });
        }
    }

    async fn follow(
        &self,
        file: &Path,
        services: Vec<ServiceName>,
        tell: &mut (impl FnMut(LogUpdate) -> bool + Send),
    ) -> io::Result<()> {
        let services = if services.is_empty() {
            self.logged(file)
        } else {
            services
        };
        let id = self.0.home.stack_id(file);
        let logs = |service: &ServiceName| ServiceLogs::of(self.0.home.logs(), &id, service);
        let query = Query {
            runs: Runs::All,
            tail: Some(HISTORY / services.len().max(1)),
            shortened: true,
            ..Query::default()
        };
        let sources = services
            .iter()
            .map(|service| (service.clone(), logs(service)));
        let mut merged = MergedLogs::open(sources, &query)?;
        let mut number = 0;
        loop {
            let lines = merged.by_ref().take(BATCH).map(|line| {
                let (service, line) = line?;
                Ok(made(service, &line, &mut number))
            });
            let lines = lines.collect::<io::Result<Vec<LogLine>>>()?;
            let over = lines.len() < BATCH;
            if !lines.is_empty() && !tell(LogUpdate::Lines { lines }) {
                return Ok(());
            }
            if over {
                break;
            }
            tokio::time::sleep(HISTORY_PACE).await;
        }
        if !tell(LogUpdate::CaughtUp) {
            return Ok(());
        }
        let mut follow = merged.follow(&self.0.watcher);
        while let Some((service, line)) = follow.next().await? {
            let mut lines = vec![made(service, &line, &mut number)];
            let until = clock::now().instant + PACE;
            // Cancel-safe, as `next` is.
            while lines.len() < BATCH
                && let Ok(next) = tokio::time::timeout_at(until.into(), follow.next()).await
            {
                match next? {
                    Some((service, line)) => lines.push(made(service, &line, &mut number)),
                    None => break,
                }
            }
            let full = lines.len() == BATCH;
            if !tell(LogUpdate::Lines { lines }) {
                return Ok(());
            }
            if full {
                tokio::time::sleep_until(until.into()).await;
            }
        }
        Ok(())
    }

    /// Returns the services of a stack that have logs.
    fn logged(&self, file: &Path) -> Vec<ServiceName> {
        let view = self.0.view.borrow().clone();
        let stack = view.stack(file);
        let services = stack.into_iter().flat_map(|stack| &stack.services);
        let own = services.filter(|service| !service.external);
        own.map(|service| service.name.clone()).collect()
    }
}

fn made(service: ServiceName, line: &Line, number: &mut u64) -> LogLine {
    *number += 1;
    LogLine {
        service,
        run: line.run,
        number: *number,
        time: line.time.and_then(|time| Timestamp::try_from(time).ok()),
        level: line.level().map(Into::into),
        text: with_colours(&line.text).into_owned() + &line.remark().unwrap_or_default(),
    }
}
