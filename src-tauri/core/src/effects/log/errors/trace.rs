//! Traces: the lines of a traceback, a stack trace or a panic, and the line with the message.

use std::{ops::Range, sync::LazyLock};

use crate::{diagnose::evidence::log::LogErrorForm, effects::log::pattern::Pattern};

/// A trace in a slice of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// All of its lines.
    pub(super) lines: Range<usize>,
    /// The line with the message.
    pub(super) says: usize,
    /// The line with the original message, if it is another one.
    pub(super) cause: Option<usize>,
    pub(super) form: LogErrorForm,
}

static TRACEBACK: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new(r"Traceback \(most recent call last\):?$"));
/// The prefix of each line of an exception group: `  | `, `  + `, `    +-+---- 1 ----`.
static GROUP: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"^(?:\s*[|+]\s?(?:[-+]+.*$)?)+"));
/// The last line of a traceback: the name of an exception, and usually a message.
static EXCEPTION: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new(r"^[A-Za-z_][\w.]*(?:\s\([^)]*\))?(?::\s.*|:)?$"));
static CHAINED: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):",
    )
});
/// A frame of V8, Java and .NET.
static FRAME: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(r"^\s+(?:at\s+(?:async\s+)?\S|\.\.\.\s+\d+\s+(?:more|common frames)|--- End of)")
});
/// The head of a stack trace of V8.
static NODE: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"(?:^|[\s:(\[])(?:Uncaught\s+)?(?:[A-Za-z_$][\w$]*(?:Error|Exception)|Error)\b(?:\s\[\w+\])?(?::|\s*$|\s\{)",
    )
});
/// An error within an error, as V8 prints it.
static NODE_CAUSE: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(r"^\s+(?:\[cause\]:\s|\[errors\]:|(?:[A-Za-z_$][\w$]*)?Error(?:\s\[\w+\])?:\s)")
});
static JAVA_CAUSE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"^\s*(?:Caused by:|--->)\s"));
static RUST: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new(r"^(?:.*\s)?thread '[^']*' (?:\(\d+\) )?panicked at "));
/// The first line of a Go panic.
const GO: [&str; 3] = ["panic: ", "fatal error: ", "runtime: out of memory"];
/// The first line of a failed start of an Elixir application.
const MIX: &str = "** (Mix) Could not start application ";
static GO_FRAME: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"^(?:goroutine \d+|\s|[\w./*()\-\[\]]+\(.*\)$|created by |exit status \d|\[signal |panic: |main\.)",
    )
});

/// Returns the trace that begins at line `at`.
pub(super) fn trace(lines: &[&str], at: usize) -> Option<Trace> {
    let line = lines[at];
    // Patterns are compiled on first use, so only if a line may match.
    if line.contains("Traceback (most recent") && TRACEBACK.is_match(line) {
        return traceback(lines, at);
    }
    if line.contains("panicked at ") && RUST.is_match(line) {
        return Some(rust(lines, at));
    }
    if GO.iter().any(|start| line.starts_with(start)) {
        return go(lines, at);
    }
    if line.contains(MIX) {
        return Some(mix(lines, at));
    }
    stack(lines, at)
}

/// Reads a Python traceback: indented frames below the head, then the exception. Of chained ones,
/// the last is the uncaught exception, the first the original one.
fn traceback(lines: &[&str], at: usize) -> Option<Trace> {
    let mut said = Vec::new();
    let mut next = at;
    while let Some((says, end)) = one_traceback(lines, next) {
        said.push(says);
        next = end;
        let Some(other) = chained(lines, end) else {
            break;
        };
        next = other;
    }
    let (&first, &last) = (said.first()?, said.last()?);
    // The line of the exception group itself explains nothing.
    let tells = first != last && !lines[first].contains("ExceptionGroup: ");
    Some(Trace {
        lines: at..next,
        says: last,
        cause: tells.then_some(first),
        form: LogErrorForm::Exception,
    })
}

/// Returns the head of the next chained traceback.
fn chained(lines: &[&str], from: usize) -> Option<usize> {
    let unframed = |at: usize| bare(lines[at], is_of_group(lines[at])).trim();
    let after = |from: usize| (from..lines.len()).find(|&at| !unframed(at).is_empty());
    let link = after(from)?;
    if CHAINED.is_match(unframed(link)) {
        return after(link + 1).filter(|&at| TRACEBACK.is_match(lines[at]));
    }
    // The exceptions of a group, each with its own traceback.
    let of_group = (from..lines.len()).take_while(|&at| is_of_group(lines[at]));
    of_group
        .into_iter()
        .find(|&at| TRACEBACK.is_match(lines[at]))
}

/// Returns the line of the exception and the end of its message.
fn one_traceback(lines: &[&str], at: usize) -> Option<(usize, usize)> {
    let of_group = is_of_group(lines[at]);
    let bare = |at: usize| bare(lines[at], of_group);
    let is_frame = |at: usize| bare(at).starts_with([' ', '\t']) || bare(at).is_empty();
    let says = (at + 1..lines.len()).find(|&at| !is_frame(at))?;
    if !EXCEPTION.is_match(bare(says)) {
        return None;
    }
    // A message may continue: indented, in parentheses or brackets (SQLAlchemy).
    let goes_on =
        |at: usize| bare(at).starts_with([' ', '\t', '(', '[']) && !bare(at).starts_with("[20");
    let end = (says + 1..lines.len()).find(|&at| !goes_on(at));
    Some((says, end.unwrap_or(lines.len())))
}

/// Returns the line without the prefix of an exception group.
fn bare(line: &str, of_group: bool) -> &str {
    let before = GROUP.end(line).filter(|_| of_group);
    &line[before.unwrap_or(0)..]
}

fn is_of_group(line: &str) -> bool {
    line.trim_start().starts_with(['|', '+'])
}

fn rust(lines: &[&str], at: usize) -> Trace {
    // Since Rust 1.73 the message is on the next line.
    let says = if lines[at].ends_with(':') && at + 1 < lines.len() {
        at + 1
    } else {
        at
    };
    let is_backtrace = |line: &str| {
        line.starts_with(' ') || line.starts_with("note: ") || line.starts_with("stack backtrace:")
    };
    let end = (says + 1..lines.len()).find(|&at| !is_backtrace(lines[at]));
    Trace {
        lines: at..end.unwrap_or(lines.len()),
        says,
        cause: None,
        form: LogErrorForm::Panic,
    }
}

fn go(lines: &[&str], at: usize) -> Option<Trace> {
    // The message may have several lines; goroutines follow.
    let horizon = lines.len().min(at + 8);
    let goroutine = (at + 1..horizon).find(|&at| lines[at].starts_with("goroutine "));
    if goroutine.is_none() && !lines[at].starts_with("panic: ") {
        return None;
    }
    let from = goroutine.unwrap_or(at + 1);
    let end =
        (from..lines.len()).find(|&at| !lines[at].is_empty() && !GO_FRAME.is_match(lines[at]));
    Some(Trace {
        lines: at..end.unwrap_or(lines.len()),
        says: at,
        cause: None,
        form: LogErrorForm::Panic,
    })
}

/// Reads the failed start of an Elixir application: processes within each other, the innermost with the reason.
fn mix(lines: &[&str], at: usize) -> Trace {
    let is_inner = |at: &usize| lines[*at].starts_with("    ");
    let end = (at + 1..lines.len()).find(|at| !is_inner(at));
    let lines_of = at..end.unwrap_or(lines.len());
    let reason = lines_of.clone().rfind(|&at| lines[at].contains("** ("));
    Trace {
        says: reason.unwrap_or(at),
        lines: lines_of,
        cause: None,
        form: LogErrorForm::Exception,
    }
}

/// Reads a stack trace of V8, Java or .NET: the message, then indented frames and causes.
fn stack(lines: &[&str], at: usize) -> Option<Trace> {
    /// The maximum number of lines of a message before the first frame.
    const MESSAGE: usize = 12;
    let head = lines[at];
    if head.starts_with([' ', '\t']) || head.is_empty() {
        return None;
    }
    let is_frame = |at: usize| FRAME.is_match(lines[at]);
    let is_head = |at: usize| {
        let named = lines[at].contains("Exception")
            || lines[at].contains("Error") && NODE.is_match(lines[at]);
        named && !lines[at].starts_with([' ', '\t'])
    };
    if !is_head(at) {
        return None;
    }
    let horizon = lines.len().min(at + MESSAGE);
    let first = (at + 1..horizon).find(|&next| is_frame(next) || is_head(next))?;
    if !is_frame(first) {
        return None;
    }
    let belongs = |line: &str| {
        line.starts_with([' ', '\t', '}', ']'])
            || line.starts_with("Emitted 'error' event")
            || JAVA_CAUSE.is_match(line)
    };
    let end = (first..lines.len())
        .find(|&at| !belongs(lines[at]))
        .unwrap_or(lines.len());
    let mut causes = (at + 1..end).filter(|&at| {
        JAVA_CAUSE.is_match(lines[at])
            || NODE_CAUSE.is_match(lines[at]) && !lines[at].contains("[errors]")
    });
    Some(Trace {
        lines: at..end,
        says: at,
        cause: causes.next_back(),
        form: LogErrorForm::Exception,
    })
}
