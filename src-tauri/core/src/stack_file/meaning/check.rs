//! Validates checks.

use std::{collections::BTreeMap, time::Duration};

use hyper::header::HeaderName;

use crate::{
    stack::{Check, CheckAction, SavedFrom, ServiceName},
    stack_file::{
        findings::{Read, all},
        forms::TextOr,
        near::shown,
        problem::ProblemKind,
        reader::{At, Named, Table as _},
        tables::{CheckTable, WebSocketTable},
    },
};

use super::{Meaning, address, entries, text::Scope};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The actions. A check has exactly one.
const ACTIONS: [&str; 4] = ["http", "websocket", "redis", "command"];

impl Meaning<'_, '_> {
    pub(super) fn check(&mut self, service: &ServiceName, check: &At<CheckTable>) -> Read<Check> {
        let scope = Scope {
            service,
            in_check: true,
        };
        let table = &check.value;
        let name = self.plain_not_empty(&table.name, "the name of a check");
        let action = self.action(check, scope);
        let origin = self.maybe(table.origin.as_ref(), |it, origin| it.origin(origin, scope));
        let timeout = self.positive_or(table.timeout.as_ref(), TIMEOUT);
        let every = self.maybe(table.every.as_ref(), Self::positive);
        self.effects(table);
        let save = self.save(table.save.as_ref());
        Ok(Check {
            name: name?,
            action: action?,
            origin: origin?,
            credentials: table.credentials.unwrap_or_default(),
            save: save?,
            timeout: timeout?,
            every: every?,
        })
    }

    fn action(&mut self, check: &At<CheckTable>, scope: Scope<'_>) -> Read<CheckAction> {
        let table = &check.value;
        let given = ACTIONS
            .iter()
            .filter_map(|key| Some((*key, table.span(key)?)));
        let given: Vec<_> = given.collect();
        if let [(second, other), (first, span), ..] = given[..] {
            let kind = ProblemKind::MoreThanOne { first, second };
            let others = vec![(other.clone(), "the other".to_owned())];
            return Err(self.problems.add_with(span.clone(), kind, others));
        }
        if let Some(http) = &table.http {
            let request = self.http(http, scope)?;
            Ok(CheckAction::Http(Box::new(request)))
        } else if let Some(websocket) = &table.websocket {
            self.websocket(websocket, scope)
        } else if let Some(redis) = &table.redis {
            self.url(address::REDIS, redis, scope)
                .map(CheckAction::Redis)
        } else if let Some(command) = &table.command {
            self.command(command, scope).map(CheckAction::Command)
        } else {
            self.wrong(check, ProblemKind::OneOf(ACTIONS.to_vec()))
        }
    }

    fn websocket(&mut self, form: &TextOr<WebSocketTable>, scope: Scope<'_>) -> Read<CheckAction> {
        let (url, protocol) = match form {
            TextOr::Text(url) => (url, None),
            TextOr::Full(table) => (&table.url, table.protocol.as_ref()),
        };
        let url = self.url(address::WEBSOCKET, url, scope);
        let protocol = self.maybe(protocol, |it, text| {
            it.plain_not_empty(text, "a subprotocol")
        });
        Ok(CheckAction::WebSocket {
            url: url?,
            protocol: protocol?,
        })
    }

    /// Reports keys without an effect in a check.
    fn effects(&mut self, table: &CheckTable) {
        if table.http.is_none() && table.websocket.is_none() {
            let reason = "a browser sends only http and websocket requests";
            self.without_effect(table, &["origin"], reason);
        }
        if table.origin.is_none() && table.credentials == Some(true) {
            self.without_effect(table, &["credentials"], "it goes with `origin`");
        }
        if table.http.is_none() {
            let reason = "only the answer to an http request has values";
            self.without_effect(table, &["save"], reason);
        }
    }

    fn save(&mut self, save: Option<&Named<At<String>>>) -> Read<BTreeMap<String, SavedFrom>> {
        let save: BTreeMap<String, SavedFrom> = all(entries(save).map(|(name, place)| {
            let name = self.saved_name(name);
            let place = self.saved_from(place);
            Ok((name?, place?))
        }))?;
        self.saved.extend(save.keys().cloned());
        Ok(save)
    }

    fn saved_name(&mut self, name: &At<String>) -> Read<String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if !name.value.is_empty() && name.value.chars().all(fits) && name.value != "port" {
            return Ok(name.value.clone());
        }
        let rule = "such a name is made of ASCII letters, digits, `-` and `_`, and is not `port`";
        self.bad_name(name, "the name of a saved value", rule)
    }

    fn saved_from(&mut self, place: &At<String>) -> Read<SavedFrom> {
        let text = self.plain(place)?;
        if is_pointer(&text) {
            return Ok(SavedFrom::Body(text));
        }
        let named = text.split_once(':').map(|(kind, name)| (kind, name.trim()));
        match named.filter(|(_, name)| HeaderName::from_bytes(name.as_bytes()).is_ok()) {
            Some(("header", name)) => Ok(SavedFrom::Header(name.to_owned())),
            // The name of a cookie has the same syntax (RFC 6265).
            Some(("cookie", name)) => Ok(SavedFrom::Cookie(name.to_owned())),
            _ => self.wrong(place, ProblemKind::BadPointer(shown(&place.value))),
        }
    }
}

/// Returns whether it is a JSON pointer (RFC 6901): empty, or parts that each begin with `/`, in
/// which `~` is followed by 0 or 1.
fn is_pointer(text: &str) -> bool {
    let escapes_end_well = text
        .split('~')
        .skip(1)
        .all(|after| after.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_end_well
}
