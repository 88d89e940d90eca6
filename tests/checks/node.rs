use super::*;

#[tokio::test]
async fn what_is_done_by_hand_is_judged_by_the_same_rules() {
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
async fn a_server_that_does_not_say_what_it_does_not_allow_is_asked_on() {
    let server = Program::node();
    let method = cors(&from_page(with_json("DELETE", server.url("/silent")))).await;
    let expected = CorsRule::Method {
        method: "DELETE".into(),
    };
    assert_eq!(method.rule, expected);
    // Not even one that needs no leave by itself, if the server has it on no list.
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
async fn an_error_path_that_forgets_the_headers_is_no_wrong_setting() {
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
async fn an_error_in_front_of_all_settles_nothing_about_cors() {
    let server = Program::node();
    let answer = ask(&from_page(request("GET", server.url("/gateway")))).await;
    assert!(
        matches!(answer.fault(), Some(CheckFault::Redacted(error)) if error.status == 502),
        "{answer:#?}"
    );
    assert!(answer.notes.contains(&CheckNote::Unsettled));
}

#[tokio::test]
async fn a_redirect_of_a_preflight_and_one_into_silence_are_told() {
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
    // Once sent on from one strange origin to another, the page has no name any more.
    let came = ask(&with_cookies(request("GET", server.url("/elsewhere")))).await;
    assert!(
        came.exchanges[1].command.contains("'Origin: null'"),
        "{}",
        came.exchanges[1].command
    );
}

#[tokio::test]
async fn a_port_that_no_browser_connects_to_is_said() {
    let url = "http://localhost:6000/".to_owned();
    let answer = ask(&from_page(request("GET", url))).await;
    assert!(
        matches!(answer.fault(), Some(CheckFault::Plain(ProbeFaultKind::Address(why)))
            if why.contains("6000")),
        "{answer:#?}"
    );
    assert!(answer.exchanges.is_empty());
}
