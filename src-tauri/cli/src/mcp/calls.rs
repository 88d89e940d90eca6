//! The tools.

use std::{future::pending, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use pilotlight::{
    control::{self, Client, ClientError, Outcome, Up},
    env::Env,
    host::clock,
    model::{finding::Finding, history::HistoryEvent, view::StackView},
    stack::{Port, ServiceName},
    stack_file,
    state::events::EventReader,
    supervisor::offline,
};
use rmcp::{RoleServer, model::ProgressNotificationParam, service::RequestContext};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Server,
    answer::{self, Answer},
    fix, logs,
};
use crate::{
    commands::{
        doctor::{Asking, Visit},
        init, port, status,
        up::root_causes,
        validate,
    },
    context::{Context, expect_declared, expect_known, expect_shown, expect_task, read},
    daemon::attach_in_background,
    failure::Failure,
    time::{Since, timestamp},
    waiting::{Goal, Waited, has_failed, wait},
};

/// The longest time without an answer. Several clients stop waiting after 60 s.
const LONGEST: u64 = 45;

/// The usual time limit of a call.
const USUAL: u64 = 40;

/// The time limit of a diagnosis.
const DIAGNOSIS: Duration = Duration::from_secs(20);

/// The pause before another attempt to reach a daemon.
const RETRY: Duration = Duration::from_millis(10);

/// The number of events in an answer.
const EVENTS: usize = 40;

/// The maximum length of an event in words.
const WORDS: usize = 250;

/// The number of log lines of each service that failed to start.
const LOG_LINES: usize = 20;

/// A call of a tool.
pub(super) struct Call<'a> {
    pub(super) server: &'a Server,
    pub(super) context: RequestContext<RoleServer>,
}

/// The arguments of each tool.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Tool {
    Status {
        stack: Option<String>,
    },
    Start(OfServices),
    Stop(OfServices),
    Restart(OfServices),
    Run {
        task: String,
        timeout_seconds: Option<u64>,
        stack: Option<String>,
    },
    Wait(OfServices),
    Logs(logs::Asked),
    Diagnose {
        stack: Option<String>,
    },
    Fix(fix::Asked),
    Events {
        since: Option<String>,
        cursor: Option<Timestamp>,
        stack: Option<String>,
    },
    Port {
        port: u16,
    },
    CheckStackFile {
        text: Option<String>,
        stack: Option<String>,
    },
    DraftStackFile {
        folder: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfServices {
    #[serde(default)]
    services: Vec<String>,
    #[serde(rename = "for")]
    goal: Option<String>,
    timeout_seconds: Option<u64>,
    stack: Option<String>,
}

impl OfServices {
    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.unwrap_or(USUAL).min(LONGEST))
    }

    fn services(&self) -> Vec<ServiceName> {
        names(&self.services)
    }
}

fn names(services: &[String]) -> Vec<ServiceName> {
    let names = services.iter();
    names.map(|name| ServiceName::new(name)).collect()
}

impl Call<'_> {
    pub(super) async fn run(&self, tool: &str, arguments: Value) -> Result<Answer, Failure> {
        let tool = serde_json::from_value(json!({ tool: arguments }));
        let data = match tool.map_err(|error| Failure::Usage(error.to_string()))? {
            Tool::Status { stack } => self.status(stack).await,
            Tool::Start(asked) => self.start(asked).await,
            Tool::Stop(asked) => self.stop(asked).await,
            Tool::Restart(asked) => self.restart(asked).await,
            Tool::Run {
                task,
                timeout_seconds,
                stack,
            } => self.run_task(task, timeout_seconds, stack).await,
            Tool::Wait(asked) => self.wait(asked).await,
            Tool::Logs(asked) => return self.logs(asked).await.map(Answer::Text),
            Tool::Diagnose { stack } => self.diagnose(stack).await,
            Tool::Fix(asked) => fix::run(self, asked).await,
            Tool::Events {
                since,
                cursor,
                stack,
            } => self.events(since, cursor, stack).await,
            Tool::Port { port } => port_document(port).await,
            Tool::CheckStackFile { text, stack } => self.check_stack_file(text, stack).await,
            Tool::DraftStackFile { folder } => self.draft_stack_file(folder).await,
        };
        data.map(Answer::Data)
    }

    async fn status(&self, stack: Option<String>) -> Result<Value, Failure> {
        let (context, file) = self.stack(stack.as_deref()).await?;
        let view = view(&context, &file).await?;
        let mut document = answer::stack(&view);
        document["findings"] = json!(answer::findings(&answer::known(&view)));
        Ok(document)
    }

    async fn start(&self, asked: OfServices) -> Result<Value, Failure> {
        let (context, file) = self.stack(asked.stack.as_deref()).await?;
        let services = asked.services();
        expect_declared(&services, &read(&file)?)?;
        let up = Up {
            file: file.clone(),
            services,
            environment: Env::of_this_process(),
        };
        let begun = clock::now().instant;
        loop {
            let mut client = attach_in_background(&context).await?;
            // From here on the start continues, even after the time limit.
            let outcome = match client.start(up.clone()).await {
                Ok(starting) => {
                    let left = asked.limit().saturating_sub(begun.elapsed());
                    let outcome = self.within(&file, left, starting.outcome()).await;
                    outcome.transpose()?
                }
                Err(ClientError::NotHeard) => Some(Outcome::NOT_TAKEN),
                Err(error) => return Err(error.into()),
            };
            if outcome != Some(Outcome::NOT_TAKEN) {
                return started(&context, &file, outcome).await;
            }
            // This daemon is exiting; the next one accepts the start.
            sleep(RETRY).await;
        }
    }

    async fn restart(&self, asked: OfServices) -> Result<Value, Failure> {
        let (context, file) = self.stack(asked.stack.as_deref()).await?;
        let Some((mut client, stack)) = context.running(&file).await? else {
            return self.start(asked).await;
        };
        let services = asked.services();
        expect_shown(&services, &stack)?;
        let restart = control::Restart {
            file: file.clone(),
            services,
        };
        let restarted = client.restart(restart);
        let outcome = self.within(&file, asked.limit(), restarted).await;
        started(&context, &file, outcome.transpose()?).await
    }

    async fn run_task(
        &self,
        task: String,
        timeout_seconds: Option<u64>,
        stack: Option<String>,
    ) -> Result<Value, Failure> {
        let (_, file) = self.stack(stack.as_deref()).await?;
        expect_task(&ServiceName::new(&task), &read(&file)?)?;
        let services = vec![task];
        let own_log = logs::Asked::last(services.clone(), LOG_LINES, stack.clone());
        let run = OfServices {
            services,
            goal: None,
            timeout_seconds,
            stack,
        };
        let mut document = self.restart(run).await?;
        document["output"] = json!(self.logs(own_log).await?);
        Ok(document)
    }

    async fn stop(&self, asked: OfServices) -> Result<Value, Failure> {
        let (context, file) = self.stack(asked.stack.as_deref()).await?;
        let services = asked.services();
        let Some((mut client, stack)) = context.running(&file).await? else {
            let left = offline::running(&context.home, Some(&file)).await;
            let left = left.map_err(Failure::system("list the processes"))?;
            if left.is_empty() || !services.is_empty() {
                return Ok(json!({"done": true, "ok": true, "state": "nothing was running"}));
            }
            let limit = Duration::from_secs(LONGEST);
            let left = self.within(&file, limit, offline::end(left, false)).await;
            let done = left.is_some();
            let ok = left.is_some_and(|left| left.is_empty());
            return Ok(json!({"done": done, "ok": ok}));
        };
        expect_shown(&services, &stack)?;
        let down = control::Down {
            file: Some(file.clone()),
            services,
            kill: false,
        };
        let stopped = client.down(down);
        let outcome = self.within(&file, asked.limit(), stopped).await;
        let done = outcome.is_some();
        match outcome.transpose() {
            // The daemon exits with its last service.
            Err(ClientError::Closed) | Ok(None | Some(Outcome::Done | Outcome::Ending { .. })) => {
                Ok(json!({"done": done, "ok": done}))
            }
            Ok(Some(Outcome::Failed { message, findings })) => Ok(json!({
                "done": true,
                "ok": false,
                "message": message,
                "findings": answer::findings(&findings),
            })),
            Ok(Some(Outcome::Refused(why) | Outcome::Overruled(why))) => Err(Failure::Refused(why)),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait(&self, asked: OfServices) -> Result<Value, Failure> {
        let (context, file) = self.stack(asked.stack.as_deref()).await?;
        let goal = asked.goal.as_deref().unwrap_or("ready").parse::<Goal>();
        let goal = goal.map_err(Failure::Usage)?;
        let (stack, services, limit) = (read(&file)?, asked.services(), asked.limit());
        let waiting = wait(&context.home, &stack, &services, &goal, limit);
        let waited = self.within(&file, limit + Duration::from_secs(1), waiting);
        let (waited, view) = waited
            .await
            .transpose()?
            .unwrap_or((Waited::TimedOut, None));
        let view = match view {
            Some(view) => view,
            None => self::view(&context, &file).await?,
        };
        let mut document = answer::stack(&view);
        document["reached"] = json!(waited == Waited::Reached);
        document["done"] = json!(waited != Waited::TimedOut);
        if waited == Waited::Failed {
            add_causes(&mut document, &context, &file, answer::known(&view)).await?;
        }
        Ok(document)
    }

    async fn logs(&self, asked: logs::Asked) -> Result<String, Failure> {
        let (context, file) = self.stack(asked.stack.as_deref()).await?;
        let stack = read(&file)?;
        let own = stack
            .services
            .iter()
            .filter(|service| !service.is_external());
        let own: Vec<ServiceName> = own.map(|service| service.name.clone()).collect();
        let named = names(&asked.services);
        expect_known(&named, &stack.name, &own)?;
        let services = if named.is_empty() { own } else { named };
        let reading = tokio::task::spawn_blocking(move || {
            logs::page(&context.home, &file, &services, &asked)
        });
        let read = reading.await;
        read.unwrap_or_else(|error| Err(Failure::Refused(error.to_string())))
    }

    async fn diagnose(&self, stack: Option<String>) -> Result<Value, Failure> {
        let (context, file) = self.stack(stack.as_deref()).await?;
        let visit = Visit::make(&context, Asking::Never, Some(DIAGNOSIS));
        let visit = self
            .within(&file, Duration::from_secs(LONGEST), visit)
            .await;
        let Some(visit) = visit.transpose()? else {
            return Ok(json!({"done": false}));
        };
        let mut document = json!({
            "healthy": visit.findings.is_empty(),
            "state": visit.stack.summary(),
            "findings": answer::findings(&visit.findings),
        });
        if !visit.withheld.is_empty() {
            document["withheld"] = json!(visit.withheld);
            document["note"] = json!(
                "the user has not started this version of the stack file, so its own commands were not run; \
                 `pilotlight doctor --yes` permits them"
            );
        }
        Ok(document)
    }

    async fn events(
        &self,
        since: Option<String>,
        cursor: Option<Timestamp>,
        stack: Option<String>,
    ) -> Result<Value, Failure> {
        let (context, file) = self.stack(stack.as_deref()).await?;
        let since = since.as_deref().unwrap_or("1h").parse::<Since>();
        let since = timestamp(since.map_err(Failure::Usage)?.0);
        let events = EventReader::of(&context.home).read();
        let events = events.map_err(Failure::system("read the events"))?;
        let wanted = |event: &&HistoryEvent| {
            let is_earlier = cursor.is_none_or(|cursor| event.time < cursor);
            event.file == file && event.time >= since && is_earlier
        };
        let mut wanted = events.iter().rev().filter(wanted);
        let mut latest: Vec<&HistoryEvent> = wanted.by_ref().take(EVENTS).collect();
        let mut earlier = wanted.peekable();
        // A page ends between two times, since a time is its cursor.
        while let Some(first) = latest.last()
            && let Some(same) = earlier.next_if(|event| event.time == first.time)
        {
            latest.push(same);
        }
        let cursor = earlier.peek().and(latest.last()).map(|first| first.time);
        latest.reverse();
        let latest = latest.iter().map(|event| {
            let words = answer::cut(&event.words(), WORDS);
            json!({"time": event.time, "service": event.service, "event": words})
        });
        Ok(json!({"events": latest.collect::<Vec<_>>(), "cursor": cursor}))
    }

    async fn check_stack_file(
        &self,
        text: Option<String>,
        stack: Option<String>,
    ) -> Result<Value, Failure> {
        let found = self.stack(stack.as_deref()).await;
        let Some(text) = text else {
            return validate::verdict(read(&found?.1));
        };
        let file = match found {
            Ok((_, file)) => file,
            Err(_) => self.folder(None).await?.join(stack_file::FILE_NAME),
        };
        let stack = stack_file::complete(&file, text, &[])
            .and_then(|text| stack_file::parse(&file, text.as_bytes(), &Env::of_this_process()));
        validate::verdict(stack.map_err(Failure::from))
    }

    async fn draft_stack_file(&self, folder: Option<String>) -> Result<Value, Failure> {
        let folder = self.folder(folder.as_deref()).await?;
        let draft = self.within(&folder, Duration::from_secs(LONGEST), init::draft(&folder));
        let late = || Failure::Refused("the project took too long to scan".to_owned());
        let mut draft = draft.await.transpose()?.ok_or_else(late)?;
        if draft.to_string().len() > answer::LIMIT {
            // The text is only useful as a whole.
            for around in ["read", "decided", "questions"] {
                answer::shorten(&mut draft[around], 200, 10);
            }
        }
        Ok(draft)
    }

    /// Returns the result of `work`, or `None` if the time is over or the client has cancelled the call.
    /// Reports progress meanwhile.
    pub(super) async fn within<T>(
        &self,
        file: &Path,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.context.ct.cancelled() => None,
            () = sleep(limit) => None,
            () = self.report_progress(file) => None,
        }
    }

    /// Sends the client each new state of the stack, if it has asked for progress. Never returns.
    async fn report_progress(&self, file: &Path) {
        if let Some(token) = self.context.meta.get_progress_token()
            && let Ok(Some(client)) = Client::find(&self.server.home).await
            && let Ok(mut watch) = client.watch().await
        {
            let (mut told, mut step) = (String::new(), 0.0);
            while let Ok(Some(snapshot)) = watch.next().await {
                let state = snapshot.stack(file).map(|stack| stack.summary());
                let Some(state) = state.filter(|state| *state != told) else {
                    continue;
                };
                told.clone_from(&state);
                step += 1.0;
                let progress = ProgressNotificationParam::new(token.clone(), step);
                let progress = progress.with_message(state);
                // A client that has disconnected needs no progress.
                drop(self.context.peer.notify_progress(progress).await);
            }
        }
        pending::<()>().await;
    }
}

/// Returns the state of a stack, with or without a daemon.
async fn view(context: &Context, file: &Path) -> Result<Arc<StackView>, Failure> {
    match context.running(file).await? {
        Some((_, stack)) => Ok(stack),
        None => status::dark(&context.home, file).await,
    }
}

/// Returns the processes that listen on a port, and the command that stops them.
async fn port_document(number: u16) -> Result<Value, Failure> {
    let port = Port::new(number).ok_or_else(|| Failure::Usage("port 0 is none".to_owned()))?;
    let mut document = port::look(port).await?;
    document["free_command"] = json!(format!("pilotlight port {port} --free"));
    Ok(document)
}

/// Returns the answer to a start.
async fn started(
    context: &Context,
    file: &Path,
    outcome: Option<Outcome>,
) -> Result<Value, Failure> {
    let findings = match outcome {
        None => None,
        Some(Outcome::Done) => Some(Vec::new()),
        Some(Outcome::Failed { message, findings }) if findings.is_empty() => {
            return Err(Failure::Refused(message));
        }
        Some(Outcome::Failed { findings, .. }) => Some(findings),
        Some(Outcome::Refused(why) | Outcome::Overruled(why)) => return Err(Failure::Refused(why)),
        Some(Outcome::Ending { .. }) => return Err(ClientError::Closed.into()),
    };
    let view = view(context, file).await?;
    let mut document = answer::stack(&view);
    document["done"] = json!(findings.is_some());
    document["ok"] = json!(findings.as_ref().map(Vec::is_empty));
    match findings {
        None => document["next"] = json!("still starting: call `wait`"),
        Some(findings) if findings.is_empty() => {}
        Some(findings) => add_causes(&mut document, context, file, findings).await?,
    }
    Ok(document)
}

/// Adds the root causes of failures, and the last log lines of the services that failed.
async fn add_causes(
    document: &mut Value,
    context: &Context,
    file: &Path,
    mut findings: Vec<Finding>,
) -> Result<(), Failure> {
    if let Some((mut client, stack)) = context.running(file).await? {
        findings = root_causes(&mut client, file, findings).await;
        let failed = stack
            .services
            .iter()
            .filter(|it| has_failed(&stack, it) && it.waiting_for.is_empty());
        let logs = failed.map(|service| {
            let lines = logs::tail(&context.home, file, &service.name, LOG_LINES);
            (service.name.to_string(), lines)
        });
        let logs: std::collections::BTreeMap<_, _> = logs.collect();
        document["log"] = json!(logs);
    }
    document["findings"] = json!(answer::findings(&findings));
    Ok(())
}
