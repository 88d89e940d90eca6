//! Finds errors in lines.

use std::{collections::BTreeSet, sync::LazyLock, time::SystemTime};

use super::{
    LONGEST,
    kind::kind,
    own::OwnErrors,
    trace::{Trace, trace},
    unreachable::{Mention, mentions},
};
use crate::{
    diagnose::evidence::log::{
        EndedProgram, Hint, LogError, LogErrorForm, LogErrorKind, LogEvidence, LogLine,
        Unreachable, UnreachableWhy,
    },
    effects::log::{Level, level, pattern::Pattern},
    fs::redact,
    knowledge::{self, is_aftermath},
    stack::Port,
};

/// The maximum number of errors before the last one.
const EARLIER: usize = 10;
/// The maximum number of hints.
const HINTS: usize = 10;

/// A line of a log, without trailing blanks, newline and terminal sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) number: u64,
    pub(super) time: Option<SystemTime>,
    pub(super) line: String,
}

/// Finds the errors in these lines.
pub(super) fn scan(texts: &[Text], own: &OwnErrors, now: SystemTime) -> LogEvidence {
    let lines: Vec<&str> = texts.iter().map(|text| text.line.as_str()).collect();
    let page = Page { texts, now };
    let errors = errors(&without_marks(&lines), &page);
    let ended = ended(&lines, &errors, &page);
    let mut seen = BTreeSet::new();
    // Errors known to the stack file come before those recognized by their words.
    let known: Vec<LogError> = of_team(&lines, own, &page).collect();
    let mut newest_first = known.into_iter().rev().chain(errors.into_iter().rev());
    let last_error = newest_first.next();
    seen.extend(last_error.iter().map(|error| error.line.text.clone()));
    let earlier = newest_first.filter(|error| seen.insert(error.line.text.clone()));
    LogEvidence {
        file: None,
        run: None,
        earlier: earlier.take(EARLIER).collect(),
        last_error,
        unreachable: unreachable(&lines, &page),
        last_line: last_line(&lines).map(|at| page.line(at, at + 1)),
        hints: hints(&lines, &page),
        ended,
    }
}

/// Returns the last line that is neither a frame of a trace nor the message of a launcher, or the
/// last line that is not blank.
fn last_line(lines: &[&str]) -> Option<usize> {
    const FRAMES: [&str; 8] = ["at ", "from ", "File \"", "...", "#", "}", ")", "^"];
    let written = |at: &usize| !lines[*at].trim().is_empty();
    let tells = |at: &usize| {
        let text = lines[*at].trim();
        let is_frame = FRAMES.iter().any(|frame| text.starts_with(frame));
        written(at) && !is_frame && !is_aftermath(lines[*at])
    };
    let mut all = 0..lines.len();
    all.clone().rfind(tells).or_else(|| all.rfind(written))
}

/// Returns the lines without the names that a runner (compose, concurrently, foreman) writes before
/// them, if most lines have one.
fn without_marks<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    static MARK: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(r"^(?:\[[\w:@/.-]{1,40}\] |(?:\d\d:\d\d:\d\d )?[\w.-]+ +\|(?: |$))")
    });
    let end = |line: &str| {
        let end = MARK.end(line)?;
        level::guess(&line[..end]).is_none().then_some(end)
    };
    let marked = lines.iter().filter(|line| end(line).is_some()).count();
    let written = lines.iter().filter(|line| !line.is_empty()).count();
    if marked * 2 <= written {
        return lines.to_vec();
    }
    let bare = lines.iter().map(|line| &line[end(line).unwrap_or(0)..]);
    bare.collect()
}

fn errors(lines: &[&str], page: &Page<'_>) -> Vec<LogError> {
    let mut errors = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let next = if let Some(trace) = trace(lines, at) {
            errors.push(of_trace(lines, &trace, page));
            trace.lines.end
        } else {
            errors.extend(of_line(lines, at, page));
            at + 1
        };
        at = next.max(at + 1);
    }
    errors
}

/// Returns the errors that the stack file describes, in their order.
fn of_team<'a>(
    lines: &'a [&str],
    own: &'a OwnErrors,
    page: &'a Page<'_>,
) -> impl Iterator<Item = LogError> + 'a {
    let found = lines.iter().enumerate();
    found.filter_map(|(at, line)| {
        Some(LogError {
            line: page.line(at, at + 1),
            kind: LogErrorKind::Known,
            advice: Some(Box::new(own.advice(line)?)),
            form: LogErrorForm::Line,
            cause: None,
            ports: ports(line),
        })
    })
}

/// Returns the programs that a runner reports as failed and has not restarted since, each with the
/// last error in its lines.
fn ended(lines: &[&str], errors: &[LogError], page: &Page<'_>) -> Vec<EndedProgram> {
    static AGAIN: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"(?i)\b(?:re)?start(?:ing|ed)\b"));
    let mut found: Vec<EndedProgram> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(end) = knowledge::ended(line) else {
            let name = |it: &EndedProgram| it.name.clone();
            if !found.is_empty() && AGAIN.is_match(line) {
                found.retain(|it| name(it).is_some_and(|name| !line.contains(&name)));
            }
            continue;
        };
        let name = end.group("name").map(str::to_owned);
        found.retain(|it| it.name != name);
        let line = page.line(at, at + 1);
        let error = if let Some(name) = &name {
            of_program(lines, name, at, page)
        } else {
            let mut before = errors.iter().rev();
            before
                .find(|error| error.line.number < line.number)
                .cloned()
        };
        found.push(EndedProgram {
            line,
            name,
            error: error.map(Box::new),
        });
    }
    found
}

/// Returns the last error before `end` in the lines that a runner marks with the name of a program.
fn of_program(lines: &[&str], name: &str, end: usize, page: &Page<'_>) -> Option<LogError> {
    let marks = [format!("[{name}] "), format!("{name}: ")];
    let own = |line: &str| {
        let mark = marks.iter().find_map(|mark| line.strip_prefix(mark));
        // `12:00:00 web.1  | text`
        let column = || {
            let (before, text) = line.split_once('|')?;
            let named = before.trim_end().ends_with(name);
            named.then(|| text.strip_prefix(' ').unwrap_or(text))
        };
        mark.or_else(column).map(str::to_owned)
    };
    let texts: Vec<Text> = (0..end)
        .filter_map(|at| {
            Some(Text {
                line: own(lines[at])?,
                ..page.texts[at].clone()
            })
        })
        .collect();
    let lines: Vec<&str> = texts.iter().map(|text| text.line.as_str()).collect();
    let page = Page {
        texts: &texts,
        now: page.now,
    };
    errors(&lines, &page).pop()
}

/// Returns the hints that programs print, the newest first.
fn hints(lines: &[&str], page: &Page<'_>) -> Vec<Hint> {
    let newest_first = (0..lines.len()).rev();
    let hints = newest_first.filter_map(|at| {
        let line = Some(lines[at]).filter(|line| !is_aftermath(line));
        let found = knowledge::hint(line?)?;
        let command = found.group("command");
        let text = command.or_else(|| found.group("text"))?;
        Some(Hint {
            line: page.line(at, at + 1),
            text: shown(text),
            is_command: command.is_some(),
        })
    });
    hints.take(HINTS).collect()
}

fn ports(text: &str) -> Vec<u16> {
    static PORT: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"(?:(?i:\bport[ =:]+)|[\w\].]:)(?<port>\d{2,5})\b"));
    let named = PORT.all(text);
    let ports = named.filter_map(|found| found.group("port")?.parse::<u16>().ok());
    ports.collect()
}

/// The lines, to be shown in findings.
struct Page<'a> {
    texts: &'a [Text],
    now: SystemTime,
}

impl Page<'_> {
    /// Returns the line, of which related lines end at `end`.
    fn line(&self, at: usize, end: usize) -> LogLine {
        let Text { number, time, line } = &self.texts[at];
        LogLine {
            number: *number,
            text: shown(line),
            age: time.and_then(|time| self.now.duration_since(time).ok()),
            followed_by: (self.texts.len() - end) as u64,
        }
    }
}

fn shown(text: &str) -> String {
    // The characters that an exception group draws before each line are not part of the message.
    let text = text.trim().trim_start_matches(['|', ' ']);
    let mut shown = redact::redact(text).into_owned();
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn of_trace(lines: &[&str], trace: &Trace, page: &Page<'_>) -> LogError {
    let of_line = |at: usize| (at, kind(lines[at].trim_start_matches(['|', ' '])));
    let named = [Some(trace.says), trace.cause].into_iter().flatten();
    let mut known: Vec<_> = named
        .chain(trace.lines.clone())
        .map(of_line)
        .filter(|(_, (kind, _))| *kind != LogErrorKind::Other)
        .collect();
    // What an exception advises on a missing module may mention a variable.
    let is_module = |(_, (kind, _)): &(usize, (LogErrorKind, _))| {
        matches!(kind, LogErrorKind::ModuleMissing { .. })
    };
    known.sort_by_key(|known| !(is_module(known) && Some(known.0) == trace.cause));
    let telling = known.into_iter().next();
    let missing = missing_variable(lines, trace).map(|kind| (trace.says, (kind, None)));
    let (told_at, (kind, advice)) = missing
        .or(telling)
        .unwrap_or((trace.says, (LogErrorKind::Other, None)));
    let named = [Some(trace.says), trace.cause];
    let mut ports: Vec<u16> = named
        .into_iter()
        .flatten()
        .flat_map(|at| ports(lines[at]))
        .collect();
    ports.dedup();
    // A message of several lines may name the cause in a later one.
    let is_announced = lines[trace.says].trim_end().ends_with(':')
        && told_at > trace.says
        && kind != LogErrorKind::Syntax;
    let says = if is_announced { told_at } else { trace.says };
    let mut line = page.line(says, trace.lines.end);
    complete(&mut line, lines, says);
    if trace.form == LogErrorForm::Panic && trace.says > trace.lines.start {
        // Rust prints the location on one line and the message on the next.
        let place = lines[trace.lines.start];
        line.text = shown(&format!("{place} {}", lines[trace.says].trim()));
        line.number = page.texts[trace.lines.start].number;
    }
    with_place(&mut line, &kind, lines, trace.says);
    LogError {
        line,
        kind,
        advice,
        form: trace.form,
        cause: trace.cause.map(|at| page.line(at, trace.lines.end)),
        ports,
    }
}

/// Adds to a syntax error the file and line that an interpreter prints before the message, if it does.
fn with_place(line: &mut LogLine, kind: &LogErrorKind, lines: &[&str], at: usize) {
    static PLACE: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r#"^(?:(?:file://)?/?[^\s:]*?(?<node>[^\s:/]+:\d+)|File "[^"]*?(?<python>[^"/\\]+)", line (?<line>\d+))$"#,
        )
    });
    if *kind != LogErrorKind::Syntax {
        return;
    }
    let before = lines[..at].iter().rev().take(6).map(|line| line.trim());
    let place = before.into_iter().find_map(|line| {
        let found = PLACE.all(line).next()?;
        let node = found.group("node").map(str::to_owned);
        let python = || {
            Some(format!(
                "{}:{}",
                found.group("python")?,
                found.group("line")?
            ))
        };
        node.or_else(python)
    });
    if let Some(place) = place {
        line.text = shown(&format!("{} ({place})", lines[at]));
    }
}

/// Finds missing variables: `os.environ["NAME"]`, and missing settings of pydantic.
fn missing_variable(lines: &[&str], trace: &Trace) -> Option<LogErrorKind> {
    static KEY: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"^KeyError: '(?<name>\w+)'$"));
    static SETTINGS: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"validation errors? for \w*(?:Settings|Config|Env)\w*$"));
    let says = lines[trace.says];
    if let Some(found) = KEY.all(says).next() {
        let mut frames = trace.lines.clone().map(|at| lines[at]);
        let of_environment = |line: &str| {
            line.contains("__getitem__") && (line.contains("os>") || line.contains("os.py"))
        };
        return frames
            .any(of_environment)
            .then(|| LogErrorKind::VariableMissing {
                name: found.group("name").unwrap_or_default().to_owned(),
            });
    }
    let field = lines.get(trace.says + 1)?;
    let missing = lines.get(trace.says + 2)?.trim_start();
    let is_missing =
        SETTINGS.is_match(says) && missing.to_lowercase().starts_with("field required");
    is_missing.then(|| LogErrorKind::VariableMissing {
        name: field.trim().to_uppercase(),
    })
}

fn of_line(lines: &[&str], at: usize, page: &Page<'_>) -> Option<LogError> {
    static EMERGENCY: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\[(?:emerg|alert|crit)\]|^Unhandled exception\. |^\d+:[A-Z] .* # (?:Fatal|Wrong signature|Bad file format|Can't |Short read|Unrecoverable|Error )",
        )
    });
    /// A compiler begins with the place.
    static COMPILER: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"^(?:\S+\.\w{1,5}[:(]\d+|== Compilation error in file )"));
    let line = lines[at];
    if line.trim().is_empty() || is_aftermath(line) {
        return None;
    }
    let level = level::guess(line);
    let may_be_grave = line.contains('[')
        || line.starts_with("Unhandled")
        || line.starts_with(|first: char| first.is_ascii_digit());
    let (kind, advice) = kind(line);
    let is_error = level == Some(Level::Error)
        || may_be_grave && EMERGENCY.is_match(line)
        || kind == LogErrorKind::Syntax && level.is_none() && COMPILER.is_match(line);
    let kind = match kind {
        LogErrorKind::PortMoved { from, to: None } => LogErrorKind::PortMoved {
            from,
            to: served_at(lines[at..].iter()),
        },
        // The preceding line may contain the address.
        LogErrorKind::AddressInUse { port: None } => LogErrorKind::AddressInUse {
            port: served_at(lines[..at].iter().rev()),
        },
        kind => kind,
    };
    let says_it_itself = !matches!(
        kind,
        LogErrorKind::Other | LogErrorKind::Syntax | LogErrorKind::FileMissing { .. }
    );
    let is_light = matches!(level, Some(Level::Info | Level::Debug | Level::Trace));
    let has_moved = matches!(kind, LogErrorKind::PortMoved { .. });
    let counts = is_error || has_moved || says_it_itself && !is_light;
    counts.then(|| {
        let mut line = page.line(at, at + 1);
        complete(&mut line, lines, at);
        with_place(&mut line, &kind, lines, at);
        LogError {
            line,
            kind,
            advice,
            form: LogErrorForm::Line,
            cause: None,
            ports: ports(lines[at]),
        }
    })
}

/// Appends the next lines to a line that only announces an error.
fn complete(line: &mut LogLine, lines: &[&str], at: usize) {
    static PLACE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"[\w./-]+\.\w+:\d+"));
    let following = lines[at + 1..].iter().map(|line| line.trim());
    let following = following.filter(|line| !line.is_empty());
    let said: Vec<&str> = if lines[at].contains("FATAL CONFIG FILE ERROR") {
        // Redis prints the line number, the line, and its error.
        following.skip(1).take(2).collect()
    } else if lines[at].ends_with(':') {
        // A compiler may print the location below the message.
        let next = following.take(2).enumerate();
        let tells = next.filter(|(place, next)| match place {
            0 => !next.starts_with("at "),
            _ => PLACE.is_match(next) && !next.starts_with("at "),
        });
        tells
            .map(|(_, line)| line.trim_start_matches(|c: char| !c.is_ascii() || c == ' '))
            .collect()
    } else {
        return;
    };
    line.text = shown(&format!("{} {}", lines[at].trim(), said.join(" ")));
}

/// Returns the port of the address that a server prints in these lines.
fn served_at<'a>(lines: impl Iterator<Item = &'a &'a str>) -> Option<Port> {
    static ADDRESS: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\bhttps?://(?:localhost|[\d.]+|\[[^\]]+\]):(?<port>\d+)"));
    let mut near = lines.take(20);
    let found = near.find_map(|line| ADDRESS.all(line).next())?;
    found.group("port")?.parse().ok().and_then(Port::new)
}

fn unreachable(lines: &[&str], page: &Page<'_>) -> Vec<Unreachable> {
    let mut found: Vec<Unreachable> = Vec::new();
    for at in (0..lines.len()).rev() {
        // libpq spreads the message over several lines.
        let joined;
        let text = if lines[at].contains("running on host") {
            let next = lines.get(at + 1).copied().unwrap_or_default();
            joined = format!("{} {}", lines[at], next.trim());
            joined.as_str()
        } else {
            lines[at]
        };
        let mut mentions = mentions(text);
        if mentions.is_empty() && text.contains("Connection refused") {
            mentions.extend(in_source(lines, at));
        }
        for mention in mentions {
            let known = found
                .iter_mut()
                .find(|known| known.host == mention.host && known.port == mention.port);
            match known {
                Some(known) => known.times += 1,
                None => found.push(Unreachable {
                    host: mention.host,
                    port: mention.port,
                    why: mention.why,
                    line: page.line(at, at + 1),
                    times: 1,
                }),
            }
        }
    }
    found
}

/// Returns the address of a failed connection whose exception does not name it (uvloop): it may be
/// in the source line that connects.
fn in_source(lines: &[&str], at: usize) -> Option<Mention> {
    static CONNECTS: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r#"(?i:connect)\w*\(.*["'](?<host>localhost|[\w-]+(?:\.[\w-]+)+)["'].*?\b(?<port>\d{4,5})\b"#,
        )
    });
    let frames = lines[..at].iter().rev();
    let mut frames = frames.take_while(|line| line.starts_with(' '));
    let found = frames.find_map(|line| CONNECTS.all(line).next())?;
    Some(Mention {
        host: found.group("host")?.to_owned(),
        port: found.group("port")?.parse().ok().and_then(Port::new),
        why: UnreachableWhy::Refused,
    })
}
