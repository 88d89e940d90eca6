//! The errors that the stack file describes: `[[service.X.known]]`.

use regex::{Captures, Regex};

use crate::{
    diagnose::evidence::log::{LogAdvice, OF_TEAM},
    effects::process::argv,
    stack::{KnownError, Ports, Service},
};

/// The known errors of a service, as compiled patterns.
#[derive(Clone, Debug, Default)]
pub struct OwnErrors(Vec<(Regex, LogAdvice)>);

impl OwnErrors {
    /// Compiles the known errors of a service.
    #[must_use]
    pub fn of(service: &Service, ports: &impl Ports) -> Self {
        let compiled = service.known.iter().filter_map(|known| {
            let KnownError { says, title, .. } = known;
            let command = known.command.as_ref().map(|command| {
                let words = argv(&command.render(&service.name, ports));
                let words = words.iter().map(|word| word.to_string_lossy().into_owned());
                words.collect()
            });
            let advice = LogAdvice {
                id: OF_TEAM,
                title: title.clone(),
                remedy: known.remedy.clone(),
                restart_helps: false,
                of_another: false,
                lookup: None,
                command,
            };
            Some((Regex::new(says).ok()?, advice))
        });
        Self(compiled.collect())
    }

    /// Adds the known errors of another service.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the advice of the first entry that matches a line.
    pub(super) fn advice(&self, line: &str) -> Option<LogAdvice> {
        self.0.iter().find_map(|(says, advice)| {
            let found = says.captures(line)?;
            Some(LogAdvice {
                title: advice.title.as_deref().map(|title| filled(title, &found)),
                remedy: filled(&advice.remedy, &found),
                ..advice.clone()
            })
        })
    }
}

/// Fills the values of the groups into a text. Other text in braces is kept.
fn filled(text: &str, found: &Captures<'_>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let named = after.split_once('}');
        let value = named.and_then(|(name, after)| Some((found.name(name)?.as_str(), after)));
        let (value, after) = value.unwrap_or(("{", after));
        filled.push_str(value);
        rest = after;
    }
    filled + rest
}
