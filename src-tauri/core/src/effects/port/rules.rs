//! Who may be ended for a port. The reasons of [`Asker`] hold whatever the mode and the stack file
//! say; [`decide`] adds what those say.

use std::{
    collections::{BTreeSet, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::holder::{self, Suspect, Tenants, Unknown};
use crate::{
    model::facts::{Holder, Mark, PortFault, Protected, StackId},
    stack::{Mode, PortConflict},
};

/// Who wants a port, and who is spared for their sake.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The process that gave the command, where it is not the present one: what it descends from
    /// (a terminal, an editor) is never ended.
    pub process: Option<u32>,
    /// What the keeper runs. It is never ended.
    pub running: ActiveRuns,
}

/// The runs, of any stack, that a keeper claims a port for, starts or runs now. Clones are the same
/// set.
#[derive(Clone, Debug, Default)]
pub struct ActiveRuns(Arc<Mutex<HashSet<Mark>>>);

impl ActiveRuns {
    /// From now on nobody of this run is ended for a port.
    pub fn insert(&self, mark: Mark) {
        self.lock().insert(mark);
    }

    /// The run is over.
    pub fn remove(&self, mark: &Mark) {
        self.lock().remove(mark);
    }

    /// Whether this run is under way.
    #[must_use]
    pub fn contains(&self, mark: &Mark) -> bool {
        self.lock().contains(mark)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromIterator<Mark> for ActiveRuns {
    fn from_iter<I: IntoIterator<Item = Mark>>(marks: I) -> Self {
        Self(Arc::new(Mutex::new(marks.into_iter().collect())))
    }
}

/// Container engines hold a port for a container through these. In lower case, as some file
/// systems do not tell the case.
const CONTAINER_PROXIES: &[&str] = &[
    "com.docker.backend",
    "com.docker.backend.exe",
    "com.docker.proxy.exe",
    "com.docker.vpnkit",
    "com.docker.vpnkit.exe",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "docker-proxy",
    "dockerd",
    "gvproxy",
    "gvproxy.exe",
    "limactl",
    "orbstack",
    "orbstack helper",
    "pasta",
    "pasta.avx2",
    "rootlesskit",
    "rootlessport",
    "slirp4netns",
    "vpnkit",
    "vpnkit-bridge",
    "vpnkit.exe",
    "wslhost.exe",
    "wslrelay.exe",
    "wslservice.exe",
];

/// Programs of operating systems that may run as the present user, and that no control group gives
/// away. In lower case.
const SYSTEM_PROGRAMS: &[&str] = &[
    "controlce",
    "controlcenter",
    "csrss.exe",
    "dbus-daemon",
    "dropbear",
    "dwm.exe",
    "explorer.exe",
    "launchd",
    "lsass.exe",
    "rapportd",
    "services.exe",
    "sharingd",
    "smss.exe",
    "spoolsv.exe",
    "sshd",
    "sshd-session",
    "svchost.exe",
    "system",
    "systemd",
    "wininit.exe",
    "winlogon.exe",
];

/// The processes that the rules know, read once a claim.
#[derive(Debug)]
pub(super) struct Spared<'a> {
    /// The keeper, or the command that frees a port.
    pub(super) keeper: u32,
    /// What the keeper and the asker descend from, and the asker.
    pub(super) ancestors: BTreeSet<u32>,
    pub(super) running: &'a ActiveRuns,
    /// The stack that the port is for; a person who frees one asks for none.
    pub(super) stack: Option<&'a StackId>,
}

impl<'a> Spared<'a> {
    /// Reads who the keeper and the asker descend from: a few files for each.
    pub(super) fn new(asker: &'a Asker, stack: Option<&'a StackId>) -> io::Result<Self> {
        let keeper = std::process::id();
        let mut ancestors: BTreeSet<_> = holder::ancestors(keeper)?.into_iter().collect();
        if let Some(asker) = asker.process.filter(|&asker| asker != keeper) {
            ancestors.insert(asker);
            ancestors.extend(holder::ancestors(asker)?);
        }
        Ok(Self {
            keeper,
            ancestors,
            running: &asker.running,
            stack,
        })
    }
}

/// What a stack says about strangers on its port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) mode: Mode,
    pub(super) conflict: PortConflict,
}

impl Policy {
    /// A person has said it: end it.
    pub(super) const ASKED: Self = Self {
        mode: Mode::Development,
        conflict: PortConflict::Replace,
    };
}

/// Whether the holders of a port may be ended: all of them, or none. A fault names the first who
/// may not.
pub(super) fn decide(
    tenants: &Tenants,
    spared: &Spared<'_>,
    policy: Policy,
) -> Result<(), PortFault> {
    if let Some(unknown) = tenants.unknown.first() {
        return Err(taken(None, protection_of_unknown(*unknown)));
    }
    let reasons = tenants.suspects.iter().map(|suspect| {
        let reason = protection(suspect, spared).or_else(|| objection(suspect, spared, policy));
        (suspect, reason)
    });
    for (suspect, reason) in reasons {
        if let Some(reason) = reason {
            return Err(taken(Some(&suspect.holder), reason));
        }
    }
    Ok(())
}

/// The rules that hold whatever the mode. The order is that of what helps a person most.
pub(super) fn protection(suspect: &Suspect, spared: &Spared<'_>) -> Option<Protected> {
    let pid = suspect.holder.process.pid;
    if pid == spared.keeper {
        return Some(Protected::Keeper);
    }
    if spared.ancestors.contains(&pid) {
        return Some(Protected::Ancestor);
    }
    if let Some(mark) = &suspect.holder.mark {
        let elsewhere = spared.stack.is_some_and(|stack| *stack != mark.stack);
        if elsewhere || spared.running.contains(mark) {
            return Some(Protected::RunningService(mark.clone()));
        }
    }
    if is_named(suspect, CONTAINER_PROXIES) {
        return Some(Protected::ContainerProxy);
    }
    if suspect.system || is_named(suspect, SYSTEM_PROGRAMS) {
        return Some(Protected::System);
    }
    suspect.foreign.then_some(Protected::OtherUser)
}

/// What the stack says. A leftover of the very stack is ended in development whatever
/// `port_conflict` says: it is nobody else's.
fn objection(suspect: &Suspect, spared: &Spared<'_>, policy: Policy) -> Option<Protected> {
    if policy.mode == Mode::Production {
        return Some(Protected::Production);
    }
    let mark = suspect.holder.mark.as_ref();
    let leftover = mark.is_some_and(|mark| Some(&mark.stack) == spared.stack);
    match policy.conflict {
        PortConflict::Replace => None,
        PortConflict::Fail | PortConflict::Next => (!leftover).then_some(Protected::Forbidden),
    }
}

/// A socket of the present user without a process is the kernel's, or in a container.
fn protection_of_unknown(unknown: Unknown) -> Protected {
    if unknown.own {
        Protected::System
    } else {
        Protected::OtherUser
    }
}

fn is_named(suspect: &Suspect, names: &[&str]) -> bool {
    let mut called = suspect.names.iter().map(|name| name.to_lowercase());
    called.any(|name| names.contains(&name.as_str()))
}

fn taken(holder: Option<&Holder>, protected: Protected) -> PortFault {
    PortFault::Taken {
        holder: holder.cloned().map(Box::new),
        protected: Some(protected),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::facts::{Process, RunId},
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

    fn stranger() -> Suspect {
        Suspect {
            holder: Holder {
                process: Process { pid: 7, started: 1 },
                name: "node".to_owned(),
                command_line: None,
                user: None,
                since: None,
                addresses: Vec::new(),
                mark: None,
            },
            descends: false,
            foreign: false,
            system: false,
            names: vec!["node".to_owned()],
            parent: None,
        }
    }

    fn judge(tenants: &Tenants, policy: Policy) -> Result<(), Option<Protected>> {
        let stack = StackId("nexus".to_owned());
        let running = ActiveRuns::from_iter([mark("nexus", "redis")]);
        let spared = Spared {
            keeper: KEEPER,
            ancestors: BTreeSet::from([1, PARENT]),
            running: &running,
            stack: Some(&stack),
        };
        decide(tenants, &spared, policy).map_err(|fault| match fault {
            PortFault::Taken { protected, .. } => protected,
            other => panic!("{other:?}"),
        })
    }

    fn judge_one(suspect: Suspect) -> Option<Protected> {
        let tenants = Tenants {
            suspects: vec![suspect],
            unknown: Vec::new(),
        };
        judge(&tenants, Policy::ASKED).err().flatten()
    }

    #[test]
    fn a_stranger_may_be_ended_in_development() {
        assert_eq!(judge_one(stranger()), None);
    }

    #[test]
    fn what_belongs_to_the_system_or_a_container_is_known_by_any_of_its_names() {
        for (name, expected) in [
            ("docker-proxy", Some(Protected::ContainerProxy)),
            ("com.docker.backend.exe", Some(Protected::ContainerProxy)),
            ("OrbStack Helper", Some(Protected::ContainerProxy)),
            ("wslrelay.exe", Some(Protected::ContainerProxy)),
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
            let mut suspect = stranger();
            suspect.names.push(name.to_owned());
            assert_eq!(judge_one(suspect), expected, "{name}");
        }
    }

    #[test]
    fn the_reason_that_helps_most_is_named() {
        let mut suspect = stranger();
        suspect.foreign = true;
        assert_eq!(judge_one(suspect.clone()), Some(Protected::OtherUser));
        suspect.system = true;
        assert_eq!(judge_one(suspect.clone()), Some(Protected::System));
        suspect.names = vec!["rootlesskit".to_owned()];
        assert_eq!(judge_one(suspect.clone()), Some(Protected::ContainerProxy));
        suspect.holder.process.pid = PARENT;
        assert_eq!(judge_one(suspect), Some(Protected::Ancestor));
    }

    #[test]
    fn a_socket_without_a_process_is_left_alone() {
        for (own, expected) in [(true, Protected::System), (false, Protected::OtherUser)] {
            let address = SocketAddr::from(([127, 0, 0, 1], 80));
            let tenants = Tenants {
                suspects: vec![stranger()],
                unknown: vec![Unknown { address, own }],
            };
            assert_eq!(judge(&tenants, Policy::ASKED), Err(Some(expected)));
        }
    }

    fn marks() -> impl Strategy<Value = Option<Mark>> {
        let marks = [("nexus", "redis"), ("nexus", "backend"), ("other", "web")];
        let marks = marks.map(|(stack, service)| mark(stack, service));
        proptest::option::of(proptest::sample::select(marks.to_vec()))
    }

    fn suspects() -> impl Strategy<Value = Suspect> {
        let pids = proptest::sample::select(vec![1, 7, 8, PARENT, KEEPER]);
        let names = proptest::sample::select(vec!["node", "docker-proxy", "sshd"]);
        let flags = any::<(bool, bool, bool)>();
        (pids, names, marks(), flags).prop_map(|(pid, name, mark, flags)| {
            let mut suspect = stranger();
            suspect.holder.process.pid = pid;
            suspect.holder.mark = mark;
            suspect.names = vec![name.to_owned()];
            (suspect.foreign, suspect.system, suspect.descends) = flags;
            suspect
        })
    }

    fn policies() -> impl Strategy<Value = Policy> {
        let modes = proptest::sample::select(vec![Mode::Development, Mode::Production]);
        let conflicts = vec![
            PortConflict::Replace,
            PortConflict::Fail,
            PortConflict::Next,
        ];
        let conflicts = proptest::sample::select(conflicts);
        (modes, conflicts).prop_map(|(mode, conflict)| Policy { mode, conflict })
    }

    proptest! {
        #[test]
        fn nobody_is_ended_outside_the_rules(
            suspects in proptest::collection::vec(suspects(), 1..4),
            policy in policies(),
        ) {
            let tenants = Tenants { suspects: suspects.clone(), unknown: Vec::new() };
            let may_end = |suspect: &Suspect| {
                let holder = &suspect.holder;
                let leftover = holder.mark == Some(mark("nexus", "backend"));
                let own = holder.mark.is_none() || leftover;
                let plain = suspect.names == ["node"] && !suspect.foreign && !suspect.system;
                let outside = ![1, PARENT, KEEPER].contains(&holder.process.pid);
                let allowed = leftover || policy.conflict == PortConflict::Replace;
                own && plain && outside && allowed && policy.mode == Mode::Development
            };
            let verdict = judge(&tenants, policy);
            prop_assert_eq!(verdict.is_ok(), suspects.iter().all(may_end));
        }
    }
}
