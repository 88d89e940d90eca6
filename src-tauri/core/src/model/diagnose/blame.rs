//! Causes and symptoms: what explains what.
//!
//! Blame goes to the deepest cause that has evidence of its own. What only might have followed from
//! it does so where nothing speaks against that; what has evidence of its own is a finding of its own.

use super::{
    scene::Scene,
    suspect::{Behind, Cause, Level, Suspect},
};
use crate::{
    mask::mask,
    model::finding::{Code, Finding, Symptom},
    stack::ServiceName,
};

/// The findings: what nothing else explains, with what it explains.
pub(super) fn settle(scene: &Scene<'_>, suspects: &[Suspect]) -> Vec<Finding> {
    let court = Court { scene, suspects };
    let roots: Vec<Option<usize>> = (0..suspects.len())
        .map(|suspect| court.root(suspect, &mut Vec::new()))
        .collect();
    let mut found: Vec<usize> = (0..suspects.len())
        .filter(|&suspect| roots[suspect] == Some(suspect))
        .collect();
    found.sort_by_key(|&suspect| court.rank(suspect));
    found
        .into_iter()
        .map(|root| {
            let mut finding = suspects[root].finding.clone();
            for (other, suspect) in suspects.iter().enumerate() {
                if other != root && roots[other] == Some(root) {
                    finding.symptoms.push(suspect.symptom.clone());
                }
            }
            presentable(finding)
        })
        .collect()
}

struct Court<'a> {
    scene: &'a Scene<'a>,
    suspects: &'a [Suspect],
}

impl Court<'_> {
    /// The end of the chain of causes. `None` for what is nothing without a cause and has none.
    fn root(&self, suspect: usize, on_the_way: &mut Vec<usize>) -> Option<usize> {
        on_the_way.push(suspect);
        let cause = self.cause(suspect, on_the_way);
        on_the_way.pop();
        match cause {
            Some(root) => Some(root),
            None if self.suspects[suspect].behind == Behind::OnlyNeeds => None,
            None => Some(suspect),
        }
    }

    /// The root of what explains this suspect.
    fn cause(&self, of: usize, on_the_way: &mut Vec<usize>) -> Option<usize> {
        let it = &self.suspects[of];
        let service = &it.finding.service;
        if let Some(earlier) = self.same(of) {
            return self.follow([earlier], on_the_way);
        }
        if matches!(it.finding.code, Code::NotRunning | Code::PortTaken) {
            let keeper = self.of_code(Code::KeeperConflict);
            if let Some(root) = self.follow(keeper, on_the_way) {
                return Some(root);
            }
        }
        let elsewhere = match &it.behind {
            Behind::Itself => None,
            Behind::Named(causes) => causes
                .iter()
                .find_map(|cause| self.follow(self.named(of, cause), on_the_way)),
            Behind::Needs | Behind::OnlyNeeds => {
                let needs = self.scene.all_needs(service);
                needs
                    .iter()
                    .find_map(|need| self.follow(self.breaking(need), on_the_way))
            }
        };
        elsewhere.or_else(|| self.follow(self.deeper(of), on_the_way))
    }

    /// The root of the first of these that has one, the deepest first.
    fn follow(
        &self,
        causes: impl IntoIterator<Item = usize>,
        on_the_way: &mut Vec<usize>,
    ) -> Option<usize> {
        let mut causes: Vec<usize> = causes.into_iter().collect();
        causes.sort_by_key(|&cause| self.suspects[cause].level);
        causes.into_iter().find_map(|cause| {
            if on_the_way.contains(&cause) {
                return None;
            }
            self.root(cause, on_the_way)
        })
    }

    /// The first suspect that is the same thing, seen before.
    fn same(&self, of: usize) -> Option<usize> {
        let it = &self.suspects[of];
        let what = it.same_as.as_ref()?;
        let across = it.finding.code == Code::UndeclaredDependency;
        self.suspects[..of].iter().position(|other| {
            other.finding.code == it.finding.code
                && other.same_as.as_ref() == Some(what)
                && (across || other.finding.service == it.finding.service)
        })
    }

    fn named(&self, of: usize, cause: &Cause) -> Vec<usize> {
        self.places(|other| {
            other.finding.service == cause.service
                && match cause.code {
                    Some(code) => other.finding.code == code,
                    None => other.breaks,
                }
        })
        .into_iter()
        .filter(|&other| other != of)
        .collect()
    }

    fn breaking(&self, service: &ServiceName) -> Vec<usize> {
        self.places(|other| other.finding.service == *service && other.breaks)
    }

    fn of_code(&self, code: Code) -> Vec<usize> {
        self.places(|other| other.finding.code == code)
    }

    /// What lies deeper in the same service.
    fn deeper(&self, of: usize) -> Vec<usize> {
        let it = &self.suspects[of];
        self.places(|other| {
            other.finding.service == it.finding.service
                && other.level < it.level
                && (other.level <= Level::Listen || it.behind != Behind::Itself)
        })
    }

    fn places(&self, is_meant: impl Fn(&Suspect) -> bool) -> Vec<usize> {
        let suspects = self.suspects.iter().enumerate();
        suspects
            .filter(|(_, suspect)| is_meant(suspect))
            .map(|(place, _)| place)
            .collect()
    }

    /// The gravest first: what lies deepest in a service, then who needs the least, then as the stack
    /// file has them.
    fn rank(&self, suspect: usize) -> (Level, usize, usize) {
        let it = &self.suspects[suspect];
        let needs = self.scene.all_needs(&it.finding.service).len();
        (it.level, needs, suspect)
    }
}

/// No line twice, and no secret.
fn presentable(mut finding: Finding) -> Finding {
    finding.title = mask(&finding.title).into_owned();
    finding.remedy.text = mask(&finding.remedy.text).into_owned();
    let mut evidence: Vec<String> = Vec::with_capacity(finding.evidence.len());
    for line in &finding.evidence {
        let line = mask(line).into_owned();
        if !line.is_empty() && !evidence.contains(&line) {
            evidence.push(line);
        }
    }
    finding.evidence = evidence;
    let mut symptoms: Vec<Symptom> = Vec::with_capacity(finding.symptoms.len());
    for mut symptom in finding.symptoms {
        symptom.text = mask(&symptom.text).into_owned();
        if !symptoms.contains(&symptom) {
            symptoms.push(symptom);
        }
    }
    finding.symptoms = symptoms;
    finding
}
