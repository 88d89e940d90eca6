//! The input of a diagnosis: the facts about a stack before anything is queried.

use std::{fmt, path::PathBuf, sync::Arc};

use super::QUICK;
use crate::{
    diagnose::evidence::{Evidence, HostEvidence, ServiceEvidence},
    effects::{check::Saved, port::ActiveRuns, process::Tree},
    env::Env,
    fs::{home::Home, project_file::apart},
    host::clock,
    model::{
        facts::{ProbeFault, Process, StackId},
        service::ServiceState,
        stack::{PortTable, StackModel},
        view::PhaseName,
    },
    stack::{Service, ServiceName, Stack},
    stack_file,
};

/// A stack to diagnose.
#[derive(Clone)]
pub struct Subject {
    /// The known facts. [`super::Gatherer::gather`] adds the rest.
    pub evidence: Evidence,
    /// The number of the situation in the model: evidence of different situations may not fit
    /// together.
    pub situation: u64,
    /// The active runs of a daemon, of any stack.
    pub active: ActiveRuns,
    /// The services, in the order of the evidence.
    pub runs: Vec<RunContext>,
    pub(super) scene: Scene,
}

/// The facts that the queries about every service of a stack share.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) stack: Arc<Stack>,
    /// The stack, for marks and file names.
    pub(super) id: StackId,
    /// The folder of all logs.
    pub(super) logs: PathBuf,
    /// The actual or expected ports of its services.
    pub(super) ports: Arc<PortTable>,
    /// The base environment of its services. Values are secrets.
    pub(super) variables: Env,
    /// The values that its checks save for each other.
    pub(super) saved: Saved,
}

/// The facts that the queries about one service need.
#[derive(Clone)]
pub struct RunContext {
    /// The stack file's entry for its current or next run.
    pub spec: Arc<Service>,
    /// Whether the model knows of a problem with it.
    pub is_in_trouble: bool,
    /// Whether it is queried and its log is read.
    pub is_asked: bool,
    /// Its running processes; `None` if they are unknown.
    pub(super) tree: Option<Tree>,
    /// Why its latest round of probes failed.
    pub(super) last_fault: Option<ProbeFault>,
    /// The checks that failed in their latest round.
    pub(super) failed_checks: Vec<(String, ProbeFault)>,
    /// The first process of its latest run.
    pub(super) last_process: Option<Process>,
}

impl Subject {
    /// Builds the subject for a stack of a model. `tree` returns the running processes of a
    /// service.
    pub fn of(
        model: &StackModel,
        home: &Home,
        variables: Env,
        tree: impl Fn(&ServiceName) -> Option<Tree>,
    ) -> Self {
        let stack = model.stack().clone();
        let declared = || {
            let services = model.services().iter();
            services.filter(|service| stack.service(service.name()).is_some())
        };
        Self {
            evidence: Evidence {
                stack: stack.clone(),
                stack_text: None,
                at: clock::now().wall,
                took: std::time::Duration::ZERO,
                kept: true,
                other_daemon: None,
                services: declared().map(ServiceState::evidence).collect(),
                host: HostEvidence::default(),
                within: None,
            },
            situation: model.situation(),
            active: ActiveRuns::default(),
            runs: declared()
                .map(|service| RunContext {
                    spec: service.spec().clone(),
                    tree: tree(service.name()),
                    last_fault: service.last_fault().cloned(),
                    failed_checks: service.failed_checks().to_vec(),
                    last_process: service.last_process(),
                    is_in_trouble: service.is_in_trouble(),
                    is_asked: true,
                })
                .collect(),
            scene: Scene {
                id: home.stack_id(&stack.file),
                logs: home.logs().to_owned(),
                ports: model.ports(),
                variables,
                saved: Saved::default(),
                stack,
            },
        }
    }

    /// The stack, for marks and file names.
    #[must_use]
    pub fn id(&self) -> &StackId {
        &self.scene.id
    }

    /// Lets the checks start with a copy of the values that earlier ones have saved.
    pub fn begin_with(&mut self, saved: &Saved) {
        self.scene.saved = saved.copy();
    }

    /// Reads the text of the stack file, for fixes that change it.
    pub async fn read_stack_file(&mut self) {
        let file = self.scene.stack.file.clone();
        let text = apart(QUICK, move |_| stack_file::text(&file)).await;
        let text = text.ok().and_then(Result::ok);
        self.evidence.stack_text = text.map(Into::into);
    }

    /// Updates the model's facts about services that have exited since `evidence` was gathered, if
    /// there is no time to gather it again.
    pub fn amend(&self, evidence: &mut Evidence) {
        for known in self
            .evidence
            .services
            .iter()
            .filter(|known| known.is_over())
        {
            let mut services = evidence.services.iter_mut();
            let Some(service) = services.find(|service| service.name == known.name) else {
                continue;
            };
            let gathered = std::mem::replace(service, known.clone());
            *service = ServiceEvidence {
                out_of_memory: gathered.out_of_memory,
                holders: gathered.holders,
                probes: gathered.probes,
                checks: gathered.checks,
                log: gathered.log,
                points_at: gathered.points_at,
                project: gathered.project,
                ..service.clone()
            };
        }
    }
}

impl ServiceEvidence {
    /// Returns whether its run is over and was not stopped on purpose.
    fn is_over(&self) -> bool {
        matches!(
            self.phase,
            PhaseName::Failed | PhaseName::Backoff | PhaseName::Blocked
        )
    }
}

impl fmt::Debug for Subject {
    /// Formats it without the variables, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("id", &self.scene.id)
            .field("situation", &self.situation)
            .finish_non_exhaustive()
    }
}
