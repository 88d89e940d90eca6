//! Adopts the runs of an earlier daemon if their processes are still the recorded ones. Otherwise
//! cleans them up.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Origin, Supervisor, offline::last_run, running_stack::RunningStack};
use crate::{
    effects::{
        container::{Cell, Contained},
        log::{self, ServiceLogs},
        process::{ProcessScan, ProcessTable, Tree, stop_remains},
    },
    env::Env,
    model::{
        effect::{Act, Effect},
        facts::{Mark, Process, StackId},
        service::Adoption,
        stack::Event,
    },
    stack::{PortAssignment, ServiceName, Stack},
    stack_file,
    state::{RecordedRun, Remembered, RememberedStack},
};

impl Supervisor {
    /// Adopts running services and stops remaining processes of finished runs. Returns messages for
    /// the user.
    pub(super) async fn adopt(&mut self, remembered: Remembered) -> std::io::Result<Vec<String>> {
        let mut remarks: Vec<String> = remembered
            .quarantine
            .iter()
            .map(ToString::to_string)
            .collect();
        if remembered.stacks.is_empty() {
            return Ok(remarks);
        }
        // A separate table: that of the daemon only needs to look back to the adopted processes.
        let processes = ProcessTable::since(0);
        let table = processes.scan().await?;
        for stack in &remembered.stacks {
            let runs: Vec<&RecordedRun> = remembered
                .running
                .iter()
                .filter(|running| running.stack == stack.id)
                .collect();
            if runs.is_empty() && table.marked_by_stack(&stack.id).next().is_none() {
                self.journal.forget_stack(&stack.id);
                continue;
            }
            // The journal may be newer than the running processes.
            for (process, _) in table.marked_by_stack(&stack.id) {
                self.tools.processes.look_back_to(process.started);
            }
            match read(stack) {
                Ok((applied, variables)) => {
                    self.adopt_stack(&stack.id, applied, variables, &runs, &table);
                    let is_known = |mark: &Mark| runs.iter().any(|run| run.mark() == *mark);
                    let never = CancellationToken::new();
                    end_strays(&processes, &table, &stack.id, is_known, &never).await;
                }
                // A stack whose file cannot be read and that has no running process is dropped.
                Err(_) if !is_running(&table, stack, &runs) => {
                    for run in &runs {
                        self.journal.ended(&run.stack, &run.service, run.run);
                    }
                    self.journal.forget_stack(&stack.id);
                }
                Err(message) => remarks.push(message),
            }
        }
        Ok(remarks)
    }

    fn adopt_stack(
        &mut self,
        id: &StackId,
        stack: Stack,
        variables: Env,
        runs: &[&RecordedRun],
        table: &ProcessScan,
    ) {
        let home = &self.tools.home;
        let last_run = |service: &ServiceName| last_run(home, id, service);
        let slot = self.slots.get(id);
        let stack = match slot.filter(|_| stack.ports != PortAssignment::Fixed) {
            Some(slot) => stack.in_slot(&slot),
            None => stack,
        };
        let mut running_stack = RunningStack::new(id.clone(), Arc::new(stack), variables, last_run);
        running_stack.remember();
        self.stacks.push(running_stack);
        self.publish_applied();
        let index = self.stacks.len() - 1;
        self.look_up_checkout(index);
        for running in runs {
            self.adopt_run(index, running, table);
        }
    }

    fn adopt_run(&mut self, index: usize, running: &RecordedRun, table: &ProcessScan) {
        let origin = Origin {
            stack: running.stack.clone(),
            service: running.service.clone(),
            run: running.run,
        };
        let logs = ServiceLogs::of(self.tools.home.logs(), &origin.stack, &origin.service);
        self.tools.processes.look_back_to(running.process.started);
        let tree = is_of_run(table, running)
            .then(|| Tree::adopt(running.mark(), running.process))
            .flatten();
        let contained = running.container.as_ref().and_then(Contained::adopt);
        // Its container outlives the process that follows its log.
        let lives = tree.is_some() || contained.is_some();
        let tree = tree.unwrap_or_else(|| Tree::remains(running.mark(), []));
        let last_words = log::last_words(&logs.run(running.run));
        let adoption = Adoption {
            run: running.run,
            process: lives.then_some(running.process),
            container: running.container.clone(),
            port: running.port,
            since: running.since,
            was_ready: running.ready,
            last_words: last_words.filter(|_| !lives),
        };
        let run = self.stacks[index].run(&origin.service, origin.run);
        run.tree = Some(tree.clone());
        run.was_ready = running.ready;
        run.container = contained.map(|contained| Cell::new(Some(contained)));
        let stack = self.stacks[index].model.stack().clone();
        self.tools.active.insert(tree.mark().clone(), stack);
        self.step(index, Event::Adopt(origin.service.clone(), adoption));
        if lives {
            let effect = Effect {
                service: origin.service,
                run: origin.run,
                act: Act::Follow,
            };
            let Some(run_task) = self.run_task(index, &effect) else {
                return;
            };
            if running.daemon {
                let keeping = run_task.clone();
                self.tasks.spawn(async move { keeping.index_log().await });
                self.follow(index, run_task);
            } else {
                self.tasks
                    .spawn(async move { run_task.attend(&tree).await });
            }
        }
    }
}

/// Returns whether any process of a stack is still running.
fn is_running(table: &ProcessScan, stack: &RememberedStack, runs: &[&RecordedRun]) -> bool {
    table.marked_by_stack(&stack.id).next().is_some()
        || runs.iter().any(|run| is_of_run(table, run))
}

/// Returns whether the process in the journal belongs to the run: it has the mark, or it shows no
/// mark at all and leads a process group, as each first process does. PID and start time alone are
/// no proof, since a journal may be damaged, or copied from another machine or container.
fn is_of_run(table: &ProcessScan, running: &RecordedRun) -> bool {
    let process = running.process;
    let row = table.position(process.pid).map(|at| &table.rows()[at]);
    row.is_some_and(|row| {
        row.process == process
            && match row.mark.as_deref() {
                Some(mark) => *mark == running.mark(),
                None => row.group == process.pid,
            }
    })
}

/// Stops the processes that have a mark of the stack and belong to no known run: they were left by
/// a daemon that was killed between a start and its line in the journal, or the journal was lost.
/// Skips the grace period once `kill` is cancelled. Returns the survivors.
pub(super) async fn end_strays(
    processes: &ProcessTable,
    table: &ProcessScan,
    stack: &StackId,
    is_known: impl Fn(&Mark) -> bool,
    kill: &CancellationToken,
) -> Vec<Process> {
    let marked = table.marked_by_stack(stack);
    let strays = marked.filter(|(_, mark)| !is_known(mark));
    let strays: Vec<_> = strays.map(|(it, mark)| (it, mark.clone())).collect();
    if !strays.is_empty() {
        tracing::warn!(processes = ?strays, "ending the remaining processes of runs that are not in the journal");
    }
    let survivors = stop_remains(strays, processes, kill).await.into_iter();
    survivors.map(|(survivor, _)| survivor).collect()
}

/// Parses the stack as it was applied, since that version is running.
fn read(stack: &RememberedStack) -> Result<(Stack, Env), String> {
    let variables = Env::of_this_process();
    let file = stack.file.display();
    let text = stack.text.as_ref().ok_or_else(|| {
        format!(
            "the copy of {file} is lost, so its running services are not touched; \
             `pilotlight up` restarts them, `pilotlight down` stops them"
        )
    })?;
    let parsed = stack_file::parse(&stack.file, text.as_bytes(), &variables);
    let stack = parsed
        .map_err(|report| format!("the running services of {file} are not touched: {report}"))?;
    Ok((stack, variables))
}
