//! Compares a response with the expectation of the stack file.

use std::cmp::Ordering;

use hyper::http::HeaderMap;
use serde_json::{Number, Value};

use crate::{model::facts::ProbeFaultKind, stack::Expect};

/// The maximum number of characters of a value in a message.
const SHOWN: usize = 120;

impl Expect<String> {
    /// Returns whether the status is an expected one, or any from 200 to 399 without an
    /// expectation.
    pub(in crate::effects) fn takes_status(&self, status: u16) -> bool {
        if self.status.is_empty() {
            (200..400).contains(&status)
        } else {
            self.status.contains(&status)
        }
    }

    pub(super) fn reads_body(&self) -> bool {
        self.json.is_some() || self.text.is_some()
    }

    /// Verifies the headers: each expected one is present, and one of its values contains the text.
    pub(super) fn judge_headers(&self, headers: &HeaderMap) -> Result<(), ProbeFaultKind> {
        for (name, expected) in &self.headers {
            let values: Vec<_> = headers
                .get_all(name.as_str())
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            let Some(first) = values.first() else {
                return Err(ProbeFaultKind::Header(format!("`{name}` is missing")));
            };
            if !values.iter().any(|value| value.contains(expected)) {
                return Err(ProbeFaultKind::Header(format!(
                    "`{name}` is {:?}, which does not contain {expected:?}",
                    beginning(first)
                )));
            }
        }
        Ok(())
    }

    /// Verifies the body. A truncated one (`cut`) can still contain a text.
    pub(super) fn judge_body(&self, body: &[u8], cut: bool) -> Result<(), ProbeFaultKind> {
        if let Some(expected) = &self.text
            && !String::from_utf8_lossy(body).contains(expected)
        {
            return Err(ProbeFaultKind::Body(format!(
                "the body does not contain {expected:?}"
            )));
        }
        if let Some(expected) = &self.json {
            if cut {
                let why = "the body is too long to be read as JSON";
                return Err(ProbeFaultKind::Body(why.into()));
            }
            let actual: Value = serde_json::from_slice(body)
                .map_err(|error| ProbeFaultKind::Body(format!("the body is not JSON: {error}")))?;
            judge_json(expected, &actual, "").map_err(ProbeFaultKind::Body)?;
        }
        Ok(())
    }
}

/// Verifies that `actual` contains `expected`: an object may have more members, an array has the
/// same number of elements, a number the same value in any notation. The error names the first
/// difference, as a JSON pointer (RFC 6901).
fn judge_json(expected: &Value, actual: &Value, pointer: &str) -> Result<(), String> {
    let place = if pointer.is_empty() {
        "the body".to_owned()
    } else {
        format!("`{pointer}`")
    };
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, expected) in expected {
                let member = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                match actual.get(name) {
                    Some(actual) => judge_json(expected, actual, &member)?,
                    None => return Err(format!("`{member}` is missing")),
                }
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() != actual.len() => {
            Err(format!(
                "{place} has {} elements, not {}",
                actual.len(),
                expected.len()
            ))
        }
        (Value::Array(expected), Value::Array(actual)) => expected
            .iter()
            .zip(actual)
            .enumerate()
            .try_for_each(|(index, (expected, actual))| {
                judge_json(expected, actual, &format!("{pointer}/{index}"))
            }),
        (Value::Number(expected), Value::Number(actual)) if are_equal(expected, actual) => Ok(()),
        (expected, actual) if expected == actual => Ok(()),
        (expected, actual) => Err(format!(
            "{place} is {}, not {}",
            beginning(&actual.to_string()),
            beginning(&expected.to_string())
        )),
    }
}

fn are_equal(one: &Number, other: &Number) -> bool {
    if let (Some(one), Some(other)) = (one.as_i128(), other.as_i128()) {
        return one == other;
    }
    let both = one.as_f64().zip(other.as_f64());
    let order = both.and_then(|(one, other)| one.partial_cmp(&other));
    order == Some(Ordering::Equal)
}

/// Returns the beginning of a text, for a message.
pub(super) fn beginning(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expect() -> Expect<String> {
        Expect::default()
    }

    #[test]
    fn without_a_status_any_from_200_to_399_passes() {
        let any = expect();
        assert!(
            [200, 204, 302, 399]
                .into_iter()
                .all(|status| any.takes_status(status))
        );
        assert!(
            ![101, 199, 400, 500]
                .into_iter()
                .any(|status| any.takes_status(status))
        );
        let one = Expect {
            status: vec![503],
            ..expect()
        };
        assert!(one.takes_status(503) && !one.takes_status(200));
    }

    #[test]
    fn json_is_a_subset_in_depth() {
        let same = |expected: Value, actual: Value| judge_json(&expected, &actual, "").is_ok();
        assert!(same(json!({}), json!({"status": "ok"})));
        assert!(same(
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1, "c": 2}, "d": 3})
        ));
        assert!(same(json!([{"a": 1}, 2]), json!([{"a": 1, "b": 1}, 2])));
        assert!(same(json!({"a": null}), json!({"a": null})));
        assert!(!same(json!({"a": null}), json!({})));
        assert!(!same(json!([1]), json!([1, 2])));
        assert!(!same(json!({}), json!([])));
        assert!(!same(json!("1"), json!(1)));
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let same = |expected: Value, actual: Value| judge_json(&expected, &actual, "").is_ok();
        assert!(same(json!(1), json!(1.0)));
        assert!(same(json!(1e3), json!(1000)));
        assert!(!same(json!(1), json!(1.5)));
        assert!(!same(json!(u64::MAX), json!(u64::MAX - 1)));
        assert!(!same(json!(-1), json!(u64::MAX)));
    }

    #[test]
    fn the_first_difference_is_reported() {
        let fault =
            |expected: Value, actual: Value| judge_json(&expected, &actual, "").unwrap_err();
        assert_eq!(
            fault(
                json!({"redis": {"status": "ok"}}),
                json!({"redis": {"status": "down"}})
            ),
            r#"`/redis/status` is "down", not "ok""#
        );
        assert_eq!(fault(json!({"a/b": 1}), json!({})), "`/a~1b` is missing");
        assert_eq!(
            fault(json!([[1]]), json!([[]])),
            "`/0` has 0 elements, not 1"
        );
        assert!(fault(json!({}), json!("x".repeat(500))).chars().count() < 150);
    }

    #[test]
    fn a_text_is_found_in_a_body_that_is_not_utf_8() {
        let expect = Expect {
            text: Some("ready".into()),
            ..expect()
        };
        assert!(expect.judge_body(b"\xff ready \xff", true).is_ok());
        assert_eq!(
            expect.judge_body(b"starting", false),
            Err(ProbeFaultKind::Body(
                "the body does not contain \"ready\"".into()
            ))
        );
    }

    #[test]
    fn a_repeated_header_may_match_in_either_value() {
        let mut headers = HeaderMap::new();
        headers.append("x-version", "1".parse().unwrap());
        headers.append("x-version", "v2-beta".parse().unwrap());
        let expect = |value: &str| Expect {
            headers: [("X-Version".to_owned(), value.to_owned())].into(),
            ..expect()
        };
        assert!(expect("v2").judge_headers(&headers).is_ok());
        assert_eq!(
            expect("v3").judge_headers(&headers),
            Err(ProbeFaultKind::Header(
                "`X-Version` is \"1\", which does not contain \"v3\"".into()
            ))
        );
        assert_eq!(
            expect("v3").judge_headers(&HeaderMap::new()),
            Err(ProbeFaultKind::Header("`X-Version` is missing".into()))
        );
    }
}
