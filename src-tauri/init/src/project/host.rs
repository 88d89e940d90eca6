//! The facts about this computer on which a stack file depends.

use std::{collections::BTreeSet, env, path::Path, time::Duration};

use crate::detect::{Host, PROGRAMS, System};
use pilotlight::{
    effects::{
        port::programs_by_port,
        process::{find_program, run_helper},
    },
    env::Env,
    stack::Command,
};

/// A container engine that takes longer to answer is not used.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Returns the installed programs, the listeners and the names of variables. Runs only the commands of container engines,
/// to find out whether they answer.
pub async fn look_around() -> Host {
    let environment = Env::of_this_process();
    let asked = environment.clone();
    let looking = tokio::task::spawn_blocking(move || (programs(&asked), programs_by_port()));
    let (mut programs, listening) = looking.await.unwrap_or_default();
    for engine in ["docker", "podman"] {
        if programs.contains(engine) && !answers(engine, &environment).await {
            programs.remove(engine);
        }
    }
    let set = environment.iter().filter(|(_, value)| !value.is_empty());
    Host {
        system: match env::consts::OS {
            "windows" => System::Windows,
            "macos" => System::MacOs,
            _ => System::Linux,
        },
        programs,
        listening,
        variables: set
            .filter_map(|(name, _)| Some(name.to_str()?.to_owned()))
            .collect(),
    }
}

fn programs(environment: &Env) -> BTreeSet<String> {
    let here = |name: &&str| find_program(&[name.into()], Path::new("."), environment).is_ok();
    let there = PROGRAMS.split(' ').filter(here);
    there.map(str::to_owned).collect()
}

/// Whether the engine behind a command answers: the command alone runs nothing.
async fn answers(engine: &str, environment: &Env) -> bool {
    let command = Command::Argv([engine, "ps", "--quiet"].map(str::to_owned).to_vec());
    let asked = run_helper(&command, &env::temp_dir(), environment, TIME_LIMIT).await;
    asked.is_ok_and(|output| output.exit.is_success())
}
