//! The evidence, and the queries that the rules make.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    diagnose::evidence::{Evidence, ProbeAnswer, ServiceEvidence, log::LogLine},
    model::{
        facts::{Holder, PortFault, ProbeFault, ProbeFaultKind},
        finding::{Action, Code, LineChange},
        order::Order,
        view::PhaseName,
    },
    stack::{Command, Service, ServiceName},
};

/// The evidence, with the services in the order of the stack file.
pub(super) struct Facts<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) services: Vec<Seen<'a>>,
    pub(super) order: Order,
}

/// A service: its definition in the stack file and its evidence.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) spec: &'a Service,
    pub(super) is: &'a ServiceEvidence,
}

/// The expected state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Situation {
    /// It is not wanted, or it has completed.
    Off,
    /// It should be running and is not.
    Down,
    /// It is running and may still become ready.
    Starting,
    /// It is running and should be healthy.
    Up,
}

/// The number of lines at the end of a log that may explain an exit.
const LAST_LINES: u64 = 60;

impl<'a> Facts<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let evidence_of: HashMap<&ServiceName, &ServiceEvidence> =
            evidence.services.iter().map(|is| (&is.name, is)).collect();
        let services = evidence.stack.services.iter().filter_map(|spec| {
            let is = *evidence_of.get(&spec.name)?;
            Some(Seen { spec, is })
        });
        let services: Vec<Seen<'_>> = services.collect();
        Self {
            evidence,
            order: Order::of(services.iter().map(|seen| seen.spec)),
            services,
        }
    }

    pub(super) fn service(&self, name: &ServiceName) -> Option<Seen<'a>> {
        self.order.place(name).map(|place| self.services[place])
    }

    pub(super) fn situation(&self, seen: Seen<'_>) -> Situation {
        let is = seen.is;
        match is.phase {
            PhaseName::Starting | PhaseName::Claiming if is.ended_again() => Situation::Down,
            PhaseName::Starting | PhaseName::Ready | PhaseName::Unhealthy
                if self.evidence.kept && !seen.spec.is_external() && is.is_gone() =>
            {
                Situation::Down
            }
            PhaseName::Starting => Situation::Starting,
            PhaseName::Ready | PhaseName::Unhealthy => Situation::Up,
            PhaseName::Blocked | PhaseName::Failed | PhaseName::Backoff => Situation::Down,
            PhaseName::Stopped if is.answers() => {
                let is_known = self.evidence.kept && !seen.spec.is_external();
                if is_known || seen.is_squatted() {
                    Situation::Off
                } else {
                    Situation::Up
                }
            }
            PhaseName::Stopped if self.is_done(seen) => Situation::Off,
            PhaseName::Stopped if is.wanted || self.is_needed(&seen.spec.name) => Situation::Down,
            PhaseName::Claiming | PhaseName::Stopping | PhaseName::Stopped => Situation::Off,
        }
    }

    /// Returns whether it is a job that has succeeded.
    fn is_done(&self, seen: Seen<'_>) -> bool {
        let place = self.order.place(&seen.spec.name);
        let is_job = place.is_some_and(|place| self.order.is_job(place));
        // Without a daemon an earlier exit is unknown, and not needed to continue.
        let is_done_task = seen.spec.task.is_some() && !seen.is.wanted;
        let last_exit = seen.is.last_exit;
        let has_succeeded = last_exit.is_some_and(|exit| seen.spec.has_completed(exit));
        is_job && (!self.evidence.kept || has_succeeded || is_done_task)
    }

    /// Returns whether a service that is running, or should be, depends on it.
    fn is_needed(&self, name: &ServiceName) -> bool {
        self.dependents(name).any(|other| other.is.is_there())
    }

    pub(super) fn dependents(&self, name: &ServiceName) -> impl Iterator<Item = Seen<'a>> {
        let place = self.order.place(name);
        let dependents = place.map_or(&[][..], |place| self.order.dependents(place));
        dependents.iter().map(|&place| self.services[place])
    }

    /// Returns the dependencies of a service, direct and indirect, the nearest first.
    pub(super) fn all_needs(&self, name: &ServiceName) -> Vec<usize> {
        let mut needs = self.order.with_needs(self.order.place(name));
        needs.drain(..needs.len().min(1));
        needs
    }

    /// Returns the service with this port.
    pub(super) fn owner(&self, host: &str, port: u16) -> Option<Seen<'a>> {
        self.services.iter().copied().find(|seen| {
            if seen.spec.is_external() {
                let mut probes = seen.is.probes.iter();
                return probes.any(|probe| {
                    probe.port == Some(port)
                        && probe
                            .host
                            .as_deref()
                            .is_some_and(|its| same_host(its, host))
                });
            }
            is_local(host) && seen.is.port.is_some_and(|its| its.number() == port)
        })
    }

    /// Returns whether any process of this machine listens at this address.
    pub(super) fn is_open(&self, host: &str, port: u16) -> bool {
        let listening = self.evidence.host.listening.iter();
        let of_services = self.services.iter().flat_map(|seen| &seen.is.listens);
        listening
            .chain(of_services)
            .any(|address| address.port() == port && covers(address.ip(), host))
    }

    /// Returns whether a line was written while the evidence was gathered, so that a probe or a
    /// check may have caused it.
    pub(super) fn is_fresh(&self, line: &LogLine) -> bool {
        /// The tolerance: a line has the time at which the growth of its log was noticed.
        const SLACK: Duration = Duration::from_millis(200);
        match line.age {
            Some(age) => age <= self.evidence.took + SLACK,
            None => line.followed_by <= LAST_LINES,
        }
    }

    /// Returns the action for a change of the stack file, if its text is known and allows the change.
    pub(super) fn edit(
        &self,
        change: impl FnOnce(&str) -> Option<Vec<LineChange>>,
    ) -> Option<Action> {
        Some(Action::EditStackFile {
            file: self.evidence.stack.file.clone(),
            changes: change(self.evidence.stack_text.as_ref()?)?,
        })
    }
}

impl Seen<'_> {
    /// Returns the words of its command that identify it: without interpreters and options.
    fn telling_words(&self) -> Vec<String> {
        const COMMON: [&str; 22] = [
            "python",
            "python3",
            "node",
            "npm",
            "npx",
            "pnpm",
            "yarn",
            "bun",
            "run",
            "dev",
            "start",
            "exec",
            "serve",
            "sh",
            "bash",
            "env",
            "uv",
            "cargo",
            "go",
            "java",
            "poetry",
            "localhost",
        ];
        let Some(Command::Argv(words)) = &self.spec.command else {
            return Vec::new();
        };
        words
            .iter()
            .map(ToString::to_string)
            .filter(|word| !word.starts_with('-') && !word.contains('{'))
            .map(|word| word.rsplit(['/', '\\']).next().unwrap_or("").to_owned())
            .filter(|word| word.len() > 2 && !COMMON.contains(&word.as_str()))
            .filter(|word| !word.chars().all(|letter| letter.is_ascii_digit()))
            .collect()
    }

    /// Returns whether the process at its port is clearly another program and does not pass its probes.
    pub(super) fn is_squatted(&self) -> bool {
        let Some(PortFault::Taken {
            holder: Some(holder),
            ..
        }) = &self.is.port_fault
        else {
            return false;
        };
        self.is_stranger(holder) && !self.is.is_well()
    }

    /// Returns whether a holder of its port is clearly not its own program.
    pub(super) fn is_stranger(&self, holder: &Holder) -> bool {
        if let Some(mark) = &holder.mark {
            return mark.service != self.spec.name;
        }
        let Some(line) = &holder.command_line else {
            return false;
        };
        let words = self.telling_words();
        !words.is_empty()
            && !words
                .iter()
                .any(|word| line.contains(word.as_str()) || holder.name.contains(word.as_str()))
    }
}

impl ServiceEvidence {
    /// Returns whether it is running, should be running, or was started by hand.
    fn is_there(&self) -> bool {
        self.wanted
            || matches!(
                self.phase,
                PhaseName::Starting | PhaseName::Ready | PhaseName::Unhealthy
            )
            || self.answers()
    }

    /// Returns whether it is restarting after an exit and has not been ready since.
    fn ended_again(&self) -> bool {
        !self.was_ready
            && self.finding.as_ref().is_some_and(|finding| {
                matches!(
                    finding.code,
                    Code::Exited | Code::SilentExit | Code::CrashLoop | Code::StartupError
                )
            })
    }

    /// Returns whether a server that may be this service responds to its probes.
    pub(super) fn answers(&self) -> bool {
        let mut asked = self.probes.iter().filter(|probe| probe.host.is_some());
        asked.any(|probe| match &probe.result {
            Ok(()) => true,
            Err(fault) => matches!(
                fault.kind,
                ProbeFaultKind::TimedOut { connected: true }
                    | ProbeFaultKind::Status { .. }
                    | ProbeFaultKind::Body(_)
                    | ProbeFaultKind::Header(_)
                    | ProbeFaultKind::Redis { .. }
                    | ProbeFaultKind::WebSocketRefused(_)
            ),
        })
    }

    /// Returns whether it listens on this port, on any address.
    pub(super) fn listens_on(&self, port: u16) -> bool {
        self.listens.iter().any(|address| address.port() == port)
    }

    /// Returns whether it has exited and its daemon has not noticed yet.
    fn is_gone(&self) -> bool {
        self.pid.is_none() && self.listens.is_empty() && self.has_unreached() && !self.answers()
    }

    /// Returns whether the connection of a probe was refused.
    pub(super) fn has_unreached(&self) -> bool {
        let mut failed = self.failed_probes();
        failed.any(|(_, fault)| fault.kind == ProbeFaultKind::Refused)
    }

    /// Returns the failing probes, and why they fail.
    pub(super) fn failed_probes(&self) -> impl Iterator<Item = (&ProbeAnswer, &ProbeFault)> {
        let failed = self.probes.iter();
        failed.filter_map(|probe| Some((probe, probe.result.as_ref().err()?)))
    }

    /// Returns whether all its probes pass and one of them examines a response.
    pub(super) fn is_well(&self) -> bool {
        self.failed_probes().next().is_none() && self.probes.iter().any(|probe| probe.tells)
    }

    /// Returns whether a line is among the last of a run.
    pub(super) fn is_last(line: &LogLine) -> bool {
        line.followed_by <= LAST_LINES
    }

    /// Formats a line of its log with its number and file.
    pub(super) fn quote(&self, line: &LogLine) -> String {
        let file = self.log.file.as_ref();
        let file = file.map_or_else(String::new, |file| format!(" ({})", file.display()));
        format!("log line {}: {}{file}", line.number, line.text.trim())
    }
}

/// Returns whether this is a name of this machine.
#[must_use]
pub fn is_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

/// Returns whether a connection to that host reaches a socket with this address.
pub(super) fn covers(listens: IpAddr, host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    if host.eq_ignore_ascii_case("localhost") {
        return listens.is_loopback() || listens.is_unspecified();
    }
    match (listens, host.parse::<IpAddr>()) {
        (_, Err(_)) => false,
        // `::` usually accepts IPv4 as well.
        (IpAddr::V6(listens), Ok(_)) if listens.is_unspecified() => true,
        (IpAddr::V4(listens), Ok(IpAddr::V4(_))) if listens.is_unspecified() => true,
        (IpAddr::V4(listens), Ok(IpAddr::V4(asked))) if asked.is_unspecified() => {
            listens.is_loopback()
        }
        (listens, Ok(asked)) => listens == asked,
    }
}

/// Formats a short duration: `0.3 ms`, `42 ms`, `2.6 s`.
pub(super) fn brief(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    match time.as_millis() {
        0 => format!("{milliseconds:.1} ms"),
        1..1000 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// Formats addresses as a list.
pub(super) fn listed(addresses: &[SocketAddr]) -> String {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    addresses.dedup();
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(" and ")
}

fn same_host(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || (is_local(one) && is_local(other))
}
