//! The cookies of checks with `credentials = true`, kept as a browser keeps them (RFC 6265bis): by host,
//! path, `Secure` and `SameSite`.

use hyper::{HeaderMap, header::SET_COOKIE};
use url::Url;

use super::origin::Page;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: String,
    value: String,
    /// The host that set it, or the domain that it names.
    pub(super) host: String,
    /// Whether subdomains of the host get it too.
    has_domain: bool,
    path: String,
    is_secure: bool,
    /// Whether requests from pages of other sites carry it (`SameSite=None`).
    is_for_all_sites: bool,
}

/// The reason why a browser does not send a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// The page is of another site than the requested host.
    Site,
    /// Another host of this machine set it.
    Host,
}

impl Cookie {
    /// Returns the cookies that a response sets; `true` beside one that it deletes.
    pub(super) fn of_answer(headers: &HeaderMap, url: &Url) -> Vec<(Self, bool)> {
        let lines = headers.get_all(SET_COOKIE).iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        lines.filter_map(|line| Self::parse(line, url)).collect()
    }

    /// Returns the value of the cookie that a response sets under this name, the last one if it
    /// sets several.
    pub(super) fn set_by(headers: &HeaderMap, name: &str) -> Option<String> {
        let lines = headers.get_all(SET_COOKIE).iter().rev();
        let mut pairs =
            lines.filter_map(|line| line.to_str().ok()?.split(';').next()?.split_once('='));
        let (_, value) = pairs.find(|(its, _)| its.trim() == name)?;
        Some(value.trim().to_owned())
    }

    fn parse(line: &str, url: &Url) -> Option<(Self, bool)> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            host: url.host_str()?.to_ascii_lowercase(),
            has_domain: false,
            path: if folder.is_empty() { "/" } else { folder }.to_owned(),
            is_secure: false,
            is_for_all_sites: false,
        };
        let mut is_deleted = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    // A host may set cookies for itself or a parent domain.
                    if !is_below(&cookie.host, &domain) {
                        return None;
                    }
                    (cookie.host, cookie.has_domain) = (domain, true);
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.is_secure = true,
                "samesite" => cookie.is_for_all_sites = value.eq_ignore_ascii_case("none"),
                "max-age" => is_deleted |= value.parse::<i64>().is_ok_and(|age| age <= 0),
                "expires" => is_deleted |= value.contains(" 1970 ") || value.contains("-1970 "),
                _ => {}
            }
        }
        Some((cookie, is_deleted))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.host, &self.path) == (&other.name, &other.host, &other.path)
    }

    /// Returns whether a request of the page gets the cookie; `None` if the cookie has nothing to do with
    /// the request.
    pub(super) fn goes_to(&self, url: &Url, page: Option<&Page>) -> Option<Result<(), Withheld>> {
        let host = url.host_str()?.to_ascii_lowercase();
        let below = url.path().strip_prefix(&*self.path);
        let is_in_path = below.is_some_and(|rest| {
            self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/')
        });
        if !is_in_path {
            return None;
        }
        let is_its_host = self.host == host || self.has_domain && is_below(&host, &self.host);
        if !is_its_host {
            let local = |host: &str| crate::diagnose::is_local(host);
            return (local(&host) && local(&self.host)).then_some(Err(Withheld::Host));
        }
        // Browsers treat loopback addresses as secure.
        if self.is_secure && url.scheme() != "https" && !crate::diagnose::is_local(&host) {
            return None;
        }
        let is_cross = page.is_some_and(|page| page.site_of(url) == "cross-site");
        Some(if is_cross && !self.is_for_all_sites {
            Err(Withheld::Site)
        } else {
            Ok(())
        })
    }

    /// Formats it for the `Cookie` header.
    pub(super) fn written(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn goes(line: &str, set_by: &str, to: &str, page: &str) -> Option<Result<(), Withheld>> {
        let (cookie, _) = Cookie::parse(line, &url(set_by))?;
        let page = (!page.is_empty()).then(|| Page::new(page));
        cookie.goes_to(&url(to), page.as_ref())
    }

    #[test]
    fn cookies_are_sent_where_a_browser_sends_them() {
        const API: &str = "http://localhost:8001/login";
        const PAGE: &str = "http://localhost:3000";
        for (line, set_by, to, page, expected) in [
            ("sid=1", API, "http://localhost:8001/me", PAGE, Some(Ok(()))),
            (
                "sid=1; SameSite=Lax",
                API,
                "http://localhost:9000/",
                PAGE,
                Some(Ok(())),
            ),
            (
                "sid=1",
                API,
                "http://127.0.0.1:8001/me",
                "",
                Some(Err(Withheld::Host)),
            ),
            (
                "sid=1; SameSite=Lax",
                "http://127.0.0.1:8001/login",
                "http://127.0.0.1:8001/me",
                PAGE,
                Some(Err(Withheld::Site)),
            ),
            (
                "sid=1; SameSite=None; Secure",
                "http://127.0.0.1:8001/login",
                "http://127.0.0.1:8001/me",
                PAGE,
                Some(Ok(())),
            ),
            (
                "sid=1; Path=/admin",
                API,
                "http://localhost:8001/me",
                PAGE,
                None,
            ),
            (
                "sid=1; Path=/admin",
                API,
                "http://localhost:8001/admin/x",
                PAGE,
                Some(Ok(())),
            ),
            (
                "sid=1; Domain=test",
                "http://api.test/",
                "http://app.test/",
                "http://app.test",
                Some(Ok(())),
            ),
            (
                "sid=1; Domain=other",
                "http://api.test/",
                "http://api.test/",
                "",
                None,
            ),
            (
                "sid=1; Secure",
                "https://api.test/",
                "http://api.test/",
                "",
                None,
            ),
        ] {
            assert_eq!(
                goes(line, set_by, to, page),
                expected,
                "{line} from {set_by} to {to}"
            );
        }
    }

    #[test]
    fn a_cookie_is_deleted_by_its_age() {
        let deletes = |line: &str| Cookie::parse(line, &url("http://localhost/")).map(|(_, it)| it);
        assert_eq!(deletes("a=; Max-Age=0"), Some(true));
        assert_eq!(
            deletes("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            Some(true)
        );
        assert_eq!(deletes("a=b; Max-Age=60"), Some(false));
    }
}
