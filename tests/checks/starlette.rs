use super::*;

/// One FastAPI for a sequence of requests.
#[tokio::test]
async fn correct_settings_pass_for_every_request_of_a_browser() {
    let app = Program::starlette("auto");
    let answer = ask(&with_cookies(with_json("PUT", app.url("/good/items")))).await;
    assert_eq!(answer.outcome, CheckOutcome::Passed);
    assert_eq!(stages(&answer), [Stage::Preflight, Stage::Request]);
    assert!(answer.notes.contains(&CheckNote::PreflightPasses));
    let simple = ask(&from_page(request("GET", app.url("/good/items")))).await;
    assert_eq!(simple.outcome, CheckOutcome::Passed);
    assert_eq!(stages(&simple), [Stage::Request]);
    // Redirects to another path of the same server, each with its own preflight.
    let sent_on = ask(&from_page(with_json("POST", app.url("/good/slash")))).await;
    assert_eq!(sent_on.outcome, CheckOutcome::Passed, "{sent_on:#?}");
    assert_eq!(sent_on.exchanges.len(), 4);
}

#[tokio::test]
async fn each_wrong_setting_is_named() {
    let app = Program::starlette("auto");
    let put = |path: &str| with_json("PUT", app.url(path));

    let missing = cors(&from_page(put("/none/items"))).await;
    assert_eq!(
        (missing.stage, missing.rule),
        (Stage::Preflight, CorsRule::Missing)
    );
    assert_eq!(missing.status, 405);
    let missing = cors(&from_page(request("GET", app.url("/none/items")))).await;
    assert_eq!(
        (missing.stage, missing.rule),
        (Stage::Request, CorsRule::Missing)
    );
    assert_eq!(
        missing.right.as_deref(),
        Some("Access-Control-Allow-Origin: http://localhost:5173")
    );

    let method = cors(&from_page(put("/methods/items"))).await;
    let expected = CorsRule::Method {
        method: "PUT".into(),
    };
    assert_eq!(method.rule, expected);
    assert_eq!(
        method.right.as_deref(),
        Some("Access-Control-Allow-Methods: GET, PUT")
    );

    let mut with_token = put("/headers/items");
    with_token.headers.insert("X-Token".into(), "secret".into());
    let header = cors(&from_page(with_token)).await;
    let names = vec!["x-token".to_owned()];
    assert_eq!(header.rule, CorsRule::Header { names });

    let anonymous = cors(&with_cookies(put("/anonymous/items"))).await;
    let wildcard = false;
    assert_eq!(anonymous.rule, CorsRule::Credentials { wildcard });
    let anyone = cors(&with_cookies(put("/anyone/items"))).await;
    let wildcard = true;
    assert_eq!(anyone.rule, CorsRule::Credentials { wildcard });
    let anyone = ask(&from_page(put("/anyone/items"))).await;
    assert_eq!(anyone.outcome, CheckOutcome::Passed);

    let guarded = cors(&from_page(put("/guarded/items"))).await;
    assert_eq!((guarded.rule, guarded.status), (CorsRule::Status, 401));
    assert!(guarded.body.contains("no token"), "{}", guarded.body);
}

#[tokio::test]
async fn a_rejected_origin_is_distinguished_from_a_server_without_cors() {
    let app = Program::starlette("auto");
    let origin = CorsRule::Origin { allowed: None };
    let stranger = cors(&from_page(with_json("PUT", app.url("/stranger/items")))).await;
    assert_eq!(stranger.rule, origin);
    // Only the answer to a preflight has CORS headers, not that to a simple request.
    let shy = from_page(request("GET", app.url("/shy/items")));
    let asked = ask(&shy).await;
    assert_eq!(
        stages(&asked),
        [Stage::Request, Stage::Inquiry, Stage::Inquiry]
    );
    assert_eq!(cors(&shy).await.rule, origin);

    let answer = ask(&from_page(request("GET", app.url("/other-name/items")))).await;
    let allowed = "http://127.0.0.1:5173".to_owned();
    assert!(
        answer.notes.contains(&CheckNote::OtherName { allowed }),
        "{answer:#?}"
    );
}

#[tokio::test]
async fn an_error_that_only_looks_like_cors_is_recognized() {
    let app = Program::starlette("auto");
    let preflighted = fault(&with_cookies(with_json("POST", app.url("/good/fail")))).await;
    let CheckFault::Redacted(error) = &preflighted else {
        panic!("{preflighted:#?}");
    };
    assert_eq!((error.status, error.preflighted), (500, true));
    let simple = fault(&from_page(request("GET", app.url("/good/fail")))).await;
    let CheckFault::Redacted(error) = &simple else {
        panic!("{simple:#?}");
    };
    assert_eq!((error.status, error.preflighted), (500, false));
    // The page can see an error that passes through the CORS middleware.
    let seen = fault(&from_page(with_json("POST", app.url("/good/login")))).await;
    assert!(
        matches!(
            seen,
            CheckFault::Plain(ProbeFaultKind::Status { status: 401, .. })
        ),
        "{seen:#?}"
    );
    // A server that does not allow the page has wrong settings, whatever the status.
    let stranger = cors(&from_page(request("GET", app.url("/stranger/fail")))).await;
    assert_eq!(stranger.rule, CorsRule::Origin { allowed: None });
    assert_eq!(stranger.status, 500);
}

#[tokio::test]
async fn the_origin_of_the_page_itself_needs_no_cors() {
    let app = Program::starlette("auto");
    let mut check = from_page(with_json("PUT", app.url("/none/items")));
    check.origin = Some(app.url("/"));
    let answer = ask(&check).await;
    assert_eq!(answer.outcome, CheckOutcome::Passed);
    assert!(answer.same_origin);
    assert_eq!(stages(&answer), [Stage::Request]);
}

#[tokio::test]
async fn a_wrong_content_length_is_detected() {
    let app = Program::starlette("auto");
    for path in ["/good/longer", "/good/shorter"] {
        for check in [
            http(request("GET", app.url(path))),
            from_page(request("GET", app.url(path))),
        ] {
            let fault = fault(&check).await;
            assert!(
                matches!(&fault, CheckFault::Plain(ProbeFaultKind::Protocol(what))
                    if what.contains("Content-Length")),
                "{path}: {fault:#?}"
            );
        }
    }
}
