//! Validates checks.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use crate::{
    stack::{Check, CheckAction, ServiceName},
    stack_file::{
        findings::{Read, all},
        forms::TextOr,
        near::shown,
        problem::ProblemKind,
        reader::{At, Named},
        tables::{CheckTable, WebSocketTable},
    },
};

use super::{Meaning, address, text::Scope};

const TIMEOUT: Duration = Duration::from_secs(5);

impl Meaning<'_, '_> {
    pub(super) fn check(&mut self, service: &ServiceName, check: &At<CheckTable>) -> Read<Check> {
        let scope = Scope {
            service,
            in_check: true,
        };
        let table = &check.value;
        let name = self.plain_not_empty(&table.name, "the name of a check");
        let action = self.action(check, scope);
        let origin = table
            .origin
            .as_ref()
            .map(|origin| self.origin(origin, scope));
        let timeout = self.positive(table.timeout.as_ref(), TIMEOUT);
        let every = table
            .every
            .as_ref()
            .map(|every| self.positive(Some(every), Duration::ZERO));
        self.effects(table);
        let save = match &table.save {
            Some(save) => self.save(&save.value),
            None => Ok(BTreeMap::new()),
        };
        Ok(Check {
            name: name?,
            action: action?,
            origin: origin.transpose()?,
            credentials: table.credentials.as_ref().is_some_and(|on| on.value),
            save: save?,
            timeout: timeout?,
            every: every.transpose()?,
        })
    }

    fn action(&mut self, check: &At<CheckTable>, scope: Scope<'_>) -> Read<CheckAction> {
        let table = &check.value;
        let given: Vec<(&'static str, &Range<usize>)> = [
            ("http", table.http.as_ref().map(|at| &at.span)),
            ("websocket", table.websocket.as_ref().map(|at| &at.span)),
            ("redis", table.redis.as_ref().map(|at| &at.span)),
            ("command", table.command.as_ref().map(|at| &at.span)),
        ]
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
        .collect();
        if let [(second, other), (first, span), ..] = given[..] {
            let kind = ProblemKind::MoreThanOne { first, second };
            let label = "the other".to_owned();
            return Err(self
                .problems
                .add_with(span.clone(), kind, vec![(other.clone(), label)]));
        }
        if let Some(http) = &table.http {
            let request = self.http(&http.value, scope)?;
            return Ok(CheckAction::Http(Box::new(request)));
        }
        if let Some(websocket) = &table.websocket {
            return self.websocket(&websocket.value, scope);
        }
        if let Some(redis) = &table.redis {
            let url = self.url(address::REDIS, redis, scope)?;
            return Ok(CheckAction::Redis(url));
        }
        if let Some(command) = &table.command {
            return self.command(command, scope).map(CheckAction::Command);
        }
        let one_of = vec!["http", "websocket", "redis", "command"];
        Err(self
            .problems
            .add(check.span.clone(), ProblemKind::OneOf(one_of)))
    }

    fn websocket(&mut self, form: &TextOr<WebSocketTable>, scope: Scope<'_>) -> Read<CheckAction> {
        let (url, protocol) = match form {
            TextOr::Text(url) => (url, None),
            TextOr::Full(table) => (&table.url, table.protocol.as_ref()),
        };
        let url = self.url(address::WEBSOCKET, url, scope);
        let protocol = protocol.map(|text| self.plain_not_empty(text, "a subprotocol"));
        Ok(CheckAction::WebSocket {
            url: url?,
            protocol: protocol.transpose()?,
        })
    }

    /// Reports keys without effect in a check.
    fn effects(&mut self, table: &CheckTable) {
        let by_browser = table.http.is_some() || table.websocket.is_some();
        let origin = table.origin.as_ref().map(|origin| &origin.span);
        let credentials = table
            .credentials
            .as_ref()
            .filter(|on| on.value)
            .map(|on| &on.span);
        let save = table.save.as_ref().map(|save| &save.span);
        let without_effect = [
            (
                "origin",
                origin.filter(|_| !by_browser),
                "a browser sends only http and websocket requests",
            ),
            (
                "credentials",
                credentials.filter(|_| origin.is_none()),
                "it goes with `origin`",
            ),
            (
                "save",
                save.filter(|_| table.http.is_none()),
                "only the answer to an http request has values",
            ),
        ];
        for (key, span, reason) in without_effect {
            if let Some(span) = span {
                self.problems
                    .add(span.clone(), ProblemKind::NoEffect { key, reason });
            }
        }
    }

    fn save(&mut self, save: &Named<At<String>>) -> Read<BTreeMap<String, String>> {
        let save: BTreeMap<String, String> = all(save.0.iter().map(|(name, pointer)| {
            let name = self.saved_name(name);
            let pointer = self.pointer(pointer);
            Ok((name?, pointer?))
        }))?;
        self.saved.extend(save.keys().cloned());
        Ok(save)
    }

    fn saved_name(&mut self, name: &At<String>) -> Read<String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if !name.value.is_empty() && name.value.chars().all(fits) && name.value != "port" {
            return Ok(name.value.clone());
        }
        let bad_name = ProblemKind::BadName {
            value: shown(&name.value),
            what: "the name of a saved value",
            rule: "such a name is made of ASCII letters, digits, `-` and `_`, and is not `port`",
        };
        Err(self.problems.add(name.span.clone(), bad_name))
    }

    fn pointer(&mut self, pointer: &At<String>) -> Read<String> {
        let text = self.plain(pointer)?;
        if is_pointer(&text) {
            return Ok(text);
        }
        let bad_pointer = ProblemKind::BadPointer(shown(&pointer.value));
        Err(self.problems.add(pointer.span.clone(), bad_pointer))
    }
}

/// Returns whether it is a JSON pointer (RFC 6901): empty, or parts that each begin with `/`, where
/// `~` is followed by 0 or 1.
fn is_pointer(text: &str) -> bool {
    let escapes_end_well = text
        .split('~')
        .skip(1)
        .all(|after| after.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_end_well
}
