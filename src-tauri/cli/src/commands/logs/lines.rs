//! Which lines are shown, as far as the reader of the logs does not choose them.

use std::collections::{HashMap, VecDeque};

use pilotlight::{
    effects::log::{Level, Line},
    stack::ServiceName,
};

/// Chooses lines by their level, and the last ones of those.
pub(super) struct Wanted {
    level: Option<Level>,
    tail: Option<usize>,
    /// The level of the last line that told one, of each service.
    levels: HashMap<ServiceName, Level>,
    /// The last lines of each service, with the place of each among all.
    last: HashMap<ServiceName, VecDeque<(usize, Line)>>,
    seen: usize,
}

impl Wanted {
    /// `tail` counts only where there is a level; without one the reader itself knows the last lines.
    pub(super) fn new(level: Option<Level>, tail: Option<usize>) -> Self {
        Self {
            tail: tail.filter(|_| level.is_some()),
            level,
            levels: HashMap::new(),
            last: HashMap::new(),
            seen: 0,
        }
    }

    /// Whether the last lines are chosen here.
    pub(super) fn chooses(&self) -> bool {
        self.level.is_some()
    }

    /// The line back, if it is to be shown now.
    pub(super) fn take(&mut self, service: ServiceName, line: Line) -> Option<(ServiceName, Line)> {
        if !self.is_grave_enough(&service, &line) {
            return None;
        }
        let Some(tail) = self.tail else {
            return Some((service, line));
        };
        let last = self.last.entry(service).or_default();
        last.push_back((self.seen, line));
        self.seen += 1;
        if last.len() > tail {
            last.pop_front();
        }
        None
    }

    /// The last lines, in their order.
    pub(super) fn rest(self) -> impl Iterator<Item = (ServiceName, Line)> {
        let mut rest: Vec<(usize, ServiceName, Line)> = Vec::new();
        for (service, lines) in self.last {
            let lines = lines.into_iter();
            rest.extend(lines.map(|(place, line)| (place, service.clone(), line)));
        }
        rest.sort_unstable_by_key(|(place, ..)| *place);
        rest.into_iter().map(|(_, service, line)| (service, line))
    }

    /// A line that tells no level (one of a traceback) has that of the line before.
    fn is_grave_enough(&mut self, service: &ServiceName, line: &Line) -> bool {
        let Some(wanted) = self.level else {
            return true;
        };
        let own = line.level().filter(|_| !line.continues);
        match own {
            Some(level) => {
                self.levels.insert(service.clone(), level);
                level >= wanted
            }
            None => self
                .levels
                .get(service)
                .is_some_and(|level| *level >= wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use pilotlight::model::facts::RunId;

    use super::*;

    fn line(text: &str) -> Line {
        Line {
            run: RunId(1),
            time: None,
            text: text.to_owned(),
            continues: false,
            complete: true,
            left_out: 0,
        }
    }

    fn shown(mut wanted: Wanted, lines: &[(&str, &str)]) -> Vec<String> {
        let mut shown = Vec::new();
        for (service, text) in lines {
            shown.extend(wanted.take((*service).into(), line(text)));
        }
        shown.extend(wanted.rest());
        shown.into_iter().map(|(_, line)| line.text).collect()
    }

    #[test]
    fn a_traceback_is_as_grave_as_what_it_belongs_to() {
        let wanted = Wanted::new(Some(Level::Error), None);
        let lines = [
            ("a", "INFO: begun"),
            ("a", "  with this"),
            ("a", "ERROR: boom"),
            ("b", "  of another service"),
            ("a", "  at this place"),
            ("a", "INFO: goes on"),
        ];
        assert_eq!(shown(wanted, &lines), ["ERROR: boom", "  at this place"]);
    }

    #[test]
    fn the_last_lines_of_each_service_are_those_that_are_grave_enough() {
        let wanted = Wanted::new(Some(Level::Error), Some(1));
        let lines = [
            ("a", "ERROR: first"),
            ("b", "ERROR: other"),
            ("a", "ERROR: second"),
            ("a", "INFO: fine"),
        ];
        assert_eq!(shown(wanted, &lines), ["ERROR: other", "ERROR: second"]);
    }
}
