//! Waits for a state of services.

use std::{str::FromStr, sync::Arc, time::Duration};

use pilotlight::{
    control::Client,
    effects::log::{MergedLogs, Query, Runs, ServiceLogs, Watcher, without_ansi},
    fs::home::Home,
    model::{
        facts::RunId,
        view::{Light, PhaseName, ServiceView, StackView},
    },
    stack::{ServiceName, Stack},
};
use regex::Regex;
use tokio::time::timeout;

use crate::{
    context::{expect_declared, unless_exiting},
    failure::Failure,
};

/// The pause between two attempts to reach a daemon. No event announces one.
const RETRY: Duration = Duration::from_millis(100);

/// The awaited state.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// The probes pass, or the service has completed.
    Ready,
    /// The checks pass too.
    Healthy,
    /// No process runs.
    Stopped,
    /// One of the services logs a line that matches, in a current or later run.
    Log(Regex),
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ready" => Ok(Self::Ready),
            "healthy" => Ok(Self::Healthy),
            "stopped" => Ok(Self::Stopped),
            _ => match text.strip_prefix("log:") {
                Some(pattern) => Regex::new(pattern.trim_start())
                    .map(Self::Log)
                    .map_err(|error| error.to_string()),
                None => Err("a state is `ready`, `healthy`, `stopped` or `log: RE`".to_owned()),
            },
        }
    }
}

/// The result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Reached,
    /// A service failed, so that the state will not be reached without another request.
    Failed,
    TimedOut,
}

/// Waits until services of a stack, all if there are none, reach a state. Returns the last state of the
/// stack, if a daemon has it.
///
/// # Errors
///
/// The stack has no such service, or the daemon or a log cannot be read.
pub(crate) async fn wait(
    home: &Home,
    stack: &Stack,
    services: &[ServiceName],
    goal: &Goal,
    limit: Duration,
) -> Result<(Waited, Option<Arc<StackView>>), Failure> {
    expect_declared(services, stack)?;
    let file = &stack.file;
    let mut latest = None;
    let reached = async {
        loop {
            if let Some(client) = Client::find(home).await? {
                let mut watch = client.watch().await?;
                while let Some(snapshot) = watch.next().await? {
                    latest = snapshot.stack(file).cloned();
                    let Some(stack) = &latest else {
                        if matches!(goal, Goal::Stopped) {
                            return Ok(Waited::Reached);
                        }
                        continue;
                    };
                    if let Some(waited) = judge(stack, services, goal) {
                        return Ok(waited);
                    }
                }
            }
            if matches!(goal, Goal::Stopped) {
                return Ok(Waited::Reached);
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    let line = async {
        match goal {
            Goal::Log(pattern) => logged(home, stack, services, pattern).await,
            _ => std::future::pending().await,
        }
    };
    let either = async {
        tokio::select! {
            biased;
            line = line => line.map(|()| Waited::Reached),
            reached = reached => reached,
        }
    };
    let waited = match timeout(limit, either).await {
        Ok(waited) => waited?,
        Err(_) => Waited::TimedOut,
    };
    Ok((waited, latest))
}

/// Returns the result for this state of the stack; `None` while it may still change by itself.
fn judge(stack: &StackView, services: &[ServiceName], goal: &Goal) -> Option<Waited> {
    let meant = || {
        let all = stack.services.iter().map(|service| &**service);
        all.filter(|service| match services {
            [] => !service.is_idle_task(),
            named => named.contains(&service.name),
        })
    };
    let is_reached = match goal {
        Goal::Ready => meant().all(is_ready),
        Goal::Healthy => meant().all(|service| service.light == Light::Green),
        Goal::Stopped => return meant().all(is_stopped).then_some(Waited::Reached),
        Goal::Log(_) => false,
    };
    if is_reached {
        return Some(Waited::Reached);
    }
    let fails = meant().any(|service| has_failed(stack, service));
    fails.then_some(Waited::Failed)
}

/// Returns whether its probes pass, or it has completed.
pub(crate) fn is_ready(service: &ServiceView) -> bool {
    service.phase == PhaseName::Ready
        || (service.phase == PhaseName::Stopped && service.light == Light::Green)
}

fn is_stopped(service: &ServiceView) -> bool {
    let rests = matches!(
        service.phase,
        PhaseName::Stopped | PhaseName::Blocked | PhaseName::Failed
    );
    // An amber service is about to start.
    service.external || (rests && service.pid.is_none() && service.light != Light::Amber)
}

/// Returns whether the service, or one that it waits for, cannot become ready by itself.
pub(crate) fn has_failed(stack: &StackView, service: &ServiceView) -> bool {
    let failed = match service.phase {
        PhaseName::Blocked | PhaseName::Failed => true,
        PhaseName::Stopped => service.light == Light::Red,
        _ => false,
    };
    let mut needs = service.waiting_for.iter();
    failed
        || needs.any(|need| {
            stack
                .service(need, 0)
                .is_some_and(|it| has_failed(stack, it))
        })
}

/// Waits for a matching line of one of these services: of its run, or of the next one if it is stopped.
async fn logged(
    home: &Home,
    stack: &Stack,
    services: &[ServiceName],
    pattern: &Regex,
) -> Result<(), Failure> {
    let file = &stack.file;
    let id = home.stack_id(file);
    let unreadable = Failure::log(home.logs().join(&id.0));
    let mut all = Vec::new();
    // Read before the daemon's answer, so that a run that begins in between counts as new.
    let mut old: Vec<(&ServiceName, Option<RunId>)> = Vec::new();
    let declared = stack.services.iter().map(|service| &service.name);
    for name in declared.filter(|name| services.is_empty() || services.contains(name)) {
        let logs = ServiceLogs::of(home.logs(), &id, name);
        old.push((name, logs.latest_run().map_err(&unreadable)?));
        all.push((name.clone(), logs));
    }
    let snapshot = match Client::find(home).await? {
        Some(mut client) => unless_exiting(client.status().await)?,
        None => None,
    };
    let stack = snapshot.as_ref().and_then(|snapshot| snapshot.stack(file));
    let is_running = |name: &ServiceName| {
        let service = stack.and_then(|stack| stack.service(name, 0));
        service.is_some_and(|service| service.pid.is_some())
    };
    old.retain(|(name, _)| !is_running(name));
    let query = Query {
        runs: Runs::Latest,
        ..Query::default()
    };
    let lines = MergedLogs::open(all, &query).map_err(&unreadable)?;
    let mut lines = lines.follow(&Watcher::new());
    while let Some((name, line)) = lines.next().await.map_err(&unreadable)? {
        let is_old = old.contains(&(&name, Some(line.run)));
        if !is_old && pattern.is_match(&without_ansi(&line.text)) {
            return Ok(());
        }
    }
    // No service has a log.
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_of_four_names() {
        let parsed = |text: &str| text.parse::<Goal>().map(|goal| format!("{goal:?}"));
        assert_eq!(parsed("ready").as_deref(), Ok("Ready"));
        assert_eq!(parsed("healthy").as_deref(), Ok("Healthy"));
        assert_eq!(parsed("stopped").as_deref(), Ok("Stopped"));
        assert_eq!(parsed("log: a+b").as_deref(), Ok("Log(Regex(\"a+b\"))"));
        assert!(parsed("log: (").is_err());
        assert!(parsed("up").is_err_and(|why| why.contains("`log: RE`")));
    }
}
