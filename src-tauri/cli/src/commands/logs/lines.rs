//! Selects lines by level. The log reader applies all other selections.

use std::collections::{HashMap, VecDeque};

use pilotlight::{
    effects::log::{Level, Line},
    stack::ServiceName,
};

/// Selects lines by level, and the last ones of these.
pub(crate) struct Wanted {
    level: Option<Level>,
    tail: Option<usize>,
    /// The level of the last line that had one, for each service.
    levels: HashMap<ServiceName, Level>,
    /// The last lines of each service, with their position among all lines.
    last: HashMap<ServiceName, VecDeque<(usize, Line)>>,
    seen: usize,
}

impl Wanted {
    /// `tail` only counts with a level; without one the log reader selects the last lines.
    pub(crate) fn new(level: Option<Level>, tail: Option<usize>) -> Self {
        Self {
            tail: tail.filter(|_| level.is_some()),
            level,
            levels: HashMap::new(),
            last: HashMap::new(),
            seen: 0,
        }
    }

    /// Returns whether the last lines are selected here.
    pub(super) fn chooses(&self) -> bool {
        self.level.is_some()
    }

    /// Returns the line if it is shown now.
    pub(crate) fn take(&mut self, service: ServiceName, line: Line) -> Option<(ServiceName, Line)> {
        if !self.has_level(&service, &line) {
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

    /// Returns the level of a line. A line without one, as in a traceback, has the level of the line before.
    fn has_level(&mut self, service: &ServiceName, line: &Line) -> bool {
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
    fn a_traceback_has_the_level_of_its_error() {
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
    fn the_last_lines_of_each_service_are_those_of_the_level() {
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
