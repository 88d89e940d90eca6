//! Values that checks save for later ones.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::{
    fs::redact::{REDACTED, redact},
    model::facts::ProbeFaultKind,
    stack::{Check, Port, Ports, ServiceName},
};

/// What the checks of a stack have saved, by name. Cheap to clone; all clones are one. The values
/// may be secrets.
#[derive(Clone, Default)]
pub struct Saved(Arc<Mutex<BTreeMap<String, String>>>);

impl Saved {
    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    /// Keeps these values, in place of earlier ones of the same names.
    pub fn keep(&self, values: BTreeMap<String, String>) {
        self.lock().extend(values);
    }

    /// Replaces the values that this check saved earlier: an expired session would make later checks
    /// fail for the wrong reason.
    ///
    /// The earlier values stay until then, since a check of another service may be using them.
    pub(super) fn replace(&self, check: &Check, values: BTreeMap<String, String>) {
        let mut kept = self.lock();
        kept.retain(|name, _| !check.save.contains_key(name));
        kept.extend(values);
    }

    /// The text with those values masked whose names say that they are secrets: `token`, `api_key`.
    pub(super) fn masked(&self, text: &str) -> String {
        let kept = self.lock();
        let secrets = kept.iter().filter(|(name, value)| {
            let assigned = format!("{name}={value}");
            !value.is_empty() && redact(&assigned) != assigned
        });
        secrets.fold(text.to_owned(), |text, (_, value)| {
            text.replace(value, REDACTED)
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Saved {
    /// The names alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

/// The check with all that is known now, and the first value that it needs and nobody has saved.
pub(super) fn fill(
    check: &Check,
    owner: &ServiceName,
    ports: &impl Ports,
    saved: &Saved,
) -> (Check<String>, Option<String>) {
    let known = Known {
        ports,
        saved,
        missing: RefCell::default(),
    };
    let filled = check.render(owner, &known);
    (filled, known.missing.into_inner())
}

struct Known<'a, P> {
    ports: &'a P,
    saved: &'a Saved,
    missing: RefCell<Option<String>>,
}

impl<P: Ports> Ports for Known<'_, P> {
    fn port_of(&self, service: &ServiceName) -> Option<Port> {
        self.ports.port_of(service)
    }

    fn saved(&self, name: &str) -> Option<String> {
        let value = self.saved.get(name);
        if value.is_none() {
            self.missing
                .borrow_mut()
                .get_or_insert_with(|| name.to_owned());
        }
        value
    }
}

/// Takes what is to be saved, name to JSON pointer (RFC 6901), from the body of an answer.
pub(super) fn take(
    wanted: &BTreeMap<String, String>,
    body: &[u8],
) -> Result<BTreeMap<String, String>, ProbeFaultKind> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| ProbeFaultKind::Body(format!("the body is not JSON: {error}")))?;
    let take = |(name, pointer): (&String, &String)| match answer.pointer(pointer) {
        Some(Value::String(text)) => Ok((name.clone(), text.clone())),
        Some(value) => Ok((name.clone(), value.to_string())),
        None => Err(ProbeFaultKind::Body(format!(
            "the body has no `{pointer}` to save"
        ))),
    };
    wanted.iter().map(take).collect()
}
