//! Parses text to a tree of TOML values.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::{
    ErrorSink, Source, Span,
    parser::{EventReceiver, parse_document},
};

use super::{
    findings::{Problems, Read, Reported},
    problem::ProblemKind,
    reader::Value,
};

/// Returns the tree of the file in this range, if it is valid. All positions are those in the text
/// of all files.
pub(super) fn tree<'a>(file: Range<usize>, problems: &mut Problems<'a>) -> Read<Value<'a>> {
    let start = file.start;
    let text = problems.text.get(file.clone()).unwrap_or_default();
    if let Some(place) = too_deep(text) {
        let limit = DEEPEST;
        let place = start + place.start()..start + place.end();
        return Err(problems.add(place, ProblemKind::TooDeep { limit }));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let table = Spanned::new(0..text.len(), DeValue::Table(table.into_inner()));
        return Ok(moved(table, start));
    }
    let mut errors: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or_default(), error.message()))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    let mut line_end = 0;
    for (span, message) in errors {
        // A mistake causes further errors on the rest of the line.
        if span.start < line_end {
            continue;
        }
        if problems.is_full() {
            break;
        }
        let rest = text.get(span.start..).unwrap_or_default();
        line_end = rest.find('\n').map_or(text.len(), |end| span.start + end) + 1;
        let span = start + span.start..start + span.end;
        problems.add(span, ProblemKind::Syntax(message.to_owned()));
    }
    Err(Reported)
}

/// Shifts the positions in a value.
fn moved(value: Value<'_>, by: usize) -> Value<'_> {
    if by == 0 {
        return value;
    }
    let at = |span: Range<usize>| span.start + by..span.end + by;
    let span = at(value.span());
    let value = match value.into_inner() {
        DeValue::Table(table) => {
            let items = table.into_iter().map(|(key, value)| {
                let span = at(key.span());
                (Spanned::new(span, key.into_inner()), moved(value, by))
            });
            DeValue::Table(items.collect())
        }
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| moved(item, by)).collect())
        }
        other => other,
    };
    Spanned::new(span, value)
}

/// The maximum depth. Dropping a tree of some thousand levels overflows the stack, and the parser
/// limits brackets and dots separately, not their product in `a.a = { a.a = { …`.
const DEEPEST: usize = 64;

/// Returns the first position that is nested too deeply.
pub(super) fn too_deep(text: &str) -> Option<Span> {
    let tokens = Source::new(text).lex().into_vec();
    let mut depth = Depth {
        levels: vec![0],
        sum: 0,
        exceeded: None,
    };
    parse_document(&tokens, &mut depth, &mut ());
    depth.exceeded
}

/// The depth of the parser: one level for every open bracket and every dot of the current keys.
struct Depth {
    /// The dots of the current key, at the top level and in each open bracket.
    levels: Vec<usize>,
    sum: usize,
    exceeded: Option<Span>,
}

impl Depth {
    fn open(&mut self, place: Span) -> bool {
        self.levels.push(0);
        self.deeper(place)
    }

    fn close(&mut self) {
        if let [_, .., dots] = self.levels[..] {
            self.levels.pop();
            self.sum -= dots + 1;
        }
    }

    fn next_key(&mut self) {
        if let Some(dots) = self.levels.last_mut() {
            self.sum -= std::mem::take(dots);
        }
    }

    fn dot(&mut self, place: Span) {
        if let Some(dots) = self.levels.last_mut() {
            *dots += 1;
        }
        self.deeper(place);
    }

    fn deeper(&mut self, place: Span) -> bool {
        self.sum += 1;
        if self.sum > DEEPEST {
            self.exceeded.get_or_insert(place);
        }
        self.exceeded.is_none()
    }

    fn next_line(&mut self) {
        if self.levels.len() == 1 {
            self.next_key();
        }
    }
}

impl EventReceiver for Depth {
    fn inline_table_open(&mut self, place: Span, _: &mut dyn ErrorSink) -> bool {
        self.open(place)
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.close();
    }

    fn array_open(&mut self, place: Span, _: &mut dyn ErrorSink) -> bool {
        self.open(place)
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.close();
    }

    fn key_sep(&mut self, place: Span, _: &mut dyn ErrorSink) {
        self.dot(place);
    }

    fn value_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.next_key();
    }

    fn newline(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.next_line();
    }
}
