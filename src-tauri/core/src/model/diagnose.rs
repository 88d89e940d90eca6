//! Evidence to findings: which thing is wrong, and why.
//!
//! Each family of rules looks at one service at a time and names *suspects*: what would be a root
//! cause, were there nothing behind it. `blame` then says what explains what. So a rule knows nothing
//! of other services, except what a log or an address says of them, and nothing is blamed for what it
//! only suffers from.
//!
//! `docs/diagnosis.md` has an example of every code.

mod answer;
mod blame;
mod check;
mod commands;
mod cors;
mod edit;
mod frontend;
mod listen;
mod log;
mod port;
mod probe;
mod process;
mod redis;
mod scene;
mod suspect;
mod websocket;
mod well_known;

#[cfg(test)]
mod tests;

pub(super) use self::answer::meaning;
use self::{
    scene::{Scene, Seen, Situation},
    suspect::{Level, Suspect},
};
use super::{
    evidence::{Evidence, OtherKeeper},
    finding::{Code, Finding},
};
use crate::stack::ServiceName;

/// The root causes of what is wrong, the gravest first; what each explains are its symptoms. Empty
/// if all is well.
#[must_use]
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let scene = Scene::of(evidence);
    let mut suspects = Vec::new();
    if let (Some(keeper), Some(first)) = (&evidence.other_keeper, evidence.stack.services.first()) {
        suspects.push(kept_elsewhere(&first.name, keeper));
    }
    for &seen in &scene.services {
        for suspect in of_service(&scene, seen) {
            add(&mut suspects, suspect);
        }
    }
    blame::settle(&scene, &suspects)
}

/// Two checks may lead to the same thing: it is said once, with what both have seen of it.
fn add(suspects: &mut Vec<Suspect>, suspect: Suspect) {
    let mut known = suspects.iter_mut().filter(|known| {
        suspect.same_as.is_some()
            && known.same_as == suspect.same_as
            && known.symptom.check.is_none()
            && suspect.symptom.check.is_none()
            && known.finding.code == suspect.finding.code
            && known.finding.service == suspect.finding.service
    });
    match known.next() {
        Some(known) => known.finding.evidence.extend(suspect.finding.evidence),
        None => suspects.push(suspect),
    }
}

fn of_service(scene: &Scene<'_>, seen: Seen<'_>) -> Vec<Suspect> {
    let mut suspects = match scene.situation(seen) {
        Situation::Off => process::prospects(scene, seen),
        // That its checks find nobody goes without saying.
        Situation::Down => process::down(scene, seen),
        Situation::Starting => probe::running(scene, seen, true),
        Situation::Up => {
            let mut suspects = probe::running(scene, seen, false);
            suspects.extend(check::failed(scene, seen));
            suspects
        }
    };
    suspects.extend(frontend::misdirected(scene, seen));
    suspects
}

fn kept_elsewhere(first: &ServiceName, keeper: &OtherKeeper) -> Suspect {
    let who = keeper
        .pid
        .map_or_else(String::new, |pid| format!(" (pid {pid})"));
    Suspect::new(
        first,
        Code::KeeperConflict,
        Level::Start,
        format!("Another Pilot Light{who} has this stack"),
    )
    .evidence([
        keeper.detail.clone(),
        "`pilotlight status` asks the keeper of these settings".to_owned(),
    ])
    .remedy(
        "stop the stack there (`pilotlight down` with the same settings), or use it from there",
        None,
    )
}
