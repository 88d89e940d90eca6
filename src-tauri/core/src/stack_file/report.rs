//! Formats problems with their positions.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::{
    bundle::Bundle,
    findings::{Finding, MOST_PROBLEMS},
    problem::ProblemKind,
};

/// The problems of an invalid stack file, in the order of the file. Never empty.
///
/// It is a [`Diagnostic`] with each [`Problem`] as a related one, so that a graphical reporter
/// shows the lines of the file. [`Report::lines`] is for other output.
#[derive(Debug)]
pub struct Report {
    file: PathBuf,
    problems: Vec<Problem>,
}

/// A problem and its position.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct Problem {
    kind: ProblemKind,
    place: Option<Place>,
    labels: Vec<LabeledSpan>,
    source_text: Arc<Source>,
}

/// A position in a file. Both numbers count from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Report {
    /// Returns the stack file. A problem may be in another file of the stack.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the problems, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns whether the search stopped because of too many problems.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    /// Returns one line per problem: `file:line:column: message`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|problem| {
            let file = problem.file();
            match problem.place {
                Some(Place { line, column }) => format!("{file}:{line}:{column}: {problem}"),
                None => format!("{file}: {problem}"),
            }
        })
    }

    /// Creates a report about the files of a stack.
    pub(super) fn new(bundle: &Bundle, text: &[u8], mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        let sources = bundle.parts.iter().map(|part| {
            let text = text.get(part.range.clone()).unwrap_or_default();
            Arc::new(Source::new(&part.path, part.range.start, text))
        });
        let sources: Vec<Arc<Source>> = sources.collect();
        let source = |span: &Range<usize>| &sources[bundle.number_at(span.start)];
        let problems = findings
            .into_iter()
            .map(|finding| Problem::new(finding, source))
            .collect();
        Self {
            file: bundle.parts[0].path.clone(),
            problems,
        }
    }

    /// Creates a report about a file that could not be read.
    pub(super) fn about_file(file: &Path, kind: ProblemKind) -> Self {
        let problem = Problem {
            kind,
            place: None,
            labels: Vec::new(),
            source_text: Arc::new(Source::new(file, 0, b"")),
        };
        Self {
            file: file.to_owned(),
            problems: vec![problem],
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        // An unreadable file may still be valid.
        if let [problem] = &self.problems[..]
            && problem.place.is_none()
        {
            return write!(f, "{file}: {problem}");
        }
        match (self.problems.len(), self.is_cut_short()) {
            (1, _) => write!(f, "{file} is not a valid stack file"),
            (count, false) => write!(f, "{file} is not a valid stack file: {count} problems"),
            (count, true) => {
                write!(
                    f,
                    "{file} is not a valid stack file: the first {count} problems"
                )
            }
        }
    }
}

impl std::error::Error for Report {}

impl Diagnostic for Report {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let problems = self.problems.iter();
        Some(Box::new(problems.map(|problem| problem as &dyn Diagnostic)))
    }
}

impl Problem {
    fn new<'s>(finding: Finding, source_of: impl Fn(&Range<usize>) -> &'s Arc<Source>) -> Self {
        let source = source_of(&finding.span);
        let mut label = finding.kind.label();
        let mut others = Vec::new();
        for (span, text) in finding.others {
            let other = source_of(&span);
            let span = other.clamp(&span);
            if Arc::ptr_eq(other, source) {
                others.push(LabeledSpan::new(Some(text), span.start, span.len()));
            } else {
                // Only one file is shown.
                let Place { line, .. } = other.place(span.start);
                label = format!("{label}; {text} ({}:{line})", other.name);
            }
        }
        let span = source.clamp(&finding.span);
        let label = LabeledSpan::new_primary_with_span(Some(label), span.clone());
        let labels = [vec![label], others].concat();
        Self {
            place: Some(source.place(span.start)),
            kind: finding.kind,
            labels,
            source_text: Arc::clone(source),
        }
    }

    /// Returns the path of the file that contains the problem.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source_text.name
    }

    /// Returns the kind of problem.
    #[must_use]
    pub fn kind(&self) -> &ProblemKind {
        &self.kind
    }

    /// Returns its position; `None` if the file could not be read.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Returns the help text.
    #[must_use]
    pub fn suggestion(&self) -> String {
        let help = self.kind.help();
        help.map(|help| help.to_string()).unwrap_or_default()
    }

    /// Returns the line at the position, without its newline.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        self.place.map(|place| self.source_text.line(place.line))
    }
}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.kind.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.map(|_| &*self.source_text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.place?;
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// Returns the position of a byte in a text.
pub(super) fn place_in(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}

/// The text of a stack file, safe to display.
#[derive(Debug)]
struct Source {
    name: String,
    /// Its start in the text of all files, to which positions of problems refer.
    start: usize,
    text: String,
}

impl Source {
    /// Replaces characters that a terminal would interpret. Works byte by byte, so that offsets
    /// stay valid.
    fn new(file: &Path, start: usize, bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
                    text.extend(std::iter::repeat_n('?', character.len_utf8()));
                } else {
                    text.push(character);
                }
            }
            text.extend(chunk.invalid().iter().map(|_| '?'));
        }
        Self {
            name: file.display().to_string(),
            start,
            text,
        }
    }

    /// Returns the span in this file, extended to whole characters and limited to the text.
    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let last = self.text.len().saturating_sub(1);
        let start = span.start.saturating_sub(self.start).min(last);
        let start = self.text.floor_char_boundary(start);
        let end = span.end.saturating_sub(self.start);
        let end = self.text.floor_char_boundary(end).max(start);
        start..end
    }

    fn place(&self, offset: usize) -> Place {
        place_in(&self.text, offset)
    }

    fn line(&self, number: usize) -> &str {
        let line = self.text.split('\n').nth(number - 1);
        line.unwrap_or_default().trim_end_matches('\r')
    }
}

impl SourceCode for Source {
    /// Works as for a string, but shows only the part of a very long line around the span.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        const LONG: usize = 8 * 1024;
        const AROUND: usize = 60;
        let all = self.text.read_span(span, lines_before, lines_after)?;
        let (shown, first_line, first_column) = if all.data().len() <= LONG {
            (*all.span(), all.line(), all.column())
        } else {
            let start = self
                .text
                .floor_char_boundary(span.offset().saturating_sub(AROUND));
            let end = span.offset() + span.len().min(AROUND) + AROUND;
            let end = self.text.floor_char_boundary(end).max(start);
            let place = self.place(start);
            ((start..end).into(), place.line - 1, place.column - 1)
        };
        let data = &self.text.as_bytes()[shown.offset()..shown.offset() + shown.len()];
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data,
            shown,
            first_line,
            first_column,
            all.line_count(),
        )))
    }
}
