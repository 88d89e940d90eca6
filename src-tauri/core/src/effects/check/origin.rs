//! The origins of pages and of the addresses that they request.

use url::{Host, Origin, Url};

/// The page that a request is sent from.
#[derive(Clone, Debug)]
pub(super) struct Page {
    origin: Origin,
    written: String,
}

impl Page {
    /// Parses the origin in a stack file. A path and a trailing slash are not part of it.
    pub(super) fn new(text: &str) -> Self {
        let text = text.trim();
        let url = Url::parse(text);
        let origin = url
            .as_ref()
            .map_or_else(|_| Origin::new_opaque(), Url::origin);
        let written = match url {
            Ok(_) if origin.is_tuple() => origin.ascii_serialization(),
            // A desktop or mobile shell: `tauri://localhost`, `capacitor://localhost`.
            Ok(url) if url.has_host() => text.trim_end_matches('/').to_owned(),
            _ => "null".to_owned(),
        };
        Self { origin, written }
    }

    /// Returns the value of the `Origin` header.
    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// Returns whether a request to this address stays within the origin.
    pub(super) fn is_origin_of(&self, url: &Url) -> bool {
        self.origin == url.origin()
    }

    /// Returns the page under the other name of this machine: `localhost` for `127.0.0.1`, and vice
    /// versa.
    pub(super) fn under_other_name(&self) -> Option<String> {
        let Origin::Tuple(scheme, host, port) = &self.origin else {
            return None;
        };
        let other = match host {
            Host::Domain(name) if name == "localhost" => Host::Ipv4([127, 0, 0, 1].into()),
            Host::Ipv4(address) if address.is_loopback() => Host::Domain("localhost".to_owned()),
            Host::Ipv6(address) if address.is_loopback() => Host::Domain("localhost".to_owned()),
            Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => return None,
        };
        Some(Origin::Tuple(scheme.clone(), other, *port).ascii_serialization())
    }

    /// Returns the relation of the page to an address as a browser describes it (the header
    /// `Sec-Fetch-Site`). The public suffix list is not used: `api.test` and `app.test` count as
    /// two sites, `test` and `app.test` as one.
    pub(super) fn site_of(&self, url: &Url) -> &'static str {
        let Origin::Tuple(scheme, page, _) = &self.origin else {
            return "cross-site";
        };
        let Some(host) = url.host().map(|host| host.to_owned()) else {
            return "cross-site";
        };
        if self.is_origin_of(url) {
            "same-origin"
        } else if scheme == url.scheme() && are_one_site(page, &host) {
            "same-site"
        } else {
            "cross-site"
        }
    }
}

fn are_one_site(one: &Host, other: &Host) -> bool {
    let is_below = |name: &str, above: &str| {
        name.strip_suffix(above)
            .is_some_and(|rest| rest.ends_with('.'))
    };
    match (one, other) {
        (Host::Domain(one), Host::Domain(other)) => {
            one == other || is_below(one, other) || is_below(other, one)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        for (given, written) in [
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://localhost:5173/", "http://localhost:5173"),
            ("HTTP://LocalHost:80/app?x=1", "http://localhost"),
            ("https://[::1]:443", "https://[::1]"),
            ("tauri://localhost", "tauri://localhost"),
            ("file:///tmp/index.html", "null"),
            ("null", "null"),
        ] {
            assert_eq!(Page::new(given).written(), written, "{given}");
        }
    }

    #[test]
    fn scheme_host_and_port_make_an_origin() {
        let page = Page::new("http://localhost:5173");
        assert!(page.is_origin_of(&url("http://localhost:5173/api?x")));
        for other in [
            "https://localhost:5173/",
            "http://127.0.0.1:5173/",
            "http://localhost:8001/",
        ] {
            assert!(!page.is_origin_of(&url(other)), "{other}");
        }
        let opaque = Page::new("null");
        assert!(!opaque.is_origin_of(&url("data:text/html,x")));
    }

    #[test]
    fn a_site_is_a_scheme_and_a_host() {
        let page = Page::new("http://localhost:5173");
        assert_eq!(page.site_of(&url("http://localhost:5173/")), "same-origin");
        assert_eq!(page.site_of(&url("http://localhost:8001/")), "same-site");
        assert_eq!(page.site_of(&url("http://127.0.0.1:8001/")), "cross-site");
        assert_eq!(page.site_of(&url("https://localhost:8001/")), "cross-site");
        let page = Page::new("http://app.test");
        assert_eq!(page.site_of(&url("http://api.app.test/")), "same-site");
        assert_eq!(page.site_of(&url("http://notapp.test/")), "cross-site");
    }

    #[test]
    fn this_machine_has_two_names() {
        let other = |text| Page::new(text).under_other_name();
        assert_eq!(
            other("http://localhost:5173").as_deref(),
            Some("http://127.0.0.1:5173")
        );
        assert_eq!(
            other("http://127.0.0.1:5173").as_deref(),
            Some("http://localhost:5173")
        );
        assert_eq!(other("https://[::1]").as_deref(), Some("https://localhost"));
        assert_eq!(other("http://app.test"), None);
    }
}
