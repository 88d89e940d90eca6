//! `pilotlight knowledge`

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::Path,
};

use pilotlight::{
    diagnose::evidence::log::{LogError, LogErrorKind, OF_TEAM},
    effects::log::{OwnErrors, read_excerpt},
    host::clock,
    knowledge,
};

use crate::{
    args::{Knowledge, KnowledgeTest},
    context::{Context, read},
    failure::{Ending, Failure},
    paint::{self, BOLD, DIM, Signs, paint, tame},
};

/// The size up to which an excerpt is read.
const EXCERPT: u64 = 8 << 20;

pub(crate) fn run(context: &Context, asked: &Knowledge) -> Result<Ending, Failure> {
    match &asked.test {
        Some(KnowledgeTest::Test { excerpt }) => test(context, excerpt),
        None => list(&asked.words),
    }
}

fn list(words: &[String]) -> Result<Ending, Failure> {
    let found = knowledge::search(words);
    let mut out = paint::out();
    if found.is_empty() {
        writeln!(out, "No known error has these words.")?;
    }
    for it in found {
        writeln!(out, "{}  {}", paint(BOLD, it.id), paint(DIM, it.file))?;
        for text in it.title.iter().chain(it.says.first()) {
            writeln!(out, "  {text}")?;
        }
        if let Some(remedy) = it.remedy {
            advice(&mut out, remedy)?;
        }
    }
    Ok(Ending::Done)
}

fn test(context: &Context, excerpt: &Path) -> Result<Ending, Failure> {
    let mut bytes = Vec::new();
    let mut read_from = |source: &mut dyn io::Read| source.take(EXCERPT).read_to_end(&mut bytes);
    let done = if excerpt == Path::new("-") {
        read_from(&mut io::stdin())
    } else {
        File::open(excerpt).and_then(|mut file| read_from(&mut file))
    };
    done.map_err(Failure::system("read the excerpt"))?;
    let stack = context.find().ok().and_then(|file| read(&file).ok());
    let services = stack.iter().flat_map(|stack| {
        let services = stack.services.iter();
        services.map(move |service| OwnErrors::of(service, stack))
    });
    let own = services.fold(OwnErrors::default(), OwnErrors::and);
    let text = String::from_utf8_lossy(&bytes);
    let log = read_excerpt(&text, &own, clock::now().wall);
    let mut errors: Vec<&LogError> = log.last_error.iter().chain(&log.earlier).collect();
    errors.sort_by_key(|error| error.line.number);
    errors.dedup_by_key(|error| error.line.number);
    let mut out = paint::out();
    let mut is_known = false;
    for error in errors {
        is_known |= show(&mut out, error)?;
    }
    for hint in &log.hints {
        let line = hint.line.number;
        let text = tame(&hint.text);
        writeln!(out, "line {line}: the program advises: {text}")?;
    }
    if is_known {
        return Ok(Ending::Done);
    }
    writeln!(out, "No known error.")?;
    Ok(Ending::Undone)
}

/// Shows an error. Returns whether it is known.
fn show(out: &mut impl io::Write, error: &LogError) -> io::Result<bool> {
    let text = tame(&error.line.text);
    writeln!(out, "line {}: {text}", error.line.number)?;
    let cause = error.cause.iter().map(|line| line.text.as_str());
    let mut lines = std::iter::once(error.line.text.as_str()).chain(cause);
    let entry = match &error.advice {
        Some(advice) if advice.id == OF_TEAM => Some((OF_TEAM, "known")),
        Some(advice) => knowledge::file_of(advice.id).map(|file| (advice.id, file)),
        None => lines.find_map(knowledge::identify),
    };
    if let Some((id, file)) = entry {
        writeln!(out, "  {}  {}", paint(BOLD, id), paint(DIM, file))?;
    } else if let LogErrorKind::VariableMissing { name } = &error.kind {
        writeln!(out, "  the variable {name} is not set")?;
    } else if error.kind == LogErrorKind::Other {
        writeln!(out, "  {}", paint(DIM, "not known"))?;
        return Ok(false);
    }
    if let Some(known) = &error.advice {
        let shown = |text: &str| tame(text).replace("{service}", "the service");
        if let Some(title) = &known.title {
            writeln!(out, "  {}", shown(title))?;
        }
        advice(out, &shown(&known.remedy))?;
    }
    Ok(true)
}

fn advice(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    writeln!(out, "  {} {text}", Signs::of_this_terminal().arrow())
}
