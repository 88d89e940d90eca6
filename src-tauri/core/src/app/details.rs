//! The details of a service that the window asks for: its command, probes, checks, variables, processes
//! and runs, and the results of its probes and checks on demand.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{AppState, CallError, FileContent, files};
use crate::{
    app::window::{
        CheckDetails, CheckResult, ProcessDetails, RunDetails, ServiceDetails, Variable,
    },
    diagnose::evidence::check::{CheckAnswer, CheckOutcome, Skipped},
    effects::{
        check::{Checks, Saved},
        env,
        log::ServiceLogs,
        port::processes_of,
        probe::{Context, Prober},
    },
    fs::{
        project_file::{TIME_LIMIT, apart},
        redact::redact,
    },
    model::{
        facts::{LaunchFault, ProbeFault, ProbeFaultKind},
        stack::PortTable,
    },
    stack::{Check, CheckAction, Probe, Service, ServiceName, Stack},
};

/// The time limit for all checks of a service on demand.
const CHECKS: Duration = Duration::from_mins(1);

/// The variables that a service declares: value and file of each.
type Declared = BTreeMap<String, (String, Option<PathBuf>)>;

/// A stack, and the ports that its services have now.
struct Live {
    stack: Arc<Stack>,
    ports: PortTable,
}

impl Live {
    fn service(&self, name: &ServiceName) -> Result<&Arc<Service>, CallError> {
        let service = self.stack.service(name);
        service.ok_or(CallError::ServiceGone)
    }
}

impl AppState {
    /// Returns the details of a service, as its stack file has them now. Secrets are redacted.
    ///
    /// # Errors
    ///
    /// The service is unknown, or one of its files cannot be read.
    pub async fn describe(
        &self,
        file: &Path,
        service: &ServiceName,
    ) -> Result<ServiceDetails, CallError> {
        let (live, declared) = self.declared(file, service).await?;
        let service = live.service(service)?;
        let (name, ports) = (&service.name, &live.ports);
        let command = service.command.as_ref();
        let unreadable = declared.is_err();
        let container = service.container.as_ref();
        let check = |check: &Check| CheckDetails {
            name: check.name.clone(),
            request: redacted(&of_check(&check.render(name, ports).action)),
        };
        let probes = service.ready.probes.iter();
        let variables = declared.unwrap_or_default().into_iter();
        let logs = ServiceLogs::of(self.0.home.logs(), &self.0.home.stack_id(file), name);
        let runs = apart(TIME_LIMIT, move |_| runs(&logs)).await;
        Ok(ServiceDetails {
            command: command
                .map(|command| redacted(&command.render(name, ports).to_string()))
                .or_else(|| Some(container?.source.to_string())),
            folder: service.directory.display().to_string(),
            probes: probes
                .map(|probe| redacted(&of_probe(&probe.render(name, ports))))
                .collect(),
            checks: service.checks.iter().map(check).collect(),
            variables: variables
                .map(|(name, (value, source))| Variable {
                    value: redacted_value(&name, &value),
                    source: source
                        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
                    name,
                })
                .collect(),
            unreadable: unreadable.then(|| "An env file cannot be read.".to_owned()),
            processes: self.processes(file, name).await,
            runs: runs.unwrap_or_default(),
        })
    }

    /// Returns the value of a variable that a service declares, also if it is a secret.
    ///
    /// # Errors
    ///
    /// There is no such variable, or a file cannot be read.
    pub async fn reveal(
        &self,
        file: &Path,
        service: &ServiceName,
        variable: &str,
    ) -> Result<String, CallError> {
        let (_, declared) = self.declared(file, service).await?;
        let mut declared = declared.map_err(CallError::Variables)?;
        let value = declared.remove(variable);
        let (value, _) = value.ok_or_else(|| CallError::NoVariable {
            service: service.clone(),
            variable: variable.to_owned(),
        })?;
        Ok(value)
    }

    /// Returns the working directory of a service.
    #[must_use]
    pub fn folder(&self, file: &Path, service: &ServiceName) -> Option<PathBuf> {
        let stack = self.valid(file)?;
        Some(stack.service(service)?.directory.clone())
    }

    /// Runs every probe and check of a service now. Actions of a stack file that was never started are
    /// [withheld](Self::withheld).
    ///
    /// # Errors
    ///
    /// The service is unknown, or its stack file cannot be read.
    pub async fn run_checks(
        &self,
        file: &Path,
        service: &ServiceName,
    ) -> Result<Vec<CheckResult>, CallError> {
        self.expect_known(file, std::slice::from_ref(service))?;
        let (stack, variables) = self.permitted(file).await?;
        let live = self.live(file, stack);
        let service = live.service(service)?;
        let environment =
            env::environment(service, &variables, &live.ports, TIME_LIMIT, None).await;
        let context = Context {
            directory: service.directory.clone(),
            environment: environment.unwrap_or_default(),
            container: None,
        };
        let prober = Prober::default();
        let mut results = Vec::new();
        for probe in &service.ready.probes {
            // These are about a run, not about this moment.
            if matches!(probe, Probe::Log(_) | Probe::Process | Probe::Container) {
                continue;
            }
            let probe = probe.render(&service.name, &live.ports);
            let began = Instant::now();
            let answer = prober.probe(&probe, &context, service.ready.timeout).await;
            let took = began.elapsed();
            results.push(result(None, &of_probe(&probe), took, answer.err().as_ref()));
        }
        let checks = Checks {
            prober: &prober,
            service,
            ports: &live.ports,
            saved: &Saved::default(),
            context: &context,
            patience: Duration::ZERO,
        };
        results.extend(checks.run(CHECKS).await.iter().map(of_answer));
        Ok(results)
    }

    /// Returns a stack with the ports of its services.
    fn live(&self, file: &Path, stack: Stack) -> Live {
        let view = self.0.view.borrow().stack(file).cloned();
        let stack = Arc::new(stack);
        let ports = PortTable::of_view(stack.clone(), view.as_deref());
        Live { stack, ports }
    }

    /// Returns the stack of a file as it is now, and the variables that a service declares.
    async fn declared(
        &self,
        file: &Path,
        service: &ServiceName,
    ) -> Result<(Live, Result<Declared, LaunchFault>), CallError> {
        self.expect_known(file, std::slice::from_ref(service))?;
        let variables = self.0.settled_variables(file).await;
        let (_, stack) = files::stack(&self.0.home, file, variables.clone()).await?;
        let live = self.live(file, stack);
        let declared =
            env::declared(live.service(service)?, &variables, &live.ports, TIME_LIMIT).await;
        Ok((live, declared))
    }

    /// Returns the processes of a running service, parents before their children.
    async fn processes(&self, file: &Path, service: &ServiceName) -> Vec<ProcessDetails> {
        let stack = self.0.home.stack_id(file);
        let mut running = self.running().into_iter();
        let Some(mark) = running.find(|mark| mark.stack == stack && mark.service == *service)
        else {
            return Vec::new();
        };
        let found = processes_of(mark).await.unwrap_or_else(|error| {
            tracing::warn!("the processes of {service} cannot be listed: {error}");
            Vec::new()
        });
        let shown = found.into_iter().map(|(holder, parent)| ProcessDetails {
            pid: holder.process.pid,
            parent,
            command: holder.command_line.unwrap_or(holder.name),
        });
        shown.collect()
    }

    /// Returns the paths that the HTTP probes of each service request; see [`Stack::probed_paths`].
    #[must_use]
    pub fn probe_paths(&self, file: &Path) -> BTreeMap<ServiceName, Vec<String>> {
        let Some(stack) = self.valid(file) else {
            return BTreeMap::new();
        };
        let services = stack.services.iter();
        let paths = services.map(|service| (service.name.clone(), stack.probed_paths(service)));
        paths.filter(|(_, paths)| !paths.is_empty()).collect()
    }

    /// Returns the stack of a file, as it was read last.
    pub(super) fn valid(&self, file: &Path) -> Option<Arc<Stack>> {
        match &self.0.state().files.get(file)?.content {
            FileContent::Valid(stack) => Some(Arc::clone(stack)),
            FileContent::Wrong(_) => None,
        }
    }
}

/// Returns the runs that have a log, newest first.
fn runs(logs: &ServiceLogs) -> Vec<RunDetails> {
    let time = |time: io::Result<SystemTime>| Timestamp::try_from(time.ok()?).ok();
    let runs = logs.runs().unwrap_or_default().into_iter().rev();
    runs.filter_map(|run| {
        let log = fs::metadata(logs.run(run).log()).ok()?;
        Some(RunDetails {
            run,
            started: time(log.created()),
            last_output: time(log.modified()).filter(|_| log.len() > 0),
            bytes: log.len(),
        })
    })
    .collect()
}

fn of_answer(answer: &CheckAnswer) -> CheckResult {
    let fault = answer.probe_fault();
    let name = Some(answer.name.clone());
    let made = result(name, &answer.target, answer.took, fault.as_ref());
    let skipped = match &answer.outcome {
        CheckOutcome::Skipped(Skipped::Missing { value, .. }) => {
            Some(format!("not run: no earlier check has saved `{value}`"))
        }
        CheckOutcome::Skipped(Skipped::OutOfTime) => Some("not run: out of time".to_owned()),
        CheckOutcome::Passed | CheckOutcome::Failed(_) => None,
    };
    CheckResult {
        status: answer.exchanges.last().and_then(|last| last.status),
        fault: made.fault.or(skipped),
        ..made
    }
}

fn result(
    name: Option<String>,
    request: &str,
    took: Duration,
    fault: Option<&ProbeFault>,
) -> CheckResult {
    let (status, body) = match fault.map(|fault| &fault.kind) {
        Some(ProbeFaultKind::Status { status, body }) => (Some(*status), Some(redacted(body))),
        _ => (None, None),
    };
    CheckResult {
        name,
        request: redacted(request),
        status,
        took_ms: took.as_secs_f64() * 1_000.0,
        fault: fault.map(|fault| redacted(&fault.to_string())),
        body: body.filter(|body| !body.trim().is_empty()),
    }
}

fn redacted(text: &str) -> String {
    redact(text).into_owned()
}

/// Redacts a value by the name of its variable, too.
pub(super) fn redacted_value(name: &str, value: &str) -> String {
    let line = format!("{name}={value}");
    let line = redact(&line);
    let value = line
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('='));
    value.unwrap_or("***").to_owned()
}

fn of_probe(probe: &Probe<String>) -> String {
    match probe {
        Probe::Tcp(address) => format!("TCP connection to {address}"),
        Probe::Http(request) => format!("{} {}", request.method, request.url),
        Probe::Redis(url) => format!("Redis PING to {url}"),
        Probe::Server(protocol, url) => format!("{} client of {url}", protocol.title()),
        Probe::WebSocket(url) => format!("WebSocket handshake with {url}"),
        Probe::Command(command) => format!("`{command}`"),
        Probe::Log(pattern) => format!("a log line that matches `{pattern}`"),
        Probe::Process => "the process is running".to_owned(),
        Probe::Container => "the container is healthy".to_owned(),
        Probe::Published(address) => format!("published port {address}"),
    }
}

fn of_check(action: &CheckAction<String>) -> String {
    match action {
        CheckAction::Http(request) => format!("{} {}", request.method, request.url),
        CheckAction::WebSocket { url, .. } => format!("WebSocket handshake with {url}"),
        CheckAction::Redis(url) => format!("Redis PING and write to {url}"),
        CheckAction::Command(command) => format!("`{command}`"),
    }
}
