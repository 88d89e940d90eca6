//! `pilotlight init`

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use pilotlight::{
    effects::remedy::stack_file_text,
    env::Env,
    model::documents::{InitReport, InitSource},
    stack_file,
};
use pilotlight_init::{
    draft::{Draft, MergeError, Merged, Question, merge, render},
    import::Tool,
    project::{self, Looked},
};
use serde_json::Value;

use super::{port::confirmed, up};
use crate::{
    args::{Init, Up},
    context::Context,
    failure::{Ending, Failure, tell, tell_report},
    json,
    paint::{self, BOLD, DIM, GREEN, Signs, paint, tame},
    view::{Look, difference, found, path, size_of_errors},
};

const NEXT: &str = "\
write a stack file by hand; ten lines are a whole one:

      [service.web]
      command = \"npm run dev -- --port {port}\"
      port = 5173

  `pilotlight check` then says whether it is right. If the project is in another folder, name that:
  `pilotlight init DIR`";

pub(crate) async fn run(context: &Context, init: &Init) -> Result<Ending, Failure> {
    if context.is_named() {
        let why =
            "`init` writes pilotlight.toml in a folder: say `pilotlight init DIR`, without --file";
        return Err(Failure::Usage(why.to_owned()));
    }
    let folder = folder(init)?;
    let file = folder.join(stack_file::FILE_NAME);
    let looked = if init.running {
        project::look_at_running(&folder).await?
    } else {
        project::look(&folder).await?
    };
    let is_there = fs::symlink_metadata(&file).is_ok();
    let requester = Requester {
        asks: !init.yes && !init.json && !init.dry_run && io::stdin().is_terminal(),
        is_quiet: init.json,
    };
    if !init.json {
        print(&found(&looked, look()))?;
    }
    if looked.combined.draft.services.is_empty() {
        return nothing(init, &file, &looked);
    }
    let Some(draft) = requester.answered(&looked.combined.draft)? else {
        return Ok(Ending::Undone);
    };
    if is_there {
        return present(init, &file, &looked, &draft, &requester).await;
    }
    let text = render(&draft);
    // The written file is always valid. If it is not, that is a bug here, and the file is not written.
    stack_file::parse(&file, text.as_bytes(), &Env::of_this_process())?;
    if init.dry_run || init.json {
        if !init.dry_run {
            stack_file_text::create(&file, &text)
                .map_err(Failure::system("write pilotlight.toml"))?;
        }
        return output(init, &file, &looked, &draft, &text, !init.dry_run);
    }
    stack_file_text::create(&file, &text).map_err(Failure::system("write pilotlight.toml"))?;
    written(&file, &draft, "wrote")?;
    offer(file, &requester).await
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
        // The text has it all.
        fields.remove("draft");
        fields.insert("exists".to_owned(), file.exists().into());
    }
    Ok(answer)
}

/// The folder that is meant, absolute.
fn folder(init: &Init) -> Result<PathBuf, Failure> {
    let folder = init.directory.as_deref().unwrap_or(Path::new("."));
    if folder.is_file() {
        let why = format!(
            "{} is a file: name the folder of a project",
            folder.display()
        );
        return Err(Failure::Usage(why));
    }
    let absolute = folder.canonicalize();
    absolute
        .map_err(|error| Failure::Usage(format!("failed to look at {}: {error}", folder.display())))
}

/// The stack file as a person here would call it.
fn shown(file: &Path) -> String {
    let here = env::current_dir().and_then(|here| here.canonicalize());
    let short = here.ok().and_then(|here| file.strip_prefix(here).ok());
    short.map_or_else(|| path(file), |short| short.display().to_string())
}

fn look() -> Look {
    Look {
        signs: Signs::of_this_terminal(),
        width: io::stderr().is_terminal().then(|| size_of_errors().0),
    }
}

/// Nothing was found that can be started.
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

/// The file is there: what it does not have is shown, and added if that was asked.
async fn present(
    init: &Init,
    file: &Path,
    looked: &Looked,
    draft: &Draft,
    requester: &Requester,
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
        say(
            DIM,
            &format!(
                "{} is there; this is what it would be without it",
                shown(file)
            ),
        )?;
        return output(init, file, looked, draft, &render(draft), false);
    }
    if !merged.left_out.is_empty() {
        let left = merged.left_out.iter();
        let lines =
            left.map(|unsaid| paint(DIM, &tame(&format!("  {}: {}", unsaid.what, unsaid.why))));
        print(&lines.collect::<Vec<_>>())?;
    }
    if merged.added.is_empty() {
        say(DIM, &format!("{} has all of it already", shown(file)))?;
        return Ok(Ending::Done);
    }
    print(&[String::new()])?;
    print(&difference(&shown(file), &merged.difference))?;
    if !init.merge {
        let what = format!("{} is there, and stays as it is", shown(file));
        tell(
            &what,
            Some("`pilotlight init --merge` adds what is shown above"),
        )?;
        return Ok(Ending::Undone);
    }
    if requester.asks && !confirmed(&format!("Add {} to it?", merged.added.join(", ")))? {
        return Ok(Ending::Undone);
    }
    exchange(file, &old, &merged)?;
    written(
        file,
        draft,
        &format!("added {} to", merged.added.join(", ")),
    )?;
    offer(file.to_owned(), requester).await
}

fn exchange(file: &Path, old: &str, merged: &Merged) -> Result<(), Failure> {
    stack_file_text::exchange(file, old, &merged.text)
        .map_err(Failure::system("change pilotlight.toml"))
}

/// Says that the file is there, and that it is right.
fn written(file: &Path, draft: &Draft, what: &str) -> Result<(), Failure> {
    let stack = crate::context::read(file)?;
    let number = match stack.services.len() {
        1 => "1 service".to_owned(),
        number => format!("{number} services"),
    };
    say(
        GREEN,
        &format!(
            "{what} {}: {number}, and `pilotlight check` passes",
            shown(file)
        ),
    )?;
    let required: Vec<String> = draft
        .services
        .iter()
        .flat_map(|service| {
            let required = service.require.env.iter();
            required.map(|said| format!("{} for {}", said.value, service.name))
        })
        .collect();
    if !required.is_empty() {
        say(
            DIM,
            &format!("to be set before it starts: {}", required.join(", ")),
        )?;
    }
    Ok(())
}

/// Starts the stack, if a person says so.
async fn offer(file: PathBuf, requester: &Requester) -> Result<Ending, Failure> {
    let up_line = match file.parent() {
        Some(folder) if env::current_dir().is_ok_and(|here| here != folder) => {
            format!("pilotlight up --file {}", shown(&file))
        }
        _ => "pilotlight up".to_owned(),
    };
    if !requester.asks || !confirmed("Start it now?")? {
        say(DIM, &format!("`{up_line}` starts it"))?;
        return Ok(Ending::Done);
    }
    let context = Context::new(Some(file))?;
    let all = Up {
        services: Vec::new(),
        detach: false,
        profiles: Vec::new(),
    };
    up::run(&context, all).await
}

/// Who answers what the project does not.
struct Requester {
    /// A person, on a terminal.
    asks: bool,
    is_quiet: bool,
}

impl Requester {
    /// The draft with the answers to its questions. `None` if the person went away.
    fn answered(&self, draft: &Draft) -> Result<Option<Draft>, Failure> {
        let mut answers = BTreeMap::new();
        for question in &draft.questions {
            let answer = if self.asks {
                let Some(answer) = ask(question)? else {
                    return Ok(None);
                };
                answer
            } else {
                self.tell_default(question)?;
                question.default
            };
            answers.insert(question.id.clone(), answer);
        }
        Ok(Some(draft.answered(&answers)))
    }

    fn tell_default(&self, question: &Question) -> io::Result<()> {
        if self.is_quiet {
            return Ok(());
        }
        let Some(choice) = question.choices.get(question.default) else {
            return Ok(());
        };
        say(
            DIM,
            &format!(
                "{} {} (the likeliest; on a terminal it is asked)",
                question.text, choice.label
            ),
        )
    }
}

/// The number of the choice; `None` at the end of the input.
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

fn print(lines: &[String]) -> io::Result<()> {
    let mut err = paint::err();
    lines.iter().try_for_each(|line| writeln!(err, "{line}"))
}

fn say(style: anstyle::Style, text: &str) -> io::Result<()> {
    let arrow = Signs::of_this_terminal().arrow();
    print(&[paint(style, &format!("{arrow} {}", tame(text)))])
}

/// The text of the stack file, or all of it as JSON, on the standard output.
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
