//! The requests that a page may send to another origin without a preflight: the safelists of the
//! Fetch standard (section 2.2.2, "Headers"; <https://fetch.spec.whatwg.org/#terminology-headers>).

/// The maximum length in bytes of one safe header value, and of all of them together.
const LONGEST_VALUE: usize = 128;
const LONGEST_VALUES: usize = 1024;

/// Returns whether a method needs no permission.
pub(super) fn is_safe_method(method: &str) -> bool {
    ["GET", "HEAD", "POST"].contains(&method)
}

/// Returns the method as `fetch` sends it: the well-known ones in capitals, others (`patch`!)
/// unchanged.
pub(super) fn normalized_method(method: &str) -> String {
    let known = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
    let known = known
        .iter()
        .find(|known| method.eq_ignore_ascii_case(known));
    known.map_or_else(|| method.to_owned(), ToString::to_string)
}

/// Returns the names of the headers that need permission, in lower case, sorted and without
/// duplicates ("CORS-unsafe request-header names").
pub(super) fn unsafe_names<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let (mut names, mut safe) = (Vec::new(), Vec::new());
    let mut length = 0;
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if is_forbidden(&name) {
            continue;
        }
        if is_safe_header(&name, value) {
            length += value.len();
            safe.push(name);
        } else {
            names.push(name);
        }
    }
    if length > LONGEST_VALUES {
        names.append(&mut safe);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns whether only the browser sets the header ("forbidden request-header"). The name is in
/// lower case.
pub(super) fn is_forbidden(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name) || name == "via" || name.starts_with("proxy-") || name.starts_with("sec-")
}

/// Returns whether a header needs no permission ("CORS-safelisted request-header"). The name is in
/// lower case.
fn is_safe_header(name: &str, value: &str) -> bool {
    if value.len() > LONGEST_VALUE {
        return false;
    }
    match name {
        "accept" => !value.bytes().any(is_unsafe_byte),
        "accept-language" | "content-language" => value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" *,-.;=".contains(&byte)),
        "content-type" => !value.bytes().any(is_unsafe_byte) && is_form_or_text(value),
        "range" => is_simple_range(value),
        _ => false,
    }
}

fn is_unsafe_byte(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f || b"\"():<>?@[\\]{}".contains(&byte)
}

/// Returns whether an HTML form can send the type. `application/json` is not one.
fn is_form_or_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain",
    ]
    .iter()
    .any(|safe| essence.eq_ignore_ascii_case(safe))
}

/// Returns whether it is one range with a start: `bytes=0-` or `bytes=0-499`.
fn is_simple_range(value: &str) -> bool {
    let Some((start, end)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return false;
    };
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    match (number(start), end) {
        (Some(_), "") => true,
        (Some(start), end) => number(end).is_some_and(|end| start <= end),
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &[(&str, &str)]) -> Vec<String> {
        unsafe_names(headers.iter().copied())
    }

    #[test]
    fn form_content_types_need_no_permission_but_json_does() {
        for safe in [
            "text/plain",
            "text/plain;charset=UTF-8",
            "TEXT/PLAIN ; charset=utf-8",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ] {
            assert!(names(&[("Content-Type", safe)]).is_empty(), "{safe}");
        }
        for other in [
            "application/json",
            "text/html",
            "text/plain; charset=\"utf-8\"",
            "",
        ] {
            assert_eq!(names(&[("Content-Type", other)]), ["content-type"]);
        }
    }

    #[test]
    fn names_are_lower_case_sorted_and_unique() {
        let headers = [
            ("X-User", "1"),
            ("Authorization", "Bearer x"),
            ("accept", "*/*"),
            ("x-user", "2"),
        ];
        assert_eq!(names(&headers), ["authorization", "x-user"]);
    }

    #[test]
    fn headers_that_a_page_cannot_set_need_no_permission() {
        let headers = [
            ("Cookie", "a=b"),
            ("Origin", "http://x"),
            ("Sec-Fetch-Mode", "cors"),
            ("Proxy-Authorization", "x"),
        ];
        assert!(names(&headers).is_empty());
    }

    #[test]
    fn long_values_need_permission_alone_and_together() {
        let long = "x".repeat(129);
        assert_eq!(names(&[("Accept", &long)]), ["accept"]);
        let fitting = "x".repeat(128);
        assert!(names(&[("Accept", &fitting)]).is_empty());
        let many = [("Accept", fitting.as_str()); 9];
        assert_eq!(names(&many), ["accept"]);
    }

    #[test]
    fn languages_and_ranges_are_read_strictly() {
        assert!(names(&[("Accept-Language", "de-AT, de;q=0.9")]).is_empty());
        assert_eq!(names(&[("Accept-Language", "de/AT")]), ["accept-language"]);
        for safe in ["bytes=0-", "bytes=10-20"] {
            assert!(names(&[("Range", safe)]).is_empty(), "{safe}");
        }
        for other in [
            "bytes=-500",
            "bytes=0-1,5-6",
            "bytes=9-1",
            "items=0-1",
            "bytes= 0-",
        ] {
            assert_eq!(names(&[("Range", other)]), ["range"], "{other}");
        }
    }

    #[test]
    fn only_well_known_methods_are_changed_to_upper_case() {
        assert_eq!(normalized_method("post"), "POST");
        assert_eq!(normalized_method("patch"), "patch");
        assert!(is_safe_method("HEAD") && !is_safe_method("PATCH"));
    }
}
