//! `pilotlight init`

mod prove;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use pilotlight::{
    effects::remedy::stack_file_text,
    env::Env,
    fs::home::short,
    model::documents::{InitReport, InitSource},
    stack_file,
};
use pilotlight_init::{
    draft::{Draft, MergeError, Merged, Question, merge, render},
    import::Tool,
    project::{self, Looked},
};
use serde_json::Value;

use super::port::{agreed, confirmed};
use crate::{
    args::Init,
    context::Context,
    failure::{Ending, Failure, tell, tell_report},
    json,
    paint::{self, BOLD, DIM, GREEN, paint, remark, tame},
    view::{Look, difference, found},
};

const NEXT: &str = "\
write a stack file by hand; a few lines are enough:

      [service.web]
      command = \"npm run dev -- --port {port}\"
      port = 5173

  Then run `pilotlight validate`. If the project is in another folder, name that folder:
  `pilotlight init DIR`";

pub(crate) async fn run(context: &Context, init: &Init) -> Result<Ending, Failure> {
    if context.named().is_some() {
        let why =
            "`init` writes pilotlight.toml in a folder: run `pilotlight init DIR`, without --file";
        return Err(Failure::Usage(why.to_owned()));
    }
    let folder = folder(init)?;
    let file = folder.join(stack_file::FILE_NAME);
    let is_there = fs::symlink_metadata(&file).is_ok();
    if is_there && init.prove && !init.merge {
        return prove::run(&file, false).await;
    }
    let looked = if init.running {
        project::look_at_running(&folder).await?
    } else {
        project::look(&folder).await?
    };
    if !init.json {
        paint::print(&mut paint::err(), found(&looked, Look::of_errors()))?;
    }
    if looked.combined.draft.services.is_empty() {
        return nothing(init, &file, &looked);
    }
    let Some(draft) = answered(init, &looked.combined.draft)? else {
        return Ok(Ending::Undone);
    };
    if is_there {
        return present(init, &file, &looked, &draft).await;
    }
    let text = render(&draft);
    // The written file is always valid. If it is not, that is a bug here, and the file is not written.
    stack_file::parse(&file, text.as_bytes(), &Env::of_this_process())?;
    if !init.dry_run {
        stack_file_text::create(&file, &text).map_err(Failure::system("write pilotlight.toml"))?;
    }
    if init.dry_run || init.json {
        return output(init, &file, &looked, &draft, &text, !init.dry_run);
    }
    written(&file, &draft, "wrote")?;
    offer(init, &file).await
}

/// Returns the draft of a project as `init --json` prints it. Writes nothing.
pub(crate) async fn draft(folder: &Path) -> Result<Value, Failure> {
    let looked = project::look(folder).await?;
    let defaults = looked.combined.draft.questions.iter();
    let defaults = defaults.map(|question| (question.id.clone(), question.default));
    let draft = looked.combined.draft.answered(&defaults.collect());
    let file = folder.join(stack_file::FILE_NAME);
    let text = if draft.services.is_empty() {
        String::new()
    } else {
        render(&draft)
    };
    let answer = answer(&file, &looked, &draft, &text, false)?;
    let mut answer = serde_json::to_value(answer).map_err(|error| Failure::Output(error.into()))?;
    if let Some(fields) = answer.as_object_mut() {
        // The text contains the draft.
        fields.remove("draft");
        fields.insert("exists".to_owned(), file.exists().into());
    }
    Ok(answer)
}

/// Returns the folder of the project, absolute.
fn folder(init: &Init) -> Result<PathBuf, Failure> {
    let folder = init.directory.as_deref().unwrap_or(Path::new("."));
    if folder.is_file() {
        let why = format!("{} is a file, not a project folder", folder.display());
        return Err(Failure::Usage(why));
    }
    let absolute = folder.canonicalize();
    absolute.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", folder.display())))
}

/// Returns the path of the stack file, relative to the working folder if it is in it.
fn shown(file: &Path) -> String {
    let here = env::current_dir().and_then(|here| here.canonicalize());
    let within = here.ok().and_then(|here| file.strip_prefix(here).ok());
    within.map_or_else(|| short(file), |path| path.display().to_string())
}

/// Reports that nothing was found that can be started.
fn nothing(init: &Init, file: &Path, looked: &Looked) -> Result<Ending, Failure> {
    if init.json {
        output(init, file, looked, &looked.combined.draft, "", false)?;
        return Ok(Ending::Undone);
    }
    let folder = file.parent().unwrap_or(file).display();
    if init.running {
        let what = format!("no process of the project in {folder} is running");
        let help = "start the project as usual in another terminal, then run `pilotlight init --running` again";
        tell(&what, Some(help))?;
        return Ok(Ending::Undone);
    }
    let what = if looked.files == 0 {
        format!("{folder} is empty")
    } else {
        format!("nothing was found in {folder} that can be started")
    };
    tell(&what, Some(NEXT))?;
    Ok(Ending::Undone)
}

/// Shows what an existing stack file lacks, and adds it with `--merge`.
async fn present(
    init: &Init,
    file: &Path,
    looked: &Looked,
    draft: &Draft,
) -> Result<Ending, Failure> {
    let old = stack_file::text(file)?;
    let merged = match merge(file, &old, draft, &Env::of_this_process()) {
        Ok(merged) => merged,
        Err(MergeError::Before(report)) => {
            tell_report(&report)?;
            return Ok(Ending::Invalid);
        }
        Err(error @ MergeError::After(_)) => {
            let help = "give each service a table of its own, `[service.NAME]`";
            tell(&error.to_string(), Some(help))?;
            return Ok(Ending::Undone);
        }
    };
    let writes = init.merge && !init.dry_run && !merged.added.is_empty();
    if init.json || (init.dry_run && init.merge) {
        if writes {
            exchange(file, &old, &merged)?;
        }
        return output(init, file, looked, draft, &merged.text, writes);
    }
    if init.dry_run {
        let what = format!(
            "{} already exists; this is the file that `init` would write without it",
            shown(file)
        );
        remark(DIM, &what)?;
        return output(init, file, looked, draft, &render(draft), false);
    }
    let left = merged.left_out.iter();
    let left = left.map(|it| paint(DIM, &tame(&format!("  {}: {}", it.what, it.why))));
    paint::print(&mut paint::err(), left)?;
    if merged.added.is_empty() {
        remark(DIM, &format!("{} already has all of it", shown(file)))?;
        return Ok(Ending::Done);
    }
    let lines = difference(&shown(file), &merged.difference);
    paint::print(&mut paint::err(), [String::new()].into_iter().chain(lines))?;
    if !init.merge {
        let what = format!("{} already exists and was not changed", shown(file));
        let help = "run `pilotlight init --merge` to add the lines above";
        tell(&what, Some(help))?;
        return Ok(Ending::Undone);
    }
    let added = merged.added.join(", ");
    if asks(init) && !confirmed(&format!("Add {added} to it?"))? {
        return Ok(Ending::Undone);
    }
    exchange(file, &old, &merged)?;
    written(file, draft, &format!("added {added} to"))?;
    offer(init, file).await
}

fn exchange(file: &Path, old: &str, merged: &Merged) -> Result<(), Failure> {
    stack_file_text::exchange(file, old, &merged.text)
        .map_err(Failure::system("change pilotlight.toml"))
}

/// Reports that the file was written and is valid.
fn written(file: &Path, draft: &Draft, what: &str) -> Result<(), Failure> {
    let stack = crate::context::read(file)?;
    let number = match stack.services.len() {
        1 => "1 service".to_owned(),
        number => format!("{number} services"),
    };
    let file = shown(file);
    remark(
        GREEN,
        &format!("{what} {file}: {number}, and `pilotlight check` passes"),
    )?;
    let required = draft.services.iter().flat_map(|service| {
        let required = service.require.env.iter();
        required.map(|said| format!("{} for {}", said.value, service.name))
    });
    let required: Vec<String> = required.collect();
    if !required.is_empty() {
        let required = required.join(", ");
        remark(
            DIM,
            &format!("set these variables before you start it: {required}"),
        )?;
    }
    Ok(())
}

/// Starts the stack and proves its file, if the user agrees.
async fn offer(init: &Init, file: &Path) -> Result<Ending, Failure> {
    let agrees = init.prove || (asks(init) && agreed("Start it now?")?);
    if agrees {
        return prove::run(file, asks(init)).await;
    }
    let up_line = match file.parent() {
        Some(folder) if env::current_dir().is_ok_and(|here| here != folder) => {
            format!("pilotlight up --file {}", shown(file))
        }
        _ => "pilotlight up".to_owned(),
    };
    remark(DIM, &format!("`{up_line}` starts it"))?;
    Ok(Ending::Done)
}

/// Returns the draft with the answers to its questions; `None` if the user ends the input.
fn answered(init: &Init, draft: &Draft) -> Result<Option<Draft>, Failure> {
    let mut answers = BTreeMap::new();
    for question in &draft.questions {
        let answer = if asks(init) {
            let Some(answer) = ask(question)? else {
                return Ok(None);
            };
            answer
        } else {
            if let Some(choice) = question
                .choices
                .get(question.default)
                .filter(|_| !init.json)
            {
                let (text, label) = (&question.text, &choice.label);
                let what =
                    format!("{text} {label} (the most likely answer; on a terminal, `init` asks)");
                remark(DIM, &what)?;
            }
            question.default
        };
        answers.insert(question.id.clone(), answer);
    }
    Ok(Some(draft.answered(&answers)))
}

/// Returns whether a user answers questions, on a terminal.
fn asks(init: &Init) -> bool {
    !init.yes && !init.prove && !init.json && !init.dry_run && io::stdin().is_terminal()
}

/// Asks a question. Returns the number of the choice; `None` at the end of the input.
fn ask(question: &Question) -> io::Result<Option<usize>> {
    let mut err = paint::err();
    writeln!(err, "\n{}", paint(BOLD, &tame(&question.text)))?;
    for (at, choice) in question.choices.iter().enumerate() {
        writeln!(err, "  {}  {}", at + 1, tame(&choice.label))?;
    }
    loop {
        write!(
            err,
            "1 to {} [{}] ",
            question.choices.len(),
            question.default + 1
        )?;
        err.flush()?;
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 {
            writeln!(err)?;
            return Ok(None);
        }
        let answer = answer.trim();
        if answer.is_empty() {
            return Ok(Some(question.default));
        }
        let number = answer
            .parse::<usize>()
            .ok()
            .and_then(|it| it.checked_sub(1));
        if let Some(number) = number.filter(|it| *it < question.choices.len()) {
            return Ok(Some(number));
        }
    }
}

/// Prints the text of the stack file, or the report as JSON.
fn output(
    init: &Init,
    file: &Path,
    looked: &Looked,
    draft: &Draft,
    text: &str,
    written: bool,
) -> Result<Ending, Failure> {
    let mut out = io::stdout().lock();
    if !init.json {
        out.write_all(text.as_bytes())?;
        return Ok(Ending::Done);
    }
    let answer = answer(file, looked, draft, text, written)?;
    out.write_all(json::pretty(&answer)?.as_bytes())?;
    Ok(Ending::Done)
}

fn tool_word(tool: Tool) -> &'static str {
    match tool {
        Tool::Running => "running",
        Tool::Pitchfork => "pitchfork",
        Tool::ProcessCompose => "process-compose",
        Tool::Procfile => "procfile",
        Tool::Pm2 => "pm2",
        Tool::Scripts => "package-scripts",
        Tool::Compose => "compose",
        Tool::Composer => "composer-scripts",
        Tool::Recipes => "recipes",
        Tool::StartScript => "start-script",
        Tool::Instructions => "instructions",
        Tool::Tasks => "vscode-tasks",
        Tool::Launch => "vscode-launch",
    }
}

fn answer<'a>(
    file: &Path,
    looked: &'a Looked,
    draft: &Draft,
    text: &'a str,
    written: bool,
) -> io::Result<InitReport<'a>> {
    let read = looked.combined.read.iter();
    Ok(InitReport {
        file: file.display().to_string(),
        written,
        text,
        files: looked.files,
        read: read
            .map(|(tool, file, services)| InitSource {
                tool: tool_word(*tool),
                file,
                services: *services,
            })
            .collect(),
        decided: &looked.combined.decided,
        questions: serde_json::to_value(&looked.combined.draft.questions)?,
        draft: serde_json::to_value(draft)?,
    })
}
