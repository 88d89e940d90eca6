//! `pilotlight completions` and `man`: what is made from the command line itself.

use std::{fs, io::Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;
use pilotlight::model::view::ProfileView;

use crate::{
    args::{Arguments, Completions, Man},
    context::{Context, read},
    failure::{Ending, Failure},
};

pub(crate) fn run(completions: &Completions) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(completions.shell, &mut command, "pilotlight", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = with_names(completions.shell, &script);
    std::io::stdout().lock().write_all(script.as_bytes())?;
    Ok(Ending::Done)
}

/// Prints the man page, or writes one for each command.
pub(crate) fn man(man: &Man) -> Result<Ending, Failure> {
    let command = Arguments::command();
    match &man.directory {
        None => clap_mangen::Man::new(command).render(&mut std::io::stdout().lock())?,
        Some(folder) => {
            fs::create_dir_all(folder)?;
            clap_mangen::generate_to(command, folder)?;
        }
    }
    Ok(Ending::Done)
}

/// The kinds of names that a script asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Services,
    Tasks,
    Profiles,
}

/// Lets a script complete the services, tasks and profiles of the stack file at hand.
fn with_names(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{script}\n{BASH}"),
        Shell::Fish => format!("{script}\n{FISH}"),
        Shell::Zsh => script.lines().map(with_names_for_zsh).collect(),
        _ => script.to_owned(),
    }
}

/// The endings of the lines of zsh for arguments without a list of values, and the kinds of their names.
const ZSH: [(&str, &str, &str); 4] = [
    ("--profile", ":NAME:_default'", "profiles"),
    ("::services -- ", ":_default'", "services"),
    (":service -- ", ":_default'", "services"),
    (":task -- ", ":_default'", "tasks"),
];

fn with_names_for_zsh(line: &str) -> String {
    let known = ZSH.iter().find_map(|(argument, end, kind)| {
        let at = line.find(end).filter(|_| line.contains(argument))?;
        let value = end.strip_suffix("_default'")?;
        let names = format!("($(pilotlight names {kind} 2>/dev/null))");
        Some(format!("{}{value}{names}' \\\n", &line[..at]))
    });
    known.unwrap_or_else(|| format!("{line}\n"))
}

const BASH: &str = r#"_pilotlight_or_names() {
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" kind=""
    case "$before" in
        -p|--profile) kind=profiles ;;
        -F|--file|-n|--lines|-g|--grep|-s|--since|-l|--level|--run|--for|--timeout) ;;
        *)
            if [[ $COMP_CWORD -gt 1 && $current != -* ]]; then
                case "${COMP_WORDS[1]}" in
                    run) kind=tasks ;;
                    up|start|down|stop|restart|logs|wait|events|url|open|env|exec|shell|send) kind=services ;;
                esac
            fi
            ;;
    esac
    if [[ -n $kind ]]; then
        COMPREPLY=($(compgen -W "$(pilotlight names "$kind" 2>/dev/null)" -- "$current"))
    else
        _pilotlight "$@"
    fi
}
complete -F _pilotlight_or_names -o bashdefault -o default pilotlight
"#;

const FISH: &str = "\
complete -c pilotlight -n '__fish_seen_subcommand_from up start' -s p -l profile \
    -x -a '(pilotlight names profiles 2>/dev/null)'
complete -c pilotlight -n '__fish_seen_subcommand_from up start down stop restart logs wait events url open \
    env exec shell send' -f -a '(pilotlight names services 2>/dev/null)'
complete -c pilotlight -n '__fish_seen_subcommand_from run' -f -a '(pilotlight names tasks 2>/dev/null)'
";

/// Prints the names of one kind in the stack at hand.
pub(crate) fn names(context: &Context, kind: Kind) -> Result<Ending, Failure> {
    let stack = read(&context.find()?)?;
    let names: Vec<String> = match kind {
        Kind::Profiles => {
            let profiles = ProfileView::of(&stack).into_iter();
            profiles.map(|profile| profile.name).collect()
        }
        Kind::Services | Kind::Tasks => {
            let services = stack.services.iter();
            let of_kind = services.filter(|it| it.task.is_some() == (kind == Kind::Tasks));
            of_kind.map(|it| it.name.to_string()).collect()
        }
    };
    let mut out = std::io::stdout().lock();
    for name in names {
        writeln!(out, "{name}")?;
    }
    Ok(Ending::Done)
}
