//! What is known of a stack before anything is asked.

use std::{fmt, path::PathBuf, sync::Arc};

use super::BY_ITSELF;
use crate::{
    diagnose::evidence::{Evidence, ServiceEvidence},
    effects::{env::Base, port::ActiveRuns, process::Tree},
    fs::{home::Home, project_file::apart},
    model::{
        facts::{ProbeFault, Process, RunId, StackId},
        service::ServiceState,
        stack::{PortTable, StackModel},
        view::PhaseName,
    },
    stack::{Service, ServiceName, Stack},
};

/// A stack, and what is known of it.
#[derive(Clone)]
pub struct Case {
    /// What the stack file says.
    pub stack: Arc<Stack>,
    /// Its text.
    pub stack_text: Option<Arc<str>>,
    /// The stack, in marks and file names.
    pub id: StackId,
    /// The folder of all logs.
    pub logs: PathBuf,
    /// Whether a daemon has it.
    pub kept: bool,
    /// The ports that its services have, or are to have.
    pub ports: Arc<PortTable>,
    /// What its services start with. Values are secrets.
    pub variables: Arc<Base>,
    /// The runs that a daemon has under way, of any stack.
    pub active: ActiveRuns,
    /// The situation, as the model counts them: what was gathered in another one may not fit together.
    pub situation: u64,
    /// Its services.
    pub services: Vec<Standing>,
}

/// A service, and what is known of it.
#[derive(Clone)]
pub struct Standing {
    /// What the stack file says of its present or next run.
    pub spec: Arc<Service>,
    /// What the model tells.
    pub known: ServiceEvidence,
    /// The present or latest run.
    pub run: Option<RunId>,
    /// What runs of it; `None` if that is not known.
    pub tree: Option<Tree>,
    /// Why its latest round of probes failed.
    pub last_fault: Option<ProbeFault>,
    /// The first process of its latest run.
    pub last_process: Option<Process>,
    /// Whether something is wrong with it, as far as the model knows.
    pub is_in_trouble: bool,
    /// Whether it is asked anything, and its log is read.
    pub is_asked: bool,
}

impl Case {
    /// A stack as its model has it. `tree` tells what runs of a service.
    pub fn of(
        model: &StackModel,
        home: &Home,
        variables: Arc<Base>,
        tree: impl Fn(&ServiceName) -> Option<Tree>,
    ) -> Self {
        let stack = model.stack().clone();
        let is_declared = |service: &&ServiceState| stack.service(service.name()).is_some();
        let services = model.services().iter().filter(is_declared);
        let services = services.map(|service| Standing {
            spec: service.spec().clone(),
            known: service.evidence(),
            run: service.run(),
            tree: tree(service.name()),
            last_fault: service.last_fault().cloned(),
            last_process: service.last_process(),
            is_in_trouble: service.is_in_trouble(),
            is_asked: true,
        });
        Self {
            services: services.collect(),
            stack_text: None,
            id: home.stack_id(&stack.file),
            logs: home.logs().to_owned(),
            kept: true,
            ports: model.ports(),
            variables,
            active: ActiveRuns::default(),
            situation: model.situation(),
            stack,
        }
    }

    /// Reads the text of the stack file, for remedies that change it.
    pub async fn read_stack_file(&mut self) {
        let file = self.stack.file.clone();
        let text = apart(BY_ITSELF, move |reader| reader.text(&file)).await;
        self.stack_text = text.flatten().ok().map(Into::into);
    }

    /// Says of services that have ended meanwhile that they have, in evidence that was gathered
    /// before: for when there is no time to gather it again.
    pub fn amend(&self, evidence: &mut Evidence) {
        for standing in self.services.iter().filter(|standing| standing.has_ended()) {
            let name = &standing.spec.name;
            let mut services = evidence.services.iter_mut();
            let Some(service) = services.find(|service| service.name == *name) else {
                continue;
            };
            let gathered = std::mem::replace(service, standing.known.clone());
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

impl Standing {
    fn has_ended(&self) -> bool {
        matches!(
            self.known.phase,
            PhaseName::Failed | PhaseName::Backoff | PhaseName::Blocked
        )
    }
}

impl fmt::Debug for Case {
    /// Without the variables, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, situation, .. } = self;
        f.debug_struct("Case")
            .field("id", id)
            .field("situation", situation)
            .finish_non_exhaustive()
    }
}
