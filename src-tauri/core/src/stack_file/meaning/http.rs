//! Validates requests and expected responses.

use std::collections::BTreeMap;

use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};

use crate::{
    stack::{Body, Expect, HttpRequest, Template},
    stack_file::{
        findings::{Read, all},
        forms::{JsonForm, StatusForm, TextOr},
        near::shown,
        placeholder,
        problem::ProblemKind,
        reader::{At, Named},
        tables::HttpTable,
    },
};

use super::{
    Meaning,
    address::{self, sample},
    entries,
    text::Scope,
};

impl Meaning<'_, '_> {
    /// Validates a request. `json` is sent in a check, and expected in `ready`.
    pub(super) fn http(&mut self, form: &TextOr<HttpTable>, scope: Scope<'_>) -> Read<HttpRequest> {
        let table = match form {
            TextOr::Text(url) => {
                return Ok(HttpRequest {
                    method: Method::GET.to_string(),
                    url: self.url(address::HTTP, url, scope)?,
                    headers: BTreeMap::new(),
                    body: None,
                    expect: Expect::default(),
                });
            }
            TextOr::Full(table) => table,
        };
        let url = self.url(address::HTTP, &table.url, scope);
        let method = self.maybe(table.method.as_ref(), Self::method);
        let headers = self.headers(table.headers.as_ref(), scope);
        let body = self.body(table, scope);
        let expect = self.expect(table, scope);
        let body = body?;
        let default_method = match &body {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        Ok(HttpRequest {
            method: method?.unwrap_or(default_method).to_string(),
            url: url?,
            headers: headers?,
            body,
            expect: expect?,
        })
    }

    fn body(&mut self, table: &HttpTable, scope: Scope<'_>) -> Read<Option<Body>> {
        let json = table.json.as_ref().filter(|_| scope.in_check);
        if json.is_some() {
            self.exclusive(table, "body", "json")?;
        }
        Ok(match table.body.as_ref().or(json) {
            None => None,
            Some(JsonForm::Text(text)) if json.is_none() => {
                Some(Body::Text(self.template(text, scope)?))
            }
            Some(json) => Some(Body::Json(self.json(json, scope)?)),
        })
    }

    fn expect(&mut self, table: &HttpTable, scope: Scope<'_>) -> Read<Expect> {
        let json = table.json.as_ref().filter(|_| !scope.in_check);
        let alone = match json {
            Some(_) => self.exclusive(table, "expect_json", "json"),
            None => Ok(()),
        };
        let json = table.expect_json.as_ref().or(json);
        let json = alone.and_then(|()| self.maybe(json, |it, json| it.json(json, scope)));
        let text = self.maybe(table.expect_text.as_ref(), |it, text| {
            it.template(text, scope)
        });
        let headers = self.headers(table.expect_headers.as_ref(), scope);
        let status = table.status.as_ref();
        Ok(Expect {
            status: status.map(StatusForm::codes).unwrap_or_default(),
            json: json?,
            text: text?,
            headers: headers?,
        })
    }

    fn method(&mut self, method: &At<String>) -> Read<Method> {
        let text = self.plain(method)?.to_ascii_uppercase();
        Method::from_bytes(text.as_bytes()).or_else(|_| {
            let rule = "write one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS";
            self.bad_name(method, "a method", rule)
        })
    }

    fn headers(
        &mut self,
        headers: Option<&Named<At<String>>>,
        scope: Scope<'_>,
    ) -> Read<BTreeMap<String, Template>> {
        let headers = entries(headers);
        all(headers.map(|(name, value)| Ok((name.value.clone(), self.header(name, value, scope)?))))
    }

    fn header(
        &mut self,
        name: &At<String>,
        value: &At<String>,
        scope: Scope<'_>,
    ) -> Read<Template> {
        let template = self.template(value, scope)?;
        if HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            let rule = "a header's name is made of letters, digits and `-`";
            return self.bad_name(name, "the name of a header", rule);
        }
        if HeaderValue::from_str(&sample(&template)).is_err() {
            let bad_value = ProblemKind::BadName {
                // The value may be a secret and is not shown, but its line is.
                value: shown(&name.value),
                what: "the value of a header",
                rule: "a header's value is one line, without control characters",
            };
            return self.wrong(value, bad_value);
        }
        Ok(template)
    }

    /// Converts the value. Placeholders in its strings are kept.
    fn json(&mut self, form: &JsonForm, scope: Scope<'_>) -> Read<serde_json::Value> {
        match form {
            JsonForm::Scalar(value) => Ok(value.clone()),
            JsonForm::Text(text) => {
                let template = self.template(text, scope)?;
                Ok(placeholder::written(&template).into())
            }
            JsonForm::List(items) => all(items.iter().map(|item| self.json(item, scope))),
            JsonForm::Object(items) => all(items
                .iter()
                .map(|(key, item)| Ok((key.clone(), self.json(item, scope)?)))),
        }
    }
}
