//! The rules for stopping the holder of a port. [`protection`] holds for every mode and stack file;
//! [`decide`] adds the stack's policy.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Arc, Mutex},
};

use super::{
    holder::{Occupant, Occupants, Unknown},
    leftover::Leftovers,
    release::taken,
};
use crate::{
    effects::process,
    env::Env,
    model::facts::{Mark, Neighbour, PortFault, Process, Protected},
    platform::process::lineage,
    stack::{Mode, PortConflict, Stack},
    sync::lock,
};

/// The requester of a port, with the processes that are spared.
#[derive(Clone, Debug, Default)]
pub struct Requester {
    /// The callers of a command. Their ancestors (a terminal, an editor) are never stopped.
    pub callers: Callers,
    /// The active runs of the daemon. They are never stopped.
    pub running: ActiveRuns,
    /// The variables by which the container engine is found.
    pub variables: Env,
}

impl Requester {
    /// Returns a requester for a command of this process, with these active runs.
    #[must_use]
    pub fn with(running: ActiveRuns) -> Self {
        Self {
            callers: Callers::default(),
            running,
            variables: Env::of_this_process(),
        }
    }
}

/// The processes that sent a command to this daemon, and all their ancestors, with their start
/// times. Clones share the set.
#[derive(Clone, Debug, Default)]
pub struct Callers(Arc<Mutex<BTreeSet<Process>>>);

impl Callers {
    /// Protects the process with this PID and its ancestors from being stopped for a port, as long
    /// as they are running. Blocks while it reads some files.
    pub fn note(&self, caller: u32) {
        let line = lineage(caller).unwrap_or_default();
        let mut all = lock(&self.0);
        all.retain(|known| line.contains(known) || process::process(known.pid) == Some(*known));
        all.extend(line);
    }

    /// Returns whether it sent a command, or is an ancestor of a process that did.
    #[must_use]
    pub fn contain(&self, process: Process) -> bool {
        lock(&self.0).contains(&process)
    }
}

/// The runs of all stacks that a daemon is starting, running or claiming ports for, each with its
/// stack. Clones share the set.
#[derive(Clone, Debug, Default)]
pub struct ActiveRuns(Arc<Mutex<HashMap<Mark, Option<Arc<Stack>>>>>);

impl ActiveRuns {
    /// Protects all processes of this run.
    pub fn insert(&self, mark: Mark, stack: Arc<Stack>) {
        lock(&self.0).insert(mark, Some(stack));
    }

    /// Removes a finished run.
    pub fn remove(&self, mark: &Mark) {
        lock(&self.0).remove(mark);
    }

    /// Returns whether this run is active.
    #[must_use]
    pub fn contains(&self, mark: &Mark) -> bool {
        lock(&self.0).contains_key(mark)
    }

    /// Returns the service of a run, and its stack if known.
    pub(super) fn neighbour(&self, mark: Mark) -> Neighbour {
        let stack = lock(&self.0).get(&mark).cloned().flatten();
        let stack = stack.map(|stack| (stack.name.clone(), stack.file.clone()));
        Neighbour { mark, stack }
    }
}

impl FromIterator<Mark> for ActiveRuns {
    fn from_iter<I: IntoIterator<Item = Mark>>(marks: I) -> Self {
        let marks = marks.into_iter().map(|mark| (mark, None));
        Self(Arc::new(Mutex::new(marks.collect())))
    }
}

/// The facts that the rules need, read once for each claim.
#[derive(Debug)]
pub(super) struct Spared {
    /// The daemon, or the command that frees a port.
    pub(super) daemon: u32,
    /// The ancestors of the daemon.
    pub(super) ancestors: BTreeSet<u32>,
    pub(super) requester: Requester,
    /// Identifies leftovers of the stack that needs the port; `None` if the user frees the port.
    pub(super) leftovers: Option<Leftovers>,
}

impl Spared {
    /// Reads the ancestors of the daemon and the folders of the stack. Blocking.
    pub(super) fn read(requester: &Requester, leftovers: Option<&Leftovers>) -> io::Result<Self> {
        let daemon = std::process::id();
        let ancestors = lineage(daemon)?.into_iter().skip(1);
        Ok(Self {
            daemon,
            ancestors: ancestors.map(|process| process.pid).collect(),
            requester: requester.clone(),
            leftovers: leftovers.map(Leftovers::resolved),
        })
    }
}

/// The policy of a stack for unrelated holders of its ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) mode: Mode,
    pub(super) conflict: PortConflict,
}

impl Policy {
    /// The policy when the user frees the port.
    pub(super) const ASKED: Self = Self {
        mode: Mode::Development,
        conflict: PortConflict::Force,
    };
}

/// Decides whether the holders of a port may be stopped: all of them or none. The fault names the
/// first protected one. Blocking.
pub(super) fn decide(
    occupants: &Occupants,
    spared: &Spared,
    policy: Policy,
) -> Result<(), PortFault> {
    if let Some(unknown) = occupants.unknown.first() {
        return Err(taken(None, Some(protection_of_unknown(unknown))));
    }
    let reasons = occupants.known.iter().map(|occupant| {
        let reason = protection(occupant, spared).or_else(|| objection(occupant, spared, policy));
        (occupant, reason)
    });
    for (occupant, reason) in reasons {
        if let Some(reason) = reason {
            return Err(taken(Some(&occupant.holder), Some(reason)));
        }
    }
    Ok(())
}

/// Returns the protection that applies in every mode. The most helpful reason comes first.
pub(super) fn protection(occupant: &Occupant, spared: &Spared) -> Option<Protected> {
    let process = occupant.holder.process;
    if process.pid == spared.daemon {
        return Some(Protected::Control);
    }
    if spared.ancestors.contains(&process.pid) || spared.requester.callers.contain(process) {
        return Some(Protected::Ancestor);
    }
    if let Some(mark) = &occupant.holder.mark {
        let leftovers = spared.leftovers.as_ref();
        let elsewhere = leftovers.is_some_and(|leftovers| leftovers.stack != mark.stack);
        let running = &spared.requester.running;
        if elsewhere || running.contains(mark) {
            return Some(Protected::RunningService(running.neighbour(mark.clone())));
        }
    }
    if is_named(occupant, process::CONTAINER_PROXIES) {
        return Some(Protected::ContainerProxy(None));
    }
    if occupant.system || is_named(occupant, process::SYSTEM_PROGRAMS) {
        return Some(Protected::System);
    }
    let foreign = Protected::OtherUser {
        name: occupant.holder.user.clone(),
    };
    occupant.foreign.then_some(foreign)
}

/// Returns the protection by the policy of the stack; `None` if the user frees the port. A leftover
/// of the same stack is stopped in development regardless of `port_conflict`, since no other stack
/// uses it.
fn objection(occupant: &Occupant, spared: &Spared, policy: Policy) -> Option<Protected> {
    if policy.mode == Mode::Production {
        return Some(Protected::Production);
    }
    let leftovers = spared.leftovers.as_ref()?;
    // A program that a service has opened for the user has its mark too.
    let mark = occupant.holder.mark.as_ref();
    if mark.is_some_and(|mark| mark.stack == leftovers.stack) && !occupant.program.outlives() {
        return None;
    }
    if let Some(kind) = occupant.program.kind() {
        return Some(Protected::Personal(kind));
    }
    if occupant.contained {
        return Some(Protected::Contained);
    }
    match policy.conflict {
        PortConflict::Force => None,
        PortConflict::Replace => (!leftovers.include(occupant)).then_some(Protected::Stranger),
        PortConflict::Fail | PortConflict::Next => Some(Protected::Forbidden),
    }
}

/// A socket of the current user without a known process belongs to the kernel or a container.
fn protection_of_unknown(unknown: &Unknown) -> Protected {
    if unknown.own {
        Protected::System
    } else {
        let name = unknown.user.clone();
        Protected::OtherUser { name }
    }
}

/// Returns whether its program has one of these names, in lower case.
pub(super) fn is_named(occupant: &Occupant, names: &[&str]) -> bool {
    let mut called = occupant
        .program
        .names
        .iter()
        .map(|name| name.to_lowercase());
    called.any(|name| names.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        effects::process::Program,
        model::facts::{Holder, ProgramKind, RunId, StackId},
        stack::ServiceName,
    };

    const KEEPER: u32 = 100;
    const PARENT: u32 = 50;

    fn mark(stack: &str, service: &str) -> Mark {
        Mark {
            stack: StackId(stack.to_owned()),
            service: ServiceName::new(service),
            run: RunId(1),
        }
    }

    fn stranger() -> Occupant {
        Occupant {
            holder: Holder {
                process: Process { pid: 7, started: 1 },
                name: "node".to_owned(),
                command_line: None,
                user: None,
                folder: None,
                since: None,
                addresses: Vec::new(),
                mark: None,
            },
            descends: false,
            foreign: false,
            system: false,
            orphan: false,
            contained: false,
            program: program("node", "node server.js"),
            exe: None,
            parent: None,
        }
    }

    fn program(name: &str, line: &str) -> Program {
        Program {
            names: vec![name.to_owned()],
            argv: line.split(' ').map(str::to_owned).collect(),
        }
    }

    /// Returns the leftovers of a service `node server.js` of the stack in `/srv/nexus`.
    fn leftovers() -> Leftovers {
        Leftovers {
            stack: StackId("nexus".to_owned()),
            folders: vec!["/srv/nexus".into()],
            own: "/srv/nexus".into(),
            directory: "/srv/nexus/api".into(),
            argv: vec!["node".to_owned(), "server.js".to_owned()],
        }
    }

    fn replace() -> Policy {
        Policy {
            mode: Mode::Development,
            conflict: PortConflict::Replace,
        }
    }

    fn force() -> Policy {
        Policy {
            conflict: PortConflict::Force,
            ..replace()
        }
    }

    fn judge(occupants: &Occupants, policy: Policy) -> Result<(), Option<Protected>> {
        let spared = Spared {
            daemon: KEEPER,
            ancestors: BTreeSet::from([1, PARENT]),
            requester: Requester::with(ActiveRuns::from_iter([mark("nexus", "redis")])),
            leftovers: Some(leftovers()),
        };
        decide(occupants, &spared, policy).map_err(|fault| match fault {
            PortFault::Taken { protected, .. } => protected,
            other => panic!("{other:?}"),
        })
    }

    fn judge_by(policy: Policy, occupant: Occupant) -> Option<Protected> {
        let occupants = Occupants {
            known: vec![occupant],
            unknown: Vec::new(),
        };
        judge(&occupants, policy).err().flatten()
    }

    fn judge_one(occupant: Occupant) -> Option<Protected> {
        judge_by(force(), occupant)
    }

    #[test]
    fn an_unrelated_process_is_stopped_only_by_force() {
        assert_eq!(judge_by(force(), stranger()), None);
        assert_eq!(judge_by(replace(), stranger()), Some(Protected::Stranger));
    }

    #[test]
    fn a_process_in_a_folder_of_the_stack_is_a_leftover() {
        for (folder, expected) in [
            ("/srv/nexus", None),
            ("/srv/nexus/api/src", None),
            ("/srv/nexus-two", Some(Protected::Stranger)),
            ("/srv", Some(Protected::Stranger)),
        ] {
            let mut occupant = stranger();
            occupant.holder.folder = Some(folder.into());
            assert_eq!(judge_by(replace(), occupant), expected, "{folder}");
        }
    }

    #[test]
    fn an_orphan_is_a_leftover_only_if_it_runs_the_program_of_the_service() {
        for (name, line, folder, expected) in [
            ("node", "node server.js", "/srv/nexus/api/../api", None),
            ("node", "node /srv/nexus/api/server.js", "/", None),
            (
                "node",
                "node server.js",
                "/srv/other/api",
                Some(Protected::Stranger),
            ),
            ("node", "node other.js", "/", Some(Protected::Stranger)),
            (
                "deno",
                "deno server.js",
                "/srv/other",
                Some(Protected::Stranger),
            ),
            (
                "python3",
                "python3 -m server",
                "/",
                Some(Protected::Stranger),
            ),
        ] {
            let mut occupant = stranger();
            occupant.program = program(name, line);
            occupant.holder.folder = Some(folder.into());
            occupant.orphan = true;
            assert_eq!(
                judge_by(replace(), occupant),
                expected,
                "{line} in {folder}"
            );
        }
    }

    #[test]
    fn an_orphan_of_the_same_program_on_disk_is_a_leftover() {
        let mut leftovers = leftovers();
        for (argv, expected) in [
            (["./target/api", "--port"], true),
            (["api", "--port"], true),
            (["./api", "--port"], false),
        ] {
            leftovers.argv = argv.map(str::to_owned).to_vec();
            let mut occupant = stranger();
            occupant.program = program("api", "api --port 1");
            occupant.exe = Some("/srv/nexus/api/target/api".into());
            assert!(!leftovers.include(&occupant), "it has a parent");
            occupant.orphan = true;
            assert_eq!(leftovers.include(&occupant), expected, "{argv:?}");
        }
    }

    #[test]
    fn no_stack_file_stops_the_tools_of_a_user() {
        let nexus = || Some("/srv/nexus".into());
        for (name, kind) in [
            ("code", ProgramKind::Editor),
            ("ssh", ProgramKind::Ssh),
            ("tmux: server", ProgramKind::Multiplexer),
            ("chrome", ProgramKind::Browser),
            ("postgres", ProgramKind::Database),
            ("kubectl", ProgramKind::ContainerTool),
            ("kitty", ProgramKind::Terminal),
        ] {
            for policy in [replace(), force()] {
                let mut occupant = stranger();
                occupant.program = program(name, name);
                occupant.holder.folder = nexus();
                assert_eq!(
                    judge_by(policy, occupant),
                    Some(Protected::Personal(kind)),
                    "{name}"
                );
            }
        }
        let mut contained = stranger();
        contained.contained = true;
        contained.holder.folder = nexus();
        assert_eq!(judge_one(contained), Some(Protected::Contained));
    }

    #[test]
    fn a_database_of_the_stack_is_a_leftover_and_a_browser_that_it_opened_is_none() {
        for (name, expected) in [
            ("redis-server", None),
            ("chrome", Some(Protected::Personal(ProgramKind::Browser))),
        ] {
            let mut occupant = stranger();
            occupant.program = program(name, name);
            occupant.holder.mark = Some(mark("nexus", "backend"));
            assert_eq!(judge_by(replace(), occupant), expected, "{name}");
        }
    }

    #[test]
    fn a_user_may_stop_processes_that_no_stack_file_may() {
        let spared = Spared {
            daemon: KEEPER,
            ancestors: BTreeSet::new(),
            requester: Requester::default(),
            leftovers: None,
        };
        let mut occupant = stranger();
        occupant.program = program("code", "code");
        occupant.contained = true;
        let occupants = Occupants {
            known: vec![occupant],
            unknown: Vec::new(),
        };
        assert_eq!(decide(&occupants, &spared, Policy::ASKED), Ok(()));
    }

    #[test]
    fn system_and_container_processes_are_recognized_by_any_of_their_names() {
        for (name, expected) in [
            ("docker-proxy", Some(Protected::ContainerProxy(None))),
            (
                "com.docker.backend.exe",
                Some(Protected::ContainerProxy(None)),
            ),
            ("OrbStack Helper", Some(Protected::ContainerProxy(None))),
            ("wslrelay.exe", Some(Protected::ContainerProxy(None))),
            ("sshd", Some(Protected::System)),
            ("ControlCenter", Some(Protected::System)),
            ("csrss.exe", Some(Protected::System)),
            ("winlogon.exe", Some(Protected::System)),
            ("services.exe", Some(Protected::System)),
            ("LSASS.EXE", Some(Protected::System)),
            ("svchost.exe", Some(Protected::System)),
            ("docker-proxy-test", None),
            ("services", None),
        ] {
            let mut occupant = stranger();
            occupant.program.names.push(name.to_owned());
            assert_eq!(judge_one(occupant), expected, "{name}");
        }
    }

    #[test]
    fn the_most_helpful_reason_is_reported() {
        let mut occupant = stranger();
        occupant.foreign = true;
        let foreign = Protected::OtherUser { name: None };
        assert_eq!(judge_one(occupant.clone()), Some(foreign));
        occupant.system = true;
        assert_eq!(judge_one(occupant.clone()), Some(Protected::System));
        occupant.program.names = vec!["rootlesskit".to_owned()];
        assert_eq!(
            judge_one(occupant.clone()),
            Some(Protected::ContainerProxy(None))
        );
        occupant.holder.process.pid = PARENT;
        assert_eq!(judge_one(occupant), Some(Protected::Ancestor));
    }

    #[test]
    fn a_socket_without_a_process_is_left_alone() {
        let user = Some("anna".to_owned());
        let name = user.clone();
        for (own, expected) in [
            (true, Protected::System),
            (false, Protected::OtherUser { name }),
        ] {
            let address = SocketAddr::from(([127, 0, 0, 1], 80));
            let user = user.clone();
            let occupants = Occupants {
                known: vec![stranger()],
                unknown: vec![Unknown { address, own, user }],
            };
            assert_eq!(judge(&occupants, Policy::ASKED), Err(Some(expected)));
        }
    }

    fn marks() -> impl Strategy<Value = Option<Mark>> {
        let marks = [("nexus", "redis"), ("nexus", "backend"), ("other", "web")];
        let marks = marks.map(|(stack, service)| mark(stack, service));
        proptest::option::of(proptest::sample::select(marks.to_vec()))
    }

    fn known() -> impl Strategy<Value = Occupant> {
        let pids = proptest::sample::select(vec![1, 7, 8, PARENT, KEEPER]);
        let names = proptest::sample::select(vec!["node", "docker-proxy", "sshd"]);
        let flags = any::<(bool, bool, bool)>();
        (pids, names, marks(), flags).prop_map(|(pid, name, mark, flags)| {
            let mut occupant = stranger();
            occupant.holder.process.pid = pid;
            occupant.holder.mark = mark;
            occupant.program = program(name, name);
            (occupant.foreign, occupant.system, occupant.descends) = flags;
            occupant
        })
    }

    fn policies() -> impl Strategy<Value = Policy> {
        let modes = proptest::sample::select(vec![Mode::Development, Mode::Production]);
        let conflicts = vec![
            PortConflict::Replace,
            PortConflict::Force,
            PortConflict::Fail,
            PortConflict::Next,
        ];
        let conflicts = proptest::sample::select(conflicts);
        (modes, conflicts).prop_map(|(mode, conflict)| Policy { mode, conflict })
    }

    proptest! {
        #[test]
        fn no_process_is_stopped_against_the_rules(
            known in proptest::collection::vec(known(), 1..4),
            policy in policies(),
        ) {
            let occupants = Occupants { known: known.clone(), unknown: Vec::new() };
            let may_end = |occupant: &Occupant| {
                let holder = &occupant.holder;
                let leftover = holder.mark == Some(mark("nexus", "backend"));
                let own = holder.mark.is_none() || leftover;
                let plain = occupant.program.names == ["node"] && !occupant.foreign && !occupant.system;
                let outside = ![1, PARENT, KEEPER].contains(&holder.process.pid);
                let allowed = leftover || policy.conflict == PortConflict::Force;
                own && plain && outside && allowed && policy.mode == Mode::Development
            };
            let verdict = judge(&occupants, policy);
            prop_assert_eq!(verdict.is_ok(), known.iter().all(may_end));
        }
    }
}
