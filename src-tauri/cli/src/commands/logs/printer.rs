//! Prints log lines on the standard output.

use std::{
    borrow::Cow,
    io::{self, BufWriter, StdoutLock, Write as _},
};

use jiff::Timestamp;
use pilotlight::{
    effects::log::{Level, Line, with_colours, without_ansi, without_colours},
    stack::ServiceName,
};
use serde::Serialize;

use crate::{
    json,
    paint::{self, DIM, paint},
    time::{of_day, timestamp},
    view::origin,
};

const RESET: &str = "\u{1b}[0m";

/// Writes lines, with the name of the service if there are several.
#[expect(
    clippy::struct_excessive_bools,
    reason = "three are options of the command"
)]
pub(super) struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    services: Vec<ServiceName>,
    json: bool,
    times: bool,
    coloured: bool,
    /// The width of the longest name.
    column: usize,
    /// The service whose line has not ended.
    open: Option<ServiceName>,
    has_printed: bool,
}

/// A line of `logs --json`.
#[derive(Serialize)]
struct Entry<'a> {
    time: Option<Timestamp>,
    service: &'a ServiceName,
    run: u64,
    level: Option<Level>,
    text: Cow<'a, str>,
}

impl Printer {
    pub(super) fn new(services: Vec<ServiceName>, json: bool, times: bool) -> Self {
        let widths = services
            .iter()
            .map(|service| paint::width(service.as_str()));
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            column: widths.max().unwrap_or(0),
            coloured: paint::output_is_coloured(),
            services,
            json,
            times,
            open: None,
            has_printed: false,
        }
    }

    pub(super) fn print(&mut self, service: &ServiceName, line: &Line) -> io::Result<()> {
        self.has_printed = true;
        if self.json {
            return self.print_json(service, line);
        }
        let goes_on = line.continues && self.open.as_ref() == Some(service);
        if !goes_on {
            self.close()?;
            let prefix = self.prefix(service, line);
            self.out.write_all(prefix.as_bytes())?;
        }
        if !self.coloured {
            self.out.write_all(without_colours(&line.text).as_bytes())?;
        } else if line.text.contains('\u{1b}') {
            write!(self.out, "{}{RESET}", with_colours(&line.text))?;
        } else {
            self.out.write_all(with_colours(&line.text).as_bytes())?;
        }
        if let Some(remark) = line.remark() {
            self.out.write_all(remark.as_bytes())?;
        }
        self.open = Some(service.clone());
        if line.complete {
            self.close()?;
        }
        Ok(())
    }

    /// Ends an incomplete line before another one follows.
    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(_) => self.out.write_all(b"\n"),
            None => Ok(()),
        }
    }

    fn prefix(&self, service: &ServiceName, line: &Line) -> String {
        let mut prefix = String::new();
        let style = |style| if self.coloured { style } else { paint::PLAIN };
        if self.times {
            let time = line.time.map_or_else(|| " ".repeat(12), of_day);
            prefix.push_str(&paint(style(DIM), &time));
            prefix.push_str("  ");
        }
        if self.services.len() > 1 {
            let place = self.services.iter().position(|other| other == service);
            prefix.push_str(&origin(service, place, self.column, self.coloured));
        }
        prefix
    }

    fn print_json(&mut self, service: &ServiceName, line: &Line) -> io::Result<()> {
        let entry = Entry {
            time: line.time.map(timestamp),
            service,
            run: line.run.0,
            level: line.level(),
            text: match line.remark() {
                Some(remark) => Cow::Owned(format!("{}{remark}", without_ansi(&line.text))),
                None => without_ansi(&line.text),
            },
        };
        self.out.write_all(json::line(&entry)?.as_bytes())
    }

    /// Writes the collected lines.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Returns whether no line was printed.
    pub(super) fn is_unused(&self) -> bool {
        !self.has_printed
    }

    /// Ends the last line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if !self.json {
            self.close()?;
        }
        self.flush()
    }
}
