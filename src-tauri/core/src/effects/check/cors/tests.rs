//! Compares responses with each rule. `tests/checks/browser.rs` compares the same with a real
//! browser.

use super::*;

const PAGE: &str = "http://localhost:5173";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn asking(credentials: bool) -> Asking<'static> {
    Asking {
        origin: PAGE,
        credentials,
    }
}

/// Returns the rule that a response with these header lines violates.
fn broken(credentials: bool, lines: &[(&'static str, &str)]) -> Option<CorsRule> {
    let judged = judge(&headers(lines), asking(credentials));
    judged.err().map(|broken| broken.rule)
}

/// Checks the response to a preflight for a `PUT` with a JSON body and a token.
fn preflight(status: u16, credentials: bool, lines: &[(&'static str, &str)]) -> Result<(), Broken> {
    let leave = Leave {
        method: "PUT",
        names: &["authorization".to_owned(), "content-type".to_owned()],
    };
    let mut headers = headers(lines);
    headers.insert("access-control-allow-origin", PAGE.parse().unwrap());
    headers.insert("access-control-allow-credentials", "true".parse().unwrap());
    judge_preflight(status, &headers, asking(credentials), leave)
}

const METHODS: &str = "access-control-allow-methods";
const NAMES: &str = "access-control-allow-headers";

#[test]
fn the_origin_is_compared_exactly() {
    let allow = "access-control-allow-origin";
    assert_eq!(broken(false, &[(allow, PAGE)]), None);
    assert_eq!(broken(false, &[(allow, "*")]), None);
    for other in [
        "http://localhost:5173/",
        "http://LOCALHOST:5173",
        "http://127.0.0.1:5173",
        "http://localhost:3000",
        "null",
    ] {
        let rule = CorsRule::Origin {
            allowed: Some(other.to_owned()),
        };
        assert_eq!(broken(false, &[(allow, other)]), Some(rule));
    }
}

#[test]
fn two_origins_count_as_none() {
    let allow = "access-control-allow-origin";
    let rule = CorsRule::Origin {
        allowed: Some(format!("{PAGE}, *")),
    };
    assert_eq!(broken(false, &[(allow, PAGE), (allow, "*")]), Some(rule));
}

#[test]
fn cookies_need_the_exact_origin_and_the_exact_word_true() {
    let (allow, cookies) = (
        "access-control-allow-origin",
        "access-control-allow-credentials",
    );
    let wildcard = |wildcard| Some(CorsRule::Credentials { wildcard });
    assert_eq!(broken(true, &[(allow, PAGE), (cookies, "true")]), None);
    assert_eq!(
        broken(true, &[(allow, "*"), (cookies, "true")]),
        wildcard(true)
    );
    assert_eq!(broken(true, &[(allow, PAGE)]), wildcard(false));
    assert_eq!(
        broken(true, &[(allow, PAGE), (cookies, "True")]),
        wildcard(false)
    );
}

#[test]
fn a_server_without_cors_differs_from_one_that_does_not_allow_the_page() {
    let origin = Some(CorsRule::Origin { allowed: None });
    assert_eq!(
        broken(false, &[("content-type", "text/html")]),
        Some(CorsRule::Missing)
    );
    assert_eq!(
        broken(false, &[("vary", "Accept-Encoding, Origin")]),
        origin
    );
    assert_eq!(broken(false, &[(METHODS, "GET")]), origin);
}

#[test]
fn a_preflight_allows_a_method_and_headers() {
    let both = [
        (METHODS, "GET, PUT"),
        (NAMES, "Authorization, Content-Type"),
    ];
    assert_eq!(preflight(204, true, &both), Ok(()));
    let rule = |lines: &[(&'static str, &str)], credentials| {
        preflight(200, credentials, lines).unwrap_err().rule
    };
    let method = CorsRule::Method {
        method: "PUT".to_owned(),
    };
    let missing = |names: &[&str]| CorsRule::Header {
        names: names.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(rule(&both[1..], false), method);
    // Methods are case-sensitive.
    assert_eq!(rule(&[(METHODS, "put"), both[1]], false), method);
    assert_eq!(
        rule(&both[..1], false),
        missing(&["authorization", "content-type"])
    );
    assert_eq!(
        rule(&[both[0], (NAMES, "authorization")], false),
        missing(&["content-type"])
    );
    // All methods and all headers, but not with cookies.
    let all = [(METHODS, "*"), (NAMES, "*")];
    assert_eq!(preflight(200, false, &all), Ok(()));
    assert_eq!(rule(&all, true), method);
}

#[test]
fn the_expected_header_keeps_the_allowed_values() {
    let put = preflight(200, false, &[(METHODS, "GET, DELETE")]).unwrap_err();
    assert_eq!(
        put.came.as_deref(),
        Some("Access-Control-Allow-Methods: GET, DELETE")
    );
    assert_eq!(
        put.right.as_deref(),
        Some("Access-Control-Allow-Methods: GET, DELETE, PUT")
    );
}

#[test]
fn a_rejected_preflight_shows_the_reason_in_its_headers() {
    // Starlette's response to a method that it does not allow.
    let refused = preflight(400, false, &[(METHODS, "GET"), (NAMES, "*, authorization")]);
    assert_eq!(
        refused.unwrap_err().rule,
        CorsRule::Method {
            method: "PUT".to_owned()
        }
    );
    // Its response to a method for which a browser needs no permission.
    let post = Leave {
        method: "POST",
        names: &[],
    };
    let lines = headers(&[("access-control-allow-origin", PAGE), (METHODS, "GET")]);
    let judged = |status| judge_preflight(status, &lines, asking(false), post);
    assert_eq!(judged(200), Ok(()));
    assert_eq!(
        judged(400).unwrap_err().rule,
        CorsRule::Method {
            method: "POST".to_owned()
        }
    );
    let all = [(METHODS, "PUT"), (NAMES, "authorization, content-type")];
    assert_eq!(
        preflight(401, false, &all).unwrap_err().rule,
        CorsRule::Status
    );
}

#[test]
fn a_preflight_without_cors_headers_is_judged_by_its_status() {
    let rule = |status| {
        let leave = Leave {
            method: "GET",
            names: &[],
        };
        let headers = headers(&[("location", "/login")]);
        let judged = judge_preflight(status, &headers, asking(false), leave);
        judged.unwrap_err().rule
    };
    for unheard_of in [200, 204, 400, 404, 405] {
        assert_eq!(rule(unheard_of), CorsRule::Missing, "{unheard_of}");
    }
    for refused in [401, 403, 500, 502] {
        assert_eq!(rule(refused), CorsRule::Status, "{refused}");
    }
    let location = "/login".to_owned();
    assert_eq!(rule(307), CorsRule::Redirect { location });
}

#[test]
fn an_unlisted_token_is_noted() {
    let unnamed = |allowed| {
        let names = ["authorization".to_owned(), "x-user".to_owned()];
        leaves_token_unnamed(&headers(&[(NAMES, allowed)]), &names)
    };
    assert!(unnamed("*"));
    assert!(!unnamed("*, Authorization"));
    assert!(!leaves_token_unnamed(&HeaderMap::new(), &[]));
}
