//! Queries one service: its responses, and the obstacles to its start.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::{
    Patience, RunContext,
    project::{self, Found, Look},
    sockets::Sockets,
    subject::Scene,
};
use crate::{
    diagnose::evidence::{
        CheckAnswer, PassesOn, ProbeAnswer, ServiceEvidence,
        check::{AskedDirectly, CheckFault, CheckNote, CheckOutcome, Skipped},
    },
    effects::{
        check::Checks,
        container,
        env::{self, require},
        port::{ActiveRuns, ClaimRequest, Requester, foresee},
        probe::{Context, Prober, address::Address, target},
    },
    env::Env,
    fs::project_file::apart,
    model::{
        facts::{LaunchFault, Mark, PortFault, ProbeFault, ProbeFaultKind, RunId},
        stack::PortTable,
        view::PhaseName,
    },
    stack::{ContainerSource, HttpRequest, Port, PortConflict, Probe, label},
};

/// The extra time for a response after its limit, to distinguish a slow service from one that
/// hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time limit for the requirements of a start, which may be commands.
const REQUIREMENTS: Duration = Duration::from_secs(5);

/// The fraction of the time in which the env files must be read, so that a pipe without a writer
/// leaves time for the rest.
const VARIABLES: u32 = 4;

/// The folder of a service, and the variables of its commands.
pub(super) struct Folder {
    environment: Result<Env, LaunchFault>,
    context: Context,
    found: Found,
}

/// The inputs for querying one service.
pub(super) struct Asking<'a> {
    pub(super) scene: &'a Scene,
    pub(super) run: &'a RunContext,
    pub(super) prober: &'a Prober,
    pub(super) active: &'a ActiveRuns,
    pub(super) patience: Patience,
    pub(super) deadline: Instant,
}

/// Reads the folder and the variables of a service, within a limit; empty if they cannot be read.
pub(super) async fn look(
    scene: &Scene,
    stack_text: Option<&Arc<str>>,
    run: &RunContext,
    is: &ServiceEvidence,
    limit: Duration,
) -> Folder {
    if !run.is_asked {
        return Folder {
            environment: Ok(Env::new()),
            context: Context::default(),
            found: Found::default(),
        };
    }
    let spec = &run.spec;
    let variables = limit / VARIABLES;
    let environment = env::environment(spec, &scene.variables, &*scene.ports, variables, None);
    let environment = environment.await;
    let context = Context {
        directory: spec.directory.clone(),
        environment: environment.clone().unwrap_or_default(),
        container: None,
    };
    let look = Look {
        stack: scene.stack.clone(),
        stack_text: stack_text.cloned(),
        spec: spec.clone(),
        ports: scene.ports.clone(),
        variables: scene.variables.clone(),
        environment: context.environment.clone(),
        started: is.started.filter(|_| is.pid.is_some()),
    };
    let left = limit.saturating_sub(variables);
    let found = apart(left, move |reader| project::look(&look, reader)).await;
    Folder {
        environment,
        context,
        found: found.unwrap_or_default(),
    }
}

impl Asking<'_> {
    /// Queries the service concurrently, until the deadline.
    pub(super) async fn complete(
        self,
        is: &mut ServiceEvidence,
        folder: Folder,
        sockets: &Sockets,
    ) {
        if !self.run.is_asked {
            return;
        }
        let Folder {
            environment,
            context,
            found,
        } = folder;
        let is_down = !self.run.spec.is_external() && is_down(is);
        let launchable = self.launchable(is_down, &environment, &context, &found);
        let (mut probes, refused, mut checks, launchable, port_fault) = tokio::join!(
            self.probes(is, &context),
            self.refused_by_name(&context),
            self.checks(&context),
            timeout(REQUIREMENTS.min(self.left()), launchable),
            timeout_at(self.deadline, self.port_fault(is_down)),
        );
        if self.may_compile(is, &probes, &checks, &found, sockets) {
            // A second request distinguishes a page that was compiled from one that is always slow.
            checks = self.checks(&context).await;
        }
        probes.extend(refused);
        self.replace_unanswered(&mut checks, &probes);
        self.ask_behind(&mut checks, &context, &found.project.passes_on)
            .await;
        is.first_checks &= self.patience != Patience::Own;
        is.probes = probes;
        is.checks = checks;
        is.requirement = launchable.ok().and_then(Result::err);
        is.port_fault = port_fault.ok().flatten();
        is.points_at = found.points_at;
        is.project = found.project;
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    async fn probes(&self, is: &ServiceEvidence, context: &Context) -> Vec<ProbeAnswer> {
        let ready = &self.run.spec.ready;
        let answers = ready.probes.iter().map(|probe| {
            let probe = probe.render(&self.run.spec.name, &*self.scene.ports);
            async move {
                let left = self.left();
                let allowed = ready.timeout.min(left);
                let timeout = (ready.timeout + PATIENCE).min(left);
                let began = Instant::now();
                let mut result = match &probe {
                    Probe::Log(_) | Probe::Process | Probe::Container => self.of_run(&probe, is),
                    probe => self.prober.probe(probe, context, timeout).await,
                };
                if timeout < ready.timeout && is_timeout(&result) {
                    result = self.known(is, result);
                }
                answer(&probe, result, began.elapsed(), allowed)
            }
        });
        join_all(answers).await
    }

    /// Requests a link of a checkout with a slot as a browser does, by its host name. Returns the
    /// response of a server that rejects the name but accepts `localhost`.
    async fn refused_by_name(&self, context: &Context) -> Option<ProbeAnswer> {
        let (spec, slot) = (&self.run.spec, self.scene.stack.slot.as_ref()?);
        let host = format!("{}.{}.localhost", label(spec.name.as_str()), slot.label);
        let links = spec.links.values();
        let links = links.map(|link| link.render(&spec.name, &*self.scene.ports));
        let mut links = links.filter_map(|link| Url::parse(&link).ok());
        let named = links.find(|link| link.host_str() == Some(&*host))?;
        let mut plain = named.clone();
        plain.set_host(Some("localhost")).ok()?;
        let allowed = spec.ready.timeout.min(self.left());
        let ask = |url: Url| async move {
            let probe = Probe::Http(Box::new(HttpRequest::new("GET", url.as_str())));
            let began = Instant::now();
            let result = self.prober.probe(&probe, context, allowed).await;
            answer(&probe, result, began.elapsed(), allowed)
        };
        let (named, plain) = tokio::join!(ask(named), ask(plain));
        let fault = named.result.as_ref().err();
        let is_refused =
            fault.is_some_and(|fault| matches!(fault.kind, ProbeFaultKind::Status { .. }));
        (is_refused && plain.result.is_ok()).then_some(named)
    }

    /// Returns the result of a probe that concerns a whole run, not this moment.
    fn of_run(&self, probe: &Probe<String>, is: &ServiceEvidence) -> Result<(), ProbeFault> {
        if !self.run.spec.is_external() && is_down(is) {
            return Err(ProbeFault {
                target: target(probe),
                kind: ProbeFaultKind::Unreachable("it is not running".to_owned()),
            });
        }
        match &self.run.last_fault {
            Some(fault) if is_about_run(fault, probe) => Err(fault.clone()),
            _ => Ok(()),
        }
    }

    /// Replaces a response that did not arrive in time by the state that the daemon knows.
    fn known(
        &self,
        is: &ServiceEvidence,
        result: Result<(), ProbeFault>,
    ) -> Result<(), ProbeFault> {
        match (is.phase, &self.run.last_fault) {
            (_, Some(fault)) => Err(fault.clone()),
            (PhaseName::Ready, None) => Ok(()),
            _ => result,
        }
    }

    async fn checks(&self, context: &Context) -> Vec<CheckAnswer> {
        self.all_checks(context).run(self.left()).await
    }

    fn all_checks<'a>(&'a self, context: &'a Context) -> Checks<'a, PortTable> {
        Checks {
            prober: self.prober,
            service: &self.run.spec,
            ports: &*self.scene.ports,
            saved: &self.scene.saved,
            context,
            patience: PATIENCE,
        }
    }

    /// Sends the requests that failed through a proxy directly to the servers behind it.
    async fn ask_behind(&self, checks: &mut [CheckAnswer], context: &Context, all: &[PassesOn]) {
        let made = self.all_checks(context);
        for (answer, template) in checks.iter_mut().zip(&self.run.spec.checks) {
            let is_its_own = answer.port == self.run.spec.port.map(Port::number);
            let path = Url::parse(answer.target.rsplit(' ').next().unwrap_or_default());
            let path = path.map_or_else(|_| String::new(), |url| url.path().to_owned());
            let rule = all.iter().find(|rule| path.starts_with(&rule.path));
            let rule = rule.filter(|_| answer.fault().is_some() && is_its_own);
            let Some(rule) = rule else { continue };
            let mut is_stripped = false;
            let mut direct = made.directly(template, rule, "", self.left()).await;
            if direct.as_ref().is_some_and(is_not_found) {
                // The proxy may strip the prefix of the path.
                let stripped = made.directly(template, rule, &rule.path, self.left()).await;
                is_stripped = !rule.path.is_empty();
                direct = stripped.filter(|answer| is_stripped && answer.fault().is_none());
            }
            answer.notes.extend(direct.map(|direct| {
                CheckNote::AskedDirectly(Box::new(AskedDirectly {
                    rule: rule.clone(),
                    fault: direct.probe_fault(),
                    target: direct.target,
                    is_stripped,
                }))
            }));
        }
    }

    /// Returns whether a check may have been late because the server compiled the page for its
    /// first request: not if the service hangs, or waits for an address without a listener.
    fn may_compile(
        &self,
        is: &ServiceEvidence,
        probes: &[ProbeAnswer],
        checks: &[CheckAnswer],
        found: &Found,
        sockets: &Sockets,
    ) -> bool {
        is.first_checks
            && self.patience == Patience::Own
            && checks.iter().any(|check| check.took > check.timeout)
            && probes.iter().all(|probe| probe.result.is_ok())
            && !found.points_at.iter().any(|it| sockets.is_closed(it))
    }

    /// Replaces each check that was cut short by the daemon's last result, or marks it as skipped.
    /// If a probe has no response either, the service hangs, and so does the check.
    fn replace_unanswered(&self, checks: &mut [CheckAnswer], probes: &[ProbeAnswer]) {
        if probes.iter().any(|probe| is_timeout(&probe.result)) {
            return;
        }
        let hangs = CheckFault::Plain(ProbeFaultKind::TimedOut { connected: true });
        for (answer, check) in checks.iter_mut().zip(&self.run.spec.checks) {
            let is_cut = answer.took < check.timeout && answer.fault() == Some(&hangs);
            let is_skipped = matches!(answer.outcome, CheckOutcome::Skipped(_));
            let mut failed = self.run.failed_checks.iter();
            let known = failed.find(|(name, _)| *name == answer.name);
            if let Some((_, fault)) = known.filter(|_| is_cut || is_skipped) {
                answer.outcome = CheckOutcome::Failed(CheckFault::Plain(fault.kind.clone()));
            } else if is_cut {
                answer.outcome = CheckOutcome::Skipped(Skipped::OutOfTime);
            }
        }
    }

    /// Checks the requirements of a start in their order. A running service has none.
    async fn launchable(
        &self,
        is_down: bool,
        environment: &Result<Env, LaunchFault>,
        context: &Context,
        found: &Found,
    ) -> Result<(), LaunchFault> {
        let spec = &self.run.spec;
        if spec.is_external() || !is_down {
            return Ok(());
        }
        if found.has_no_folder {
            let path = spec.directory.clone();
            return Err(LaunchFault::DirectoryMissing { path });
        }
        if let Err(fault) = environment {
            return Err(fault.clone());
        }
        require(spec, &context.environment, &*self.scene.ports).await?;
        if spec.container.is_some() {
            let answers = container::answers(spec, &self.scene.variables);
            return answers.await.map_err(Into::into);
        }
        found.no_program.clone().map_or(Ok(()), Err)
    }

    async fn port_fault(&self, is_down: bool) -> Option<PortFault> {
        let spec = &self.run.spec;
        let port = spec.port.filter(|_| is_down)?;
        // Compose publishes the ports of its own file.
        let is_compose = spec
            .container
            .as_ref()
            .is_some_and(|container| matches!(container.source, ContainerSource::Compose { .. }));
        if is_compose || spec.port_conflict == PortConflict::Next {
            return None;
        }
        let stack = &self.scene.stack;
        let requester = Requester {
            running: self.active.clone(),
            variables: self.scene.variables.clone(),
            ..Requester::default()
        };
        let mark = Mark {
            stack: self.scene.id.clone(),
            service: spec.name.clone(),
            run: RunId(0),
        };
        let ports = &*self.scene.ports;
        foresee(&ClaimRequest::new(
            mark, port, stack, spec, ports, requester,
        ))
        .await
    }
}

fn is_not_found(answer: &CheckAnswer) -> bool {
    let fault = answer.probe_fault().map(|fault| fault.kind);
    fault.is_some_and(|kind| {
        matches!(
            kind,
            ProbeFaultKind::Status { status: 404, .. } | ProbeFaultKind::WebSocketRefused(404)
        )
    })
}

/// Returns whether it is not running, by its phase.
fn is_down(is: &ServiceEvidence) -> bool {
    matches!(
        is.phase,
        PhaseName::Stopped | PhaseName::Backoff | PhaseName::Blocked | PhaseName::Failed
    )
}

/// Returns whether a fault belongs to a probe that concerns a whole run.
fn is_about_run(fault: &ProbeFault, probe: &Probe<String>) -> bool {
    match fault.kind {
        ProbeFaultKind::LogUnmatched => matches!(probe, Probe::Log(_)),
        ProbeFaultKind::HealthCheck { .. } => matches!(probe, Probe::Container),
        _ => false,
    }
}

fn is_timeout(result: &Result<(), ProbeFault>) -> bool {
    let fault = result.as_ref().err();
    fault.is_some_and(|fault| matches!(fault.kind, ProbeFaultKind::TimedOut { .. }))
}

fn answer(
    probe: &Probe<String>,
    result: Result<(), ProbeFault>,
    took: Duration,
    timeout: Duration,
) -> ProbeAnswer {
    let address = match probe {
        Probe::Tcp(address) | Probe::Published(address) => address
            .rsplit_once(':')
            .map(|(host, port)| (bare(host), port.parse().ok())),
        probe => Address::of(probe).map(|it| (it.name, Some(it.endpoint.port))),
    };
    let (host, port) = address.unzip();
    ProbeAnswer {
        target: target(probe),
        result,
        took,
        timeout,
        host,
        port: port.flatten(),
        tells: matches!(
            probe,
            Probe::Http(_) | Probe::Redis(_) | Probe::Server(..) | Probe::WebSocket(_)
        ),
    }
}

fn bare(host: &str) -> String {
    host.trim_matches(['[', ']']).to_owned()
}
