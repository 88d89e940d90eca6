//! Asks about one service: what it answers, and what would keep it from starting.

use std::{ffi::OsString, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    Case, Standing,
    project::{self, Found, Look},
};
use crate::{
    diagnose::evidence::{
        CheckAnswer, PointsAt, ProbeAnswer, ProjectEvidence,
        check::{CheckFault, CheckOutcome, Skipped},
    },
    effects::{
        check::{Checks, Saved},
        env::{self, require},
        port::{Claimant, Leftovers, foresee},
        probe::{Context, Prober, target},
    },
    fs::project_file::apart,
    model::{
        facts::{LaunchFault, PortFault, ProbeFault, ProbeFaultKind},
        view::PhaseName,
    },
    stack::{PortConflict, Probe, Service},
};

/// The extra time for an answer beyond its limit, which distinguishes a slow service from one that
/// hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The share of the time in which the env files must be read, so that a pipe without a writer leaves
/// time for probes.
const VARIABLES: u32 = 4;

/// All variables of a service.
type Environment = Vec<(OsString, OsString)>;

/// What came of asking.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) probes: Vec<ProbeAnswer>,
    pub(super) checks: Vec<CheckAnswer>,
    pub(super) requirement: Option<LaunchFault>,
    pub(super) port_fault: Option<PortFault>,
    pub(super) points_at: Vec<PointsAt>,
    pub(super) project: ProjectEvidence,
}

/// Asks everything about a service at the same time, until `deadline`.
pub(super) async fn ask(
    case: &Case,
    standing: &Standing,
    prober: &Prober,
    deadline: Instant,
) -> Asked {
    if !standing.is_asked {
        return Asked::default();
    }
    let spec = &standing.spec;
    let left = deadline.saturating_duration_since(Instant::now());
    let environment = env::environment(spec, &case.variables, &*case.ports, left / VARIABLES).await;
    let context = Context {
        directory: spec.directory.clone(),
        environment: environment.as_deref().unwrap_or_default().into(),
    };
    let folder = async {
        let found = look(case, standing, &context, deadline).await;
        let launchable = launchable(case, standing, &environment, &context, &found);
        let requirement = timeout_at(deadline, launchable).await;
        (found, requirement.ok().and_then(Result::err))
    };
    let startable = timeout_at(deadline, port_fault(case, standing));
    let (answers, mut checks, (found, requirement), port_fault) = tokio::join!(
        probe_all(case, standing, prober, &context, deadline),
        check_all(case, spec, prober, &context, deadline),
        folder,
        startable,
    );
    forgive_what_was_cut(&mut checks, &answers, spec);
    Asked {
        probes: answers,
        checks,
        requirement,
        port_fault: port_fault.ok().flatten(),
        points_at: found.points_at,
        project: found.project,
    }
}

/// Returns the evidence from its folder; empty if it cannot be read in time.
async fn look(case: &Case, standing: &Standing, context: &Context, deadline: Instant) -> Found {
    let started = standing.known.started;
    let look = Look {
        stack: case.stack.clone(),
        stack_text: case.stack_text.clone(),
        spec: standing.spec.clone(),
        ports: case.ports.clone(),
        variables: case.variables.clone(),
        environment: context.environment.clone(),
        started: started.filter(|_| standing.known.pid.is_some()),
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let found = apart(left, move |reader| project::look(&look, reader)).await;
    found.unwrap_or_default()
}

/// Whether nothing of it runs that the daemon or an answer tells of.
fn is_down(standing: &Standing) -> bool {
    let phase = standing.known.phase;
    !standing.spec.is_external()
        && matches!(
            phase,
            PhaseName::Stopped | PhaseName::Backoff | PhaseName::Blocked | PhaseName::Failed
        )
}

async fn probe_all(
    case: &Case,
    standing: &Standing,
    prober: &Prober,
    context: &Context,
    deadline: Instant,
) -> Vec<ProbeAnswer> {
    let ready = &standing.spec.ready;
    let answers = ready.probes.iter().map(|probe| {
        let probe = probe.render(&standing.spec.name, &*case.ports);
        async move {
            let left = deadline.saturating_duration_since(Instant::now());
            let allowed = ready.timeout.min(left);
            let timeout = (ready.timeout + PATIENCE).min(left);
            let began = Instant::now();
            let result = match &probe {
                Probe::Log(_) | Probe::Process => of_run(&probe, standing),
                probe => prober.probe(probe, context, timeout).await,
            };
            let is_cut = timeout < ready.timeout && is_timeout(&result);
            let result = if is_cut {
                what_is_known(standing, result)
            } else {
                result
            };
            answer(&probe, result, began.elapsed(), allowed)
        }
    });
    join_all(answers).await
}

/// What a probe tells that is about a run, not about this moment.
fn of_run(probe: &Probe<String>, standing: &Standing) -> Result<(), ProbeFault> {
    let target = target(probe);
    if is_down(standing) {
        let kind = ProbeFaultKind::Unreachable("it does not run".to_owned());
        return Err(ProbeFault { target, kind });
    }
    match &standing.last_fault {
        Some(fault) if fault.kind == ProbeFaultKind::LogUnmatched => Err(fault.clone()),
        _ => Ok(()),
    }
}

fn is_timeout(result: &Result<(), ProbeFault>) -> bool {
    let fault = result.as_ref().err();
    fault.is_some_and(|fault| matches!(fault.kind, ProbeFaultKind::TimedOut { .. }))
}

/// An answer that there was no time to wait for: the daemon waits longer.
fn what_is_known(standing: &Standing, result: Result<(), ProbeFault>) -> Result<(), ProbeFault> {
    match (standing.known.phase, &standing.last_fault) {
        (_, Some(fault)) => Err(fault.clone()),
        (PhaseName::Ready, None) => Ok(()),
        _ => result,
    }
}

fn answer(
    probe: &Probe<String>,
    result: Result<(), ProbeFault>,
    took: Duration,
    timeout: Duration,
) -> ProbeAnswer {
    let (host, port) = match probe {
        Probe::Tcp(address) => match address.rsplit_once(':') {
            Some((host, port)) => (Some(bare(host)), port.parse().ok()),
            None => (None, None),
        },
        Probe::Http(request) => place(&request.url, None),
        Probe::Redis(url) => place(url, Some(6379)),
        Probe::WebSocket(url) => place(url, None),
        Probe::Command(_) | Probe::Log(_) | Probe::Process => (None, None),
    };
    ProbeAnswer {
        target: target(probe),
        result,
        took,
        timeout,
        host,
        port,
        tells: matches!(
            probe,
            Probe::Http(_) | Probe::Redis(_) | Probe::WebSocket(_)
        ),
    }
}

fn place(url: &str, default: Option<u16>) -> (Option<String>, Option<u16>) {
    let Ok(url) = Url::parse(url) else {
        return (None, None);
    };
    let port = url.port_or_known_default().or(default);
    (url.host_str().map(bare), port)
}

async fn check_all(
    case: &Case,
    spec: &Service,
    prober: &Prober,
    context: &Context,
    deadline: Instant,
) -> Vec<CheckAnswer> {
    let checks = Checks {
        prober,
        service: spec,
        ports: &*case.ports,
        saved: &Saved::default(),
        context,
        patience: PATIENCE,
    };
    let left = deadline.saturating_duration_since(Instant::now());
    checks.run(left).await
}

/// A check may be allowed to take longer than there was time to wait: its answer might still have
/// come, unless the service answers nothing at all.
fn forgive_what_was_cut(checks: &mut [CheckAnswer], probes: &[ProbeAnswer], spec: &Service) {
    if probes.iter().any(|probe| is_timeout(&probe.result)) {
        return;
    }
    let hangs = CheckFault::Plain(ProbeFaultKind::TimedOut { connected: true });
    for (answer, check) in checks.iter_mut().zip(&spec.checks) {
        if answer.took < check.timeout && answer.fault() == Some(&hangs) {
            answer.outcome = CheckOutcome::Skipped(Skipped::OutOfTime);
        }
    }
}

fn bare(host: &str) -> String {
    host.trim_matches(['[', ']']).to_owned()
}

/// What would keep it from being launched, in the order in which a start meets it. Of what runs
/// there is nothing to say.
async fn launchable(
    case: &Case,
    standing: &Standing,
    environment: &Result<Environment, LaunchFault>,
    context: &Context,
    found: &Found,
) -> Result<(), LaunchFault> {
    let spec = &standing.spec;
    if spec.command.is_none() || !is_down(standing) {
        return Ok(());
    }
    if found.has_no_folder {
        let path = spec.directory.clone();
        return Err(LaunchFault::DirectoryMissing { path });
    }
    if let Err(fault) = environment {
        return Err(fault.clone());
    }
    require(spec, &context.environment, &*case.ports).await?;
    found.no_program.clone().map_or(Ok(()), Err)
}

async fn port_fault(case: &Case, standing: &Standing) -> Option<PortFault> {
    let spec = &standing.spec;
    let port = spec.port.filter(|_| is_down(standing))?;
    if spec.port_conflict == PortConflict::Next {
        return None;
    }
    let claimant = Claimant {
        leftovers: Leftovers::of(case.id.clone(), &case.stack, spec, &*case.ports),
        host: spec.host.clone(),
        conflict: spec.port_conflict,
        mode: case.stack.mode,
        running: case.active.clone(),
    };
    foresee(port, &claimant).await
}
