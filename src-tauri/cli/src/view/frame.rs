//! A frame of the live view.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use pilotlight::{
    effects::log::{Line, without_colours},
    model::view::{Light, ServiceView, StackView},
    stack::ServiceName,
};

use super::{
    Look,
    columns::{Cell, lines},
    table::{heading, remarks},
    words,
};
use crate::paint::{self, BOLD, DIM, PLAIN, cut, paint, tame, width};

/// The minimum widths, so that little moves when the state of a service changes.
const AT_LEAST: [usize; 5] = [0, 0, 9, 0, 6];

/// The minimum width of a piece of a log line.
const LOG_AT_LEAST: usize = 12;

/// The number of characters of a log line that are examined: more than a terminal is wide, including
/// colour codes.
const BEGINNING: usize = 4096;

/// The blanks before each line, and before the log.
const INDENT: usize = 2;
const GAP: usize = 3;

/// The content of a frame besides the snapshot.
pub(super) struct Picture<'a> {
    pub(super) logs: &'a Logs,
    /// The last lines.
    pub(super) footer: &'a str,
    pub(super) now: Timestamp,
    pub(super) look: Look,
    /// The number of lines.
    pub(super) height: usize,
}

/// The last line of each service, by its stack file and its name.
pub(super) type Logs = HashMap<Key, Line>;

/// A stack file and a service of it.
pub(super) type Key = (PathBuf, ServiceName);

impl Picture<'_> {
    /// Returns a row for each service, a card for each finding, and the footer.
    pub(super) fn draw(&self, stacks: &[Arc<StackView>]) -> Vec<String> {
        let mut text = Vec::new();
        // The footer with a line above it, and the line that the cursor is in.
        let taken = self.footer.lines().count() + 2;
        let room = self.height.saturating_sub(taken) / stacks.len().max(1);
        for stack in stacks {
            text.extend(self.draw_stack(stack, room));
        }
        text.push(String::new());
        let footer = self.footer.lines();
        text.extend(footer.map(|line| format!("  {}", paint(DIM, line))));
        text.truncate(self.height.saturating_sub(1).max(1));
        text.into_iter().map(|line| self.fit(line)).collect()
    }

    fn draw_stack(&self, stack: &StackView, room: usize) -> Vec<String> {
        let look = Look {
            width: Some(self.width(0)),
            ..self.look
        };
        let mut cards = remarks(stack, look);
        // The heading between two lines.
        let room = room.saturating_sub(3);
        let rows = stack.services.len().min(room / 2);
        cards.truncate(room - rows);
        let heading = format!("  {}", heading(stack));
        let mut text = vec![String::new(), heading, String::new()];
        text.extend(self.rows(stack, room - cards.len()));
        text.extend(cards);
        text
    }

    /// Returns the number of columns that are left. The last one stays free, since some terminals wrap a line
    /// that reaches it.
    fn width(&self, taken: usize) -> usize {
        let width = self.look.width.unwrap_or(usize::MAX);
        width.saturating_sub(taken + 1)
    }

    /// Returns the line, or its beginning without colours if it does not fit.
    fn fit(&self, line: String) -> String {
        if visible(&line) <= self.width(0) {
            return line;
        }
        cut(&without_colours(&line), self.width(0), self.look.signs)
    }

    fn rows(&self, stack: &StackView, room: usize) -> Vec<String> {
        let mut shown: Vec<&ServiceView> =
            stack.services.iter().map(|service| &**service).collect();
        let hidden = (shown.len() > room).then(|| {
            // Healthy services are hidden first.
            let mut by_need: Vec<usize> = (0..shown.len()).collect();
            by_need.sort_by_key(|&place| (need(shown[place].light), place));
            let mut kept = by_need[..room.saturating_sub(1)].to_vec();
            kept.sort_unstable();
            let hidden = shown.len() - kept.len();
            shown = kept.into_iter().map(|place| shown[place]).collect();
            hidden
        });
        let rows = shown.iter().map(|service| self.row(service)).collect();
        let table = lines(None, rows, AT_LEAST);
        let longest = table.iter().map(|line| visible(line)).max().unwrap_or(0);
        let mut text: Vec<String> = table
            .into_iter()
            .zip(shown)
            .map(|(line, service)| self.with_log(&line, stack, service, longest))
            .collect();
        if let Some(hidden) = hidden {
            let more = format!("  {} and {hidden} more", self.look.signs.ellipsis());
            text.push(paint(DIM, &more));
        }
        text
    }

    fn row(&self, service: &ServiceView) -> [Cell; 5] {
        let style = paint::light(service.light);
        let name = if service.light == Light::Off {
            PLAIN
        } else {
            BOLD
        };
        let port = service.port.map(|port| format!(":{port}"));
        let took = words::took(service, self.now);
        [
            Cell::new(style, self.look.signs.light(service.light)),
            Cell::new(name, service.name.as_str()),
            Cell::new(words::style(service), service.state()),
            Cell::plain(port.unwrap_or_default()),
            Cell::new(DIM, took.unwrap_or_default()),
        ]
    }

    fn with_log(
        &self,
        line: &str,
        stack: &StackView,
        service: &ServiceView,
        longest: usize,
    ) -> String {
        let room = self.width(longest + INDENT + GAP);
        let key = (stack.file.clone(), service.name.clone());
        // A line of an earlier run says nothing about this one.
        let is_current = |log: &&Line| service.run == Some(log.run) && words::has_begun(service);
        let log = self
            .logs
            .get(&key)
            .filter(is_current)
            .map(|log| {
                let remark = log.remark().unwrap_or_default();
                let room = room.saturating_sub(width(&remark));
                // Examines no more of a long line than fits on the screen.
                let seen = log.text.char_indices().nth(BEGINNING);
                let text = &log.text[..seen.map_or(log.text.len(), |(end, _)| end)];
                cut(tame(text).trim_start(), room, self.look.signs) + &remark
            })
            .unwrap_or_default();
        if room < LOG_AT_LEAST || log.is_empty() {
            return format!("  {line}");
        }
        let blanks = longest - visible(line) + GAP;
        let log = paint(DIM, &log);
        format!("  {line}{:blanks$}{log}", "")
    }
}

/// Returns the rank of a light: the smallest is shown first.
fn need(light: Light) -> u8 {
    match light {
        Light::Red => 0,
        Light::Amber => 1,
        Light::Off => 2,
        Light::Green => 3,
    }
}

fn visible(line: &str) -> usize {
    width(&without_colours(line))
}
