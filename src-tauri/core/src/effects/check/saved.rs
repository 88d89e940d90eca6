//! Values and cookies that checks save for later ones.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex},
};

use hyper::HeaderMap;
use serde_json::Value;
use url::Url;

use super::{
    cookies::{Cookie, Withheld},
    origin::Page,
};
use crate::{
    fs::redact::{REDACTED, redact},
    model::facts::ProbeFaultKind,
    stack::{Check, Port, Ports, SavedFrom, ServiceName},
    sync::lock,
};

/// The minimum length of a header or cookie that is masked.
const SECRET: usize = 8;

/// The values by name and the cookies that the checks of a stack have saved. Cheap to clone; clones
/// share their state. The values may be secrets.
#[derive(Clone, Default)]
pub struct Saved(Arc<Mutex<Session>>);

#[derive(Clone, Default)]
struct Session {
    values: BTreeMap<String, String>,
    /// The names of values from headers and cookies.
    secrets: BTreeSet<String>,
    cookies: Vec<Cookie>,
}

impl Saved {
    /// Returns the value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        lock(&self.0).values.get(name).cloned()
    }

    /// Saves these values. They replace earlier ones of the same names.
    pub fn keep(&self, values: BTreeMap<String, String>) {
        lock(&self.0).values.extend(values);
    }

    /// Replaces the values that this check saved earlier: an expired session would make later checks
    /// fail for the wrong reason.
    ///
    /// The earlier values stay until then, since a check of another service may be using them.
    pub(super) fn replace(&self, check: &Check, values: BTreeMap<String, String>) {
        let mut kept = lock(&self.0);
        kept.values.retain(|name, _| !check.save.contains_key(name));
        kept.values.extend(values);
        let is_secret = |place: &SavedFrom| !matches!(place, SavedFrom::Body(_));
        let secrets = check.save.iter().filter(|(_, place)| is_secret(place));
        kept.secrets.extend(secrets.map(|(name, _)| name.clone()));
    }

    /// Returns a copy that no longer shares its state.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(lock(&self.0).clone())))
    }

    /// Saves the cookies that a response sets.
    pub(super) fn keep_cookies(&self, cookies: Vec<(Cookie, bool)>) {
        let mut kept = lock(&self.0);
        for (cookie, is_deleted) in cookies {
            kept.cookies.retain(|other| !other.is_same(&cookie));
            if !is_deleted {
                kept.cookies.push(cookie);
            }
        }
    }

    /// Returns the `Cookie` header for a request of a page, and the cookies that a browser does not
    /// send with it.
    pub(super) fn cookies_for(
        &self,
        url: &Url,
        page: Option<&Page>,
    ) -> (Option<String>, Vec<(Cookie, Withheld)>) {
        let kept = lock(&self.0);
        let (mut sent, mut withheld) = (Vec::new(), Vec::new());
        for cookie in &kept.cookies {
            match cookie.goes_to(url, page) {
                Some(Ok(())) => sent.push(cookie.written()),
                Some(Err(why)) => withheld.push((cookie.clone(), why)),
                None => {}
            }
        }
        ((!sent.is_empty()).then(|| sent.join("; ")), withheld)
    }

    /// Masks secrets in a text: values with the name of a secret (`token`, `api_key`), and those of
    /// headers and cookies unless they are too short to be one.
    pub(super) fn masked(&self, text: &str) -> String {
        let kept = lock(&self.0);
        let secrets = kept.values.iter().filter(|(name, value)| {
            let assigned = format!("{name}={value}");
            let is_secret = kept.secrets.contains(*name) && value.len() >= SECRET;
            is_secret || !value.is_empty() && redact(&assigned) != assigned
        });
        secrets.fold(text.to_owned(), |text, (_, value)| {
            text.replace(value, REDACTED)
        })
    }
}

impl fmt::Debug for Saved {
    /// Formats the names alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(lock(&self.0).values.keys()).finish()
    }
}

/// Fills the saved values into a check. Also returns the first value that it needs and that no
/// check has saved.
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

    fn named_port(&self, service: &ServiceName, name: &str) -> Option<Port> {
        self.ports.named_port(service, name)
    }

    fn published(&self, service: &ServiceName, inside: Port) -> Option<Port> {
        self.ports.published(service, inside)
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

/// Returns the values that a check saves from a response.
pub(super) fn take(
    wanted: &BTreeMap<String, SavedFrom>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<BTreeMap<String, String>, ProbeFaultKind> {
    let json = OnceCell::new();
    let take = |(name, place): (&String, &SavedFrom)| {
        let (value, missing) = match place {
            SavedFrom::Header(header) => {
                let value = headers.get(header).and_then(|value| value.to_str().ok());
                (
                    value.map(str::to_owned),
                    format!("the response has no header `{header}`"),
                )
            }
            SavedFrom::Cookie(cookie) => (
                Cookie::set_by(headers, cookie),
                format!("the response sets no cookie `{cookie}`"),
            ),
            SavedFrom::Body(pointer) => {
                let json = json.get_or_init(|| serde_json::from_slice::<Value>(body));
                let json = json.as_ref();
                let json = json.map_err(|error| format!("the body is not JSON: {error}"))?;
                let value = json.pointer(pointer).map(|value| match value {
                    Value::String(text) => text.clone(),
                    value => value.to_string(),
                });
                (value, format!("the body has no `{pointer}`"))
            }
        };
        let value = value.ok_or_else(|| format!("{missing} to save"))?;
        Ok((name.clone(), value))
    };
    let taken: Result<_, String> = wanted.iter().map(take).collect();
    taken.map_err(ProbeFaultKind::Body)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{env::Env, stack::CheckAction, stack_file};

    struct Published;

    impl Ports for Published {
        fn port_of(&self, _: &ServiceName) -> Option<Port> {
            None
        }

        fn published(&self, _: &ServiceName, inside: Port) -> Option<Port> {
            Port::new(inside.number() + 1)
        }
    }

    #[test]
    fn a_check_may_name_a_published_port_of_a_container() {
        let text = "[service.db]\ncompose = \"db\"\n[[service.db.check]]\nname = \"login\"\n\
                    command = \"psql -p {db.port.5432}\"";
        let file = if cfg!(windows) {
            r"C:\a.toml"
        } else {
            "/a.toml"
        };
        let stack = stack_file::parse(Path::new(file), text.as_bytes(), &Env::new()).unwrap();
        let db = &stack.services[0];
        let (check, missing) = fill(&db.checks[0], &db.name, &Published, &Saved::default());
        let CheckAction::Command(command) = check.action else {
            panic!("{check:?}");
        };
        assert_eq!(
            (command.to_string().as_str(), missing),
            ("psql -p 5433", None)
        );
    }
}
