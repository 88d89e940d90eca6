//! The probes and checks that `doctor` waits for, on a terminal.

use std::{
    future::Future,
    io::{self, Write as _},
    path::Path,
    pin::pin,
    time::Duration,
};

use pilotlight::host::clock;

use crate::{
    context::read,
    paint::{self, Signs, cut, tame},
    time::took,
    view::size_of_output,
};

/// The pause between two drawings.
const PAUSE: Duration = Duration::from_millis(500);
/// Clears the line.
const CLEAR: &str = "\r\x1b[K";

/// The probes and checks of a stack, each with its deadline. The checks of a service run one after the other.
pub(super) struct Progress(Vec<(String, Duration)>);

impl Progress {
    /// Returns the probes and checks of a stack file; none if it cannot be read.
    pub(super) fn of(file: &Path, within: Option<Duration>) -> Self {
        let services = read(file).map_or_else(|_| Vec::new(), |stack| stack.services);
        let waits = services.iter().flat_map(|service| {
            let (name, ready) = (&service.name, &service.ready);
            let probes = (!ready.probes.is_empty()).then(|| (name.to_string(), ready.timeout));
            let mut until = Duration::ZERO;
            let checks = service.checks.iter().map(move |check| {
                until += check.timeout;
                (format!("{name}: {}", check.name), until)
            });
            probes.into_iter().chain(checks)
        });
        let limit = within.unwrap_or(Duration::MAX);
        Self(
            waits
                .map(|(name, until)| (name, until.min(limit)))
                .collect(),
        )
    }

    /// Waits for the work. Meanwhile names the probes and checks that have not answered, if the standard error is
    /// a terminal.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        if !paint::errors_are_drawn() {
            return work.await;
        }
        let began = clock::now().instant;
        let mut work = pin!(work);
        let mut is_drawn = false;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    if is_drawn {
                        let _ = io::stderr().write_all(CLEAR.as_bytes());
                    }
                    return done;
                }
                () = tokio::time::sleep(PAUSE) => {}
            }
            if let Some(line) = self.line(began.elapsed()) {
                // A line that wraps cannot be cleared. Names can contain any character.
                let columns = size_of_output().0.saturating_sub(1);
                let line = cut(&tame(&line), columns, Signs::of_this_terminal());
                let _ = write!(io::stderr(), "{CLEAR}{line}");
                is_drawn = true;
            }
        }
    }

    fn line(&self, elapsed: Duration) -> Option<String> {
        let open = self.0.iter().filter(|(_, until)| *until > elapsed);
        let left = open
            .clone()
            .map(|(_, until)| until.saturating_sub(elapsed))
            .max()?;
        let names: Vec<&str> = open.map(|(name, _)| name.as_str()).collect();
        Some(format!(
            "waiting up to {} for answers: {}",
            took(left),
            names.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probes_and_checks_before_their_deadlines_are_shown() {
        let seconds = Duration::from_secs;
        let progress = Progress(vec![
            ("api".into(), seconds(2)),
            ("api: list users".into(), seconds(35)),
        ]);
        let line = |elapsed| progress.line(seconds(elapsed));
        assert_eq!(
            line(1).as_deref(),
            Some("waiting up to 34 s for answers: api, api: list users")
        );
        assert_eq!(
            line(5).as_deref(),
            Some("waiting up to 30 s for answers: api: list users")
        );
        assert_eq!(line(35), None);
    }
}
