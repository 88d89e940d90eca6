//! The requests of the page and their answers. `{page}` and `{api}` are the origins of the two servers,
//! `{path}` is the path of the request.

use serde::Serialize;

/// The body of a request.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Content {
    #[default]
    Nothing,
    Text,
    Json,
}

/// One request of the page, and its answers.
#[derive(Clone, Default, Serialize)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content,
    pub(super) cookies: bool,
    /// Whether it goes to the page's own server.
    pub(super) own: bool,
    /// The status line and the headers of the answer to a preflight.
    pub(super) preflight: String,
    /// The status line and the headers of the answer to the request.
    pub(super) answer: String,
    /// The status lines and headers of both answers at the target of a redirect (`{path}/on`).
    pub(super) on: Option<(String, String)>,
}

/// Returns the answer `200 OK` with these header lines.
fn ok(lines: &str) -> String {
    format!("200 OK\n{lines}")
}

const ALLOW: &str = "Access-Control-Allow-Origin: {page}";
const COOKIES: &str = "Access-Control-Allow-Credentials: true";
/// Cookies are allowed.
const WITH_COOKIES: &str =
    "Access-Control-Allow-Origin: {page}\nAccess-Control-Allow-Credentials: true";
/// JSON is allowed.
const LEAVE: &str =
    "Access-Control-Allow-Origin: {page}\nAccess-Control-Allow-Headers: Content-Type";
/// Everything that `*` allows.
const ALL: &str = "Access-Control-Allow-Origin: {page}
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: *
Access-Control-Allow-Headers: *";

fn case(name: &'static str, method: &'static str) -> Case {
    Case {
        name,
        method,
        preflight: ok(ALLOW),
        answer: ok(ALLOW),
        ..Case::default()
    }
}

fn simple(name: &'static str, answer: &str) -> Case {
    Case {
        answer: answer.to_owned(),
        ..case(name, "GET")
    }
}

/// Returns a request with cookies.
fn cookies(name: &'static str, lines: &str) -> Case {
    Case {
        cookies: true,
        ..simple(name, &ok(lines))
    }
}

/// Returns a `POST` of JSON with this answer to its preflight.
fn json(name: &'static str, preflight: &str) -> Case {
    Case {
        content: Content::Json,
        preflight: preflight.to_owned(),
        ..case(name, "POST")
    }
}

/// Returns a `PUT` whose preflight is answered with these lines besides the origin.
fn put(name: &'static str, lines: &str) -> Case {
    Case {
        preflight: ok(&format!("{ALLOW}\n{lines}")),
        ..case(name, "PUT")
    }
}

/// Returns a `GET` with this header, whose preflight (if any) allows the header `listed`.
fn header(name: &'static str, header: &'static str, value: &str, listed: &str) -> Case {
    Case {
        headers: vec![(header, value.to_owned())],
        preflight: ok(&format!("{ALLOW}\nAccess-Control-Allow-Headers: {listed}")),
        ..case(name, "GET")
    }
}

/// Returns a request that is redirected to `{path}/on`, which allows JSON.
fn sent_on(name: &'static str, method: &'static str, status: &str, content: Content) -> Case {
    Case {
        content,
        preflight: ok(LEAVE),
        answer: format!("{status} X\n{ALLOW}\nLocation: {{path}}/on"),
        on: Some((ok(LEAVE), ok(ALLOW))),
        ..case(name, method)
    }
}

/// Returns all cases.
pub(super) fn cases() -> Vec<Case> {
    [origins(), preflights(), methods(), headers(), redirects()].concat()
}

fn origins() -> Vec<Case> {
    vec![
        simple("the origin", &ok(ALLOW)),
        simple("no CORS headers", &ok("")),
        simple("every origin", &ok("Access-Control-Allow-Origin: *")),
        simple("a trailing slash", &ok(&format!("{ALLOW}/"))),
        simple("the origin twice", &ok(&format!("{ALLOW}\n{ALLOW}"))),
        simple(
            "another port",
            &ok("Access-Control-Allow-Origin: http://localhost:1"),
        ),
        simple("null", &ok("Access-Control-Allow-Origin: null")),
        simple("an error that may be seen", &format!("500 Oops\n{ALLOW}")),
        simple("an error without CORS", "500 Oops\n"),
        cookies(
            "cookies for every origin",
            &format!("Access-Control-Allow-Origin: *\n{COOKIES}"),
        ),
        cookies("cookies without leave", ALLOW),
        cookies("cookies with leave", WITH_COOKIES),
        cookies(
            "leave in another spelling",
            &WITH_COOKIES.replace("true", "True"),
        ),
    ]
}

fn preflights() -> Vec<Case> {
    vec![
        json("JSON with leave", &ok(LEAVE)),
        json("JSON without leave", &ok(ALLOW)),
        json(
            "JSON, any header",
            &ok(&format!("{ALLOW}\nAccess-Control-Allow-Headers: *")),
        ),
        json("a preflight with 204", &format!("204 No Content\n{LEAVE}")),
        json("a preflight with 404", &format!("404 Not Found\n{LEAVE}")),
        json(
            "a preflight with a redirect",
            &format!("307 X\n{LEAVE}\nLocation: {{path}}/on"),
        ),
        json("a preflight without a word", &ok("")),
        Case {
            answer: ok(""),
            ..json("the answer without a word", &ok(LEAVE))
        },
        Case {
            answer: "500 Oops\n".to_owned(),
            ..json("an error after a preflight", &ok(LEAVE))
        },
        Case {
            cookies: true,
            answer: ok(WITH_COOKIES),
            ..json("a preflight that forgets the cookies", &ok(LEAVE))
        },
        Case {
            cookies: true,
            answer: ok(WITH_COOKIES),
            ..json("any header, with cookies", &ok(ALL))
        },
    ]
}

fn methods() -> Vec<Case> {
    vec![
        put(
            "a method with leave",
            "Access-Control-Allow-Methods: GET, PUT",
        ),
        put(
            "a method in another spelling",
            "Access-Control-Allow-Methods: put",
        ),
        put(
            "a method among others, on two lines",
            "Access-Control-Allow-Methods: GET\nAccess-Control-Allow-Methods: PUT",
        ),
        put(
            "a method without leave",
            "Access-Control-Allow-Methods: GET",
        ),
        put(
            "a list that is none",
            "Access-Control-Allow-Methods: GET; PUT",
        ),
        put("any method", "Access-Control-Allow-Methods: *"),
        Case {
            cookies: true,
            answer: ok(WITH_COOKIES),
            preflight: ok(ALL),
            ..case("any method, with cookies", "PUT")
        },
        Case {
            method: "put",
            ..put(
                "a method that is put in capitals",
                "Access-Control-Allow-Methods: PUT",
            )
        },
        Case {
            method: "patch",
            ..put(
                "a method that is not",
                "Access-Control-Allow-Methods: PATCH",
            )
        },
        case("HEAD needs no leave", "HEAD"),
        Case {
            content: Content::Text,
            ..case("text needs no leave", "POST")
        },
    ]
}

fn headers() -> Vec<Case> {
    let long = "x".repeat(129);
    vec![
        header("a token among all", "Authorization", "Bearer x", "*"),
        header(
            "a token by name",
            "Authorization",
            "Bearer x",
            "authorization",
        ),
        Case {
            headers: vec![("X-B", "1".to_owned()), ("X-a", "2".to_owned())],
            ..header("two headers", "X-B", "1", "x-a, X-B")
        },
        header(
            "a language needs no leave",
            "Accept-Language",
            "de-AT, de;q=0.9",
            "",
        ),
        header(
            "a language with a strange letter",
            "Accept-Language",
            "de/AT",
            "",
        ),
        header("a long value", "Accept", &long, "accept"),
        header("a range needs no leave", "Range", "bytes=0-9", ""),
        header("a range from the end", "Range", "bytes=-9", "range"),
        header(
            "a type with quotes",
            "Content-Type",
            "text/plain;charset=\"utf-8\"",
            "content-type",
        ),
        header(
            "a type of forms",
            "Content-Type",
            "application/x-www-form-urlencoded",
            "",
        ),
        header("a range in spaces", "Range", "bytes= 0-9", "range"),
    ]
}

fn redirects() -> Vec<Case> {
    vec![
        sent_on("sent on", "GET", "302", Content::Nothing),
        sent_on("sent on, with the body", "POST", "307", Content::Json),
        sent_on("sent on, without the body", "POST", "303", Content::Json),
        sent_on("sent on by 301", "POST", "301", Content::Json),
        Case {
            on: Some((ok(ALLOW), ok(""))),
            ..sent_on("sent on into silence", "GET", "302", Content::Nothing)
        },
        Case {
            answer: "302 X\nLocation: {path}/on".to_owned(),
            ..sent_on("sent on without a word", "GET", "302", Content::Nothing)
        },
        Case {
            own: true,
            answer: ok(""),
            ..case("the page's own server", "PUT")
        },
        Case {
            own: true,
            answer: "302 X\nLocation: {api}{path}/on".to_owned(),
            on: Some((ok(ALLOW), ok(ALLOW))),
            ..case("sent away", "GET")
        },
        Case {
            own: true,
            answer: "302 X\nLocation: {api}{path}/on".to_owned(),
            on: Some((ok(ALLOW), ok(""))),
            ..case("sent away into silence", "GET")
        },
        // After redirects between two origins, the request has an opaque origin.
        Case {
            answer: format!("302 X\n{ALLOW}\nLocation: {{page}}{{path}}/on"),
            on: Some((ok(""), ok(ALLOW))),
            ..case("sent home", "GET")
        },
        Case {
            answer: format!("302 X\n{ALLOW}\nLocation: {{page}}{{path}}/on"),
            on: Some((ok(""), ok("Access-Control-Allow-Origin: null"))),
            ..case("sent home with an opaque origin", "GET")
        },
    ]
}
