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
    text::Scope,
};

impl Meaning<'_, '_> {
    /// Validates a request. In a check `json` is sent, in `ready` it is expected.
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
        let json = table.json.as_ref();
        let (sent_json, expected_json) = if scope.in_check {
            (json, None)
        } else {
            (None, json)
        };
        let url = self.url(address::HTTP, &table.url, scope);
        let method = table.method.as_ref().map(|method| self.method(method));
        let headers = self.headers(table.headers.as_ref(), scope);
        let body = self.body(table.body.as_ref(), sent_json, scope);
        let expect = self.expect(table, expected_json, scope);
        let body = body?;
        let default_method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        Ok(HttpRequest {
            method: method.transpose()?.unwrap_or(default_method).to_string(),
            url: url?,
            headers: headers?,
            body,
            expect: expect?,
        })
    }

    fn body(
        &mut self,
        body: Option<&At<JsonForm>>,
        json: Option<&At<JsonForm>>,
        scope: Scope<'_>,
    ) -> Read<Option<Body>> {
        let body = match self.one_of(("body", body), ("json", json))? {
            None => return Ok(None),
            Some(JsonForm::Text(text)) if json.is_none() => Body::Text(self.template(text, scope)?),
            Some(json) => Body::Json(self.json(json, scope)?),
        };
        Ok(Some(body))
    }

    fn expect(
        &mut self,
        table: &HttpTable,
        json: Option<&At<JsonForm>>,
        scope: Scope<'_>,
    ) -> Read<Expect> {
        let json = self
            .one_of(("expect_json", table.expect_json.as_ref()), ("json", json))
            .and_then(|json| json.map(|json| self.json(json, scope)).transpose());
        let text = table.expect_text.as_ref();
        let text = text.map(|text| self.template(text, scope));
        let headers = self.headers(table.expect_headers.as_ref(), scope);
        let status = table.status.as_ref();
        Ok(Expect {
            status: status.map(StatusForm::codes).unwrap_or_default(),
            json: json?,
            text: text.transpose()?,
            headers: headers?,
        })
    }

    fn method(&mut self, method: &At<String>) -> Read<Method> {
        let text = self.plain(method)?.to_ascii_uppercase();
        Method::from_bytes(text.as_bytes()).map_err(|_| {
            let bad_name = ProblemKind::BadName {
                value: shown(&method.value),
                what: "a method",
                rule: "write one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS",
            };
            self.problems.add(method.span.clone(), bad_name)
        })
    }

    fn headers(
        &mut self,
        headers: Option<&Named<At<String>>>,
        scope: Scope<'_>,
    ) -> Read<BTreeMap<String, Template>> {
        let headers = headers.iter().flat_map(|headers| &headers.0);
        all(headers.map(|(name, value)| Ok((name.value.clone(), self.header(name, value, scope)?))))
    }

    fn header(
        &mut self,
        name: &At<String>,
        value: &At<String>,
        scope: Scope<'_>,
    ) -> Read<Template> {
        let template = self.template(value, scope)?;
        let (place, what, rule) = if HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            let rule = "a header's name is made of letters, digits and `-`";
            (&name.span, "the name of a header", rule)
        } else if HeaderValue::from_str(&sample(&template)).is_err() {
            let rule = "a header's value is one line, without control characters";
            (&value.span, "the value of a header", rule)
        } else {
            return Ok(template);
        };
        let bad_name = ProblemKind::BadName {
            // A value can be a secret, and its line is shown anyway.
            value: shown(&name.value),
            what,
            rule,
        };
        Err(self.problems.add(place.clone(), bad_name))
    }

    /// Converts the value; placeholders stay in its strings.
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

    /// Returns the one of two keys that is present.
    fn one_of<'t, T>(
        &mut self,
        (first, first_value): (&'static str, Option<&'t At<T>>),
        (second, second_value): (&'static str, Option<&'t At<T>>),
    ) -> Read<Option<&'t T>> {
        if let (Some(value), Some(other)) = (first_value, second_value) {
            let conflict = ProblemKind::Conflict { first, second };
            let others = vec![(other.span.clone(), "says the same".to_owned())];
            let place = value.span.clone();
            return Err(self.problems.add_with(place, conflict, others));
        }
        Ok(first_value.or(second_value).map(|at| &at.value))
    }
}
