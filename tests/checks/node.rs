use super::*;

#[tokio::test]
async fn hand_written_cors_is_judged_by_the_same_rules() {
    let server = Program::node();
    let passes = |check: Check<String>| async move {
        let answer = ask(&check).await;
        assert_eq!(answer.outcome, CheckOutcome::Passed, "{answer:#?}");
    };
    passes(from_page(with_json("PUT", server.url("/good")))).await;
    passes(from_page(with_json("PUT", server.url("/silent")))).await;
    passes(from_page(request("GET", server.url("/simple")))).await;

    let missing = cors(&from_page(with_json("PUT", server.url("/simple")))).await;
    assert_eq!((missing.rule, missing.status), (CorsRule::Missing, 404));
    let trailing = cors(&from_page(request("GET", server.url("/trailing")))).await;
    let allowed = Some(format!("{PAGE}/"));
    assert_eq!(trailing.rule, CorsRule::Origin { allowed });
    let twice = cors(&from_page(request("GET", server.url("/twice")))).await;
    let allowed = Some(format!("{PAGE}, {PAGE}"));
    assert_eq!(twice.rule, CorsRule::Origin { allowed });

    let fixed = ask(&from_page(request("GET", server.url("/fixed")))).await;
    let allowed = "http://127.0.0.1:5173".to_owned();
    assert_eq!(fixed.notes.last(), Some(&CheckNote::OtherName { allowed }));
    assert_eq!(stages(&fixed), [Stage::Request], "nothing more to ask");
}

#[tokio::test]
async fn a_server_that_does_not_report_what_it_rejects_gets_further_requests() {
    let server = Program::node();
    let method = cors(&from_page(with_json("DELETE", server.url("/silent")))).await;
    let expected = CorsRule::Method {
        method: "DELETE".into(),
    };
    assert_eq!(method.rule, expected);
    // Not even a method that needs no permission, if the server does not list it.
    let post = cors(&from_page(with_json("POST", server.url("/silent")))).await;
    let expected = CorsRule::Method {
        method: "POST".into(),
    };
    assert_eq!(post.rule, expected);
    let mut with_user = request("PUT", server.url("/silent"));
    with_user.headers.insert("X-User".into(), "demo".into());
    let header = cors(&from_page(with_user)).await;
    let names = vec!["x-user".to_owned()];
    assert_eq!(header.rule, CorsRule::Header { names });
}

#[tokio::test]
async fn an_error_path_without_cors_headers_is_not_a_wrong_setting() {
    let server = Program::node();
    for check in [
        from_page(with_json("PUT", server.url("/forgetful"))),
        from_page(request("GET", server.url("/forgetful"))),
    ] {
        let CheckFault::Redacted(error) = fault(&check).await else {
            panic!("it is not masked");
        };
        assert_eq!(error.status, 500);
        assert!(error.body.contains("ECONNREFUSED"), "{}", error.body);
        assert!(!error.body.contains("geheim"), "{}", error.body);
    }
}

#[tokio::test]
async fn an_error_before_the_cors_middleware_proves_nothing_about_cors() {
    let server = Program::node();
    let answer = ask(&from_page(request("GET", server.url("/gateway")))).await;
    assert!(
        matches!(answer.fault(), Some(CheckFault::Redacted(error)) if error.status == 502),
        "{answer:#?}"
    );
    assert!(answer.notes.contains(&CheckNote::Unsettled));
}

#[tokio::test]
async fn a_redirect_of_a_preflight_and_one_without_cors_are_reported() {
    let server = Program::node();
    let slash = cors(&from_page(with_json("PUT", server.url("/slash")))).await;
    let location = "/slash/".to_owned();
    assert_eq!(
        (slash.stage, slash.rule),
        (Stage::Preflight, CorsRule::Redirect { location })
    );
    let elsewhere = cors(&with_cookies(request("GET", server.url("/elsewhere")))).await;
    let CorsRule::Redirect { location } = elsewhere.rule else {
        panic!("{elsewhere:#?}");
    };
    assert!(location.ends_with("/mute/login"), "{location}");
    // After a redirect from one foreign origin to another, the origin is opaque.
    let came = ask(&with_cookies(request("GET", server.url("/elsewhere")))).await;
    assert!(
        came.exchanges[1].command.contains("'Origin: null'"),
        "{}",
        came.exchanges[1].command
    );
}

#[tokio::test]
async fn a_port_that_browsers_block_is_reported() {
    let url = "http://localhost:6000/".to_owned();
    let answer = ask(&from_page(request("GET", url))).await;
    assert!(
        matches!(answer.fault(), Some(CheckFault::Plain(ProbeFaultKind::Address(why)))
            if why.contains("6000")),
        "{answer:#?}"
    );
    assert!(answer.exchanges.is_empty());
}
