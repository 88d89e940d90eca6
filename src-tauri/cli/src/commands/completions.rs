//! `pilotlight completions`

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;
use pilotlight::model::view::ProfileView;

use crate::{
    args::{Arguments, Completions},
    context::{Context, read},
    failure::{Ending, Failure},
};

pub(crate) fn run(completions: &Completions) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(completions.shell, &mut command, "pilotlight", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = with_profiles(completions.shell, &script);
    std::io::stdout().lock().write_all(script.as_bytes())?;
    Ok(Ending::Done)
}

/// Extends a completion script so that it completes the profiles of the current stack file.
fn with_profiles(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{script}\n{BASH}"),
        Shell::Fish => format!("{script}\n{FISH}"),
        Shell::Zsh => script
            .lines()
            .map(|line| match line.find(":NAME:_default'") {
                Some(at) if line.contains("--profile") => {
                    format!(
                        "{}:NAME:($(pilotlight profiles 2>/dev/null))' \\",
                        &line[..at]
                    )
                }
                _ => line.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        _ => script.to_owned(),
    }
}

const BASH: &str = r#"_pilotlight_or_profiles() {
    case "${COMP_WORDS[COMP_CWORD-1]}" in
        -p|--profile)
            local names="$(pilotlight profiles 2>/dev/null)"
            COMPREPLY=($(compgen -W "$names" -- "${COMP_WORDS[COMP_CWORD]}"))
            ;;
        *)
            _pilotlight "$@"
            ;;
    esac
}
complete -F _pilotlight_or_profiles -o bashdefault -o default pilotlight
"#;

const FISH: &str =
    "complete -c pilotlight -n '__fish_seen_subcommand_from up start' -s p -l profile \
    -x -a '(pilotlight profiles 2>/dev/null)'
";

/// Prints the names of the stack's profiles.
pub(crate) fn profiles(context: &Context) -> Result<Ending, Failure> {
    let stack = read(&context.find()?)?;
    let mut out = std::io::stdout().lock();
    for profile in ProfileView::of(&stack) {
        writeln!(out, "{}", profile.name)?;
    }
    Ok(Ending::Done)
}
