//! The tool `fix`: carries out the remedy of a finding, in two steps if it changes something.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::PoisonError,
    time::Duration,
};

use pilotlight::{
    control,
    effects::remedy,
    host::clock,
    model::finding::{Action, Finding},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{answer, calls::Call};
use crate::{
    commands::doctor::{
        Asking, Visit,
        fix::{Done, carry_out, start},
    },
    context::Context,
    failure::Failure,
};

/// The time in which a plan can be confirmed.
const VALID: Duration = Duration::from_mins(5);

/// The time for which the tool waits for the result. The remedy continues afterwards.
const LIMIT: Duration = Duration::from_secs(30);

/// The time limit of each diagnosis.
const DIAGNOSIS: Duration = Duration::from_secs(8);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    finding: String,
    confirm: Option<String>,
    stack: Option<String>,
}

pub(super) async fn run(call: &Call<'_>, asked: Asked) -> Result<Value, Failure> {
    let (context, file) = call.stack(asked.stack.as_deref()).await?;
    let visit = Visit::make(&context, Asking::Never, Some(DIAGNOSIS)).await?;
    let Some((finding, action)) = wanted(&visit, &asked.finding)? else {
        let why = "no program can carry out this remedy; do what `remedy` says";
        return Err(Failure::Refused(why.to_owned()));
    };
    match &action {
        Action::FreePort { port } => {
            return Err(Failure::Refused(format!(
                "the process on port {port} is not part of this stack: ask the user to run \
                 `pilotlight port {port} --free`"
            )));
        }
        Action::Stop { file, .. } => call.expect_within(file).await?,
        _ => {}
    }
    let is_harmless = matches!(
        action,
        Action::Start { .. } | Action::Restart { .. } | Action::CopyFile { .. }
    );
    let plan = format!("{}: {}", file.display(), asked.finding);
    if !is_harmless && !call.confirmed(&plan, asked.confirm.as_deref()) {
        return Ok(json!({
            "fixed": false,
            "plan": remedy::describe(&action),
            "action": action,
            "confirm": call.plan(plan),
            "next": "check the plan, then call `fix` again with `confirm`",
        }));
    }
    // It continues if this call ends.
    let working = apply(context, visit, finding, action);
    let working = tokio::spawn(control::on_behalf_of(control::client(), working));
    match timeout(LIMIT, working).await {
        Err(_) => Ok(json!({"done": false, "next": "still working: call `diagnose` later"})),
        Ok(Err(error)) => Err(Failure::Refused(error.to_string())),
        Ok(Ok(done)) => done,
    }
}

/// Returns a finding and its action; `None` if it has no action.
fn wanted(visit: &Visit, id: &str) -> Result<Option<(Finding, Action)>, Failure> {
    let all: Vec<&Finding> = visit.findings.iter().collect();
    let place = (0..all.len()).find(|place| answer::id(&all, *place) == id);
    let Some(place) = place else {
        let known: Vec<String> = (0..all.len())
            .map(|place| answer::id(&all, place))
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        let why = format!("no such finding now: {id}; findings are: {known}");
        return Err(Failure::Refused(why));
    };
    let action = all[place].remedy.action.clone();
    Ok(action.map(|action| (all[place].clone(), action)))
}

/// Carries out an action, starts the service of a running stack, and diagnoses again.
async fn apply(
    context: Context,
    visit: Visit,
    finding: Finding,
    action: Action,
) -> Result<Value, Failure> {
    let fixed = match carry_out(&context, &visit, &action).await? {
        Done::Prepared if visit.kept => {
            start(&context, &visit, &finding.service).await?;
            true
        }
        Done::Prepared | Done::Finished => true,
        Done::Not => false,
    };
    let again = Visit::make(&context, Asking::Never, Some(DIAGNOSIS)).await?;
    Ok(json!({
        "done": true,
        "fixed": fixed && !again.findings.contains(&finding),
        "state": again.stack.summary(),
        "findings": answer::findings(&again.findings),
    }))
}

impl Call<'_> {
    /// Returns the code with which a plan can be confirmed.
    fn plan(&self, plan: String) -> String {
        // Its keys are random.
        let code = format!("{:08x}", RandomState::new().build_hasher().finish() >> 32);
        let now = clock::now().instant;
        let plans = self.server.plans.lock();
        let mut plans = plans.unwrap_or_else(PoisonError::into_inner);
        plans.retain(|_, (_, made)| now.duration_since(*made) < VALID);
        plans.insert(code.clone(), (plan, now));
        code
    }

    /// Returns whether a code confirms this plan. Each code works once.
    fn confirmed(&self, plan: &str, code: Option<&str>) -> bool {
        let plans = self.server.plans.lock();
        let mut plans = plans.unwrap_or_else(PoisonError::into_inner);
        let known = code.and_then(|code| plans.remove(code));
        let now = clock::now().instant;
        known.is_some_and(|(known, made)| known == plan && now.duration_since(made) < VALID)
    }
}
